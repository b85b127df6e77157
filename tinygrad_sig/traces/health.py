"""Health: how much gradient each layer of a network gets, as a table of a row a layer."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..engine.tensor import Tensor
from ..show.text import length, number, table
from .chain import ACTIVATIONS
from .trace import GradientTrace, Step

SATURATED = 0.01  # A unit is saturated where its slope is below this part of the largest that there is.

AFFINE = ("matmul", "multiply", "add", "subtract", "transpose", "reshape", "cast")


@dataclass(frozen=True)
class LayerHealth:
    """The parameters of one layer, taken together: norms of gradient and weights, and the part that gets nothing.

    `zeros` is the fraction of gradients that are exactly 0, `saturated` that of units whose slope is below 1 % of its
    largest, None where the layer has no known activation or there is no trace to look at.
    """

    layer: str
    gradient: float
    weight: float
    zeros: float
    saturated: float | None

    @property
    def ratio(self) -> float:
        """‖gradient‖ / ‖weight‖, nan where the weights are 0."""
        return self.gradient / self.weight if self.weight else float("nan")


class GradientNorms(tuple[LayerHealth, ...]):
    """A `LayerHealth` for each layer, from the input to the output; printed, a table."""

    def __str__(self) -> str:
        header = ["layer", "‖gradient‖", "‖weight‖", "ratio", "saturated", "zeros"]
        rows = [
            [
                row.layer,
                *(number(value) for value in (row.gradient, row.weight, row.ratio)),
                *(percent(share) for share in (row.saturated, row.zeros)),
            ]
            for row in self
        ]
        return "\n".join(table([header, *rows], "<>>>>>"))


def gradient_norms(source: GradientTrace | Iterable[Tensor]) -> GradientNorms:
    """The health of every layer, from the trace of a loss or from parameters after `backward`.

    Parameters whose names end in the same number, w3 and b3, are a layer; others stand alone. Raises ValueError where
    there is no parameter, or one that has no gradient yet, and TypeError for a Tensor.

    >>> w = Tensor([3.0, 4.0], name="w1")
    >>> (w * w).sum().backward()
    >>> print(gradient_norms([w]))
    layer  ‖gradient‖  ‖weight‖     ratio  saturated  zeros
    1       10.000000  5.000000  2.000000          –  0.0 %
    """
    if isinstance(source, Tensor):
        raise TypeError("gradient_norms: a Tensor has no layers; give trace(loss), or the parameters of a network")
    if isinstance(source, GradientTrace):
        gradients = {leaf: source.gradients[leaf] for leaf in reversed(source.leaves)}
        slopes = activations(source)
    else:
        gradients, slopes = {parameter: parameter.grad for parameter in source}, {}
    if not gradients:
        raise ValueError("gradient_norms: there are no parameters; give a trace, or the parameters of a network")
    layers: dict[str, list[Tensor]] = {}
    for i, (parameter, gradient) in enumerate(gradients.items(), 1):
        if gradient is None:
            raise ValueError(f"gradient_norms: {parameter.name or 'a parameter'} has no gradient; call backward first")
        layers.setdefault(layer_of(parameter.name) if parameter.name else f"unnamed {i}", []).append(parameter)
    return GradientNorms(health(layer, members, gradients, slopes) for layer, members in in_order(layers))


def health(layer: str, members: list[Tensor], gradients: dict[Tensor, Any], slopes: dict[Tensor, Step]) -> LayerHealth:
    every = np.concatenate([np.ravel(gradients[parameter]) for parameter in members])
    weights = np.concatenate([np.ravel(parameter.data) for parameter in members])
    steps = [slopes[parameter] for parameter in members if parameter in slopes]
    saturated = None
    if steps:
        steepest = ACTIVATIONS[steps[0].function].steepest
        saturated = float(np.mean(np.abs(steps[0].local) < SATURATED * steepest))
    zeros = float(np.mean(every == 0)) if every.size else 0.0
    return LayerHealth(layer, length(every), length(weights), zeros, saturated)


def activations(trace: GradientTrace) -> dict[Tensor, Step]:
    """The step of the activation that each parameter goes into, where nothing but AFFINE is between them."""
    onward: dict[Tensor, Step] = {}
    for step in trace:
        onward.setdefault(step.input, step)
    found = {}
    for leaf in trace.leaves:
        next_step = onward.get(leaf)
        while next_step and next_step.op in AFFINE:
            next_step = onward.get(next_step.output)
        if next_step and next_step.function in ACTIVATIONS:
            found[leaf] = next_step
    return found


def layer_of(name: str) -> str:
    """The number that a name like w3 ends in; the name itself where there is none."""
    match = re.search(r"\d+$", name)
    return match[0] if match else name


def in_order(layers: dict[str, list[Tensor]]) -> list[tuple[str, list[Tensor]]]:
    """The layers by their numbers, after those that have none, which stay as they are."""
    return sorted(layers.items(), key=lambda item: int(item[0]) if item[0].isdecimal() else -1)


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.1f} %"
