"""Symbols: the reader that turns a row of the table into a formula.

A symbol is given to an entry of the table in place of a number. Through NumPy's own protocols it sees every operation
that the entry performs, and keeps it; written out, that is the formula beside the number: σ'(z5), w5, 1 / x.
"""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.lib.mixins import NDArrayOperatorsMixin

from ..calculus import functions as fn
from ..calculus.computing import NAMES
from ..calculus.functions import Function


class Symbol(NDArrayOperatorsMixin):
    """A name, or a function of symbols and numbers; it has the shape and dtype of the value that it stands for."""

    def __init__(self, function: Function | None, *args: Any, value: Any = None, **params: Any) -> None:
        self.function, self.args, self.params = function, args, params
        self.value, self.shape, self.dtype = value, np.shape(value), getattr(value, "dtype", None)
        self.ndim, self.size = len(self.shape), int(np.prod(self.shape))

    def __array_ufunc__(self, ufunc: Any, how: str, *args: Any, **params: Any) -> Any:
        return apply(ufunc, *args, **params)

    def __array_function__(self, function: Function, types: Any, args: Any, params: Any) -> Any:
        return apply(function, *args, **params)

    def __operation__(self, function: Function, *args: Any, **params: Any) -> Any:
        return apply(function, *args, **params)

    T = property(lambda self: apply(np.swapaxes, self, -1, -2))

    def sum(self, axis: Any, **params: Any) -> Any:
        return apply(np.sum, self, axis=axis, **params)

    def mean(self, axis: Any, **params: Any) -> Any:
        return apply(np.mean, self, axis=axis, **params)

    def __bool__(self) -> bool:
        return bool(evaluated(self))  # An entry that asks takes the branch that the numbers take.

    def __repr__(self) -> str:
        return write(self)


def evaluated(value: Any) -> Any:
    """The number that a symbol stands for."""
    if not isinstance(value, Symbol) or value.value is not None:
        return getattr(value, "value", value)
    function: Any = value.function
    return function(*map(evaluated, value.args), **value.params)


def apply(function: Function, *args: Any, **params: Any) -> Any:
    """The symbol function(*args), in its simplest form where that is one of the few that occur in derivatives.

    A symbol stands for the general case, in which no two values are equal: the share of a ≠ b in their maximum has no ½
    in it. Without the last case −(w / x) / x, the derivative of w / x by x, would not be written as −w / x².
    """
    if function in SPELLED_OUT:
        return SPELLED_OUT[function](*args, **params)
    if function in (np.equal, np.not_equal):
        return np.bool(function is np.not_equal)
    if function is np.where and isinstance(args[0], np.bool):
        return args[1 if args[0] else 2]
    if function in NEUTRAL and is_number(args[1], NEUTRAL[function]):
        return args[0]
    if function is np.multiply and is_number(args[0], 1):
        return args[1]
    if function is np.multiply and args[0] is args[1]:
        return Symbol(np.power, args[0], 2)
    if function is np.divide and getattr(args[0], "function", None) is np.divide and same(args[0].args[1], args[1]):
        return Symbol(np.divide, args[0].args[0], Symbol(np.power, args[1], 2))
    return Symbol(function, *args, **params)


def is_number(value: Any, number: int) -> bool:
    return not isinstance(value, Symbol) and np.ndim(value) == 0 and bool(value == number)


NEUTRAL = {np.add: 0, np.subtract: 0, np.divide: 1, np.power: 1}  # a + 0, a − 0, a / 1 and a ** 1 are a.


def same(a: Any, b: Any) -> bool:
    """Whether two symbols are one, or the same function of the same: an entry may write hypot(a, b) twice."""
    if not isinstance(a, Symbol) or not isinstance(b, Symbol) or a.function is None:
        return a is b
    return a.function is b.function and (*a.args, a.params) == (*b.args, b.params)


def indexed(x: Any, key: Any) -> Any:
    """x[key], which the table calls getitem; it stands for it in formulas only."""
    return x[key]


# What only keeps its digits better than the formula that it stands for.
SPELLED_OUT: dict[Function, Callable[..., Any]] = {
    fn.magnitude: lambda x, axis: 1,
    fn.direction: lambda x, y, axis, keepdims: x / (y if keepdims or axis is None else np.expand_dims(y, axis)),
    fn.over_squares: fn.over_squares.__wrapped__,  # type: ignore[attr-defined]
    fn.parabola: lambda x, a=-1, b=1: x * (b - x) if a == 0 else 1 - x**2,
    fn.within: lambda x, end=40: x,
    fn.projected: lambda v, p, axis: v - p * v.sum(axis=axis, keepdims=True),
    fn.monomial: lambda c, a, b, lower=1: c * a ** (b - lower),
    fn.cosine: lambda a, b: a / np.hypot(a, b),
    fn.share: lambda a, b, base=0: fn.sigmoid(math.log(2) * (a - b) if base == 2 else a - b),
}
# What is written as another function, because that is how one knows it.
WRITTEN_AS: dict[Function, Callable[..., Symbol]] = {
    np.square: lambda x: Symbol(np.power, x, 2),
    np.reciprocal: lambda x: Symbol(np.divide, 1, x),
    np.float_power: lambda a, b: Symbol(np.power, a, b),
    np.floor_divide: lambda a, b: Symbol(np.floor, Symbol(np.divide, a, b)),
    fn.shares: lambda y, x, axis, keepdims: Symbol(fn.chosen, y, x),
    fn.concatenate: lambda *x, axis, ends: Symbol(np.concatenate, *x, axis=axis),
    fn.contract: lambda *x, subscripts, optimize: Symbol(np.einsum, subscripts, *x),
    fn.getitem: lambda x, key: Symbol(indexed, x, index(key)),
    fn.rearranged: lambda x, by, of: Symbol(by, x, *of),
    fn.scatter: lambda x, key, shape: Symbol(fn.scatter, x, f"[{index(key)}]", shape),
}


def index(key: Any) -> str:
    """A key as it stands between brackets."""
    if isinstance(key, tuple):
        return ", ".join(map(index, key)) or "()"
    if isinstance(key, slice):
        parts = ["" if part is None else str(part) for part in (key.start, key.stop, key.step)]
        return ":".join(parts if parts[2] else parts[:2])
    return "..." if key is ... else constant_text(key, TEXT)[0]


def symbol(value: Any, name: str) -> Symbol:
    return Symbol(None, name, value=value)


def operands(node: Any, name: Callable[[Any], str]) -> list[Any]:
    """The inputs of a node as symbols; constants without a name as the numbers that they are."""
    return [
        symbol(value, name(x)) if x.name or x.requires_grad else symbol(value, "c") if np.ndim(value) else value
        for x, value in zip(node.inputs, node.arguments, strict=True)
    ]


def computed(node: Any, x: list[Any]) -> Symbol:
    """What a node computes from these operands, as a symbol."""
    return Symbol(node.function, *x, value=node.values[0], **node.params)


def forward(node: Any, name: Callable[[Any], str]) -> Symbol:
    """What a node computes, as a symbol."""
    return computed(node, operands(node, name))


def derivative(node: Any, position: int, name: Callable[[Any], str]) -> Any:
    """What a node's entry for the input at `position` computes: the local derivative, or g carried back."""
    x = operands(node, name)
    y, entry = computed(node, x), node.row.entries[position]
    if node.row.elementwise:
        return entry(y, *x, *node.row.arguments.in_order(node.params))
    g = symbol(node.values[0], "g")
    return entry(g, y, tuple(x), **node.params) if node.row.arity is None else entry(g, y, *x, **node.params)


ATOM, POWER, PRODUCT, SUM = 4, 3, 2, 1
SUPERSCRIPTS = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")


def text_power(base: str, exponent: str) -> str:
    if exponent.isdigit():
        return base + exponent.translate(SUPERSCRIPTS)
    return f"{base}^{exponent}" if re.fullmatch(r"[\w.]+", exponent) else f"{base}^({exponent})"


def latex_name(name: str) -> str:
    """w5 as w_{5}, loss as an upright word."""
    if match := re.fullmatch(r"([A-Za-z])(\d*)", name):
        letter, index = match.groups()
        return f"{letter}_{{{index}}}" if index else letter
    return r"\mathrm{" + re.sub(r"([#$%&_{}])", r"\\\1", re.sub(r"[\\^~]", "", name)).replace(" ", r"\ ") + "}"


def latex_number(value: Any) -> str:
    """A number with six digits, and a power of ten where it is far from 1."""
    value = float(value)
    if not math.isfinite(value):
        return r"\mathrm{nan}" if math.isnan(value) else r"\infty" if value > 0 else r"-\infty"
    if value == 0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.6g}"
    mantissa, exponent = f"{value:.5e}".split("e")
    return rf"{mantissa.rstrip('0').rstrip('.')} \times 10^{{{int(exponent)}}}"


# How the functions look that are not written as name(x, …), and how tightly they bind: in text, and in LaTeX.
TEMPLATES: dict[Function, tuple[tuple[str, int], tuple[str, int]]] = {
    fn.sigmoid: (("σ({})", ATOM), (r"\sigma({})", ATOM)),
    fn.sigmoid_prime: (("σ'({})", ATOM), (r"\sigma'({})", ATOM)),
    fn.chosen: (("[{} = {}]", ATOM), ("[{} = {}]", ATOM)),
    indexed: (("{}[{}]", ATOM), ("{}[{}]", ATOM)),
    fn.step: (("[{} > 0]", ATOM), ("[{} > 0]", ATOM)),
    np.greater: (("{} > {}", SUM), ("{} > {}", SUM)),
    np.absolute: (("|{}|", ATOM), ("|{}|", ATOM)),
    np.floor: (("⌊{}⌋", ATOM), (r"\lfloor {} \rfloor", ATOM)),
    np.sqrt: (("sqrt({})", ATOM), (r"\sqrt{{{}}}", ATOM)),
    np.cbrt: (("cbrt({})", ATOM), (r"\sqrt[3]{{{}}}", ATOM)),
    np.exp2: (("exp2({})", ATOM), ("2^{{{}}}", POWER)),
    np.negative: (("−{}", SUM), ("-{}", SUM)),
    np.add: (("{} + {}", SUM), ("{} + {}", SUM)),
    np.subtract: (("{} − {}", SUM), ("{} - {}", SUM)),
    np.multiply: (("{}·{}", PRODUCT), (r"{} \, {}", PRODUCT)),
    np.matmul: (("{} @ {}", PRODUCT), (r"{} \, {}", PRODUCT)),
    np.divide: (("{} / {}", PRODUCT), (r"\frac{{{}}}{{{}}}", POWER)),
    np.swapaxes: (("{}ᵀ", ATOM), ("{}^T", ATOM)),
}
CALLED: dict[Function, str] = {**NAMES, np.maximum: "max", np.minimum: "min"}
COMMANDS = ("exp", "sin", "cos", "tan", "arcsin", "arccos", "arctan", "sinh", "cosh", "tanh", "max", "min")
LATEX_NAMES = {"log": r"\ln", "log2": r"\log_{2}", "log10": r"\log_{10}", **{name: f"\\{name}" for name in COMMANDS}}


class Style(NamedTuple):
    """How formulas are written: which of the templates it takes, and how names, functions, powers and numbers look."""

    template: int
    name: Callable[[str], str]
    function: Callable[[str], str]
    power: Callable[[str, str], str]
    number: Callable[[Any], str]


TEXT = Style(0, str, str, text_power, lambda value: f"{value:g}".replace("-", "−"))
LATEX = Style(1, latex_name, lambda name: LATEX_NAMES.get(name) or latex_name(name), "{}^{{{}}}".format, latex_number)


def write(value: Any, style: Style = TEXT) -> str:
    """A symbol or a number as text in the given style."""
    return written(value, style)[0]


def written(value: Any, style: Style) -> tuple[str, int]:
    """The text, and how tightly its outermost operation binds."""
    if not isinstance(value, Symbol):
        return constant_text(value, style)
    if value.function is None:
        return style.name(value.args[0]), ATOM
    if value.function in WRITTEN_AS:
        value = WRITTEN_AS[value.function](*value.args, **value.params)
    function: Any = value.function
    if function is np.power:
        base, exponent = value.args
        return style.power(bracketed(base, style, POWER + 1), write(exponent, style)), POWER
    if function not in TEMPLATES:
        arguments = [write(a, style) for a in value.args if a is not None]
        arguments += [f"{k}={write(v, style)}" for k, v in value.params.items() if v is not None and v is not False]
        return f"{style.function(CALLED.get(function, function.__name__))}({', '.join(arguments)})", ATOM
    template, precedence = TEMPLATES[function][style.template]
    if len(value.args) == 1 or precedence >= POWER:  # Its own brackets are enough, but for the sign before a sum.
        needed = [PRODUCT if function is np.negative else 0] * template.count("{}")
    else:
        needed = [precedence, precedence if function in (np.add, np.multiply) else precedence + 1]
    arguments = [bracketed(a, style, level) for a, level in zip(value.args, needed, strict=False)]
    return template.format(*arguments), precedence


def constant_text(value: Any, style: Style) -> tuple[str, int]:
    """A number in the style; an array or another parameter on one line."""
    if isinstance(value, np.ndarray):
        return " ".join(np.array2string(value, threshold=6).split()), ATOM
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return " ".join(str(value).split()), ATOM
    text = style.number(value)
    return text, PRODUCT if "times" in text else ATOM if value >= 0 else SUM


def bracketed(value: Any, style: Style, needed: int) -> str:
    """The text in brackets, unless it binds as tightly as needed."""
    text, precedence = written(value, style)
    return text if precedence >= needed else f"({text})"
