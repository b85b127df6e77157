"""Activations and their kind, which NumPy lacks: plain NumPy, for Tensors, arrays and numbers alike.

Each is an operation with a row in `rules`; what stands here is how to compute its value in every range.
"""

from math import pi, sqrt
from typing import Any

import numpy as np

from .foreign import is_duck
from .functions import axes_of, floating, largest, number, operation, sigmoid, within


@operation
def softplus(x: Any) -> Any:
    """log(1 + eˣ), elementwise, exact in both tails; its derivative is σ(x).

    >>> float(softplus(-800.0)), float(softplus(800.0))
    (0.0, 800.0)
    """
    x = floating(x, "softplus")
    return np.maximum(x, 0) + np.log1p(np.exp(-abs(x)))


@operation
def log_sigmoid(x: Any) -> Any:
    """log σ(x) = −softplus(−x), elementwise, where log(sigmoid(x)) is −inf below −745 and 0 above 37.

    >>> float(log_sigmoid(-800.0))
    -800.0
    """
    x = floating(x, "log_sigmoid")
    return np.minimum(x, 0) - np.log1p(np.exp(-abs(x)))


@operation
def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where it is positive, slope·x elsewhere.

    >>> leaky_relu(np.array([-2.0, 3.0])).tolist()
    [-0.02, 3.0]
    """
    x = floating(x, "leaky_relu")
    return np.maximum(x, 0) + slope * np.minimum(x, 0)


@operation
def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, alpha·(eˣ − 1) elsewhere (Clevert, Unterthiner and Hochreiter 2015).

    >>> elu(np.array([-800.0, 3.0])).tolist()
    [-1.0, 3.0]
    """
    x = floating(x, "elu")
    return np.maximum(x, 0) + alpha * np.expm1(np.minimum(x, 0))


@operation
def silu(x: Any) -> Any:
    """x·σ(x), elementwise, also called swish.

    >>> silu(np.array([-800.0, 0.0, 800.0])).tolist()
    [-0.0, 0.0, 800.0]
    """
    x = floating(x, "silu")
    return gated(x, x)


@operation
def gelu(x: Any) -> Any:
    """x·Φ(x) by its tanh approximation, x·σ(√(8/π)·(x + 0.044715·x³)) (Hendrycks and Gimpel 2016).

    >>> gelu(np.array([-800.0, 0.0, 800.0])).tolist()
    [-0.0, 0.0, 800.0]
    """
    x = floating(x, "gelu")
    return gated(x, gate(within(x)))


def gated(x: Any, u: Any) -> Any:
    """x·σ(u), also where e⁻ᵘ overflows: silu(−746) is −7.8e-322, though σ(−746) is 0."""
    if not is_duck(u):
        try:
            with np.errstate(over="raise", invalid="raise"):
                return x / (1 + np.exp(-u))
        except FloatingPointError:
            pass
    root = np.exp(-abs(u) / 2)
    left = np.maximum(np.minimum(x, 0), -END) * root * root
    return number(np.where(u < 0, left, x) / (1 + root * root))


END = 12_000  # Here σ(−x) is 0 in every dtype; gelu(x) is x or 0 from 40 on.


def gate(x: Any) -> Any:
    """The u in gelu(x) = x·σ(u)."""
    return x * (sqrt(8 / pi) + 0.044715 * sqrt(8 / pi) * (x * x))


def gelu_prime(y: Any, x: Any) -> Any:
    """σ(u) + x·u′·σ′(u) for y = x·σ(u), where x·σ′(u) is y·σ(−u)."""
    x = within(x)
    u, slope = gate(x), sqrt(8 / pi) + 3 * 0.044715 * sqrt(8 / pi) * (x * x)
    return sigmoid(u) + within(y) * slope * sigmoid(-u)


@operation
def softmax(x: Any, axis: Any = -1) -> Any:
    """eˣ / Σ eˣ over `axis`, without overflow.

    >>> softmax(np.array([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    z, _, axis = below_largest(x, axis, "softmax")
    e = np.exp(z)
    return e / e.sum(axis=axis, keepdims=True)


@operation
def log_softmax(x: Any, axis: Any = -1) -> Any:
    """x − log Σ eˣ over `axis`, without overflow, and exact where one element outweighs all others.

    >>> [f"{y:.4g}" for y in log_softmax(np.array([0.0, -50.0]))]
    ['-1.929e-22', '-50']
    """
    z, _, axis = below_largest(x, axis, "log_softmax")
    return z - log_of_sum(z, axis)


@operation
def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log Σ eˣ over `axis`, without overflow; its derivative is softmax(x).

    >>> float(logsumexp(np.array([1000.0, 1000.0])).round(6))
    1000.693147
    """
    z, top, axis = below_largest(x, axis, "logsumexp")
    y = top + log_of_sum(z, axis)
    return y if keepdims else number(y.squeeze(axis))


def below_largest(x: Any, axis: Any, name: str) -> tuple[Any, Any, Any]:
    """(x − its largest element over `axis`, that element, the axes): no exponential of the first overflows.

    Equal infinities are at a distance of 0, so that they share.
    """
    x = floating(x, name)
    axis = axis if type(axis) is int else axes_of(axis, x.ndim)
    top = largest(x, axis, -np.inf)
    if not is_duck(x) and np.isfinite(top).all():
        return x - top, top, axis
    with np.errstate(invalid="ignore"):
        return np.where(x == top, 0, x - top), top, axis


def log_of_sum(z: Any, axis: Any) -> Any:
    """log Σ eᶻ over `axis`, where the largest z is 0: its term is left out if it outweighs all others."""
    e = np.exp(z)
    total = e.sum(axis=axis, keepdims=True)
    if not is_duck(z) and (total >= 1.5).all():
        return np.log(total)
    return np.log1p(np.where(total < 1.5, (e * (z < 0)).sum(axis=axis, keepdims=True), total - 1))
