"""The functions that NumPy lacks and the rules need: sigmoid, its kind, and what undoes sums, broadcasts and products.

They are plain NumPy. Those marked as an `operation` have a row in `rules` and may be called with Tensors, arrays and
numbers alike; the others are compositions of functions that have one.
"""

from collections.abc import Callable
from functools import wraps
from math import exp, factorial, pi
from string import ascii_letters
from types import EllipsisType
from typing import Any

import numpy as np
from numpy import float64

Function = Callable[..., Any]


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
    x = x if hasattr(x, "dtype") else np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{name}: {x.dtype} data has no gradient; give floating, integer or boolean numbers")
    return number(x)


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
    y = spread(y, x, axis, keepdims)
    found = (x == y) | (np.isnan(x) & np.isnan(y))
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
def sinc_derivative(x: Any, n: int) -> Any:
    """The n-th derivative of sin(πx)/(πx), by that of f(t) = sin(t)/t: t·f⁽ⁿ⁾ = sin(t + nπ/2) − n·f⁽ⁿ⁻¹⁾.

    Near 0 that difference loses all digits; its series in tᵐ, that of sin(t + nπ/2) over m + n + 1, loses none.
    """
    x = real(x, "sinc")
    t = pi * x.astype(np.result_type(x.dtype, np.float64))
    near = abs(t) < 1 + n / 2
    small, large = np.where(near, t, 0), np.where(near, 1, t)
    series = 0.0
    for m in reversed(range(n % 2, 2 * n + 24, 2)):
        series = series * small**2 + (-1) ** ((m + n) // 2) / (factorial(m) * (m + n + 1))
    turns = np.sin(large), np.cos(large)
    f = turns[0] / large
    for k in range(1, n + 1):
        f = ((-1) ** (k // 2) * turns[k % 2] - k * f) / large
    return (pi**n * np.where(near, series * small ** (n % 2), f)).astype(x.dtype)[()]


@operation
def recurrence(a: Any, b: Any) -> Any:
    """y with yᵢ = bᵢ + aᵢ·yᵢ₊₁ along the first axis, where a is shorter by one: in strides that double."""
    y, stride = b, 1
    while stride < len(b):
        y = join(y[:-stride] + a * y[stride:], y[-stride:], axis=0)
        a, stride = a[:-stride] * a[stride:], 2 * stride
    return y


def recurrence_back(g: Any, a: Any) -> Any:
    """Undo a recurrence for b: the same from the other end."""
    return np.flip(recurrence(np.flip(a, 0), np.flip(g, 0)), 0)


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
def contract(*x: Any, terms: tuple[str, ...], out: str, optimize: Any) -> Any:
    """np.einsum of the arrays x, whose axes are labelled by `terms` and the result's by `out`."""
    return np.einsum(f"{','.join(terms)}->{out}", *x, optimize=optimize)


def contract_back(i: int, g: Any, x: tuple[Any, ...], terms: tuple[str, ...], out: str, optimize: Any) -> Any:
    """Undo a contraction for the i-th array: g takes its place, and its labels the place of the result's.

    A label that stands nowhere else, or only with length 1, was summed over: ones repeat g along it. Of a label that
    the array has twice only the diagonal was read: the second gets a name of its own, and an identity matrix joins the
    two.
    """
    others, labels = [x[k] for k in range(len(x)) if k != i], [terms[k] for k in range(len(x)) if k != i]
    operands = zip((out, *labels), (g, *others), strict=True)
    seen = {pair for term, array in operands for pair in zip(term, array.shape, strict=True)}
    free = iter(sorted(set(ascii_letters).difference(out, *terms)))
    target = ""
    for label, n in zip(terms[i], x[i].shape, strict=True):
        if label in target:
            twin = next(free)
            others.append(np.eye(n))
            labels.append(label + twin)
            target += twin
            continue
        if (label, n) not in seen:
            others.append(np.ones(n))
            labels.append(label)
        target += label
    return contract(g, *others, terms=(out, *labels), out=target, optimize=bool(optimize))


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


def present(x: Any, axis: Any, keepdims: bool) -> Any:
    """How many elements over `axis` are numbers; infinity for none, so that no gradient is divided by 0."""
    return divisor(np.sum(np.logical_not(np.isnan(x)), axis=axis, keepdims=keepdims))


def before(x: Any) -> Any:
    """For each element along the first axis the product of all before it: 1, x₀, x₀·x₁, …"""
    return np.cumprod(join(np.ones_like(getitem(x, np.s_[:1])), getitem(x, np.s_[:-1]), axis=0), axis=0)


def cumprod_back(g: Any, x: Any, axis: Any) -> Any:
    """Undo a running product, dividing by nothing: each x has a factor before it, and others in all that follow."""
    axis, first = (0, np.reshape(x, (-1,))) if axis is None or not x.ndim else (axis, np.swapaxes(x, 0, axis))
    found = before(first) * recurrence(getitem(first, np.s_[1:]), np.swapaxes(g, 0, axis))
    return np.reshape(np.swapaxes(found, 0, axis), x.shape)


def others(x: Any, axis: Any) -> Any:
    """For each element of x the product of the others over `axis`: of those before times of those after it.

    Nothing is divided, so that a 0 has a derivative too.
    """

    def beside(x: Any) -> Any:
        return before(x) * np.flip(before(np.flip(x, 0)), 0)

    if axis is None or not x.ndim:
        return np.reshape(beside(np.reshape(x, (-1,))), x.shape)
    found: Any = 1
    for i in axes_of(axis, x.ndim):
        found = found * np.swapaxes(beside(np.swapaxes(x, 0, i)), 0, i)
        x = np.prod(x, axis=i, keepdims=True)
    return found


others_of, cumprod_undone = operation(others), operation(cumprod_back)  # Formulas name them, and do not unfold them.


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
    return None if axes is None else tuple(np.argsort(np.atleast_1d(axes) % np.size(axes)).tolist())


def axes_of(axis: Any, ndim: int) -> tuple[int, ...]:
    """The axes that a parameter names, none of them negative; all for None."""
    if axis is None:
        return tuple(range(ndim))
    try:
        return tuple(np.lib.array_utils.normalize_axis_tuple(axis, ndim))
    except TypeError as error:
        raise TypeError(f"axis: {axis!r} is no whole number and no tuple of them; give one of these") from error
