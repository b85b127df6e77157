"""The functions that NumPy lacks and the rules need: sigmoid, its kind, and what undoes sums, broadcasts and products.

They are plain NumPy. Those marked as an `operation` have a row in `rules` and may be called with Tensors, arrays and
numbers alike; the others are compositions of functions that have one.
"""

from collections.abc import Callable
from functools import wraps
from math import exp
from typing import Any

import numpy as np
from numpy import float64

Function = Callable[..., Any]


def operation(function: Function) -> Function:
    """Let Tensors and symbols take over a call of `function`, as NumPy lets them take over its own functions."""

    @wraps(function)
    def call(*args: Any, **params: Any) -> Any:
        for argument in (*args, *params.values()):
            if hasattr(argument, "__operation__"):
                return argument.__operation__(call, *args, **params)
        return function(*args, **params)

    return call


def sigmoid_with_slope(x: Any) -> tuple[Any, Any]:
    """(σ(x), σ′(x)) from one exponential, within 4 ulp: nothing is subtracted from 1, so no tail is rounded away.

    With e = exp(−|x|), σ is e/(1 + e) left of 0 and 1/(1 + e) right of it, and σ′ is e/(1 + e)² = e/(1 + e·(2 + e)).
    As 0 ≤ e ≤ 1, the larger of e and sign(x) is e on the left and 1 on the right.
    """
    if isinstance(x, float):
        e = exp(-abs(x))
        return float64((e if x < 0 else 1.0) / (1 + e)), e / (1 + e * (2 + e))
    e = np.exp(-abs(x))
    return np.maximum(e, np.sign(x)) / (1 + e), e / (1 + e * (2 + e))


@operation
def sigmoid(x: Any) -> Any:
    """σ(x) = 1/(1 + e⁻ˣ), elementwise, to a few ulp in both tails, and without a warning for any x.

    Takes a Tensor, an array or a number; keeps its shape and its floating dtype (integers become float64). The
    derivative σ′(x) = σ(x)·σ(−x) is as exact: at x = 40, where 1 − σ(x) is 0 in float64, it is 4.248e-18.

    >>> sigmoid(np.array([-800.0, 0.0, 800.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return sigmoid_with_slope(x * 1.0)[0]


@operation
def relu(x: Any) -> Any:
    """max(x, 0), elementwise, with derivative 0 at 0; keeps shape and dtype of the Tensor, array or number x.

    >>> relu(np.array([-2.0, 3.0])).tolist()
    [0.0, 3.0]
    """
    return np.maximum(x, 0)


@operation
def sech(x: Any) -> Any:
    """1/cosh(x), elementwise, which does not overflow: cosh(x) does from |x| = 711 on.

    >>> float(sech(0.0))
    1.0
    """
    e = np.exp(-abs(x))
    return 2 * e / (1 + e * e)


@operation
def larger(a: Any, b: Any) -> Any:
    """The share of a in max(a, b): 1 where a > b, ½ where they tie, 0 where a < b."""
    return np.where(a == b, 0.5, np.where(a > b, 1.0, np.where(a < b, 0.0, np.nan)))


@operation
def getitem(x: Any, key: Any) -> Any:
    """x[key]."""
    return x[key]


@operation
def scatter(x: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """An array of zeros into which x is added at `key`: the transpose of x[key], so repeated indices add up."""
    out = np.zeros(shape, x.dtype)
    np.add.at(out, key, x)
    return out


@operation
def cast(x: Any, dtype: Any) -> Any:
    """x in another floating dtype."""
    return x.astype(dtype)


def unbroadcast(g: Any, shape: tuple[int, ...]) -> Any:
    """Undo broadcasting: sum g over the axes along which a value of this shape was repeated."""
    added = g.ndim - len(shape)
    axes = tuple(range(added))
    if g.shape[added:] != shape:
        axes += tuple(added + i for i, n in enumerate(shape) if n == 1 != g.shape[added + i])
    g = g.sum(axis=axes)
    return g if g.shape == shape else np.reshape(g, shape)


def spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Undo a sum of x over `axis`: every summand receives the gradient of its sum."""
    return np.broadcast_to(g if keepdims or axis is None else np.expand_dims(g, axis), x.shape)


def count(x: Any, y: Any) -> Any:
    """How many elements of x have a part in one element of their mean y."""
    n = x.size // max(y.size, 1)
    return n if n < 65504 else float64(n)  # float16 holds no greater number, and a Python int would become one


def lowered(b: Any, a: Any) -> Any:
    """b − 1, but 0 where a and b are 0: so the third derivative of x² at 0 is 0·0⁰ = 0, and not 0·0⁻¹."""
    return b - 1 if (b != 0).all() else b - np.logical_or(b != 0, a != 0)


def matmul_left(g: Any, a: Any, b: Any) -> Any:
    """g @ bᵀ, where a vector a counts as one row and a vector b as one column."""
    if b.ndim == 1:
        return np.expand_dims(g, -1) * b
    return np.matmul(np.expand_dims(g, -2) if a.ndim == 1 else g, transposed(b))


def matmul_right(g: Any, a: Any, b: Any) -> Any:
    """aᵀ @ g, where a vector a counts as one row and a vector b as one column."""
    if a.ndim == 1:
        return a * g if b.ndim == 1 else np.expand_dims(a, -1) * np.expand_dims(g, -2)
    if b.ndim == 1:
        return np.squeeze(np.matmul(transposed(a), np.expand_dims(g, -1)), -1)
    return np.matmul(transposed(a), g)


def transposed(a: Any) -> Any:
    """aᵀ, of the last two axes."""
    return a.T if a.ndim == 2 else np.swapaxes(a, -1, -2)


def inverse(axes: Any) -> Any:
    """The permutation that undoes np.transpose(x, axes)."""
    return None if axes is None else np.argsort(np.atleast_1d(axes) % np.size(axes))
