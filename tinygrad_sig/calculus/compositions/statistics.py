"""Sums, orders and differences, written in functions that have a row.

Where a value is a choice among elements, as in a sorted array or a median, the choice is made on the data, and what it
chose is taken: ties fall as NumPy orders them.
"""

from operator import index
from typing import Any

import numpy as np
from numpy.lib.array_utils import normalize_axis_index

from ..arguments import NO_VALUE
from ..functions import (
    Function,
    axes_of,
    cast,
    cumprod_back,
    cumprod_undone,
    floating,
    getitem,
    join,
    others,
    others_of,
    real,
)
from .shapes import concatenate


def average(x: Any, axis: Any = None, weights: Any = None, returned: bool = False, *, keepdims: bool = False) -> Any:
    x = real(x, "average")
    axis = None if axis is None else axes_of(axis, x.ndim)
    if weights is None:
        y = np.mean(x, axis=axis, keepdims=keepdims)
        total = x.size / y.size
        return (y, np.full(y.shape, total, y.dtype)[()]) if returned else y
    w = real(weights, "average")
    if w.shape != x.shape:
        if axis is None or w.shape != tuple(x.shape[i] for i in axis):
            raise ValueError(f"average: weights of shape {w.shape} do not fit {x.shape}; give one for each element")
        w = np.transpose(w, tuple(np.argsort(axis).tolist()))
        w = np.reshape(w, tuple(n if i in axis else 1 for i, n in enumerate(x.shape)))
    total = np.sum(w * np.ones_like(x), axis=axis, keepdims=keepdims)
    if isinstance(zero := np.any(total == 0), np.bool) and zero:  # A lazy one is not asked: that would compute it.
        raise ZeroDivisionError(f"average: of shape {w.shape}: Weights sum to zero, can't be normalized")
    y = np.sum(x * w, axis=axis, keepdims=keepdims) / total
    return (y, total) if returned else y


def ptp(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    return np.max(x, axis=axis, keepdims=keepdims) - np.min(x, axis=axis, keepdims=keepdims)


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    a_min, a_max = (None if bound is NO_VALUE else bound for bound in (a_min, a_max))
    if (a_min is not None or a_max is not None) and (min is not None or max is not None):
        raise ValueError("clip: the bounds are given twice; give a_min and a_max, or else min and max")
    low, high = (new if old is None else old for old, new in ((a_min, min), (a_max, max)))
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


def take_along_axis(x: Any, indices: Any, axis: int | None = -1) -> Any:
    x, axis = (np.reshape(x, (-1,)), 0) if axis is None else (x, normalize_axis_index(axis, x.ndim))
    if np.ndim(indices) != x.ndim or real(indices, "take_along_axis").dtype.kind not in "iu":
        raise ValueError(f"take_along_axis: {x.ndim} axes need whole numbers with as many axes; reshape the indices")
    whole = np.indices(x.shape, sparse=True) if x.ndim > 1 else ()
    return getitem(x, (*whole[:axis], indices, *whole[axis + 1 :]))


def sort(x: Any, axis: int | None = -1, kind: Any = None, *, stable: Any = None) -> Any:
    return take_along_axis(x, np.argsort(x, axis, kind=kind, stable=stable), axis)


def partition(x: Any, kth: Any, axis: int | None = -1, kind: Any = "introselect") -> Any:
    return take_along_axis(x, np.argpartition(x, kth, axis, kind=kind), axis)


def merged(x: Any, axis: Any, keepdims: bool) -> tuple[Any, tuple[int, ...]]:
    """(x with the axes of a reduction as its first one, the shape of what is reduced)."""
    axes = axes_of(axis, x.ndim)
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    shape = tuple(1 if i in axes else n for i, n in enumerate(x.shape) if keepdims or i in rest)
    x = x if axes + rest == tuple(range(x.ndim)) else np.transpose(x, axes + rest)
    return x if len(axes) == 1 else np.reshape(x, (-1, *x.shape[len(axes) :])), shape


def of_rank(x: Any, *ranks: Any) -> tuple[Any, ...]:
    """The elements of these ranks, counted from the smallest, along the first axis; nan where there is one."""
    if not len(x):
        raise IndexError(f"quantile: a Tensor of shape {x.shape} has no element of any rank; give one that has")
    order = np.argpartition(x, sorted({*np.ravel(ranks).tolist(), len(x) - 1}), axis=0)
    last = order[-1:]
    order = np.where(np.take_along_axis(np.isnan(x), last, 0), last, order)
    return tuple(take_along_axis(x, order[rank], 0) for rank in ranks)


def median(x: Any, axis: Any = None, *, keepdims: bool = False) -> Any:
    x, shape = merged(x, axis, keepdims)
    n = len(x)
    y = np.mean(of_rank(x, np.arange((n - 1) // 2, n // 2 + 1))[0] if n else x, axis=0)
    return y if y.shape == shape else np.reshape(y, shape)


def quantile_of(name: str, x: Any, q: Any, axis: Any, method: str, keepdims: bool) -> Any:
    if method != "linear":
        raise TypeError(f"{name}: it has no derivative with method={method!r} here; use 'linear'")
    x, weak, q = real(x, name), type(q) in (int, float), real(q, name)
    if not np.all((q >= 0) & (q <= 1)):
        raise ValueError(f"{name}: q must lie between 0 and 1; give the shares of the elements below")
    x, shape = merged(x, axis, keepdims)
    position = q * (len(x) - 1)
    below = np.floor(position).astype(position.dtype)
    rank = np.ravel(below.astype(int))
    y, above = of_rank(x, rank, np.minimum(rank + 1, len(x) - 1))
    if position.dtype.kind == "f":
        gap, t = above - y, position - below
        t = float(t) if weak else np.reshape(t, (-1,) + (1,) * (x.ndim - 1))
        y = np.where(t < 0.5, y + gap * t, above - gap * (1 - t))
    return np.reshape(y, q.shape + shape)


def quantile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    return quantile_of("quantile", x, q, axis, method, keepdims)


def percentile(x: Any, q: Any, axis: Any = None, *, method: str = "linear", keepdims: bool = False) -> Any:
    q = q / 100 if type(q) in (int, float) else real(q, "percentile") / 100
    return quantile_of("percentile", x, q, axis, method, keepdims)


def neighbours(x: Any, axis: int) -> tuple[Any, Any]:
    """(all but the first, all but the last) along `axis`."""
    before = (slice(None),) * normalize_axis_index(axis, x.ndim)
    return x[*before, 1:], x[*before, :-1]


def one_along(x: Any, axis: int) -> tuple[int, ...]:
    """The shape of x, with one element along `axis`."""
    axis = normalize_axis_index(axis, x.ndim)
    return *x.shape[:axis], 1, *x.shape[axis + 1 :]


def diff(x: Any, n: int = 1, axis: int = -1, prepend: Any = NO_VALUE, append: Any = NO_VALUE) -> Any:
    if n < 0:
        raise ValueError(f"diff: there is no difference of order {n}; give 0 or more")
    if n == 0:
        return x
    x = real(x, "diff")
    around = [a for a in (prepend, x, append) if a is not NO_VALUE]
    if len(around) > 1:
        x = concatenate([a if np.ndim(a) else np.broadcast_to(a, one_along(x, axis)) for a in around], axis)
    for _ in range(n):
        after, before = neighbours(x, axis)
        x = after - before
    return x


def gradient(f: Any, *varargs: Any, axis: Any = None, edge_order: int = 1) -> Any:
    """Slopes by differences, along each axis; `varargs` are a distance or coordinates, for all axes or for each."""
    f = real(f, "gradient")
    f = f if f.dtype.kind == "f" else f.astype(float)
    axes = axes_of(axis, f.ndim)
    steps = (varargs or (1.0,)) * (len(axes) if len(varargs) < 2 and np.ndim((*varargs, 0)[0]) == 0 else 1)
    steps = tuple(h if isinstance(h, int | float) else floating(h, "gradient") for h in steps)
    if len(steps) != len(axes) or edge_order not in (1, 2):
        raise TypeError(f"gradient: {len(steps)} distances for {len(axes)} axes; give one for all, or one for each")
    moved = (slope(np.moveaxis(f, i, 0) if i else f, h, edge_order) for i, h in zip(axes, steps, strict=True))
    slopes = tuple(np.moveaxis(y, 0, i) if i else y for i, y in zip(axes, moved, strict=True))
    return slopes[0] if len(axes) == 1 else slopes


def slope(f: Any, h: Any, edge_order: int) -> Any:
    """The slope, at each point of the first axis, of the parabola through it and its neighbours."""
    uniform = np.ndim(h) == 0
    if len(f) <= edge_order or (not uniform and np.shape(h) != (len(f),)):
        raise ValueError(f"gradient: coordinates of shape {np.shape(h)} for {len(f)} values; give one for each of more")
    d = h if uniform else np.reshape(diff(h), (-1,) + (1,) * (f.ndim - 1))
    first, last, left, right = (d,) * 4 if uniform else (d[:1], d[-1:], d[:-1], d[1:])
    between = diff(f, axis=0) / d
    bend = (between[1:] - between[:-1]) / (left + right)
    inner = (f[2:] - f[:-2]) / (2 * d) if uniform else between[:-1] + left * bend
    start, end = between[:1], between[-1:]
    if edge_order == 2:
        start, end = start - first * bend[:1], end + last * bend[-1:]
    found = join(start, inner, end, axis=0)
    return found if found.dtype == f.dtype else cast(found, f.dtype)


def trapezoid(y: Any, x: Any = None, dx: Any = 1.0, axis: int = -1) -> Any:
    y, d = real(y, "trapezoid"), dx
    if x is not None:
        x = real(x, "trapezoid")
        d = diff(x, axis=axis if x.ndim > 1 else -1)
        d = np.reshape(d, (-1,) + (1,) * (y.ndim - 1 - axes_of(axis, y.ndim)[0])) if x.ndim == 1 else d
    after, before = neighbours(y, axis)
    return np.sum(d / 2 * (after + before), axis=axis)


def interp(x: Any, xp: Any, fp: Any, left: Any = None, right: Any = None, period: Any = None) -> Any:
    """Differentiable in all three; at a point of xp the slope is the one to its right."""
    x, xp, fp = (real(v, "interp") * np.float64(1) for v in (x, xp, fp))
    if not (xp.ndim == fp.ndim == 1 and 0 != len(xp) == len(fp)):
        raise ValueError(f"interp: points of shape {xp.shape} and values of shape {fp.shape}; give as many, in a row")
    if period is not None:
        if period == 0:
            raise ValueError("interp: no period is 0; leave it out")
        x, xp, left, right = x % abs(period), xp % abs(period), None, None
        order = np.argsort(xp)
        turn = np.concatenate(([-1], np.zeros(len(xp)), [1]))
        around = np.concatenate((order[-1:], order, order[:1]))
        xp, fp = xp[around] + abs(period) * turn, fp[around]
    below, above = x < xp[0], x >= xp[-1]
    z = np.where(below | above, xp[0], x)
    i = np.clip(np.searchsorted(xp, z, "right") - 1, 0, max(len(xp) - 2, 0))
    j = np.minimum(i + 1, len(xp) - 1)
    start, gap = getitem(xp, i), getitem(xp, j) - getitem(xp, i)
    t = (z - start) / (gap + (gap == 0))
    y = getitem(fp, i) * (1 - t) + getitem(fp, j) * t
    y = np.where(below, fp[0] if left is None else left, np.where(above, fp[-1], y))
    return y if right is None else np.where(x > xp[-1], right, y)


def linspace(
    start: Any, stop: Any, num: int = 50, endpoint: bool = True, retstep: bool = False, *, axis: int = 0
) -> Any:
    start, stop = (np.asarray(end) if isinstance(end, list | tuple) else end for end in (start, stop))
    span, spaces = stop - start, index(num) - bool(endpoint)
    if num < 0:
        raise ValueError(f"linspace: {num} numbers are none; give 0 or more")
    step = span / spaces if spaces > 0 else np.nan
    i = np.reshape(np.arange(num, dtype=span.dtype), (-1,) + (1,) * span.ndim)
    y = start + i * (step if spaces > 0 else span)
    y = np.where(i == num - 1, stop, y) if endpoint and num > 1 else y
    y = y if axis == 0 else np.moveaxis(y, 0, axis)
    return (y, step) if retstep else y


def cumulative(run: Function, first: int) -> Function:
    """np.cumsum or np.cumprod under the name and with the parameters of the array API."""

    def cumulative(x: Any, *, axis: int | None = None, include_initial: bool = False) -> Any:
        x = x if x.ndim else np.reshape(x, (1,))
        if axis is None and x.ndim > 1:
            raise ValueError(f"cumulative: {x.ndim} axes; give the one along which to run")
        y = run(x, axis=axis)
        return join(np.full(one_along(x, axis or 0), first, x.dtype), y, axis=axis or 0) if include_initial else y

    return cumulative


STATISTICS: dict[Function, Function] = {
    others_of: others,
    cumprod_undone: cumprod_back,
    np.average: average,
    np.ptp: ptp,
    np.amax: np.max,
    np.amin: np.min,
    np.around: np.round,
    np.clip: clip,
    np.take_along_axis: take_along_axis,
    np.sort: sort,
    np.partition: partition,
    np.median: median,
    np.quantile: quantile,
    np.percentile: percentile,
    np.diff: diff,
    np.gradient: gradient,
    np.trapezoid: trapezoid,
    np.interp: interp,
    np.linspace: linspace,
}
if hasattr(np, "cumulative_sum"):  # since NumPy 2.1
    STATISTICS |= {np.cumulative_sum: cumulative(np.cumsum, 0), np.cumulative_prod: cumulative(np.cumprod, 1)}
