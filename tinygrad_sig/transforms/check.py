"""check_gradients: derivatives against finite differences, which know no rules.

The best of them subtracts nothing: for an analytic f, Im f(x + ih)/h is f′(x) to the last digits, for an h of 10⁻²⁰
(Squire and Trapp 1998). Where f is not analytic, or is itself a gradient, a central difference in long numbers does.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np

from ..calculus.functions import Function, cast, relu, sech, sigmoid, sigmoid_prime
from ..calculus.rows import ROWS
from ..engine.arraylike import ArrayLike
from ..engine.display import Displayed
from ..engine.lanes import LANES
from ..engine.recording import no_grad
from ..engine.tensor import Tensor
from ..engine.values import floating, plain
from .functional import flatten, grad, jvp, unflatten


def precision(kind: Any) -> float:
    """The rounding of functions of a kind of numbers. In a browser longdouble claims 34 digits, and exp gives it 16."""
    x = np.linspace(1, 2, 9, dtype=kind)
    return max(float(np.finfo(kind).eps), float(np.max(np.abs(np.exp(x) * np.exp(-x) - 1))))


EPSILON = {kind: precision(kind) for kind in (np.float64, np.longdouble)}
LONGEST = min(EPSILON, key=EPSILON.__getitem__)
ENTRIES = 32
DIRECTIONS = 3
ALL = "all inputs"
DIFFERENCE, COMPLEX_STEP = "a difference", "a complex step"


class Comparison(NamedTuple):
    """One derivative by the rules, `analytic`, beside the same by a finite difference, `numeric`."""

    function: str
    order: int
    mode: str
    input: str
    entry: str
    analytic: float
    numeric: float
    tolerance: float
    method: str

    @property
    def error(self) -> float:
        return abs(self.analytic - self.numeric)

    @property
    def passed(self) -> bool:
        """Whether the two agree; nan agrees with nothing."""
        return bool(self.error <= self.tolerance)

    @property
    def excess(self) -> float:
        """The error in units of what is allowed; infinite for nan."""
        ratio = self.error / (self.tolerance or 1)
        return np.inf if np.isnan(ratio) else ratio

    def __str__(self) -> str:
        return (
            f"{self.function}, order {self.order}, {self.mode} mode: the derivative by {self.input}{self.entry} is "
            f"{self.analytic:.10g}, but {self.method} gives {self.numeric:.10g} "
            f"(off by {self.error:.3g}, allowed {self.tolerance:.3g})"
        )


class GradientReport(Displayed, tuple[Comparison, ...]):
    """All comparisons of a check, as a table when printed."""

    @property
    def worst(self) -> Comparison | None:
        """The comparison that is furthest off; one that failed before all others, and one that names its entry."""
        return max(self, key=lambda c: (not c.passed, c.input != ALL, c.excess), default=None)

    def __str__(self) -> str:
        lines = ["order  mode     input                        analytic      numeric    error  tolerance  method"]
        for c in self:
            where = c.input + c.entry
            where = where if len(where) <= 24 else f"{where[:11]}…{where[-12:]}"
            numbers = f"{c.analytic:>11.5g}  {c.numeric:>11.5g}  {c.error:>7.1e}  {c.tolerance:>9.1e}"
            lines.append(f"{c.order:>5}  {c.mode:7}  {where:24}  {numbers}  {c.method.removeprefix('a ')}")
        return "\n".join(lines)


class GradientError(AssertionError):
    """A derivative that disagrees with finite differences; `report` has all comparisons."""

    def __init__(self, message: str, report: GradientReport) -> None:
        super().__init__(message)
        self.report = report


def check_gradients(
    f: Function, *inputs: Any, order: int = 2, modes: Sequence[str] = ("reverse", "forward"), tolerance: float = 1e-6
) -> GradientReport:
    """Compare the derivatives of f at the inputs with finite differences, up to `order` and in both modes.

    Inputs are numbers, arrays, or nested lists, tuples and dicts of them, and taken in float64; f may return such a
    structure too, of which a random combination is differentiated. Each input of up to 32 numbers is checked number by
    number, and all inputs together along three random directions: by complex steps where f is analytic, by central
    differences elsewhere and from the second order on. `tolerance` is relative to each derivative, so that a vanishing
    one is checked as sharply as any; what rounding does to the derivative and to the difference is allowed besides.

    Returns a `GradientReport`, and raises GradientError, an AssertionError, with the worst entry in one sentence, at
    the first order that is wrong. At a kink a difference need not agree with what the rules choose: check beside it.

    >>> len(check_gradients(np.sin, 1.0))
    16
    """
    if not callable(f):
        raise TypeError(f"check_gradients: a {type(f).__name__} is no function; give the function to check")
    if not inputs:
        raise ValueError("check_gradients: there is nothing to differentiate by; give the inputs of the function")
    if order < 1:
        raise ValueError(f"check_gradients: there is no derivative of order {order} to check; give 1 or more")
    if not modes or not set(modes) <= {"reverse", "forward"}:
        raise ValueError(f"check_gradients: modes {modes!r} are not understood; give 'reverse', 'forward' or both")
    points = [np.asarray(floating(plain(leaf), "check_gradients"), np.float64) for leaf in flatten(inputs)]
    labels = [label for i, tree in enumerate(inputs) for label in paths(tree, f"input {i}")]
    rng = np.random.default_rng(0)
    name = getattr(f, "__name__", type(f).__name__)
    scalar = Combination(name, lambda *x: f(*unflatten(inputs, iter(x))), points, rng, LONGEST)
    report = GradientReport()
    for level in range(1, order + 1):
        if level > 1:
            scalar = Combination(name, grad(scalar, tuple(range(len(points)))), points, rng, scalar.kind)
        ways = list(directions(points, labels, rng))
        try:
            found = list(compared(scalar, points, ways, level, modes, tolerance))
        except TypeError:  # LAPACK, for one, has no longdouble; an error of f itself is raised again.
            scalar.kind = np.float64
            found = list(compared(scalar, points, ways, level, modes, tolerance))
        report = GradientReport([*report, *found])
        if report.worst and not report.worst.passed:
            raise GradientError(f"check_gradients: {report.worst}", report)
    return report


class Combination:
    """A random combination of all that a function of the leaves returns, or of its gradient, from the 2nd order on.

    `kind` are the numbers in which differences are taken: the longest that the function can be computed in.
    """

    def __init__(self, name: str, apply: Function, points: Sequence[Any], rng: np.random.Generator, kind: Any) -> None:
        self.name, self.apply, self.kind = name, apply, kind
        with no_grad():
            shapes = [floating(plain(y), "check_gradients").shape for y in flatten(apply(*map(Tensor, points)))]
        # A single number is to be seen as it is.
        self.weights = [1.0] if shapes == [()] else [rng.normal(size=shape) for shape in shapes]

    def __call__(self, *leaves: Any) -> Any:
        return sum(np.sum(weight * y) for weight, y in zip(self.weights, flatten(self.apply(*leaves)), strict=True))

    def value(self, leaves: Sequence[Any]) -> Any:
        """The number at these leaves, without a graph and without a warning."""
        with no_grad(), np.errstate(all="ignore"):
            return plain(self(*leaves))

    def nearby(self, points: Sequence[Any]) -> list[Any]:
        """The points in longer numbers, and a rounding error away for machines that have none."""
        return [x.astype(self.kind) * (1 + 4 * np.finfo(np.float64).eps) for x in points]


def compared(
    f: Combination, points: Sequence[Any], ways: Sequence[Any], order: int, modes: Sequence[str], tolerance: float
) -> Iterator[Comparison]:
    """All comparisons of one order, each derivative by the rules computed twice: the difference is rounding."""
    twice = points, f.nearby(points)
    by_all = grad(f, tuple(range(len(points))))
    gradients = [by_all(*x) for x in twice] if "reverse" in modes else []
    for where, entry, direction in ways:
        numeric, noise, method = derivative(f, points, direction, order)
        for mode in sorted({*modes}, reverse=True):
            if mode == "reverse":
                found = [sum(np.sum(g * v) for g, v in zip(by, direction, strict=True)) for by in gradients]
            else:
                found = [jvp(f, x, direction)[1] for x in twice]
            analytic, again = map(plain, found)
            allowed = tolerance * abs(numeric) + noise + 10 * float(abs(analytic - again))
            yield Comparison(f.name, order, mode, where, entry, float(analytic), numeric, allowed, method)


def directions(
    points: Sequence[Any], labels: Sequence[str], rng: np.random.Generator
) -> Iterator[tuple[str, str, list[Any]]]:
    """Where to look: (input, the name of an entry, the direction), small inputs entry by entry."""
    for k, (x, label) in enumerate(zip(points, labels, strict=True)):
        if x.size <= ENTRIES:
            for index in np.ndindex(x.shape):
                direction = [np.zeros(x.shape) for x in points]
                direction[k][index] = 1.0
                yield label, str(list(index)) if index else "", direction
    if any(x.size for x in points):
        for i in range(DIRECTIONS):
            # Of few bits, as `reach` is: then x + hv is x + hv exactly, and not rounded.
            yield ALL, f" (direction {i})", [np.float16(rng.normal(size=x.shape)) * reach(x) for x in points]


def reach(x: Any) -> Any:
    """How far an entry may be moved: not across 0, where a function may end. A power of 2."""
    return np.exp2(np.floor(np.log2(np.where(x == 0, 1.0, np.minimum(np.abs(x), 1.0)))))


def derivative(f: Combination, points: Sequence[Any], direction: Sequence[Any], order: int) -> tuple[float, float, str]:
    """(the derivative of f along a direction, the rounding to expect in it, how it was found)."""
    reaches = [reach(x[v != 0]) / np.abs(v[v != 0]) for x, v in zip(points, direction, strict=True)]
    step = min((float(r.min()) for r in reaches if r.size), default=1.0)
    # The error of a difference of the fourth order, h⁴, is to be as large as its rounding, ε/h.
    h = np.exp2(np.floor(np.log2(EPSILON[f.kind] ** 0.2 * step)))
    value, noise = central_difference(f, points, direction, h)
    if order == 1:
        # By another h, for its square is seen where the derivative is 0, as that of a determinant may be.
        steps = (points, 1e-20 * step), (f.nearby(points), 2e-20 * step)
        stepped, again = (complex_step(f, x, direction, h) for x, h in steps)
        if abs(stepped - value) <= 1e-3 * abs(value) + noise:
            return stepped, 10 * abs(stepped - again), COMPLEX_STEP
    return value, noise, DIFFERENCE + " in float64" * (f.kind is not LONGEST)


def central_difference(f: Combination, points: Sequence[Any], direction: Sequence[Any], h: Any) -> tuple[float, float]:
    """(8·(f(x + hv) − f(x − hv)) − (f(x + 2hv) − f(x − 2hv)))/12h, and the rounding to expect in it.

    Where f is itself the small remainder of larger numbers, its size tells too little of its rounding, but the same
    difference with steps of 2h comes out otherwise.
    """

    def at(step: Any) -> Any:
        moved = [x.astype(f.kind) + step * v for x, v in zip(points, direction, strict=True)]
        return f.value([Tensor(x, requires_grad=False) for x in moved])

    ahead, back = ([at(k * h) for k in steps] for steps in ((1, 2, 4), (-1, -2, -4)))
    near, far, farther = (a - b for a, b in zip(ahead, back, strict=True))
    value, wider = (8 * near - far) / (12 * h), (8 * far - farther) / (24 * h)
    return float(value), float(100 * EPSILON[f.kind] * np.abs(ahead[0]) / h + 10 * np.abs(value - wider))


def complex_step(f: Combination, points: Sequence[Any], direction: Sequence[Any], h: float) -> float:
    """Im f(x + ihv)/h; nan where f cannot be computed with complex numbers."""
    try:
        return float(np.imag(f.value([Complex(x + 1j * h * v) for x, v in zip(points, direction, strict=True)])) / h)
    except Exception:  # Nobody knows what a function raises that was not made for complex numbers.
        return np.nan


class Complex(ArrayLike):
    """A complex array in the place of a Tensor, so that f, written for Tensors, can be computed at x + ih.

    Where f takes |x|, NumPy would return the modulus, which is real: at x = −3 no imaginary part would be left, and
    the derivative found would be 0 and not −1. What is not analytic in NumPy's hands is computed by `CONTINUED`, here
    as −z, because Re z < 0; σ and sech, which take |x| to keep their digits, by the formulas that one knows.
    """

    __slots__ = ("_array",)
    name, requires_grad = None, False
    CONTINUED: ClassVar[dict[Function, Function]] = {
        np.absolute: lambda z: np.where(z.real < 0, -z, z),
        np.fabs: lambda z: np.where(z.real < 0, -z, z),
        sigmoid: lambda z: 1 / (1 + np.exp(-z)),
        sigmoid_prime: lambda z: 1 / (2 + 2 * np.cosh(z)),
        sech: lambda z: 1 / np.cosh(z),
        relu: lambda z: np.maximum(z, 0),
    }

    def __init__(self, data: Any) -> None:
        self._array = data

    def __operation__(self, function: Function, *args: Any, **params: Any) -> Any:
        if function in (np.sign, cast):
            raise TypeError(f"{function.__name__}: it is not analytic, or loses digits")
        if function not in ROWS:
            return LANES[function](*args, **params)
        args, params = ROWS[function].arguments.understood(args, params)
        return Complex(self.CONTINUED.get(function, function)(*map(plain, args), **params))


def paths(tree: Any, prefix: str) -> list[str]:
    """A label for each leaf of an input."""
    if not isinstance(tree, dict | list | tuple):
        return [prefix]
    branches = tree.items() if isinstance(tree, dict) else enumerate(tree)
    return [path for key, branch in branches for path in paths(branch, f"{prefix}[{key!r}]")]
