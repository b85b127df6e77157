"""Health: how much gradient each layer of a network gets, as a table of a row a layer."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np

from .. import show
from ..engine.backward import topological_order, walk
from ..engine.display import Displayed
from ..engine.tensor import Tensor, constant
from ..engine.values import floating, label, plain
from ..show.text import SHARES, columns, filled, length, number, percent, table
from .chain import ACTIVATIONS
from .trace import GradientTrace, Step

SATURATED = 0.01  # A unit is saturated where its slope is below this part of the largest that there is.

AFFINE = ("matmul", "multiply", "divide", "add", "subtract", "transpose", "reshape", "astype")


class LayerHealth(NamedTuple):
    """The parameters of one layer, taken together: norms of gradient and weights, and the part that gets nothing.

    `zeros` is the fraction of gradients that are exactly 0, `underflowed` that of those which only their dtype made 0:
    a walk in float64 along the same graph finds another number. It is None where that cannot be known: there is no
    trace, or 0 stands in float64 itself. `saturated` is the fraction of units whose slope is below 1 % of its largest,
    None where the layer has no known activation or there is no trace to look at.
    """

    layer: str
    gradient: float
    weight: float
    zeros: float
    saturated: float | None
    underflowed: float | None = None

    @property
    def ratio(self) -> float:
        """‖gradient‖ / ‖weight‖, nan where the weights are 0."""
        return self.gradient / self.weight if self.weight else float("nan")


class GradientNorms(Displayed, tuple[LayerHealth, ...]):
    """A `LayerHealth` for each layer, from the input to the output; printed, a table that explains its columns."""

    def __str__(self) -> str:
        header = ["layer", "‖gradient‖", "‖weight‖", "ratio", "saturated", "zeros", "underflowed"]
        rows = []
        for x in self:
            shares = map(percent, (x.saturated, x.zeros, x.underflowed))
            rows.append([x.layer, *map(number, (x.gradient, x.weight, x.ratio)), *shares])
        return "\n".join([*table([header, *rows], "<>>>>>>", columns()), *map(filled, SHARES)])

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
    layer  ‖gradient‖  ‖weight‖     ratio  saturated  zeros  underflowed
    1       10.000000  5.000000  2.000000          –  0.0 %        0.0 %
    ratio: ‖gradient‖/‖weight‖; saturated: units with under 1 % of the largest slope
    zeros: gradients that are 0; underflowed: those that only their dtype made 0
    """
    if isinstance(source, Tensor):
        raise TypeError("gradient_norms: a Tensor has no layers; give trace(loss), or the parameters of a network")
    if isinstance(source, GradientTrace):
        gradients = {leaf: source.gradients[leaf] for leaf in reversed(source.leaves)}
        weights = {step.input: step.value for step in source}  # what the gradients belong to, whatever a leaf holds now
        into, lost = activations(source), underflows(source)
    else:
        gradients, weights, into, lost = gradients_of("gradient_norms", source), {}, {}, {}
    layers: dict[str, list[Tensor]] = {}
    for i, parameter in enumerate(gradients, 1):
        layer = layer_of(parameter.name) if parameter.name else f"unnamed {i}"
        layers.setdefault(layer, []).append(parameter)

    def health(layer: str) -> LayerHealth:
        members = layers[layer]
        gradient = math.hypot(*(length(gradients[x]) for x in members))
        weight = math.hypot(*(length(weights.get(x, x.data)) for x in members))
        size = max(1, sum(x.size for x in members))
        zeros = sum(int(np.count_nonzero(gradients[x] == 0)) for x in members) / size
        known = not zeros or all(x in lost for x in members)
        missing = sum(int(np.count_nonzero(lost[x])) for x in members) / size if known and zeros else 0.0
        flat = saturation({step.output: step for x in members for step in into.get(x, ())}.values())
        return LayerHealth(layer, gradient, weight, zeros, flat, missing if known else None)

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


def activations(trace: GradientTrace) -> dict[Tensor, list[Step]]:
    """The known activation that each use of a leaf goes into, the nearest one with nothing but AFFINE between.

    So a recurrent weight has one for each step in time, and the last weight of a residual block, whose output goes on
    to all later ones, has that of the next block. A mean and a deviation that normalise are passed on the way.
    """
    nearest: dict[Tensor, tuple[int, Step]] = {}
    found: dict[Tensor, list[Step]] = {}
    for step in trace:
        if step.function in ACTIVATIONS:
            way = 0, step
        elif step.op in AFFINE and step.output in nearest:
            between, activation = nearest[step.output]
            way = between + 1, activation
        else:
            continue
        if not step.input.inputs:
            found.setdefault(step.input, []).append(way[1])
        elif step.input not in nearest or way[0] < nearest[step.input][0]:
            nearest[step.input] = way
    return found


def saturation(steps: Iterable[Step]) -> float | None:
    """The part of the units whose slope is below SATURATED of its largest; None without an activation."""
    flat = [np.ravel(np.abs(step.local) < SATURATED * ACTIVATIONS[step.function].steepest) for step in steps]
    return float(np.mean(np.concatenate(flat))) if any(map(len, flat)) else None


def underflows(trace: GradientTrace) -> dict[Tensor, Any]:
    """Which gradients of a leaf their dtype made 0, where it can be known: between scalars, and below float64."""
    if trace.scalar:
        return {leaf: trace.state(leaf) == "underflowed" for leaf in trace.leaves}
    if all(np.finfo(gradient.dtype).bits >= 64 for gradient in trace.gradients.values()):
        return {}
    wide = gradients_in_float64(trace)
    return {leaf: (trace.gradients[leaf] == 0) & (wide[leaf] != 0) for leaf in trace.leaves}


def gradients_in_float64(trace: GradientTrace) -> dict[Tensor, Any]:
    """The gradients by a second walk: the same graph, the same values, and float64 on the way back."""
    twins: dict[Tensor, Tensor] = {}

    def twin(tensor: Tensor) -> Tensor:
        if tensor not in twins:
            twins[tensor] = constant(in_float64(tensor._array))
            twins[tensor].requires_grad = tensor.requires_grad
        return twins[tensor]

    with np.errstate(all="ignore"):  # What overflowed on the way there is inf or nan here as well.
        for node in topological_order(trace.output):
            made = twin(node)
            made.row, made.params, made.inputs = node.row, node.params, tuple(map(twin, node.inputs))
            made.values = in_float64(node.values)
            if node.row.in_one_stroke:
                x = made.values[1]
                made.values = *made.values[:2], node.row.compute(x)[1]
        gradients = walk(twin(trace.output), in_float64(trace.gradients[trace.output]))
    return {tensor: gradients[twins[tensor]] for tensor in trace.gradients}


def in_float64(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(in_float64, value))
    return value.astype(np.float64) if getattr(getattr(value, "dtype", None), "kind", "") == "f" else value
