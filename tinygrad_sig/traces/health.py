"""Health: how much gradient each layer of a network gets, as a table of a row a layer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import show
from ..engine.display import Displayed
from ..engine.tensor import Tensor
from ..engine.values import floating, label, plain
from ..show.text import columns, length, number, table
from .chain import ACTIVATIONS
from .trace import GradientTrace

SATURATED = 0.01  # A unit is saturated where its slope is below this part of the largest that there is.

AFFINE = ("matmul", "multiply", "add", "subtract", "transpose", "reshape", "astype")


class LayerHealth(NamedTuple):
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


class GradientNorms(Displayed, tuple[LayerHealth, ...]):
    """A `LayerHealth` for each layer, from the input to the output; printed, a table."""

    def __str__(self) -> str:
        header = ["layer", "‖gradient‖", "‖weight‖", "ratio", "saturated", "zeros"]
        rows = []
        for x in self:
            saturated = "–" if x.saturated is None else f"{100 * x.saturated:.1f} %"
            rows.append([x.layer, *map(number, (x.gradient, x.weight, x.ratio)), saturated, f"{100 * x.zeros:.1f} %"])
        return "\n".join(table([header, *rows], "<>>>>>", columns()))

    def plot(self, axes: Any = None) -> Any:
        """‖gradient‖ and ‖weight‖ of each layer on a logarithmic axis; returns the Axes."""
        return show.plots.norms(self, axes)


def gradient_norms(source: GradientTrace | Iterable[Tensor]) -> GradientNorms:
    """The health of every layer, from the trace of a loss or from parameters after `backward`.

    Parameters whose names end in the same number, w3 and b3, are a layer, and so are fc.weight and fc.bias, which are
    the same before the last dot; others stand alone. Raises ValueError where there is no parameter, or one that has no
    gradient yet, and TypeError for what is no Tensor, or a single one.

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
        weights = {step.input: step.value for step in source}  # what the gradients belong to, whatever a leaf holds now
        saturated = saturations(source)
    else:
        gradients, weights, saturated = gradients_of("gradient_norms", source), {}, {}
    layers: dict[str, list[Tensor]] = {}
    for i, parameter in enumerate(gradients, 1):
        layer = layer_of(parameter.name) if parameter.name else f"unnamed {i}"
        layers.setdefault(layer, []).append(parameter)

    def health(layer: str) -> LayerHealth:
        members = layers[layer]
        gradient = math.hypot(*(length(gradients[x]) for x in members))
        weight = math.hypot(*(length(weights.get(x, x.data)) for x in members))
        zeros = sum(int(np.count_nonzero(gradients[x] == 0)) for x in members) / max(1, sum(x.size for x in members))
        flat = next((saturated[x] for x in members if x in saturated), None)
        return LayerHealth(layer, gradient, weight, zeros, flat)

    return GradientNorms(map(health, sorted(layers, key=lambda layer: int(layer) if layer.isdecimal() else -1)))


def layer_of(name: str) -> str:
    """The layer of a parameter: the number that its name ends in, what stands before its last dot, or the name."""
    number, module = re.search(r"\d+$", name), re.match(r"(.+)[./]\w+$", name)
    return number[0] if number else module[1] if module else name


def parameters_of(caller: str, network: Iterable[Tensor]) -> list[Tensor]:
    """The Tensors of a network or a list, each once; refused where there are none, and where there is anything else."""
    several = isinstance(network, Iterable) and not isinstance(network, Tensor | Mapping)
    found: list[Any] = list(network) if several else [network]
    strange = [type(item).__name__ for item in found if not (several and isinstance(item, Tensor))]
    if strange:
        raise TypeError(f"{caller}: parameters are no {strange[0]}; give a network, or a list of Tensors")
    if not found:
        raise ValueError(f"{caller}: there are no parameters; give a network, or a list of Tensors")
    return list(dict.fromkeys(found))


def gradients_of(caller: str, network: Iterable[Tensor]) -> dict[Tensor, Any]:
    """The gradients of parameters, without their graphs; refused where there is none, or one of another shape."""
    gradients = {}
    for parameter in parameters_of(caller, network):
        if parameter.grad is None:
            name = parameter.name or "a parameter"
            raise ValueError(f"{caller}: {name} has no gradient; call backward on a loss that depends on it first")
        gradient = plain(parameter.grad)
        if not hasattr(gradient, "dtype") or gradient.dtype.kind != "f":
            gradient = floating(gradient, caller)
        if gradient.shape != parameter.shape:
            what = f"a gradient of shape {gradient.shape} does not fit {label(parameter)}"
            raise ValueError(f"{caller}: {what}; call backward again")
        gradients[parameter] = gradient
    return gradients


def saturations(trace: GradientTrace) -> dict[Tensor, float]:
    """The part of saturated units in the activation that each parameter goes into with nothing but AFFINE between."""
    onward = {step.input: step for step in reversed(trace)}
    found = {}
    for leaf in trace.leaves:
        step = onward.get(leaf)
        while step and step.op in AFFINE:
            step = onward.get(step.output)
        if step and step.function in ACTIVATIONS:
            smallest = SATURATED * ACTIVATIONS[step.function].steepest
            found[leaf] = float(np.mean(np.abs(step.local) < smallest))
    return found
