"""Sums, orders and differences, written in functions that have a row."""

from typing import Any

import numpy as np

from ..functions import Function, axes_of, join


def prod(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    """The product, half of the elements times the other half: no division, so that a 0 has a derivative too."""
    axes = axes_of(axis, x.ndim)
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    n = np.prod([x.shape[i] for i in axes], dtype=int)
    y = np.reshape(np.transpose(x, axes + rest), (n, *(x.shape[i] for i in rest)))
    y = y if y.shape[0] else join(y, np.ones((1, *y.shape[1:]), x.dtype), axis=0)
    while y.shape[0] > 1:
        half = y.shape[0] // 2
        pairs = y[:half] * y[half : 2 * half]
        y = join(pairs, y[2 * half :], axis=0) if y.shape[0] % 2 else pairs
    return np.reshape(y, tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i not in axes))


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    if (a_min is not None or a_max is not None) and (min is not None or max is not None):
        raise ValueError("clip: the bounds are given twice; give a_min and a_max, or else min and max")
    low, high = (new if old is None else old for old, new in ((a_min, min), (a_max, max)))
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


STATISTICS: dict[Function, Function] = {
    np.prod: prod,
    np.clip: clip,
}
