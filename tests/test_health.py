"""Health: each column of the table against what it says, on networks made so that the answer is known."""

import math
import re

import numpy as np
import pytest

from tinygrad_sig import Tensor, relu, sigmoid, sigmoid_chain, trace
from tinygrad_sig.nn import MLP, Linear, Sequential, cross_entropy, mse, nielsen
from tinygrad_sig.traces.health import GradientNorms, LayerHealth, gradient_norms


def network(activation=sigmoid, sizes=(4, 5, 3, 2), seed=0):
    rng = np.random.default_rng(seed)
    net = MLP(sizes, rng, activation, nielsen)
    return net, cross_entropy(net(rng.normal(size=(7, sizes[0]))), rng.integers(sizes[-1], size=7))


@pytest.mark.parametrize("activation", [sigmoid, np.tanh, relu])
def test_a_trace_and_parameters_tell_the_same(activation):
    net, loss = network(activation)
    traced = gradient_norms(trace(loss))
    loss.backward()
    stored = gradient_norms(net)
    assert [row.layer for row in traced] == [row.layer for row in stored] == ["1", "2", "3"]
    for one, other, (w, b) in zip(traced, stored, [(w, b) for w, _, b in rows(net)], strict=True):
        assert (one.gradient, one.weight, one.zeros, one.ratio) == pytest.approx(
            (other.gradient, other.weight, other.zeros, other.ratio), rel=1e-15, abs=0
        )
        assert one.gradient == pytest.approx(math.hypot(*w.grad.ravel(), *b.grad), rel=1e-14, abs=0)
        assert one.weight == pytest.approx(math.hypot(*w.data.ravel(), *b.data), rel=1e-14, abs=0)
        assert one.ratio == one.gradient / one.weight
        assert one.zeros == np.mean(np.concatenate([w.grad.ravel(), b.grad]) == 0)
        assert other.saturated is None, "there is no trace to look at"


def rows(net):
    return [(layer.weight, layer, layer.bias) for layer in net.layers if isinstance(layer, Linear)]


def test_a_trace_leaves_the_gradients_alone():
    net, loss = network()
    gradient_norms(trace(loss))
    assert all(parameter.grad is None for parameter in net)


@pytest.mark.parametrize(
    ("activation", "edge"),
    [(sigmoid, math.log((1 + math.sqrt(0.99)) / (1 - math.sqrt(0.99)))), (np.tanh, math.atanh(math.sqrt(0.99)))],
)
def test_a_unit_is_saturated_where_its_slope_is_below_one_percent_of_the_largest(activation, edge):
    w, b = Tensor(np.eye(8), name="w1"), Tensor(np.zeros(8), name="b1")
    z = edge * np.array([[0, 0.5, 0.999, 1.001, -0.5, -0.999, -1.001, -9.0]])
    (row,) = gradient_norms(trace(np.sum(activation(z @ w + b))))
    assert row.saturated == 3 / 8


def test_a_unit_of_relu_is_saturated_where_it_is_off():
    w = Tensor(np.eye(5), name="w1")
    (row,) = gradient_norms(trace(np.sum(relu(np.array([[1.0, 1e-9, 0.0, -1e-9, -5.0]]) @ w))))
    assert row.saturated == 3 / 5


def test_zeros_are_gradients_that_are_exactly_zero():
    w, b = Tensor(np.ones((2, 3)), name="w1"), Tensor([1.0, -9.0, 1.0], name="b1")
    (row,) = gradient_norms(trace(np.sum(relu(np.array([[1.0, 0.0]]) @ w + b))))
    assert row.zeros == (4 + 1) / 9, "an input that is 0 and a unit that is off leave two of six weights and two biases"
    assert row.saturated == 1 / 3


def test_each_layer_is_saturated_by_its_own_activation():
    first, last = Linear(3, 4, np.random.default_rng(0)), Linear(4, 2, np.random.default_rng(0), number=2)
    first.bias.data = np.full(4, 100.0)
    net = Sequential(first, np.tanh, last, sigmoid)
    one, two = gradient_norms(trace(mse(net(np.ones((6, 3))), np.zeros((6, 2)))))
    assert (one.saturated, two.saturated) == (1.0, 0.0)


def test_what_has_no_known_activation_has_no_saturation():
    *_, last = gradient_norms(trace(network()[1]))
    assert last.saturated is None
    (row,) = gradient_norms(trace(np.sum(np.sin(Tensor([1.0], name="w1") * 2))))
    assert row.saturated is None


@pytest.mark.parametrize(
    "times", [lambda x, w: x @ w, lambda x, w: x @ w.T, lambda x, w: 0.5 - x @ w, lambda x, w: x @ w.astype(np.float32)]
)
def test_the_activation_is_found_behind_the_ways_to_write_a_layer(times):
    w = Tensor(np.eye(3), name="w1")
    (row,) = gradient_norms(trace(np.sum(sigmoid(times(np.array([[1.0, 90.0, -90.0]]), w)))))
    assert row.saturated == pytest.approx(2 / 3)


def test_layers_are_in_the_order_of_their_numbers_and_the_others_before_them():
    net, loss = network(sizes=[2] * 13)
    assert [row.layer for row in gradient_norms(trace(loss))] == [str(i) for i in range(1, 13)]
    loss.backward()
    scale = Tensor(2.0, name="scale")
    scale.grad = 1.0
    shuffled = [scale, *reversed(list(net))]
    assert [row.layer for row in gradient_norms(shuffled)] == ["scale", *(str(i) for i in range(1, 13))]
    gain, shift = Tensor(2.0, name="gain"), Tensor(1.0, name="shift")
    assert [row.layer for row in gradient_norms(trace(np.tanh(2 * gain) + shift))] == ["gain", "shift"]


def test_names_that_the_trace_makes_up_put_nothing_into_a_numbered_layer():
    """The trace calls an unnamed leaf v1 and a second w2 w2_1; neither belongs to layer 1."""
    w1, w2, twin, unnamed = Tensor(1.0, name="w1"), Tensor(2.0, name="w2"), Tensor(3.0, name="w2"), Tensor(4.0)
    y = unnamed * (w1 * (w2 * (twin * 1.0)))
    assert {"v1", "w2_1"} <= set(trace(y).names.values())
    traced = gradient_norms(trace(y))
    assert [row.layer for row in traced if row.layer.isdecimal()] == ["1", "2"]
    assert [row.weight for row in traced] == pytest.approx([4.0, 1.0, math.hypot(2, 3)])
    y.backward()
    stored = gradient_norms([unnamed, w1, w2, twin])
    assert [row.gradient for row in stored] == pytest.approx([row.gradient for row in traced])


def test_a_chain_shows_its_decay_layer_by_layer():
    y = sigmoid_chain(1.0, [1.0, 100.0, 2.0], [0.0, 0.0, 0.0])
    steps = trace(y)
    x, *layers = gradient_norms(steps)
    assert [x.layer, *(row.layer for row in layers)] == ["x", "1", "2", "3"]
    for i, row in enumerate(layers, 1):
        gradients = steps.gradient(f"w{i}"), steps.gradient(f"b{i}")
        assert row.gradient == pytest.approx(math.hypot(*gradients), rel=1e-14, abs=0)
    assert [row.saturated for row in layers] == [0.0, 1.0, 0.0]
    assert x.gradient == pytest.approx(abs(steps.gradient("x")), rel=1e-15, abs=0)
    assert layers[0].gradient < 1e-20 < layers[2].gradient


def test_weights_of_zero_have_no_ratio():
    (row,) = gradient_norms(trace(3.0 * Tensor(0.0, name="w1")))
    assert (row.gradient, row.weight) == (3.0, 0.0)
    assert math.isnan(row.ratio)


def test_an_empty_parameter_has_nothing_that_is_zero():
    w, v = Tensor(np.zeros((0, 2)), name="w1"), Tensor(1.0, name="w2")
    one, _ = gradient_norms(trace(np.sum(w) + v))
    assert (one.gradient, one.zeros) == (0.0, 0.0)


def test_the_table_has_a_row_a_layer():
    norms = GradientNorms([LayerHealth("1", 2.5e-5, 3.0, 0.046, 0.418), LayerHealth("2", 0.5, 0.0, 0.0, None)])
    assert str(norms).splitlines() == [
        "layer  ‖gradient‖  ‖weight‖       ratio  saturated  zeros  underflowed",
        "1      2.5000e-05  3.000000  8.3333e-06     41.8 %  4.6 %            –",
        "2        0.500000         0         nan          –  0.0 %            –",
        "ratio: ‖gradient‖/‖weight‖; saturated: units with under 1 % of the largest slope",
        "zeros: gradients that are 0; underflowed: those that only their dtype made 0",
    ]
    assert norms[0].layer == "1"
    assert [row.gradient for row in norms] == [2.5e-5, 0.5]


def test_what_has_no_layers_is_refused():
    net, loss = network()
    with pytest.raises(TypeError, match=re.escape("a Tensor has no layers; give trace(loss), or the parameters of a")):
        gradient_norms(loss)
    with pytest.raises(ValueError, match="gradient_norms: w1 has no gradient; call backward on a loss that"):
        gradient_norms(net)
    with pytest.raises(ValueError, match="gradient_norms: a parameter has no gradient"):
        gradient_norms([Tensor(1.0)])
    with pytest.raises(ValueError, match="gradient_norms: there are no parameters; give a network, or a list of"):
        gradient_norms([])


@pytest.mark.parametrize(("given", "kind"), [([1.0], "float"), ({"w1": 1.0}, "dict"), (None, "NoneType"), (3, "int")])
def test_what_is_no_list_of_tensors_is_refused_by_its_name(given, kind):
    sentence = f"gradient_norms: parameters are no {kind}; give a network, or a list of Tensors"
    with pytest.raises(TypeError, match=re.escape(sentence)):
        gradient_norms(given)


def test_norms_of_a_trace_are_of_the_weights_that_were_computed_with():
    net, loss = network()
    before = gradient_norms(trace(loss))
    for parameter in net:
        parameter.data = np.full(parameter.shape, 100.0)
    assert gradient_norms(trace(loss)) == before


def test_what_a_dtype_made_zero_is_counted_and_what_is_zero_in_float64_is_not():
    w, dead = Tensor(np.ones((1, 2), np.float16), name="w1"), np.array([[1e-4, 0.0]], np.float16)
    y = np.sum(dead * w) * np.float16(1e-4)
    (row,) = gradient_norms(trace(y))
    assert (row.zeros, row.underflowed) == (1.0, 0.5)
    (scaled,) = gradient_norms(trace(y, 2.0**10))
    assert (scaled.zeros, scaled.underflowed) == (0.5, 0.0)


def test_underflow_is_unknown_without_a_trace_and_in_float64_but_for_scalars():
    w = Tensor(np.zeros(2), name="w1")
    y = np.sum(w * w)
    assert gradient_norms(trace(y))[0].underflowed is None
    y.backward()
    assert gradient_norms([w])[0].underflowed is None
    deep = gradient_norms(trace(sigmoid_chain(1.0, [1.0] * 600)))
    assert deep[0].underflowed == 1.0 > deep[-1].underflowed == 0.0


def test_the_slope_of_a_sigmoid_is_seen_where_float16_has_none():
    w = Tensor(np.array([-20.0, 0.0], np.float16), name="w1")
    (row,) = gradient_norms(trace(np.sum(sigmoid(w * np.float16(1)))))
    assert (row.zeros, row.underflowed) == (0.5, 0.5)


def test_layers_with_a_skip_a_norm_or_a_gate_have_the_saturation_of_their_own_units():
    x = np.array([[1.0], [-1.0]])
    w1, w2 = Tensor([[100.0]], name="W1"), Tensor([[0.1]], name="W2")
    gain, shift = Tensor(1.0, name="gain2"), Tensor(0.0, name="shift2")
    a = x + sigmoid(x @ w1)
    z = a @ w2
    loss = np.sum(a + sigmoid(gain * (z - np.mean(z, axis=0)) / np.std(z, axis=0) + shift))
    assert [row.saturated for row in gradient_norms(trace(loss))] == [1.0, 0.0]
    gate, inner = Tensor([[100.0]], name="wf3"), Tensor([[0.1]], name="w3")
    (row,) = gradient_norms(trace(np.sum(sigmoid(x @ gate) * x + np.tanh(x @ inner))))
    assert (row.layer, row.saturated) == ("3", 0.5)


def test_a_recurrent_weight_is_saturated_by_all_its_steps():
    W, h = Tensor([[1.0]], name="W"), np.zeros((1, 1))
    for x in (0.0, 100.0, 0.0, 100.0):
        h = np.tanh(h @ W + x)
    (row,) = gradient_norms(trace(np.sum(h)))
    assert row.saturated == 0.5


@pytest.mark.filterwarnings("error")
def test_a_layer_without_units_has_no_saturation():
    w = Tensor(np.zeros(0), name="w1")
    assert gradient_norms(trace(np.sum(np.tanh(w * w))))[0].saturated is None


def test_layers_whose_names_begin_alike_have_places_of_their_own_and_few_of_many_are_named():
    pytest.importorskip("matplotlib")
    rows = [LayerHealth(f"encoder.layers.block.{i}", 1.0 + i, 1.0, 0.0, None) for i in range(100)]
    axes = GradientNorms(rows).plot()
    assert list(axes.lines[0].get_xdata()) == list(range(100))
    assert len(axes.get_xticklabels()) <= 25
