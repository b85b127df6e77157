"""The history: what is kept of every step, what it warns of, and that other libraries' arrays tell the same."""

import csv
import json
import math

import numpy as np
import pytest

from tinygrad_sig import GradientHistory, Tensor, gradient_norms, sigmoid, trace
from tinygrad_sig.nn import MLP, SGD, cross_entropy, standard
from tinygrad_sig.traces.health import LayerHealth

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)), RNG.integers(0, 3, 40)


def trained(steps=5, record=lambda history, net, loss: history.record(net)):
    net = MLP([4, 6, 5, 3], np.random.default_rng(1), sigmoid, standard)
    history, optimiser = GradientHistory(), SGD(net, 0.1)
    for _ in range(steps):
        loss = cross_entropy(net(X), Y)
        loss.backward()
        record(history, net, loss)
        optimiser.step()
    return history


def made(*steps):
    """A history of layers 1, 2, … with these gradients, a list a step, and weights of length 1."""
    history = GradientHistory()
    for gradients in steps:
        history.record({f"w{i}": (np.ones(1), np.array([g])) for i, g in enumerate(gradients, 1)})
    return history


def test_a_step_is_what_gradient_norms_finds():
    seen = []

    def both(history, net, loss):
        seen.append(gradient_norms(net))
        history.record(net)

    history = trained(5, both)
    assert list(history) == seen
    assert (len(history), history.steps) == (5, [1, 2, 3, 4, 5])
    assert history[0] == seen[0]
    assert history[-1] == seen[-1]
    assert history.series() == {str(i + 1): [norms[i].gradient for norms in seen] for i in range(3)}


def test_a_trace_tells_of_saturation_too_and_others_may_give_it():
    by_trace = trained(3, lambda history, net, loss: history.record(trace(loss)))
    given = trained(3, lambda history, net, loss: history.record(net, {"1": 0.25}))
    assert [row.saturated for row in by_trace[0]] == [0.0, 0.0, None]
    assert [row.saturated for row in given[0]] == [0.25, None, None]
    np.testing.assert_equal(given.series("saturated"), {"1": [0.25] * 3, "2": [np.nan] * 3, "3": [np.nan] * 3})
    for one, other in zip(by_trace, given, strict=True):
        assert [row.gradient for row in one] == pytest.approx([row.gradient for row in other], rel=1e-13)


def test_it_is_a_value():
    history = trained()
    assert history == trained() != trained(4)
    assert history[1:3].steps == [2, 3]
    assert history[1:3] == history[1:3] != history[:2]
    assert history != [*history]
    assert made([math.nan]) == made([math.nan])
    with pytest.raises(TypeError, match="unhashable"):
        hash(history)


def test_it_is_exported_with_every_digit():
    history = made([1 / 3, 2.0], [math.inf, math.nan])
    rows = json.loads(history.to_json())["rows"]
    assert [(row["step"], row["layer"], row["gradient"]) for row in rows] == [
        *((1, "1", 1 / 3), (1, "2", 2.0)),
        *((2, "1", "inf"), (2, "2", "nan")),
    ]
    lines = list(csv.DictReader(history.to_csv().splitlines()))
    assert list(lines[0]) == ["step", *LayerHealth._fields]
    assert [float(line["gradient"]) for line in lines[:3]] == [1 / 3, 2.0, math.inf]
    assert history.to_csv().count("\n") == 5


def test_printed_it_is_a_table_of_the_layers():
    lines = str(made([1.0, 4.0], [0.25, 2.0])).splitlines()
    assert lines[0] == "‖gradient‖ at 2 steps, 1 to 2; shares and bars are of the latest"
    assert lines[1].split()[:5] == ["layer", "first", "latest", "smallest", "largest"]
    assert [line.split()[:5] for line in lines[2:]] == [
        ["1", "1.000000", "0.250000", "0.250000", "1.000000"],
        ["2", "4.000000", "2.000000", "2.000000", "4.000000"],
    ]
    assert repr(made([1.0, 4.0])) == "<GradientHistory of 1 step: 1: 1.000000, 2: 4.000000>"
    assert str(GradientHistory()) == "no steps"
    assert repr(GradientHistory()) == "<GradientHistory of 0 steps: nothing yet>"
    assert max(map(len, str(made([1.0] * 300)).splitlines())) <= 100


@pytest.mark.parametrize("least", [0.001, 0.000999])
def test_a_layer_vanishes_below_a_thousandth_of_the_last_one(least):
    history = made([least, 0.5, 1.0])
    vanishes = ["layer 1 vanishes in steps 1 to 1: ‖gradient‖ of layer 1 is 0.001 of that of layer 3"]
    assert history.warnings == (vanishes if least < 0.001 else [])


def test_a_layer_whose_gradient_is_0_vanishes():
    (warning,) = made([0.0, 0.0], [0.0, 0.0]).warnings
    assert warning == "layers 1, 2 vanish in steps 1 to 2: ‖gradient‖ of layer 1 is 0"
    assert made([0.0, 1.0], [1.0, 1.0], [1.0, 1.0]).warnings == [], "one batch is no trend"


@pytest.mark.parametrize("most", [1000.0, 1001.0])
def test_a_layer_explodes_above_a_thousand_times_what_the_last_one_had_at_first(most):
    history = made(*[[1.0, 1.0]] * 10, *[[most, 1.0]] * 10)
    explodes = ["layer 1 explodes in steps 11 to 20: ‖gradient‖ of layer 1 is 1e+03 times that of layer 2 at first"]
    assert history.warnings == (explodes if most > 1000 else [])


@pytest.mark.parametrize("size", [math.nan, math.inf])
def test_a_layer_whose_gradient_is_no_number_explodes(size):
    (warning,) = made([1.0, 1.0], [size, 1.0], [1.0, 1.0]).warnings
    assert warning == "layer 1 explodes in steps 1 to 3: ‖gradient‖ of layer 1 is nan or infinite"
    history = made([1.0, 1.0], [size, 1.0], *[[1.0, 1.0]] * 10)
    assert history.warnings == [warning.replace("1 to 3", "1 to 10")]


def test_a_network_that_has_learnt_does_not_vanish():
    assert made(*[[1.0, 1.0]] * 10, *[[1e-9, 1e-9]] * 10).warnings == []


def test_many_layers_are_counted():
    (warning,) = made([1e-6] * 9 + [1.0]).warnings
    assert warning.startswith("layers 1, 2, 3, 4 and 5 more vanish in steps 1 to 1: ")


def test_a_deep_network_of_sigmoids_vanishes_and_says_so_where_it_is_printed():
    rng = np.random.default_rng(0)
    net = MLP([4, *[5] * 8, 3], rng, sigmoid, standard)
    cross_entropy(net(X), Y).backward()
    history = GradientHistory()
    history.record(net)
    (warning,) = history.warnings
    assert warning.startswith("layers 1, 2, 3, 4")
    assert str(history).splitlines()[-1] == warning


def test_arrays_by_name_tell_the_same_as_tensors():
    def by_name(history, net, loss):
        history.record({w.name: (w.data, w.grad) for w in net})

    assert trained(3, by_name) == trained(3)


def test_pytorch_can_be_recorded():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; NumPy's arrays are recorded the same way")
    one, two = torch.nn.Linear(4, 6).double(), torch.nn.Linear(6, 3).double()
    net = torch.nn.Sequential(one, torch.nn.Sigmoid(), two)
    torch.nn.functional.cross_entropy(net(torch.tensor(X)), torch.tensor(Y)).backward()
    history = GradientHistory()
    history.record({name: (p, p.grad) for name, p in net.named_parameters()})
    assert [row.layer for row in history[0]] == ["0", "2"]
    for row, layer in zip(history[0], (one, two), strict=True):
        weight, gradient = (
            torch.cat([p.flatten() for p in each])
            for each in ([layer.weight.detach(), layer.bias.detach()], [layer.weight.grad, layer.bias.grad])
        )
        assert (row.weight, row.gradient) == pytest.approx((float(weight.norm()), float(gradient.norm())), rel=1e-14)


def test_jax_can_be_recorded():
    jax = pytest.importorskip("jax", reason="JAX is not installed; NumPy's arrays are recorded the same way")
    weights = {"dense/kernel": jax.numpy.ones((2, 2)), "dense/bias": jax.numpy.ones(2)}
    gradients = jax.grad(lambda w: jax.numpy.sum(w["dense/kernel"]) + jax.numpy.sum(w["dense/bias"] ** 2))(weights)
    history = GradientHistory()
    history.record({name: (weights[name], gradients[name]) for name in weights})
    (row,) = history[0]
    assert (row.layer, *row[3:]) == ("dense", 0.0, None, 0.0)
    assert (row.gradient, row.weight) == pytest.approx((math.sqrt(12), math.sqrt(6)))


def test_a_layer_may_join_later():
    history = GradientHistory()
    history.record({"head.w": (np.ones(1), np.ones(1))})
    history.record({"body.w": (np.ones(1), np.ones(1)), "head.w": (np.ones(1), np.ones(1))})
    np.testing.assert_equal(history.series(), {"head": [1.0, 1.0], "body": [np.nan, 1.0]})
    assert history.warnings == []
    assert "body" in str(history)


def test_steps_may_be_numbered_by_oneself():
    history, pair = GradientHistory(), (np.ones(1), np.ones(1))
    for step in (0, 10, None):
        history.record({"w1": pair}, step=step)
    assert history.steps == [0, 10, 11]
    with pytest.raises(ValueError, match="record: step 11 is not after step 11; give a larger number, or none"):
        history.record({"w1": pair}, step=11)


def test_what_cannot_be_recorded_is_refused_and_leaves_the_history_as_it_was():
    history, w = GradientHistory(), np.ones(2)
    with pytest.raises(TypeError, match=r"record: w1 is a ndarray; give its \(weight, gradient\)"):
        history.record({"w1": w})
    with pytest.raises(ValueError, match="w1 has no gradient; call backward on a loss that depends on it first"):
        history.record({"w1": (w, None)})
    with pytest.raises(
        ValueError, match=r"a gradient of shape \(3,\) does not fit a Tensor of shape \(2,\) named 'w1'"
    ):
        history.record({"w1": (w, np.ones(3))})
    with pytest.raises(ValueError, match="there are no parameters"):
        history.record({})
    with pytest.raises(TypeError, match="name: 1 is no text"):
        history.record({1: (w, w)})
    with pytest.raises(TypeError, match="a Tensor has no layers"):
        history.record(Tensor(1.0))
    assert len(history) == 0
    with pytest.raises(ValueError, match="series: there is no 'norm'; give one of gradient, weight, zeros, saturated"):
        history.series("norm")


def test_it_is_drawn_on_a_logarithmic_axis_above_the_shares():
    pytest.importorskip("matplotlib", reason="matplotlib, which draws, is absent")
    axes = made([1.0, 0.0], [0.5, 2.0]).plot()
    assert (axes.get_yscale(), axes.get_ylabel()) == ("log", "‖gradient‖")
    assert [line.get_label() for line in axes.get_lines()] == ["layer 1", "layer 2"]
    np.testing.assert_equal([line.get_ydata() for line in axes.get_lines()], [[1.0, 0.5], [np.nan, 2.0]])
    _, zeros = axes.figure.axes
    assert (zeros.get_ylabel(), zeros.get_xlabel()) == ("zeros, %", "step")
    np.testing.assert_equal([line.get_ydata() for line in zeros.get_lines()], [[0, 0], [100, 0]])
    below = trained(3, lambda history, net, loss: history.record(net, {"1": 0.5})).plot().figure.axes[1:]
    assert [panel.get_ylabel() for panel in below] == ["saturated, %"]
    assert trained(3).plot().get_xlabel() == "step"
    assert trained(3).plot(axes) is axes


def test_layers_without_any_gradient_beside_one_that_is_no_number_are_warned_of():
    history = GradientHistory()
    history.record({"w1": (np.ones(2), np.full(2, np.nan)), "w2": (np.ones(2), np.zeros(2))})
    vanish, explode = history.warnings
    assert vanish.startswith("layer 2 vanishes")
    assert explode.startswith("layer 1 explodes")
    assert explode.endswith("is nan or infinite")


def test_warnings_are_short_whatever_layers_are_called():
    history = GradientHistory()
    history.record({"x" * 10_000 + "\n": (np.ones(2), np.zeros(2))})
    assert len(history.warnings[0]) < 120
    assert "\n" not in history.warnings[0]


@pytest.mark.parametrize("step", [1.5, math.nan, "1"])
def test_a_step_is_a_whole_number(step):
    with pytest.raises(TypeError, match="is no whole number"):
        GradientHistory().record({"w1": (1.0, 1.0)}, step=step)


def test_a_step_may_be_numpys():
    history = GradientHistory()
    history.record({"w1": (1.0, 1.0)}, step=np.int64(7))
    assert json.loads(history.to_json())["rows"][0]["step"] == 7


def test_no_picture_of_no_steps():
    with pytest.raises(ValueError, match="the history has no steps"):
        GradientHistory().plot()


@pytest.mark.parametrize("name", ["$\\frac{$", "$", "a\r\nb", "\x00", "_x", "x" * 100_000])
@pytest.mark.filterwarnings("error")
def test_a_picture_can_be_drawn_whatever_layers_are_called(name, tmp_path):
    pytest.importorskip("matplotlib")
    history = GradientHistory()
    for _ in range(2):
        history.record({name: (np.ones(2), np.zeros(2)), f"{name}b": (np.ones(2), np.ones(2))})
    history.plot().figure.savefig(tmp_path / "history.png")
    history.norms[0].plot().figure.savefig(tmp_path / "norms.png")
