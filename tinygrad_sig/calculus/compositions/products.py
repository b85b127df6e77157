"""Products and linear algebra, written in functions that have a row."""

from math import prod as prod_of
from typing import Any

import numpy as np

from ..functions import Function, axes_of, contract, euclidean


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


PRODUCTS: dict[Function, Function] = {
    np.linalg.norm: norm,
    np.dot: dot,
    np.inner: inner,
    np.outer: outer,
    np.tensordot: tensordot,
    np.einsum: einsum,
}
