"""The functions that NumPy lacks and the rules need: sigmoid, its kind, and what undoes sums, broadcasts and products.

They are plain NumPy. Those marked as an `operation` have a row in `rules` and may be called with Tensors, arrays and
numbers alike; the others are compositions of functions that have one.
"""

from collections.abc import Callable
from functools import cache, reduce, wraps
from itertools import accumulate
from math import e, exp, factorial, log, pi
from math import prod as prod_of
from string import ascii_letters
from types import EllipsisType
from typing import Any

import numpy as np
from numpy import float64

from .foreign import add_at, is_duck, put, sized

Function = Callable[..., Any]
MANY = 10**6  # From about here on, BLAS is faster than np.einsum, though it must be looked for.


def operation(function: Function) -> Function:
    """Let Tensors and symbols take over a call of `function`, as NumPy lets them take over its own functions.

    A type that is given often enters what is to be done in `lanes`; any other with an `__operation__` is asked.
    """
    lanes: dict[type, Function] = {}

    def call(*args: Any, **params: Any) -> Any:
        for argument in args:
            if lane := lanes.get(type(argument)):
                return lane(*args, **params)
            if hasattr(argument, "__operation__"):
                return argument.__operation__(made, *args, **params)
        if params and (taken := [p for p in params.values() if hasattr(p, "__operation__")]):
            return taken[0].__operation__(made, *args, **params)
        return function(*args, **params)

    def call_with_one(x: Any) -> Any:
        if lane := lanes.get(type(x)):
            return lane(x)
        return call(x)

    made = call_with_one if getattr(function, "__code__", call.__code__).co_argcount == 1 else call
    made.lanes = lanes  # type: ignore[attr-defined]
    return wraps(function)(made)


def real(x: Any, name: str) -> Any:
    """x as an array or a number with a dtype; a Tensor or a symbol as it is. TypeError for what has no order."""
    if hasattr(x, "__operation__"):
        return x
    x = x if hasattr(x, "dtype") else np.asarray(x)
    if x.dtype.kind not in "fiub":
        raise TypeError(f"{name}: {x.dtype} data has no gradient; give floating, integer or boolean numbers")
    return number(x)


def sigmoid_with_slope(x: Any) -> tuple[Any, Any]:
    """(σ(x), σ′(x)) from one exponential, within 4.2 ulp: nothing is subtracted from 1, so no tail is rounded away.

    With e = exp(x), σ is e/(1 + e) and σ′ is σ/(1 + e), as long as e is a number. Beyond, and in other dtypes than
    float64, which that is not enough for: with e = exp(−|x|), σ is e/(1 + e) left of 0 and 1/(1 + e) right of it, and
    σ′ is e/(1 + e)² = e/(1 + e·(2 + e)). As 0 ≤ e ≤ 1, the larger of e and sign(x) is e on the left, 1 on the right.
    """
    if type(x) is float64:
        z = float(x)
        small = exp(z if z < 0 else -z)
        return float64((small if z < 0 else 1.0) / (1 + small)), small / (1 + small * (2 + small))
    if type(x) is np.ndarray and x.ndim and x.dtype == float64 and np.maximum.reduce(x, None, initial=0) <= 709:
        y: Any = np.exp(x)
        d = 1 + y
        y /= d
        return y, np.divide(y, d, out=d)
    e: Any = np.exp(-abs(x))
    return np.maximum(e, np.sign(x)) / (1 + e), e / (1 + e * (2 + e))


def floating(x: Any, name: str) -> Any:
    """x as `real` gives it, integers and booleans as float64."""
    x = real(x, name)
    return x if x.dtype.kind == "f" else x * 1.0


@operation
def sigmoid(x: Any) -> Any:
    """σ(x) = 1/(1 + e⁻ˣ), elementwise, to a few ulp in both tails, and without a warning for any x.

    Takes a Tensor, an array or a number; keeps its shape and its floating dtype (integers become float64). The
    derivative σ′(x) = σ(x)·σ(−x) is as exact: at x = 40, where 1 − σ(x) is 0 in float64, it is 4.248e-18.

    >>> sigmoid(np.array([-800.0, 0.0, 800.0])).tolist()
    [0.0, 0.5, 1.0]
    """
    return sigmoid_with_slope(floating(x, "sigmoid"))[0]


@operation
def sigmoid_prime(x: Any) -> Any:
    """σ′(x) = σ(x)·σ(−x), elementwise, as exact in both tails as σ; its derivative is −σ′(x)·tanh(x/2)."""
    e = np.exp(-abs(floating(x, "sigmoid_prime")))
    return e / (1 + e * (2 + e))


@operation
def relu(x: Any) -> Any:
    """max(x, 0), elementwise, with derivative 0 at 0; keeps shape and dtype of the Tensor, array or number x.

    >>> relu(np.array([-2.0, 3.0])).tolist()
    [0.0, 3.0]
    """
    return np.maximum(real(x, "relu"), 0)


@operation
def within(x: Any, end: float = 40) -> Any:
    """x, but ±end beyond ±end: where σ(−x) is 0, x·σ(−x) must not be ∞·0, which is no number."""
    return np.minimum(np.maximum(x, -end), end)


@operation
def step(x: Any) -> Any:
    """1 where x is positive, 0 elsewhere, nan for nan; in the dtype of x."""
    return np.maximum(np.sign(x), 0)


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
def parabola(x: Any, a: float = -1, b: float = 1) -> Any:
    """(x − a)·(b − x), without error in its zeros a and b; its derivative has none at its top.

    That of (1 − x)·(1 + x) by the rule for products, (1 − x) − (1 + x), would be 0 at 1e-17, where it is −2e-17.
    """
    return (x - a) * (b - x)


@operation
def monomial(c: Any, a: Any, b: Any, lower: int = 1) -> Any:
    """c·a^(b − lower): what aᵇ has become after `lower` derivatives, c the factor that they have brought down.

    Where c is 0, so is all: the third derivative of x² at 0 is 0·0⁻¹. An exponent below 0 is no power but a quotient:
    of 0.1·a^−0.9 in float16, at a = 1e-6, the power overflows, and 0.1·a^0.1/a does not; and b − 1 would be rounded.
    """
    if isinstance(b, np.floating) and b >= lower:  # Then no derivative has brought down a 0.
        return c * a ** (b - lower)
    a = np.where(c == 0, 1, a)
    steps = np.where(a == 0, lower, np.minimum(np.maximum(np.floor(b), 0), lower))
    y = c * a ** (b - steps)
    for k in range(lower):
        y = y / np.where(steps + k < lower, a, 1)
    return y


@operation
def cosine(a: Any, b: Any) -> Any:
    """a/√(a² + b²), and 0 at the origin; right also where the root is beyond the largest number."""
    with np.errstate(over="ignore"):
        y = np.sqrt(a * a + b * b)
    if is_exact(y):
        return a / y
    size = np.maximum(abs(a), abs(b))
    size = np.where((size > 0) & (size < np.inf), size, 1)
    return a / size / np.maximum(np.hypot(a / size, b / size), 1)


def over_hypot(x: Any, a: Any, b: Any) -> Any:
    """x/√(a² + b²), and 0 at the origin; of halves, because the root itself may be beyond the largest number."""
    return x / 2 / divisor(np.hypot(a / 2, b / 2))


@operation
def over_squares(a: Any, b: Any) -> Any:
    """a/(a² + b²); where the squares leave the range, by way of their root."""
    with np.errstate(over="ignore"):
        y = a * a + b * b
    return a / y if is_exact(y) else over_hypot(cosine(a, b), a, b)


@operation
def share(a: Any, b: Any, base: float = e) -> Any:
    """baseᵃ/(baseᵃ + baseᵇ), to a few ulp, equal infinities included.

    At a − b = 700, half an ulp of the difference would be 350 of the result: what it has rounded off is put back. Up to
    2 it is no more than one.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        d = real(a - b, "share")
        if not is_duck(d) and (abs(d) <= 2).all():
            return 1 / (1 + (np.exp2 if base == 2 else np.exp)(-d))
        rest = (a - (d - (d - a))) - (b + (d - a))
    if is_duck(rest) or not np.isfinite(rest).all():
        d, rest = np.where(a == b, 0, d), np.where(np.isfinite(rest), rest, 0)
    q = (np.exp2 if base == 2 else np.exp)(-abs(d))
    q = q * (1 - log(base) * rest * np.sign(d))
    return np.where(d < 0, q, 1) / (1 + q)


@operation
def chosen(y: Any, a: Any, b: Any) -> Any:
    """The share of a in y, which is one of a and b: 1 where it is a, ½ where it is both, 0 where it is b."""
    is_a, is_b = np.equal(a, y).astype(y.dtype), np.equal(b, y).astype(y.dtype)
    with np.errstate(invalid="ignore"):
        return is_a / (is_a + is_b)


@operation
def shares(y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """The share of each element of x in y, which is its max or min over `axis`: equal where several are y."""
    found = x == spread(y, x, axis, keepdims)
    if is_duck(x) or np.isnan(y).any():
        found = found | (np.isnan(x) & np.isnan(spread(y, x, axis, keepdims)))
    n = found.sum(axis=axis, keepdims=True).astype(np.result_type(x.dtype, np.float32))  # float16 ends at 65504.
    return (found / n).astype(x.dtype)


@operation
def euclidean(x: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """√Σx² over `axis`; where the squares leave the range of the dtype, of x brought to the size of 1."""
    if axis is None and not x.ndim:
        return abs(x)
    flat = x.ravel("K") if axis is None and keepdims is False and isinstance(x, np.ndarray) else None  # as NumPy does
    with np.errstate(over="ignore"):
        y = np.sqrt((x * x).sum(axis=axis, keepdims=keepdims) if flat is None else flat.dot(flat))
    if is_duck(x) or not x.size or is_exact(y):
        return y
    size = magnitude(x, axis)
    wide = np.result_type(x.dtype, np.float32)  # The sum of more than 65504 ones is none in float16.
    y_wide = size * np.sqrt(((x / size) ** 2).sum(axis=axis, keepdims=True, dtype=wide))
    return np.reshape(y_wide.astype(x.dtype), y.shape)[()]


@operation
def magnitude(x: Any, axis: Any) -> Any:
    """The largest |x| over `axis`, but 1 where it is 0 or infinite: a constant to divide by, with derivative 0."""
    size = largest(abs(x), axis, 0)
    return np.where((size > 0) & (size < np.inf), size, 1)


def is_exact(y: Any) -> bool:
    """Whether a root or a sum of squares has all of its digits: none has left the range. Lazy arrays are not asked."""
    y = getattr(y, "_array", y)
    if not isinstance(y, np.ndarray | np.floating):
        return not is_duck(y)  # A symbol stands for the general case.
    info = np.finfo(y.dtype)
    found = (y > info.tiny**0.5 / info.eps) & (y <= info.max)
    return bool(found.all() if found.ndim else found)


@operation
def direction(x: Any, y: Any, axis: Any, keepdims: bool) -> Any:
    """x/y for the norm y of x, and 0 at 0; where y has left the range, of x brought to the size of 1."""
    if is_exact(y):
        return x / spread(y, x, axis, keepdims)
    x = x / magnitude(x, axis)
    return x / divisor(euclidean(x, axis=axis, keepdims=axis is not None))


def largest(x: Any, axis: Any, least: float) -> Any:
    """The largest element over `axis`, which stays with length 1; `least` where there is none."""
    return x.max(axis=axis, keepdims=True, **({} if x.size else {"initial": least}))


def std(x: Any, axis: Any = None, ddof: float = 0, keepdims: bool = False) -> Any:
    """The root of the variance, over the whole range of the dtype; as NumPy does, in float32 for float16."""
    d = deviation(x.astype(np.float32) if x.dtype == np.float16 else x, axis)
    y = euclidean(d, axis=axis, keepdims=keepdims)
    return (y / y.dtype.type(count(x, y, ddof)) ** 0.5).astype(x.dtype)


@operation
def projected(v: Any, p: Any, axis: Any) -> Any:
    """v − p·Σv, for probabilities p, whose sum is 1: so the sum of the result is 0.

    What rounding leaves in its place, a second time takes away: for p = (1, 1e-20) and v = (1, 0) the first gives
    (0, −1e-20), the second (1e-20, −1e-20), which is right.
    """
    axis = axis if type(axis) is int else axes_of(axis, v.ndim)
    for _ in range(2):
        v = v - p * v.sum(axis=axis, keepdims=True)
    return v


@operation
def p_norm(x: Any, ord: float, axis: Any = None, keepdims: bool = False) -> Any:
    """(Σ|x|ᵖ)^(1/p) over `axis`, p = ord: of x brought to the size of 1, so that no power leaves the range."""
    size = magnitude(x, axis)
    y = size * np.sum((np.absolute(x) / size) ** float(ord), axis=axis, keepdims=True) ** (x.dtype.type(1) / ord)
    return y if keepdims else np.squeeze(y, axes_of(axis, x.ndim))[()]


def p_norm_back(g: Any, y: Any, x: Any, ord: float, axis: Any, keepdims: bool) -> Any:
    """g·(|x|/y)ᵖ⁻¹·sign(x), p = ord; where this is 0/0, as at a norm of 0, it is 0."""
    g, y, size = spread(g, x, axis, keepdims), spread(y, x, axis, keepdims), np.absolute(x)
    ratio = size / divisor(y) if ord > 1 else y / divisor(size)
    return g * (np.sign(x) * ratio ** float(abs(ord - 1)))


@operation
def sinc_derivative(x: Any, n: int) -> Any:
    """The n-th derivative of sin(πx)/(πx), by that of f(t) = sin(t)/t: t·f⁽ⁿ⁾ = sin(t + nπ/2) − n·f⁽ⁿ⁻¹⁾.

    Near 0 that difference loses all digits; its series in tᵐ, that of sin(t + nπ/2) over m + n + 1, loses none.
    """
    x = real(x, "sinc")
    t = pi * x.astype(np.result_type(x.dtype, np.float64))
    near = abs(t) < 1 + n / 2
    small, large = np.where(near, t, 0), np.where(near, 1, t)
    square, series = small * small, 0 * small
    for m in reversed(range(n % 2, 2 * n + 24, 2)):
        series *= square
        series += (-1) ** ((m + n) // 2) / (factorial(m) * (m + n + 1))
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
    y = x[key]
    return y if type(y) is np.ndarray else sized(y)


@operation
def scatter(x: Any, key: Any, shape: tuple[int, ...]) -> Any:
    """An array of zeros into which x is added at `key`: the transpose of x[key], so repeated indices add up."""
    out = np.zeros(shape, x.dtype) if isinstance(x, np.ndarray | np.generic) else np.zeros_like(x, shape=shape)
    keys = key if isinstance(key, tuple) else (key,)
    if {int, slice, EllipsisType, type(None)}.issuperset(map(type, keys)):
        if None in keys:  # New axes are dropped again: not every array type that reads with them can assign with them.
            key = tuple(k for k in keys if k is not None)
            x = np.reshape(x, out[key].shape)
        put(out, key, x)
    elif isinstance(out, np.ndarray):  # np.add.at is several times faster where there is one axis.
        places = np.arange(out.size).reshape(shape)[key]
        np.add.at(out.reshape(-1), np.ravel(places), np.ravel(x))
    else:
        add_at(out, key, x)
    return out


@operation
def cast(x: Any, dtype: Any) -> Any:
    """x in another floating dtype."""
    return x.astype(dtype)


@operation
def concatenate(*x: Any, axis: int, ends: tuple[int, ...]) -> Any:
    """The arrays x one after the other along `axis`, where the i-th goes from ends[i] to ends[i + 1]."""
    return np.concatenate(x, axis)


@operation
def stack(*x: Any, axis: int) -> Any:
    """The arrays x side by side, along a new axis."""
    return np.stack(x, axis)


def join(*x: Any, axis: int) -> Any:
    """The arrays x one after the other; where each ends is found here once, so that undoing it is no sum for each."""
    return concatenate(*x, axis=axis, ends=(0, *accumulate([a.shape[axis] for a in x])))


def part(g: Any, axis: int, key: Any) -> Any:
    """g[key] along one axis."""
    before = (slice(None),) * (axis % g.ndim)
    return getitem(g, key=(*before, key) if before else key)


@operation
def rearranged(x: Any, by: Function, of: tuple[Any, ...]) -> Any:
    """by(x, *of), where that function moves, repeats or leaves out elements, or puts zeros among them."""
    return by(x, *of)


def undone(g: Any, x: Any, by: Function, *of: Any) -> Any:
    """Undo by(x, *of): of the numbers 1, 2, 3, … in place of x, that says where each element comes from."""
    places = by(np.arange(1, x.size + 1).reshape(x.shape), *of)
    return np.reshape(getitem(scatter(g, places, (x.size + 1,)), np.s_[1:]), x.shape)


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
    g = np.add.reduce(g, axes) if type(g) is np.ndarray else g.sum(axis=axes)
    return number(g if g.shape == shape else np.reshape(g, shape))


def spread(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Undo a sum of x over `axis`: every summand receives the gradient of its sum."""
    if type(g) is float64 and type(x) is np.ndarray:  # np.broadcast_to takes ten times as long.
        return np.ndarray(x.shape, g.dtype, g, 0, (0,) * x.ndim)
    g = g if keepdims or axis is None or not x.ndim else np.expand_dims(g, axis)
    if type(x) is not np.ndarray and is_duck(getattr(x, "_array", x)):
        return g * np.ones_like(x)  # in the chunks of x, so that what follows is computed chunk by chunk
    return np.broadcast_to(g, x.shape)


def count(x: Any, y: Any, ddof: float = 0) -> Any:
    """How many elements of x have a part in one element of their mean or variance y, less `ddof`, but at least 0."""
    n = x.size // max(y.size, 1)
    ddof = ddof.item() if isinstance(ddof, np.generic) else ddof  # Of a small dtype, n would not fit into it.
    n = 0 if ddof >= np.intp(n) else n - ddof  # NumPy compares so too, and refuses a text in these words.
    return float64(n) if n > 65504 and x.dtype == np.float16 else n  # float16 holds no greater number.


def deviation(x: Any, axis: Any) -> Any:
    """x − its mean over `axis`."""
    return x - x.mean(axis=axis, keepdims=True)


def divisor(y: Any) -> Any:
    """y, but infinity where it is 0: so x/y is 0 there, and every derivative of x/y too."""
    return np.where(y == 0, np.inf, y)


def cumsum_back(g: Any, x: Any, axis: Any) -> Any:
    """Undo a running sum: every summand is in its own sum and in all that follow."""
    axis = 0 if axis is None else axis
    return np.reshape(np.flip(np.cumsum(np.flip(g, axis), axis), axis), x.shape)


def chosen_back(g: Any, y: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Undo a maximum or a minimum y over `axis`: those that are it share its gradient."""
    return spread(g, x, axis, keepdims) * shares(y, x, axis, keepdims)


def present_back(g: Any, x: Any, axis: Any, keepdims: bool) -> Any:
    """Undo a sum of those that are numbers."""
    return np.where(np.isnan(x), 0, spread(g, x, axis, keepdims))


def present(x: Any, axis: Any, keepdims: bool) -> Any:
    """How many elements over `axis` are numbers; infinity for none, so that no gradient is divided by 0."""
    return divisor(np.sum(np.logical_not(np.isnan(x)), axis=axis, keepdims=keepdims))


def before(x: Any) -> Any:
    """For each element along the first axis the product of all before it: 1, x₀, x₀·x₁, …"""
    if type(x) is np.ndarray:
        y = np.ones(x.shape, x.dtype)
        np.multiply.accumulate(x[:-1], 0, None, y[1:])
        return y
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
    axes = axes_of(axis, x.ndim)
    if len(axes) > 1:
        return others(x, axes[0]) * others(np.prod(x, axis=axes[0], keepdims=True), axes[1:])
    return np.swapaxes(beside(np.swapaxes(x, 0, axes[0])), 0, axes[0]) if axes else 1


others_of, cumprod_undone = operation(others), operation(cumprod_back)  # Formulas name them, and do not unfold them.


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
def cross(a: Any, b: Any) -> Any:
    """a × b, of vectors of 3 along the last axis."""
    one, two = [1, 2, 0], [2, 0, 1]
    return np.take(a, one, -1) * np.take(b, two, -1) - np.take(a, two, -1) * np.take(b, one, -1)


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
