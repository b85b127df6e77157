"""Mistakes: what one writes by hand in the place of a local derivative, and the wrong gradient that comes of it.

A mistake is an entry like those in the tables, only wrong, at one edge output → input of a graph, or at all edges of
one function. The one walk carries a gradient through the graph with it, and so makes the number that a claim which
rests on this mistake has at every point. `MISTAKES` is the list of those that are known, with the words for each.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from ..calculus.functions import Function, sigmoid
from ..engine.backward import topological_order, walk
from .symbols import ATOM, CALLED, TEXT, bracketed, computed, symbol, write

# How derivatives are written by the function's value y, where the table has them by x.
BY_VALUE: dict[Function, Callable[[Any], Any]] = {
    sigmoid: lambda y: y * (1 - y),
    np.tanh: lambda y: 1 - y**2,
    np.tan: lambda y: 1 + y**2,
    np.exp: lambda y: y,
}
RULES: dict[Any, str] = {
    np.multiply: "the product rule",
    np.matmul: "the product rule",
    np.divide: "the quotient rule",
    np.power: "the rule for powers",
}
DEEPEST = 8  # A formula of so many functions in each other is still read.


class Edge(NamedTuple):
    """The edge from a computed node to its input at a position, where the walk multiplies by a local derivative."""

    output: Any
    position: int

    @property
    def input(self) -> Any:
        return self.output.inputs[self.position]

    @property
    def function(self) -> Function:
        return self.output.function  # type: ignore[no-any-return]

    @property
    def entry(self) -> Function:
        return self.output.row.for_numbers[self.position]  # type: ignore[no-any-return]

    @property
    def elementwise(self) -> bool:
        return bool(self.output.row.elementwise)

    @property
    def unary(self) -> bool:
        return self.elementwise and len(self.output.inputs) == 1

    def slope(self, y: Any, *x: Any) -> Any:
        """The local derivative as the table has it, of other values than those that were computed."""
        row = self.output.row
        return row.entries[self.position](y, *x, *row.arguments.in_order(self.output.params))

    @property
    def before(self) -> Any:
        """The a in f(w·a) or f(w·a + b), where this is the edge from f to what f is taken of; None elsewhere."""
        z = self.input if self.unary else None
        if z is not None and z.function is np.add:
            z = next((x for x in z.inputs if x.function in (np.multiply, np.matmul)), None)
        if z is None or z.function not in (np.multiply, np.matmul):
            return None
        through = [x for x in z.inputs if x.requires_grad]
        return through[0] if len(through) == 1 and through[0].shape == self.input.shape else None


def edges(output: Any) -> list[Edge]:
    """The edges that the walk takes, in its order."""
    return [Edge(y, i) for y in topological_order(output) for i, x in enumerate(y.inputs) if x.requires_grad]


class Altered:
    """A node like another, with inputs and entries of its own."""

    def __init__(self, node: Any, inputs: tuple[Any, ...], entries: Sequence[Function]) -> None:
        self.inputs, self.values, self.params = inputs, node.values, node.params
        self.requires_grad, self._array = True, node._array
        self.row = SimpleNamespace(elementwise=node.row.elementwise, for_numbers=entries)


def gradient(output: Any, upstream: Any, x: Any, wrong: Mapping[Edge, Function]) -> Any:
    """The gradient with respect to the leaf x, with these entries in the place of the right ones."""
    copies: dict[Any, Any] = {}
    for node in reversed(topological_order(output)):
        own = [wrong.get(Edge(node, i), node.row.for_numbers[i]) for i in range(len(node.inputs))]
        copies[node] = Altered(node, tuple(copies.get(input, input) for input in node.inputs), own)
    return walk(copies[output], upstream)[x]


class Mistake(NamedTuple):
    """A cause by name; the wrong entry at an edge, None where it cannot be made; and what is said of it."""

    cause: str
    entry: Callable[[Edge], Function | None]
    sentence: str


def instead(change: Callable[[Any], Any]) -> Callable[[Edge], Function | None]:
    """What `change` makes of the local derivative, or of the gradient carried back."""
    return lambda edge: lambda *values, **params: change(edge.entry(*values, **params))


def factor(change: Callable[[Any], Any]) -> Callable[[Edge], Function | None]:
    """The same, only where there is a factor."""
    return lambda edge: instead(change)(edge) if edge.elementwise else None


def of_several(change: Callable[[Any], Any]) -> Callable[[Edge], Function | None]:
    """The same, only where the gradient arrives by several terms."""
    return lambda edge: instead(change)(edge) if sum(x.requires_grad for x in edge.output.inputs) > 1 else None


def at_activation(edge: Edge) -> Function | None:
    """f′(a) for f′(w·a): the sheet's slip in section 1.2.3."""
    if edge.before is None:
        return None
    a = edge.before._array
    return lambda *values: edge.slope(edge.function(a, **edge.output.params), a)


def at_value(edge: Edge) -> Function | None:
    """f′(f(x)) for f′(x)."""
    if not edge.unary:
        return None
    y = edge.output._array
    return lambda *values: edge.slope(edge.function(y, **edge.output.params), y)


def by_argument(edge: Edge) -> Function | None:
    """x·(1 − x) for y·(1 − y): what is to be computed of f's value is computed of its argument."""
    if not edge.unary:
        return None
    x = edge.input._array
    known = BY_VALUE.get(edge.function)
    return lambda *values: known(x) if known else edge.slope(x, x)


def untransposed(edge: Edge) -> Function | None:
    """g @ b for g @ bᵀ."""
    if edge.function is not np.matmul:
        return None
    return lambda g, y, a, b: edge.entry(g, y, *((a, turned(b)) if edge.position == 0 else (turned(a), b)))


def turned(x: Any) -> Any:
    return np.swapaxes(x, -1, -2)


MISTAKES = (
    Mistake("factor left out", factor(np.ones_like), "it leaves out {factors}"),
    Mistake("factor doubled", factor(np.square), "it has {factors} twice"),
    Mistake(
        "term missing", of_several(np.zeros_like), "a term of {rule} is missing, {factor} × the derivative of {input}"
    ),
    Mistake(
        "sign of a term",
        of_several(np.negative),
        "a term of {rule} has the wrong sign, {factor} × the derivative of {input}",
    ),
    Mistake(
        "slope at the activation",
        at_activation,
        "{slope} is taken at {before} and not at {input}{places}, which is the same for weights of 1",
    ),
    Mistake("slope at the value", at_value, "{slope} is taken at {output}, its own value, and not at {input}{places}"),
    Mistake("x in y's place", by_argument, "{by_argument} stands where {by_value} is meant{places}{meaning}"),
    Mistake("transpose", untransposed, "{other} is not transposed, or once too often"),
)


def attempts(output: Any) -> Iterator[tuple[Mistake, list[int]]]:
    """Each mistake with the edges, by number, at which it is made: one alone, and then all of one function."""
    found = edges(output)
    for mistake in MISTAKES:
        alike = defaultdict(list)
        for i, edge in enumerate(found):
            if mistake.entry(edge) is not None:
                alike[edge.function, edge.position].append(i)
                yield mistake, [i]
        for several in alike.values():
            if len(several) > 1:
                yield mistake, several


def described(mistake: Mistake, made: Sequence[Edge]) -> str:
    """The sentence for a mistake that was made at these edges."""
    edge = made[0]
    output, input, before = (expression(x) for x in (edge.output, edge.input, edge.before))
    factors = [write(local(edge)) for edge in made]
    words = {
        "factor": factors[0],
        "factors": f"the factor{'s' * (len(factors) > 1)} {', '.join(factors)}",
        "places": f" (and so in {len(made)} places)" * (len(made) > 1),
        "slope": f"{called(edge.function)}'",
        **{"output": write(output), "input": write(input), "before": write(before)},
        "rule": RULES.get(edge.function, "the sum"),
        "meaning": "" if edge.output.name else f", with y = {write(output)}",
    }
    if edge.unary:
        slope = BY_VALUE.get(edge.function, lambda y: edge.slope(y, input))
        named, argument = symbol(None, edge.output.name or "y"), symbol(None, bracketed(input, TEXT, ATOM))
        words |= {"by_value": write(slope(named)), "by_argument": write(slope(argument))}
    elif len(edge.output.inputs) == 2:
        words["other"] = write(expression(edge.output.inputs[1 - edge.position]))
    return mistake.sentence.format_map(words)


def called(function: Any) -> str:
    """What a formula calls a function."""
    return "σ" if function is sigmoid else CALLED.get(function, function.__name__)


def local(edge: Edge) -> Any:
    """The local derivative as a symbol; of what has none, the upstream gradient g carried back."""
    x, row = [expression(input) for input in edge.output.inputs], edge.output.row
    y, g = computed(edge.output, x), symbol(edge.output._array, "g")
    if edge.elementwise:
        return edge.slope(y, *x)
    return row.entries[edge.position](g, y, *([tuple(x)] if row.arity is None else x), **edge.output.params)


def expression(node: Any, depth: int = 0) -> Any:
    """A node as a symbol: by its name, or by what it was computed from; a constant as the number that it is."""
    if node is None:
        return symbol(None, "")
    if node.function is np.positive:
        return expression(node.inputs[0], depth)
    if node.name or depth == DEEPEST or (not node.inputs and np.ndim(node._array)):
        return symbol(node._array, node.name or ("…" if node.inputs else "c"))
    return computed(node, [expression(x, depth + 1) for x in node.inputs]) if node.inputs else node._array
