"""Tensor used as a NumPy array: what it is made from, and that all ways to write an operation are one operation."""

import copy
import math
import operator
import pickle
from collections import namedtuple

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tinygrad_sig import Tensor, no_grad, relu, sigmoid

A = np.array([[1.5, -2.0, 0.5], [3.0, 0.25, -1.0]])
B = np.array([[2.0, 1.0, -3.0], [0.5, 4.0, 1.25]])


def assert_same(actual, expected):
    """The same value, shape and dtype, bit for bit."""
    assert (np.shape(actual), np.result_type(actual)) == (np.shape(expected), np.result_type(expected))
    np.testing.assert_array_equal(getattr(actual, "data", actual), expected)


@pytest.mark.parametrize(
    ("data", "dtype"),
    [
        (2.0, np.float64),
        (2, np.float64),
        (True, np.float64),
        ([1, 2], np.float64),
        ([True, False], np.float64),
        ([[1.0], [2.0]], np.float64),
        ((1, 2.5), np.float64),
        (range(3), np.float64),
        ([], np.float64),
        (np.int8(3), np.float64),
        (np.array([1, 2], np.uint64), np.float64),
        (np.float16(2), np.float16),
        (np.array([1, 2], np.float16), np.float16),
        (np.float32(2), np.float32),
        (np.array(2, np.float32), np.float32),
        (np.zeros((2, 0), np.float32), np.float32),
        (np.longdouble("0.1"), np.longdouble),
        (np.array([1.0], ">f8"), ">f8"),
    ],
    ids=repr,
)
def test_construction_keeps_floating_dtypes_and_makes_float64_of_the_rest(data, dtype):
    t = Tensor(data)
    assert t.dtype == dtype
    assert_same(t, np.array(data, dtype))
    assert (t.shape, t.ndim, t.size) == (np.shape(data), np.ndim(data), np.size(data))
    assert (t.grad, t.name, t.op, t.inputs, t.requires_grad) == (None, None, None, (), True)


def test_a_scalar_is_a_number_and_not_an_array():
    for data in (2.0, np.float64(2), np.array(2.0), 2, np.float32(2)):
        assert isinstance(Tensor(data).data, np.floating)


def test_item_and_numpy():
    t = Tensor([[2.5]])
    assert type(t.item()) is float
    assert (t.item(), t.numpy().tolist()) == (2.5, [[2.5]])
    assert t.numpy() is not t.data


OPERATORS = [
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.mod,
    operator.pow,
    operator.floordiv,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
    operator.eq,
    operator.ne,
]
PLAIN = OPERATORS[6:]
OTHERS = [
    2,
    2.5,
    True,
    np.float64(0.75),
    np.float32(0.1),
    np.int8(3),
    np.bool(True),
    B,
    B[0],
    B[:, :1],
    B.tolist(),
    (1, 2, 3),
]


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")
@pytest.mark.parametrize("other", OTHERS, ids=lambda o: f"{type(o).__name__}{np.shape(o)}")
@pytest.mark.parametrize("compute", OPERATORS, ids=lambda f: f.__name__)
def test_operators_from_both_sides(compute, other):
    for array in (A, A.astype(np.float32), np.float64(1.5), np.float32(1.5)):
        t = Tensor(array)
        for left, right in ((t, other), (other, t), (t, t)):
            a, b = (array if side is t else side for side in (left, right))
            result = compute(left, right)
            assert type(result) is not Tensor if compute in PLAIN else type(result) is Tensor
            if isinstance(other, list | tuple):
                a, b = (np.asarray(side) if side is other else side for side in (a, b))
            expected = compute(a, b)
            if (
                compute is operator.pow
            ):  # Between numbers NumPy takes another pow than in arrays; they may differ by an ulp.
                np.testing.assert_array_max_ulp(result.data, np.asarray(expected), dtype=result.dtype)
                expected = np.asarray(result.data)
            assert_same(result, expected)
            if compute not in PLAIN:
                input = result.inputs[0 if left is t else 1]
                assert input is t or (input.op == "astype" and input.inputs == (t,))


@pytest.mark.parametrize("compute", OPERATORS, ids=lambda f: f.__name__)
def test_operators_between_tensors(compute):
    a, b = Tensor(A), Tensor(np.abs(B), requires_grad=False)
    with np.errstate(invalid="ignore"):
        assert_same(compute(a, b), compute(A, np.abs(B)))
        assert_same(compute(b, a), compute(np.abs(B), A))


@pytest.mark.parametrize("compute", [operator.neg, operator.pos, operator.abs], ids=lambda f: f.__name__)
def test_operators_of_one_tensor(compute):
    assert_same(compute(Tensor(A)), compute(A))


def test_matmul_operator_from_both_sides():
    t = Tensor(A)
    for other in (B.T, B.T.tolist(), Tensor(B.T)):
        assert_same(t @ other, A @ B.T)
    for other in (B.T, B.T.tolist()):
        assert_same(other @ t, B.T @ A)


# One line says twice how an operation is written; both must be the node that np's function gives.
METHODS = {
    "exp": (lambda t: t.exp(), np.exp),
    "log": (lambda t: abs(t).log(), lambda t: np.log(np.absolute(t))),
    "sqrt": (lambda t: abs(t).sqrt(), lambda t: np.sqrt(np.abs(t))),
    "sin": (lambda t: t.sin(), np.sin),
    "cos": (lambda t: t.cos(), np.cos),
    "tanh": (lambda t: t.tanh(), np.tanh),
    "sigmoid": (lambda t: t.sigmoid(), sigmoid),
    "relu": (lambda t: t.relu(), relu),
    "neg": (lambda t: -t, np.negative),
    "add": (lambda t: t + B, lambda t: np.add(t, B)),
    "subtract": (lambda t: B - t, lambda t: np.subtract(B, t)),
    "multiply": (lambda t: t * 2, lambda t: np.multiply(t, 2)),
    "divide": (lambda t: t / B, lambda t: np.true_divide(t, B)),
    "remainder": (lambda t: t % B, lambda t: np.mod(t, B)),
    "power": (lambda t: t**2, lambda t: np.power(t, 2)),
    "matmul": (lambda t: t @ B.T, lambda t: np.matmul(t, B.T)),
    "sum": (lambda t: t.sum(), np.sum),
    "sum-axis": (lambda t: t.sum(axis=0), lambda t: np.sum(t, axis=0)),
    "sum-position": (lambda t: t.sum(0), lambda t: np.sum(t, 0)),
    "sum-keepdims": (lambda t: t.sum(-1, keepdims=True), lambda t: np.sum(t, -1, keepdims=True)),
    "sum-axes": (lambda t: t.sum((0, 1)), lambda t: np.sum(t, axis=(0, 1))),
    "mean": (lambda t: t.mean(), np.mean),
    "mean-axis": (lambda t: t.mean(1, keepdims=True), lambda t: np.mean(t, 1, keepdims=True)),
    "reshape": (lambda t: t.reshape(3, 2), lambda t: np.reshape(t, (3, 2))),
    "reshape-tuple": (lambda t: t.reshape((3, -1)), lambda t: np.reshape(t, (3, -1))),
    "reshape-number": (lambda t: t.reshape(-1), lambda t: np.reshape(t, -1)),
    "transpose": (lambda t: t.T, np.transpose),
    "transpose-method": (lambda t: t.transpose(), lambda t: np.transpose(t)),
    "transpose-axes": (lambda t: t.transpose(1, 0), lambda t: np.transpose(t, (1, 0))),
    "transpose-tuple": (lambda t: t.transpose((1, 0)), lambda t: np.transpose(t, axes=[1, 0])),
}
FUNCTIONS = [
    lambda t: np.maximum(t, B),
    lambda t: np.minimum(0.5, t),
    lambda t: np.where(A > 0, t, B),
    lambda t: np.where(B > 0, 0, t),
    lambda t: np.expand_dims(t, 1),
    lambda t: np.expand_dims(t, axis=(0, -1)),
    lambda t: np.squeeze(np.reshape(t, (1, 6, 1))),
    lambda t: np.squeeze(np.reshape(t, (1, 6, 1)), 0),
    lambda t: np.swapaxes(t, 0, -1),
    lambda t: np.broadcast_to(t, (4, 2, 3)),
    lambda t: np.matmul(B.T, t),
    lambda t: np.power(2.0, t),
    lambda t: np.positive(t),
]


@pytest.mark.parametrize("name", METHODS)
def test_methods_equal_numpys_functions(name):
    method, function = METHODS[name]
    t, u = Tensor(A), Tensor(A)
    y, z = method(t), function(u)
    assert type(y) is type(z) is Tensor
    assert y.op == z.op
    assert_same(y, z.data)
    assert_same(z, function(A))
    y.backward(np.ones(y.shape))
    z.backward(np.ones(z.shape))
    assert_same(t.grad, u.grad)


@pytest.mark.parametrize("function", FUNCTIONS)
def test_numpy_functions_of_tensors_are_those_of_arrays(function):
    t = Tensor(A)
    y = function(t)
    assert type(y) is Tensor
    assert y.requires_grad
    assert_same(y, function(A))


@pytest.mark.parametrize(
    "function",
    [
        np.sign,
        np.floor,
        np.rint,
        np.round,
        lambda t: np.round(t, 1),
        np.argmax,
        lambda t: np.argmax(t, axis=1),
        lambda t: np.argsort(t, 0),
        np.isnan,
        lambda t: np.isclose(t, B),
        lambda t: np.less(B, t),
        lambda t: np.any(t > 0, axis=0),
        lambda t: np.logical_and(t, B),
        lambda t: np.heaviside(t, 0.5),
        lambda t: np.floor_divide(B, t),
        np.zeros_like,
        lambda t: np.full_like(t, 7),
        np.count_nonzero,
    ],
)
def test_steps_and_comparisons_give_plain_arrays(function):
    result = function(Tensor(A))
    assert not isinstance(result, Tensor)
    assert_same(result, function(A))


def test_shapes_are_asked_for_as_in_numpy():
    t = Tensor(A)
    assert (np.shape(t), np.ndim(t), np.size(t), np.result_type(t, np.float32)) == ((2, 3), 2, 6, np.float64)
    assert np.allclose(t, A)
    assert np.array_equal(t, Tensor(A))


def test_a_named_tuple_is_a_tuple():
    pair = namedtuple("Pair", "row column")
    t = Tensor(A)
    assert_same(t[pair(1, 2)], A[1, 2])
    assert_same(t.reshape(pair(3, 2)), A.reshape(3, 2))
    assert_same(np.transpose(t, pair(1, 0)), A.T)


CUBE = np.arange(24.0).reshape(2, 3, 4)


@pytest.mark.parametrize(
    "key",
    [
        0,
        -1,
        (1, 2, 3),
        np.int64(1),
        slice(None),
        slice(None, None, -1),
        np.s_[:, 1:, ::2],
        np.s_[..., 0],
        np.s_[:, None, 0],
        None,
        ...,
        (),
        [0, 1, 1],
        ([0, 1], [2, 2], slice(1, 3)),
        np.array([[0, 1], [1, 1]]),
        CUBE > 5,
        (0, np.array([True, False, True])),
        np.zeros((2, 3), bool),
        True,
        np.s_[1:1],
        (np.arange(2)[:, None], np.arange(3)),
    ],
    ids=repr,
)
def test_indexing_of_all_kinds(key):
    t, weights = Tensor(CUBE), np.random.default_rng(1).normal(size=CUBE[key].shape)
    y = t[key]
    assert_same(y, CUBE[key])
    y.backward(weights)
    expected = np.zeros_like(CUBE)
    np.add.at(expected, key, weights)
    assert_same(t.grad, expected)


@pytest.mark.parametrize("key", [(), ..., None])
def test_indexing_a_number(key):
    t = Tensor(2.0)
    y = t[key] * 3
    y.backward()
    assert (np.shape(y.data), float(t.grad), np.shape(t.grad)) == (np.shape(np.float64(2)[key]), 3, ())


def test_comparisons_are_elementwise_and_plain():
    t = Tensor([1.0, 2.0, 3.0])
    assert (t < 2).tolist() == (np.float64(2) > t).tolist() == [True, False, False]
    assert (t == Tensor([1.0, 0.0, 3.0])).tolist() == [True, False, True]
    assert (t != [1, 2, 4]).tolist() == [False, False, True]
    assert isinstance(t >= 2, np.ndarray)
    assert isinstance(Tensor(1.0) >= 2, np.bool)


def test_hashing_is_by_identity():
    a, b = Tensor(1.0), Tensor(1.0)
    assert len({a, b, a}) == 2
    assert {a: "a", b: "b"}[b] == "b"
    assert a == b


def test_truth_of_one_element():
    assert Tensor(2.0)
    assert not Tensor([[0.0]])


def test_iteration_and_length():
    t = Tensor(A)
    assert len(t) == 2
    first, second = t
    (first * second).sum().backward()
    assert_same(t.grad, A[::-1])
    assert [x.item() for x in Tensor([1.0, 2.0])] == [1.0, 2.0]
    assert list(Tensor(np.zeros((0, 2)))) == []


def test_augmented_assignment_makes_a_new_node():
    x = y = Tensor([1.0, 2.0])
    for operation, number in ((operator.iadd, 1), (operator.imul, 3), (operator.isub, 2), (operator.itruediv, 4)):
        before = y
        y = operation(y, number)
        assert y is not before
    assert x.data.tolist() == [1.0, 2.0]
    y.sum().backward()
    assert x.grad.tolist() == [0.75, 0.75]


def test_detach():
    x = Tensor([1.0, 2.0], name="x")
    d = (x * x).detach()
    assert (d.requires_grad, d.inputs, d.op, d.name) == (False, (), None, None)
    (d * x).sum().backward()
    assert x.grad.tolist() == [1.0, 4.0]


def test_constants_and_results_under_no_grad_keep_no_graph():
    c = Tensor(2.0, requires_grad=False)
    y = c * 3 + c.exp()
    assert (y.requires_grad, y.inputs, y.op) == (False, (), None)
    with no_grad():
        z = np.exp(Tensor(A)).sum()
    assert (z.requires_grad, z.inputs, z.op) == (False, (), None)


@pytest.mark.parametrize("other", [2, 2.5, True, np.float32(2), [1.0, 2.0], np.ones(2)], ids=repr)
def test_a_constant_in_an_expression_is_a_tensor_like_any_other(other):
    c = (Tensor([1.0, 2.0]) * other).inputs[1]
    assert (c.shape, c.ndim, c.size, c.requires_grad) == (np.shape(other), np.ndim(other), np.size(other), False)
    assert repr(c).startswith("Tensor(")
    assert c.dtype.kind in "fiub"
    assert c.numpy().tolist() == np.array(other).tolist()


def with_gradient():
    x = Tensor([1.0, 2.0])
    (x * x).sum().backward()
    return x


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (lambda: Tensor(2.5), "Tensor(2.5, grad=None)"),
        (lambda: Tensor(2.5, name="w"), "Tensor(2.5, name='w', grad=None)"),
        (lambda: Tensor(1.0) + 1, "Tensor(2.0, op='add', grad=None)"),
        (lambda: Tensor(np.float32(0.5)), "Tensor(0.5, dtype=float32, grad=None)"),
        (with_gradient, "Tensor([1., 2.], grad=[2., 4.])"),
        (lambda: Tensor([[1.0], [2.0]]), "Tensor([[1.],\n        [2.]], grad=None)"),
        (lambda: Tensor([]), "Tensor([], grad=None)"),
        (lambda: Tensor(2.0, requires_grad=False), "Tensor(2.0, requires_grad=False, grad=None)"),
        (lambda: sigmoid(Tensor([0.0], name="x")), "Tensor([0.5], op='sigmoid', grad=None)"),
    ],
)
def test_repr(tensor, text):
    assert repr(tensor()) == f"{tensor()}" == text


def test_copies_of_a_leaf_are_leaves_of_their_own():
    x = with_gradient()
    x.name = "x"
    copies = copy.copy(x), copy.deepcopy([x, x])[1], pickle.loads(pickle.dumps(x))
    for other in copies:
        assert (other.name, other.requires_grad, other.grad.tolist()) == ("x", True, [2.0, 4.0])
        assert_same(other, x.data)
        with pytest.raises(ValueError, match="read-only"):
            other.data[0] = 7.0
        assert other is not x
    twice = copy.deepcopy([x, x])
    assert twice[0] is twice[1]


def test_read_only_data_cannot_be_made_writable():
    x = Tensor([1.0, 2.0])
    for tensor in (x, x * x, x[1:]):
        with pytest.raises(ValueError, match="WRITEABLE"):
            tensor.data.setflags(write=True)


def test_results_without_axes_are_numbers():
    x = Tensor(2.0)
    for y in (np.where(True, x, 0.0), x[...], x.sum(), np.reshape(Tensor([2.0]), ()), np.broadcast_to(x, ())):
        y.backward()
        assert isinstance(y.data, np.float64)
        assert isinstance(x.grad, np.float64)


def test_parameters_that_are_none_are_as_good_as_not_given():
    x = Tensor([1.0, 2.0])
    assert_same(np.sum(x, out=None, dtype=None), np.float64(3))
    assert_same(np.exp(x, out=None), np.exp(x.data))


def test_repr_neither_recurses_nor_grows():
    t = Tensor(np.zeros(10_000))
    for _ in range(5_000):
        t = t + 1
    assert len(repr(t)) < 200


def test_format_is_that_of_the_number():
    assert f"{Tensor(math.pi):.3f} {Tensor(0.5):>6}" == "3.142    0.5"


def test_a_node_may_be_named():
    x = Tensor(3.0, name="x")
    y = ((2 * x - 1) / 5 + x**2) % 7
    y.name = "y"
    assert repr(y) == "Tensor(3.0, name='y', op='remainder', grad=None)"


def numbers(shape):
    return hnp.arrays(np.float64, shape, elements=st.floats(-2, 2).map(lambda x: round(x, 3)))


@st.composite
def broadcastable(draw):
    shapes = draw(hnp.mutually_broadcastable_shapes(num_shapes=2, min_dims=0, max_dims=4, min_side=0, max_side=3))
    return tuple(draw(numbers(shape)) for shape in shapes.input_shapes), draw(numbers(shapes.result_shape))


def summed_to(gradient, shape):
    """The hand formula: the sum over every axis that broadcasting has added or stretched."""
    gradient = gradient.sum(tuple(range(gradient.ndim - len(shape))))
    for axis, length in enumerate(shape):
        if length == 1:
            gradient = gradient.sum(axis, keepdims=True)
    return gradient


@pytest.mark.parametrize(
    ("f", "da", "db"),
    [
        (operator.add, lambda a, b: 1, lambda a, b: 1),
        (operator.sub, lambda a, b: 1, lambda a, b: -1),
        (operator.mul, lambda a, b: b, lambda a, b: a),
        (lambda a, b: a / (b * b + 1), lambda a, b: 1 / (b * b + 1), lambda a, b: -2 * a * b / (b * b + 1) ** 2),
        (np.maximum, lambda a, b: (np.sign(a - b) + 1) / 2, lambda a, b: (np.sign(b - a) + 1) / 2),
        (lambda a, b: np.where(b > 0, a, b), lambda a, b: b > 0, lambda a, b: b <= 0),
    ],
)
@given(case=broadcastable())
def test_broadcasting_of_random_shapes(f, da, db, case):
    (a, b), weights = case
    x, y = Tensor(a), Tensor(b)
    z = f(x, y)
    assert_same(z, f(a, b))
    z.backward(weights)
    for tensor, local in ((x, da(a, b)), (y, db(a, b))):
        assert tensor.grad.shape == tensor.shape
        expected = summed_to(np.multiply(weights, np.broadcast_to(local, weights.shape)), tensor.shape)
        np.testing.assert_allclose(tensor.grad, expected, rtol=1e-12, atol=1e-12)


@st.composite
def reductions(draw):
    array = draw(numbers(hnp.array_shapes(min_dims=0, max_dims=4, min_side=1, max_side=3)))
    axes = draw(hnp.valid_tuple_axes(array.ndim) | st.none())
    return array, axes, draw(st.booleans())


@given(reductions())
def test_reductions_over_random_axes(case):
    array, axis, keepdims = case
    for function, share in ((np.sum, 1), (np.mean, np.mean(array, axis, keepdims=True).size / array.size)):
        x = Tensor(array)
        y = function(x, axis=axis, keepdims=keepdims)
        assert_same(y, function(array, axis=axis, keepdims=keepdims))
        weights = np.arange(1.0, y.size + 1).reshape(y.shape)
        y.backward(weights)
        kept = weights.reshape(np.sum(array, axis, keepdims=True).shape)
        np.testing.assert_allclose(x.grad, np.broadcast_to(share * kept, array.shape), rtol=1e-14)


@st.composite
def matrices(draw):
    signature = "(m?,n),(n,p?)->(m?,p?)"
    shapes = draw(hnp.mutually_broadcastable_shapes(signature=signature, max_dims=3, min_side=0, max_side=3))
    return tuple(draw(numbers(shape)) for shape in shapes.input_shapes)


@given(matrices())
def test_matmul_of_vectors_matrices_and_batches(case):
    a, b = case
    x, y = Tensor(a), Tensor(b)
    z = x @ y
    assert_same(z, a @ b)
    weights = np.random.default_rng(z.size).normal(size=z.shape)
    z.backward(weights)

    def loss(a, b):
        left, right = ("m" if a.ndim > 1 else ""), ("p" if b.ndim > 1 else "")
        return anp.sum(weights * anp.einsum(f"...{left}n,...n{right}->...{left}{right}", a, b))

    for k, tensor in enumerate((x, y)):
        assert tensor.grad.shape == tensor.shape
        np.testing.assert_allclose(tensor.grad, autograd.grad(loss, k)(a, b), rtol=1e-12, atol=1e-12)


def test_a_value_is_looked_for_as_in_an_array():
    t = Tensor([[1.0, 2.0]])
    assert 2.0 in t
    assert 3.0 not in t


def test_a_copy_and_another_dtype_take_what_an_array_takes():
    t = Tensor([1.0, 2.0])
    assert all(y.op == "positive" for y in (t.copy(), t.copy("K"), t.copy(order="F")))
    assert t.astype(np.float32, copy=False).dtype == np.float32
    with pytest.raises(ValueError, match="order must be one of"):
        t.copy("Q")
    with pytest.raises(TypeError, match="according to the rule 'safe'"):
        t.astype(np.float32, casting="safe")


def test_a_parameter_that_is_missing_is_named():
    with pytest.raises(TypeError, match=r"^swapaxes: missing 1 required positional argument: 'axis2'"):
        Tensor(np.ones((2, 2))).swapaxes(0)


def test_a_number_beyond_what_numpy_counts_with_names_the_operation():
    with pytest.raises(OverflowError, match=r"^sum: "):
        np.sum(Tensor([1.0]), axis=2**70)
