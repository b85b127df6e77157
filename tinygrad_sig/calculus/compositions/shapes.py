"""Arrays joined, split and moved, written in functions that have a row."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..functions import (
    Function,
    axes_of,
    getitem,
    join,
    scatter,
)


def ravel(x: Any) -> Any:
    return np.reshape(x, (-1,))


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    sources, targets = axes_of(source, x.ndim), axes_of(destination, x.ndim)
    order = [i for i in range(x.ndim) if i not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return np.transpose(x, tuple(order))


def concatenate(arrays: Sequence[Any], axis: int | None = 0) -> Any:
    if axis is None:
        arrays, axis = [np.reshape(a, (-1,)) for a in arrays], 0
    return join(*arrays, axis=axis)


def stack(arrays: Sequence[Any], axis: int = 0) -> Any:
    return join(*(np.expand_dims(a, axis) for a in arrays), axis=axis)


def diagonal(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    x = np.moveaxis(x, (axis1, axis2), (-2, -1))
    i, j = on_diagonal(min(x.shape[-2] - max(-offset, 0), x.shape[-1] - max(offset, 0)), offset)
    return x[..., i, j]


def diag(x: Any, k: int = 0) -> Any:
    if x.ndim == 2:
        return np.diagonal(x, k)
    return scatter(x, on_diagonal(len(x), k), (len(x) + abs(k),) * 2)


def trace(x: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    return np.sum(np.diagonal(x, offset, axis1, axis2), axis=-1)


def on_diagonal(n: int, offset: int) -> tuple[Any, Any]:
    """The rows and the columns of n elements of a diagonal."""
    i = np.arange(max(n, 0))
    return i + max(-offset, 0), i + max(offset, 0)


def tril(x: Any, k: int = 0) -> Any:
    return np.where(np.tri(x.shape[-2:][0], x.shape[-1], k) > 0, x, 0)


def triu(x: Any, k: int = 0) -> Any:
    return np.where(np.tri(x.shape[-2:][0], x.shape[-1], k - 1) > 0, 0, x)


def take(x: Any, indices: Any, axis: int | None = None) -> Any:
    x, axis = (np.reshape(x, (-1,)), 0) if axis is None else (x, axes_of(axis, x.ndim)[0])
    empty = isinstance(indices, list | tuple) and not np.size(indices)
    indices = np.asarray(indices, int if empty else None)
    return getitem(x, (slice(None),) * axis + (indices.astype(int) if indices.dtype == bool else indices,))


SHAPES: dict[Function, Function] = {
    np.ravel: ravel,
    np.moveaxis: moveaxis,
    np.concatenate: concatenate,
    np.stack: stack,
    np.diagonal: diagonal,
    np.diag: diag,
    np.trace: trace,
    np.tril: tril,
    np.triu: triu,
    np.take: take,
}
