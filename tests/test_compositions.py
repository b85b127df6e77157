"""What is written in other functions, against what it replaces: NumPy's own results, and derivatives by differences.

A composition is tested the day it is added: CALLS must hold calls of it. Its values are compared with NumPy's, its
first and second derivatives, in both modes, with finite differences by `check_gradients`.
"""

from inspect import signature
from warnings import catch_warnings, simplefilter

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import elementwise_grad
from autograd.scipy.special import logsumexp as autograd_logsumexp

from tinygrad_sig import (
    Tensor,
    check_gradients,
    elu,
    gelu,
    grad,
    hessian,
    leaky_relu,
    log_sigmoid,
    log_softmax,
    logit,
    logsumexp,
    relu,
    sigmoid,
    silu,
    softmax,
    softplus,
    value_and_grad,
)
from tinygrad_sig.calculus.compositions import COMPOSED
from tinygrad_sig.calculus.functions import projected
from tinygrad_sig.engine.backward import walk

rng = np.random.default_rng(20231208)
# A vector, a row, a matrix, a square one, a cube, a batch, a number, nothing.
V, R, M, S = (rng.normal(size=shape) for shape in ((2,), (1, 2), (3, 2), (3, 3)))
C, B, N, E = rng.normal(size=(2, 3, 2)), rng.normal(size=(2, 2, 3)), np.float64(1.7), np.zeros((0, 3))
FLAGS = (False, True)
AXES = (None, 0, -1, (0, 2), (-1, 1), ())


def call(*args, **kwargs):
    return args, kwargs


def einsum(subscripts, *shapes, **kwargs):
    return (subscripts, *(rng.normal(size=shape) for shape in shapes)), kwargs


REDUCTIONS = [call(C, axis=a, keepdims=k) for a in AXES for k in FLAGS]
REDUCTIONS += [call(V), call(M, 1), call(N)]

# fmt: off
# The formatter would break the columns: the function, and how it is called.
CALLS = {
    projected:      [call(M, M[::-1], axis=a) for a in (None, 0, -1)],
    np.linalg.norm: [call(V), call(M), call(C), call(C, axis=(0, 2)), call(M, "fro"), call(N),
                     *(call(M, o, a, k) for o in (None, 1, 2, np.inf, -np.inf) for a in (0, -1) for k in FLAGS),
                     *(call(V, ord=o) for o in (1, 2, np.inf, -np.inf)), call(M, keepdims=True),
                     call(M, axis=(-1, 0), keepdims=True)],
    np.clip:        [call(M, -0.5, 0.5), call(M, None, 0.3), call(M, 0.1, None), call(N, 0, 1),
                     *([call(M, max=R), call(M, min=-0.2, max=R)] if "min" in signature(np.clip).parameters else [])],
    np.dot:         [call(V, V), call(M, V), call(S, M), call(C, V), call(C, B),
                     call(N, M), call(M, N), call(V, B), call(M, B)],
    np.inner:       [call(V, V), call(M, V), call(M, C), call(N, V), call(S, S)],
    np.outer:       [call(V, V), call(M, V), call(N, V), call(S, E)],
    np.tensordot:   [call(C, B, 0), call(S, M, 1), call(C, B, ((1, 2), (2, 1))), call(M, M),
                     call(C, M, ([-1], [1])), call(C, C, 3), call(C, V, (-1, 0)), call(E, E, (0, 0))],
    np.einsum:      [einsum("ij,jk", (2, 3), (3, 4)), einsum("ba", (2, 3)), einsum("ii", (3, 3)),
                     einsum("i,i", (3,), (3,)), einsum("ij , jk -> ik", (2, 3), (3, 2)), einsum(" i j -> j ", (2, 3)),
                     einsum("ij->", (2, 3)),
                     einsum("...ij,...jk", (2, 1, 2, 3), (3, 3, 2)), einsum("...ij,jk->...ik", (2, 2, 3), (3, 2)),
                     einsum("i...->...", (2, 3, 4)), einsum("i...", (2, 3)), einsum("...", (2, 3)),
                     einsum("...,...", (3,), (2, 3)), einsum("ii->i", (3, 3)), einsum("iij->j", (3, 3, 2)),
                     einsum("...ii->...i", (2, 3, 3)), einsum("ii...", (2, 2, 3)), einsum("ij,ij->ij", (2, 3), (1, 3)),
                     einsum("ij,ij->j", (2, 1), (2, 3)), einsum("Ab,bA->bA", (2, 3), (3, 2)),
                     einsum("...A,A", (2, 3), (3,)), einsum("ij,jk,kl->il", (2, 3), (3, 4), (4, 2)),
                     einsum(",i->i", (), (3,)), einsum("ij,jk,k", (2, 3), (3, 4), (4,), optimize=True),
                     einsum("i,j,k", (2,), (3,), (2,)), einsum("->", ()), einsum("ij,jk->ik", (2, 0), (0, 3)),
                     einsum("ij->i", (0, 3))],
}
# fmt: on

HERE = [f for f in COMPOSED if f in CALLS]  # The others have tests of their own.
CASES = [pytest.param(f, *given, id=f"{f.__name__}-{k}") for f in HERE for k, given in enumerate(CALLS.get(f, ()))]


def is_floating(value):
    return isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f"


def with_arrays(value, make):
    """The same arguments with their floating arrays replaced."""
    if isinstance(value, list | tuple):
        return type(value)(with_arrays(v, make) for v in value)
    return make(value) if is_floating(value) else value


@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_shapes_and_dtypes_are_numpys(function, args, kwargs, dtype):
    args = with_arrays(args, lambda a: a.astype(dtype))
    kwargs = {key: with_arrays(value, lambda a: a.astype(dtype)) for key, value in kwargs.items()}
    expected = function(*args, **kwargs)
    y = function(*with_arrays(args, Tensor), **kwargs)
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(y.data, expected, rtol=20 * eps, atol=20 * eps)
    assert y.requires_grad


@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
def test_gradients_have_the_dtype_of_what_they_belong_to(function, args, kwargs):
    leaves = []

    def leaf(value):
        leaves.append(Tensor(value.astype(np.float32)))
        return leaves[-1]

    y = function(*with_arrays(args, leaf), **kwargs)
    gradients = walk(y, np.ones(y.shape, y.dtype)[()])
    for x in leaves:
        assert (gradients[x].shape, gradients[x].dtype) == (x.shape, np.float32)


@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
def test_derivatives_are_those_of_differences(function, args, kwargs):
    arrays = []
    with_arrays(args, lambda a: arrays.append(a) or a)

    def of(*tensors):
        given = iter(tensors)
        return function(*with_arrays(args, lambda _: next(given)), **kwargs)

    check_gradients(of, *arrays, modes=("reverse",))


@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
def test_what_is_constant_gives_plain_gradients_to_the_rest(function, args, kwargs):
    """Only the first array is a Tensor, the others are as NumPy knows them."""
    first = []

    def leaf(value):
        if first:
            return value
        first.append(Tensor(value))
        return first[0]

    y = function(*with_arrays(args, leaf), **kwargs)
    gradient = walk(y, np.ones(y.shape)[()])[first[0]]
    assert isinstance(gradient, np.ndarray | np.float64)


# The functions that NumPy lacks, as one would write them for autograd, for numbers that are neither large nor small.
CLOSED = {
    sigmoid: lambda x: 1 / (1 + anp.exp(-x)),
    logit: lambda x: anp.log(x / (1 - x)),
    relu: lambda x: anp.where(x > 0, x, 0),
    softplus: lambda x: anp.log(1 + anp.exp(x)),
    log_sigmoid: lambda x: -anp.log(1 + anp.exp(-x)),
    leaky_relu: lambda x: anp.where(x > 0, x, 0.01 * x),
    elu: lambda x: anp.where(x > 0, x, anp.exp(x) - 1),
    gelu: lambda x: x / 2 * (1 + anp.tanh(anp.sqrt(2 / anp.pi) * (x + 0.044715 * x**3))),
    silu: lambda x: x / (1 + anp.exp(-x)),
    softmax: lambda x, axis=-1: anp.exp(x) / anp.sum(anp.exp(x), axis=axis, keepdims=True),
    log_softmax: lambda x, axis=-1: x - autograd_logsumexp(x, axis=axis, keepdims=True),
    logsumexp: autograd_logsumexp,
}
OVER_AXES = [f for f in CLOSED if f in (softmax, log_softmax, logsumexp)]
ELEMENTWISE = [f for f in CLOSED if f not in OVER_AXES]
SHAPES = [(), (3,), (2, 3), (2, 1, 3), (0,), (2, 0)]
WAYS = [(f, shape, {}) for f in ELEMENTWISE for shape in SHAPES]
WAYS += [(leaky_relu, (2, 3), {"slope": 0.25}), (elu, (2, 3), {"alpha": 0.5})]
WAYS += [
    (f, shape, {"axis": a}) for f in OVER_AXES for shape, a in (((3,), 0), ((2, 3), 0), ((2, 3), -1), ((2, 1, 3), 2))
]
WAYS += [(f, (2, 3), {"axis": (0, -1)}) for f in OVER_AXES]
WAYS += [(logsumexp, s, {"axis": a, "keepdims": True}) for s, a in (((3,), None), ((2, 3), 1), ((2, 1, 3), (0, 2)))]
WAYS += [(logsumexp, (2, 3), {}), (logsumexp, (2, 3), {"axis": ()})]


def parameters(kwargs):
    """The closed forms of leaky_relu and elu with another slope or alpha."""
    if "slope" in kwargs:
        return lambda x: anp.where(x > 0, x, kwargs["slope"] * x)
    return lambda x: anp.where(x > 0, x, kwargs["alpha"] * (anp.exp(x) - 1))


@pytest.mark.parametrize(("function", "shape", "kwargs"), WAYS)
def test_what_numpy_lacks_is_what_autograd_makes_of_its_closed_form(function, shape, kwargs):
    x = rng.uniform(0.1, 0.9, shape) if function is logit else rng.normal(size=shape) * 2
    known = {key: value for key, value in kwargs.items() if key in ("axis", "keepdims")}
    closed = parameters(kwargs) if known != kwargs else CLOSED[function]
    expected = closed(x, **known)
    weights = rng.normal(size=np.shape(expected))

    def ours(x):
        return np.sum(weights * function(x, **kwargs))

    def theirs(x):
        return anp.sum(weights * closed(x, **known))

    for y in (function(x, **kwargs), function(Tensor(x), **kwargs).data):
        assert (np.shape(y), y.dtype) == (np.shape(expected), np.float64)
        np.testing.assert_allclose(y, expected, rtol=1e-13, atol=1e-15)
    if np.size(x):  # autograd has no gradient for an empty sum
        np.testing.assert_allclose(grad(ours)(x), elementwise_grad(theirs)(x), rtol=1e-12, atol=1e-14)
        check_gradients(ours, x)
    else:
        assert grad(ours)(x).shape == shape


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("function", CLOSED, ids=lambda f: f.__name__)
def test_the_floating_dtype_is_kept_and_integers_become_float64(function, dtype):
    for values in [0.25, 0.75], [[0.5]], [[0.001, 0.999]] if function is logit else [[800.0, -800.0]]:
        x = np.array(values, dtype)
        tensor = Tensor(x)
        y = function(tensor)
        y.sum().backward()
        assert function(x).dtype == y.dtype == tensor.grad.dtype == dtype
    integers = np.array([0, 1, 2]) if function is not logit else np.array([1, 1]) // 2
    with np.errstate(divide="ignore"):
        assert function(integers).dtype == (np.int64 if function is relu else np.float64)
        assert function(Tensor(integers)).dtype == np.float64


@pytest.mark.parametrize("function", [f for f in CLOSED if f not in (softmax, log_softmax)], ids=lambda f: f.__name__)
def test_numbers_give_numbers(function):
    for x in 0.5, np.float32(0.5), np.float64(0.5), np.array(0.5):
        y = function(x)
        assert isinstance(y, np.floating)
        assert y.dtype == getattr(x, "dtype", np.float64)
        assert float(y) == pytest.approx(float(CLOSED[function](0.5)), rel=1e-6)


@pytest.mark.parametrize(("x", "expected"), [(0.0, -np.inf), (1.0, np.inf), (0, -np.inf), (1, np.inf)])
def test_the_logit_of_0_and_1_is_infinite_for_numbers_too(x, expected):
    with np.errstate(divide="ignore"):
        assert logit(x) == expected
        assert logit(np.array([x]))[0] == expected


# fmt: off
# x, then the value and the derivative there. What is left out is in test_accuracy: here no x may give a warning or nan.
ENDS = {
    softplus:    [(-np.inf, 0, 0), (-800, 0, 0), (800, 800, 1), (np.inf, np.inf, 1), (0, np.log(2), 0.5)],
    log_sigmoid: [(-np.inf, -np.inf, 1), (-800, -800, 1), (800, 0, 0), (np.inf, 0, 0), (0, -np.log(2), 0.5)],
    sigmoid:     [(-np.inf, 0, 0), (-800, 0, 0), (800, 1, 0), (np.inf, 1, 0), (0, 0.5, 0.25)],
    leaky_relu:  [(-np.inf, -np.inf, 0.01), (-800, -8, 0.01), (0, 0, 0.01), (-0.0, 0, 0.01), (800, 800, 1)],
    elu:         [(-np.inf, -1, 0), (-800, -1, 0), (0, 0, 1), (-0.0, 0, 1), (800, 800, 1), (np.inf, np.inf, 1)],
    gelu:        [(-np.inf, 0, 0), (-800, 0, 0), (-1e300, 0, 0), (0, 0, 0.5), (1e300, 1e300, 1), (np.inf, np.inf, 1)],
    silu:        [(-np.inf, 0, 0), (-800, 0, 0), (-1e300, 0, 0), (0, 0, 0.5), (1e300, 1e300, 1), (np.inf, np.inf, 1)],
}
# x, then the value of logsumexp, and its gradient, which is softmax.
SUMS = [
    ([800.0, -800.0],           800,                   [1, 0]),
    ([-800.0, -800.0],          -800 + np.log(2),      [0.5, 0.5]),
    ([1e308, 1e308],            1e308,                 [0.5, 0.5]),
    ([0.0, 0.0, 0.0],           np.log(3),             [1 / 3, 1 / 3, 1 / 3]),
    ([5.0],                     5,                     [1]),
    ([-np.inf, 2.0],            2,                     [0, 1]),
    ([-np.inf, 2.0, 2.0],       2 + np.log(2),         [0, 0.5, 0.5]),
    ([np.inf, 2.0],             np.inf,                [1, 0]),
    ([np.inf, -np.inf],         np.inf,                [1, 0]),
]
# fmt: on


@pytest.mark.parametrize(("function", "x", "value", "slope"), [(f, *row) for f, rows in ENDS.items() for row in rows])
def test_both_ends_and_the_kink(function, x, value, slope):
    for dtype in [np.float64] + [np.float32] * (abs(x) < 1e38):
        eps, number = np.finfo(dtype).eps, dtype(x)
        np.testing.assert_allclose(function(np.array([x, 1.0], dtype))[0], value, rtol=2 * eps)
        np.testing.assert_allclose(value_and_grad(function)(number), [value, slope], rtol=2 * eps)
        assert grad(grad(function))(number) == 0 or x == 0


@pytest.mark.parametrize(("x", "value", "weights"), SUMS)
def test_sums_of_exponentials_at_both_ends(x, value, weights):
    tensor = Tensor(x)
    y = logsumexp(tensor)
    y.backward()
    np.testing.assert_allclose(y.data, value, rtol=1e-15)
    np.testing.assert_allclose(tensor.grad, weights, rtol=1e-15)
    np.testing.assert_allclose(softmax(tensor).data, weights, rtol=1e-15)
    with np.errstate(divide="ignore"):
        expected = np.log(weights)
    finite = np.isfinite(expected)
    np.testing.assert_allclose(log_softmax(tensor).data[finite], expected[finite], rtol=1e-15)
    assert (log_softmax(tensor).data[~finite] < -700).all()
    for function in softmax, log_softmax:
        z = Tensor(x)
        function(z)[0].backward()
        assert not np.isnan(z.grad).any()


def test_equal_infinities_are_equally_likely():
    for infinity in np.inf, -np.inf:
        x = Tensor([[infinity, infinity], [0.0, 0.0]])
        assert softmax(x).data.tolist() == [[0.5, 0.5], [0.5, 0.5]]
        assert logsumexp(x, axis=1).data.tolist() == [infinity, np.log(2)]


def test_a_nan_is_not_hidden_by_a_sum_of_exponentials():
    x = np.array([1.0, np.nan])
    assert np.isnan(logsumexp(x))
    assert np.isnan(softmax(x)).all()
    assert np.isnan(grad(logsumexp)(x)).any()


@pytest.mark.parametrize("x", [[0.0, 0.0], [-3.0, -3.0], [700.0, 700.0]])
def test_the_second_derivative_of_logsumexp_knows_nothing_of_the_largest_element_that_it_subtracts(x):
    tensor = Tensor(x)
    first = walk(logsumexp(tensor), Tensor(1.0, requires_grad=False), create_graph=True)[tensor]
    rows = [walk(first[i], np.float64(1))[tensor] for i in range(2)]
    np.testing.assert_allclose(rows, [[0.25, -0.25], [-0.25, 0.25]], rtol=1e-15)
    np.testing.assert_allclose(hessian(logsumexp)(np.array(x)), rows, rtol=1e-15)


def test_empty_sums_of_exponentials():
    assert logsumexp(np.zeros(0)) == logsumexp(Tensor([])).data == -np.inf
    assert logsumexp(np.zeros((0, 2)), axis=0).tolist() == [-np.inf, -np.inf]
    assert logsumexp(np.zeros((0, 2)), axis=1).shape == (0,)
    assert logsumexp(np.zeros((3, 0)), axis=1, keepdims=True).tolist() == [[-np.inf]] * 3
    for shape in (0,), (0, 3), (3, 0):
        x = Tensor(np.zeros(shape))
        for function in softmax, log_softmax:
            y = function(x)
            y.sum().backward()
            assert y.shape == x.grad.shape == shape


def test_softmax_takes_lists_and_refuses_an_axis_that_is_not_there():
    assert softmax([0.0, 0.0]).tolist() == [0.5, 0.5]
    assert logsumexp([0.0]) == log_softmax([0.0])[0] == 0
    for x in np.ones((2, 3)), Tensor(np.ones((2, 3))):
        with pytest.raises(IndexError, match="axis 2 is out of bounds"):
            softmax(x, axis=2)


@pytest.mark.parametrize(
    ("x", "gradient", "second"),
    [
        ([2.0, 3.0, 5.0], [15, 10, 6], [[0, 5, 3], [5, 0, 2], [3, 2, 0]]),
        ([0.0, 3.0, 5.0], [15, 0, 0], [[0, 5, 3], [5, 0, 0], [3, 0, 0]]),
        ([0.0, 3.0, 0.0], [0, 0, 0], [[0, 0, 3], [0, 0, 0], [3, 0, 0]]),
        ([0.0, 0.0, 0.0], [0, 0, 0], [[0, 0, 0], [0, 0, 0], [0, 0, 0]]),
    ],
)
def test_a_product_with_zeros_has_all_its_derivatives(x, gradient, second):
    """The product divided by x is no way to its derivative at 0."""
    x = np.array(x)
    assert grad(np.prod)(x).tolist() == gradient
    assert hessian(np.prod)(x).tolist() == second
    assert grad(lambda x: np.sum(np.prod(x, axis=1)))(np.stack([x, x])).tolist() == [gradient, gradient]


def test_a_product_of_many_is_no_deeper_than_a_few_steps():
    x = Tensor(np.full(1000, 1.001))
    np.prod(x).backward()
    np.testing.assert_allclose(x.grad, 1.001**999, rtol=1e-13)


@pytest.mark.parametrize("function", [np.var, np.std, np.linalg.norm], ids=lambda f: f.__name__)
def test_equal_elements_have_a_variance_of_slope_0(function):
    x = Tensor([0.0, 0.0, 0.0])
    function(x).backward()
    assert x.grad.tolist() == [0, 0, 0]


def test_a_variance_of_large_numbers_does_not_cancel():
    x = 1e8 + np.array([0.0, 1.0, 2.0])
    np.testing.assert_allclose(grad(np.var)(x), [-2 / 3, 0, 2 / 3], rtol=1e-14)
    np.testing.assert_allclose(grad(np.std)(x), [-(1.5**-0.5) / 2, 0, 1.5**-0.5 / 2], rtol=1e-14)


def test_too_many_degrees_of_freedom_give_what_numpy_gives():
    for function in np.var, np.std:
        with np.errstate(all="ignore"), pytest.warns(RuntimeWarning, match="Degrees of freedom"):
            expected = function(V, ddof=2)
        with np.errstate(all="ignore"), catch_warnings():
            simplefilter("ignore")
            np.testing.assert_array_equal(function(Tensor(V), ddof=2).data, expected)


PEERS = {
    "var": lambda np, x: np.var(x, axis=0, ddof=1),
    "std": lambda np, x: np.std(x, axis=(0, 1)),
    "prod": lambda np, x: np.prod(x, axis=1),
    "norm": lambda np, x: np.linalg.norm(x, axis=1),
    "einsum": lambda np, x: np.einsum("ij,kj->ik", x, x),
    "implicit einsum": lambda np, x: np.einsum("ij,jk", x, x),
    "tensordot": lambda np, x: np.tensordot(x, x, ((0,), (1,))),
    "inner": lambda np, x: np.inner(x, x[0]),
    "outer": lambda np, x: np.outer(x[0], x[1]),
    "dot": lambda np, x: np.dot(x, x),
    "clip": lambda np, x: np.clip(x, -0.5, 0.5),
}


@pytest.mark.parametrize("name", PEERS)
def test_gradients_are_autograds(name):
    f, weights = PEERS[name], rng.normal(size=np.shape(PEERS[name](np, S)))
    ours = grad(lambda x: np.sum(weights * f(np, x)))(S)
    np.testing.assert_allclose(ours, elementwise_grad(lambda x: anp.sum(weights * f(anp, x)))(S), rtol=1e-12)


@pytest.mark.parametrize("f", [sigmoid, relu, logit, softplus, log_sigmoid, leaky_relu, elu, gelu, silu])
def test_lists_are_as_good_as_arrays(f):
    np.testing.assert_array_equal(f([0.25, 0.75]), f(np.array([0.25, 0.75])))


def test_parameters_may_be_given_by_position_as_to_numpy():
    x = Tensor(np.arange(6.0).reshape(2, 3))
    np.testing.assert_array_equal(np.var(x, 0, None, None, 1).data, np.var(x.data, 0, None, None, 1))
    np.testing.assert_array_equal(np.prod(x, 0, None, None, True).data, np.prod(x.data, 0, None, None, True))


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_a_norm_and_its_gradient_have_every_size(scale):
    x = Tensor(np.array([3.0, 4.0]) * scale)
    y = np.linalg.norm(x)
    y.backward()
    np.testing.assert_allclose([y.data / scale, *x.grad], [5, 0.6, 0.8], rtol=1e-15)


@pytest.mark.parametrize("act", [lambda w: np.full_like(w, w), lambda w: np.heaviside(0.0, w)])
def test_what_a_plain_function_would_lose_is_refused(act):
    with pytest.raises(TypeError, match="would lose its gradient there"):
        act(Tensor(2.0))
