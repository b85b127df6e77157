"""check_formula: is a formula that somebody claims the derivative of f? If not, what went wrong?

Each mistake that one makes by hand is a wrong derivative of its own: the walk through f's graph with a factor left out,
with σ′ taken at the activation, with a sign turned. A mistake is named only where that wrong derivative is what was
claimed, at every point. So the diagnosis is a measurement; `causes` goes through what it looks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from operator import is_
from typing import Any, NamedTuple

import numpy as np

from ..calculus.functions import Function
from .mistakes import Edge, Mistake, attempts, described, edges, gradient
from .points import Claim, Point, Worst, in_float64, short

ENOUGH = 6  # At fewer points that are off, a cause that explains them may do so by chance.
ATTEMPTS = 400  # So many mistakes are tried at the first point; hardly any reaches the second.


class Verdict(NamedTuple):
    """What `check_formula` found: true where the formula is right, and as text one sentence.

    `cause` names the mistake, and is None where none is known that explains every point. `ratio` is the least and the
    largest of claimed ÷ derivative.
    """

    right: bool
    cause: str | None
    sentence: str
    points: int
    worst: Worst | None = None
    ratio: tuple[float, float] | None = None

    def __bool__(self) -> bool:
        return self.right

    def __str__(self) -> str:
        return self.sentence

    def __repr__(self) -> str:
        return f"Verdict({self.sentence!r})"


def check_formula(
    claimed: Function | str,
    f: Function,
    *inputs: Any,
    argnum: int = 0,
    names: Sequence[str] | None = None,
    largest: float = 700.0,
    seed: int = 0,
) -> Verdict:
    """Whether a formula is the derivative of f by its argument at `argnum`; if not, what went wrong, in one sentence.

    `claimed` is a function of f's arguments, or a formula as text in the notation that traces print. A text may name
    f's arguments (or `names`), what Tensors f gives a name, y for f's value and g for an upstream gradient; a function
    may take g and y before the arguments, as the entries of the tables do. Without g, an array's sum is differentiated.

    Both are compared at seeded points, numbers, or arrays of the shapes and signs of `inputs`, with the walk and a
    finite difference; then with the walk alone while the argument goes from 10⁻⁶ to `largest`, for a formula may be
    right and lose its digits. A mistake is named only where it explains every point.

    A wrong formula raises nothing: `assert verdict, verdict` makes a test of it. What the claimed function raises is
    passed on. Raises FormulaError, a ValueError that names the column, where a text is no formula; GradientError where
    the walk disagrees with the difference; TypeError and ValueError where f cannot be differentiated at such points.

    >>> print(check_formula("cos(x)", np.sin))
    right: it agrees with the walk and a finite difference at 24 points, and with the walk up to |x| = 700
    >>> check_formula(lambda x: 2 * np.cos(x), np.sin).sentence.partition(";")[0]
    'wrong: it is 2 times the derivative everywhere'
    """
    claim = Claim(claimed, f, [in_float64(x) for x in inputs], argnum, names)
    rng = np.random.default_rng(seed)
    with np.errstate(all="ignore"):
        near = claim.points(rng)
        for point in near:
            if point.unfit:
                return Verdict(False, "no such value", f"wrong: {point.unfit}", len(near))
        probes = list(claim.probes(near, largest, rng))
        if not all(p.agrees for p in near):
            return explained(claim, near, probes)
        if not all(p.agrees for p in probes):
            return limited(claim, near, probes)
    reached = max((p.size for p in probes), default=0)
    return Verdict(
        True,
        None,
        f"right: it agrees with the walk and a finite difference at {len(near)} points, and with the walk "
        f"up to |{claim.variable}| = {short(reached)}",
        len(near),
    )


WHOLE: dict[str, tuple[Callable[[Point], Any], str]] = {
    "sign": (lambda point: -point.derivative, "the sign is turned"),
    "transpose": (lambda point: np.transpose(point.derivative), "it is the transpose of the derivative"),
    "the function": (lambda point: point.y._array, "it is f itself, and not its derivative"),
}


def explained(claim: Claim, near: Sequence[Point], probes: Sequence[Point]) -> Verdict:
    """The verdict on a wrong claim: the first cause that explains every point, or else the numbers alone."""
    off = [point for point in near if not point.agrees]
    if off[0].claimed.shape != np.shape(off[0].derivative):
        shapes = f"of shape {off[0].claimed.shape} and not {np.shape(off[0].derivative)}"
        if all(point.equals(np.transpose(point.derivative)) for point in near):
            return Verdict(False, "transpose", f"wrong: {WHOLE['transpose'][1]}, {shapes}", len(near))
        return Verdict(False, "no such value", f"wrong: it is {shapes}", len(near))
    worst = max(off, key=lambda point: point.error).worst
    pairs = [(np.ravel(point.claimed), np.ravel(point.derivative)) for point in near]
    ratios = np.concatenate([claimed[right != 0] / right[right != 0] for claimed, right in pairs])
    ratios = ratios[~np.isnan(ratios)]
    ratio = (float(np.min(ratios)), float(np.max(ratios))) if ratios.size else None
    unknown: tuple[str | None, str] = (None, "by no mistake that is known")
    cause, what = next(causes(claim, near, probes, ratios), unknown) if len(off) >= ENOUGH else unknown
    sentence = f"wrong: {what}; {worst if cause is None else off[0].worst}"
    if cause is None:
        if claim.inputs and near[0].agrees and all(map(is_, near[0].values, claim.inputs)):
            sentence += "; it is right for the inputs as they are given, and not for others"
        elif ratio:
            sentence += f"; claimed ÷ derivative goes from {short(ratio[0])} to {short(ratio[1])} at {len(near)} points"
    return Verdict(False, cause, sentence, len(near), worst, ratio)


def causes(claim: Claim, near: Sequence[Point], probes: Sequence[Point], ratios: Any) -> Iterator[tuple[str, str]]:
    """All causes that explain every point, each with what is said of it; the plainest first."""
    for cause, (made, what) in WHOLE.items():
        if all(point.equals(made(point)) for point in near):
            yield cause, what
    if ratios.size:
        k = float(np.median(ratios))
        if k and np.isfinite(k) and all(point.equals(k * point.derivative) for point in near):
            yield "constant factor", f"it is {fraction(k)} times the derivative everywhere"
    for argnum, name in enumerate(claim.names):
        if argnum != claim.argnum and all(point.equals(point.by(argnum)) for point in near):
            yield "another argument", f"it is the derivative by {name}, and not by {claim.variable}"
    yield from mistakes(near)
    reached = limit([*near, *probes])
    if reached >= 1e-4:
        yield (
            "small x only",
            f"it is right for small {claim.variable} only, up to |{claim.variable}| = {short(reached)}",
        )


def mistakes(near: Sequence[Point]) -> Iterator[tuple[str, str]]:
    """The mistakes at single edges of f's graph, or at all edges of a function, that explain every point."""
    graphs = [edges(point.y) if point.y.requires_grad else [] for point in near]
    if not graphs[0] or len({tuple((edge.function, edge.position) for edge in graph) for graph in graphs}) > 1:
        return  # f takes one way here and another there.
    for mistake, at in islice(attempts(near[0].y), ATTEMPTS):

        def explains(point: Point, graph: Sequence[Edge], mistake: Mistake = mistake, at: Any = at) -> bool:
            wrong = {graph[i]: entry for i in at if (entry := mistake.entry(graph[i]))}
            try:
                return point.equals(gradient(point.y, point.upstream, point.x, wrong))
            except (ValueError, IndexError):  # The shapes do not fit: nobody has computed that.
                return False

        if all(map(explains, near, graphs)):
            yield mistake.cause, described(mistake, [graphs[0][i] for i in at])


def limited(claim: Claim, near: Sequence[Point], probes: Sequence[Point]) -> Verdict:
    """The verdict on a claim that is right at moderate points, and not on the way to 0 or to infinity."""
    x, usual = claim.variable, float(np.median([point.size for point in near]))
    off = [point for point in probes if not point.agrees]
    cause: str | None
    if all(point.size > usual for point in off):
        nearest = min(off, key=lambda point: point.size)
        reached = max(p.size for p in (*near, *probes) if p.size < nearest.size)
        cause, what = "small x only", f"it is right for small {x} only, up to |{x}| = {short(reached)}"
    elif all(point.size < usual for point in off):
        nearest = max(off, key=lambda point: point.size)
        cause, what = "not near 0", f"it is right, but not for {x} near 0"
    else:
        nearest = max(off, key=lambda point: point.error)
        cause, what = None, f"it is right at {len(near)} points of moderate size, and not at all others"
    return Verdict(False, cause, f"wrong: {what}; {nearest.worst}", len(near), nearest.worst)


def limit(points: Sequence[Point]) -> float:
    """Up to which size all points agree, from the smallest on; 0 where these do not."""
    off = min((point.size for point in points if not point.agrees), default=np.inf)
    return max((point.size for point in points if point.size < off), default=0.0)


def fraction(k: float) -> str:
    """A factor as one would write it: 2, 1/2; or its digits."""
    simple = Fraction(k).limit_denominator(36)
    return str(simple) if abs(float(simple) / k - 1) < 1e-9 else short(k)
