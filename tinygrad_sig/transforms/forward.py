"""Forward mode: the chain rule from the other end, by the same rows of the same tables.

The walk in `backward` starts at the output and multiplies local derivatives on its way to the inputs; `push` starts at
the inputs, with the direction in which they move, and multiplies the same factors on its way to the output. One walk
gives the derivative of one output by all inputs, one push the derivative of all outputs along one direction.
"""

from collections.abc import Callable
from functools import reduce
from operator import add
from typing import Any

import numpy as np

from ..calculus.functions import Function, cast
from ..calculus.rules import LINEAR, LOCAL
from ..engine.backward import ONE, fit, topological_order, walk
from ..engine.tensor import Tensor, recorded


def push(output: Tensor, tangents: dict[Tensor, Any], create_graph: bool = False) -> Any:
    """The tangent of y = `output`, Σ ∂y/∂x · (tangent of x) over its inputs x, and so on down to the given `tangents`.

    None where the output depends on none of them. With `create_graph`, tangents are Tensors.
    """
    for node in reversed(topological_order(output, tangents)):
        moving = [position for position, input in enumerate(node.inputs) if input in tangents]
        if node in tangents or not moving:
            continue
        operands = node.operands() if create_graph else node.values
        terms = [pushed(node, i, operands, tangents[node.inputs[i]], create_graph) for i in moving]
        total = reduce(add, terms)
        total = total if total.shape == node.shape else np.broadcast_to(total, node.shape)
        tangents[node] = total if total.dtype == node.dtype else cast(total, node.dtype)
    return tangents.get(output)


def pushed(node: Tensor, position: int, operands: tuple[Any, ...], tangent: Any, create_graph: bool) -> Any:
    """What the tangent of one input adds to the tangent of a node."""
    function: Function = node.function  # type: ignore[assignment]
    if function in LOCAL:
        row = LOCAL[function]
        local = operands[2] if len(operands) > 2 == len(row) + 1 else row[position](*operands, **node.params)
        return tangent if local is ONE else tangent * local

    def carry(g: Tensor) -> Any:
        return fit(LINEAR[function][position](g, *operands, **node.params), operands[position + 1])

    return transposed(carry, node, tangent, create_graph)


def transposed(carry: Callable[[Tensor], Any], node: Tensor, tangent: Any, create_graph: bool) -> Any:
    """A linear map g ↦ carry(g) in the other direction: the gradient of Σ tangent·carry(g) with respect to g."""
    g = Tensor(np.zeros_like(node.data))
    with recorded(True):
        carried = carry(g)
    if not getattr(carried, "requires_grad", False):
        return g.data  # What does not depend on g carries 0 back, and 0 forward.
    # The operands are no part of the map: without `until`, each node of a long chain would walk all that is below it.
    return walk(carried, tangent, create_graph, until={node, *node.inputs}).get(g, g.data)
