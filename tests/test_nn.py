"""Networks: initialisers against their formulas, losses against closed forms, steps against the same in plain NumPy."""

import contextlib
import io
import math
import re
import tracemalloc
import zipfile

import mpmath
import numpy as np
import pytest

from tinygrad_sig import Tensor, check_gradients, relu, sigmoid
from tinygrad_sig.nn import (
    MLP,
    SGD,
    Adam,
    Linear,
    Sequential,
    batches,
    binary_cross_entropy,
    clip_gradients,
    cross_entropy,
    glorot,
    he,
    mse,
    nielsen,
    standard,
)

X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
XOR = np.array([[0.0], [1.0], [1.0], [0.0]])


def generator(seed=0):
    return np.random.default_rng(seed)


def refused(sentence, error=ValueError):
    return pytest.raises(error, match=re.escape(sentence))


# Initialisers and layers


@pytest.mark.parametrize(
    ("initialiser", "deviation", "reach"),
    [
        (standard, 1 / math.sqrt(3 * 300), 1 / math.sqrt(300)),
        (nielsen, 1 / math.sqrt(300), None),
        (glorot, math.sqrt(2 / (300 + 200)), math.sqrt(6 / (300 + 200))),
        (he, math.sqrt(2 / 300), None),
    ],
)
def test_an_initialiser_draws_from_its_distribution(initialiser, deviation, reach):
    weight, bias = initialiser(generator(), 300, 200)
    assert weight.shape == (300, 200)
    assert bias.shape == (200,)
    assert abs(weight.mean()) < 5 * deviation / math.sqrt(weight.size)
    assert weight.std() == pytest.approx(deviation, rel=0.02)
    fourth_moment = np.mean((weight / deviation) ** 4)
    assert fourth_moment == pytest.approx(3.0 if reach is None else 1.8, rel=0.05), "normal has 3, uniform 9/5"
    if reach is not None:
        assert 0.999 * reach < np.abs(weight).max() <= reach
    if initialiser is nielsen:
        assert abs(bias.mean()) < 5 / math.sqrt(200)
        assert bias.std() == pytest.approx(1, rel=0.2)
    else:
        assert not bias.any()


@pytest.mark.parametrize("initialiser", [standard, nielsen, glorot, he])
def test_the_same_seed_makes_the_same_network(initialiser):
    one, same, other = (MLP([3, 4, 2], generator(seed), initialiser=initialiser).state() for seed in (5, 5, 6))
    assert all(np.array_equal(one[name], same[name]) for name in one)
    assert not np.array_equal(one["w1"], other["w1"])


@pytest.mark.parametrize("shape", [(3,), (5, 3), (2, 5, 3)])
def test_a_linear_layer_is_a_product_and_a_sum(shape):
    layer = Linear(3, 2, generator(), nielsen)
    x = generator(1).normal(size=shape)
    np.testing.assert_array_equal(layer(x).data, x @ layer.weight.data + layer.bias.data)
    assert [parameter.name for parameter in layer] == ["w1", "b1"]
    assert repr(layer) == "Linear(3, 2)"


def test_a_network_is_its_layers_one_after_the_other():
    first, last = Linear(2, 3, generator(), number=1), Linear(3, 1, generator(), number=2)
    net = Sequential(first, np.tanh, last)
    np.testing.assert_array_equal(net(X).data, last(np.tanh(first(X))).data)
    assert list(net) == [first.weight, first.bias, last.weight, last.bias]
    assert list(Sequential(Sequential(first, np.tanh), last)) == list(net)
    assert repr(net) == "Sequential(Linear(2, 3), tanh, Linear(3, 1))"


def test_an_mlp_has_an_activation_between_its_layers_and_none_behind_the_last():
    net = MLP([2, 5, 4, 3], generator(), activation=relu)
    assert repr(net) == "MLP(Linear(2, 5), relu, Linear(5, 4), relu, Linear(4, 3))"
    assert [parameter.name for parameter in net] == ["w1", "b1", "w2", "b2", "w3", "b3"]
    assert [parameter.shape for parameter in net] == [(2, 5), (5,), (5, 4), (4,), (4, 3), (3,)]
    assert repr(MLP([2, 1], generator(), last=sigmoid)) == "MLP(Linear(2, 1), sigmoid)"


def test_parameters_whose_names_do_not_tell_them_apart_are_refused():
    with refused("['w1', 'b1', 'w1', 'b1'] are no names that tell parameters apart; number the layers"):
        Sequential(Linear(2, 2, generator()), Linear(2, 2, generator()))
    layer = Linear(2, 2, generator())
    layer.bias.name = None
    with refused("['w1', None] are no names that tell parameters apart"):
        Sequential(layer)


@pytest.mark.parametrize("sizes", [[], [3], [3, 0, 2]])
def test_sizes_that_make_no_network_are_refused(sizes):
    with refused(f"MLP: sizes {sizes} make no network"):
        MLP(sizes, generator())


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda seed: MLP([2, 1], seed), "MLP"),
        (lambda seed: Linear(2, 1, seed), "Linear"),
        (lambda seed: next(batches(seed, 1, X)), "batches"),
    ],
)
def test_a_seed_in_place_of_a_generator_is_refused(call, name):
    with refused(f"{name}: int draws no random numbers; give np.random.default_rng(seed)", TypeError):
        call(0)


@pytest.mark.parametrize("activation", [sigmoid, np.tanh, relu])
@pytest.mark.parametrize("loss", [mse, cross_entropy, binary_cross_entropy])
def test_the_gradients_of_a_network_agree_with_finite_differences(activation, loss):
    rng = generator(3)
    net = MLP([3, 4, 2], rng, activation, nielsen)
    x = rng.normal(size=(6, 3))
    target = rng.integers(2, size=6) if loss is cross_entropy else rng.uniform(size=(6, 2))

    def of_parameters(w1, b1, w2, b2):
        return loss(activation(x @ w1 + b1) @ w2 + b2, target)

    check_gradients(of_parameters, *net.state().values(), order=1)
    loss(net(x), target).backward()
    for name, parameter in zip(net.state(), net, strict=True):
        for index in np.ndindex(parameter.shape):
            values = []
            for shift in (1e-6, -1e-6):
                moved = net.state()
                moved[name][index] += shift
                values.append(float(of_parameters(*moved.values())))
            assert parameter.grad[index] == pytest.approx((values[0] - values[1]) / 2e-6, abs=1e-8)


# Losses


def test_mse_is_the_mean_of_squares():
    output, target = Tensor([[1.0, 2.0], [3.0, 4.0]]), np.array([[0.0, 2.0], [5.0, 1.0]])
    loss = mse(output, target)
    loss.backward()
    assert loss.item() == (1 + 0 + 4 + 9) / 4
    np.testing.assert_array_equal(output.grad, (output.data - target) / 2)


def test_cross_entropy_is_minus_the_logarithm_of_softmax():
    logits, labels = Tensor(generator().normal(size=(5, 3))), np.array([0, 2, 1, 1, 0])
    loss = cross_entropy(logits, labels)
    loss.backward()
    softmax = np.exp(logits.data) / np.exp(logits.data).sum(axis=1, keepdims=True)
    assert loss.item() == pytest.approx(-np.log(softmax[np.arange(5), labels]).mean(), rel=1e-14)
    np.testing.assert_allclose(logits.grad, (softmax - np.eye(3)[labels]) / 5, rtol=1e-13)


def test_binary_cross_entropy_is_its_formula():
    logits, target = Tensor(generator().normal(size=(5, 2))), generator(1).uniform(size=(5, 2))
    loss = binary_cross_entropy(logits, target)
    loss.backward()
    share = 1 / (1 + np.exp(-logits.data))
    expected = -np.mean(target * np.log(share) + (1 - target) * np.log(1 - share))
    assert loss.item() == pytest.approx(expected, rel=1e-14)
    np.testing.assert_allclose(logits.grad, (share - target) / 10, rtol=1e-12)


def test_cross_entropy_of_two_classes_is_binary_cross_entropy_of_their_difference():
    logits, labels = generator().normal(size=(50, 2)), generator(1).integers(2, size=50)
    two = cross_entropy(logits, labels)
    assert two == pytest.approx(binary_cross_entropy(logits[:, 1] - logits[:, 0], labels), rel=1e-14)


@pytest.mark.parametrize("logit", [40.0, 700.0, 1e4, 1e300])
def test_losses_of_huge_logits_neither_overflow_nor_lose_their_size(logit):
    wrong = Tensor([[logit, -logit]])
    cross_entropy(wrong, [1]).backward()
    assert cross_entropy(wrong, [1]).item() == pytest.approx(2 * logit, rel=1e-15)
    np.testing.assert_allclose(wrong.grad, [[1, -1]])
    assert cross_entropy(wrong, [0]).item() == pytest.approx(math.exp(-2 * logit), rel=1e-13, abs=0)
    assert binary_cross_entropy(wrong, [[0, 1]]).item() == logit
    assert binary_cross_entropy(wrong, [[1, 0]]).item() == pytest.approx(math.exp(-logit), rel=1e-13, abs=0)


@pytest.mark.parametrize("logit", [1.0, 30.0, 40.0, 200.0, 700.0])
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_the_gradient_of_binary_cross_entropy_is_not_lost_where_the_answer_is_right(logit, target):
    t = Tensor([logit if target else -logit])
    binary_cross_entropy(t, [target]).backward()
    expected = float(mpmath.exp(-logit) / (1 + mpmath.exp(-logit)))
    assert t.grad[0] == pytest.approx(-expected if target else expected, rel=1e-14, abs=0)


@pytest.mark.parametrize("loss", [mse, binary_cross_entropy])
@pytest.mark.parametrize(("one", "other"), [((4, 1), (4,)), ((4,), (4, 1)), ((4,), ()), ((2, 3), (3,))])
def test_shapes_that_would_broadcast_are_refused(loss, one, other):
    with refused(f"{loss.__name__}: shapes {one} and {other} differ; reshape one of them"):
        loss(Tensor(np.ones(one)), np.ones(other))


@pytest.mark.parametrize(
    "labels", [[0.0, 1.0], [True, False], [[0], [1]], [0, 1, 1], [0], 0, np.eye(2, dtype=int)], ids=str
)
def test_labels_that_are_not_one_whole_number_for_each_row_are_refused(labels):
    with refused("do not fit logits of shape (2, 2); give one whole number for each row"):
        cross_entropy(Tensor(np.zeros((2, 2))), labels)


@pytest.mark.parametrize("shape", [(), (2,), (2, 2, 2)])
def test_logits_that_are_no_table_are_refused(shape):
    with refused(f"do not fit logits of shape {shape}"):
        cross_entropy(Tensor(np.zeros(shape)), np.zeros(shape[:1], int))


@pytest.mark.parametrize("labels", [[0, 3], [-1, 0]])
def test_labels_beyond_the_classes_are_refused(labels):
    with refused("cross_entropy: labels go beyond the 3 classes; count them from 0"):
        cross_entropy(Tensor(np.zeros((2, 3))), labels)


# Optimisers


def quadratic(w, b):
    """A loss whose gradient differs from step to step, and that gradient in plain NumPy."""
    c = np.array([[1.0, -2.0, 3.0], [0.5, 0.0, -1.0]])
    return np.sum((w * c + b) ** 2), lambda w, b: (2 * c * (w * c + b), np.sum(2 * (w * c + b), axis=0))


def two_parameters():
    return Tensor(generator().normal(size=(2, 3)), name="w"), Tensor(generator(1).normal(size=3), name="b")


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_sgd_takes_the_steps_that_its_formula_says(momentum):
    w, b = two_parameters()
    values = [w.numpy(), b.numpy()]
    velocities = [np.zeros((2, 3)), np.zeros(3)]
    optimiser = SGD([w, b], 0.01, momentum) if momentum else SGD([w, b], 0.01)
    for _ in range(10):
        loss, gradients = quadratic(w, b)
        loss.backward()
        optimiser.step()
        for i, gradient in enumerate(gradients(*values)):
            velocities[i] = momentum * velocities[i] + gradient
        values = [value - 0.01 * velocity for value, velocity in zip(values, velocities, strict=True)]
        np.testing.assert_allclose(w.data, values[0], rtol=1e-12)
        np.testing.assert_allclose(b.data, values[1], rtol=1e-12)
        assert w.grad is b.grad is None


def test_adam_takes_the_steps_that_its_formula_says():
    w, b = two_parameters()
    values = [w.numpy(), b.numpy()]
    m, v = [np.zeros((2, 3)), np.zeros(3)], [np.zeros((2, 3)), np.zeros(3)]
    optimiser = Adam([w, b], rate=0.1, betas=(0.8, 0.95))
    for t in range(1, 11):
        loss, gradients = quadratic(w, b)
        loss.backward()
        optimiser.step()
        for i, gradient in enumerate(gradients(*values)):
            m[i] = 0.8 * m[i] + 0.2 * gradient
            v[i] = 0.95 * v[i] + 0.05 * gradient * gradient
            values[i] = values[i] - 0.1 * (m[i] / (1 - 0.8**t)) / (np.sqrt(v[i] / (1 - 0.95**t)) + 1e-8)
        np.testing.assert_allclose(w.data, values[0], rtol=1e-12)
        np.testing.assert_allclose(b.data, values[1], rtol=1e-12)


def test_the_first_step_of_adam_is_as_long_as_the_rate_whatever_the_gradient():
    w = Tensor([1.0, 1.0, 1.0])
    np.sum(w * [1e-3, -1.0, 1e3]).backward()
    Adam([w], rate=0.1).step()
    np.testing.assert_allclose(w.data, [0.9, 1.1, 0.9], rtol=1e-5)


@pytest.mark.parametrize("optimiser", [SGD, Adam])
def test_a_parameter_without_a_gradient_is_refused_before_any_has_changed(optimiser):
    w, b = two_parameters()
    before, (loss, _) = w.numpy(), quadratic(w, 1.0)
    steps = optimiser([w, b], 0.1)
    loss.backward()
    with refused("step: b has no gradient; call backward on a loss that depends on it first"):
        steps.step()
    np.testing.assert_array_equal(w.data, before)
    assert w.grad is not None

    with refused("step: a parameter has no gradient"):
        optimiser([Tensor(1.0)], 0.1).step()


def misfit(b):
    b.grad = np.ones((3, 1))


def one_for_all(b):
    b.grad = np.ones(1)


def complex_numbers(b):
    b.grad = np.ones(3) * 1j


@pytest.mark.parametrize(
    ("damage", "error", "sentence"),
    [
        (misfit, ValueError, "step: a gradient of shape (3, 1) does not fit a Tensor of shape (3,) named 'b'"),
        (one_for_all, ValueError, "step: a gradient of shape (1,) does not fit a Tensor of shape (3,) named 'b'"),
        (complex_numbers, TypeError, "step: complex128 data has no gradient"),
    ],
)
@pytest.mark.parametrize("optimiser", [lambda ps: SGD(ps, 0.1, 0.9), Adam], ids=["SGD", "Adam"])
def test_a_step_is_taken_by_all_parameters_or_by_none_and_one_refused_is_no_step(optimiser, damage, error, sentence):
    (w, b), (v, c) = two_parameters(), two_parameters()
    steps, others = optimiser([w, b]), optimiser([v, c])
    for parameters, taken in (((w, b), steps), ((v, c), others)):
        quadratic(*parameters)[0].backward()
        taken.step()
        quadratic(*parameters)[0].backward()
    before, gradients = (w.data, b.data), (w.grad, b.grad)
    damage(b)
    with refused(sentence, error):
        steps.step()
    assert w.grad is gradients[0]
    for parameter, data in zip((w, b), before, strict=True):
        np.testing.assert_array_equal(parameter.data, data)
    b.grad = gradients[1]
    steps.step()
    others.step()
    np.testing.assert_array_equal(w.data, v.data)
    np.testing.assert_array_equal(b.data, c.data)


@pytest.mark.parametrize("optimiser", [SGD, Adam])
def test_a_step_that_overflows_for_one_parameter_changes_none_where_numpy_is_to_raise(optimiser):
    w, b = with_gradients(np.array([1.0, 2.0]), np.array([-1.0], np.float16))
    b.data = [6e4]
    steps = optimiser([w, b], 6e4)
    before = list(steps.memory)
    with np.errstate(over="raise"), pytest.raises(FloatingPointError):
        steps.step()
    np.testing.assert_array_equal(w.data, [0, 0])
    assert (b.data, steps.steps, steps.memory) == (6e4, 0, before)


@pytest.mark.parametrize("optimiser", [SGD, Adam])
def test_what_cannot_be_trained_is_refused(optimiser):
    with refused(f"{optimiser.__name__}: there are no parameters; give a network, or a list of Tensors"):
        optimiser([], 0.1)
    with refused(f"{optimiser.__name__}: computed tensors cannot be trained; give the parameters of a network"):
        optimiser([Tensor(1.0), 2 * Tensor(1.0)], 0.1)


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        ([1.0], "float"),
        ([Tensor(1.0), np.ones(2)], "ndarray"),
        ({"w": Tensor(1.0)}, "dict"),
        (Tensor([1.0, 2.0]), "Tensor"),
        (Tensor(1.0), "Tensor"),
        (None, "NoneType"),
        ("net", "str"),
    ],
    ids=str,
)
@pytest.mark.parametrize("taker", [SGD, Adam, clip_gradients])
def test_what_is_no_list_of_tensors_is_refused_by_its_name(taker, given, kind):
    with refused(f"{taker.__name__}: parameters are no {kind}; give a network, or a list of Tensors", TypeError):
        taker(given, 0.1)


def test_a_parameter_that_is_given_twice_takes_one_step():
    w = Tensor(1.0)
    (3 * w).backward()
    SGD([w, w], 0.1).step()
    assert w.item() == pytest.approx(0.7)


def test_gradients_that_have_a_graph_are_taken_without_it():
    w = Tensor([1.0, 2.0])
    optimiser = SGD([w], 0.1, momentum=0.5)
    for _ in range(2):
        np.sum(w**2).backward(create_graph=True)
        optimiser.step()
    np.testing.assert_allclose(w.data, [0.54, 1.08])
    assert isinstance(optimiser.memory[0], np.ndarray)


@pytest.mark.parametrize("dtype", [np.float32, np.longdouble])
@pytest.mark.parametrize("optimiser", [SGD, Adam])
@pytest.mark.parametrize("rate", [0.1, np.float64(0.1)], ids=["float", "float64"])
def test_parameters_keep_their_dtype_through_training(dtype, optimiser, rate):
    net = MLP([2, 4, 1], generator(), initialiser=lambda *sizes: [part.astype(dtype) for part in nielsen(*sizes)])
    steps = optimiser(net, rate)
    for _ in range(3):
        loss = mse(net(X.astype(dtype)), XOR.astype(dtype))
        loss.backward()
        assert loss.dtype == dtype
        steps.step()
    assert {parameter.dtype for parameter in net} == {np.dtype(dtype)}


# Clipping


def with_gradients(*gradients):
    parameters = [Tensor(np.zeros_like(gradient)) for gradient in gradients]
    for parameter, gradient in zip(parameters, gradients, strict=True):
        parameter.grad = gradient
    return parameters


def test_clipping_scales_all_gradients_by_one_factor_to_the_norm_and_returns_the_one_it_found():
    rng = generator()
    gradients = [rng.normal(size=(3, 4)), rng.normal(size=5), np.float64(2.0)]
    found = math.hypot(*(x for gradient in gradients for x in np.ravel(gradient)))
    parameters = with_gradients(*gradients)
    assert clip_gradients(parameters, 0.5) == pytest.approx(found, rel=1e-15)
    for parameter, gradient in zip(parameters, gradients, strict=True):
        np.testing.assert_allclose(parameter.grad, gradient * (0.5 / found), rtol=1e-15)
    assert clip_gradients(parameters, 1.0) == pytest.approx(0.5, rel=1e-15)


def test_clipping_leaves_gradients_alone_that_are_short_enough():
    gradients = np.array([3.0, 4.0]), np.zeros(2)
    parameters = with_gradients(*gradients)
    for norm in (5.0, 6.0, math.inf):
        assert clip_gradients(parameters, norm) == 5.0
        assert [parameter.grad for parameter in parameters] == [*map(pytest.approx, gradients)]
    assert clip_gradients(with_gradients(np.zeros(3)), 1.0) == 0


def test_clipping_replaces_a_gradient_and_writes_into_none():
    gradient = np.array([3.0, 4.0])
    (w,) = with_gradients(gradient)
    clip_gradients(iter([w, w]), 1.0)
    np.testing.assert_allclose(w.grad, [0.6, 0.8], rtol=1e-15)
    np.testing.assert_array_equal(gradient, [3, 4])
    assert not w.grad.flags.writeable


@pytest.mark.parametrize(
    ("dtype", "size"),
    [
        (np.float16, 6e4),
        (np.float16, 1e-7),
        (np.float32, 1e38),
        (np.float32, 1e-44),
        (np.float64, 1e307),
        (np.float64, 1e-310),
        (np.longdouble, 1e300),
    ],
)
def test_clipping_loses_nothing_where_the_squares_leave_the_range(dtype, size):
    gradients = [np.array([size, -size], dtype), np.array(size, dtype)[()]]
    exact = float(gradients[1])
    for norm in (1.0, exact / 8):
        w, b = with_gradients(*gradients)
        found = clip_gradients([w, b], norm)
        assert found == pytest.approx(math.sqrt(3) * exact, rel=1e-14)
        left = min(norm, found) / math.sqrt(3)
        tolerance = max(2 * max(float(np.finfo(dtype).eps), 1e-16) * left, float(np.finfo(dtype).smallest_subnormal))
        np.testing.assert_allclose([*w.grad, b.grad], [left, -left, left], rtol=0, atol=tolerance)
        assert w.grad.dtype == b.grad.dtype == dtype


def test_clipping_takes_networks_and_gradients_of_several_dtypes_and_with_graphs():
    net = MLP([2, 3, 1], generator())
    mse(net(X), XOR).backward(create_graph=True)
    found = math.sqrt(sum(float(np.sum(parameter.grad.data**2)) for parameter in net))
    assert clip_gradients(net, found / 2) == pytest.approx(found, rel=1e-14)
    assert math.sqrt(sum(np.sum(parameter.grad**2) for parameter in net)) == pytest.approx(found / 2)
    narrow, wide = with_gradients(np.array([3e4], np.float16), np.array([4e4]))
    assert clip_gradients([narrow, wide], 5.0) == 5e4
    assert (narrow.grad, wide.grad) == (3, pytest.approx(4))
    assert narrow.grad.dtype == np.float16


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("norm", [1.0, math.inf])
def test_clipping_refuses_a_norm_that_no_factor_brings_down_and_changes_nothing(bad, norm):
    gradients = np.array([3.0, 4.0]), np.array([1.0, bad])
    parameters = with_gradients(*gradients)
    with refused(f"clip_gradients: the norm is {abs(bad)}; look with gradient_norms for the layer that it is from"):
        clip_gradients(parameters, norm)
    assert [parameter.grad for parameter in parameters] == [gradients[0], pytest.approx(gradients[1], nan_ok=True)]


@pytest.mark.parametrize("norm", [0, -1.0, math.nan])
def test_clipping_to_a_norm_that_leaves_nothing_is_refused(norm):
    with refused(f"clip_gradients: a norm of {norm} leaves no gradient; give one above 0"):
        clip_gradients(with_gradients(np.ones(2)), norm)


def test_clipping_refuses_a_missing_gradient_as_a_step_does_before_any_has_changed():
    (w,), b = with_gradients(np.array([3.0, 4.0])), Tensor(1.0, name="b")
    with refused("clip_gradients: b has no gradient; call backward on a loss that depends on it first"):
        clip_gradients([w, b], 1.0)
    np.testing.assert_array_equal(w.grad, [3, 4])


# Training


@pytest.mark.parametrize(
    ("activation", "optimiser", "loss"),
    [
        (np.tanh, lambda net: SGD(net, 0.5, momentum=0.9), binary_cross_entropy),
        (sigmoid, lambda net: Adam(net, 0.1), binary_cross_entropy),
        (np.tanh, lambda net: Adam(net, 0.1), mse),
    ],
    ids=["SGD", "Adam", "mse"],
)
def test_a_network_learns_xor(activation, optimiser, loss):
    net = MLP([2, 8, 1], generator(), activation)
    steps = optimiser(net)
    for _ in range(200):
        loss(net(X), XOR).backward()
        steps.step()
    assert loss(net(X), XOR).item() < 0.05
    np.testing.assert_array_equal(net(X).data > (0.5 if loss is mse else 0), XOR > 0.5)


def test_training_holds_no_more_memory_after_many_steps_than_after_few():
    net = MLP([2, 8, 1], generator())
    optimiser = Adam(net, 0.01)

    def held(steps):
        for _ in range(steps):
            mse(net(X), XOR).backward()
            optimiser.step()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    try:
        held(20)
        few = held(20)
        assert held(200) - few < 100_000, "the graphs of all these steps hold more, the free lists less"
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("rows", "size"), [(10, 3), (9, 3), (2, 5), (1, 1), (0, 4)])
def test_batches_give_every_row_once_and_all_arrays_in_one_order(rows, size):
    inputs, labels = np.arange(2 * rows).reshape(rows, 2), np.arange(rows)
    parts = list(batches(generator(), size, inputs, labels))
    assert [len(part) for _, part in parts] == [size] * (rows // size) + [rows % size] * (rows % size > 0)
    assert sorted(label for _, part in parts for label in part) == list(labels)
    for images, part in parts:
        np.testing.assert_array_equal(images, np.stack([2 * part, 2 * part + 1], axis=1))


def test_batches_come_in_the_order_of_the_seed_and_another_one_each_time():
    rng = generator(4)
    first, second = (np.concatenate([rows for (rows,) in batches(rng, 7, np.arange(50))]) for _ in range(2))
    again = np.concatenate([rows for (rows,) in batches(generator(4), 7, np.arange(50))])
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, second)
    assert not np.array_equal(first, np.arange(50))


@pytest.mark.parametrize(("size", "lengths"), [(0, [3]), (-1, [3, 3]), (2, [3, 4]), (2, [])])
def test_batches_that_cannot_be_made_are_refused(size, lengths):
    with refused(f"batches: there are no {size} at a time of {lengths} rows; give a size, and equal lengths"):
        next(batches(generator(), size, *map(np.zeros, lengths)))


# State


def test_what_is_saved_is_loaded_bit_for_bit(tmp_path):
    net, other = MLP([3, 4, 2], generator(), initialiser=nielsen), MLP([3, 4, 2], generator(1), initialiser=nielsen)
    path = tmp_path / "net.npz"
    net.save(path)
    other.load(str(path))
    for one, same in zip(net, other, strict=True):
        np.testing.assert_array_equal(one.data, same.data)
    with np.load(path) as state:
        assert list(state) == ["w1", "b1", "w2", "b2"]
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]


def test_a_state_is_a_copy_and_loading_keeps_the_dtype_of_the_network():
    net = MLP([2, 1], generator())
    state = net.state()
    state["w1"][:] = 7
    assert not np.any(net.state()["w1"] == 7)
    net.load_state(state)
    state["w1"][:] = 8
    assert np.all(net.state()["w1"] == 7)
    narrow = MLP([2, 1], generator(), initialiser=lambda *sizes: [a.astype(np.float32) for a in glorot(*sizes)])
    narrow.load_state(state)
    assert {parameter.dtype for parameter in narrow} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("change", "error", "sentence"),
    [
        ({"b2": None}, ValueError, "load_state: the state lacks ['b2']; load it into the network that it was saved"),
        ({"w3": 1.0}, ValueError, "load_state: the state has ['w3'], which the network lacks; load it into the"),
        ({"b2": np.ones((1, 2))}, ValueError, "load_state: b2 has shape (1, 2) in the state and (2,) in the network"),
        ({"b2": 1.0}, ValueError, "load_state: b2 has shape () in the state and (2,) in the network"),
        ({"b2": np.array(["a", "b"])}, TypeError, "<U1 data"),
        ({"b2": np.array([1j, 2])}, TypeError, "complex128 data"),
        ({"b2": [[1.0], [1.0, 2.0]]}, ValueError, "give rows of equal length"),
    ],
)
def test_a_state_that_does_not_fit_is_refused_and_nothing_is_changed(change, error, sentence, tmp_path):
    net = MLP([3, 4, 2], generator())
    before = net.state()
    state = {name: value + 1 for name, value in before.items()} | change
    state = {name: value for name, value in state.items() if value is not None}
    with refused(sentence, error):
        net.load_state(state)
    if not isinstance(change.get("b2"), list):
        np.savez(tmp_path / "state.npz", **state)
        with refused(sentence, error):
            net.load(tmp_path / "state.npz")
    for name, value in net.state().items():
        np.testing.assert_array_equal(value, before[name])


@pytest.mark.parametrize(
    "state", [None, 3, [("w1", 1.0)], "w1", np.ones(2)], ids=["None", "int", "list", "str", "array"]
)
def test_a_state_that_is_no_dict_is_refused(state):
    sentence = f"load_state: {type(state).__name__} is no state; give the dict that state() returned"
    with refused(sentence, TypeError):
        MLP([2, 1], generator()).load_state(state)


@pytest.mark.parametrize("number", [1e300, -3.5e38, np.longdouble(1e300)])
def test_a_state_too_large_for_the_dtype_of_the_network_is_refused_and_nothing_is_changed(number):
    net = MLP([2, 1], generator(), initialiser=lambda *sizes: [part.astype(np.float32) for part in glorot(*sizes)])
    before = net.state()
    with refused("load_state: b1 has numbers too large for float32; load it into the network that it was saved from"):
        net.load_state({"w1": np.ones((2, 1)), "b1": [number]})
    for name, value in net.state().items():
        np.testing.assert_array_equal(value, before[name])
    net.load_state({"w1": [[math.inf], [math.nan]], "b1": [1e-300]})
    np.testing.assert_array_equal(net.state()["w1"], [[math.inf], [math.nan]]), "what was no number before, may be none"


@pytest.mark.parametrize("content", [b"junk", b"", b"PK\x03\x04junk", None])
def test_a_file_that_is_no_state_is_refused_and_nothing_changes(tmp_path, content):
    path = tmp_path / "state.npz"
    if content is None:
        with open(path, "wb") as file:
            np.save(file, np.ones(3))
    else:
        path.write_bytes(content)
    net = MLP([2, 1], np.random.default_rng(0))
    before = net.state()
    with pytest.raises(ValueError, match=r"is no \.npz file of arrays"):
        net.load(path)
    assert all((net.state()[name] == before[name]).all() for name in before)


def zipped(content, compression=zipfile.ZIP_STORED, names=("w1", "b1")):
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", compression) as file:
        for name in names:
            file.writestr(f"{name}.npy", content)
    return bytearray(archive.getvalue())


def npy(shape, descr="<f8", data=b"\0" * 8, version=b"\1\0"):
    header = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}\n".encode()
    return b"\x93NUMPY" + version + len(header).to_bytes(2, "little") + header + data


def changed(content, signature, offset, value):
    """The archive with one number changed in each of its headers of this signature."""
    place = content.find(signature)
    while place >= 0:
        content[place + offset : place + offset + len(value)] = value
        place = content.find(signature, place + 1)
    return content


LOCAL, CENTRAL = b"PK\x03\x04", b"PK\x01\x02"
NOISE = bytes(generator().integers(256, size=500, dtype=np.uint8))
DAMAGED = {
    "deflate": changed(zipped(bytes(2000), zipfile.ZIP_DEFLATED), b"\0\0w1.npy", 8, NOISE[:10]),
    "bzip2": changed(zipped(NOISE, zipfile.ZIP_BZIP2), b"w1.npy", 8, NOISE[:60]),
    "lzma": changed(zipped(NOISE, zipfile.ZIP_LZMA), b"w1.npy", 8, NOISE[:60]),
    "method": changed(changed(zipped(npy((1,))), LOCAL, 8, b"\x63"), CENTRAL, 10, b"\x63"),
    "encrypted": changed(changed(zipped(npy((1,))), LOCAL, 6, b"\x01"), CENTRAL, 8, b"\x01"),
    "length": changed(zipped(npy((1,))), CENTRAL, 20, b"\xf0\xff\xff\xff" * 2),
    "checksum": changed(zipped(npy((1,))), b"NUMPY", 70, b"\1"),
    "no array": zipped(NOISE),
    "empty": zipped(b""),
    "8 TB": zipped(npy((10**12,))),
    "beyond any memory": zipped(npy((10**30,))),
    "overflow": zipped(npy((2**32, 2**32))),
    "negative": zipped(npy((-2, 3))),
    "short": zipped(npy((2,))),
    "objects": zipped(npy((1,), "|O")),
    "hidden objects": zipped(npy((1,), [("a", "|O")])),
    "no dtype": zipped(npy((1,), "nonsense")),
    "no header": zipped(npy("(")),
    "nested header": zipped(b"\x93NUMPY\1\0" + (9000).to_bytes(2, "little") + b"(" * 9000),
    "open text": zipped(b"\x93NUMPY\1\0" + (4).to_bytes(2, "little") + b"'" * 3 + b"\n"),
    "version": zipped(npy((1,), version=b"\7\0")),
}


@pytest.mark.parametrize("content", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_gives_one_error_allocates_nothing_and_changes_nothing(content, tmp_path):
    path, net = tmp_path / "state.npz", MLP([2, 1], generator())
    path.write_bytes(content)
    before = net.state()
    tracemalloc.start()
    try:
        with refused(f"load: {path} is no .npz file of arrays; give one that save wrote"):
            net.load(path)
        assert tracemalloc.get_traced_memory()[1] < 20_000_000
    finally:
        tracemalloc.stop()
    for name, value in net.state().items():
        np.testing.assert_array_equal(value, before[name])


def test_a_file_of_which_any_byte_is_changed_or_the_end_is_cut_off_is_loaded_whole_or_refused(tmp_path):
    net, path = Sequential(Linear(1, 1, generator())), tmp_path / "state.npz"
    net.save(path)
    content, before = path.read_bytes(), net.state()
    rng = generator()
    for i in range(len(content)):
        path.write_bytes(content[:i] + (b"" if i % 2 else bytes([rng.integers(256)]) + content[i + 1 :]))
        with contextlib.suppress(ValueError):
            net.load(path)
        assert net.state() == before


def test_a_compressed_file_and_one_in_the_order_of_columns_are_loaded(tmp_path):
    net = MLP([3, 4, 2], generator())
    state = {name: np.asfortranarray(value + 1, ">f4") for name, value in net.state().items()}
    np.savez_compressed(tmp_path / "state.npz", **state)
    net.load(tmp_path / "state.npz")
    for name, value in net.state().items():
        np.testing.assert_array_equal(value, state[name])


def test_a_file_that_is_not_there_is_missing_and_not_damaged(tmp_path):
    with pytest.raises(FileNotFoundError):
        MLP([2, 1], generator()).load(tmp_path / "state.npz")


def test_parameters_may_have_any_name(tmp_path):
    net = Sequential(Linear(1, 1, np.random.default_rng(0)))
    for parameter, name in zip(net, ("file", "allow_pickle"), strict=True):
        parameter.name = name
    net.save(tmp_path / "state.npz")
    other = net.state()
    net.load(tmp_path / "state.npz")
    assert net.state() == other


def test_adam_takes_float16():
    w = Tensor(np.array([1.0, 2.0], np.float16), name="w")
    optimiser = Adam([w], rate=0.1)
    (w[:1] * 3).sum().backward()
    optimiser.step()
    np.testing.assert_allclose(w.data, [0.9, 2.0], rtol=1e-3)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda p: SGD([p], Tensor(0.1)), TypeError, "SGD: its rate is a Tensor; give a number"),
        (lambda p: Adam([p], None), TypeError, "Adam: its rate is a NoneType; give a number"),
        (lambda p: SGD([p], 0.1, momentum="x"), TypeError, "SGD: its momentum is a str; give a number"),
        (lambda p: Adam([p], betas=(1,)), ValueError, "Adam: betas (1,) weigh no means; give two numbers from 0"),
        (lambda p: Adam([p], betas=(0.9, 1)), ValueError, "Adam: betas (0.9, 1) weigh no means; give two numbers"),
        (lambda p: clip_gradients([p], "a"), TypeError, "clip_gradients: its norm is a str; give a number"),
        (lambda p: MLP(3, generator()), ValueError, "MLP: sizes [3] make no network"),
        (lambda p: MLP("23", generator()), ValueError, "MLP: sizes ['2', '3'] make no network"),
        (lambda p: MLP([2.5, 1], generator()), ValueError, "MLP: sizes [2.5, 1] make no network"),
        (lambda p: Sequential([relu]), TypeError, "Sequential: list is no layer; give functions, one after the other"),
        (lambda p: list(batches(generator(), "a", X)), ValueError, "batches: there are no a at a time"),
    ],
)
def test_what_is_no_number_and_no_layer_is_refused_where_it_is_given(make, error, message):
    with refused(message, error):
        make(Tensor(1.0))
