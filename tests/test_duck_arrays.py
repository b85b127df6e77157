"""Tensors over arrays that are not NumPy's: Dask's, which compute nothing until asked, and a small type made here.

What Dask lacks is listed in LACKING with the error that says so, so that a row leaves the list the day it works.
"""

import operator
import pickle
import re
import tracemalloc
from inspect import signature
from itertools import product

import numpy as np
import pytest
from numpy.lib.mixins import NDArrayOperatorsMixin

import tinygrad_sig.calculus.activations as composed
from tinygrad_sig import Tensor, grad, hessian, jacobian, jvp, no_grad, relu, sigmoid, trace, value_and_grad, vjp
from tinygrad_sig.calculus.compositions import COMPOSED
from tinygrad_sig.calculus.compositions.products import (
    PRODUCTS,
)
from tinygrad_sig.calculus.compositions.shapes import (
    SHAPES,
)
from tinygrad_sig.calculus.functions import (
    cast,
    concatenate,
    contract,
    cross,
    cumprod_undone,
    direction,
    euclidean,
    getitem,
    log_det,
    others_of,
    over_squares,
    p_norm,
    projected,
    rearranged,
    recurrence,
    scatter,
    sinc_derivative,
    stack,
)
from tinygrad_sig.calculus.rules import LINEAR, LOCAL

dask = pytest.importorskip("dask", reason="Dask is not installed; the test extra has it")
da = pytest.importorskip("dask.array", reason="dask.array is not installed; the test extra has it")

rng = np.random.default_rng(20231124)
A, B = rng.uniform(0.3, 0.9, (2, 4, 6))  # inside the domain of every function but arccosh
CHUNKS = (2, 3)
MASK = A > 0.5
ROWS = np.array([True, False, True, False])
TOLERANCE = 1e-12
DASK = "dask.array.core.Array"

# fmt: off
# One line for each function and each of its uses that may differ over chunks.
CALLS: dict = {
    np.sum:          {"all": np.sum, "0": lambda x: x.sum(axis=0),
                      "keepdims": lambda x: x.sum(axis=(0, 1), keepdims=True)},
    np.mean:         {"all": np.mean, "1": lambda x: x.mean(axis=1)},
    np.max:          {"all": np.max, "0": lambda x: x.max(axis=0)},
    np.min:          {"all": np.min, "keepdims": lambda x: np.min(x, axis=1, keepdims=True)},
    euclidean:       {"all": euclidean, "0": lambda x: euclidean(x, axis=0)},
    np.cumsum:       {"all": np.cumsum, "0": lambda x: np.cumsum(x, axis=0)},
    np.reshape:      {"flat": lambda x: x.reshape(-1), "merged": lambda x: np.reshape(x, (2, 2, 6)),
                      "uneven": lambda x: np.reshape(x, (2, 12)), "bare number": lambda x: np.reshape(x, -1)},
    np.expand_dims:  {"1": lambda x: np.expand_dims(x, 1)},
    np.squeeze:      {"all": lambda x: np.squeeze(x[:1])},
    np.transpose:    {"reversed": lambda x: x.T, "axes": lambda x: np.transpose(x, (1, 0))},
    np.swapaxes:     {"": lambda x: np.swapaxes(x, 0, 1)},
    np.flip:         {"all": np.flip, "0": lambda x: np.flip(x, 0)},
    np.broadcast_to: {"new axis": lambda x: np.broadcast_to(x, (3, 4, 6))},
    getitem:         {"number": lambda x: x[1], "slices": lambda x: x[1:, ::2], "reversed": lambda x: x[::-1],
                      "numbers": lambda x: x[-1, -2], "ellipsis": lambda x: x[..., 1],
                      "new axis": lambda x: x[:, None], "new axes": lambda x: x[None, ::-2, None, 1],
                      "repeated": lambda x: x[[0, 0, 1]], "pairs": lambda x: x[[0, 1], [1, 2]],
                      "rows": lambda x: x[ROWS], "mask": lambda x: x[MASK], "lazy mask": lambda x: x[x > 0.5]},
    scatter:         {"slices": lambda x: scatter(x, np.s_[1:5, ::2], (6, 12)),
                      "repeated": lambda x: scatter(x, [0, 0, 1, 2], (3, 6))},
    rearranged:      {"repeated": lambda x: np.repeat(x, 2, axis=0)},
    cast:            {"float32": lambda x: cast(cast(x, np.dtype(np.float32)), np.dtype(np.float64))},
    np.matmul:       {"matrices": lambda a, b: a @ b.T, "vector": lambda a, b: a @ b[0],
                      "to vector": lambda a, b: b[:, 0] @ a, "vectors": lambda a, b: a[0] @ b[0],
                      "batch": lambda a, b: np.broadcast_to(a, (3, 4, 6)) @ b.T},
    np.where:        {"mask": lambda a, b: np.where(MASK, a, b), "lazy mask": lambda a, b: np.where(a > 0.5, a, b)},
    concatenate:     {"1": lambda a, b: np.concatenate([a, b], axis=1)},
    stack:           {"1": lambda a, b: np.stack([a, b], axis=1)},
    contract:        {"": lambda a, b: contract(a, b, subscripts="ij,kj->ik", optimize=False)},
    np.ravel:        {"": np.ravel},
    np.moveaxis:     {"": lambda x: np.moveaxis(x, 0, 1)},
    np.prod:         {"all": np.prod, "0": lambda x: np.prod(x, axis=0)},
    np.cumprod:      {"0": lambda x: np.cumprod(x, axis=0), "1": lambda x: np.cumprod(x, axis=1)},
    **{f: {"all": f, "0": lambda x, f=f: f(x, axis=0)} for f in (np.nanmax, np.nanmin, np.nansum, np.nanmean, np.ptp,
                                                                 np.amax, np.amin)},
    np.nan_to_num:   {"": np.nan_to_num},
    np.around:       {"": lambda x: np.around(x, 1) + x},
    np.average:      {"": np.average, "weights": lambda a, b: np.average(a, weights=b + 2, axis=0)},
    np.diff:         {"1": np.diff, "0": lambda x: np.diff(x, axis=0)},
    np.gradient:     {"1": lambda x: np.gradient(x, axis=1)},
    np.trapezoid:    {"": np.trapezoid},
    np.linspace:     {"": lambda x: np.linspace(x, 2.0, 3)},
    others_of:       {"": lambda x: others_of(x, 1)},
    cumprod_undone:  {"": lambda a, b: cumprod_undone(a, b, 1)},
    sinc_derivative: {"": lambda x: sinc_derivative(x, n=1)},
    recurrence:      {"": lambda a, b: recurrence(a[1:], b)},
    **{f: {"1": lambda x, f=f: f(x, axis=1)} for f in (getattr(np, "cumulative_sum", None),
                                                       getattr(np, "cumulative_prod", None)) if f},
    np.var:          {"all": np.var, "0": lambda x: np.var(x, axis=0, ddof=1)},
    np.std:          {"all": np.std, "0": lambda x: np.std(x, axis=0)},
    np.linalg.norm:  {"all": np.linalg.norm, "1": lambda x: np.linalg.norm(x, 1, axis=0),
                      "inf": lambda x: np.linalg.norm(x, np.inf, axis=1)},
    np.clip:         {"": lambda x: np.clip(x, 0.4, 0.6)},
    np.concatenate:  {"1": lambda a, b: np.concatenate([a, b], axis=1),
                      "None": lambda a, b: np.concatenate([a, b], None)},
    np.stack:        {"1": lambda a, b: np.stack([a, b], axis=1)},
    np.roll:         {"1": lambda x: np.roll(x, 1, axis=1)},
    np.rot90:        {"": np.rot90},
    np.diagonal:     {"": np.diagonal},
    np.diag:         {"of": np.diag, "from": lambda x: np.diag(x[0])},
    np.trace:        {"": np.trace},
    np.tril:         {"": np.tril},
    np.triu:         {"": np.triu},
    np.take:         {"1": lambda x: np.take(x, [0, 1], axis=1)},
    np.dot:          {"matrices": lambda a, b: np.dot(a, b.T), "number": lambda a, b: np.dot(a, b[0, 0])},
    np.inner:        {"": lambda a, b: np.inner(a, b)},
    np.outer:        {"vectors": lambda a, b: np.outer(a[0], b[1])},
    np.vdot:         {"": lambda a, b: np.vdot(a, b)},
    np.vecdot:       {"": lambda a, b: np.vecdot(a, b)},
    np.kron:         {"": lambda a, b: np.kron(a, b)},
    np.linalg.multi_dot: {"": lambda a, b: np.linalg.multi_dot([a, b.T, a])},
    np.linalg.matrix_norm: {"1": lambda x: np.linalg.matrix_norm(x, ord=1)},
    np.tensordot:    {"1": lambda a, b: np.tensordot(a, b, (1, 1)),
                      "2": lambda a, b: np.tensordot(a, b, ((0, 1), (0, 1)))},
    np.einsum:       {"ij,kj->ik": lambda a, b: np.einsum("ij,kj->ik", a, b),
                      "ij,ij": lambda a, b: np.einsum("ij,ij", a, b),
                      "ij,kl->il": lambda a, b: np.einsum("ij,kl->il", a, b),
                      "ii->i": lambda x: np.einsum("ii->i", x[:, 1:5])},
    projected:            {"0": lambda a, b: projected(a, b, axis=0)},
    over_squares:         {"": lambda a, b: over_squares(a, b)},
    direction:            {"0": lambda a: direction(a, np.linalg.norm(a, axis=0), 0, False)},
    composed.softplus:    {"": composed.softplus},
    composed.log_sigmoid: {"": composed.log_sigmoid},
    composed.leaky_relu:  {"": lambda x: composed.leaky_relu(x - 0.6)},
    composed.elu:         {"": lambda x: composed.elu(x - 0.6)},
    composed.gelu:        {"": composed.gelu},
    composed.silu:        {"": composed.silu},
    composed.softmax:     {"last": lambda x: composed.softmax(x), "0": lambda x: composed.softmax(x, axis=0)},
    composed.log_softmax: {"last": lambda x: composed.log_softmax(x)},
    composed.logsumexp:   {"all": lambda x: composed.logsumexp(x), "0": lambda x: composed.logsumexp(x, axis=0)},
}

# What Dask cannot do along more than one chunk: NumPy says so with a warning, or it is refused at an index.
ORDERED = {np.take_along_axis, np.sort, np.partition, np.median, np.quantile, np.percentile, np.interp}
LACKS = f"{DASK} lacks it for a Tensor of shape"
REPEATS = f"at indices that may repeat, by np.add.at, which {DASK} lacks; compute the array first, or index by slices"
UNKNOWN = "does not fit: how many elements a mask selects is not known; use np.where, or compute the array first"
COMPUTED = "something was computed"
LACKING: dict[str, tuple[type[BaseException], str]] = {
    "reshape uneven":     (TypeError, f"reshape: {LACKS} (4, 6); compute the array first"),
    "getitem repeated":   (TypeError, f"getitem: its gradient adds up {REPEATS}"),
    "getitem rows":       (TypeError, f"getitem: its gradient adds up {REPEATS}"),
    "getitem pairs":      (TypeError, f"getitem: {LACKS} (4, 6); compute the array first"),
    "getitem mask":       (ValueError, f"getitem: a Tensor of shape (4, 6) {UNKNOWN}"),
    "getitem lazy mask":  (ValueError, f"getitem: a Tensor of shape (4, 6) {UNKNOWN}"),
    "scatter repeated":   (TypeError, f"scatter: {LACKS} (4, 6); compute the array first"),
    "diagonal":           (TypeError, f"getitem: its gradient adds up {REPEATS}"),
    "diag of":            (TypeError, f"getitem: its gradient adds up {REPEATS}"),
    "diag from":          (TypeError, f"getitem: its gradient adds up {REPEATS}"),
    "rearranged repeated": (TypeError, f"getitem: its gradient adds up {REPEATS}"),
    "trace":              (TypeError, f"getitem: its gradient adds up {REPEATS}"),
    "take 1":             (TypeError, f"getitem: its gradient adds up {REPEATS}"),
}
# fmt: on


def own(function):
    """Whether a row is the project's: other tests may define more while these are collected."""
    return isinstance(function, np.ufunc) or function.__module__.split(".")[0] in ("numpy", "tinygrad_sig")


ELEMENTWISE = {f.__name__: f for f in LOCAL if own(f)}
USES = {f"{f.__name__} {use}".strip(): call for f, calls in CALLS.items() for use, call in calls.items()}


def refuse(*args, **kwargs):
    raise AssertionError(COMPUTED)


def lazily():
    """A context in which whoever computes a Dask array fails."""
    return dask.config.set(scheduler=refuse)


class Count:
    """A scheduler that counts how often something is computed."""

    def __init__(self):
        self.times = 0

    def __call__(self, graph, keys, **kwargs):
        self.times += 1
        return dask.get(graph, keys, **kwargs)


def chunked(array):
    return da.from_array(array, chunks=CHUNKS[: np.ndim(array)])


def weights(shape):
    return np.cos(np.arange(np.prod(shape, dtype=int))).reshape(shape)


def differentiated(f, arguments, upstream=lambda array: array):
    """[f(*arguments), its gradient with respect to each Tensor among them]."""
    y = f(*arguments)
    y.backward(upstream(weights(y.shape)) if y.ndim else None)
    return [y.data, *(x.grad for x in arguments if isinstance(x, Tensor))]


def assert_lazy_and_equal(found, expected, tolerance=TOLERANCE):
    assert [type(array) for array in found] == [da.Array] * len(expected)
    for array, reference in zip(dask.compute(*found, scheduler="synchronous"), expected, strict=True):
        assert (array.shape, array.dtype) == (reference.shape, reference.dtype)
        np.testing.assert_allclose(array, reference, tolerance, tolerance)


def check(name, f, arguments):
    """Forward and backward over Dask arrays equal those over NumPy's, or fail as LACKING says, and compute nothing."""
    expected = differentiated(f, [Tensor(a) for a in arguments])
    if name in LACKING:
        kind, sentence = LACKING[name]
        with lazily(), pytest.raises(kind, match=re.escape(sentence)):
            differentiated(f, [Tensor(chunked(a)) for a in arguments], chunked)
        return
    with lazily():
        by_numpy = differentiated(f, [Tensor(chunked(a)) for a in arguments])
        by_dask = differentiated(f, [Tensor(chunked(a)) for a in arguments], da.asarray)
    assert_lazy_and_equal(by_numpy, expected)
    assert_lazy_and_equal(by_dask, expected)


def test_a_repeated_subscript_needs_equal_chunks_on_both_axes():
    # Dask takes blocks for square that are not, and says so only when it computes.
    with lazily():
        y = np.einsum("ii->i", Tensor(chunked(A))[:, :4])
    with pytest.raises(ValueError, match="dimensions in single operand for collapsing index 'i' don't match"):
        y.numpy()


def elementwise_arguments(function):
    x = A + 1 if function is np.arccosh else A
    return [x, B, A][: len(LOCAL[function])]


def test_the_scheduler_of_these_tests_refuses_to_compute():
    with lazily(), pytest.raises(AssertionError, match=COMPUTED):
        da.ones(3).compute()


def test_every_row_is_called_here():
    composed_here = {f for f in vars(composed).values() if getattr(f, "__module__", "") == composed.__name__}
    activations = {f for f in composed_here if f in CALLS}
    newer = set(SHAPES) - set(CALLS)  # Those that only move elements are nothing to Dask yet.
    newer |= ORDERED
    newer |= {*PRODUCTS, p_norm, cross, log_det, np.linalg.inv, np.linalg.solve, np.linalg.det}  # Dask has few of them.
    assert ({f for f in LINEAR if own(f)} | set(COMPOSED)) - newer == set(CALLS) - (activations - set(LINEAR)) - newer


def test_all_that_dask_lacks_is_tried():
    assert set(LACKING) <= set(ELEMENTWISE) | set(USES)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_elementwise_functions_over_dask_equal_those_over_numpy(name):
    check(name, ELEMENTWISE[name], elementwise_arguments(ELEMENTWISE[name]))


@pytest.mark.parametrize("name", USES)
def test_functions_that_move_gather_and_add_over_dask_equal_those_over_numpy(name):
    call = USES[name]
    names = [p.name for p in signature(call).parameters.values() if p.default is p.empty]
    check(name, call, [A, B] if names[:2] == ["a", "b"] else [A])


@pytest.mark.parametrize("name", sorted(set(ELEMENTWISE) - set(LACKING)))
def test_second_derivatives_over_dask_equal_those_over_numpy(name):
    function = ELEMENTWISE[name]

    def second(arguments):
        inputs = [Tensor(a) for a in arguments]
        function(*inputs).backward(weights(A.shape), create_graph=True)
        firsts = [x.grad for x in inputs]
        for x in inputs:
            x.zero_grad()
        for first in firsts:
            if first.requires_grad:  # The gradient of a sum is a constant, over Dask as over NumPy.
                (first * first).sum().backward()
        return [first.requires_grad for first in firsts], [f.data for f in firsts], [x.grad for x in inputs]

    expected = second(elementwise_arguments(function))
    with lazily():
        found = second([chunked(a) for a in elementwise_arguments(function)])
    assert found[0] == expected[0]
    assert_lazy_and_equal(found[1], expected[1])
    assert [g is None for g in found[2]] == [g is None for g in expected[2]]
    assert_lazy_and_equal(*([g for g in gradients if g is not None] for gradients in (found[2], expected[2])))


def network(x, w, b, v):
    return np.tanh(sigmoid(x @ w + b) @ v).mean()


PARAMETERS = [A, rng.normal(size=(6, 3)), rng.normal(size=3), rng.normal(size=(3, 1))]


@pytest.mark.parametrize("over", [p for p in product((np.asarray, chunked), repeat=4) if chunked in p])
def test_a_network_over_any_mixture_of_arrays_equals_the_one_over_numpy(over):
    expected = differentiated(network, [Tensor(a) for a in PARAMETERS])
    with lazily():
        found = differentiated(network, [Tensor(convert(a)) for convert, a in zip(over, PARAMETERS, strict=True)])
    if over == (np.asarray, np.asarray, np.asarray, chunked):  # x, w and b meet Dask on the way back only.
        assert isinstance(found[1], da.Array)
    assert_lazy_and_equal(found, expected)


def test_a_network_over_a_plain_dask_batch_equals_the_one_over_numpy():
    expected = differentiated(network, [A, *map(Tensor, PARAMETERS[1:])])
    with lazily():
        found = differentiated(network, [chunked(A), *map(Tensor, PARAMETERS[1:])])
    assert_lazy_and_equal(found, expected)


BINARY = [operator.add, operator.sub, operator.mul, operator.truediv, operator.mod, operator.matmul]
BINARY += [np.add, np.subtract, np.multiply, np.divide, np.remainder, np.matmul, np.maximum, np.hypot, np.arctan2]
BINARY += [np.logaddexp, lambda a, b: np.concatenate([a, b]), lambda a, b: np.where(MASK[:, :4], a, b), np.dot]


@pytest.mark.parametrize("f", BINARY)
@pytest.mark.parametrize("tensor_first", [True, False])
@pytest.mark.parametrize("leaf", [np.asarray, chunked])
def test_a_plain_dask_array_is_a_constant_on_either_side(f, tensor_first, leaf):
    square = A[:, :4], B[:, :4]

    def mixed(convert, make):
        x, c = Tensor(make(square[0])), convert(square[1])
        return differentiated(f, [x, c] if tensor_first else [c, x])

    with lazily():
        found = mixed(chunked, leaf)
    assert_lazy_and_equal(found, mixed(np.asarray, np.asarray))


def test_powers_with_plain_exponents_are_lazy():
    with lazily():
        found = differentiated(lambda x: x**3 + 2**x + x**-0.5, [Tensor(chunked(A))])
    assert_lazy_and_equal(found, differentiated(lambda x: x**3 + 2**x + x**-0.5, [Tensor(A)]))


def test_dtypes_over_dask_are_those_over_numpy():
    narrow = A.astype(np.float32)
    f = lambda x: (sigmoid(x * 2 + 1) / 3.0).mean()  # noqa: E731 (used twice, on one line each)
    with lazily():
        found = differentiated(f, [Tensor(chunked(narrow))])
        assert Tensor(da.arange(4)).dtype == Tensor(da.ones(4, dtype=bool)).dtype == np.float64
        with pytest.raises(TypeError, match=r"^Tensor: complex128 data has no gradient"):
            Tensor(da.ones(4, dtype=complex))
        with pytest.raises(TypeError, match=r"^add: complex128 data has no gradient"):
            Tensor(chunked(A)) + da.ones(6, dtype=complex)
    assert [array.dtype for array in found] == [np.float32] * 2
    assert_lazy_and_equal(found, differentiated(f, [Tensor(narrow)]), 1e-6)


@pytest.mark.parametrize("f", [operator.truediv, np.divide])
def test_two_dask_arrays_of_different_dtypes_are_promoted_as_numpys_are(f):
    # 1/b in float32 would be 1e-8 off in the gradient of a, which is float64.
    arguments = A, B.astype(np.float32)
    with lazily():
        found = differentiated(f, [Tensor(chunked(a)) for a in arguments])
    assert_lazy_and_equal(found, differentiated(f, [Tensor(a) for a in arguments]), 1e-15)


def test_names_texts_and_errors_compute_nothing():
    with lazily():
        x = Tensor(chunked(A), name="x")
        y = network(x, *map(Tensor, PARAMETERS[1:]))
        y.backward()
        assert repr(x).startswith("Tensor(dask.array<array, shape=(4, 6), dtype=float64")
        assert "name='x', grad=dask.array<" in f"{x}"
        assert repr(y).startswith("Tensor(dask.array<mean_agg-aggregate, shape=(), ")
        with pytest.raises(
            ValueError, match=r"^add: a Tensor of shape \(4, 6\) named 'x' and a Tensor of shape \(5,\)"
        ):
            x + np.ones(5)
        with pytest.raises(ValueError, match=r"^matmul: .* and a Tensor of shape \(5, 1\) do not fit"):
            x @ Tensor(da.ones((5, 1)))
        with pytest.raises(ValueError, match=r"^backward: a Tensor of shape \(4, 6\) is no scalar"):
            (x * 2).backward()
        with pytest.raises(ValueError, match=r"^backward: an upstream gradient of shape \(2,\) does not fit"):
            (x * 2).backward(da.ones(2))
        with pytest.raises(ValueError, match=r"^bool: a Tensor of shape \(4, 6\) named 'x' has no single truth value"):
            bool(x)
        with pytest.raises(TypeError, match=r"^float: a Tensor of shape \(4, 6\) named 'x' would lose its gradient"):
            float(x)
        with pytest.raises(TypeError, match=r"^i0: it has no derivative here"):
            np.i0(x)


def test_a_trace_is_built_without_computing():
    x, w = Tensor(chunked(A), name="x"), Tensor(PARAMETERS[3][:2] * np.ones((2, 1)), name="w")
    with lazily():
        found = trace(sigmoid(x[:, :2] @ w).mean())
        assert repr(found) == "<GradientTrace of v4: 5 steps>"
        assert [str(step) for step in found] == ["v4 → v3", "v3 → v2", "v2 → v1", "v2 → w", "v1 → x"]
        assert found[2].formula == "g @ wᵀ"
        assert found.paths("x").count == 1
        assert isinstance(found.gradient("w"), da.Array)
    assert len(str(found).splitlines()) == 1 + 1 + 5 + 2 + 1  # The last one says what g is.
    expected = trace(sigmoid(Tensor(A)[:, :2] @ Tensor(w.data, name="w")).mean()).gradient("w")
    np.testing.assert_allclose(found.gradient("w").compute(scheduler="synchronous"), expected, TOLERANCE)


def test_leaves_accumulate_take_new_data_and_detach_without_computing():
    with lazily():
        x = Tensor(chunked(A))
        (x * x).sum().backward()
        (x * 3).sum().backward()
        twice = x.grad
        x.zero_grad()
        assert x.grad is None
        x.data = chunked(B)
        detached = (x * 2).detach()
        with no_grad():
            assert not (x * 2).requires_grad
        assert not detached.requires_grad
    assert_lazy_and_equal([twice, x.data, detached.data], [2 * A + 3, B, 2 * B])


VECTOR = A[0, :4]


def cubic(x):
    return (sigmoid(x) * x**3).sum() + x[0] * x[1]


@pytest.mark.parametrize(
    "derivative",
    [
        grad(cubic),
        value_and_grad(cubic),
        grad(lambda x: grad(cubic)(x).sum()),
        jacobian(lambda x: np.sin(x) * x[0]),
        hessian(cubic),
        lambda x: jvp(cubic, (x,), (np.cos(x),)),
        lambda x: jvp(lambda x: np.exp(x * x.sum()), (x,), (np.cos(x),)),
        lambda x: vjp(lambda x: np.exp(x * x.sum()), x)[1](np.cos(x))[0],
    ],
)
def test_functions_of_functions_over_dask_are_lazy_and_right(derivative):
    expected = derivative(VECTOR)
    with lazily():
        found = derivative(da.from_array(VECTOR, chunks=2))
    if not isinstance(expected, tuple):
        found, expected = [found], [expected]
    assert_lazy_and_equal(list(found), expected)


def test_gradients_have_the_structure_of_lazy_arguments():
    def loss(p, x):
        return network(x, p["w"], *p["rest"])

    arguments = {"w": PARAMETERS[1], "rest": PARAMETERS[2:]}
    expected = grad(loss)(arguments, A)
    with lazily():
        found = grad(loss)(arguments, chunked(A))
    assert_lazy_and_equal([found["w"], *found["rest"]], [expected["w"], *expected["rest"]])


def test_what_is_asked_for_is_computed():
    scheduler = Count()
    with dask.config.set(scheduler=scheduler):
        x = Tensor(chunked(A))
        y = (x * x).mean()
        assert scheduler.times == 0
        assert y.item() == pytest.approx((A * A).mean())
        assert bool(y)
        assert f"{y:.4f}" == f"{(A * A).mean():.4f}"
        assert scheduler.times == 3
        assert type(x.numpy()) is np.ndarray
        np.testing.assert_array_equal(x.numpy(), A)
        np.testing.assert_array_equal((x > 0.5).compute(), MASK)
        assert scheduler.times == 6


def test_a_leaf_over_dask_can_be_pickled():
    with lazily():
        x = Tensor(chunked(A), name="x")
        (x * x).sum().backward()
        copy = pickle.loads(pickle.dumps(x))
    assert copy.name == "x"
    assert_lazy_and_equal([copy.data, copy.grad], [A, 2 * A])


LIMIT = 60e6
ROWS_OF_BATCH, WIDTH, HIDDEN = 100_000, 256, 16


def block(block_info=None):
    """One chunk of the batch, made when it is needed, from a seed that is its place."""
    place = block_info[None]
    return np.random.default_rng(place["chunk-location"]).uniform(-1, 1, place["chunk-shape"])


def squared_error(x, w, b, v, c):
    d = np.tanh(sigmoid(x @ w + b) @ v + c) - 0.5
    return (d * d).mean()


def linear_at_the_end(x, w, b, v, c):
    # The gradient of the mean goes straight into a product: it must have the chunks of the batch by then.
    return (sigmoid(x @ w + b) @ v + c).mean()


def by_backward(loss, x, parameters):
    leaves = [Tensor(p) for p in parameters]
    loss(x, *leaves).backward()
    return [leaf.grad for leaf in leaves]


def by_grad(loss, x, parameters):
    return list(grad(lambda p: loss(x, *p))(parameters))


def peak_of(compute):
    """The result, and the most memory that was in use at one time while it was computed."""
    tracemalloc.start()
    try:
        return compute(), tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("gradients", [by_backward, by_grad])
@pytest.mark.parametrize("loss", [squared_error, linear_at_the_end])
def test_gradients_over_a_batch_larger_than_the_memory_it_is_given(loss, gradients):
    chunks = ((5000,) * (ROWS_OF_BATCH // 5000), (WIDTH,))
    batch = da.map_blocks(block, chunks=chunks, dtype=float, meta=np.empty((0, 0)))
    assert batch.nbytes > 3 * LIMIT
    shapes = (WIDTH, HIDDEN), HIDDEN, (HIDDEN, 1), 1
    parameters = [np.random.default_rng(1).normal(size=shape) / 4 for shape in shapes]
    with dask.config.set(scheduler="synchronous"):
        found, peak = peak_of(lambda: dask.compute(*gradients(loss, batch, parameters)))
        expected, peak_over_numpy = peak_of(lambda: gradients(loss, batch.compute(), parameters))
    assert peak < LIMIT < peak_over_numpy
    for gradient, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, reference, 1e-10, 1e-14)


@pytest.mark.slow
def test_gradients_on_a_cluster_of_two_processes(tmp_path):
    distributed = pytest.importorskip("distributed", reason="distributed is not installed; the test extra has it")
    batch = da.random.default_rng(1).uniform(-1, 1, (8000, 32), chunks=(500, 32))
    parameters = [np.random.default_rng(2).normal(size=shape) for shape in ((32, 8), 8, (8, 1), 1)]
    expected = by_backward(squared_error, batch.compute(scheduler="synchronous"), parameters)
    settings = {"temporary-directory": str(tmp_path), "distributed.admin.system-monitor.disk": False}
    with (
        dask.config.set(settings),
        distributed.LocalCluster(n_workers=2, processes=True, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster) as client,
    ):
        workers = set(client.scheduler_info()["workers"])
        with distributed.get_task_stream(client) as stream:
            found = client.gather(client.compute(by_backward(squared_error, batch, parameters)))
        assert len(workers) == 2
        assert {task["worker"] for task in stream.data} == workers
    for gradient, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(gradient, reference, 1e-10, 1e-14)


class Tiny(NDArrayOperatorsMixin):
    """A duck array that has all of NumPy's functions but those in `lacks`."""

    lacks: tuple = ()

    def __init__(self, array):
        self.array = np.asarray(array)

    shape = property(lambda self: self.array.shape)
    ndim = property(lambda self: self.array.ndim)
    size = property(lambda self: self.array.size)
    dtype = property(lambda self: self.array.dtype)
    T = property(lambda self: type(self)(self.array.T))

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)

    def __getitem__(self, key):
        return type(self)(self.array[key])

    def astype(self, dtype):
        return type(self)(self.array.astype(dtype))

    def sum(self, axis=None, keepdims=False):
        return np.sum(self, axis=axis, keepdims=keepdims)

    def __array_ufunc__(self, ufunc, how, *args, **kwargs):
        if ufunc in self.lacks or how != "__call__" or any(isinstance(a, Tensor) for a in args):
            return NotImplemented
        return type(self)(ufunc(*map(bare, args), **kwargs))

    def __array_function__(self, function, types, args, kwargs):
        if function in self.lacks or any(issubclass(t, Tensor) for t in types):
            return NotImplemented
        result = function(*map(bare, args), **kwargs)
        return type(self)(result) if isinstance(result, np.ndarray | np.generic) else result

    def __repr__(self):
        return "Tiny"


def bare(value):
    return value.array if isinstance(value, Tiny) else value


def lacking(*functions):
    """The same array type without these functions."""
    return type("Lacking", (Tiny,), {"lacks": functions, "__module__": "shop", "__qualname__": "Lacking"})


@pytest.mark.parametrize("over", [p for p in product((np.asarray, Tiny), repeat=4) if Tiny in p])
def test_a_network_over_another_duck_array_equals_the_one_over_numpy(over):
    expected = differentiated(network, [Tensor(a) for a in PARAMETERS])
    found = differentiated(network, [Tensor(convert(a)) for convert, a in zip(over, PARAMETERS, strict=True)])
    assert {type(array) for array in found} == {Tiny}
    for array, reference in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.array(array), reference, TOLERANCE)


@pytest.mark.parametrize(
    ("lacks", "act", "sentence"),
    [
        (np.tanh, np.tanh, "tanh: shop.Lacking lacks it for a Tensor of shape (4, 6); compute the array first"),
        (np.tanh, lambda x: x.tanh(), "tanh: shop.Lacking lacks it for a Tensor of shape (4, 6); compute the array"),
        (np.exp, sigmoid, "sigmoid: shop.Lacking lacks it for a Tensor of shape (4, 6); compute the array first"),
        (np.add, lambda x: x + 1, "add: shop.Lacking lacks it for a Tensor of shape (4, 6) and a Tensor of shape ()"),
        (np.matmul, lambda x: A.T @ x, "matmul: shop.Lacking lacks it for a Tensor of shape (6, 4) and a Tensor of "),
        (np.mean, lambda x: x.mean(), "mean: shop.Lacking lacks it for a Tensor of shape (4, 6); compute the array"),
        # What only the gradient needs is missed only there; NumPy's own sentence has both names.
        (np.sign, lambda x: relu(x).sum().backward(), "__array_ufunc__(<ufunc 'sign'>"),
        (np.flip, lambda x: np.cumsum(x, 0).sum().backward(), "no implementation found for 'numpy.flip'"),
        (
            np.add,
            lambda x: x[[0, 0]].sum().backward(),
            "getitem: its gradient adds up at indices that may repeat, by np.add.at, which shop.Lacking lacks; "
            "compute the array first, or index by slices",
        ),
    ],
)
def test_what_a_duck_array_lacks_is_reported_by_name(lacks, act, sentence):
    with pytest.raises(TypeError, match=re.escape(sentence)):
        act(Tensor(lacking(lacks)(A)))


def test_only_duck_arrays_are_said_to_lack_a_function():
    with pytest.raises(TypeError, match=r"^sum: 'str' object cannot be interpreted as an integer"):
        np.sum(Tensor(A), axis="rows")


def test_a_gradient_that_dask_cannot_put_back_is_refused_by_name():
    x = Tensor(chunked(A))
    y = x[-1, 1::-2]
    with pytest.raises(TypeError, match=r"^getitem: dask\.array\.core\.Array cannot put a gradient back at .*"):
        y.backward(np.ones(y.shape))


def test_data_of_dasks_that_is_changed_after_the_forward_pass_changes_nothing():
    data, factor = chunked(A), chunked(A)
    x = Tensor(data)
    y = (x * x * factor).sum()
    data[0, 1] = factor[0, 1] = 100.0
    y.backward()
    np.testing.assert_allclose(np.asarray(x.grad), 2 * A * A)
