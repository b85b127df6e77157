"""The forms of a trace: data that loses no digit, text that fits its width, LaTeX that a TeX engine takes."""

import csv
import io
import json
import math
import re
import shutil
import subprocess

import numpy as np
import pytest

from tinygrad_sig import Tensor, layers, relu, sigmoid, sigmoid_chain, trace
from tinygrad_sig.show.text import ascii_only
from tinygrad_sig.traces.report import Report

COLUMNS = ["step", "output", "input", "op", "formula", "upstream", "local", "downstream"]


def network():
    rng = np.random.default_rng(7)
    x, w, b = (Tensor(rng.normal(size=size), name=name) for size, name in [((8, 5), "x"), ((5, 3), "w"), (3, "b")])
    return ((sigmoid(x @ w + b) * np.tanh(x[:, :3])).mean(axis=0, keepdims=True) ** 2).sum()


def unusual():
    """Every kind of number that JSON has no word for."""
    x = Tensor([1.0, 2.0, 3.0, 4.0], name="x")
    return x * np.array([np.inf, -np.inf, np.nan, 1 / 3])


SCALAR = {
    "chain": lambda: sigmoid_chain(1.0, [0.5, -0.9, 0.8, -0.6, 0.7]),
    "biases": lambda: sigmoid_chain(0.5, [8.0, 8.0, 8.0], [-4.0, -4.0, -4.0]),
    "tanh": lambda: sigmoid_chain(1.0, [1.0, 2.0], activation=np.tanh),
    "relu": lambda: sigmoid_chain(1.0, [1.0, -2.0, 3.0], activation=relu),
    "deep": lambda: sigmoid_chain(1.0, [1.0] * 60),
    "deepest": lambda: sigmoid_chain(1.0, [1.5] * 1000),
    "underflow": lambda: sigmoid_chain(1.0, [40.0] * 30),
    "float32": lambda: sigmoid_chain(np.float32(1), [np.float32(0.1)] * 3),
    "calculus": lambda: np.log(Tensor(2.0, name="loss")) / (1e-7 * np.cos(Tensor(0.3, name="x"))) ** 3,
}
ARRAY = {"network": network, "unusual": unusual, "product": lambda: Tensor(np.ones((50, 50))) @ np.ones((50, 50))}
CHAINS = {name: build for name, build in SCALAR.items() if name != "calculus"}
ODD_NAMES = {"odd names": lambda: Tensor(1 / 3, name='a,"b"') * Tensor(2 / 3, name="two\nlines; σ")}


def traced(build):
    y = build()
    return trace(y, np.ones(y.shape, y.dtype))


def samples(*tables):
    merged = {name: build for table in tables for name, build in table.items()}
    return pytest.mark.parametrize("build", merged.values(), ids=merged)


def restored(value):
    """What `exact` made of an array, as an array: the strings inf, -inf and nan are numbers again."""
    return None if value is None else np.array(value, dtype=object).astype(float)


def strict(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


@samples(SCALAR, ARRAY, ODD_NAMES)
def test_json_holds_the_trace_in_full_precision(build):
    steps = traced(build)
    loaded = strict(steps.to_json())
    assert loaded == steps.to_dict()
    assert list(loaded) == ["output", "value", "dtype", "gradients", "steps"]
    assert loaded["dtype"] == str(steps.output.dtype)
    np.testing.assert_array_equal(restored(loaded["value"]), steps.output.data)
    assert loaded["gradients"].keys() == {steps.names[leaf] for leaf in steps.leaves}
    for name, gradient in loaded["gradients"].items():
        np.testing.assert_array_equal(restored(gradient), steps.gradient(name))
    for row, step in zip(loaded["steps"], steps, strict=True):
        assert list(row) == COLUMNS
        assert (row["step"], row["op"], row["formula"]) == (step.number, step.op, step.formula)
        assert (row["output"], row["input"]) == (steps.names[step.output], steps.names[step.input])
        for key in ("upstream", "downstream", "local"):
            kept, number = restored(row[key]), getattr(step, key)
            assert (kept is None) == (number is None)
            if number is not None:
                np.testing.assert_array_equal(kept, number)


@samples(SCALAR, ARRAY, ODD_NAMES)
def test_csv_holds_the_same_steps_as_json(build):
    steps = traced(build)
    reader = csv.DictReader(io.StringIO(steps.to_csv()))
    rows = list(reader)
    assert reader.fieldnames == COLUMNS
    for row, expected in zip(rows, steps.to_dict()["steps"], strict=True):
        for key in COLUMNS:
            value = expected[key]
            if value is None:
                assert row[key] == ""
            elif isinstance(value, list):
                assert strict(row[key]) == value
            else:
                assert type(value)(row[key]) == value


def test_numbers_that_json_has_no_word_for_are_strings():
    data = traced(unusual).to_dict()
    assert data["steps"][0]["local"] == ["inf", "-inf", "nan", 1 / 3]
    assert data["gradients"]["x"] == ["inf", "-inf", "nan", 1 / 3]


@pytest.mark.parametrize("limit", [1, 2, 7, 40, 87])
def test_of_a_long_trace_the_middle_is_left_out_and_counted(limit):
    steps = trace(sigmoid_chain(1.0, [1.0] * 30))
    assert len(steps) == 90
    lines = steps.to_text(limit=limit).split("\n")
    numbers = [int(line.split()[0]) for line in lines if re.match(r" +\d+  ", line)]
    head = (limit + 1) // 2
    assert numbers == [*range(1, head + 1), *range(91 - (limit - head), 91)]
    assert lines[2 + head] == f"… {90 - limit} steps left out …"
    leaves = [line for line in lines if line.startswith("dy/d")]
    hidden = 31 - limit if limit + 2 < 31 else 0
    assert len(leaves) == 31 - hidden
    assert (f"… {hidden} leaves left out …" in lines) == (hidden > 0)


@pytest.mark.parametrize("limit", [None, 90, 89, 88])  # One or two lines less are not worth a line that says so.
def test_without_a_limit_that_is_reached_every_step_is_shown(limit):
    lines = trace(sigmoid_chain(1.0, [1.0] * 30)).to_text(limit=limit).split("\n")
    assert sum(re.match(r" +\d+  ", line) is not None for line in lines) == 90
    assert not any("left out" in line for line in lines)


@pytest.mark.parametrize("width", [80, 100])
@samples(SCALAR, ARRAY)
def test_no_line_is_longer_than_the_width(build, width):
    steps = traced(build)
    lines = steps.to_text(width=width).split("\n")
    assert max(map(len, lines)) <= width
    assert not any(line != line.rstrip() for line in lines)


@pytest.mark.parametrize("width", [80, 100])
@samples(CHAINS)
def test_no_line_of_a_report_is_longer_than_the_width(build, width):
    report = Report(trace(build()))
    lines = report.to_text(width=width).split("\n")
    assert max(map(len, lines)) <= width, [line for line in lines if len(line) > width]


def test_bars_are_logarithmic_and_full_at_the_largest():
    steps = trace(sigmoid_chain(1.0, [1.0] * 12))
    lines = [line for line in steps.to_text().split("\n") if re.match(r" +\d+  ", line)]
    bars = [len(re.search("[█▉▊▋▌▍▎▏]+$", line)[0]) for line in lines]
    sizes = [math.log10(step.downstream) for step in steps]
    assert max(bars) == bars[0]
    for bar, size in zip(bars, sizes, strict=True):
        share = (size - min(sizes)) / (max(sizes) - min(sizes))
        assert bar / max(bars) == pytest.approx(share, abs=0.1)


def everything(build):
    steps = traced(build)
    yield steps.to_text()
    yield str(steps[0])
    if build in CHAINS.values():
        yield str(layers(steps))
        yield Report(steps).to_text()


@samples(SCALAR, ARRAY)
def test_ascii_keeps_lines_and_columns_and_knows_every_sign(build):
    for text in everything(build):
        plain = ascii_only(text)
        assert plain.isascii()
        assert [*map(len, plain.split("\n"))] == [*map(len, text.split("\n"))]
        assert "?" not in plain


def tex_lines(steps, tensor=None):
    """The symbols, the numbers and the result of to_latex, without the environment around them."""
    lines = steps.to_latex(tensor).split("\n")
    assert (lines[0], lines[-1]) == (r"\begin{aligned}", r"\end{aligned}")
    assert [line.endswith(r" \\") for line in lines[1:-1]] == [True, True, False]
    return [line.removesuffix(r" \\").replace("&= ", "= ") for line in lines[1:-1]]


def factors(line):
    """The factors that stand in a line of LaTeX."""
    return [factor.strip("= ") for factor in re.split(r"\\cdot(?!s)|\\,", line)]


def value(factor):
    return float(re.sub(r" ?\\times 10\^\{(-?\d+)\}", r"e\1", factor.strip("()")))


@samples(SCALAR)
def test_matplotlib_reads_every_line_of_latex(build):
    mathtext = pytest.importorskip("matplotlib.mathtext", reason="matplotlib, whose parser is to read it, is absent")
    steps = trace(build())
    for leaf in steps.leaves[:3]:
        for line in tex_lines(steps, leaf):
            mathtext.MathTextParser("path").parse(f"${line}$")


def has_amsmath():
    return shutil.which("kpsewhich") and subprocess.run(["kpsewhich", "amsmath.sty"], capture_output=True).stdout


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
@pytest.mark.skipif(not has_amsmath(), reason="the LaTeX package amsmath is not installed")
def test_pdflatex_sets_every_chain_rule(tmp_path):
    awkward = [
        Tensor(2.0, name=name) ** 2 for name in ("two words", "a_b", "50%", "a&b", "#1", "x^2", "{y}", "$p$", "~")
    ]
    formulas = [trace(y).to_latex() for y in [*awkward, *(build() for build in SCALAR.values())]]
    body = "\n".join(rf"\[{formula}\]" for formula in formulas)
    document = rf"\documentclass{{article}}\usepackage{{amsmath}}\begin{{document}}{body}\end{{document}}"
    (tmp_path / "chain.tex").write_text(document, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "chain.tex"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert (tmp_path / "chain.pdf").stat().st_size > 0


def test_symbols_and_numbers_stand_in_the_same_order():
    weights = [0.5, -0.9, 0.8, -0.6, 0.7]
    steps = trace(sigmoid_chain(1.0, weights))
    symbols, numbers, _ = tex_lines(steps, "x")
    assert symbols.startswith(r"\frac{\partial y}{\partial x} = ")
    by_symbol = {f"w_{{{i}}}": weight for i, weight in enumerate(weights, 1)}
    by_symbol |= {rf"\sigma'(z_{{{i}}})": steps[15 - 3 * i].local for i in range(1, 6)}
    names = factors(symbols.split(r"\partial x}")[1])
    assert names == [name for i in range(5, 0, -1) for name in (f"w_{{{i}}}", rf"\sigma'(z_{{{i}}})")]
    assert [value(factor) for factor in factors(numbers)] == pytest.approx([by_symbol[n] for n in names], rel=1e-5)


@pytest.mark.parametrize("upstream", [None, -3.0])
@samples({name: build for name, build in SCALAR.items() if name not in ("deep", "deepest", "underflow")})
def test_the_product_of_the_numbers_in_latex_is_the_gradient(build, upstream):
    steps = trace(build(), upstream)
    _, numbers, result = tex_lines(steps)
    shown = value(result.strip("= "))
    assert math.prod(value(factor) for factor in factors(numbers)) == pytest.approx(shown, rel=1e-4)
    if upstream is None:
        assert shown == pytest.approx(float(steps.gradient(steps[-1].input)), rel=1e-5)


def test_the_numbers_in_latex_make_the_gradient_also_where_one_of_them_underflowed():
    steps = trace(sigmoid_chain(1.0, [-2000.0]))
    _, numbers, result = tex_lines(steps)
    assert result == r"= -5.15 \times 10^{-866}"
    assert "0" not in [factor.strip("()") for factor in factors(numbers)]


@pytest.mark.parametrize("weight", [1e308, -1e308])
def test_latex_of_a_gradient_with_a_gigantic_exponent(weight):
    """Its logarithm, near −4e307, is known; its digits are not."""
    assert "10^" in tex_lines(trace(sigmoid_chain(1.0, [weight])))[2]


@pytest.mark.parametrize(
    ("build", "symbols"),
    [
        (lambda w, x: w * np.cos(x), r"w \cdot (-\sin(x))"),
        (lambda w, x: sigmoid(w) * np.cos(np.cos(x)), None),
        (lambda w, x: np.tanh(-0.5 * sigmoid(x)), None),
        (lambda w, x: sigmoid(1 - sigmoid(x)), None),
    ],
)
def test_a_negative_factor_behind_a_sign_of_multiplication_is_in_brackets(build, symbols):
    """w · −sin(x) is no formula, and w −sin(x) is another one."""
    steps = trace(build(Tensor(0.5, name="w"), Tensor(0.3, name="x")))
    line = tex_lines(steps, "x")[0].split("= ")[1]
    assert symbols is None or line == symbols
    assert not any(factor.startswith("-") for factor in factors(line)[1:])


def test_a_sum_of_one_number_is_no_factor_with_a_shape():
    steps = trace((3 * Tensor(2.0, name="x").sum()).sum())
    assert tex_lines(steps)[0] == r"\frac{\partial v_{3}}{\partial x} = 3"


def test_of_several_paths_each_has_its_product():
    x = Tensor(0.5, name="x")
    steps = trace(x * sigmoid(x))
    symbols, numbers, result = tex_lines(steps, "x")
    assert [factors(term) for term in symbols.split("= ")[1].split(" + ")] == [["v_{1}"], ["x", r"\sigma'(x)"]]
    total = sum(math.prod(map(value, factors(term))) for term in numbers.split(" + "))
    assert total == pytest.approx(steps.gradient(x), rel=1e-5)
    assert value(result.strip("= ")) == pytest.approx(steps.gradient(x), rel=1e-5)


def test_of_many_paths_and_many_layers_there_are_dots():
    a = x = Tensor(1.0, name="x")
    for _ in range(60):
        a = a * x
    symbols, numbers, _ = tex_lines(trace(a), "x")
    assert symbols.endswith(r" + \cdots")
    assert numbers.endswith(r" + \cdots")
    symbols, numbers, _ = tex_lines(trace(sigmoid_chain(1.0, [1.0] * 1000)), "x")
    for line in symbols, numbers:
        assert line.count(r"\cdots") == 1
        assert len(line) < 1000
    assert symbols.index("w_{1000}") < symbols.index(r"\cdots") < symbols.index("w_{1}")


@samples(ARRAY)
def test_latex_of_arrays_is_refused_in_a_clear_sentence(build):
    with pytest.raises(ValueError, match=r"to_latex: .* scalars only; use to_text for arrays"):
        traced(build).to_latex()
