"""How the forward pass computes a function where it is not by a plain call, and what users see it called."""

import operator
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from .foreign import is_duck
from .functions import Function, cast, contract, euclidean, log_det, p_norm, sigmoid, sigmoid_with_slope, stack, std


def reduction(ufunc: Any) -> Function:
    return lambda x, axis=None, keepdims=False: ufunc.reduce(x, axis, None, None, keepdims)


def mean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """np.mean without its wrapper; float16, which it sums in float32, and other array types are left to it."""
    if x.dtype == np.float16 or is_duck(x) or not (x.ndim or axis is None):  # Of a number it takes no axis.
        return np.mean(x, axis=axis, keepdims=keepdims)
    y = reduction(np.add)(x, axis, keepdims)
    return y / y.dtype.type(x.size // max(y.size, 1))


def expand_dims(x: Any, axis: Any) -> Any:
    if type(axis) is not int:
        return np.expand_dims(x, axis)
    return x[(slice(None),) * normalize_axis_index(axis, x.ndim + 1) + (None,)]


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    if not type(source) is type(destination) is int:
        return np.moveaxis(x, source, destination)
    order = list(range(x.ndim))
    order.insert(normalize_axis_index(destination, x.ndim), order.pop(normalize_axis_index(source, x.ndim)))
    return x.transpose(order)


# On single numbers Python's operators take a tenth of the time of NumPy's functions; and some of NumPy's functions are
# wrappers in Python, which cost more than a small sum does.
COMPUTED: dict[Function, Function] = {
    np.negative: operator.neg,
    np.absolute: operator.abs,
    np.add: operator.add,
    np.subtract: operator.sub,
    np.multiply: operator.mul,
    np.divide: operator.truediv,
    np.remainder: operator.mod,
    np.power: operator.pow,
    np.fabs: operator.abs,
    np.sum: reduction(np.add),
    np.prod: reduction(np.multiply),
    np.mean: mean,
    np.max: reduction(np.maximum),
    np.min: reduction(np.minimum),
    np.reshape: lambda x, shape=None, newshape=None: x.reshape(newshape if shape is None else shape),
    np.transpose: lambda x, axes=None: x.transpose(axes),
    np.std: std,
    np.swapaxes: lambda x, axis1, axis2: x.swapaxes(axis1, axis2),
    np.squeeze: lambda x, axis=None: x.squeeze(axis),
    np.expand_dims: expand_dims,
    np.roll: lambda x, shift, axis=None: np.roll(x, np.asarray(shift, int).tolist(), axis),
    np.rot90: lambda x, k=1, axes=(0, 1): np.rot90(x, operator.index(k), axes),
    np.moveaxis: moveaxis,
    stack: lambda *x, axis: np.concatenate([expand_dims(a, axis) for a in x], int(axis)),
}

# What computes (y, ∂y/∂x) in one stroke: from the exponential that σ takes, σ′ is two more steps.
IN_ONE_STROKE: dict[Function, Function] = {sigmoid: sigmoid_with_slope}

# Operations behind functions of NumPy, by the names that one knows.
NAMES: dict[Function, str] = {
    **dict.fromkeys((euclidean, p_norm), "norm"),
    **{contract: "einsum", cast: "astype", log_det: "slogdet"},
}
