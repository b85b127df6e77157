"""Activations and their kind, which NumPy lacks: plain NumPy, for Tensors, arrays and numbers alike."""

from math import pi, sqrt
from typing import Any

import numpy as np

from .functions import Function, axes_of, number, pivots, real, relu, sigmoid


def softplus(x: Any) -> Any:
    """log(1 + eˣ), elementwise, exact in both tails; its derivative is σ(x).

    >>> float(softplus(-800.0)), float(softplus(800.0))
    (0.0, 800.0)
    """
    return np.logaddexp(real(x, "softplus"), 0)


def log_sigmoid(x: Any) -> Any:
    """log σ(x) = −softplus(−x), elementwise, where log(sigmoid(x)) is −inf below −745 and 0 above 37.

    >>> float(log_sigmoid(-800.0))
    -800.0
    """
    return -softplus(-real(x, "log_sigmoid"))


def leaky_relu(x: Any, slope: float = 0.01) -> Any:
    """x where it is positive, slope·x elsewhere.

    >>> leaky_relu(np.array([-2.0, 3.0])).tolist()
    [-0.02, 3.0]
    """
    x = real(x, "leaky_relu")
    return number(np.where(x > 0, x, slope * np.where(x > 0, 0, x)))


def elu(x: Any, alpha: float = 1.0) -> Any:
    """x where it is positive, alpha·(eˣ − 1) elsewhere (Clevert, Unterthiner and Hochreiter 2015).

    >>> elu(np.array([-800.0, 3.0])).tolist()
    [-1.0, 3.0]
    """
    x = real(x, "elu")
    return number(np.where(x > 0, x, alpha * np.expm1(np.where(x > 0, 0, x))))


def gelu(x: Any) -> Any:
    """x·Φ(x) by its tanh approximation, x·σ(√(8/π)·(x + 0.044715·x³)) (Hendrycks and Gimpel 2016).

    >>> gelu(np.array([-800.0, 0.0, 800.0])).tolist()
    [0.0, 0.0, 800.0]
    """
    return gated(real(x, "gelu"), lambda t: sqrt(8 / pi) * (t + 0.044715 * t * t * t), 40)


def silu(x: Any) -> Any:
    """x·σ(x), elementwise, also called swish.

    >>> silu(np.array([-800.0, 0.0, 800.0])).tolist()
    [-0.0, 0.0, 800.0]
    """
    return gated(real(x, "silu"), lambda t: t, 12_000)


def gated(x: Any, gate: Function, end: float) -> Any:
    """x·σ(gate(x)), and max(x, 0) beyond |x| = end, where σ is 0 or 1, but ∞·σ and ∞·σ′ are no numbers."""
    inside = abs(x) < end
    t = np.where(inside, x, 0)
    return number(np.where(inside, t * sigmoid(gate(t)), relu(x)))


def centred(x: Any, axis: Any) -> tuple[Any, Any, Any]:
    """(p, x − p, Σ exp(x − p) − 1) over `axis`, for p a largest x: nothing overflows, and no small term is rounded off.

    The sum leaves out p itself, whose term is the 1. Any element may be p without a change in the result, so that the
    choice among equal ones has no part in the derivative. An infinite x is at a distance of 0 from an equal p.
    """
    here = pivots(x, axis)
    p = np.sum(np.where(here, x, 0), axis=axis, keepdims=True)
    infinite = np.isinf(p) & (x == p)
    z = np.where(infinite, 0, x) - np.where(infinite, 0, p)
    return p, z, np.sum(np.exp(np.where(here, -np.inf, z)), axis=axis, keepdims=True)


def logsumexp(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """log Σ eˣ over `axis`, without overflow; its derivative is softmax(x).

    >>> float(logsumexp(np.array([1000.0, 1000.0])).round(6))
    1000.693147
    """
    x = x if hasattr(x, "ndim") else np.asarray(x)
    p, _, rest = centred(x, axis)
    y = (p if x.size else p - np.inf) + np.log1p(rest)
    return y if keepdims else number(np.squeeze(y, axes_of(axis, x.ndim)))


def softmax(x: Any, axis: Any = -1) -> Any:
    """eˣ / Σ eˣ over `axis`, without overflow.

    >>> softmax(np.array([1000.0, 1000.0])).tolist()
    [0.5, 0.5]
    """
    _, z, rest = centred(x if hasattr(x, "ndim") else np.asarray(x), axis)
    return np.exp(z) / (1 + rest)


def log_softmax(x: Any, axis: Any = -1) -> Any:
    """x − log Σ eˣ over `axis`, without overflow, and exact where one element outweighs all others.

    >>> [f"{y:.4g}" for y in log_softmax(np.array([0.0, -50.0]))]
    ['-1.929e-22', '-50']
    """
    _, z, rest = centred(x if hasattr(x, "ndim") else np.asarray(x), axis)
    return z - np.log1p(rest)
