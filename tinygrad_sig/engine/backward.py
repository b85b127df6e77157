"""The chain rule: the order in which nodes are visited, and the one walk that every gradient comes from.

Nothing here knows of Tensors: a node is whatever has the attributes of `Node`, and is multiplied and added.
"""

from collections.abc import Callable
from typing import Any, Protocol

from numpy import float64

from ..calculus.functions import cast, unbroadcast
from ..calculus.rows import Row


class Node(Protocol):
    """A value that a row computed: y = function(x, …, **params), with x from the inputs.

    `values` are what the row's entries are given: (y, x, …), or (y, (x, …)) where there may be any number of x.
    """

    row: Row
    inputs: tuple[Any, ...]
    values: tuple[Any, ...]
    params: dict[str, Any]
    requires_grad: bool
    _array: Any  # y itself, or what a leaf holds

    def operands(self) -> tuple[Any, ...]:
        """`values`, with nodes in the place of their values, so that entries build a graph."""


Record = Callable[[Any, int, Any, Any, Any], None] | None
ONE = 1  # CPython has one object for a small int, so `is` finds the factor that need not be multiplied by.


def topological_order(output: Any, until: Any = ()) -> list[Any]:
    """The computed nodes that `output` depends on, itself first, each before all of its inputs; none from `until` on.

    The walk may pass a node's gradient on only when every edge into the node has delivered its part: for a = 1;
    b = a + a; c = b + b, going on from b at each of the two edges c → b makes dc/da 2 + 4 = 6 and not 4. So a node is
    ready when all of its uses are visited. Nothing recurses: a graph may be a million nodes deep.
    """
    found, uses, shared = [output] if output.inputs and output not in until else [], {output: 0}, False
    for node in found:
        for input in node.inputs:
            if input.inputs and input.requires_grad and input not in until:
                if input in uses:
                    uses[input] += 1
                    shared = True
                else:
                    uses[input] = 1
                    found.append(input)
    if not shared:  # In a tree, the order in which nodes are found will do.
        return found
    ready = [output]
    for node in ready:
        for input in node.inputs:
            if input in uses:
                uses[input] -= 1
                if not uses[input]:
                    ready.append(input)
    return ready


def walk(
    output: Any, upstream: Any, create_graph: bool = False, record: Record = None, until: Any = ()
) -> dict[Any, Any]:
    """The gradient of y = `output` with respect to every node x that it depends on: dy/dx = Σ dy/dz · ∂z/∂x over z → x.

    `upstream` is the gradient to start from, a number, an array or a node of the shape of `output`. With `create_graph`
    entries are given nodes, so that gradients are nodes too. `record` is told of every edge; the walk ends at `until`.
    """
    gradients = {output: upstream}
    for node in topological_order(output, until):
        upstream, row = gradients[node], node.row
        operands = node.operands() if create_graph else node.values
        entries = row.entries if create_graph else row.for_numbers
        for position, input in enumerate(node.inputs):
            if input.requires_grad:
                if row.elementwise:
                    local = entries[position](*operands)
                    downstream = times(upstream, local)
                else:
                    local = None
                    downstream = entries[position](upstream, *operands, **node.params)
                downstream = fit(downstream, input._array)
                gradients[input] = gradients[input] + downstream if input in gradients else downstream
                if record:
                    record(node, position, upstream, local, downstream)
    return gradients


def times(upstream: Any, local: Any) -> Any:
    """upstream × local; the many local derivatives that are the number 1 cost no product."""
    return upstream if local is ONE else upstream * local


def fit(gradient: Any, value: Any) -> Any:
    """Undo broadcasting and promotion: a gradient has the shape and the dtype of the value that it belongs to."""
    if type(gradient) is float64 is type(value):
        return gradient
    if gradient.shape != value.shape:
        gradient = unbroadcast(gradient, value.shape)
    return gradient if gradient.dtype is value.dtype else cast(gradient, value.dtype)
