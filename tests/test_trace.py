"""The trace: what it shows is what the walk did, and what it says of paths and sizes is what its factors make."""

import math
import os
import re
import subprocess
import sys
from itertools import islice, pairwise
from types import SimpleNamespace

import mpmath
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tinygrad_sig import GradientTrace, Step, Tensor, gradient_norms, layers, relu, sigmoid, sigmoid_chain, trace
from tinygrad_sig.calculus.functions import unbroadcast
from tinygrad_sig.calculus.rules import LINEAR
from tinygrad_sig.show import text

SHAPES = [(), (3,), (1, 3), (2, 1), (2, 3), (3, 3)]
UNARY = [np.negative, np.tanh, np.sin, np.sqrt, np.exp, sigmoid, relu]
BINARY = [np.add, np.subtract, np.multiply, np.divide, np.maximum]
SHAPED = [
    np.sum,
    np.transpose,
    lambda a: np.mean(a, axis=-1, keepdims=True) if a.ndim else a + 0,
    lambda a: a[..., ::2] if a.ndim else 2 * a,
    lambda a: np.reshape(a, -1),
]


def bits(array):
    """Everything that two equal results have in common: -0.0 is not 0.0, and float32 is not float64."""
    array = np.asarray(array)
    return array.shape, array.dtype, array.tobytes()


def fits(a, b):
    try:
        return np.broadcast_shapes(a.shape, b.shape)
    except ValueError:
        return None


def tamed(a):
    """Small enough that no later operation overflows, for warnings are errors here."""
    return a if np.max(np.abs(a.data), initial=0) < 5 else np.tanh(a)


@st.composite
def graphs(draw):
    """A random graph of arrays, with nodes reused, broadcast and multiplied as matrices, and a gradient to start."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtype = draw(st.sampled_from([np.float64, np.float64, np.float32, np.float16]))
    shapes = draw(st.lists(st.sampled_from(SHAPES), min_size=2, max_size=4))
    nodes = [Tensor(rng.uniform(0.5, 2, shape).astype(dtype), name=f"t{i}") for i, shape in enumerate(shapes)]
    for _ in range(draw(st.integers(1, 9))):
        a, b = draw(st.sampled_from([nodes[-1]] * len(nodes) + nodes)), draw(st.sampled_from(nodes))
        kinds = ["unary", "shaped"] + ["binary"] * 3 * (fits(a, b) is not None)
        kinds += ["matmul"] * 2 * (a.ndim > 0 and b.ndim > 0 and a.shape[-1] == b.shape[0])
        match draw(st.sampled_from(kinds)):
            case "unary":
                f = draw(st.sampled_from(UNARY))
                made = f(a if f not in (np.sqrt, np.exp) else sigmoid(a))
            case "shaped":
                made = draw(st.sampled_from(SHAPED))(a)
            case "binary":
                f = draw(st.sampled_from(BINARY))
                made = f(a, np.exp(sigmoid(b)) if f is np.divide else b)
            case "matmul":
                made = a @ b
        nodes.append(tamed(made))
    y = nodes[-1]
    return y, rng.uniform(-2, 2, y.shape).astype(dtype)


@st.composite
def scalar_graphs(draw):
    """A random graph of numbers with many paths, and a gradient to start from."""
    numbers = st.floats(-2, 2).filter(lambda v: abs(v) > 0.1)
    nodes = [Tensor(draw(numbers), name=name) for name in "xyz"]
    for _ in range(draw(st.integers(1, 9))):
        a, b = draw(st.sampled_from([nodes[-1]] * len(nodes) + nodes)), draw(st.sampled_from(nodes))
        f = draw(st.sampled_from([*UNARY[:3], sigmoid, *BINARY[:3], np.sum, lambda a: 3 - a, lambda a: a * -0.5]))
        nodes.append(tamed(f(a, b) if f in BINARY else f(a)))
    return nodes[-1], draw(numbers)


@given(graphs())
def test_upstream_times_local_is_downstream_before_broadcasting_is_undone(graph):
    for step in trace(*graph):
        assert (step.local is None) == (step.function in LINEAR)
        if step.local is not None:
            product = np.asarray(step.upstream * step.local)
            if product.shape != step.input.shape:
                product = unbroadcast(product, step.input.shape)
            assert bits(product.astype(step.input.dtype)) == bits(step.downstream)


@given(graphs())
def test_downstreams_sum_in_step_order_to_the_gradient(graph):
    y, upstream = graph
    steps = trace(y, upstream)
    sums = {y: upstream}
    for step in steps:
        assert bits(step.upstream) == bits(sums[step.output]), "a step starts from all that its output has received"
        sums[step.input] = sums[step.input] + step.downstream if step.input in sums else step.downstream
    assert sums.keys() == steps.gradients.keys()
    for tensor, total in sums.items():
        assert bits(total) == bits(steps.gradient(tensor))


@given(graphs())
def test_trace_and_backward_agree_and_trace_leaves_grad_alone(graph):
    y, upstream = graph
    first = trace(y, upstream)
    assert all(tensor.grad is None for tensor in first.gradients)
    y.backward(upstream)
    before = {tensor: tensor.grad for tensor in first.gradients}
    second = trace(y, upstream)
    for tensor, grad in before.items():
        assert tensor.grad is grad
        assert bits(grad) == bits(first.gradient(tensor)) == bits(second.gradient(tensor))


@given(scalar_graphs())
def test_the_products_of_all_paths_sum_to_the_gradient(graph):
    steps = trace(*graph)
    for tensor in steps.gradients:
        paths = steps.paths(tensor)
        found = list(paths)
        assert paths.count == len(found) == len({tuple(step.number for step in path) for path in found})
        for path in found:
            for before, after in pairwise(path):
                assert before.input is after.output
            assert path.sign == np.sign(path.product)
            if path.product:
                assert path.log10 == pytest.approx(math.log10(abs(path.product)), abs=1e-9)
        if found != [()]:
            products = [float(path.product) for path in found]
            assert steps.gradient(tensor) == pytest.approx(
                math.fsum(products), rel=1e-9, abs=1e-12 * max(map(abs, products), default=0)
            )


@given(scalar_graphs())
def test_the_magnitude_is_the_size_and_the_sign_of_the_gradient(graph):
    steps = trace(*graph)
    for tensor, gradient in steps.gradients.items():
        largest = max((abs(float(path.product)) for path in steps.paths(tensor)), default=0.0)
        if abs(gradient) > 1e-6 * largest:
            log10, sign = steps.magnitude(tensor)
            assert log10 == pytest.approx(math.log10(abs(gradient)), abs=1e-8)
            assert sign == np.sign(gradient)


ONWARD = [*UNARY[:3], sigmoid, lambda a: a + 1, lambda a: 2 - a, np.sum]


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@given(st.lists(st.tuples(st.sampled_from(ONWARD), st.floats(-1.5, 1.5)), min_size=1, max_size=20))
def test_the_product_of_the_only_path_is_the_gradient_bit_for_bit(dtype, layers):
    a = Tensor(dtype(0.7), name="x")
    for f, weight in layers:
        a = f(Tensor(dtype(weight)) * tamed(a))
    for upstream in (1.0, -0.3):
        steps = trace(a, upstream)
        for leaf in steps.leaves:
            assert steps.paths(leaf).count == 1
            assert bits(steps.path(leaf).product) == bits(steps.gradient(leaf))


@pytest.mark.parametrize("upstream", [None, -2.0])
def test_from_a_tensor_to_itself_leads_one_path_without_steps(upstream):
    y = Tensor(1.5) * 2
    steps = trace(y, upstream)
    assert steps.path(y) == ()
    assert steps.path(y).product == steps.gradient(y)
    assert steps.path(y).log10 == steps.magnitude(y)[0]
    assert steps.path(y).sign == steps.magnitude(y)[1]


@pytest.mark.parametrize("doublings", [60, 100])
def test_paths_are_counted_at_once_and_found_lazily(doublings):
    a = x = Tensor(1.0, name="x")
    for _ in range(doublings):
        a = a + a
    steps = trace(a)
    paths = steps.paths(x)
    assert paths.count == 2**doublings
    assert str(2**doublings) in repr(paths)
    for path in islice(paths, 3):
        assert len(path) == doublings
        assert path.product == 1
    assert steps.gradient(x) == 2.0**doublings
    with pytest.raises(ValueError, match=f"path: there are {2**doublings} paths to 'x'"):
        steps.path(x)


def constant(value=2.0):
    return Tensor(value, name="c", requires_grad=False)


X, OTHER, C = Tensor(3.0, name="x"), Tensor(1.0, name="other"), constant()
SQUARE = trace(X * X * C)


@pytest.mark.parametrize(
    ("wrong", "kind", "sentence"),
    [
        (lambda: trace(3.0), TypeError, "trace: float has no graph; give a Tensor"),
        (lambda: trace(np.ones(2)), TypeError, "trace: ndarray has no graph; give a Tensor"),
        (lambda: trace(constant()), ValueError, "trace: a Tensor of shape () named 'c' is a constant"),
        (lambda: trace(Tensor([1.0, 2.0]) * 2), ValueError, "trace: a Tensor of shape (2,) is no scalar; give"),
        (lambda: trace(X * 2, [1.0]), ValueError, "trace: an upstream gradient of shape (1,) does not fit"),
        (lambda: SQUARE.gradient(C), ValueError, "gradient: 'c' is not computed"),
        (lambda: SQUARE.gradient(OTHER), ValueError, "gradient: 'other' is not connected"),
        (lambda: SQUARE.gradient(Tensor(1.0)), ValueError, "gradient: an unnamed tensor is not connected"),
        (lambda: SQUARE.magnitude(OTHER), ValueError, "'other' is not connected"),
        (lambda: SQUARE.gradient("w"), ValueError, "trace: no tensor of the graph is called 'w'; it has x, v1, c, v2"),
        (lambda: SQUARE.paths(OTHER), ValueError, "paths: 'other' is not connected, so no path leads to it"),
        (lambda: SQUARE.path(OTHER), ValueError, "'other' is not connected, so no path leads to it"),
        (lambda: SQUARE.path(C), ValueError, "'c' is not computed, so no path leads to it"),
        (lambda: SQUARE.path(X), ValueError, "path: there are 2 paths to 'x'; iterate over trace.paths"),
        (lambda: trace(Tensor([1.0, 2.0]).sum())[0].factor, ValueError, "is no step between scalars"),
    ],
)
def test_a_wrong_use_is_refused_in_one_sentence(wrong, kind, sentence):
    with pytest.raises(kind, match=re.escape(sentence)) as caught:
        wrong()
    assert "\n" not in str(caught.value)


def test_the_error_for_a_gradient_that_is_not_there_does_not_deny_the_gradients_of_inner_nodes():
    inner = X * X
    steps = trace(inner * 2)
    assert steps.gradient(inner) == 2
    with pytest.raises(ValueError, match="not connected") as caught:
        steps.gradient(OTHER)
    assert "only a leaf" not in str(caught.value)


def test_a_tensor_is_found_by_its_name_in_the_trace():
    assert SQUARE.gradient("x") == SQUARE.gradient(X) == 12
    assert SQUARE.state("c") == SQUARE.state(C) == "not computed"
    assert SQUARE.find("v1") is SQUARE.output.inputs[0]


def deep(f, weight, layers, dtype):
    """The trace of so many layers f(weight·a) from 1, and its leaf."""
    x = a = Tensor(dtype(1), name="x")
    for _ in range(layers):
        a = f(dtype(weight) * a)
    return trace(a), x


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_thirty_saturated_layers_are_underflowed_and_keep_their_power_of_ten(dtype):
    """In each layer 40·σ'(40), for σ(40) is 1 in every dtype."""
    steps, x = deep(sigmoid, 40, 30, dtype)
    with mpmath.workdps(50):
        expected = float(30 * mpmath.log10(40 * mpmath.exp(-40) / (1 + mpmath.exp(-40)) ** 2))
    assert expected == pytest.approx(-473.09, abs=0.01)
    assert steps.gradient(x) == 0
    assert steps.gradient(x).dtype == dtype
    assert steps.state(x) == "underflowed"
    assert steps.magnitude(x) == (pytest.approx(expected, abs=1e-5), 1)
    assert (steps.path(x).log10, steps.path(x).sign) == (pytest.approx(expected, abs=1e-5), 1)
    assert steps.path(x).product == 0
    assert "0, underflowed from 8.10e-474" in str(steps)


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_the_four_states_are_told_apart(dtype):
    x, c, unused = Tensor(dtype(0.5), name="x"), Tensor(dtype(2), requires_grad=False), Tensor(dtype(1))
    steps = trace(x * c)
    assert [steps.state(t) for t in (x, c, unused)] == ["number", "not computed", "not connected"]
    tiny = dtype(np.finfo(dtype).tiny)
    steps = trace(x * tiny * tiny)
    assert steps.state(x) == "underflowed"
    assert steps.magnitude(x)[0] == pytest.approx(2 * math.log10(tiny))
    steps = trace(x * tiny * dtype(0))
    assert steps.state(x) == "number", "a product with a factor 0 is 0, and no underflow"
    assert steps.magnitude(x) == (-math.inf, 0)


@pytest.mark.parametrize("factors", [(3, 7, 11), (2, 3, 5), (7, 11, 3), (16, 0.5, 3)])
def test_what_cancels_to_0_did_not_underflow(factors):
    """The logarithms of the two paths are rounded, so that their difference is not exactly 0."""
    x = Tensor(0.3, name="x")
    a, b, c = factors
    steps = trace(x * a * b * c - x * c * b * a)
    assert steps.gradient(x) == 0
    assert steps.state(x) == "number"
    assert "underflowed" not in str(steps)


def true_log10(f, z):
    with mpmath.workdps(30):
        z = mpmath.mpf(float(z))
        slope = mpmath.exp(-z) / (1 + mpmath.exp(-z)) ** 2 if f is sigmoid else mpmath.sech(z) ** 2
        return float(mpmath.log10(slope))


@pytest.mark.parametrize("f", [sigmoid, np.tanh])
@pytest.mark.parametrize(
    ("dtype", "z"),
    [(np.float64, z) for z in (2000, -800, 746, 744.0, -710.5, 371, 1e5)]
    + [(np.float32, z) for z in (200, -104, 95, 46)]
    + [(np.float16, z) for z in (30, -18, 11)],
)
def test_a_slope_too_small_for_its_dtype_keeps_its_logarithm(f, dtype, z):
    """From where it is subnormal, and has lost digits, to where it is 0."""
    x = Tensor(dtype(z))
    steps = trace(f(x))
    assert steps.magnitude(x) == (pytest.approx(true_log10(f, z), rel=1e-6 if steps.gradient(x) else 1e-12), 1)
    assert steps.state(x) == ("number" if steps.gradient(x) else "underflowed")


def test_the_size_and_the_sign_of_a_gradient_far_below_the_smallest_float():
    w, x = Tensor(-2000.0, name="w"), Tensor(1.0, name="x")
    steps = trace(sigmoid(w * x))
    assert steps.magnitude(x) == (pytest.approx(math.log10(2000) - 2000 / math.log(10), rel=1e-14), -1)
    assert steps.path(x).sign == -1
    assert "-5.15e-866" in str(steps)
    assert "(2.58e-869)" in str(steps), "the factor, too, is shown with its true size"


@pytest.mark.parametrize("x", [np.inf, -np.inf])
def test_a_slope_that_is_exactly_0_is_no_underflow(x):
    x = Tensor(x)
    assert trace(sigmoid(x)).state(x) == "number"
    assert trace(sigmoid(x)).magnitude(x)[0] == -math.inf


def test_a_trace_is_a_sequence_of_its_steps():
    x = Tensor(0.5, name="x")
    y = (2 * x).sigmoid() + x
    steps = trace(y)
    assert isinstance(steps, GradientTrace)
    assert len(steps) == len(steps.steps) == 4
    assert tuple(steps) == steps.steps
    assert all(isinstance(step, Step) for step in steps)
    assert [step.number for step in steps] == [1, 2, 3, 4]
    assert steps[-1] is steps[3]
    assert steps[1:3] == (steps[1], steps[2])
    assert list(reversed(steps)) == [*steps.steps[::-1]]
    assert steps[2] in steps
    assert steps.index(steps[2]) == 2
    with pytest.raises(IndexError):
        steps[4]
    assert str(steps) == steps.to_text()


def test_traces_compare_by_what_they_show():
    x = Tensor(0.5, name="x")
    y = (2 * x).sigmoid()
    assert trace(y) == trace(y) == trace((2 * Tensor(0.5, name="x")).sigmoid())
    assert trace(y) != trace(y, 2.0)
    assert trace(y) != trace((2 * Tensor(0.5, name="z")).sigmoid())
    assert trace(y) != trace(y).steps
    assert trace(Tensor(np.nan) * 1) == trace(Tensor(np.nan) * 1)
    with pytest.raises(TypeError, match="unhashable"):
        hash(trace(y))


def test_a_leaf_has_a_trace_without_steps():
    for x, upstream in (Tensor(3.0, name="x"), None), (Tensor([1.0, 2.0], name="x"), [5.0, 7.0]):
        steps = trace(x, upstream)
        assert len(steps) == 0
        assert steps.gradient(x).tolist() == (upstream or 1)
        assert str(steps).startswith("x = ")
        assert steps.to_dict()["steps"] == []


def test_a_trace_shows_the_forward_pass_that_was_run():
    x = Tensor(2.0, name="x")
    y = x * x
    before = str(trace(y))
    x.data = 100.0
    assert str(trace(y)) == before
    assert [step.value for step in trace(y)] == [2.0, 2.0]


def test_tensors_without_a_name_are_v1_v2_in_the_order_of_computation():
    a, b = Tensor(1.0), Tensor(2.0)
    y = (a * b).exp() + 1
    steps = trace(y)
    assert [steps.names[t] for t in (a, b, y.inputs[0].inputs[0], y.inputs[0], y)] == ["v1", "v2", "v3", "v4", "v5"]
    assert a.name is None


def test_a_name_that_occurs_twice_does_not_make_a_gap_among_the_unnamed():
    y = Tensor(1.0, name="x") * Tensor(2.0, name="x") + 1
    assert [name for name in trace(y).names.values() if name.startswith("v")] == ["v1", "v2"]


@given(st.lists(st.sampled_from([None, "x", "x", "x_1", "x_2", "v1", "v2", "w"]), min_size=2, max_size=12))
def test_names_are_unique_and_stable(given_names):
    leaves = [Tensor(1.0, name=name) for name in given_names]
    y = leaves[0]
    for leaf in leaves[1:]:
        y = y + leaf
    names = trace(y).names
    assert len(set(names.values())) == len(names) == 2 * len(leaves) - 1
    assert trace(y).names == names
    for leaf in leaves:
        first = leaf.name is not None and next(t for t in names if t.name == leaf.name)
        if leaf is first:
            assert names[leaf] == leaf.name
        elif leaf.name:
            assert names[leaf].startswith(f"{leaf.name}_")
        assert trace(y).find(names[leaf]) is leaf


def test_a_large_product_shows_shapes_and_lengths_and_no_wall_of_digits():
    rng = np.random.default_rng(50)
    a, b = (Tensor(rng.normal(size=(50, 50)), name=name) for name in "ab")
    c = a @ b
    c.name = "c"
    steps = trace(c, np.ones((50, 50)))
    lines = str(steps).split("\n")
    assert max(map(len, lines)) <= 120
    assert len(lines) == 1 + 1 + 2 + 1 + 2
    for step, line in zip(steps, lines[2:4], strict=True):
        assert "50×50" in line
        assert f"{np.linalg.norm(step.downstream):.6f}" in line
        assert len(re.findall(r"\d\.\d", line)) <= 4
    assert [step.formula for step in steps] == ["g @ bᵀ", "aᵀ @ g"]
    assert max(len(repr(thing)) for thing in (steps, *steps, steps.paths(a))) <= 120


@pytest.mark.parametrize(
    "build",
    [
        lambda x: x[np.array([[0, 1], [1, 0]])],
        lambda x: x[np.arange(100) % 2],
        lambda x: x * np.ones((2, 3)),
        lambda x: np.where(np.eye(2, 3) > 0, x, 0),
    ],
)
def test_every_row_of_the_table_is_one_line(build):
    y = build(Tensor(np.ones((2, 3)), name="x"))
    y.name = "y"
    for width in (80, 100):
        lines = trace(y, np.ones(y.shape)).to_text(width=width).split("\n")
        starts = ["y = ", "step", " +1 +y → x", *["[gc]: "] * (len(lines) == 5), "dy/dx"]
        for start, line in zip(starts, lines, strict=True):
            assert re.match(start, line)
        assert max(map(len, lines)) <= width


@given(scalar_graphs())
def test_every_number_of_a_trace_has_its_line(graph):
    steps = trace(*graph)
    assume(len(steps) <= 40)
    lines = str(steps).split("\n")
    rows = [line.split()[0] for line in lines if re.match(r" +\d+  ", line)]
    assert rows == [str(step.number) for step in steps]
    for leaf in steps.leaves:
        assert sum(line.startswith(f"d{steps.names[steps.output]}/d{steps.names[leaf]} ") for line in lines) == 1


@pytest.mark.parametrize("shape", [(1,), (1, 1), (1, 1, 1)])
def test_arrays_of_one_element_have_products_and_sizes_like_numbers(shape):
    x, w = Tensor(np.full(shape, -3.0), name="x"), Tensor(np.full(shape, 800.0), name="w")
    number = trace(sigmoid(Tensor(-3.0, name="x") * Tensor(800.0, name="w")))
    steps = trace(sigmoid(x * w), np.ones(shape))
    assert steps.state("x") == number.state("x") == "underflowed"
    assert steps.magnitude("x") == number.magnitude("x")
    assert (steps.path("x").product, steps.path("x").sign) == (0, 1)
    assert str(steps) == str(number)
    assert steps.to_latex("x") == number.to_latex("x")


def test_what_overflowed_keeps_its_true_size():
    x = Tensor(1.0, name="x")
    y = x
    with np.errstate(over="ignore"):
        for _ in range(20):
            y = y * 1e30
        steps = trace(y)
        assert steps.gradient("x") == np.inf
        assert steps.magnitude("x") == (pytest.approx(600.0), 1)
        assert "(1.00e+600)" in str(steps)


def test_long_names_leave_the_columns_their_place():
    x = Tensor(2.0, name="the_very_first_parameter_of_a_network_that_is_long")
    lines = str(trace(x.exp() * x)).split("\n")
    assert max(map(len, lines)) <= 100


def bars(lines):
    """The bar of each line, by the number before it."""
    return [re.search(r"([^\s▏▎▍▌▋▊▉█▶]+) *([▏▎▍▌▋▊▉█▶]*)$", line).groups() for line in lines]


@pytest.mark.parametrize("width", [80, 100])
def test_bars_are_between_the_ends_that_stand_above_them(width):
    steps = trace(sigmoid_chain(1.0, [0.5, -0.9, 0.8, -0.6, 0.7]))
    _, head, *rest = steps.to_text(width=width).split("\n")
    axis, low, high = re.search(r"((?:empty )?(1e-4) ─+ log ─+ (?:full )?(1))$", head).groups()
    full = len(axis)
    assert axis.startswith("empty") == (width == 100), "where there is room, it is said in words"
    assert len(head) <= width
    for step, line in zip(steps, rest[: len(steps)], strict=True):
        bar = line[len(head) - full :]
        eighths = 8 * bar.count("█") + (" ▏▎▍▌▋▊▉".index(bar[-1]) if bar[-1] != "█" else 0)
        share = (np.log10(abs(step.downstream)) - np.log10(float(low))) / (np.log10(float(high)) - np.log10(float(low)))
        assert eighths == pytest.approx(8 * full * share, abs=0.51)


def test_0_has_no_bar_and_inf_one_with_an_arrow():
    x, y = Tensor(0.0, name="x"), Tensor(2.0, name="y")
    with np.errstate(divide="ignore"):
        printed = str(trace(np.sqrt(x) + y * 0.0 + y))
    by_number = dict(bars(printed.split("\n")[2:-2]))
    assert by_number["0"] == ""
    assert re.fullmatch("█+▶", by_number["inf"])
    assert re.fullmatch("█+[▏▎▍▌▋▊▉]?", by_number["1.000000"])


def test_g_and_c_are_explained_where_they_occur():
    x, m = Tensor(np.ones(3), name="x"), np.arange(6.0).reshape(2, 3)
    carried, constant = "g: the upstream gradient, which a linear map carries back", "c: a constant array"
    assert f"\n{carried}; {constant}\n" in str(trace((m @ x).sum()))
    assert f"\n{constant}\n" in str(trace(x * np.arange(3.0), np.ones(3)))
    assert ": a constant" not in str(trace(Tensor(2.0, name="c") * Tensor(3.0, name="g")))


@pytest.mark.parametrize("name", ["w", "a_weight_with_a_name_of_forty_characters_"])
@pytest.mark.parametrize("columns", ["80", "100"])
def test_a_trace_is_as_wide_as_the_terminal_and_no_wider(name, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    rng = np.random.default_rng(0)
    w, b = Tensor(rng.normal(size=(100, 300)), name=name), Tensor(1e-300 * np.ones(300), name=f"{name}2")
    loss = np.mean(np.log(sigmoid(rng.normal(size=(64, 100)) @ w + b)) ** 2, axis=(0, 1))
    loss.name = f"{name}_loss"
    chain = sigmoid_chain(Tensor(1.0, name=name), [2000.0, 1.0, 1e-9])
    for printed in map(str, (trace(loss), trace(chain), layers(chain), gradient_norms(trace(loss)))):
        lines = printed.split("\n")
        assert max(map(len, lines)) <= int(columns)
        assert not any(line.endswith("-") for line in lines)
    _, head, *_ = str(trace(loss)).split("\n")
    assert re.search("1e-\\d+( ─.*─ |…)(full )?1e15$", head)


def test_in_a_pipe_text_has_a_hundred_columns_and_on_a_terminal_its_own(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    assert text.columns() == 100
    monkeypatch.setattr(sys, "stdout", None)
    assert text.columns() == 100
    terminal = SimpleNamespace(isatty=lambda: True)
    for wide, expected in ((80, 80), (300, 100)):
        monkeypatch.setattr(sys, "stdout", terminal)
        monkeypatch.setattr("shutil.get_terminal_size", lambda default, wide=wide: os.terminal_size((wide, 24)))
        assert text.columns() == expected


def test_an_empty_name_is_no_name():
    x = Tensor(2.0, name="")
    assert str(trace(x * 3)) == str(trace(Tensor(2.0) * 3))


def test_two_to_the_hundredth_paths_are_true_and_counted():
    a = Tensor(1.0)
    b = a
    for _ in range(100):
        b = b + b
    paths = trace(b).paths(a)
    assert paths
    assert paths.count == 2**100


FORMS = [str, *(getattr(GradientTrace, f"to_{form}") for form in ("json", "csv", "latex", "dot", "mermaid", "html"))]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.__name__)
def test_new_data_of_an_input_does_not_change_the_trace_of_an_older_graph(form):
    c, x, named = Tensor(2.0, requires_grad=False), Tensor(3.0, name="x"), constant(0.5)
    y = c * x + np.tanh(named * x)
    before = form(trace(y))
    for tensor in (c, x, named):
        tensor.data = 5.0
    assert form(trace(y)) == before


def test_a_constant_is_shown_as_the_number_that_was_computed_with():
    c, x = Tensor(2.0, requires_grad=False), Tensor(3.0, name="x")
    y = c * x
    c.data = 5.0
    assert str(trace(y)).startswith("v1 = 2·x = 6.000000\n")
    assert trace(y)[0].formula == "2"


def test_what_draws_and_prints_is_imported_when_it_is_used():
    code = "import sys, numpy; b = {*sys.modules}; import tinygrad_sig.traces.health; print(*{*sys.modules} - b)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    imported = set(done.stdout.split())
    assert "tinygrad_sig.traces.trace" in imported
    rooms = {f"tinygrad_sig.show.{name}" for name in ("data", "figure", "graph", "html", "latex", "plots")}
    assert not imported & {*rooms, "csv", "decimal", "html", "json", "shutil", "subprocess", "textwrap", "argparse"}
