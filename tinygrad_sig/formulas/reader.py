"""The reader: a formula as text, in the notation that traces print, as a function of the values of its names.

    sum      = product { (+ | −) product }
    product  = factor { (· | / | @) factor }      σ'(z2)(1 − y) and 2x multiply too, but not after a division
    factor   = (− | +) factor | atom { ᵀ | superscript } [ ^ factor ]
    atom     = number | name | function {'} ( sum { , sum } ) | ( sum ) | |sum| | [ sum (> | < | =) sum ]

One method reads each line of this grammar, and returns what computes it. A function is called by the name that traces
print or by NumPy's; a prime differentiates it by its row, so that σ' and tanh'' are as exact as the engine.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Collection, Mapping
from functools import reduce
from typing import Any, NamedTuple, NoReturn

import numpy as np

from ..calculus.functions import Function, relu, sigmoid
from ..calculus.rows import ROWS
from ..transforms.functional import grad
from .symbols import CALLED

Values = Mapping[str, Any]
Compute = Callable[[Values], Any]

FUNCTIONS: dict[str, Function] = {
    **{CALLED.get(f, f.__name__): f for f, row in ROWS.items() if row.elementwise},
    **{f.__name__: f for f, row in ROWS.items() if row.elementwise},
    **dict.fromkeys(("σ", "s", "sigma", "sigmoid"), sigmoid),
    **{"ln": np.log, "√": np.sqrt, "abs": np.absolute, "ReLU": relu},
    **{"sum": np.sum, "mean": np.mean, "prod": np.prod, "norm": np.linalg.norm},
}
CONSTANTS = {"π": math.pi, "pi": math.pi, "e": math.e}
OPERATORS: dict[str, Function] = {
    **{"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide, "@": np.matmul},
    **{">": np.greater, "<": np.less, "=": np.equal},
}
# One sign each, so that a column is a column of what was written.
SIGNS = str.maketrans("₀₁₂₃₄₅₆₇₈₉−–·×⋅∙∗′’ʹ", "0123456789--*****'''")
RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ˣʸᶻⁿ", "0123456789-+xyzn")
TOKEN = re.compile(
    r"(?P<number>\d+\.?\d*(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)|(?P<name>[A-Za-zα-ρτ-ωΑ-Ω_][A-Za-z0-9_]*|σ|√)"
    r"|(?P<raised>[⁰¹²³⁴⁵⁶⁷⁸⁹⁻⁺ˣʸᶻⁿ]+)|(?P<sign>\*\*|''|ᵀ|\.T\b|[-+*/@^()|\[\]<>=,'″])"
)
DEEPEST, PRIMES = 50, 6  # What a further prime costs grows with those before it.


class FormulaError(ValueError):
    """A text that is no formula; `column` counts from 1."""

    def __init__(self, message: str, column: int) -> None:
        super().__init__(message)
        self.column = column


class Token(NamedTuple):
    kind: str
    text: str
    start: int


class Formula:
    """A formula that was read: call it with the values of its names.

    `known` are the names that it may use. Raises FormulaError, which points at the column.

    >>> Formula("w·σ'(w·x)", {"w", "x"})({"w": 2.0, "x": 0.0})
    np.float64(0.5)
    """

    def __init__(self, text: str, known: Collection[str]) -> None:
        self.text, self.known, self.names = text, known, set[str]()
        self.tokens, self.place, self.depth = self.scanned(text), 0, 0
        self.compute = self.sum()
        if self.next.kind != "end":
            self.fail(f"{self.shown} is not expected; what stands before it is whole")

    def __call__(self, values: Values) -> Any:
        return self.compute(values)

    def scanned(self, text: str) -> list[Token]:
        """The words of the text, and an end."""
        tokens, plain, place = [], text.translate(SIGNS), 0
        while place < len(text):
            match = TOKEN.match(plain, place)
            if match:
                tokens.append(Token(match.lastgroup or "", match[0], place))
            elif not text[place].isspace():
                self.fail(f"{text[place]!r} has no place in a formula; leave it out", place)
            place = match.end() if match else place + 1
        return [*tokens, Token("end", "", len(text))]

    @property
    def next(self) -> Token:
        return self.tokens[self.place]

    @property
    def shown(self) -> str:
        """What errors call the next word."""
        start, end = self.next.start, self.next.start + len(self.next.text)
        return "the end" if self.next.kind == "end" else repr(self.text[start:end])

    def taken(self, *texts: str) -> str:
        """The next word, if it is one of these signs; it is gone then."""
        if self.next.kind == "sign" and self.next.text in texts:
            self.place += 1
            return self.tokens[self.place - 1].text
        return ""

    def closed(self, bracket: str, opened: Token) -> None:
        if not self.taken(bracket):
            self.fail(f"{bracket} is missing, for the {opened.text} in column {opened.start + 1}; {self.shown} is here")

    def fail(self, message: str, place: int | None = None) -> NoReturn:
        """Refuse the formula: a ▸ stands before the column in what is shown of the text."""
        place = self.next.start if place is None else place
        first, last = max(place - 24, 0), place + 24
        before, after = (
            "…" * (first > 0) + self.text[first:place],
            self.text[place:last] + "…" * (last < len(self.text)),
        )
        raise FormulaError(f"column {place + 1} of the formula, {before}▸{after}: {message}", place + 1)

    def sum(self) -> Compute:
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"brackets are nested more than {DEEPEST} deep; write it with fewer")
        terms = [("+", self.product())]
        while sign := self.taken("+", "-"):
            terms.append((sign, self.product()))
        self.depth -= 1
        return combined(terms)

    def product(self) -> Compute:
        factors = [("*", self.factor())]
        while True:
            if sign := self.taken("*", "/", "@"):
                factors.append((sign, self.factor()))
            elif self.next.kind == "name" or self.next.text in ("(", "["):
                if factors[-1][0] == "/":
                    self.fail(f"{self.shown} after a division may be above or below the line; write · or brackets")
                factors.append(("*", self.factor()))
            else:
                return combined(factors)

    def factor(self) -> Compute:
        signs = 0
        while sign := self.taken("-", "+"):
            signs += sign == "-"
        base = self.atom()
        first = self.place
        while self.next.text in ("ᵀ", ".T") or self.next.kind == "raised":
            if self.place - first == DEEPEST:
                self.fail(f"more than {DEEPEST} exponents stand after each other; write it with fewer")
            base = self.raised(base) if self.next.kind == "raised" else self.transposed(base)
        if self.taken("^", "**"):
            base = computing(np.power, base, self.nested(self.factor))
        return computing(np.negative, base) if signs % 2 else base

    def nested(self, read: Callable[[], Compute]) -> Compute:
        """What stands in an exponent, as deep as another bracket."""
        self.depth += 1
        if self.depth > DEEPEST:
            self.fail(f"powers are nested more than {DEEPEST} deep; write it with fewer")
        found = read()
        self.depth -= 1
        return found

    def transposed(self, base: Compute) -> Compute:
        self.place += 1
        return lambda values: np.swapaxes(x, -1, -2) if np.ndim(x := base(values)) > 1 else x

    def raised(self, base: Compute) -> Compute:
        """base², base⁻¹, eˣ: superscripts are an exponent of their own."""
        token = self.next
        match = re.fullmatch(r"([+-]?)(?:(\d+)|([xyzn]))", token.text.translate(RAISED))
        if not match:
            self.fail(f"{token.text!r} is no exponent; write ^(…)")
        sign, number, name = match.groups()
        exponent = constant(float(number)) if number else self.named(name)
        self.place += 1
        return computing(np.power, base, computing(np.negative, exponent) if sign == "-" else exponent)

    def atom(self) -> Compute:
        token = self.next
        self.place += 1
        if token.kind == "number":
            return constant(float(token.text))
        if token.kind == "name":
            called = self.next.text in ("'", "''", "″") or (self.next.text == "(" and token.text not in self.known)
            if called or token.text == "√":
                return self.call(token)
            self.place -= 1
            found = self.named(token.text)
            self.place += 1
            return found
        if token.kind == "sign" and token.text in ("(", "|", "["):
            inner = self.sum()
            if token.text == "[" and (sign := self.taken(">", "<", "=")):
                inner = computing(lambda a, b: OPERATORS[sign](a, b) * 1.0, inner, self.sum())
            elif token.text == "[":
                self.fail(f"a comparison is missing, as in [x > 0]; {self.shown} is here")
            self.closed({"(": ")", "[": "]", "|": "|"}[token.text], token)
            return computing(np.absolute, inner) if token.text == "|" else inner
        self.place -= 1
        self.fail(f"a number, a name or a bracket is missing; {self.shown} is here")

    def named(self, name: str) -> Compute:
        """The value of a name; of what f does not name, π and e are known."""
        if name in self.known:
            self.names.add(name)
            return lambda values: values[name]
        if name in CONSTANTS:
            return constant(CONSTANTS[name])
        if name in FUNCTIONS:
            self.fail(f"{name} is a function; write {name}(…)")
        self.fail(f"{name} is unknown; what f names is {listing(self.known)}")

    def call(self, token: Token) -> Compute:
        """A function of what stands in the brackets after it, differentiated once for every prime."""
        if token.text not in FUNCTIONS:
            self.fail(
                f"{token.text} is no function that a table of derivatives has; write · before a bracket", token.start
            )
        function, primes = FUNCTIONS[token.text], 0
        while sign := self.taken("'", "''", "″"):
            primes += 1 if sign == "'" else 2
            if primes > PRIMES:
                self.fail(f"{token.text} has more than {PRIMES} primes; write its formula", token.start)
        opened = self.next
        if not self.taken("("):
            self.fail(f"{token.text} is a function, and the ( after it is missing; {self.shown} is here")
        arguments = [self.sum()]
        while self.taken(","):
            arguments.append(self.sum())
        self.closed(")", opened)
        arity = ROWS[function].arity if function in ROWS else 1
        if arity is not None and len(arguments) != arity:
            self.fail(f"{token.text} takes {arity} argument{'s' * (arity != 1)}, not {len(arguments)}", token.start)
        if primes and (arity != 1 or function not in ROWS or not ROWS[function].elementwise):
            self.fail(
                f"{token.text} of {arity} arguments or of a whole array has no prime; write its formula", token.start
            )
        return computing(derived(function, primes), *arguments)


def derived(function: Function, primes: int) -> Function:
    """An elementwise function differentiated so many times: the gradient of a sum of f has f′ of each element."""
    for _ in range(primes):
        function = grad(lambda x, f=function: np.sum(f(x)))
    return function


def constant(value: float) -> Compute:
    return lambda values: np.float64(value)


def computing(function: Function, *parts: Compute) -> Compute:
    return lambda values: function(*(part(values) for part in parts))


def combined(parts: list[tuple[str, Compute]]) -> Compute:
    """Terms or factors from left to right, each with the sign before it; the first has none."""
    (_, first), *rest = parts
    if not rest:
        return first
    return lambda values: reduce(lambda a, part: OPERATORS[part[0]](a, part[1](values)), rest, first(values))


def listing(names: Collection[str]) -> str:
    """Names in the order of books, w2 before w10; of many, the first and the last."""
    ordered = sorted(names, key=lambda name: [int(p) if p.isdigit() else p for p in re.split(r"(\d+)", name)])
    return ", ".join(ordered if len(ordered) <= 24 else [*ordered[:11], "…", *ordered[-12:]])
