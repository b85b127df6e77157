"""Roll: the lines of a chain of a few layers as loops, which are right for a chain of any length.

A loop is found where lines repeat: each has the text of the one so many lines before it, with other names. A name in a
round is made in it or in the one before; or it is the next element of a list that was given, or the last; or what an
earlier loop made in its next round, or its last; or it is the same in all rounds. What is needed elsewhere than in its
round is collected in a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import count
from typing import Any, NamedTuple

from .words import NAME, RESERVED

SHORT = 6  # layers that are written, and one more, to find the loops
Place = tuple[Any, ...]  # ("given", list, i), ("loop", loop, place in the round, round), ("line", k) or ("fixed", name)


class Unrolled(Exception):
    """Lines that do not repeat as they must."""


class Step(NamedTuple):
    """A line, `target = text`, with a place in the text for each known name."""

    target: str
    text: str
    names: tuple[str, ...]


class Loop:
    """`count` rounds of `period` lines from `start` on; what is carried into the first one, and what is collected."""

    def __init__(self, start: int, period: int) -> None:
        self.start, self.period, self.count = start, period, 0
        self.first: dict[int, str] = {}
        self.collected: dict[int, str] = {}
        self.whole: set[int] = set()  # what is collected with its first value, from before the first round
        self.elements: dict[str, str] = {}  # by their names, the lists that they are from
        self.texts: list[str] = []


class Roller:
    """The text of lines as loops."""

    def __init__(self, lines: list[str], lists: dict[str, list[str]], numbers: list[str], taken: set[str]) -> None:
        self.layers = len(next(iter(lists.values())))
        self.taken = taken
        self.given = {name: (of, i) for of, names in lists.items() for i, name in enumerate(names)}
        self.line = {line.partition(" = ")[0]: k for k, line in enumerate(lines)}
        self.known = {*self.line, *self.given, *numbers}
        self.parameters = {*lists, *numbers}
        self.taken |= self.parameters
        self.steps = [self.step(line) for line in lines]
        self.loops: list[Loop] = []
        self.element_names: dict[Any, str] = {}
        self.fixed: dict[str, str] = {}
        k = 0
        while k < len(lines):
            loops = (self.loop(k, period) for period in range(1, (len(lines) - k) // (SHORT - 2) + 1))
            if found := next(filter(None, loops), None):
                self.loops.append(found)
            k += found.period * found.count if found else 1
        if not self.loops:
            raise Unrolled
        self.vars: dict[tuple[Loop, int], str] = {}
        for loop in self.loops:
            for o in range(loop.period):
                base = self.base(self.steps[loop.start + o].target)
                own = {*self.parameters, *(self.vars[loop, p] for p in range(o))}
                self.taken |= own
                self.vars[loop, o] = self.unique(base) if base in own | RESERVED else base

    def step(self, line: str) -> Step:
        target, _, text = line.partition(" = ")
        names: list[str] = []

        def place(match: re.Match[str]) -> str:
            if match[0] not in self.known:
                return match[0]
            names.append(match[0])
            return f"{{{len(names) - 1}}}"

        return Step(target, NAME.sub(place, text), tuple(names))

    def place(self, name: str, inside: Loop | None = None) -> Place:
        """Where a name is from; of a loop that one is inside of, the line."""
        if name in self.given:
            return ("given", *self.given[name])
        if name not in self.line:
            return "fixed", name
        k = self.line[name]
        for loop in self.loops:
            if loop is not inside and loop.start <= k < loop.start + loop.period * loop.count:
                return "loop", loop, (k - loop.start) % loop.period, (k - loop.start) // loop.period
        return "line", k

    def loop(self, start: int, period: int) -> Loop | None:
        """The loop of this period from a line on, if its rounds are nearly as many as the layers."""
        loop = Loop(start, period)
        while start + (loop.count + 1) * period <= len(self.steps) and self.is_round(loop, loop.count):
            loop.count += 1
        if loop.count < SHORT - 2:
            return None
        for o in range(period):
            for q, name in enumerate(self.steps[start + o].names):
                place = self.wanted(loop, o, q, 0)
                carried = place[0] == "line" and place[1] < start
                if carried and loop.first.setdefault(place[1] - start + period, name) != name:
                    return None
        return loop

    def wanted(self, loop: Loop, o: int, q: int, b: int) -> Place:
        """Where the q-th name of a line must be from in round b, by what it is from in the rounds 1 and 2."""
        one, two = (self.place(self.steps[loop.start + loop.period * r + o].names[q], loop) for r in (1, 2))
        if one == two:
            return one
        if one[:-1] != two[:-1]:
            raise Unrolled
        return *one[:-1], one[-1] + (b - 1) * (two[-1] - one[-1])

    def is_round(self, loop: Loop, b: int) -> bool:
        """Whether round b has the lines that the others have."""
        for o in range(loop.period):
            steps = [self.steps[k] for r in (b, 1, 2) if (k := loop.start + loop.period * r + o) < len(self.steps)]
            if len(steps) < 3 or len({step.text for step in steps}) > 1:
                return False
            for q, name in enumerate(steps[0].names):
                try:
                    wanted = self.wanted(loop, o, q, b)
                except Unrolled:
                    return False
                if wanted[0] == "line" and wanted[1] < loop.start:
                    continue  # It is carried from before the first round.
                before = wanted[0] == "loop" and wanted[-1] == -1 and wanted[1].first.get(wanted[2]) == name
                if self.place(name, loop) != wanted and not before:
                    return False
        return True

    def base(self, name: str) -> str:
        return name.rstrip("0123456789").rstrip("_") or name

    def unique(self, base: str) -> str:
        name = next(n for k in count(1) if (n := f"{base}_{k}" if k > 1 else base) not in self.taken)
        self.taken.add(name)
        return name

    def collected(self, loop: Loop, o: int) -> str:
        if o not in loop.collected:
            loop.collected[o] = self.unique(f"all_{self.vars[loop, o]}")
        return loop.collected[o]

    def text(self, name: str, at: int) -> str:
        """A name as it is written outside of loops, after `at` lines."""
        kind, *where = self.place(name)
        if kind == "given":
            of, i = where
            return f"{of}[{i if i < 2 else i - self.layers}]"
        if kind == "loop":
            loop, o, m = where
            var, later = self.vars[loop, o], [x for x in self.loops if loop.start < x.start < at]
            if m == loop.count - 1 and not any(
                var in (*x.elements, *(self.vars[x, p] for p in range(x.period))) for x in later
            ):
                return var
            return f"{self.collected(loop, o)}[{m - loop.count if m > 1 else m + (o in loop.whole)}]"
        if kind == "line" and name not in self.fixed:
            base = self.base(name)
            in_loops = {*self.vars.values(), *map(self.base, self.given)}
            self.fixed[name] = self.unique(f"{base}_") if base != name or base in in_loops else name
        return self.fixed.get(name, name)

    def sliced(self, of: str, length: int, first: int, way: int, count: int) -> str:
        """`count` elements of a list from the first on, forward or backward, counted from the nearer end."""
        last = first + way * (count - 1)
        if way > 0:
            return of + (f"[{first or ''}:{last + 1 - length or ''}]" if first or last + 1 < length else "")
        start = f"{first - length}" if first < length - 1 else ""
        return f"{of}[{start}:{last - 1 if last else ''}:-1]"

    def lines(self) -> list[str]:
        """The lines, with loops in the place of those that repeat; what is collected is known after all is written."""
        for _ in range(2):
            list(self.written())
        return list(self.written())

    def written(self) -> Iterator[str]:
        for loop in self.loops:
            self.headers(loop)
        k = 0
        while k < len(self.steps):
            found = [loop for loop in self.loops if loop.start == k]
            if not found:
                step = self.steps[k]
                yield f"{self.text(step.target, k)} = {step.text.format(*(self.text(n, k) for n in step.names))}"
                k += 1
                continue
            yield from self.round(found[0])
            k += found[0].period * found[0].count

    def headers(self, loop: Loop) -> None:
        """What the rounds of a loop take from lists, by the names of the elements."""
        loop.texts, loop.elements = [], {}
        for o in range(loop.period):
            names = []
            for q, name in enumerate(self.steps[loop.start + loop.period + o].names):
                kind, *where = self.wanted(loop, o, q, 0)
                after = self.wanted(loop, o, q, 1)[-1]
                if kind == "line":
                    here = where[0] - loop.start
                    if here < 0 and here + loop.period < o:
                        raise Unrolled  # The round before would have to be kept.
                    names.append(self.vars[loop, here % loop.period])
                elif kind in ("given", "loop") and after != where[-1]:
                    names.append(self.element(loop, kind, where, after - where[-1]))
                else:
                    names.append(self.text(name, loop.start))
            loop.texts.append(self.steps[loop.start + o].text.format(*names))

    def element(self, loop: Loop, kind: str, where: list[Any], way: int) -> str:
        if kind == "given":
            of, first, length = where[0], where[1], self.layers
            var = self.base(next(name for name, given in self.given.items() if given[0] == of))
        else:
            other, o, first = where
            of, length, var = self.collected(other, o), other.count, self.vars[other, o]
            if first + way * (loop.count - 1) < 0:
                other.whole.add(o)
            first, length = first + (o in other.whole), length + (o in other.whole)
        source = self.sliced(of, length, first, way, loop.count)
        for known, over in loop.elements.items():
            if over == source:
                return known
        key = loop, kind, *where[:-1], first, way
        if key not in self.element_names:
            own = [*self.parameters, *loop.elements, *(self.vars[loop, p] for p in range(loop.period))]
            self.element_names[key] = self.unique(var) if var in own or var in RESERVED else var
        loop.elements[self.element_names[key]] = source
        return self.element_names[key]

    def round(self, loop: Loop) -> Iterator[str]:
        names = [self.vars[loop, o] for o in range(loop.period)]
        for o, name in loop.first.items():
            yield f"{names[o]} = {self.text(name, loop.start)}"
        for o, of in loop.collected.items():
            yield f"{of} = [{names[o] if o in loop.whole else ''}]"
        over = ", ".join(loop.elements.values())
        if len(loop.elements) > 1:
            over = f"zip({over})"
        elif not over:
            over = f"range(len({next(iter(self.given.values()))[0]}) - {self.layers - loop.count})"
        yield f"for {', '.join(loop.elements) or '_'} in {over}:"
        for o, text in enumerate(loop.texts):
            yield f"    {names[o]} = {text}"
            if o in loop.collected:
                yield f"    {loop.collected[o]}.append({names[o]})"

    def listed(self, names: list[str]) -> str:
        """The text of a list of values, which loops have made."""
        parts: list[str] = []  # Lists that are added: those that loops have made, and between them single values.
        k = 0
        while k < len(names):
            kind, *where = self.place(names[k])
            single, part = self.text(names[k], len(self.steps)), ""
            if kind == "loop" and where[2] in (0, where[0].count - 1):
                loop, o, m = where
                way = 1 if m == 0 else -1
                expected = [("loop", loop, o, m + way * i) for i in range(loop.count)]
                if [self.place(name) for name in names[k : k + loop.count]] == expected:
                    whole = o in loop.whole
                    part = self.sliced(self.collected(loop, o), loop.count + whole, m + whole, way, loop.count)
                    k += loop.count - 1
            if not part and parts and parts[-1].startswith("["):
                parts[-1] = f"{parts[-1][:-1]}, {single}]"
            else:
                parts.append(part or f"[{single}]")
            k += 1
        return " + ".join(parts)

    def result(self, tree: Any) -> str:
        """The text of a result, whose leaves are names or numbers."""
        if isinstance(tree, dict):
            return "{" + ", ".join(f"{key!r}: {self.result(value)}" for key, value in tree.items()) + "}"
        if isinstance(tree, list | tuple):
            if len(tree) == self.layers and all(isinstance(name, str) and name in self.line for name in tree):
                text = self.listed(list(tree))
                return text if isinstance(tree, list) else f"tuple({text})"
            inner = ", ".join(map(self.result, tree)) + "," * (isinstance(tree, tuple) and len(tree) == 1)
            return f"[{inner}]" if isinstance(tree, list) else f"({inner})"
        return self.text(tree, len(self.steps))
