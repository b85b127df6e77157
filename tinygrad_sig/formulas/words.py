"""Words: what is written for each function, in either dialect of a program.

Where all is floats, a program has Python's operators and the functions of `math`; elsewhere it has those of NumPy. What
neither has is written in functions that they have, or as a call of ours.
"""

import keyword
import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy import float64

from ..calculus import activations as act
from ..calculus import functions as fn
from ..calculus.functions import Function
from .lines import Line, Statement, leaves, like

# How tightly what is written binds, as Python has it.
ATOM, POWER, UNARY, PRODUCT, SUM, AND, XOR, OR, COMPARED, NOT, BOTH, EITHER, CONDITIONAL = range(13, 0, -1)


class Form(NamedTuple):
    """What is written for a function: a text with a place for each operand, and how tightly they must bind.

    In a + (b + c) the brackets stay: without them it would be rounded in another way.
    """

    text: str
    binds: int = ATOM
    needs: tuple[int, ...] = (0, 0, 0)


def form(text: str, binds: int, *needs: int) -> Form:
    return Form(text, binds, needs or (binds, binds + 1))


def conditional(text: str) -> Form:
    return Form(text, CONDITIONAL, (OR,) * 3)


# fmt: off
# The formatter would break the columns.
COMPARISONS: dict[Any, Any] = {
    np.less:         form("{0} < {1}", COMPARED, OR, OR),      np.less_equal:    form("{0} <= {1}", COMPARED, OR, OR),
    np.greater:      form("{0} > {1}", COMPARED, OR, OR),      np.greater_equal: form("{0} >= {1}", COMPARED, OR, OR),
    np.equal:        form("{0} == {1}", COMPARED, OR, OR),     np.not_equal:     form("{0} != {1}", COMPARED, OR, OR),
}
OPERATORS: dict[Any, Any] = {
    **COMPARISONS,
    np.add:          form("{0} + {1}", SUM),                   np.subtract:      form("{0} - {1}", SUM),
    np.multiply:     form("{0} * {1}", PRODUCT),               np.divide:        form("{0} / {1}", PRODUCT),
    np.remainder:    form("{0} % {1}", PRODUCT),               np.floor_divide:  form("{0} // {1}", PRODUCT),
    np.negative:     form("-{0}", UNARY, UNARY),               np.absolute:      Form("abs({0})"),
}
LOGIC: dict[Any, Any] = {
    **COMPARISONS,
    **dict.fromkeys((np.logical_and, np.bitwise_and), form("{0} and {1}", BOTH)),
    **dict.fromkeys((np.logical_or, np.bitwise_or), form("{0} or {1}", EITHER)),
    **dict.fromkeys((np.logical_not, np.invert), form("not {0}", NOT, NOT)),
    np.isnan:        form("{0} != {0}", COMPARED, OR),
    np.isfinite:     Form("isfinite({0})"),                    np.isinf:         Form("isinf({0})"),
}
MATH: dict[Any, str] = {
    **{f: f.__name__ for f in (np.exp, np.expm1, np.exp2, np.log, np.log2, np.log10, np.log1p, np.sqrt, np.cbrt)},
    **{f: f.__name__ for f in (np.sin, np.cos, np.tan, np.sinh, np.cosh, np.tanh, np.degrees, np.radians)},
    **{f: f.__name__ for f in (np.hypot, np.copysign, np.fmod, np.floor, np.ceil, np.trunc, np.isfinite, np.isinf)},
    np.arcsin:       "asin",       np.arccos:       "acos",    np.arctan:        "atan",       np.arctan2:      "atan2",
    np.arcsinh:      "asinh",      np.arccosh:      "acosh",   np.arctanh:       "atanh",      np.power:        "pow",
    np.deg2rad:      "radians",    np.rad2deg:      "degrees", np.float_power:   "pow",
}
FLOATS: dict[Any, Any] = {
    **{f: Form(f"{name}({', '.join(('{0}', '{1}')[: f.nin])})") for f, name in MATH.items()},
    **OPERATORS,
    **LOGIC,
    **{f: Form(f"float({MATH[f]}({{0}}))") for f in (np.floor, np.ceil, np.trunc)},
    np.fabs:         Form("abs({0})"),
    np.square:       form("{0} * {0}", PRODUCT, PRODUCT + 1),
    np.reciprocal:   form("1.0 / {0}", PRODUCT, PRODUCT + 1),
    np.sign:         conditional("{0} if {0} != {0} else 1.0 if {0} > 0.0 else -1.0 if {0} < 0.0 else 0.0"),
    np.where:        Form("{1} if {0} else {2}", CONDITIONAL, (EITHER,) * 3),
    np.maximum:      conditional("{0} if {0} >= {1} or {0} != {0} else {1}"),
    np.minimum:      conditional("{0} if {0} <= {1} or {0} != {0} else {1}"),
    np.fmax:         conditional("{0} if {0} >= {1} or {1} != {1} else {1}"),
    np.fmin:         conditional("{0} if {0} <= {1} or {1} != {1} else {1}"),
    fn.relu:         conditional("0.0 if {0} <= 0.0 else {0}"),
    fn.step:         conditional("{0} if {0} != {0} else 1.0 if {0} > 0.0 else 0.0"),
    fn.chosen:       conditional("(0.5 if {1} == {2} else 1.0) if {1} == {0} else 0.0 if {2} == {0} else nan"),
    fn.cast:         Form("1.0 if {0} else 0.0", CONDITIONAL, (EITHER,)),
}
# What those words mean where math has no number to give, and NumPy has inf or nan.
IN_NUMPY: dict[str, Any] = {**{name: function for function, name in MATH.items()}, "pow": np.power, "float": float64}
KNOWN: dict[str, Any] = {name: getattr(math, name) for name in {*MATH.values(), "inf", "nan"}} | {"np": np}

METHODS = (np.sum, np.mean, np.max, np.min, np.prod, np.var, np.any, np.all, np.argmax, np.argmin, np.cumsum)
ARRAYS: dict[Any, Any] = {
    **OPERATORS,
    **{f: lambda w, x, *args, name=f.__name__, **params: w.method(x, name, *args, **params) for f in METHODS},
    np.bitwise_and:  form("{0} & {1}", AND),                   np.bitwise_or:    form("{0} | {1}", OR),
    np.bitwise_xor:  form("{0} ^ {1}", XOR),                   np.invert:        form("~{0}", UNARY, UNARY),
    np.matmul:       form("{0} @ {1}", PRODUCT),
    np.power:        lambda w, a, b: w.power(a, b),
    np.transpose:    lambda w, x, axes=None: w.method(x, "transpose", axes) if axes else w.method(x, "T"),
    np.swapaxes:     lambda w, x, axis1, axis2: w.method(x, *(("swapaxes", axis1, axis2) if x.value.ndim > 2 else "T")),
    np.reshape:      lambda w, x, shape=None, newshape=None: w.method(x, "reshape", shape or newshape or ()),
    fn.cast:         lambda w, x, dtype: w.method(x, "astype", dtype),
    fn.getitem:      lambda w, x, key: (f"{w.operand(x, ATOM)}[{w.index(key)}]", ATOM),
    fn.concatenate:  lambda w, *x, axis, ends: w.call("np.concatenate", x, axis=axis),
    fn.stack:        lambda w, *x, axis: w.call("np.stack", x, axis=axis),
    fn.contract:     lambda w, *x, subscripts, optimize: w.call("np.einsum", subscripts, *x,
                                                                **({"optimize": optimize} if optimize else {})),
}
# fmt: on
OF_NUMPY = {
    id(getattr(module, name)): f"{prefix}.{name}"
    for module, prefix in ((np.linalg, "np.linalg"), (np, "np"))
    for name in sorted(vars(module), key=len, reverse=True)
    if callable(getattr(module, name)) and not name.startswith("_")
}
PAIR = {fn.sigmoid_with_slope: (fn.sigmoid, fn.sigmoid_prime)}  # What is written where one of the two is needed.
# What a program and its guard call, and no parameter may hide.
RESERVED = {*keyword.kwlist, *IN_NUMPY, *KNOWN, "written", "in_numpy", "as_given", "as_numpy", "plainly", "arrays", "_"}
RESERVED |= {"abs", "dict", "len", "list", "map", "range", "tuple", "type", "zip", "flatten"}
RESERVED |= {"ArithmeticError", "FloatingPointError", "IndexError", "ValueError"}
RESERVED |= {"PATTERN", "KINDS", "ARRAYS", "SPARE", *(np.dtype(code).name.upper() for code in "?bhilqBHILQefdg")}
NAME = re.compile(r"[^\W\d]\w*")


def monomial(c: Any, a: Any, b: Any, lower: int = 1, least: float = 1) -> Any:
    """c·a^(b − lower), where b is a constant, from `lower` on or from less."""
    if isinstance(b, Line) or np.ndim(b):
        return None
    if isinstance(a, Line) and not isinstance(c, Line) and not np.ndim(c) and (c == 0 or b == lower) and like(a, c):
        return a.literal(np.broadcast_to(np.asarray(c, a.dtype), a.shape))
    if not b >= lower * least:
        return None
    return c * a ** (b - lower)


def sigmoid(z: Any) -> Any:
    e = np.exp(-abs(z))
    return np.where(z < 0, e, 1.0) / (1 + e)


def stroke(x: Line, i: int) -> Any:
    """σ(x) or σ′(x), of which the second costs little where the first is computed."""
    if i and not x.book.knows(fn.sigmoid_with_slope, x):
        return None
    return x.book.plain(fn.sigmoid_with_slope, (x,), {})[i]


def in_floats(statement: Statement) -> bool:
    """Whether Python's floats and `math` have words for a statement, which mean the same."""
    function, args = statement.function, statement.args
    booleans = [type(s.value) is np.bool for s in leaves(args)]
    if type(statement.value) is np.bool:
        return function in LOGIC and len(set(booleans)) == 1
    if function is np.where:
        booleans = [type(s.value) is np.bool for s in leaves(args[1:])]
    numbers = all(isinstance(a, Statement | int | float) or type(a) is np.float32 for a in args)
    plain = function is fn.cast or not any(booleans)
    return type(statement.value) is float64 and function in FLOATS and numbers and plain


class Dialect(NamedTuple):
    """The words in which a program is written, what is written in other functions, and which statements it has."""

    forms: dict[Any, Any]
    inline: dict[Function, Callable[..., Any]]
    takes: Callable[[Statement], bool]


OUR_OWN: tuple[Any, ...] = (fn.sigmoid_prime, fn.sech, fn.parabola, fn.within, fn.logit)
OUR_OWN += (act.softplus, act.log_sigmoid, act.leaky_relu, act.elu)
OF_FLOATS = Dialect(
    FLOATS,
    {
        **{function: function.__wrapped__ for function in OUR_OWN},
        fn.sigmoid: sigmoid,
        fn.monomial: lambda c, a, b, lower=1: monomial(c, a, b, lower, -math.inf),
        np.power: lambda a, b: np.square(a) if not isinstance(b, Line) and b == 2 else None,
    },
    in_floats,
)
OF_ARRAYS = Dialect(
    ARRAYS,
    {fn.sigmoid: lambda x: stroke(x, 0), fn.sigmoid_prime: lambda x: stroke(x, 1), fn.monomial: monomial},
    lambda statement: True,
)
