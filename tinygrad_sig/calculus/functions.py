"""The functions that NumPy lacks and the rules need: sigmoid, its kind, and what undoes sums, broadcasts and products.

They are plain NumPy. Those marked as an `operation` have a row in `rules` and may be called with Tensors, arrays and
numbers alike; the others are compositions of functions that have one.
"""

from collections.abc import Callable
from functools import cache, reduce, wraps
from math import exp
from math import prod as prod_of
from string import ascii_letters
from types import EllipsisType
from typing import Any

import numpy as np
from numpy import float64

Function = Callable[..., Any]
MANY = 10**6  # From about here on, BLAS is faster than np.einsum, though it must be looked for.


def is_duck(data: Any) -> bool:
    """Whether data are no NumPy array, but know how NumPy's functions work on them: kept as they are."""
    return (
        not isinstance(data, np.ndarray | np.generic)
        and not hasattr(data, "__operation__")
        and all(hasattr(type(data), protocol) for protocol in ("__array_ufunc__", "__array_function__"))
    )


def operation(function: Function) -> Function:
    """Let Tensors and symbols take over a call of `function`, as NumPy lets them take over its own functions."""

    @wraps(function)
    def call(*args: Any, **params: Any) -> Any:
        for argument in (*args, *params.values()):
            if hasattr(argument, "__operation__"):
                return argument.__operation__(call, *args, **params)
        return function(*args, **params)

    return call


def real(x: Any, name: str) -> Any:
    """x as an array or a number with a dtype; a Tensor or a symbol as it is. TypeError for what has no order."""
    if hasattr(x, "__operation__"):
        return x
    x = x if hasattr(x, "dtype") else np.asarray(x)[()]
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{name}: {x.dtype} data has no gradient; give floating, integer or boolean numbers")
    return x


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
    return sigmoid_with_slope(real(x, "sigmoid") * 1.0)[0]


@operation
def relu(x: Any) -> Any:
    """max(x, 0), elementwise, with derivative 0 at 0; keeps shape and dtype of the Tensor, array or number x.

    >>> relu(np.array([-2.0, 3.0])).tolist()
    [0.0, 3.0]
    """
    return np.maximum(real(x, "relu"), 0)


@operation
def sech(x: Any) -> Any:
    """1/cosh(x), elementwise, which does not overflow: cosh(x) does from |x| = 711 on.

    >>> float(sech(0.0))
    1.0
    """
    e = np.exp(-abs(x))
    return 2 * e / (1 + e * e)


@operation
def logit(x: Any) -> Any:
    """log(x/(1 − x)), the inverse of sigmoid, elementwise for x in [0, 1], to a few ulp also around its zero at ½.

    There x/(1 − x) is close to 1, and its logarithm little more than the rounding of the quotient; 2·artanh(2x − 1),
    which is the same, is taken of a difference without error. Derivative: 1/(x·(1 − x)).

    >>> logit(np.array([0.25, 0.5, 0.75])).round(6).tolist()
    [-1.098612, 0.0, 1.098612]
    """
    x = x if hasattr(x, "dtype") else np.asarray(x)[()]
    middle = abs(x - 0.5) < 0.25
    return number(np.where(middle, 2 * np.arctanh(np.where(middle, 2 * x - 1, 0)), np.log(np.divide(x, 1 - x))))


@operation
def chosen(y: Any, a: Any, b: Any) -> Any:
    """The share of a in y, which is one of a and b: 1 where it is a, ½ where it is both, 0 where it is b."""
    return np.where(a == y, np.where(b == y, 0.5, 1.0), np.where(b == y, 0.0, np.nan))


@operation
def shares(y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The share of each element of x in y, which is its max or min over `axis`: equal where several are y."""
    found = (x == spread(y, x, axis, keepdims)) | np.isnan(x)
    return found / found.sum(axis=axis, keepdims=True)


@operation
def euclidean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """√Σx² over `axis`; where the squares leave the range of the dtype, of x brought to the size of 1."""
    with np.errstate(over="ignore"):
        y = np.sqrt(np.sum(x * x, axis=axis, keepdims=keepdims))
    info = np.finfo(x.dtype)
    if isinstance(x, np.ndarray) and x.size and not np.all((y > info.tiny**0.5 / info.eps) & (y <= info.max)):
        largest = np.max(abs(x), axis=axis, keepdims=True)
        scale = np.where((largest > 0) & (largest <= info.max), largest, 1)
        exact = scale * np.sqrt(np.sum((x / scale) ** 2, axis=axis, keepdims=True))
        return np.reshape(exact, y.shape)[()]
    return y


@operation
def p_norm(x: Any, ord: float, axis: Any = None, keepdims: bool = False) -> Any:
    """(Σ|x|ᵖ)^(1/p) over `axis`, p = ord: of x brought to the size of 1, so that no power leaves the range."""
    size = np.absolute(x)
    largest = np.max(size, axis=axis, keepdims=True, initial=0)
    scale = np.where((largest > 0) & (largest < np.inf), largest, 1)
    y = scale * np.sum((size / scale) ** float(ord), axis=axis, keepdims=True) ** (1 / float(ord))
    return y if keepdims else np.squeeze(y, axes_of(axis, x.ndim))[()]


def p_norm_back(g: Any, y: Any, x: Any, ord: float, axis: Any, keepdims: bool) -> Any:
    """g·(|x|/y)ᵖ⁻¹·sign(x), p = ord; where this is 0/0, as at a norm of 0, it is 0."""
    g, y, size = spread(g, x, axis, keepdims), spread(y, x, axis, keepdims), np.absolute(x)
    share = size / divisor(y) if ord > 1 else y / divisor(size)
    return g * (np.sign(x) * share ** float(abs(ord - 1)))


@operation
def getitem(x: Any, key: Any) -> Any:
    """x[key]."""
    return x[key]


@operation
def scatter(x: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """An array of zeros into which x is added at `key`: the transpose of x[key], so repeated indices add up."""
    out = np.zeros(shape, x.dtype) if isinstance(x, np.ndarray | np.generic) else np.zeros(shape, x.dtype, like=x)
    keys = key if isinstance(key, tuple) else (key,)
    if all(isinstance(k, int | slice | EllipsisType | None) for k in keys):
        if None in keys:  # New axes are dropped again: not every array type that reads with them can assign with them.
            key = tuple(k for k in keys if k is not None)
            x = np.reshape(x, out[key].shape)
        out[key] = x
    else:
        try:
            np.add.at(out, key, x)
        except TypeError as error:
            raise TypeError(
                "getitem: its gradient adds up at indices that may repeat, by np.add.at, which "
                f"{type(out).__module__}.{type(out).__qualname__} lacks; compute the array first, or index by slices"
            ) from error
    return out


@operation
def cast(x: Any, dtype: Any) -> Any:
    """x in another floating dtype."""
    return x.astype(dtype)


@operation
def join(*x: Any, axis: int) -> Any:
    """The arrays x one after the other along `axis`."""
    return np.concatenate(x, axis)


def part(i: int, g: Any, x: tuple[Any, ...], axis: int) -> Any:
    """Undo a join of the arrays x: the part of g that stands where the i-th of them stood."""
    start = sum(array.shape[axis] for array in x[:i])
    return getitem(g, (slice(None),) * (axis % g.ndim) + (slice(start, start + x[i].shape[axis]),))


@operation
def contract(*x: Any, subscripts: str, optimize: Any) -> Any:
    """np.einsum, with the arrays first."""
    return np.einsum(subscripts, *x, optimize=optimize)


@cache
def labelled(subscripts: str, ndims: tuple[int, ...]) -> list[str]:
    """A letter for every axis of the arrays and, last, of the result: "...j,jk" of two matrices is "aj", "jk", "ak".

    Dots stand for the axes without a letter of their own; those of several arrays are aligned at the last of them.
    """
    left, arrow, out = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    dots = [n - len(term.replace("...", "")) if "..." in term else 0 for term, n in zip(terms, ndims, strict=True)]
    free = "".join(letter for letter in ascii_letters if letter not in subscripts)[: max(dots)]
    if not arrow:  # Then the result has what the dots stand for, and all letters that occur once.
        out = "..." + "".join(sorted(a for a in set(left) if a.isalpha() and left.count(a) == 1))
    terms = [term.replace("...", free[len(free) - n :]) for term, n in zip(terms, dots, strict=True)]
    return [*terms, out.replace("...", free)]


@cache
def backwards(i: int, subscripts: str, ndims: tuple[int, ...]) -> tuple[str, tuple[int, ...], dict[int, int]]:
    """How to undo a contraction for its i-th array: by a contraction, by axes to add, and by pairs of equal axes."""
    *terms, out = labelled(subscripts, ndims)
    mine = terms.pop(i)
    pairs = {axis: mine.index(a) for axis, a in enumerate(mine) if mine.index(a) < axis}
    found = [a for axis, a in enumerate(mine) if axis not in pairs and a in "".join((out, *terms))]
    added = tuple(axis for axis, a in enumerate(mine) if axis in pairs or a not in found)
    return f"{','.join((out, *terms))}->{''.join(found)}", added, pairs


def contract_back(i: int, g: Any, x: tuple[Any, ...], subscripts: str, optimize: Any) -> Any:
    """Undo a contraction for the i-th array: g takes its place, and its letters take the place of the result's.

    Of y = einsum("ij,jk->ik", a, b), a receives einsum("ik,jk->ij", g, b). A letter that stands nowhere else was summed
    over, and g is repeated along it: of einsum("ij->i", a), a[i, j] receives g[i]. Of a letter that an array has twice
    only the diagonal was read: of einsum("ii->i", a), a[i, i] receives g[i], and all the rest 0.
    """
    back, added, pairs = backwards(i, subscripts, tuple(array.ndim for array in x))
    operands, shape = (g, *x[:i], *x[i + 1 :]), x[i].shape
    terms, target = back.split("->")
    sizes: dict[str, int] = {}
    for term, array in zip(terms.split(","), operands, strict=True):
        sizes |= {a: n for a, n in zip(term, array.shape, strict=True) if n != 1 or a not in sizes}
    if terms != target:
        g = contract(*operands, subscripts=back, optimize=bool(optimize) or g.size * x[i].size > MANY)
    if added:
        g = np.expand_dims(g, added)
    if pairs:
        index = np.indices(shape, sparse=True)
        equal = reduce(np.logical_and, [index[axis] == index[first] for axis, first in pairs.items()])
        return np.where(np.broadcast_to(equal, shape), g, 0)
    found = iter([sizes[a] for a in target])
    reached = tuple(1 if axis in added else next(found) for axis in range(len(shape)))
    wanted = tuple(m if n == 1 else n for m, n in zip(reached, shape, strict=True))  # An axis of 1 is summed later.
    return g if reached == wanted else np.broadcast_to(g, wanted)


def number(y: Any) -> Any:
    """A result without axes as the number it is; np.where and np.squeeze make it an array."""
    return y[()] if isinstance(y, np.ndarray) else y


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
    g = g if keepdims or axis is None or not x.ndim else np.expand_dims(g, axis)
    if type(x) is not np.ndarray and is_duck(getattr(x, "_array", x)):
        return g * np.ones_like(x)  # in the chunks of x, so that what follows is computed chunk by chunk
    return np.broadcast_to(g, x.shape)


def count(x: Any, y: Any) -> Any:
    """How many elements of x have a part in one element of their mean y."""
    n = x.size // max(y.size, 1)
    return n if n < 65504 else float64(n)  # float16 holds no greater number, and a Python int would become one


def cumsum_back(g: Any, x: Any, axis: Any) -> Any:
    """Undo a running sum: every summand is in its own sum and in all that follow."""
    axis = 0 if axis is None else axis
    return np.reshape(np.flip(np.cumsum(np.flip(g, axis), axis), axis), x.shape)


def divisor(y: Any) -> Any:
    """y, but infinity where it is 0: so x/y is 0 there, and every derivative of x/y too."""
    return np.where(y == 0, np.inf, y)


def lowered(b: Any, a: Any) -> Any:
    """b − 1, but 0 where a and b are 0: so the third derivative of x² at 0 is 0·0⁰ = 0, and not 0·0⁻¹."""
    everywhere = (b != 0).all()  # A lazy one is not asked: that would compute it.
    return b - 1 if isinstance(everywhere, np.bool) and everywhere else b - np.logical_or(b != 0, a != 0)


def matmul_left(g: Any, a: Any, b: Any) -> Any:
    """g @ bᵀ, where a vector a counts as one row and a vector b as one column."""
    if b.ndim == 1:
        return np.expand_dims(g, -1) * b
    return np.matmul(np.expand_dims(g, -2) if a.ndim == 1 and b.ndim > 2 else g, transposed(b))


def matmul_right(g: Any, a: Any, b: Any) -> Any:
    """aᵀ @ g, where a vector a counts as one row and a vector b as one column."""
    if a.ndim == 1:
        return a * g if b.ndim == 1 else np.expand_dims(a, -1) * np.expand_dims(g, -2)
    if a.ndim > 2 >= b.ndim:  # One b for a stack of matrices, which are then one matrix with the rows of all.
        rows = prod_of(a.shape[:-1])
        a, g = np.reshape(a, (rows, a.shape[-1])), np.reshape(g, (rows, *b.shape[1:]))
    return np.matmul(transposed(a), g)


def transposed(a: Any) -> Any:
    """aᵀ, of the last two axes."""
    return a.T if a.ndim == 2 else np.swapaxes(a, -1, -2)


def solve_left(g: Any, y: Any, a: Any, b: Any) -> Any:
    """−(a⁻ᵀ g) yᵀ, for y = a⁻¹ b."""
    columns = -solve_right(g, a, b)
    return np.expand_dims(columns, -1) * np.expand_dims(y, -2) if b.ndim == 1 else np.matmul(columns, transposed(y))


def solve_right(g: Any, a: Any, b: Any) -> Any:
    """a⁻ᵀ g, where a vector b counts as one column."""
    if b.ndim == 1:
        return np.squeeze(np.linalg.solve(transposed(a), np.expand_dims(g, -1)), -1)
    return np.linalg.solve(transposed(a), g)


@operation
def log_det(a: Any) -> Any:
    """log |det a|, for the stack of matrices a."""
    return np.linalg.slogdet(a)[1]


@operation
def sign_of_det(a: Any) -> Any:
    """The sign of det a, for the stack of matrices a."""
    return np.linalg.slogdet(a)[0]


def minors(a: Any) -> Any:
    """The derivatives of det a: of each element, ± the determinant of what is left without its row and its column."""
    n = a.shape[-1]
    kept = [np.array([k for k in range(n) if k != i], int) for i in range(n)]
    columns = np.reshape(kept, (n, 1, max(n - 1, 0)))
    signs = np.array([(-1) ** k for k in range(2 * n)], a.dtype)
    rows = [np.linalg.det(a[..., kept[i][:, None], columns]) * signs[i : i + n] for i in range(n)]
    return np.stack(rows, -2) if n else a


@operation
def cofactors(a: Any) -> Any:
    """The derivatives of det a: det(a)·a⁻ᵀ, or by `minors`, for small matrices and those that have no inverse.

    Next to a matrix without an inverse these numbers are good, but the inverse's own derivatives are far from it: of a
    Tensor the minors are taken.
    """
    n = a.shape[-1]
    if n <= 3:
        return minors(a)
    with np.errstate(all="ignore"):
        det = np.linalg.det(a)[..., None, None]
        regular = (abs(det) >= np.finfo(a.dtype).tiny) & (abs(det) < np.inf)
        y = np.where(regular, det, np.inf) * transposed(np.linalg.inv(np.where(regular, a, np.eye(n, dtype=a.dtype))))
    for k in map(tuple, np.argwhere(~np.isfinite(y).all((-2, -1)))):
        y[k] = minors(a[k])
    return y


def inverse(axes: Any) -> Any:
    """The permutation that undoes np.transpose(x, axes)."""
    return None if axes is None else tuple(np.argsort(np.atleast_1d(axes) % np.size(axes)).tolist())


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that a parameter names, none of them negative; all for None."""
    if axis is None:
        return tuple(range(ndim))
    try:
        return tuple(np.lib.array_utils.normalize_axis_tuple(axis, ndim))
    except TypeError as error:
        raise TypeError(f"axis: {axis!r} is no whole number and no tuple of them; give one of these") from error
