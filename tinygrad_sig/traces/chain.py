"""The chain: a_i = f(w_i·a_{i−1} + b_i), with a_0 = x and y = a_n, as a graph and as formulas to hold against it.

With five layers, no biases and f = σ it is the example in section 1.2.3 of the exercise sheet VDL1 (November 2023).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .. import show
from ..calculus.functions import Function, relu, sigmoid, sigmoid_prime
from ..engine.display import Displayed
from ..engine.tensor import Tensor
from ..show.text import columns, excerpt, filled, log10, number, power_of_ten, shown, table
from .trace import GradientTrace, Step, sign, trace

if TYPE_CHECKING:
    from decimal import Decimal

Numbers = Sequence[Any]
Biases = Iterable[Any] | None


class Activation(NamedTuple):
    """What the formulas beside the graph need to know of f: its slope, the largest there is, and f in decimals."""

    symbol: str
    slope: Callable[[Any], Any]
    steepest: float
    decimal: Callable[[Any], Any]


STEADY = 1e-6  # A mean factor whose log10 is below this neither shrinks the gradient nor makes it grow.
ALIKE = math.log10(1.1)  # Layers whose factors differ by less than a tenth have lost as much as each other.
ACTIVATIONS: dict[Function, Activation] = {
    sigmoid: Activation("σ", sigmoid_prime, 0.25, lambda z: 1 / (1 + (-z).exp())),
    np.tanh: Activation("tanh", lambda z: 4 * sigmoid_prime(2 * z), 1.0, lambda z: 1 - 2 / (1 + (2 * z).exp())),
    relu: Activation("relu", lambda z: np.asarray(z > 0, float)[()], 1.0, lambda z: max(z, 0)),
}


def sigmoid_chain(x: Any, weights: Iterable[Any], biases: Biases = None, activation: Function = sigmoid) -> Tensor:
    """The chain y = f(w_n·…f(w_1·x + b_1)… + b_n) as a graph of Tensors, named x, w1…, b1…, z1…, a1…, y.

    x, weights and biases are numbers, or Tensors, which are used as they are. Raises ValueError without weights, and
    where there are not as many biases as weights.

    >>> y = sigmoid_chain(1.0, [1.0, 1.0, 1.0, 1.0, 1.0])
    >>> y.backward()
    >>> print(f"{y:.12f}")
    0.659226913419
    """
    weights, biases = paired(weights, biases, None)
    if not callable(activation):
        raise TypeError(f"sigmoid_chain: the activation is no {type(activation).__name__}; give a function")
    a = leaf(x, "x")
    for i, (weight, bias) in enumerate(zip(weights, biases, strict=True), 1):
        z = leaf(weight, f"w{i}") * a
        if bias is not None:
            z.name = f"p{i}"
            z = z + leaf(bias, f"b{i}")
        z.name = f"z{i}"
        a = activation(z)
        if not isinstance(a, Tensor):
            raise TypeError(f"sigmoid_chain: the activation returned a {type(a).__name__}, and no Tensor")
        a.name = f"a{i}"
    a.name = "y"
    return a


def paired(weights: Iterable[Any], biases: Biases, default: Any) -> tuple[list[Any], list[Any]]:
    """The weights, and a bias for each: the default where there are none."""
    weights = listed("weights", weights)
    biases = [default] * len(weights) if biases is None else listed("biases", biases)
    if not weights:
        raise ValueError("sigmoid_chain: there are no weights; give at least one, a layer each")
    if len(biases) != len(weights):
        counts = f"{len(weights)} weight{'s' * (len(weights) != 1)} and {len(biases)} bias{'es' * (len(biases) != 1)}"
        raise ValueError(f"sigmoid_chain: {counts}; give one bias for each weight")
    return weights, biases


def listed(what: str, numbers: Any) -> list[Any]:
    try:
        return list(numbers)
    except TypeError as error:
        raise TypeError(f"sigmoid_chain: {what} are no {type(numbers).__name__}; give one for each layer") from error


def leaf(value: Any, name: str) -> Tensor:
    """A Tensor of this name, unless it has one already."""
    tensor = value if isinstance(value, Tensor) else Tensor(value)
    tensor.name = tensor.name or name
    return tensor


def known(activation: Function) -> Activation:
    if activation not in ACTIVATIONS:
        names = ", ".join(function.__name__ for function in ACTIVATIONS)
        raise ValueError(f"chain: no closed form is known for {activation.__name__}; use one of {names}")
    return ACTIVATIONS[activation]


def preactivations(x: Any, weights: Numbers, biases: Biases = None, activation: Function = sigmoid) -> Any:
    """([z_1, …, z_n], [a_0, …, a_n]) in plain numbers: z_i = w_i·a_{i−1} + b_i, a_i = f(z_i)."""
    z, a = [], [x]
    for weight, bias in zip(*paired(weights, biases, 0), strict=True):
        z.append(weight * a[-1] + bias)
        a.append(activation(z[-1]))
    return z, a


def closed_form_gradient(x: Any, weights: Numbers, biases: Biases = None, activation: Function = sigmoid) -> Any:
    """∂y/∂x = ∏ w_i·f′(z_i), written out without any graph.

    >>> print(f"{closed_form_gradient(1.0, [1.0] * 5):.6e}")
    4.861426e-04
    """
    z, _ = preactivations(x, weights, biases, activation)
    return math.prod(w * known(activation).slope(z_i) for w, z_i in zip(weights, z, strict=True))


def printed_product(x: Any, weights: Numbers, biases: Biases = None, activation: Function = sigmoid) -> Any:
    """∏ w_i·f′(a_{i−1}), which the exercise sheet prints for ∂y/∂x. It is right only where f′(a_{i−1}) is f′(z_i).

    That is so where all weights are 1 and no bias moves z; and, f′ being even, where they are −1.

    >>> print(f"{printed_product(1.0, [10.0] * 5):.4f} against {closed_form_gradient(1.0, [10.0] * 5):.4e}")
    29.3823 against 1.9314e-17
    """
    _, a = preactivations(x, weights, biases, activation)
    return math.prod(w * known(activation).slope(a_i) for w, a_i in zip(weights, a[:-1], strict=True))


def gradient_bound(weights: Numbers, activation: Function = sigmoid) -> float:
    """∏ |w_i|·sup f′, which no |∂y/∂x| exceeds; for σ, whose slope is at most ¼, it is ∏ |w_i| / 4ⁿ."""
    return math.prod(abs(float(w)) * known(activation).steepest for w in weights)


def finite_difference(
    x: Any, weights: Numbers, biases: Biases = None, activation: Function = sigmoid, digits: int = 100
) -> Decimal:
    """(y(x + h) − y(x − h)) / 2h in decimals of so many digits, with h = 10^(−digits/4).

    It knows no derivatives. In floating point the difference of two activations near 1 would be rounded away.

    >>> print(f"{finite_difference(1.0, [10.0] * 5):.4e}")
    1.9314e-17
    """
    from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal, localcontext  # here, as nothing else has need of it

    def y(a: Decimal) -> Decimal:
        for weight, bias in zip(*paired(weights, biases, 0), strict=True):
            a = known(activation).decimal(Decimal(float(weight)) * a + Decimal(float(bias)))
        return a

    with localcontext(Context(prec=digits, Emin=MIN_EMIN, Emax=MAX_EMAX, traps=[])):
        middle, h = Decimal(float(x)), Decimal(10) ** -(digits // 4)
        return (y(middle + h) - y(middle - h)) / (2 * h)


class Layer(NamedTuple):
    """One layer on the way back: factor = w_i·f′(z_i), and gradient = ∂y/∂a_{i−1}, what is left after it.

    `log10` is log10|factor|, and `share` its part of the whole decay, nan where not all layers decay. `running` and
    `sign` are log10 and the sign of what is left after the layer, true also where the gradient itself underflowed.
    """

    layer: int
    weight: float
    bias: float | None
    preactivation: float
    activation: float
    local_derivative: float
    factor: float
    gradient: float
    log10: float
    running: float
    sign: float
    share: float

    @property
    def slope_log10(self) -> float:
        """log10|f′(z_i)|."""
        return self.log10 - log10(self.weight) if self.weight else log10(self.local_derivative)


class Layers(Displayed, tuple[Layer, ...]):
    """The layers of a chain from the last to the first; in `worst` most was lost, and `reason` says why.

    `below` is the name of what they start from, where that was computed too, and has layers of its own.
    """

    function: Function
    known: Activation
    x: float
    dtype: Any
    below: str

    def __new__(cls, rows: Iterable[Layer], function: Function, x: float, dtype: Any, below: str = "") -> Layers:
        made = super().__new__(cls, rows)
        made.function, made.known, made.x, made.dtype = function, ACTIVATIONS[function], x, dtype
        made.below = below
        return made

    @property
    def worst(self) -> Layer:
        """The layer with the smallest factor; of equal ones that nearest to the input."""
        return min(reversed(self), key=lambda layer: (not math.isnan(layer.log10), layer.log10))

    @property
    def even(self) -> bool:
        """Whether no layer stands out, because all lost about as much."""
        sizes = [layer.log10 for layer in self]
        return len(self) > 1 and max(sizes) - min(sizes) < ALIKE

    @property
    def reason(self) -> str:
        """Why the worst layer lost more than the one that comes next to it: a smaller weight, or a smaller slope."""
        worst, steepest = self.worst, self.known.steepest
        weight, size, lost = abs(worst.weight), abs(worst.preactivation), log10(steepest) - worst.slope_log10
        if math.isnan(worst.log10):
            return f"undefined: the factor of layer {worst.layer} is nan"
        if worst.log10 >= 0:
            return "nothing was lost"
        if self.even:
            smallest = min(abs(layer.preactivation) for layer in self)
            all_saturated = max(layer.slope_log10 for layer in self) < log10(steepest / 2)
            return "no layer stands out" + f": all are saturated, |z| is about {smallest:.4g} or more" * all_saturated
        if weight == 0:
            return "its weight is 0"
        if not math.isfinite(lost):
            return f"inactive, z = {worst.preactivation:.4g}: the slope is 0, not {steepest:g}, its largest"
        lighter, flatter = -log10(weight), lost
        if rest := [layer for layer in self if layer.log10 > worst.log10 + ALIKE]:
            second = min(rest, key=lambda layer: layer.log10)
            lighter, flatter = lighter + log10(second.weight), second.slope_log10 - worst.slope_log10
        if lighter > flatter and weight * steepest < 1:
            return f"small weight: |w| = {weight:.4g}, and the slope is at most {steepest:g}"
        if lost < ALIKE / 2:
            return f"the slope is at most {steepest:g}"
        times = f"{10**lost:.3g}" if lost < 6 else power_of_ten(lost)
        slope = f"saturated, |z| = {size:.4g}: the slope" if lost > log10(2) else f"the slope at |z| = {size:.4g}"
        return f"{slope} is {times} times smaller than {steepest:g}, its largest"

    @property
    def conclusion(self) -> str:
        """The layer in which most was lost, where one stands out; the reason; and what is not read, if anything."""
        worst, further = self.worst, f"; what {self.below} was computed from is not read" * bool(self.below)
        if self.even or not worst.log10 < 0:
            return self.reason + further
        others = sum(layer.log10 <= worst.log10 + ALIKE for layer in self) - 1
        more = f", as much in {others} other{'s' * (others > 1)}" if others else ""
        return f"most lost in layer {worst.layer}{more}: {self.reason}{further}"

    @property
    def header(self) -> list[str]:
        """What the cells of a layer are."""
        slope = f"{self.known.symbol}'(z)"
        return ["layer", "weight", "z", slope, f"w·{slope}", "running product", "share"]

    def cells(self, layer: Layer) -> list[str]:
        """A layer as texts, by column."""
        slope = shown(layer.local_derivative, layer.slope_log10)
        factor = shown(layer.factor, layer.log10, math.copysign(1, layer.weight))
        left = shown(layer.gradient, layer.running, layer.sign)
        share = "–" if math.isnan(layer.share) else f"{layer.share:.1%}".replace("-0.0", "0.0")
        return [str(layer.layer), number(layer.weight), number(layer.preactivation), slope, factor, left, share]

    def to_text(self, limit: int | None = 40, width: int | None = None) -> str:
        """The layers as a table, as wide as the terminal; of more than `limit` the middle is left out."""
        width = width or columns()
        rows = excerpt(self.cells, self, limit, "… {:,} layers left out …")
        lines = table([self.header, *rows], ">>>>>>>", width)
        return "\n".join([*lines, filled(self.conclusion, width, rest="  ")])

    __str__ = to_text

    def plot(self, axes: Any = None) -> Any:
        """What is left of the gradient after each layer, below the bound, on a logarithmic axis; returns the Axes."""
        return show.plots.chain(self, axes)


def layers(chain: Tensor | GradientTrace) -> Layers:
    """The backward pass through a chain from `sigmoid_chain`, grouped by layers, the last first.

    Of a longer graph the last layers are read, as far as they are a chain. Raises ValueError where there are none, and
    where another path leads to what they start from.

    >>> print(layers(sigmoid_chain(1.0, [1.0, 10.0])))
    layer     weight         z       σ'(z)   w·σ'(z)  running product  share
        2  10.000000  7.310586  6.6753e-04  0.006675         0.006675  75.5%
        1   1.000000  1.000000    0.196612  0.196612         0.001312  24.5%
    most lost in layer 2: saturated, |z| = 7.311: the slope is 375 times smaller than 0.25, its largest
    """
    steps = chain if isinstance(chain, GradientTrace) else trace(chain)
    slopes = {step.output: step for step in steps if step.output.function in ACTIVATIONS}
    found: list[tuple[Any, Any, Step, Tensor]] = []
    a = steps.output
    while a.function in ACTIVATIONS:
        z = a.inputs[0]
        product, bias = (z.inputs[0], float(z.values[2])) if z.op == "add" else (z, None)
        if a not in slopes or product.op != "multiply":
            found.clear()
            break
        found.append((product.values[1], bias, slopes[a], product))
        a = product.inputs[1]
    if not found:
        what = "build the chain with sigmoid_chain, or see a network's layers with gradient_norms(trace(loss))"
        raise ValueError(f"layers: {steps.names[a]} is no chain; {what}")
    if a in steps.gradients and (ways := steps.paths(a).count) != 1:
        what = f"{ways} paths lead to {steps.names[a]}, so that its gradient is a sum"
        raise ValueError(f"layers: {what}; see them with trace(y).paths")
    sizes = [step.log10 + log10(weight) for weight, _, step, _ in found]
    zeros = sum(map(math.isinf, sizes))
    total = sum(sizes)
    if abs(total) < STEADY * len(found) or min(sizes) < 0 < max(sizes):
        total = math.nan  # There is no decay to have a share in, or some layers undo what others do.
    rows = []
    running, direction = log10(steps.gradients[steps.output]), sign(steps.gradients[steps.output])
    for depth, ((weight, bias, step, product), size) in enumerate(zip(found, sizes, strict=True)):
        running, direction = running + size, direction * step.sign * sign(weight)
        share = float(math.isinf(size)) / zeros if zeros else size / total
        values = map(float, (step.value, step.output.values[0], step.factor, weight * step.factor))
        left = float(steps.gradients[product] * weight)
        numbers = float(weight), bias, *values, left, size, running, direction, share
        rows.append(Layer._make((len(found) - depth, *numbers)))
    below = steps.names[a] if a.inputs else ""
    return Layers(rows, found[0][2].function, float(found[-1][3].values[2]), steps.output.dtype, below)
