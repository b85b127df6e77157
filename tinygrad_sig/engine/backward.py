"""The chain rule: the order in which nodes are visited, and the one walk that every gradient comes from.

Nothing here knows of Tensors. A node is whatever has the attributes of `Node`, and the walk multiplies and adds what
the rules return: numbers for a first derivative, nodes of a new graph for a second one.
"""

from collections.abc import Callable
from typing import Any, Protocol

from numpy import float64

from ..calculus.functions import Function, cast, unbroadcast
from ..calculus.rules import LINEAR, LOCAL


class Node(Protocol):
    """A value that a function computed: values = (y, x, …) with y = function(x, …, **params), x from the inputs."""

    function: Function | None
    inputs: tuple[Any, ...]
    values: tuple[Any, ...]
    params: dict[str, Any]
    requires_grad: bool

    def operands(self) -> tuple[Any, ...]:
        """(y, x, …) as nodes."""


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
            if input in uses:
                uses[input] += 1
                shared = True
            elif input.inputs and input.requires_grad and input not in until:
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

    `upstream` is the gradient to start from: a NumPy number, an array or a node, of the shape of `output`. With
    `create_graph` the rules are given nodes instead of numbers, so that the gradients are nodes too.
    `record(node, position, upstream, local, downstream)` is told of every edge. The walk ends at the nodes in `until`.
    """
    gradients = {output: upstream}
    for node in topological_order(output, until):
        upstream = gradients[node]
        operands = node.operands() if create_graph else node.values
        elementwise = node.function in LOCAL
        entries = LOCAL[node.function] if elementwise else LINEAR[node.function]
        position = 0
        for input in node.inputs:
            if input.requires_grad:
                if elementwise:
                    local = (
                        operands[2]
                        if len(operands) > 2 == len(entries) + 1
                        else entries[position](*operands, **node.params)
                    )
                    downstream = upstream if local is ONE else upstream * local
                else:
                    local = None
                    downstream = entries[position](upstream, *operands, **node.params)
                value = operands[position + 1]
                if type(downstream) is not float64 or type(value) is not float64:  # Two plain numbers fit already.
                    downstream = fit(downstream, value)
                gradients[input] = gradients[input] + downstream if input in gradients else downstream
                if record:
                    record(node, position, upstream, local, downstream)
            position += 1  # noqa: SIM113 (enumerate makes the whole walk a fifth slower)
    return gradients


def fit(gradient: Any, value: Any) -> Any:
    """Undo broadcasting and promotion: a gradient has the shape and the dtype of the value that it belongs to."""
    if gradient.shape != value.shape:
        gradient = unbroadcast(gradient, value.shape)
    return gradient if gradient.dtype is value.dtype else cast(gradient, value.dtype)
