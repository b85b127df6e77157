"""Views: what a notebook shows of each kind of thing, read as the HTML that it is; no notebook is needed for it."""

import re
import xml.etree.ElementTree as ET
from struct import unpack

import numpy as np
import pytest
from test_graph import ALL, samples, traced

from tinygrad_sig import (
    GradientHistory,
    Tensor,
    check_gradients,
    gradient_norms,
    layers,
    sigmoid,
    sigmoid_chain,
    trace,
    write_out,
)
from tinygrad_sig.show.notebook import STYLE, highlighted
from tinygrad_sig.transforms.check import Comparison, GradientReport

CHAIN = sigmoid_chain(1.0, [0.5, -0.9, 0.8])


def history(*steps, name="w"):
    found = GradientHistory()
    for sizes in steps:
        found.record({f"{name}{i}": (np.ones(1), np.array([size])) for i, size in enumerate(sizes, 1)})
    return found


def small(name="w"):
    w = Tensor([[1.0, -2.0], [0.0, np.nan]], name=name)
    np.sum(w * w).backward()
    return w


def network():
    w1, w2 = Tensor(np.eye(3), name="w1"), Tensor(np.ones((3, 2)), name="w2")
    return np.mean(sigmoid(np.ones((4, 3)) @ w1) @ w2)


VIEWS = {
    "trace": lambda: trace(CHAIN),
    "trace of arrays": lambda: trace(network()),
    "trace without steps": lambda: trace(Tensor(1.0)),
    "trace that underflows": lambda: trace(sigmoid_chain(1.0, [60.0] * 20)),
    "layers": lambda: layers(CHAIN),
    "layers that underflow": lambda: layers(sigmoid_chain(1.0, [60.0] * 50)),
    "norms": lambda: gradient_norms(trace(network())),
    "norms of nothing": lambda: type(gradient_norms([small()]))(),
    "history": lambda: history([1.0, 2.0], [0.0, np.inf], [np.nan, 1.0]),
    "history of nothing": history,
    "report": lambda: check_gradients(lambda x: x**2, np.ones(3)),
    "report of nothing": GradientReport,
    "program": lambda: write_out(lambda x, y: np.exp(x) * y, 1.0, 2.0),
    "tensor": small,
    "number": lambda: Tensor(1.0),
    "row": lambda: Tensor([1.0, 2.0], requires_grad=False),
}
EVERY = pytest.mark.parametrize("make", VIEWS.values(), ids=VIEWS)


def read(html):
    """The elements of a view, without its style."""
    assert html.startswith(STYLE)
    return ET.fromstring(html.removeprefix(STYLE))


def rows(html):
    return [["".join(cell.itertext()) for cell in row] for row in read(html).iter("tr")]


def titles(html):
    return [element.get("title") for element in read(html).iter() if element.get("title")]


def text(html):
    return "".join(read(html).itertext())


@EVERY
def test_a_view_is_well_formed_and_reaches_no_further_than_itself(make):
    html = make()._repr_html_()
    assert read(html).get("class") == "tinygrad-sig"
    assert not re.search(r"<script|https?:|url\(|@import|\son\w+=", html)
    rules = STYLE.removeprefix("<style>").removesuffix("</style>").strip()
    assert rules.startswith(".tinygrad-sig.tinygrad-sig {"), "one rule, in which all others are nested"
    assert rules.count("{") == rules.count("}")
    assert not re.search(r"^\S", rules.split("{", 1)[1].rstrip("}"), re.MULTILINE)


@EVERY
def test_where_no_html_is_shown_the_text_is(make):
    class Printer:
        def text(self, text):
            self.shown = text

    thing, printer = make(), Printer()
    thing._repr_pretty_(printer, False)
    assert printer.shown == str(thing)


@samples(ALL)
def test_every_trace_has_a_view_with_all_of_its_steps(build):
    steps = traced(build)
    found = [row[0] for row in rows(steps._repr_html_()) if row[0].isdigit()]
    numbers = [str(step.number) for step in steps]
    assert found == (numbers if len(steps) <= 42 else [*numbers[:20], *numbers[-20:]])


def test_a_trace_shows_the_cells_of_its_text_and_tells_the_rest():
    steps = trace(CHAIN)
    html = steps._repr_html_()
    columns = [re.split(r" {2,}", line.strip()) for line in steps.to_text().split("\n")[1:]]
    for row, line in zip([*rows(html)[: len(steps) + 1], *rows(html)[len(steps) + 2 :]], columns, strict=True):
        width = 6 if len(row) > 3 else 2
        assert row[:width] == line[:width]
    step = steps[0]
    told = titles(html)
    assert f"{step.upstream} × {step.local} = {step.downstream}" in told
    assert str(steps.gradient("x")) in told
    assert text(html).startswith(f"\ny = σ(z3) = {CHAIN.data}\n")


def test_a_formula_that_is_clipped_is_told_in_full():
    x = Tensor(np.ones((4, 4)), name="x")
    y = np.sum(x[np.array([0, 1, 2, 3, 3, 2, 1, 0]), np.array([0, 1, 2, 3, 0, 1, 2, 3])])
    formulas = [step.formula for step in trace(y)]
    assert max(map(len, formulas)) > 40
    assert {formula for formula in formulas if len(formula) > 40} <= set(titles(trace(y)._repr_html_()))


def test_bars_are_on_one_logarithmic_axis():
    x = Tensor(1.0, name="x")
    html = trace(((x * 0.1) * 0.01) * 10)._repr_html_()
    widths = [element.get("style") for element in read(html).iter("i")]
    assert widths == ["width:100%", "width:50%", "width:25%", "width:25%"], "10, 0.1, 0.01 from 0.001 to 10"
    ends = [element.text for element in read(html).iter("sup")]
    assert ends == ["-3", "1", "-3", "1"], "the leaves have the axis of the steps"


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "a & b", "]]>", "'"])
def test_names_stay_text(name):
    x = Tensor(2.0, name=name)
    y = x * 3
    y.name = name
    comparison = Comparison(name, 1, "reverse", f"input[{name!r}]", "", 1.0, 2.0, 0.1, "a difference")
    w = Tensor([1.0], name=name)
    np.sum(w * w).backward()
    for thing in (trace(y), gradient_norms([w]), history([1.0], name=name), GradientReport([comparison]), w):
        html = thing._repr_html_()
        assert not {element.tag for element in read(html).iter()} & {"script", "img"}
        assert isinstance(thing, GradientHistory) or name in text(html) or repr(name) in text(html)


def test_layers_say_where_most_was_lost():
    found = layers(CHAIN)
    html = found._repr_html_()
    assert found.conclusion in text(html)
    assert rows(html)[0][:7] == found.header
    assert [row[:7] for row in rows(html)[1:]] == [found.cells(layer) for layer in found]
    layer = found[0]
    assert f"{layer.weight} × {layer.local_derivative} = {layer.factor}" in titles(html)


def test_norms_have_their_shares_and_the_history_its_curve_and_warnings():
    html = gradient_norms(trace(network()))._repr_html_()
    assert [row[0] for row in rows(html)] == ["layer", "1", "2"]
    assert rows(html)[1][rows(html)[0].index("zeros")] == "0.0 %"
    found = history([1e-6, 1.0], [1e-6, 2.0])
    html = found._repr_html_()
    assert found.warnings[0] in text(html)
    curves = list(read(html).iter("polyline"))
    assert len(curves) == 2
    assert curves[1].get("points") == "0,1.0 1,0.0"
    assert history(*[[1.0]] * 5000)._repr_html_().count(",") < 1000


def test_a_report_counts_what_failed():
    assert "all agree" in text(check_gradients(np.sin, 1.0)._repr_html_())
    failed = Comparison("f", 1, "reverse", "input 0", "", 1.0, 2.0, 0.1, "a difference")
    assert "1 comparison, 1 failed" in text(GradientReport([failed])._repr_html_())


def test_a_program_is_its_source_with_words_told_apart():
    program = write_out(lambda x: sigmoid(x) * 2.0, 1.0)
    html = program._repr_html_()
    assert text(html).strip() == str(program)
    words = {element.text for element in read(html).iter("b")}
    assert {"def", "return", "if", "else", "program"} <= words
    assert "2.0" in {element.text for element in read(html).iter("i")}


@pytest.mark.parametrize(
    "source",
    [
        "def f():\n    # why <b>\n    return 'a' + f\"{1:>3}\"\n",
        'x = """\n<i>\n"""\n\n\ny = 1',
        "a = (",
        "'",
        "",
        "σ = 'é'",
    ],
)
def test_highlighted_source_is_the_source(source):
    assert "".join(ET.fromstring(f"<pre>{highlighted(source)}</pre>").itertext()) == source


def test_a_small_tensor_shows_its_gradient_beside_its_value():
    html = small()._repr_html_()
    value, gradient = read(html).iter("table")
    assert [element.find("caption").text for element in (value, gradient)] == ["value", "gradient"]
    assert [cell.text for cell in value.iter("td")] == ["1.000000", "-2.000000", "0", "nan"]
    assert [cell.text for cell in gradient.iter("td")] == ["2.000000", "-4.000000", "0", "nan"]
    assert "no backward pass has come here" in Tensor(1.0)._repr_html_()
    assert "not computed: a constant" in Tensor(1.0, requires_grad=False)._repr_html_()
    product = Tensor(1.0) * 2
    product.backward(create_graph=True)
    assert "gradient" in text(product._repr_html_())


@pytest.mark.parametrize("shape", [(11,), (2, 11), (2, 2, 2), (0,), (0, 3)])
def test_a_tensor_that_is_large_or_empty_shows_its_text(shape):
    assert Tensor(np.zeros(shape))._repr_html_() is None


def test_a_lazy_tensor_is_not_computed_for_being_shown():
    dask = pytest.importorskip("dask.array", reason="dask is absent")
    assert Tensor(dask.ones(3))._repr_html_() is None


# Pictures


def test_axes_show_themselves_as_the_picture_that_they_are_in():
    matplotlib = pytest.importorskip("matplotlib", reason="matplotlib, which draws, is absent")
    from matplotlib.axes import Axes

    for thing in (trace(CHAIN), trace(network()), trace(Tensor(1.0)), layers(CHAIN), gradient_norms(trace(network()))):
        axes = thing.plot()
        assert isinstance(axes, Axes)
        picture, metadata = axes._repr_png_()
        assert picture.startswith(b"\x89PNG")
        width, height = unpack(">II", picture[16:24])
        assert (width, height) == pytest.approx((2 * metadata["width"], 2 * metadata["height"]), abs=1)
        assert repr(axes).startswith("<Axes: ")
        own = matplotlib.figure.Figure().subplots()
        assert thing.plot(own) is own


def test_a_trace_is_drawn_step_by_step_with_its_leaves():
    pytest.importorskip("matplotlib", reason="matplotlib, which draws, is absent")
    steps = trace(CHAIN)
    line, leaves = steps.plot().get_lines()
    assert line.get_xdata().tolist() == [step.number for step in steps]
    np.testing.assert_allclose(line.get_ydata(), [np.log10(abs(step.downstream)) for step in steps])
    np.testing.assert_allclose(leaves.get_ydata(), [np.log10(abs(steps.gradient(leaf))) for leaf in steps.leaves])
    assert [note.get_text() for note in steps.plot().texts] == [leaf.name for leaf in steps.leaves]


def test_norms_are_drawn_by_layer():
    pytest.importorskip("matplotlib", reason="matplotlib, which draws, is absent")
    found = gradient_norms(trace(network()))
    axes = found.plot()
    gradient, weight = axes.get_lines()
    assert gradient.get_ydata().tolist() == [row.gradient for row in found]
    assert weight.get_ydata().tolist() == [row.weight for row in found]
    assert axes.get_yscale() == "log"
