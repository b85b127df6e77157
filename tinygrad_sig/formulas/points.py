"""Points at which a claimed derivative is held against the derivative: the graph of f there, and the two numbers.

What is claimed is a function or a text; `Claim` makes one kind of both. A point of moderate size is taken only where
the walk and a finite difference agree, so that neither of them is believed alone.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from inspect import Parameter, signature
from itertools import cycle
from typing import Any, NamedTuple

import numpy as np

from ..calculus.functions import Function
from ..engine.backward import topological_order, walk
from ..engine.tensor import Tensor
from ..engine.values import floating, plain
from ..transforms.check import ALL, GradientError, check_gradients
from .reader import Formula

POINTS = 24
DRAWS = 12 * POINTS
TOLERANCE, LOOSE = 1e-6, 1e-3  # Loose where only a formula that has lost its digits is looked for.
SMALLEST = 1e-290  # A derivative below it has lost digits itself: no formula is held against it.
SMALL = (1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1)
LARGE = (7.0, 10.0, 20.0, 30.0, 40.0, 100.0, 200.0, 400.0, 700.0)


class Claim:
    """A claimed derivative of f by one of its arguments, and where to look whether it is one."""

    def __init__(self, claimed: Any, f: Function, inputs: list[Any], argnum: int, names: Sequence[str] | None) -> None:
        if not callable(f):
            raise TypeError(
                f"check_formula: a {type(f).__name__} is no function; give f itself, and its inputs after it"
            )
        if not isinstance(claimed, str) and not callable(claimed):
            raise TypeError(f"check_formula: a {type(claimed).__name__} is no formula; give a function, or text")
        self.claimed, self.f, self.inputs = claimed, f, inputs
        self.names = list(names or argument_names(f, len(inputs)))
        if inputs and len(inputs) != len(self.names):
            raise ValueError(
                f"check_formula: f takes {', '.join(self.names)}; give an input for each, not {len(inputs)}"
            )
        if not -len(self.names) <= argnum < len(self.names):
            raise ValueError(f"check_formula: there is no argument {argnum} among {', '.join(self.names)}")
        self.argnum = argnum % len(self.names)
        self.variable = self.names[self.argnum]
        if inputs and not is_float(inputs[self.argnum]):
            raise TypeError(
                f"check_formula: {self.variable} is True or False, and has no derivative; give another argnum"
            )
        if inputs and not inputs[self.argnum].size:
            raise ValueError(
                f"check_formula: {self.variable} is empty, and nothing can be compared; give a number in it"
            )
        self.formula: Formula | None = None
        self.leading = () if isinstance(claimed, str) else leading(claimed, len(self.names))

    def value(self, point: Point) -> Any:
        """What is claimed at a point; nan where that divides by 0, or Python's own numbers overflow.

        Where the shapes in a text do not fit, it is the error that says so.
        """
        known = {"g": point.upstream, "y": point.y._array, **point.named}
        try:
            if self.formula is None:
                return self.claimed(*(known[name] for name in self.leading), *point.values)
        except ArithmeticError:
            return np.nan
        try:
            return self.formula(known)
        except ValueError as error:
            return error

    def takes_upstream(self, named: Collection[str]) -> bool:
        """Whether the claim speaks of g, which is no name of f's; a text is read here, once these are known."""
        if isinstance(self.claimed, str):
            self.formula = self.formula or Formula(self.claimed, {"g", "y", *named})
        return "g" not in named and "g" in (self.formula.names if self.formula else self.leading)

    def points(self, rng: np.random.Generator) -> list[Point]:
        """Points of moderate size, at which the walk and a finite difference agree on what the derivative is."""
        found: list[Point] = []
        refused: list[GradientError] = []
        for values in drawn(self.inputs, len(self.names), rng):
            try:
                point = Point(self, values, rng)
                if point.usable and point.differs_alike():
                    found.append(point)
            except GradientError as error:  # At a kink this may be.
                refused.append(error)
                if len(refused) > max(len(found), POINTS):
                    raise
            except (ArithmeticError, np.linalg.LinAlgError):
                pass
            if len(found) == POINTS:
                break
        if len(refused) > len(found):
            raise refused[0]
        if len(found) < POINTS // 2:
            raise ValueError(
                f"check_formula: f has a finite derivative at {len(found)} of {DRAWS} points that were drawn; "
                "give inputs where it has one"
            )
        return found

    def probes(self, near: Sequence[Point], largest: float, rng: np.random.Generator) -> Iterator[Point]:
        """Points on the way to 0 and to infinity: the argument of a point brought to another size."""
        for size in (*SMALL, *(size for size in LARGE if size < largest), largest):
            for start in near[:4]:
                if start.size:
                    values = list(start.values)
                    values[self.argnum] = values[self.argnum] * (size / start.size)
                    try:
                        point = Point(self, values, rng)
                    except (ArithmeticError, np.linalg.LinAlgError):
                        continue
                    if point.usable and not point.unfit:
                        point.tolerance = TOLERANCE if size in SMALL else LOOSE
                        yield point


class Point:
    """One point: the graph of f there, its derivative by the walk, and what is claimed."""

    def __init__(self, claim: Claim, values: list[Any], rng: np.random.Generator) -> None:
        self.claim, self.values, self.tolerance = claim, values, TOLERANCE
        self.x, self.y = self.run(values)
        self.named = {node.name: node._array for node in nodes(self.y) if node.name}
        self.named |= dict(zip(claim.names, values, strict=True))
        self.upstream: Any = np.ones(self.y.shape)[()]
        if claim.takes_upstream(self.named):
            self.upstream = np.asarray(rng.normal(size=self.y.shape))[()]
        self.derivative = self.gradient(self.x, self.y)
        nearby = [v * (1 + 4 * np.finfo(float).eps) if is_float(v) else v for v in values]
        self.noise = float(np.max(np.abs(self.derivative - self.gradient(*self.run(nearby))), initial=0))
        self.difference = np.full(np.shape(self.derivative), np.nan)
        self.size = float(np.max(np.abs(values[claim.argnum]), initial=0))
        self.claimed: Any = None
        self.unfit = ""
        if self.usable:
            self.claimed, self.unfit = self.fitted(claim.value(self))

    def run(self, values: Sequence[Any], x: Any = None, argnum: int | None = None) -> tuple[Tensor, Tensor]:
        """(x, f(…)) of constants, but for the one argument x to differentiate by."""
        argnum = self.claim.argnum if argnum is None else argnum
        plainly = not isinstance(x, Tensor | None)  # A difference gives complex numbers, which no Tensor may meet.
        arguments = [
            v if plainly or not is_float(v) else Tensor(v, name=name, requires_grad=i == argnum)
            for i, (v, name) in enumerate(zip(values, self.claim.names, strict=True))
        ]
        arguments[argnum] = arguments[argnum] if x is None else x
        y = self.claim.f(*arguments)
        if not plainly and not isinstance(y, Tensor):
            if not isinstance(y, int | float | np.number | np.ndarray):
                raise TypeError(f"check_formula: f returned a {type(y).__name__}; let it return a number or an array")
            y = Tensor(y, requires_grad=False)
        return arguments[argnum], y

    def gradient(self, x: Tensor, y: Tensor) -> Any:
        """By the walk; 0 where f does not depend on x."""
        return (walk(y, self.upstream) if y.requires_grad else {}).get(x, np.zeros(x.shape)[()])

    def by(self, argnum: int) -> Any:
        """The derivative by another argument."""
        return self.gradient(*self.run(self.values, argnum=argnum)) if is_float(self.values[argnum]) else np.nan

    @property
    def usable(self) -> bool:
        """Whether the derivative is a number, and none that has lost digits itself."""
        size = np.abs(self.derivative)
        finite = np.isfinite(self.y._array).all() and np.isfinite(self.derivative).all()
        return bool(finite and np.all((size >= SMALLEST) | (size == 0)))

    def differs_alike(self) -> bool:
        """Take finite differences, entry by entry where the entries are few: whether they can tell the derivative.

        Raises GradientError where they tell another. Where f is almost flat they are rounding, and tell a 0 at most.
        """

        def moved(x: Any) -> Any:
            return np.sum(self.upstream * self.run(self.values, x)[1])

        report = check_gradients(moved, self.values[self.claim.argnum], order=1, modes=("reverse",))
        entries = [comparison.numeric for comparison in report if comparison.input != ALL]
        if len(entries) == np.size(self.derivative):
            self.difference = np.reshape(entries, np.shape(self.derivative))
        largest = max((abs(comparison.analytic) for comparison in report), default=0)
        return largest <= 20 * self.noise or all(comparison.error <= 1e-3 * largest for comparison in report)

    def fitted(self, claimed: Any) -> tuple[Any, str]:
        """(the claim as an array, why it cannot be compared): a number stands for an array of it."""
        if claimed is None:
            return None, "it gives None; return the derivative"
        if isinstance(claimed, ValueError):
            return None, f"its shapes do not fit: {' '.join(str(claimed).split())}"
        try:
            claimed = np.asarray(plain(claimed))
        except ValueError:
            return None, "it gives no array; return one of the shape of the argument"
        if claimed.dtype.kind not in "fiub":
            return None, f"it gives a value of type {claimed.dtype}, and no real number"
        shape = np.shape(self.derivative)
        if claimed.shape not in ((), shape, shape[::-1]):
            return None, f"it has shape {claimed.shape}, and the derivative that of {self.claim.variable}, {shape}"
        return (claimed if claimed.shape else np.broadcast_to(claimed, shape)).astype(np.float64), ""

    def errors(self, values: Any) -> Any:
        """How far the claim is from these values, in units of what is allowed; infinite for nan."""
        if np.shape(values) != self.claimed.shape:
            return np.inf
        allowed = self.tolerance * np.abs(values) + 20 * self.noise
        off = np.abs(self.claimed - values)
        off = np.where(self.claimed == values, 0, off)  # Also where both are infinite.
        return np.where(np.isnan(off), np.inf, np.where(off <= allowed, 0, off / np.maximum(allowed, SMALLEST)))

    def equals(self, values: Any) -> bool:
        """Whether the claim is this, up to rounding."""
        return not np.any(self.errors(values))

    @property
    def agrees(self) -> bool:
        return self.equals(self.derivative)

    @property
    def error(self) -> float:
        return float(np.max(self.errors(self.derivative)))

    @property
    def worst(self) -> Worst:
        """The entry that is furthest off."""
        errors = np.asarray(self.errors(self.derivative))
        entry = tuple(map(int, np.unravel_index(int(np.argmax(errors)), errors.shape)))
        found = [float(np.asarray(array)[entry]) for array in (self.claimed, self.derivative, self.difference)]
        return Worst(dict(zip(self.claim.names, self.values, strict=True)), entry, *found)


class Worst(NamedTuple):
    """The point at which a claim is furthest off: what is claimed there, and the derivative as it is found in two ways.

    `difference` is nan where none was taken: far out, and for an array of more entries than are moved one by one.
    """

    at: dict[str, Any]
    entry: tuple[int, ...]
    claimed: float
    walk: float
    difference: float

    def __str__(self) -> str:
        where = [f"{k} = {short(v)}" if np.ndim(v) == 0 else f"{k} of shape {v.shape}" for k, v in self.at.items()]
        where = where if len(where) <= 8 else [*where[:6], "…"]
        where += [f"entry {list(self.entry)}"] * bool(self.entry)
        right, difference = short(self.walk), short(self.difference)
        ways = "the walk" if np.isnan(self.difference) else "the walk and a finite difference"
        if right != difference and not np.isnan(self.difference):
            ways = f"the walk, and {difference} by a finite difference"
        return f"at {', '.join(where)} it is {short(self.claimed)}, not {right} as by {ways}"


def argument_names(f: Function, count: int) -> list[str]:
    """What f calls its arguments: as many as there are inputs, and without inputs those that it needs."""
    if isinstance(f, np.ufunc):
        return ["x"] if f.nin == 1 else ["a", "b", "c", "d"][: f.nin]
    try:
        parameters = list(signature(f).parameters.values())
    except ValueError:
        parameters = []
    positional = [p for p in parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    names = [p.name for p in positional if count or p.default is p.empty][: count or None]
    if any(p.kind is Parameter.VAR_POSITIONAL for p in parameters) or not parameters:
        names += [f"x{i}" for i in range(len(names) + 1, count + 1)]
    if not names:
        raise ValueError("check_formula: what f takes is not to be seen; give an input for each of its arguments")
    return names


def leading(claimed: Function, count: int) -> list[str]:
    """The parameters of a claimed function before f's arguments, g and y; TypeError where it takes others."""
    try:
        parameters = list(signature(claimed).parameters.values())
    except ValueError:
        return []
    if isinstance(claimed, np.ufunc) or any(p.kind is Parameter.VAR_POSITIONAL for p in parameters):
        return []
    positional = [p for p in parameters if p.kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    needed = [p.name for p in positional if p.default is p.empty]
    before = needed[: max(len(needed) - count, 0)]
    if len(positional) < count or not {*before} <= {"g", "y"}:
        raise TypeError(
            f"check_formula: the claimed function takes {len(needed)} arguments, and f takes {count}; "
            "let it take the same, or g and y before them"
        )
    return before


def in_float64(x: Any) -> Any:
    """An input in float64; True and False, which have no derivative, as they are."""
    array = np.asarray(plain(x))
    return array if array.dtype.kind == "b" else np.asarray(floating(plain(x), "check_formula"), np.float64)[()]


def is_float(x: Any) -> bool:
    return bool(x.dtype.kind == "f")


def drawn(inputs: Sequence[Any], count: int, rng: np.random.Generator) -> Iterator[list[Any]]:
    """Points to look at: the inputs and others like them, or numbers from several ranges, for f may have a domain."""
    ranges: Iterator[Callable[[], float]] = cycle(
        (
            lambda: rng.normal(scale=2),
            lambda: rng.normal(),
            lambda: rng.lognormal(),
            lambda: rng.uniform(-1, 1),
            lambda: rng.uniform(0, 1),
            lambda: 1 + rng.lognormal(),
        )
    )
    for k in range(DRAWS):
        if inputs:
            yield [x if k == 0 or not is_float(x) else varied(x, rng) for x in inputs]
        else:
            draw = next(ranges)
            yield [np.float64(draw()) for _ in range(count)]


def varied(x: Any, rng: np.random.Generator) -> Any:
    """Other numbers of the same shape and signs, for what is positive may have to be."""
    return np.where(x == 0, rng.normal(size=np.shape(x)), x * rng.lognormal(sigma=0.7, size=np.shape(x)))[()]


def nodes(y: Tensor) -> set[Tensor]:
    """All that a Tensor was computed from, and it itself."""
    return {y} | {x for node in topological_order(y) for x in (node, *node.inputs)}


def short(value: Any) -> str:
    return f"{float(value):.6g}"
