"""The writer: statements of a book as the text of a function.

A step of the function or of the walk has a line, and so has what is needed more than once; what is needed once stands
where it is needed, in brackets wherever without them something else would be computed.
"""

import operator
from collections import Counter
from collections.abc import Iterable, Iterator
from inspect import unwrap
from itertools import count
from typing import Any

import numpy as np
from numpy import float64, ndarray

from ..calculus import functions as fn
from ..calculus.computing import COMPUTED
from ..calculus.rows import ROWS
from .lines import Statement, is_uniform, leaves
from .words import ATOM, FLOATS, NAME, OF_NUMPY, PAIR, POWER, RESERVED, UNARY, Form

# What they return may lie in the memory of what they are given.
VIEWS = {
    *(np.reshape, np.transpose, np.swapaxes, np.squeeze, np.expand_dims, np.moveaxis, np.broadcast_to, np.diagonal),
    *(np.flip, np.rot90, fn.getitem),
}
LETTERS = {np.exp: "e"}
LONGEST = 60  # What is written where it is needed has at most so many letters.


def needed(outputs: Iterable[Statement]) -> set[Statement]:
    """The statements that the outputs depend on, and they themselves."""
    found = list(dict.fromkeys(outputs))
    seen = set(found)
    for statement in found:
        for operand in leaves((statement.args, statement.params)):
            if operand not in seen:
                seen.add(operand)
                found.append(operand)
    return seen


class Writer:
    """The text of a program: its lines, the names that they give, and what they use by which name."""

    def __init__(
        self,
        statements: list[Statement],
        outputs: Any,
        forms: dict[Any, Any],
        known: dict[str, Any],
        taken: Iterable[str],
    ) -> None:
        self.forms, self.taken, self.used = forms, {*RESERVED, *known, *taken}, dict(known)
        self.lines: list[str] = []
        self.written: dict[Statement, tuple[str, int]] = {}
        self.names: dict[Statement, str] = {}
        self.outputs = list(leaves(outputs))
        kept = needed(self.outputs)
        self.statements = [s for s in statements if s in kept]
        self.pairs: dict[Statement, list[Statement]] = {s: [] for s in self.statements if isinstance(s.value, tuple)}
        for part in self.statements:
            if part.function is operator.getitem:
                self.pairs[part.args[0]].append(part)
        for pair, parts in self.pairs.items():
            if len(parts) == 1:  # It is what a function of its own computes.
                parts[0].function, parts[0].args = PAIR[pair.function][parts[0].args[1]], pair.args
                self.statements.remove(pair)
        self.uses = Counter(self.outputs)
        for statement in self.statements:
            self.uses.update(self.operands(statement))
        for function in {s.function for s in self.statements if s.function not in forms}:
            self.called(function)

    def operands(self, statement: Statement) -> Iterator[Statement]:
        """What a statement names, as often as it does."""
        form = self.forms.get(statement.function)
        for i, arg in enumerate(statement.args):
            yield from list(leaves(arg)) * (form.text.count(f"{{{i}}}") if isinstance(form, Form) else 1)
        yield from leaves(statement.params)

    def named_parameters(self, parameters: list[str], trees: list[Any]) -> list[str]:
        """Name what the function or its arguments name; the names of the parameters."""

        def known(tree: Any, *names: str) -> None:
            if isinstance(tree, Statement):
                tree.names += names
            elif isinstance(tree, dict):
                for key, branch in tree.items():
                    known(branch, str(key), f"{names[-1]}_{key}")
            else:
                for branch in tree:
                    known(branch, *names)

        for name, tree in zip(parameters, trees, strict=True):
            if name and isinstance(tree, Statement):
                self.names[tree] = name
            known(tree, name or "x")
        arguments = list(leaves(trees))
        direct = [tree for tree in trees if isinstance(tree, Statement)]
        named = dict.fromkeys(s for s in (*direct, *self.statements) if s.names and s not in self.names)
        given = Counter(name for s in named for name in dict.fromkeys(s.names[: None if s in arguments else 1]))
        for statement in named:
            own = [name for name in statement.names if given[name] == 1 and name not in self.taken]
            base = own[0] if own and (own[0] == statement.names[0] or statement in arguments) else ""
            fallback = statement.names[0] if NAME.fullmatch(statement.names[0]) else "v"
            self.names[statement] = self.take(base) if NAME.fullmatch(base) else self.numbered(fallback)
        for leaf in leaves(trees):
            if leaf in self.names:
                self.written[leaf] = self.names[leaf], ATOM
        return [
            name or (self.names[tree] if isinstance(tree, Statement) else self.numbered("x"))
            for name, tree in zip(parameters, trees, strict=True)
        ]

    def unpacked(self, parameters: list[str], trees: list[Any]) -> list[str]:
        """The lines that take the structures of arguments apart."""
        lines: list[str] = []

        def target(tree: Any) -> str:
            if isinstance(tree, Statement):
                return self.names[tree] if self.uses[tree] else "_"
            if isinstance(tree, dict):
                pending.append((self.numbered("part"), tree))
                return pending[-1][0]
            return f"({', '.join(map(target, tree))}{',' * (len(tree) == 1)})"

        pending = [pair for pair in zip(parameters, trees, strict=True) if not isinstance(pair[1], Statement)]
        for path, tree in pending:
            if not any(self.uses[leaf] for leaf in leaves(tree)):
                continue
            if isinstance(tree, dict):
                kept = [key for key, branch in tree.items() if any(self.uses[leaf] for leaf in leaves(branch))]
                targets = [target(tree[key]) for key in kept]
                lines.append(f"{', '.join(targets)} = {', '.join(f'{path}[{key!r}]' for key in kept)}")
            else:
                whole = target(tree)
                lines.append(f"{whole[1:-1] if len(tree) > 1 else whole} = {path}")
        return lines

    def write(self) -> None:
        """A line for each step: for what has a name, is needed more than once, or would be too long elsewhere."""
        for statement in self.statements:
            if statement in self.written or statement.function is None:
                continue
            if isinstance(statement.value, tuple):
                self.write_pair(statement)
                continue
            text, binds = self.expression(statement)
            step = statement in self.names or self.uses[statement] > 1 or statement in self.outputs
            if statement.letter:
                self.named(statement)
            if step or statement.of in self.names or len(text) > LONGEST:
                self.lines.append(f"{self.named(statement)} = {text}")
                text, binds = self.names[statement], ATOM
            self.written[statement] = text, binds

    def write_pair(self, statement: Statement) -> None:
        """A line for both results of a function."""
        names = [self.named(part) for part in self.pairs[statement]]
        self.lines.append(f"{', '.join(names)} = {self.expression(statement)[0]}")
        self.written |= {part: (name, ATOM) for part, name in zip(self.pairs[statement], names, strict=True)}

    def named(self, statement: Statement) -> str:
        """The name of a statement: its own, that of what it is the gradient of, or a letter with the next number."""
        if statement not in self.names:
            if statement.of in self.names:
                base = f"d_{self.names[statement.of]}"
                self.names[statement] = self.numbered(base) if base in self.taken else self.take(base)
            else:
                letter = LETTERS.get(statement.function, "g" if statement.of else "v")
                self.names[statement] = self.numbered(statement.letter or letter)
        return self.names[statement]

    def take(self, name: str) -> str:
        self.taken.add(name)
        return name

    def numbered(self, base: str) -> str:
        base += "_" * base[-1].isdigit()
        return self.take(next(name for i in count(1) if (name := f"{base}{i}") not in self.taken))

    def expression(self, statement: Statement) -> tuple[str, int]:
        """What is written for a statement, and how tightly it binds."""
        form = self.forms.get(statement.function)
        self.beside = {s.value.dtype for s in leaves(statement.args)}
        if isinstance(form, Form):
            operands = [self.operand(arg, need) for arg, need in zip(statement.args, form.needs, strict=False)]
            text, binds = form.text.format(*operands), form.binds
        elif form:
            text, binds = form(self, *statement.args, **statement.params)
        else:
            defaults = ROWS[statement.function].arguments.known if statement.function in ROWS else {}
            params = {k: v for k, v in statement.params.items() if not (k in defaults and v is defaults[k])}
            text, binds = self.call(self.called(statement.function), *statement.args, **params)
            if is_defined(statement.function):  # It may return an array that it uses again.
                text = f"np.array({text})" + "[()]" * (not statement.value.ndim)
        if statement.is_array and self.forms is not FLOATS and not is_defined(statement.function):
            return f"{text}[()]" if binds == ATOM else f"({text})[()]", ATOM
        return text, binds

    def operand(self, value: Any, needs: int = 0) -> str:
        text, binds = self.written[value] if isinstance(value, Statement) else self.constant(value)
        return text if binds >= needs else f"({text})"

    def call(self, name: str, *args: Any, **params: Any) -> tuple[str, int]:
        given = [self.operand(arg) for arg in args] + [f"{key}={self.operand(value)}" for key, value in params.items()]
        return f"{name}({', '.join(given)})", ATOM

    def method(self, x: Statement, name: str, *args: Any, **params: Any) -> tuple[str, int]:
        text = f"{self.operand(x, ATOM)}.{name}"
        axis = params.get("axis")
        if isinstance(axis, tuple) and len(axis) == 1:
            params["axis"] = axis[0]
        params = {key: value for key, value in params.items() if value is not None and value is not False}
        return (text, ATOM) if name == "T" else self.call(text, *args, **params)

    def power(self, a: Any, b: Any) -> tuple[str, int]:
        """a ** b; NumPy is quickest where b is a plain 2."""
        b = b if isinstance(b, Statement) or np.ndim(b) or b % 1 else int(b)
        return f"{self.operand(a, ATOM)} ** {self.operand(b, UNARY)}", POWER

    def called(self, function: Any) -> str:
        """The name by which the program calls a function."""
        if name := OF_NUMPY.get(id(function)):
            return name
        if function in (None, operator.getitem):
            return ""
        return self.use(function.__name__, unwrap(function))

    def use(self, name: str, value: Any) -> str:
        """The name by which the program knows a value that is made outside of it."""
        for known, other in self.used.items():
            if other is value:
                return known
        name = name if NAME.fullmatch(name) else "function" if name else "c"
        name = self.take(name) if name not in {*self.taken, "c"} else self.numbered(name)
        self.used[name] = value
        return name

    def constant(self, value: Any) -> tuple[str, int]:
        """A number, an array or another parameter as text."""
        if isinstance(value, slice) or (isinstance(value, tuple) and any(isinstance(part, slice) for part in value)):
            return f"np.s_[{self.index(value)}]", ATOM
        if isinstance(value, list | tuple):
            items = [self.operand(item) for item in value]
            inner = ", ".join(items) + "," * (isinstance(value, tuple) and len(items) == 1)
            return f"[{inner}]" if isinstance(value, list) else f"({inner})", ATOM
        if isinstance(value, np.dtype | type):
            return f"np.{np.dtype(value).name}", ATOM
        if isinstance(value, ndarray) and value.ndim:
            return self.uniform(value) or self.use("", value), ATOM
        number = value[()] if isinstance(value, ndarray) else value
        if isinstance(number, bool | np.bool) or not isinstance(number, int | float | np.number):
            return "..." if value is ... else str(number) if isinstance(number, np.bool) else repr(number), ATOM
        if isinstance(number, np.generic) and not self.is_weak(number):
            return f"np.{number.dtype.name}({str(number)!r})", ATOM
        number = number.item() if isinstance(number, np.generic) else number
        number = float(number) if self.forms is FLOATS else number
        text = repr(number)
        if text.lstrip("-") in ("inf", "nan") and self.forms is not FLOATS:
            text = text.replace("inf", "np.inf").replace("nan", "np.nan")
        return text, UNARY if text.startswith("-") else ATOM

    def uniform(self, array: Any) -> str:
        """The text of an array of zeros or ones."""
        name = {"0.0": "zeros", "1.0": "ones"}.get(str(array.flat[0])) if is_uniform(array) else None
        if not name:
            return ""
        shape = array.shape if array.ndim > 1 else array.size
        dtype = "" if array.dtype == float64 else f", {self.operand(array.dtype)}"
        return f"np.{name}({shape}{dtype})"

    def is_weak(self, number: Any) -> bool:
        """Whether a plain number, which takes the dtype of what is beside it, does the same as one that has its own."""
        others = {dtype for dtype in self.beside if dtype.kind == "f"} - {number.dtype}
        return number.dtype.itemsize <= 8 and (number.dtype in self.beside or (number.dtype == float64 and not others))

    def index(self, key: Any) -> str:
        """A key as it stands between brackets."""
        if isinstance(key, tuple) and key:
            return ", ".join(map(self.index, key)) + "," * (len(key) == 1)
        if isinstance(key, slice):
            parts = ["" if part is None else self.operand(part) for part in (key.start, key.stop, key.step)]
            return ":".join(parts if parts[2] else parts[:2])
        return self.operand(key)

    def result(self, tree: Any, given: set[Any]) -> str:
        """The text of a result, in its structure: arrays that are the caller's own, and nobody else's."""
        if isinstance(tree, dict):
            return "{" + ", ".join(f"{key!r}: {self.result(value, given)}" for key, value in tree.items()) + "}"
        if isinstance(tree, list | tuple):
            inner = ", ".join(self.result(branch, given) for branch in tree)
            inner += "," * (type(tree) is tuple and len(tree) == 1)
            if hasattr(tree, "_fields"):
                return f"{self.use(type(tree).__name__, type(tree))}({inner})"
            return f"[{inner}]" if isinstance(tree, list) else f"({inner})"
        if not isinstance(tree, Statement):
            if tree is None or type(tree) in (bool, int, float, str):
                return repr(tree)
            if not isinstance(tree, ndarray | np.generic):
                what = f"the function returned a {type(tree).__name__}, for which there are no words"
                raise TypeError(f"write_out: {what}; return numbers and arrays")
            self.beside = {np.dtype(float64)}
            text = self.operand(tree)
            return f"{text}.copy()" if text in self.used else text
        text = self.operand(tree)
        base = base_of(tree)
        fresh = base.function is not None and base not in given and not repeats(tree)
        given.add(base)
        return text if fresh or not tree.value.ndim else f"{text}.copy()"


def is_defined(function: Any) -> bool:
    """Whether a function came by `define`."""
    return hasattr(COMPUTED.get(function), "__wrapped__")


def base_of(statement: Statement) -> Statement:
    """The value in whose memory another may lie; itself where it has memory of its own."""
    while statement.function in VIEWS or shares(statement):
        statement = statement.args[0]
    return statement


def repeats(statement: Statement) -> bool:
    """Whether elements of a value lie in the same memory."""
    while statement.function in VIEWS and statement.function is not np.broadcast_to:
        statement = statement.args[0]
    return statement.function is np.broadcast_to


def shares(statement: Statement) -> bool:
    """Whether a value lies in the memory of its first operand, for the example."""
    x, y = statement.args[0] if statement.args else None, statement.value
    is_array = isinstance(x, Statement) and isinstance(x.value, ndarray) and isinstance(y, ndarray)
    return is_array and bool(np.may_share_memory(y, x.value))  # type: ignore[union-attr]
