"""Functions that need no row in the tables, because they are written in functions that have one.

They are plain NumPy, for Tensors and arrays alike. First those that NumPy lacks; then those of NumPy's own that are
compositions, by which `COMPOSED` replaces them when a Tensor is among their arguments.
"""

from collections.abc import Sequence
from math import pi, sqrt
from math import prod as prod_of
from typing import Any

import numpy as np

from .functions import Function, contract, euclidean, getitem, join, number, operation, real, relu, scatter, sigmoid


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


@operation
def pivots(x: Any, axis: Any) -> Any:
    """True at one element of each slice over `axis`, a largest one."""
    axes = axes_of(axis, x.ndim)
    if 0 in x.shape:
        return np.zeros(x.shape, bool)
    rest = tuple(i for i in range(x.ndim) if i not in axes)
    order, shape = rest + axes, tuple(x.shape[i] for i in rest)
    slices = np.reshape(np.transpose(x, order), (*shape, -1))
    found = np.arange(slices.shape[-1]) == np.argmax(slices, axis=-1, keepdims=True)
    back = tuple(order.index(i) for i in range(x.ndim))
    return np.transpose(np.reshape(found, tuple(x.shape[i] for i in order)), back)


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


def ravel(x: Any) -> Any:
    return np.reshape(x, (-1,))


def moveaxis(x: Any, source: Any, destination: Any) -> Any:
    sources, targets = axes_of(source, x.ndim), axes_of(destination, x.ndim)
    order = [i for i in range(x.ndim) if i not in sources]
    for target, axis in sorted(zip(targets, sources, strict=True)):
        order.insert(target, axis)
    return np.transpose(x, tuple(order))


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


def deviation(x: Any, axis: Any, ddof: float) -> tuple[Any, Any]:
    """(x − its mean over `axis`, what the sum of squares is to be divided by)."""
    n = prod_of(x.shape[i] for i in axes_of(axis, x.ndim))
    return x - np.mean(x, axis=axis, keepdims=True), max(int(n) - float(ddof), 0.0)


def var(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    d, n = deviation(x, axis, ddof)
    return np.sum(d * d, axis=axis, keepdims=keepdims) / n


def std(x: Any, axis: Any = None, *, ddof: float = 0, keepdims: bool = False) -> Any:
    d, n = deviation(x, axis, ddof)
    return euclidean(d, axis=axis, keepdims=keepdims) / np.sqrt(np.longdouble(n)).astype(x.dtype)


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    n = len(axes_of(axis, x.ndim))
    if n not in (1, 2) and (axis is not None or ord is not None):
        raise ValueError(f"norm: it is that of a vector or of a matrix, not over {n} axes; give one axis, or two")
    vector = n == 1
    if ord is None or (vector and ord == 2) or (not vector and ord == "fro"):
        return euclidean(x, axis=axis, keepdims=keepdims)
    if vector and ord in (1, np.inf, -np.inf):
        size = np.absolute(x)
        reduce = np.sum if ord == 1 or (ord > 0 and not x.size) else np.max if ord > 0 else np.min
        return reduce(size, axis=axis, keepdims=keepdims)
    raise TypeError(f"norm: it has no derivative with ord={ord!r} here; use None, or 1, 2 or inf for vectors")


def clip(x: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:
    if (a_min is not None or a_max is not None) and (min is not None or max is not None):
        raise ValueError("clip: the bounds are given twice; give a_min and a_max, or else min and max")
    low, high = (new if old is None else old for old, new in ((a_min, min), (a_max, max)))
    x = x if low is None else np.maximum(x, low)
    return x if high is None else np.minimum(x, high)


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


def dot(a: Any, b: Any) -> Any:
    if np.ndim(a) == 0 or np.ndim(b) == 0:
        return np.multiply(a, b)
    return np.matmul(a, b) if np.ndim(b) <= 2 and np.ndim(a) <= 2 else np.tensordot(a, b, (-1, max(np.ndim(b) - 2, 0)))


def inner(a: Any, b: Any) -> Any:
    return np.multiply(a, b) if np.ndim(a) == 0 or np.ndim(b) == 0 else np.tensordot(a, b, (-1, -1))


def outer(a: Any, b: Any) -> Any:
    return np.reshape(a, (-1, 1)) * np.reshape(b, (1, -1))


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum over pairs of axes, as one product of matrices."""
    m, n = np.ndim(a), np.ndim(b)
    left, right = (range(m - axes, m), range(axes)) if isinstance(axes, int) else axes
    summed = axes_of(left, m), axes_of(right, n)
    kept = [tuple(i for i in range(k) if i not in s) for k, s in zip((m, n), summed, strict=True)]
    shapes = [tuple(np.shape(x)[i] for i in k) for x, k in zip((a, b), kept, strict=True)]
    if [np.shape(a)[i] for i in summed[0]] != [np.shape(b)[i] for i in summed[1]]:
        raise ValueError(f"tensordot: {np.shape(a)} and {np.shape(b)} have other lengths along {axes}; give other axes")
    width = prod_of(np.shape(a)[i] for i in summed[0])
    rows = np.reshape(np.transpose(a, kept[0] + summed[0]), (prod_of(shapes[0]), width))
    columns = np.reshape(np.transpose(b, summed[1] + kept[1]), (width, prod_of(shapes[1])))
    return np.reshape(rows @ columns, shapes[0] + shapes[1])


def einsum(subscripts: str, *x: Any, optimize: Any = False) -> Any:
    """np.einsum, brought to the form in which every axis has a letter and the result is written out."""
    if not isinstance(subscripts, str):
        raise TypeError("einsum: its derivative takes the subscripts as a string; write them like 'ij,jk->ik'")
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(x):
        raise ValueError(f"einsum: {subscripts!r} has {len(terms)} terms for {len(x)} arrays; give one for each")
    free = [letter for letter in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if letter not in subscripts]
    dots = [np.ndim(a) - len(term.replace("...", "")) if "..." in term else 0 for a, term in zip(x, terms, strict=True)]
    terms = [term.replace("...", "".join(free[: max(n, 0)][::-1])) for term, n in zip(terms, dots, strict=True)]
    shared = "".join(free[: max(dots, default=0)][::-1])
    if not arrow:
        letters = "".join(terms)
        out = "..." + "".join(sorted(a for a in set(letters) if letters.count(a) == 1 and a not in shared))
    return contract(*x, terms=tuple(terms), out=out.replace("...", shared), optimize=optimize)


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that a parameter names, none of them negative; all for None."""
    if axis is None:
        return tuple(range(ndim))
    try:
        return tuple(np.lib.array_utils.normalize_axis_tuple(axis, ndim))
    except TypeError as error:
        raise TypeError(f"axis: {axis!r} is no whole number and no tuple of them; give one of these") from error


COMPOSED: dict[Function, Function] = {
    np.ravel: ravel,
    np.moveaxis: moveaxis,
    np.prod: prod,
    np.var: var,
    np.std: std,
    np.linalg.norm: norm,
    np.clip: clip,
    np.concatenate: concatenate,
    np.stack: stack,
    np.diagonal: diagonal,
    np.diag: diag,
    np.trace: trace,
    np.tril: tril,
    np.triu: triu,
    np.take: take,
    np.dot: dot,
    np.inner: inner,
    np.outer: outer,
    np.tensordot: tensordot,
    np.einsum: einsum,
}
