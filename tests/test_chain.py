"""The chain: the numbers of the worked example, and closed forms, bounds and layers held against the graph."""

import decimal
import math
import re
import subprocess
import sys
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinygrad_sig import Tensor, layers, relu, sigmoid, sigmoid_chain, trace
from tinygrad_sig.traces.chain import closed_form_gradient, finite_difference, gradient_bound, printed_product
from tinygrad_sig.traces.report import Report

ACTIVATIONS = [sigmoid, np.tanh, relu]


def differentiated(x, weights, biases=None, activation=sigmoid):
    y = sigmoid_chain(x, weights, biases, activation)
    y.backward()
    return y, {tensor.name: tensor for tensor in trace(y).gradients}


def test_five_weights_1():
    y, named = differentiated(1.0, [1.0] * 5)
    a = [0.731058578630005, 0.675037527376824, 0.662630226519263, 0.659850984618357, 0.659226913418565]
    assert [named[name].item() for name in ("a1", "a2", "a3", "a4", "y")] == pytest.approx(a, rel=1e-14)
    slopes = [0.196611933241482, 0.219361864009808, 0.223551409422293, 0.224447662716542, 0.224646790043197]
    local = {str(step): step.local for step in trace(y)}
    assert [local[edge] for edge in ("a1 → z1", "a2 → z2", "a3 → z3", "a4 → z4", "y → z5")] == pytest.approx(slopes)
    gradients = [4.861426435890659e-4, 1.807615357696266e-3, 7.608878235628428e-3, 3.341077482183866e-2]
    gradients += [1.482334056013568e-1]
    assert [named[f"w{i}"].grad for i in range(1, 6)] == pytest.approx(gradients, rel=1e-14)
    assert named["x"].grad == pytest.approx(4.861426435890659e-4, rel=1e-14)
    assert gradient_bound([1.0] * 5) == 4.0**-5 == 9.765625e-4


@pytest.mark.parametrize(
    ("weights", "value", "gradient"),
    [
        ([0.5, -1.2, 0.8, 1.5, -0.7], 0.379941377516519, 3.144939907141776e-4),
        ([4.0] * 5, 0.980589923383832, 2.359646513672913e-6),
    ],
)
def test_other_weights(weights, value, gradient):
    y, named = differentiated(1.0, weights)
    assert y.item() == pytest.approx(value, rel=1e-14)
    assert named["x"].grad == pytest.approx(gradient, rel=1e-14)
    assert closed_form_gradient(1.0, weights) == pytest.approx(gradient, rel=1e-14)
    assert float(finite_difference(1.0, weights)) == pytest.approx(gradient, rel=1e-14)


def chains(largest):
    numbers = st.floats(-largest, largest)
    layer = st.tuples(numbers.filter(lambda w: abs(w) > 1e-3), st.floats(-1, 1))
    return st.tuples(numbers, st.lists(layer, min_size=1, max_size=8), st.booleans())


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("largest", [2, 40])
def test_the_closed_form_agrees_with_the_graph(activation, largest):
    """With large weights the activation saturates, where its slope must not be rounded away."""

    @given(chains(largest))
    def agrees(chain):
        x, rows, biased = chain
        weights = [weight for weight, _ in rows]
        biases = [bias for _, bias in rows] if biased else None
        _, named = differentiated(x, weights, biases, activation)
        closed = closed_form_gradient(x, weights, biases, activation)
        assert closed == pytest.approx(named["x"].grad, rel=1e-9, abs=1e-300)
        assert abs(closed) <= gradient_bound(weights, activation) * (1 + 1e-12)

    agrees()


@given(chains(3))
def test_the_finite_difference_agrees_with_the_graph(chain):
    x, rows, biased = chain
    weights = [weight for weight, _ in rows]
    biases = [bias for _, bias in rows] if biased else None
    _, named = differentiated(x, weights, biases)
    assert float(finite_difference(x, weights, biases)) == pytest.approx(named["x"].grad, rel=1e-9)


def test_the_finite_difference_asks_for_no_exponents_that_a_32_bit_decimal_lacks(monkeypatch):
    def context(*, Emin, Emax, **settings):
        assert Emin >= decimal.MIN_EMIN
        assert Emax <= decimal.MAX_EMAX
        return whole(Emin=Emin, Emax=Emax, **settings)

    whole = decimal.Context
    monkeypatch.setattr(decimal, "Context", context)
    monkeypatch.setattr(decimal, "MIN_EMIN", -425_000_000)
    monkeypatch.setattr(decimal, "MAX_EMAX", 425_000_000)
    for activation in ACTIVATIONS:
        closed = closed_form_gradient(1.0, [3.0, 0.7], activation=activation)
        assert float(finite_difference(1.0, [3.0, 0.7], activation=activation)) == pytest.approx(closed, rel=1e-14)


def test_decimals_are_imported_only_where_a_finite_difference_is_taken():
    code = "import sys, tinygrad_sig; sys.exit('decimal' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_printed_product_explodes_where_the_gradient_has_vanished():
    weights = [10.0] * 5
    _, named = differentiated(1.0, weights)
    assert printed_product(1.0, weights) == pytest.approx(29.382302381708, rel=1e-13)
    assert named["x"].grad == pytest.approx(1.931379327743e-17, rel=1e-12)
    assert float(finite_difference(1.0, weights)) == pytest.approx(named["x"].grad, rel=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 5, 50])
def test_the_printed_product_is_right_where_all_weights_are_1(depth):
    weights = [1.0] * depth
    assert printed_product(0.3, weights) == closed_form_gradient(0.3, weights)
    for i in {0, depth // 2, depth - 1}:
        others = [*weights[:i], 1.5, *weights[i + 1 :]]
        assert printed_product(0.3, others) != pytest.approx(closed_form_gradient(0.3, others), rel=1e-3, abs=0)


@pytest.mark.parametrize("depth", [1, 5, 1000])
def test_names_of_a_chain(depth):
    y, named = differentiated(0.5, [1.0] * depth, [0.1] * depth)
    inner = [f"{letter}{i}" for i in range(1, depth + 1) for letter in "wbz"] + [f"a{i}" for i in range(1, depth)]
    assert {"x", "y", *inner} <= named.keys()
    assert y.name == "y"
    assert f"a{depth}" not in named
    for i in range(1, depth + 1):
        z, a = named[f"z{i}"], named[f"a{i}" if i < depth else "y"]
        before = named[f"a{i - 1}" if i > 1 else "x"]
        assert a.data == sigmoid(z.data)
        assert z.data == named[f"w{i}"].data * before.data + named[f"b{i}"].data
    assert len(trace(y).leaves) == 1 + 2 * depth


def test_a_chain_without_biases_has_no_nodes_for_them():
    y, named = differentiated(0.5, [1.0, 2.0])
    assert named.keys() == {"x", "w1", "w2", "z1", "z2", "a1", "y"}
    assert len(trace(y)) == 6


def test_tensors_are_used_as_they_are():
    x, w, b = Tensor(np.float32(1), name="pixel"), Tensor(np.float32(0.5)), Tensor(np.float32(0.1))
    y = sigmoid_chain(x, [w, w], [b, np.float32(0)])
    y.backward()
    assert y.dtype == np.float32
    assert (x.name, w.name, b.name) == ("pixel", "w1", "b1")
    assert set(trace(y).leaves) >= {x, w, b}
    assert trace(y).paths(w).count == 2, "a shared weight has a path through each layer"
    assert w.grad == pytest.approx(sum(float(path.product) for path in trace(y).paths(w)), rel=1e-6)


@pytest.mark.parametrize("constant", ["x", "w"])
def test_a_constant_input_or_weight_has_no_gradient_and_the_layers_remain(constant):
    x = Tensor(1.0, requires_grad=constant != "x")
    w = Tensor(2.0, requires_grad=constant != "w")
    y = sigmoid_chain(x, [w, 3.0])
    y.backward()
    assert (x if constant == "x" else w).grad is None
    assert [layer.weight for layer in layers(y)] == [3.0, 2.0]
    assert layers(y)[0].factor == pytest.approx(layers(sigmoid_chain(1.0, [2.0, 3.0]))[0].factor)


@pytest.mark.parametrize(
    ("wrong", "kind", "sentence"),
    [
        (lambda: sigmoid_chain(1.0, []), ValueError, r"sigmoid_chain: there are no weights; give at least one"),
        (
            lambda: sigmoid_chain(1.0, [1.0, 2.0], [1.0]),
            ValueError,
            r"2 weights and 1 bias; give one bias for each weight",
        ),
        (lambda: sigmoid_chain("one", [1.0]), TypeError, r"data has no gradient; give floating"),
        (lambda: closed_form_gradient(1.0, [1.0], activation=np.exp), ValueError, r"for exp; use one of sigmoid, tanh"),
        (lambda: closed_form_gradient(1.0, [1.0, 2.0], [1.0]), ValueError, r"2 weights and 1 bias"),
        (lambda: printed_product(1.0, [1.0, 2.0], [1.0]), ValueError, r"2 weights and 1 bias"),
        (lambda: finite_difference(1.0, [1.0, 2.0], [1.0]), ValueError, r"2 weights and 1 bias"),
        (lambda: finite_difference(1.0, [1.0], activation=np.sin), ValueError, r"for sin; use one of sigmoid, tanh"),
        (lambda: gradient_bound([1.0], np.exp), ValueError, r"for exp; use one of sigmoid, tanh"),
        (lambda: layers(Tensor(1.0) * 2), ValueError, r"is no chain; build the chain with sigmoid_chain"),
        (lambda: layers(Tensor(1.0)), ValueError, r"build the chain with sigmoid_chain"),
        (lambda: layers(sigmoid(Tensor(1.0))), ValueError, r"is no chain; build the chain"),
        (lambda: layers(sigmoid(Tensor(1.0) + 2)), ValueError, r"is no chain; build the chain"),
        (lambda: layers(sigmoid_chain(1.0, [1.0], activation=np.exp)), ValueError, r"is no chain"),
        (lambda: layers(3.0), TypeError, r"float has no graph; give a Tensor"),
    ],
)
def test_a_wrong_use_is_refused_in_one_sentence(wrong, kind, sentence):
    with pytest.raises(kind, match=sentence) as caught:
        wrong()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("biases", [None, [0.3, 0.1, 0.2, 0.5]])
def test_the_factors_of_the_layers_multiply_to_the_gradient(activation, biases):
    weights = [1.5, 0.7, 2.0, 0.9]
    y, named = differentiated(0.8, weights, biases, activation)
    rows = layers(y)
    assert [row.layer for row in rows] == [4, 3, 2, 1]
    assert [row.weight for row in rows] == weights[::-1]
    assert [row.bias for row in rows] == (biases or [None] * 4)[::-1]
    assert math.prod(row.factor for row in rows) == pytest.approx(named["x"].grad, rel=1e-14)
    if all(row.log10 <= 0 for row in rows):
        assert math.fsum(row.share for row in rows) == pytest.approx(1)
    else:
        assert all(math.isnan(row.share) for row in rows), "where some layers undo what others do, none has a share"
    for row in rows:
        a, z = named[f"a{row.layer}" if row.layer < 4 else "y"], named[f"z{row.layer}"]
        before = named[f"a{row.layer - 1}" if row.layer > 1 else "x"]
        assert (row.preactivation, row.activation) == (z.item(), a.item())
        assert row.local_derivative == next(step.local for step in trace(y) if step.output is a)
        assert row.factor == row.weight * row.local_derivative
        assert row.gradient == before.grad
        assert row.log10 == pytest.approx(math.log10(row.factor))
        assert (row.running, row.sign) == (pytest.approx(math.log10(row.gradient)), 1)
    for after, before in pairwise(rows):
        assert before.gradient == pytest.approx(after.gradient * before.factor, rel=1e-14)


@pytest.mark.parametrize(
    ("weights", "worst", "reason"),
    [
        ([1.0, 1.0, 12.0, 1.0], 3, "saturated"),
        ([1.0, -30.0, 2.0], 2, "saturated"),
        ([1.0, 0.01, 1.0], 2, "small weight: |w| = 0.01"),
        ([1.0, 1.0, 0.0], 3, "its weight is 0"),
        ([0.0, 1.0], 1, "its weight is 0"),
        ([2000.0, 1.0], 1, "saturated, |z| = 2000"),
    ],
)
def test_the_worst_layer_and_its_reason(weights, worst, reason):
    rows = layers(sigmoid_chain(1.0, weights))
    assert rows.worst.layer == worst
    assert rows.worst.log10 == min(row.log10 for row in rows)
    assert rows.reason.startswith(reason)
    assert math.fsum(row.share for row in rows) == pytest.approx(1)
    assert rows.conclusion == f"most lost in layer {worst}: {rows.reason}"


def last_line(x, weights, biases=None, activation=sigmoid):
    return layers(sigmoid_chain(x, weights, biases, activation)).conclusion


def test_where_all_weights_are_equal_the_slope_is_the_cause_and_not_the_weight():
    slope = "the slope at |z| = 1 is 1.27 times smaller than 0.25, its largest"
    assert last_line(1.0, [1.0] * 5) == f"most lost in layer 1: {slope}"
    assert "the slope at |z| = 0.75" in last_line(1.5, [0.5] * 5)
    assert "most lost in layer 1: saturated, |z| = 2" in last_line(1.0, [2.0] * 5)


@pytest.mark.parametrize(
    ("x", "weights", "activation", "line"),
    [
        (1.0, [10.0] * 5, sigmoid, "no layer stands out: all are saturated, |z| is about 10 or more"),
        (1.0, [2000.0] * 3, sigmoid, "no layer stands out: all are saturated, |z| is about 2000 or more"),
        (1.0, [3.0] * 3, np.tanh, "no layer stands out: all are saturated, |z| is about 2.985 or more"),
        (0.5, [0.5] * 5, sigmoid, "no layer stands out"),
        (1.0, [0.95] * 3, relu, "no layer stands out"),
    ],
)
def test_where_all_lost_about_as_much_no_layer_is_singled_out(x, weights, activation, line):
    assert last_line(x, weights, activation=activation) == line


@pytest.mark.parametrize(
    ("weights", "activation", "line"),
    [
        ([10.0, 10.0, 10.0, 1.0], sigmoid, "most lost in layer 1, as much in 2 others: saturated, |z| = 10"),
        ([0.1, 0.1, 1.0], sigmoid, "most lost in layer 1, as much in 1 other: small weight: |w| = 0.1"),
        ([1.0, -1.0, 1.0, 1.0], relu, "most lost in layer 2, as much in 2 others: inactive, z = -1"),
        ([1.0, 0.0, 0.0], sigmoid, "most lost in layer 2, as much in 1 other: its weight is 0"),
    ],
)
def test_layers_that_lost_as_much_as_the_worst_are_counted(weights, activation, line):
    assert last_line(1.0, weights, activation=activation).startswith(line)


@pytest.mark.parametrize(
    ("x", "weight", "reason"),
    [
        (0.0, 1.0, "the slope is at most 0.25"),
        (0.0, 2.0, "the slope is at most 0.25"),
        (0.0, 0.5, "small weight: |w| = 0.5, and the slope is at most 0.25"),
        (1.0, 1.0, "the slope at |z| = 1 is 1.27 times smaller than 0.25, its largest"),
        (1.0, 10.0, "saturated, |z| = 10: the slope is 5.51e+03 times smaller than 0.25, its largest"),
    ],
)
def test_a_layer_alone_is_held_against_a_weight_of_1_and_the_largest_slope(x, weight, reason):
    assert last_line(x, [weight]) == f"most lost in layer 1: {reason}"


def test_a_weight_that_would_not_shrink_the_gradient_is_not_to_blame_for_its_loss():
    rows = layers(sigmoid_chain(1.0, [500.0, 5.0], [-491.0, 2.0]))
    worst, other = rows.worst, rows[1]
    assert worst.weight * 0.25 > 1 > other.factor > 1.1 * worst.factor
    assert worst.slope_log10 > other.slope_log10, (
        "the other one has the smaller slope, and a weight that makes up for it"
    )
    assert rows.reason.startswith("saturated")


@pytest.mark.parametrize("activation", [sigmoid, relu])
def test_a_factor_that_is_nan_is_called_undefined(activation):
    with np.errstate(invalid="ignore"):
        assert re.match(
            r"undefined: the factor of layer \d is nan", last_line(1.0, [1.0, np.inf, 0.0], None, activation)
        )


def test_a_layer_that_explodes_has_lost_nothing():
    rows = layers(sigmoid_chain(0.5, [8.0, 12.0], [-4.0, -6.0]))
    assert rows.reason == "nothing was lost"
    assert "most lost" not in str(rows)


def test_a_slope_that_underflowed_is_shown_with_its_true_size():
    rows = layers(sigmoid_chain(1.0, [2000.0, 1.0]))
    assert rows[1].log10 == pytest.approx(math.log10(2000) - 2000 / math.log(10))
    line = str(rows).split("\n")[2]
    assert line.split()[0] == "1"
    assert "e-869" in line, "σ'(z)"
    assert len(re.findall("e-866", line)) == 2, "the factor and the running product"
    assert " 0 " not in line
    assert "the slope is 0" not in str(rows)


def test_of_many_layers_the_table_shows_the_first_and_the_last():
    rows = layers(sigmoid_chain(1.0, [1.0] * 1000))
    assert len(rows) == 1000
    assert rows[-1].gradient == trace(sigmoid_chain(1.0, [1.0] * 1000)).gradient("x")
    assert rows[-1].running < -600
    lines = rows.to_text(limit=10).split("\n")
    shown = [line.split()[0] for line in lines[1:-1]]
    assert shown == ["1000", "999", "998", "997", "996", "…", "5", "4", "3", "2", "1"]
    assert "… 990 layers left out …" in lines
    assert "left out" not in rows.to_text(limit=None)


@pytest.mark.parametrize(("weight", "factor"), [(8.0, 2.0), (100.0, 25.0), (4.0, 1.0), (1.0, 0.25)])
def test_biases_that_centre_make_every_factor_a_quarter_of_the_weight(weight, factor):
    y, named = differentiated(0.5, [weight] * 50, [-weight / 2] * 50)
    assert {row.factor for row in layers(y)} == {factor}
    assert {row.preactivation for row in layers(y)} == {0}
    assert named["x"].grad == pytest.approx(factor**50, rel=1e-14)
    assert gradient_bound([weight] * 50) == pytest.approx(factor**50, rel=1e-14)


def test_five_layers_of_8_give_32_and_fifty_give_2_to_the_50():
    assert differentiated(0.5, [8.0] * 5, [-4.0] * 5)[1]["x"].grad == 32
    assert differentiated(0.5, [8.0] * 50, [-4.0] * 50)[1]["x"].grad == 1125899906842624


def test_a_chain_may_start_from_what_was_computed():
    x = Tensor(0.5)
    found = layers(sigmoid_chain(x * 2, [0.5, -0.9]))
    assert [layer.factor for layer in found] == [layer.factor for layer in layers(sigmoid_chain(1.0, [0.5, -0.9]))]


def test_where_nothing_changes_in_size_no_layer_has_a_share():
    assert "–" in str(layers(sigmoid_chain(1.0, [2.0, 0.5], activation=relu)))


def test_an_inactive_relu_is_called_so():
    assert layers(sigmoid_chain(1.0, [1.0, -1.0], activation=relu)).reason.startswith(
        "inactive, z = -1: the slope is 0"
    )


def test_the_layers_are_of_the_weights_that_were_computed_with():
    x, weights = Tensor(1.0), [Tensor(0.5), Tensor(2.0), Tensor(-1.0)]
    y = sigmoid_chain(x, weights, [0.1, 0.2, 0.3])
    before = layers(y), Report(trace(y)).to_dict()
    for tensor in (x, *weights):
        tensor.data = 100.0
    assert (layers(y), Report(trace(y)).to_dict()) == before


def test_layers_say_what_is_not_read():
    x = Tensor(0.5, name="x")
    start = np.exp(x)
    start.name = "start"
    rows = layers(sigmoid_chain(start, [1.0, 2.0]))
    assert len(rows) == 2
    assert rows.conclusion.endswith("; what start was computed from is not read")
    assert "not read" not in layers(sigmoid_chain(x, [1.0, 2.0])).conclusion


def test_layers_of_several_paths_are_refused():
    c = Tensor(0.5, name="c")
    with pytest.raises(ValueError, match=r"layers: 2 paths lead to c, so that its gradient is a sum; see them with"):
        layers((np.exp(c) * c).sigmoid())
