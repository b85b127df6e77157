"""Products and linear algebra, written in functions that have a row."""

from functools import cache
from math import inf, prod
from operator import index
from string import ascii_lowercase, ascii_uppercase
from typing import Any

import numpy as np

from .. import functions as fn
from ..functions import Function, axes_of
from .shapes import built

LETTERS = ascii_uppercase + ascii_lowercase  # In the order in which NumPy has them.
MATRIX_NORMS: dict[Any, tuple[int, Function]] = {1: (0, np.max), -1: (0, np.min), inf: (1, np.max), -inf: (1, np.min)}
SlogdetResult: Any = type(np.linalg.slogdet(np.ones((1, 1))))


def norm(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    keepdims = bool(keepdims)
    if ord is axis is None and not keepdims:
        return fn.euclidean(x)
    axis = axis if isinstance(axis, tuple | None) else int(axis)
    axes = axes_of(axis, x.ndim)
    if ord is None and (axis is None or len(axes) in (1, 2)):
        return fn.euclidean(x, axis=axis, keepdims=keepdims)
    if len(axes) == 1:
        return vector_norm(x, axis, keepdims, ord)
    if len(axes) != 2:
        raise ValueError(f"norm: it is that of a vector or of a matrix, not over {len(axes)} axes; give one or two")
    if ord in ("fro", "f"):
        return fn.euclidean(x, axis=axes, keepdims=keepdims)
    if ord in ("nuc", 2, -2):
        raise TypeError(f"norm: it has no derivative with ord={ord!r} here; use None, 'fro', 1 or inf for matrices")
    summed, extreme = MATRIX_NORMS.get(ord, (0, None))
    if extreme is None:
        raise ValueError(f"norm: ord={ord!r} is no norm of a matrix; use 'fro', 1, -1, inf or -inf")
    sums = np.sum(np.absolute(x), axis=axes[summed], keepdims=True)
    return (extreme if x.size or ord < 0 else np.sum)(sums, axis=axes, keepdims=keepdims)


def vector_norm(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    keepdims = bool(keepdims)
    if ord is None or ord == 2:
        return fn.euclidean(x, axis=tuple(range(x.ndim)) if axis is None else axis, keepdims=keepdims)
    if ord == 0:
        return np.sum(unmoved(x, x != 0), axis=axis, keepdims=keepdims)
    if abs(ord) == inf:
        extreme = np.min if ord < 0 else np.max if x.size else np.sum
        return extreme(np.absolute(x), axis=axis, keepdims=keepdims)
    if ord == 1:
        return np.sum(np.absolute(x), axis=axis, keepdims=keepdims)
    return fn.p_norm(x, ord=float(ord), axis=axis, keepdims=keepdims)


def matrix_norm(x: Any, keepdims: bool = False, ord: Any = "fro") -> Any:
    return norm(x, ord, (-2, -1), keepdims)


def unmoved(x: Any, y: Any) -> Any:
    """The constant y as a function of x, whose derivative is 0."""
    return np.where(np.zeros(x.shape, bool), x, np.asarray(y, x.dtype))


def ndim(x: Any) -> int:
    """x.ndim; np.ndim is for lists, and costs more than a small product."""
    return x.ndim if hasattr(x, "ndim") else np.ndim(x)


def flat(x: Any) -> Any:
    return x if ndim(x) == 1 else np.ravel(x)


def dot(a: Any, b: Any) -> Any:
    if ndim(a) == 0 or ndim(b) == 0:
        return np.multiply(a, b)
    return a @ b if ndim(b) <= 2 else np.tensordot(a, b, (-1, -2))


def inner(a: Any, b: Any) -> Any:
    if ndim(a) == 0 or ndim(b) == 0:
        return np.multiply(a, b)
    return np.tensordot(a, b, (-1, -1)) if ndim(b) > 2 else a @ (np.transpose(b) if ndim(b) == 2 else b)


def outer(a: Any, b: Any) -> Any:
    return np.reshape(a, (-1, 1)) * flat(b)


def vdot(a: Any, b: Any) -> Any:
    return flat(a) @ flat(b)


def vecdot(a: Any, b: Any, axis: int = -1) -> Any:
    a, b = (a, b) if axis == -1 else (np.moveaxis(a, axis, -1), np.moveaxis(b, axis, -1))
    return a @ b if ndim(a) == ndim(b) == 1 else np.squeeze(np.expand_dims(a, -2) @ np.expand_dims(b, -1), (-2, -1))


def matvec(a: Any, b: Any) -> Any:
    if ndim(a) < 2:
        raise ValueError("matvec: its first argument is a matrix; give one of two axes or more")
    return a @ b if ndim(b) == 1 else np.squeeze(a @ np.expand_dims(b, -1), -1)


def vecmat(a: Any, b: Any) -> Any:
    return a @ b if ndim(a) == 1 < ndim(b) else np.squeeze(np.expand_dims(a, -2) @ b, -2)


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """The sum over pairs of axes: those have the same letter."""
    m, n = ndim(a), ndim(b)
    if isinstance(axes, int) and axes == 1 <= m and 1 <= n <= 2:
        return a @ b
    left, right = axes if np.ndim(axes) or isinstance(axes, tuple | list) else (range(m - axes, m), range(axes))
    left, right = axes_of(left, m), axes_of(right, n)
    if [np.shape(a)[i] for i in left] != [np.shape(b)[i] for i in right]:
        raise ValueError(f"tensordot: {np.shape(a)} and {np.shape(b)} have other lengths along {axes}; give other axes")
    first, second = list(LETTERS[:m]), list(LETTERS[m : m + n])
    for i, j in zip(left, right, strict=True):
        second[j] = first[i]
    kept = [x for x in first + second if x not in first or x not in second]
    subscripts = f"{''.join(first)},{''.join(second)}->{''.join(kept)}"
    return fn.contract(a, b, subscripts=subscripts, optimize=prod((*np.shape(a), *np.shape(b))) > fn.MANY)


def einsum(subscripts: Any, *x: Any, optimize: Any = False) -> Any:
    """np.einsum, also of (a, [0, 1], b, [1, 2], [0, 2]), which is "AB,BC->AC"."""
    if not isinstance(subscripts, str):
        operands, lists = [subscripts, *x[1::2]], [*x[::2]]
        x = tuple(operands[: len(lists)])
        terms = [spelled(labels) for labels in lists]
        subscripts = ",".join(terms) + (f"->{spelled(operands[-1])}" if len(operands) > len(lists) else "")
    return fn.contract(*x, subscripts=subscripts, optimize=optimize)


def spelled(labels: Any) -> str:
    """[0, ..., 1] as "A...B"."""
    known = isinstance(labels, list | tuple | np.ndarray)
    if not known or not all(label is ... or 0 <= index(label) < len(LETTERS) for label in labels):
        raise ValueError(f"einsum: {labels} are no labels; give whole numbers from 0 to 51, or ...")
    return "".join("..." if label is ... else LETTERS[label] for label in labels)


def multi_dot(arrays: Any) -> Any:
    """The matrices' product, in the order that needs the fewest multiplications."""
    arrays = [built(a) for a in arrays]
    ndims = [a.ndim for a in arrays]
    if len(arrays) < 2 or not (set(ndims[1:-1]) <= {2} and {ndims[0], ndims[-1]} <= {1, 2}):
        raise ValueError(f"multi_dot: it takes two matrices or more, or vectors at the ends, not {ndims} axes")
    sizes = [a.shape[0] for a in arrays] + [arrays[-1].shape[-1]]
    sizes[0], sizes[-1] = sizes[0] if ndims[0] == 2 else 1, sizes[-1] if ndims[-1] == 2 else 1

    @cache
    def cheapest(i: int, j: int) -> tuple[int, int]:
        """(how many multiplications the product of i, …, j − 1 takes, where it is cut in two)."""
        costs = ((cheapest(i, k)[0] + cheapest(k, j)[0] + sizes[i] * sizes[k] * sizes[j], k) for k in range(i + 1, j))
        return min(costs, default=(0, i))

    def product(i: int, j: int) -> Any:
        k = cheapest(i, j)[1]
        return product(i, k) @ product(k, j) if k > i else arrays[i]

    return product(0, len(arrays))


def matrix_power(a: Any, n: Any) -> Any:
    """By squares: a¹¹ is a⁸·a²·a."""
    if a.shape[-1] != a.shape[-2]:
        raise ValueError(f"matrix_power: {a.shape} is no shape of square matrices; give matrices that are")
    a, n = (a, index(n)) if index(n) >= 0 else (np.linalg.inv(a), -index(n))
    if not n:
        return unmoved(a, np.eye(a.shape[-1]))
    y = None
    while n:
        if n % 2:
            y = a if y is None else y @ a
        n //= 2
        a = a @ a if n else a
    return y


def slogdet(a: Any) -> Any:
    return SlogdetResult(fn.sign_of_det(a), fn.log_det(a))


def kron(a: Any, b: Any) -> Any:
    """Every element of a times the whole of b."""
    a, b = built(a), built(b)
    n = max(a.ndim, b.ndim)
    left, right = ((1,) * (n - x.ndim) + x.shape for x in (a, b))
    a = np.reshape(a, tuple(k for length in left for k in (length, 1)))
    b = np.reshape(b, tuple(k for length in right for k in (1, length)))
    return np.reshape(a * b, tuple(i * j for i, j in zip(left, right, strict=True)))


LENGTHS = {3} if np.lib.NumpyVersion(np.__version__) >= "2.5.0" else {2, 3}  # that np.cross takes


def cross(a: Any, b: Any, axisa: int = -1, axisb: int = -1, axisc: int = -1, axis: int | None = None) -> Any:
    axisa, axisb, axisc = (axisa, axisb, axisc) if axis is None else (axis,) * 3
    a, b = (built(x) if i == -1 else np.moveaxis(x, i, -1) for x, i in ((a, axisa), (b, axisb)))
    if not {a.shape[-1], b.shape[-1]} <= LENGTHS:
        raise ValueError(f"cross: it is of vectors of 3, not of {a.shape[-1]} and {b.shape[-1]}; give other axes")
    if a.shape[-1] == b.shape[-1] == 2:
        return a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    a, b = (np.concatenate([x, np.zeros_like(x[..., :1])], -1) if x.shape[-1] == 2 else x for x in (a, b))
    y = fn.cross(a, b)
    return y if axisc == -1 else np.moveaxis(y, -1, axisc)


def of_3(a: Any, b: Any, axis: int = -1) -> Any:
    """np.linalg.cross."""
    a, b = built(a), built(b)
    if not a.shape[axis] == b.shape[axis] == 3:
        raise ValueError("cross: np.linalg.cross is of vectors of 3; give another axis")
    return cross(a, b, axis=axis)


def of_vectors(a: Any, b: Any) -> Any:
    """np.linalg.outer."""
    if not ndim(a) == ndim(b) == 1:
        raise ValueError("outer: np.linalg.outer is of two vectors; use np.outer")
    return outer(a, b)


PRODUCTS: dict[Function, Function] = {
    np.dot: dot,
    np.inner: inner,
    np.outer: outer,
    np.vdot: vdot,
    np.vecdot: vecdot,
    np.tensordot: tensordot,
    np.einsum: einsum,
    np.kron: kron,
    np.cross: cross,
    np.linalg.norm: norm,
    np.linalg.vector_norm: vector_norm,
    np.linalg.matrix_norm: matrix_norm,
    np.linalg.multi_dot: multi_dot,
    np.linalg.matrix_power: matrix_power,
    np.linalg.slogdet: slogdet,
    np.linalg.matmul: lambda a, b: np.matmul(a, b),
    np.linalg.tensordot: tensordot,
    np.linalg.vecdot: vecdot,
    np.linalg.outer: of_vectors,
    np.linalg.cross: of_3,
    fn.cofactors: fn.minors,
}
if hasattr(np, "matvec"):  # From NumPy 2.2 on.
    PRODUCTS |= {np.matvec: matvec, np.vecmat: vecmat}
