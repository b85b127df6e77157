"""One lane for every spelling: the same node, whichever way a call is written, and nothing is looked up twice."""

import inspect
import subprocess
import sys
import warnings

import numpy as np
import pytest

from tinygrad_sig import Tensor, grad, relu, sigmoid, trace
from tinygrad_sig.calculus.arguments import NO_VALUE
from tinygrad_sig.calculus.compositions import COMPOSED
from tinygrad_sig.calculus.rows import ROWS
from tinygrad_sig.engine.recording import readers
from tinygrad_sig.transforms.functional import live

X = np.array([[0.3, -1.2, 2.0], [1.5, 0.7, -0.4], [0.9, -0.8, 1.1]])
W = np.arange(9.0).reshape(3, 3)

SPELLINGS = {
    "multiply": [
        *(
            lambda t: t * 2.0,
            lambda t: 2.0 * t,
            lambda t: t * 2,
            lambda t: t * np.float64(2),
            lambda t: np.float64(2) * t,
        ),
        *(lambda t: np.multiply(t, 2.0), lambda t: np.multiply(2, t), lambda t: t * Tensor(2.0, requires_grad=False)),
    ],
    "subtract": [lambda t: t - W, lambda t: np.subtract(t, W), lambda t: t - W.tolist(), lambda t: t.__sub__(W)],
    "reflected": [lambda t: W - t, lambda t: np.subtract(W, t), lambda t: W.tolist() - t, lambda t: t.__rsub__(W)],
    "exp": [lambda t: t.exp(), lambda t: np.exp(t), lambda t: np.exp(t, out=None), lambda t: t.exp(where=True)],
    "sigmoid": [sigmoid, lambda t: t.sigmoid()],
    "relu": [relu, lambda t: t.relu()],
    "sum": [lambda t: t.sum(axis=0), lambda t: np.sum(t, axis=0), lambda t: np.sum(t, 0), lambda t: t.sum(0)],
    "transpose": [lambda t: t.T, lambda t: np.transpose(t), lambda t: t.transpose(), lambda t: t.transpose(1, 0)],
    "reshape": [lambda t: t.reshape(-1), lambda t: t.reshape((-1,)), lambda t: np.reshape(t, -1), lambda t: t.ravel()],
    "getitem": [lambda t: t[1], lambda t: t.__getitem__(1)],
}


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_makes_the_same_node(name):
    found = []
    for spelling in SPELLINGS[name]:
        t = Tensor(X)
        y = spelling(t)
        y.backward(np.ones(y.shape))
        found.append((y.op, y.data.tolist(), t.grad.tolist()))
    assert all(one == found[0] for one in found)


def test_no_signature_is_inspected_at_call_time(monkeypatch):
    def refuse(*args, **params):
        raise AssertionError("a signature was inspected")

    monkeypatch.setattr(inspect, "signature", refuse)
    monkeypatch.setattr(inspect.Signature, "from_callable", refuse)
    monkeypatch.setattr("tinygrad_sig.calculus.arguments.signature", refuse)
    for spellings in SPELLINGS.values():
        for spelling in spellings:
            spelling(Tensor(X))
    t = Tensor(X)
    for y in (np.concatenate([t, t], axis=1), np.where(X > 0, t, 0.0), np.clip(t, -1, 1), np.linalg.norm(t, axis=0)):
        y.backward(np.ones(y.shape))


def test_every_row_and_composition_has_its_lane_from_the_start():
    code = "from tinygrad_sig.engine.lanes import COMPOSED, LANES, ROWS; assert {*ROWS, *COMPOSED} <= LANES.keys()"
    subprocess.run([sys.executable, "-c", code], check=True)


def numpys_own_defaults():
    """Every function of NumPy's that has a lane, with each parameter that has a default, and that default."""
    for function in {**ROWS, **COMPOSED}:
        if isinstance(function, np.ufunc):
            names = {"out": None, "where": True, "dtype": None} if function.signature is None else {"out": None}
            yield from ((function, name, value) for name, value in names.items())
        elif hasattr(function, "_implementation"):
            try:
                parameters = inspect.signature(function).parameters.values()
            except ValueError:  # Written in C, in an older NumPy.
                continue
            for p in parameters:
                if p.default is not p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY):
                    yield function, p.name, p.default
            if any(p.name == "keepdims" for p in parameters):
                yield function, "keepdims", NO_VALUE


ARGUMENTS = {
    **dict.fromkeys((np.linalg.solve, np.dot, np.inner, np.outer, np.tensordot, np.kron, np.append, np.cross), (X, W)),
    **dict.fromkeys((np.linalg.tensordot, np.linalg.vecdot, np.linalg.cross), (X, W)),
    **{f: ([X, W],) for f in (np.concatenate, np.stack, np.hstack, np.vstack, np.dstack, np.column_stack, np.block)},
    **dict.fromkeys((np.roll, np.rollaxis, np.delete, np.repeat, np.pad, np.take, np.partition), (X, 1)),
    **dict.fromkeys((np.split, np.array_split), (X, 3)),
    **dict.fromkeys((np.quantile, np.percentile), (X, 0.3)),
    **({np.clip: (X, -1, 1)} if np.lib.NumpyVersion(np.__version__) < "2.1.0" else {}),
    np.reshape: (X, (9,)),
    np.broadcast_to: (X, (2, 3, 3)),
    np.insert: (X, 1, W[0]),
    np.select: ([X > 0], [X]),
    np.take_along_axis: (X, np.argsort(X)),
    np.interp: (X, W[:, 0], W[:, 1]),
    np.linspace: (X, W),
    np.einsum: ("ij,jk", X, W),
    np.linalg.multi_dot: ([X, W, X],),
    **{getattr(np, name): (X[0],) for name in ("cumulative_sum", "cumulative_prod") if hasattr(np, name)},
    **({np.astype: (X, np.float32)} if hasattr(np, "astype") else {}),
}


def called(function, **params):
    """The same call with arrays and with Tensors: its result, or the error."""
    args = ARGUMENTS.get(function)
    if args is None:
        arity = function.nin if isinstance(function, np.ufunc) else 1
        args = (np.abs(X) / 4 + (function is np.arccosh), np.abs(W) / 9 + 0.5)[:arity]

    def tensors(value):
        if isinstance(value, list):
            return list(map(tensors, value))
        return Tensor(value) if isinstance(value, np.ndarray) and value.dtype == float else value

    results = []
    for given in (args, list(map(tensors, args))):
        try:
            results.append(function(*given, **params))
        except Exception as error:
            results.append(error)
    return results


def assert_same(one, other):
    for a, b in zip(*(y if isinstance(y, tuple | list) else [y] for y in (one, other)), strict=True):
        np.testing.assert_array_equal(getattr(a, "data", a), getattr(b, "data", b))
        assert type(a) is type(b)


DEFAULTS = list(numpys_own_defaults())


@pytest.mark.parametrize(
    ("function", "name", "value"), DEFAULTS, ids=[f"{f.__name__}-{name}" for f, name, _ in DEFAULTS]
)
def test_numpys_own_default_given_explicitly_changes_nothing(function, name, value):
    """keepdims=np._NoValue, which wrappers pass on, was once taken for true."""
    expected = called(function)[1]
    if isinstance(expected, Exception):
        raise expected
    assert_same(called(function, **{name: value})[1], expected)


OTHERS = list(dict.fromkeys((f, name) for f, own, _ in DEFAULTS for name in (own, "foo")))


@pytest.mark.parametrize(("function", "name"), OTHERS, ids=[f"{f.__name__}-{name}" for f, name in OTHERS])
def test_none_is_a_parameter_only_where_numpy_takes_it(function, name):
    """np.sum(x, where=None) is 0, and the sum of a Tensor was once that of all its elements."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        numpys, ours = called(function, **{name: None})
    if not isinstance(ours, Exception):
        assert not isinstance(numpys, Exception) or (function is np.clip and name != "foo")
        if not isinstance(numpys, Exception):
            plain = [y if isinstance(y, tuple | list) else [y] for y in (numpys, ours)]
            for a, b in zip(*plain, strict=True):
                np.testing.assert_allclose(getattr(b, "data", b), a, rtol=1e-15, atol=1e-15)


def test_keepdims_without_a_value_is_false():
    gradient = grad(lambda t: np.sum(np.sum(t, axis=1, keepdims=np._NoValue) * W))(X)
    np.testing.assert_array_equal(gradient, grad(lambda t: np.sum(np.sum(t, axis=1) * W))(X))


# What an array has and a Tensor does not: it must say so itself, with the way out.
@pytest.mark.parametrize("name", [n for n in dir(np.ndarray) if n[0] != "_" and n != "ptp"])
def test_every_attribute_of_an_array_works_as_numpys_or_is_refused_in_one_sentence(name):
    t = Tensor(X)
    if not hasattr(t, name):
        with pytest.raises(
            AttributeError, match=rf"^{name}: a Tensor of shape \(3, 3\) has none, for it is a node of a g"
        ):
            getattr(t, name)
        return
    found = getattr(t, name)
    expected, further = getattr(X, name), {
        "astype": (np.float32,), "item": (4,), "repeat": (2,), "reshape": (-1,), "searchsorted": (), "swapaxes": (0, 1),
        "take": ([0, 4],), "dot": (W,), "clip": (-1, 1), "compress": ([True, False, True], 0), "argpartition": (1,),
    }.get(name, ())  # fmt: skip
    if name == "searchsorted":
        t, expected, further = Tensor(np.sort(X[0])), np.sort(X[0]).searchsorted, (0.5,)
        found = t.searchsorted
    if callable(found):
        found, expected = found(*further), expected(*further)
    for a, b in zip(*(y if isinstance(y, tuple | list) else [y] for y in (found, expected)), strict=True):
        np.testing.assert_array_equal(getattr(a, "data", a), b)


JOINING = "use np.stack or np.concatenate"


@pytest.mark.parametrize(
    "call",
    [
        lambda t, u: np.array([t, u]),
        lambda t, u: np.array([[t, 1.0], [u, 2.0]]),
        lambda t, u: np.asarray([t, u]),
        lambda t, u: np.mean([t, u]),
        lambda t, u: np.sum([t, u]),
        lambda t, u: np.max([t, u]),
        lambda t, u: np.r_[t],
        lambda t, u: np.exp([t, u]),
        lambda t, u: np.dot([t, u], [1, 2]),
        lambda t, u: np.full(3, t),
        lambda t, u: np.zeros(3).__setitem__(slice(0, 2), np.stack([t, u])),
    ],
)
def test_tensors_in_a_list_are_refused_with_the_way_to_join_them(call):
    with pytest.raises(TypeError, match=JOINING):
        call(Tensor(1.0), Tensor(2.0))


@pytest.mark.parametrize(
    "call", [lambda z, t: z.__setitem__(0, t), lambda z, t: z.fill(t), lambda z, t: np.fromiter([t], float)]
)
def test_a_tensor_for_one_element_of_an_array_is_refused_and_numpys_cause_says_why(call):
    """NumPy puts its own sentence in front for everything that can be indexed."""
    with pytest.raises(ValueError, match="setting an array element") as caught:
        call(np.zeros(2), Tensor(1.0))
    assert JOINING in str(caught.value.__cause__)


def test_an_array_that_is_written_to_is_never_a_nodes_own():
    t = Tensor(X)
    y = t * 1
    for target in (t, y):
        with pytest.raises(ValueError, match="read-only"):
            np.floor(W, out=target.data)
        with pytest.raises((ValueError, TypeError)):
            np.floor(target, out=target)
    np.testing.assert_array_equal(y.data, X)


def test_the_derivative_of_a_function_without_one_is_zero():
    for f in (np.floor, np.sign, np.round, lambda x: x > 0, np.argmax, lambda x: 5.0, lambda x: np.zeros(3)):
        np.testing.assert_array_equal(grad(lambda x, f=f: np.sum(f(x)))(X), np.zeros_like(X))


LOSSY = (
    lambda x: x.data,
    lambda x: x.item(0),
    lambda x: x.numpy(),
    lambda x: sum(x[0].tolist()),
    lambda x: (2 * x).data,
)


@pytest.mark.parametrize("lossy", LOSSY)
def test_a_result_whose_derivative_was_lost_is_refused(lossy):
    with pytest.raises(TypeError, match="which has lost its derivative"):
        grad(lambda x: np.sum(lossy(x)))(X)
    assert not readers
    assert not live


def test_reading_a_value_on_the_way_is_no_loss():
    seen = []

    def f(x):
        seen.append(x.data)
        return np.sum(x * x)

    np.testing.assert_array_equal(grad(f)(X), 2 * X)


def test_a_constants_new_data_does_not_reach_an_older_graph():
    c, x = Tensor(2.0, name="c", requires_grad=False), Tensor(3.0, name="x")
    y = c * x
    unnamed = Tensor(2.0, requires_grad=False)
    z = unnamed * x
    c.data = unnamed.data = 5.0
    assert [step.local for step in trace(y)] == [2.0]
    assert "= 6.000000" in str(trace(y))
    assert str(trace(z)).startswith("v1 = 2·x = 6.000000")
    z.backward()
    assert x.grad == 2.0


@pytest.mark.parametrize("bad", [5, ("w", 1), b"w"])
def test_a_name_is_text(bad):
    with pytest.raises(TypeError, match="is no text; give a str, or None"):
        Tensor(1.0, name=bad)
    t = Tensor(1.0)
    with pytest.raises(TypeError, match="is no text"):
        t.name = bad


def test_a_slice_whose_bounds_are_arrays_is_the_nodes_own():
    bound, t = np.array(2), Tensor(X[0])
    y = t[:bound]
    bound[...] = 1
    y.backward(np.ones(2))
    assert t.grad.tolist() == [1.0, 1.0, 0.0]


def test_labelled_arrays_are_left_the_word():
    class Labelled:
        """As in pandas and xarray: it knows ufuncs, and names its rows."""

        def __array_ufunc__(self, ufunc, how, *inputs, **params):
            return "mine"

        def __rmul__(self, other):
            return "mine"

        def __radd__(self, other):
            return "mine"

    for t in (Tensor(2.0), Tensor(X)):
        assert t * Labelled() == t + Labelled() == np.multiply(t, Labelled()) == np.exp(Labelled()) == "mine"


def test_the_error_for_a_function_without_a_row_names_define_and_data():
    with pytest.raises(TypeError, match=r"^convolve: .* give it one with define, or use t\.data"):
        np.convolve(Tensor(X[0]), [1.0])


def test_joining_many_is_linear():
    """The work for each of n arrays does not grow with n: counted in calls, not in seconds."""
    counts = []
    for n in (50, 100):
        parts = [Tensor(X[0]) for _ in range(n)]
        steps = trace(np.concatenate(parts), np.ones(3 * n))
        counts.append(len(steps))
        assert all(step.downstream.tolist() == [1.0] * 3 for step in steps)
    assert counts == [50, 100]


def test_gradients_of_a_pass_inside_a_function_are_plain_and_refused_as_its_result():
    def inner(x):
        y = x * x
        y.backward()
        return x.grad

    with pytest.raises(TypeError, match="which has lost its derivative"):
        grad(inner)(3.0)
    with pytest.raises(TypeError, match="which has lost its derivative"):
        grad(lambda x: trace(x * x).gradient("v1"))(3.0)
    assert grad(lambda x: grad(lambda y: y * y)(x))(3.0) == 2.0


def test_weights_that_are_counted_are_no_step():
    with pytest.raises(TypeError, match="bincount: it has no derivative here"):
        np.bincount([0, 1, 1], weights=Tensor(X[0]))


def test_copies_and_real_parts_are_the_same_numbers_with_their_gradient():
    for f in (np.copy, np.real, np.conj, lambda x: x.copy(), lambda x: x.conj(), lambda x: x.real):
        np.testing.assert_array_equal(grad(lambda x, f=f: np.sum(f(x) * W))(X), W)
