"""Forward mode: the chain rule from the other end, by the same rows of the same tables.

The walk in `backward` starts at the output and multiplies local derivatives on its way to the inputs; `push` starts at
the inputs, with the direction in which they move, and multiplies the same factors on its way to the output. One walk
gives the derivative of one output by all inputs, one push the derivative of all outputs along one direction.
"""

from functools import reduce
from operator import add
from typing import Any

import numpy as np

from ..calculus.functions import cast
from ..engine.backward import fit, times, topological_order, walk
from ..engine.recording import recorded
from ..engine.tensor import Tensor


def push(output: Tensor, tangents: dict[Tensor, Any], create_graph: bool = False) -> Any:
    """The tangent of y = `output`, Σ ∂y/∂x · (tangent of x) over its inputs x, and so on down to the given `tangents`.

    0 where the output depends on none of them. With `create_graph`, tangents are Tensors.
    """
    for node in reversed(topological_order(output, tangents)):
        moving = [position for position, input in enumerate(node.inputs) if input in tangents]
        if moving and node not in tangents:
            total = reduce(add, (pushed(node, i, tangents[node.inputs[i]], create_graph) for i in moving))
            total = total if total.shape == node.shape else np.broadcast_to(total, node.shape)
            tangents[node] = total if total.dtype == node.dtype else cast(total, node.dtype)
    return tangents[output] if output in tangents else np.zeros_like(output._array)


def pushed(node: Any, position: int, tangent: Any, create_graph: bool) -> Any:
    """What the tangent v of one input adds to the tangent of a node: ∂y/∂x · v.

    For a linear map y = J·x the table has only the way back, g ↦ Jᵀ·g. But v·(Jᵀ·g) is the same number as (J·v)·g, and
    so its gradient with respect to g is J·v. For a sum: back, g is repeated, (g, g, g); v·(g, g, g) = (v₁ + v₂ + v₃)·g;
    and its gradient, v₁ + v₂ + v₃, is what a sum does to v.
    """
    row = node.row
    operands = node.operands() if create_graph else node.values
    entry = (row.entries if create_graph else row.for_numbers)[position]
    if row.elementwise:
        return times(tangent, entry(*operands))
    g = Tensor(np.zeros_like(node._array))  # Any g will do.
    with recorded(True):
        back = fit(entry(g, *operands, **node.params), node.inputs[position]._array)
    if not getattr(back, "requires_grad", False):
        return g._array  # What does not depend on g carries 0 back, and 0 forward.
    # The operands are no part of the map: without `until`, each node of a long chain would walk all that is below it.
    return walk(back, tangent, create_graph, until={node, *node.inputs}).get(g, g._array)
