"""Formulas: the text beside a number is read from the row that the number came from, so both must say the same."""

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tinygrad_sig import (
    Tensor,
    gelu,
    log_softmax,
    logit,
    logsumexp,
    relu,
    sigmoid,
    sigmoid_chain,
    silu,
    softmax,
    trace,
)
from tinygrad_sig.calculus.functions import (
    cast,
    concatenate,
    contract,
    cosine,
    cross,
    euclidean,
    getitem,
    log_det,
    monomial,
    p_norm,
    rearranged,
    recurrence,
    scatter,
    sech,
    share,
    sigmoid_prime,
    sinc_derivative,
    stack,
)
from tinygrad_sig.calculus.rules import LINEAR, LOCAL
from tinygrad_sig.formulas.symbols import LATEX, Symbol, derivative, forward, write

A, B = 1.3, 0.7
NAMESPACE = {
    **{f.__name__: f for f in (np.sqrt, np.cbrt, np.exp, np.exp2, np.log, np.sin, np.cos, np.tan, np.sinh, np.cosh)},
    **{f.__name__: f for f in (np.tanh, sech, np.sign, np.floor, np.hypot, max, min, np.fmax, np.fmin)},
    **{f.__name__: f for f in (np.rint, np.fmod, np.copysign, sinc_derivative)},
    "σ": sigmoid,
    **{f.__name__: f for f in (np.where, silu, gelu, sigmoid_prime, cosine, share, monomial)},
    "Fraction": Fraction,
}
# Where a function is looked at, if it is not defined at A and at B.
WITHIN = {np.arcsin: 0.6, np.arccos: 0.6, np.arctanh: 0.6, logit: 0.6, np.arccosh: 1.6}
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")


def leaves(count=2):
    return [Tensor(value, name=name) for value, name in [(A, "a"), (B, "b")][:count]]


def texts(y):
    return [step.formula for step in trace(y, np.ones(y.shape))]


def latex(y):
    steps = trace(y, np.ones(y.shape))
    return [write(derivative(step.output, step.position, steps.names.__getitem__), LATEX) for step in steps]


def python(formula):
    """A formula as Python would write it."""
    formula = re.sub("[⁰¹²³⁴⁵⁶⁷⁸⁹]+", lambda power: "**" + power[0].translate(DIGITS), formula)
    formula = re.sub(r"\[([^\[\]]+) > 0\]", r"(\1 > 0)", formula)
    formula = re.sub(r"\|(\w+)\|", r"abs(\1)", formula)
    formula = re.sub(r"\[(.+) = (.+)\]", r"(\1 == \2)", formula)
    formula = formula.replace("σ'", "sigmoid_prime").replace("⌊", "floor(").replace("⌋", ")")
    return formula.translate({ord("−"): "-", ord("·"): "*", ord("^"): "**"})


def evaluated(formula, **values):
    return eval(python(formula), NAMESPACE, values)


@pytest.mark.parametrize(
    ("build", "text", "tex"),
    [
        (lambda x: -x, "−1", "-1"),
        (lambda x: +x, "1", "1"),
        (abs, "sign(x)", r"\mathrm{sign}(x)"),
        (np.sqrt, "0.5 / sqrt(x)", r"\frac{0.5}{\sqrt{x}}"),
        (np.exp, "exp(x)", r"\exp(x)"),
        (np.log, "1 / x", r"\frac{1}{x}"),
        (np.sin, "cos(x)", r"\cos(x)"),
        (np.cos, "−sin(x)", r"-\sin(x)"),
        (np.tanh, "sech(x)²", r"\mathrm{sech}(x)^{2}"),
        (sech, "(−sech(x))·tanh(x)", r"(-\mathrm{sech}(x)) \, \tanh(x)"),
        (sigmoid, "σ'(x)", r"\sigma'(x)"),
        (relu, "[x > 0]", "[x > 0]"),
        (np.square, "2·x", r"2 \, x"),
        (np.reciprocal, "−(1 / x)²", r"-(\frac{1}{x})^{2}"),
        (np.cbrt, "1 / (3·cbrt(x)²)", r"\frac{1}{3 \, \sqrt[3]{x}^{2}}"),
        (np.exp2, "0.693147·exp2(x)", r"0.693147 \, 2^{x}"),
        (np.log10, "0.434294 / x", r"\frac{0.434294}{x}"),
        (np.tan, "1 + tan(x)²", r"1 + \tan(x)^{2}"),
        (np.arctan, "1 / (1 + x²)", r"\frac{1}{1 + x^{2}}"),
        (np.cosh, "sinh(x)", r"\sinh(x)"),
        (lambda x: np.logaddexp(x, 0), "σ(x)", r"\sigma(x)"),
        (lambda x: x + 2, "1", "1"),
        (lambda x: 2 - x, "−1", "-1"),
        (lambda x: 2 * x, "2", "2"),
        (lambda x: x * -0.5, "−0.5", "-0.5"),
        (lambda x: 2 / x, "−2 / x²", r"-\frac{2}{x^{2}}"),
        (lambda x: x / 4, "0.25", "0.25"),
        (lambda x: x**2, "2·x", r"2 \, x"),
        (lambda x: x**3, "3·x²", r"3 \, x^{2}"),
        (lambda x: x**12, "12·x¹¹", r"12 \, x^{11}"),
        (lambda x: x**-1, "(−1)·x^(−2)", r"(-1) \, x^{-2}"),
        (lambda x: x**2.5, "2.5·x^1.5", r"2.5 \, x^{1.5}"),
        (lambda x: x % 2, "1", "1"),
        (lambda x: np.maximum(x, 0.5), "[max(x, 0.5) = x]", r"[\max(x, 0.5) = x]"),
        (lambda x: np.minimum(x, 0.5), "[min(x, 0.5) = x]", r"[\min(x, 0.5) = x]"),
    ],
)
def test_the_formula_of_a_function_of_one_tensor(build, text, tex):
    y = build(Tensor(A, name="x"))
    assert texts(y) == [text]
    assert latex(y) == [tex]


@pytest.mark.parametrize(
    ("build", "text", "tex"),
    [
        (lambda w, x: w + x, ["1", "1"], ["1", "1"]),
        (lambda w, x: w - x, ["1", "−1"], ["1", "-1"]),
        (lambda w, x: w * x, ["x5", "w5"], ["x_{5}", "w_{5}"]),
        (
            lambda w, x: w / x,
            ["1 / x5", "−w5 / x5²"],
            [r"\frac{1}{x_{5}}", r"-\frac{w_{5}}{x_{5}^{2}}"],
        ),
        (lambda w, x: w % x, ["1", "−⌊w5 / x5⌋"], ["1", r"-\lfloor \frac{w_{5}}{x_{5}} \rfloor"]),
        (
            lambda w, x: w**x,
            ["x5·w5^(x5 − 1)", "w5^x5·log(w5)"],
            [r"x_{5} \, w_{5}^{x_{5} - 1}", r"w_{5}^{x_{5}} \, \ln(w_{5})"],
        ),
        (np.float_power, ["x5·w5^(x5 − 1)", "w5^x5·log(w5)"], None),
        (
            np.maximum,
            ["[max(w5, x5) = w5]", "[max(w5, x5) = x5]"],
            [r"[\max(w_{5}, x_{5}) = w_{5}]", r"[\max(w_{5}, x_{5}) = x_{5}]"],
        ),
        (
            np.minimum,
            ["[min(w5, x5) = w5]", "[min(w5, x5) = x5]"],
            [r"[\min(w_{5}, x_{5}) = w_{5}]", r"[\min(w_{5}, x_{5}) = x_{5}]"],
        ),
        (np.arctan2, ["x5 / (x5² + w5²)", "−w5 / (w5² + x5²)"], None),
        (np.logaddexp, ["σ(w5 − x5)", "σ(x5 − w5)"], [r"\sigma(w_{5} - x_{5})", r"\sigma(x_{5} - w_{5})"]),
    ],
)
def test_the_formulas_of_a_function_of_two_tensors(build, text, tex):
    y = build(Tensor(A, name="w5"), Tensor(B, name="x5"))
    assert texts(y) == text
    assert tex is None or latex(y) == tex


def test_the_formulas_of_a_chain_are_slopes_at_preactivations_weights_and_activations():
    assert texts(sigmoid_chain(1.0, [0.5, 2.0])) == ["σ'(z2)", "a1", "w2", "σ'(z1)", "x", "w1"]


@pytest.mark.parametrize("function", LOCAL, ids=lambda f: f.__name__)
@pytest.mark.parametrize(("a", "b"), [(A, B), (B, A)])
def test_a_formula_a_row_and_a_step_say_the_same_number(function, a, b):
    """To the six digits that a number in a formula has; to the last where there is none but 1, 2 and 3."""
    a = WITHIN.get(function, a)
    tensors = [Tensor(value, name=name) for value, name in [(a, "a"), (b, "b"), (B, "c")]][: len(LOCAL[function])]
    y = function(*tensors)
    for step, entry in zip(trace(y), LOCAL[function], strict=True):
        number = entry(y.data, *(tensor.data for tensor in tensors))
        assert step.local == pytest.approx(number, rel=1e-14)
        rounded = re.search(r"\d\.\d{4}", step.formula)
        assert evaluated(step.formula, a=a, b=b, c=B) == pytest.approx(float(number), rel=1e-5 if rounded else 1e-14)


# How a linear map is called; a new row without an example fails the test below by name.
MATRIX = {"x": np.arange(6.0).reshape(2, 3), "row": np.arange(3.0), "columns": np.arange(12.0).reshape(3, 4)}
EXAMPLES = {
    np.sum: [lambda x, **_: np.sum(x), lambda x, **_: np.sum(x, axis=1), lambda x, **_: np.sum(x, 0, keepdims=True)],
    np.mean: [lambda x, **_: np.mean(x), lambda x, **_: np.mean(x, axis=(0, 1)), lambda x, **_: np.mean(x, axis=-1)],
    np.max: [
        lambda x, **_: np.max(x),
        lambda x, **_: np.max(x, axis=1),
        lambda x, **_: np.max(x, (0, 1), keepdims=True),
    ],
    np.min: [lambda x, **_: np.min(x), lambda x, **_: np.min(x, axis=-1), lambda x, **_: np.min(x, 0, keepdims=True)],
    euclidean: [lambda x, **_: np.linalg.norm(x), lambda x, **_: np.linalg.norm(x, axis=0)],
    np.var: [lambda x, **_: np.var(x), lambda x, **_: np.var(x, axis=1, ddof=1)],
    np.std: [lambda x, **_: np.std(x)],
    logsumexp: [lambda x, **_: logsumexp(x), lambda x, **_: logsumexp(x, axis=1)],
    softmax: [lambda x, **_: softmax(x), lambda x, **_: softmax(x, axis=0)],
    log_softmax: [lambda x, **_: log_softmax(x)],
    **{
        f: [lambda x, f=f, **_: f(x), lambda x, f=f, **_: f(x, axis=1, keepdims=True)]
        for f in (np.nanmax, np.nanmin, np.nansum, np.nanmean, np.prod)
    },
    np.cumprod: [lambda x, **_: np.cumprod(x), lambda x, **_: np.cumprod(x, axis=1)],
    np.nan_to_num: [lambda x, **_: np.nan_to_num(x)],
    sinc_derivative: [lambda x, **_: sinc_derivative(x, n=1)],
    recurrence: [lambda x, **_: recurrence(x[:1], x)],
    np.cumsum: [lambda x, **_: np.cumsum(x), lambda x, **_: np.cumsum(x, axis=1)],
    np.flip: [lambda x, **_: np.flip(x), lambda x, **_: np.flip(x, axis=(0, 1))],
    concatenate: [lambda x, **_: np.concatenate([x, x])],
    stack: [lambda x, row, **_: np.stack([x[0], row], axis=-1)],
    contract: [
        lambda x, columns, **_: np.einsum("ij,jk->ik", x, columns),
        lambda x, row, **_: np.einsum("ij,j,kj", x, row, np.ones((4, 3))),
        lambda x, **_: np.einsum("ij->", x),
        lambda columns, **_: np.einsum("ii", columns[:, :3]),
    ],
    np.reshape: [lambda x, **_: x.reshape(3, 2), lambda x, **_: np.reshape(x, -1)],
    np.expand_dims: [lambda x, **_: np.expand_dims(x, 1)],
    np.squeeze: [lambda x, **_: np.squeeze(x), lambda x, **_: np.squeeze(x[:1], axis=0)],
    np.transpose: [lambda x, **_: x.T, lambda x, **_: np.transpose(x, (1, 0))],
    np.swapaxes: [lambda x, **_: np.swapaxes(x, 0, 1)],
    np.moveaxis: [lambda x, **_: np.moveaxis(x, 0, 1)],
    np.roll: [lambda x, **_: np.roll(x, 1, axis=0)],
    np.rot90: [lambda x, **_: np.rot90(x)],
    np.tril: [lambda x, **_: np.tril(x, 1)],
    np.triu: [lambda x, **_: np.triu(x)],
    np.diagonal: [lambda x, **_: np.diagonal(x)],
    rearranged: [lambda x, **_: np.tile(x, (2, 1)), lambda x, **_: np.take(x, [0, 1])],
    np.broadcast_to: [lambda x, **_: np.broadcast_to(x, (4, 2, 3))],
    getitem: [lambda x, **_: x[0], lambda x, **_: x[:, ::2], lambda x, **_: x[[1, 0, 1]]],
    scatter: [lambda x, **_: scatter(x, 0, (2, 2, 3))],
    cast: [lambda x, **_: cast(x, np.float32)],
    np.matmul: [
        lambda x, columns, **_: x @ columns,
        lambda x, row, **_: x @ row,
        lambda row, columns, **_: row @ columns,
        lambda row, **_: row @ row,
    ],
    p_norm: [lambda x, **_: np.linalg.norm(np.ravel(x), 3), lambda row, **_: np.linalg.norm(row, 0.5)],
    np.linalg.inv: [lambda x, **_: np.linalg.inv(x[:, 1:])],
    np.linalg.det: [lambda x, **_: np.linalg.det(x[:, 1:])],
    log_det: [lambda x, **_: np.linalg.slogdet(x[:, 1:])[1]],
    np.linalg.solve: [
        lambda x, columns, **_: np.linalg.solve(x[:, 1:], columns[:2]),
        lambda x, row, **_: np.linalg.solve(x[:, 1:], row[1:]),
    ],
    cross: [lambda x, **_: np.cross(x, x)],
    np.where: [lambda x, **_: np.where(x > 2, x, 0), lambda x, **_: np.where(x > 2, 1, x)],
}


@pytest.mark.parametrize("function", LINEAR, ids=lambda f: f.__name__)
def test_every_linear_map_says_how_it_carries_g_back(function):
    assert function in EXAMPLES, f"{function.__name__} has a row; give an example of it"
    for build in EXAMPLES[function]:
        y = build(**{name: Tensor(value, name=name) for name, value in MATRIX.items()})
        for text, tex in zip(texts(y), latex(y), strict=True):
            assert "\n" not in text + tex
            assert len(text) < 100
            assert not re.search("None|slice|array|Ellipsis", text)
        assert any(re.search(r"\bgᵀ?\b", text) for text in texts(y))


@pytest.mark.parametrize(
    ("constant", "text"),
    [
        (3, "3"),
        (0.5, "0.5"),
        (-2, "−2"),
        (np.float64(0.25), "0.25"),
        (True, "1"),
        (Tensor(4.0, requires_grad=False), "4"),
        (Tensor(4.0, name="rate", requires_grad=False), "rate"),
        (Tensor(4.0).detach(), "4"),
    ],
)
def test_constants_are_shown_as_numbers_and_named_ones_by_name(constant, text):
    y = Tensor(A, name="x") * constant
    assert texts(y) == [text]


def test_a_constant_of_another_dtype_is_shown_as_the_number_that_it_is():
    assert texts(Tensor(np.float32(2), name="x") * np.float32(0.1)) == ["0.1"]


def test_a_constant_array_is_a_letter_and_not_a_wall_of_digits():
    assert texts(Tensor(np.ones((9, 9)), name="x") * np.ones((9, 9))) == ["c"]


@pytest.mark.parametrize("constant", [1e-7, -2.5e-300, 1e22])
def test_a_power_of_ten_is_written_as_one_in_latex(constant):
    (tex,) = latex(Tensor(1.0, name="x") * constant)
    assert re.fullmatch(r"-?[\d.]+ ?(\\times|\\cdot) ?10\^\{-?\d+\}", tex), tex


@pytest.mark.parametrize("constant", [1234567, 0.123456789, 1e-7, -2.5e-300, 1e22])
def test_a_constant_in_a_formula_has_six_digits_and_its_power_of_ten(constant):
    (text,) = texts(Tensor(1.0, name="x") * constant)
    assert evaluated(text) == pytest.approx(constant, rel=5e-6)


@pytest.mark.parametrize(
    ("name", "tex"),
    [("x", "x"), ("w5", "w_{5}"), ("z12", "z_{12}"), ("loss", r"\mathrm{loss}"), ("a_b", r"\mathrm{a\_b}")],
)
def test_names_in_latex(name, tex):
    assert latex(Tensor(1.0) * Tensor(1.0, name=name))[0] == tex


def readable(function):
    """Tensors computed by a function, as samples of all of its formulas."""
    if function in LOCAL:
        tensors = [Tensor(WITHIN.get(function, value), name=name) for value, name in ((A, "a"), (B, "b5"), (B, "c"))]
        return [function(*tensors[: len(LOCAL[function])])]
    return [build(**{name: Tensor(value, name=name) for name, value in MATRIX.items()}) for build in EXAMPLES[function]]


@pytest.mark.parametrize("function", [*LOCAL, *LINEAR], ids=lambda f: f.__name__)
def test_matplotlib_reads_the_formulas_of_every_row(function):
    mathtext = pytest.importorskip("matplotlib.mathtext", reason="matplotlib, whose parser is to read it, is absent")
    for y in readable(function):
        for step in trace(y, np.ones(y.shape)):
            for of in (
                derivative(step.output, step.position, step.names.__getitem__),
                forward(step.output, step.names.__getitem__),
            ):
                mathtext.MathTextParser("path").parse(f"${write(of, LATEX)}$")


@st.composite
def expressions(draw, depth=4):
    """A symbol built as a rule builds it, and the same in exact fractions."""
    if depth == 0 or draw(st.integers(0, 3)) == 0:
        name = draw(st.sampled_from("abc"))
        return Symbol(None, name), {"a": Fraction(3, 2), "b": Fraction(5, 7), "c": Fraction(-4, 3)}[name]
    left, exact = draw(expressions(depth=depth - 1))
    kind = draw(st.sampled_from(["-x", "x ** n", "n", "+", "-", "*", "/"]))
    if kind == "-x":
        return -left, -exact
    if kind == "x ** n":
        n = draw(st.integers(-3, 3))
        assume(exact != 0 and exact.numerator.bit_length() + exact.denominator.bit_length() < 200)
        return left**n, exact**n
    right, other = draw(expressions(depth=depth - 1)) if kind != "n" else (draw(st.integers(-3, 3)),) * 2
    assume(kind != "/" or other != 0)
    combine = {
        "+": lambda u, v: u + v,
        "-": lambda u, v: u - v,
        "*": lambda u, v: u * v,
        "/": lambda u, v: u / v,
        "n": lambda u, v: v * u,
    }[kind]
    return combine(left, right), Fraction(combine(exact, other))


def from_latex(tex):
    """A formula of LaTeX as Python would write it, fractions and powers from the innermost outward."""
    tex, changes = tex.replace(r" \, ", "*"), 1
    while changes:
        tex, fractions = re.subn(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", tex)
        tex, powers = re.subn(r"\^\{([^{}]*)\}", r"**(\1)", tex)
        changes = fractions + powers
    return tex


@given(expressions())
def test_brackets_stand_where_they_are_needed(expression):
    symbol, exact = expression
    values = {"a": Fraction(3, 2), "b": Fraction(5, 7), "c": Fraction(-4, 3)}
    for text in python(write(symbol)), from_latex(write(symbol, LATEX)):
        assert eval(re.sub(r"\d+", r"Fraction(\g<0>)", text), NAMESPACE, values) == exact


def test_a_denominator_that_occurs_twice_is_a_square_only_if_it_is_the_same():
    """Two arrays are both written c: x / c / c of them is x / c² only where they are one."""
    x, c, other = Symbol(None, "x"), Symbol(None, "c", value=np.ones(2)), Symbol(None, "c", value=np.zeros(2))
    assert write(x / c / c) == "x / c²"
    assert write(x / c / other) == "x / c / c"
    assert write(x / np.hypot(c, 1) / np.hypot(c, 1)) == "x / hypot(c, 1)²"
    assert write(x / np.hypot(c, 1) / np.hypot(c, 2)) == "x / hypot(c, 1) / hypot(c, 2)"
    assert write(x / np.hypot(c, 1) / np.hypot(other, 1)) == "x / hypot(c, 1) / hypot(c, 1)"
