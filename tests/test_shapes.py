"""Functions that join, split, repeat and move: their values are NumPy's, and so is what they refuse.

All of them are linear in the arrays that they are given. So every call is held against NumPy twice: its values, and its
gradient, of which ⟨w, f(v)⟩ = ⟨gradient of ⟨w, f⟩, v⟩ must hold for a v of other numbers. The nonlinear functions made
of them are checked by differences, to second order and in both modes.
"""

from array import array
from collections import deque

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import elementwise_grad

from tinygrad_sig import Tensor, check_gradients, grad
from tinygrad_sig.calculus.compositions.shapes import SHAPES

rng = np.random.default_rng(20240229)
# A number, a vector, a row, matrices, cubes, and empty ones.
N, V, R, M, S, C, K, E, F = (
    rng.normal(size=shape) for shape in ((), (3,), (1, 2), (3, 2), (3, 3), (2, 3, 2), (2, 2, 4), (0,), (2, 0, 3))
)
ANY = (N, V, R, M, C, E, F)
T = 1.5  # Numbers stand for constants: only floating arrays become Tensors.


def call(*args, **kwargs):
    return args, kwargs


def over_axes(*arrays):
    return [(a, axis) for a in arrays for axis in range(-a.ndim, a.ndim)]


def with_axis(f, *rest):
    """Calls of every array over every axis of it, and over None."""
    return [call(a, *rest, axis) for a in f for axis in (None, *range(-a.ndim, a.ndim))]


JOINED = [(M, R, M), [V, V], [V], [M, [[T, 2]]], [M, np.ones((1, 2), int)], [C, C], [E, V], [F, F], [M, [R[0]]]]
STACKED = [
    [M, M],
    [N, N],
    (V, S[0]),
    [C],
    [V, [1.0, 2.0, 3.0]],
    [E, E],
    [N, T, 2],
    [R[0], [N, 2.0]],
    ([T, [1]][1], V[:1]),
]
CUTS = (1, 2, [1], (0, 2), [2, 1], [-1], [5], np.array([1, 1]), [])
COPIED = ("edge", "reflect", "symmetric", "wrap")
WIDTHS = (0, 1, (2, 1), 5)

# fmt: off
# The formatter would break the columns: the function, and how it is called.
CALLS = {
    **{key: [call(a) for a in ANY] for key in ("copy", "real", "conjugate")},
    "ravel":        [call(a) for a in ANY],
    "moveaxis":     [call(a, i, j) for a in (V, M, C, F) for i in range(a.ndim) for j in range(-a.ndim, a.ndim)]
                    + [call(C, (0, 1), (-1, 0)), call(C, [2, 0], [0, 1]), call(N, (), ()), call(C, np.array([0]), 2)],
    "rollaxis":     [call(a, i, j) for a in (V, M, C, F) for i in range(-a.ndim, a.ndim) for j in range(a.ndim + 1)]
                    + [call(C, 2)],
    "permute_dims": [call(a) for a in ANY] + [call(C, (2, 0, 1)), call(C, [-1, 1, 0])],
    "matrix_transpose": [call(a) for a in (R, M, C, F)],
    "linalg.matrix_transpose": [call(a) for a in (M, C)],
    "atleast_1d":   [call(a) for a in ANY] + [call(N, V, C), call(T, N), call(1, V, [1.0, 2.0])],
    "atleast_2d":   [call(a) for a in ANY] + [call(N, V, C), call([1, 2], V)],
    "atleast_3d":   [call(a) for a in (*ANY, K[None])] + [call(N, V, C), call([1, 2], V)],
    "concatenate":  [call(a, None) for a in (*JOINED, [M, S], [N, V, T])] + [call(a) for a in JOINED]
                    + [call([M, S], axis=1), call([C, C], -2), call([C, C], 2), call([F, F], 1), call(M), call(C, 1)],
    "concat":       [call([M, S], axis=1)],
    "stack":        [call(a, axis) for a in STACKED for axis in (0, -1)] + [call(M), call(C, 1), call([M, M, M], -2)],
    "hstack":       [call(a) for a in (*STACKED, [M, S], [F, F], [N, V], [C, C], M, C, V, [E, N])],
    "vstack":       [call(a) for a in (*STACKED, [M, R], [R[0], M], [C, C], M, C, V)],
    "dstack":       [call(a) for a in (*STACKED, [M, C[:1].reshape(3, 2)], [C, M[:2, :, None][:, [0, 1, 1]]], M, V)],
    "column_stack": [call(a) for a in (*STACKED, [V, M], [M, V], [N, R], [C, C], M, [E, E])],
    "append":       [call(a, b, None) for a, b in ((M, V), (N, N), (V, T), (V, [1, 2]), (E, V), ([1.0], N))]
                    + [call(M, R, 0), call(M, S, 1), call(C, C, -1), call(M, [[1.0, 2]], axis=0), call(M, [R[0]], 0)],
    "block":        [call([M, S]), call([[M, S], [np.ones((2, 5), int)]]), call([V, N]), call([[V], [V]]), call(M),
                     call([N, 1.0]), call([[N, 1.0], [T, N]]), call([[C, C], [C, C]]), call([[[N]]]), call([E, V])],
    "insert":       [call(*a) for a in ((V, 1, N), (V, -1, N), (V, [0, 2], S[0, :2]), (V, 3, [T, N]), (V, [1, 1], T),
                     (M, 1, R[0], 0), (M, 1, V, 1), (M, [0, 2], R, 0), (M, 2, N), (M, slice(0, 2), N, 1), (E, 0, N))],
    "delete":       [call(*a) for a in ((V, 1), (V, -1), (V, [0, 0]), (V, [True, False, True]), (M, 2), (M, 1, 0),
                     (M, [0, -1], -1), (C, slice(0, 2), 1), (C, [], 2), (M, slice(None), 0), (V, np.array([0, 2])))],
    "split":        [call(C, 2), call(V, 3), call(K, 4, -1), call(E, 1), call(F, 2)]
                    + [call(a, c, axis) for a, axis in over_axes(M, C, F) for c in CUTS[2:]],
    "array_split":  [call(a, c, axis) for a, axis in over_axes(V, M, C, F) for c in (*CUTS, 4)],
    "hsplit":       [call(a, c) for a in (V, M, C, F) for c in (1, [1], [1, 2], [-1])] + [call(K, 2)],
    "vsplit":       [call(a, c) for a in (M, C, F) for c in (1, [1], [1, 2], [-1])] + [call(K, 2)],
    "dsplit":       [call(a, c) for a in (C, F) for c in (1, [1], [1, 2], [-1])] + [call(K, 2)],
    "unstack":      [call(a, axis=axis) for a, axis in over_axes(V, M, C)] + [call(C), call(F), call(F, axis=-1)],
    "repeat":       with_axis(ANY, 2) + with_axis((M, C), 0) + [call(N, 3, 0), call(N, 2, -1)]
                    + [call(V, [0, 2, 1]), call(M, [1, 0, 3], 0), call(C, np.array([2, 1]), -1), call(M, [3], 1)],
    "tile":         [call(a, r) for a in ANY for r in (2, 0, (2,), (1, 2), [2, 1, 3], (2, 1, 1, 2), ())],
    "roll":         with_axis(ANY, 1) + with_axis((M, C), -7) + with_axis((S, K), 2)
                    + [call(C, (1, -2), (0, 2)), call(C, 1, (0, 1)), call(M, (1, 2), 0), call(C, (1, 1, 1), (0, 1, 0))],
    "rot90":        [call(a, k, axes) for a in (M, C, F) for k in range(-1, 5) for axes in ((0, 1), (1, 0), (-1, 0))]
                    + [call(M), call(C, axes=[1, 2])],
    "flipud":       [call(a) for a in ANY[1:]],
    "fliplr":       [call(a) for a in (R, M, C, F)],
    "diagonal":     [call(a, k) for a in (M, S, C, K, F) for k in range(-4, 5)]
                    + [call(C, k, i, j) for k in (-1, 0, 1) for i in range(3) for j in range(-3, 3) if i != j % 3],
    "linalg.diagonal": [call(a, offset=k) for a in (M, C, F) for k in (-1, 0, 1)] + [call(C)],
    "trace":        [call(a, k) for a in (M, S, C, F) for k in (-4, -1, 0, 1)] + [call(C, -1, 1, 2), call(C, 0, 2, 0)],
    "linalg.trace": [call(a, offset=k) for a in (M, C, F) for k in (-1, 0, 1)],
    "diag":         [call(a, k) for a in (V, M, S, E) for k in range(-4, 5)],
    "diagflat":     [call(a, k) for a in (N, V, M, C, E) for k in (-1, 0, 2)],
    "tril":         [call(a, k) for a in (V, M, S, C, F, E) for k in range(-4, 5)],
    "triu":         [call(a, k) for a in (V, M, S, C, F, E) for k in range(-4, 5)],
    "take":         [call(a, i, axis) for a, axis in over_axes(V, M, C) for i in (0, -1, [0, 0, 1], [[1, -1], [0, 0]])]
                    + [call(N, 0), call(N, [0, 0]), call(N, 0, 0), call(M, 5), call(M, [], 0), call(M, (), 1),
                       call(V, np.array([1, 0])), call(M, [True, False], 0), call(F, [], 1),
                       call(C, [[-1]], mode="raise"), call(M, [7, -9], 0, mode="wrap"),
                       call(M, [7, -9], mode="clip"), call(M, 1, 0, None, "wrap")],
    "pad":          [call(a, w) for a in ANY for w in WIDTHS if a is not N or w in (0, 1)]
                    + [call(a, w, m) for a in (V, M, C) for w in WIDTHS for m in COPIED]
                    + [call(M, ((1, 2), (0, 3)), m) for m in ("constant", *COPIED)]
                    + [call(M, 1, constant_values=7), call(M, 1, "constant", constant_values=((1, 2), (T, -9))),
                       call(F, 1, constant_values=3), call(R, 2, "reflect"), call(V, 2, "reflect", reflect_type="even"),
                       call(C, ((0, 0), (1, 0), (0, 0)), "symmetric"), call(N, 0, "constant"), call(F, 0, "wrap")],
    "select":       [call([M > 0], [M]), call([M > 0, M < -1], [M, 2 * M]), call([M > 0], [M], -1),
                     call([N > 0], [N], 2), call([M > 0, S[:, :2] > 0], [R, N], M), call([M > 0, M < 0], [T, M]),
                     call([M > 0, R > 0], [1, R], 0), call([V > 0, True], [[1, 2, 3], V]), call([E > 0], [E]),
                     call([V > 9, V > 0], [V, V * 0.5]), call([[True, False]], [R])],
    "astype":       [call(M, float), call(M, np.float32), call(V, "f2"), call(M, np.float32, copy=False)],
}
# fmt: on


def numpys(name):
    """The NumPy function of that name; None where the installed NumPy lacks it."""
    place, _, last = name.rpartition(".")
    return getattr(getattr(np, place) if place else np, last, None)


CASES = [
    pytest.param(numpys(name), *given, id=f"{name}-{k}")
    for name, calls in CALLS.items()
    if numpys(name)
    for k, given in enumerate(calls)
]
SOME = [
    case for name in CALLS for case in [c for c in CASES if c.id.startswith(f"{name}-")][:: 1 + len(CALLS[name]) // 6]
]


def is_floating(value):
    return isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f"


def with_arrays(value, make):
    """The same arguments with their floating arrays replaced."""
    if isinstance(value, list | tuple):
        return type(value)(with_arrays(v, make) for v in value)
    return make(value) if is_floating(value) else value


def flat(results):
    return list(results) if isinstance(results, list | tuple) else [results]


def test_no_composition_is_without_calls():
    assert {f.__name__ for f in SHAPES} <= {name.rpartition(".")[2] for name in CALLS}


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
def test_values_and_gradients_are_those_of_numpys_linear_map(function, args, kwargs, dtype):
    leaves = []

    def leaf(value):
        leaves.append(Tensor(value.astype(dtype)))
        return leaves[-1]

    expected = function(*with_arrays(args, lambda a: a.astype(dtype)), **kwargs)
    y = function(*with_arrays(args, leaf), **kwargs)
    assert type(y) is (Tensor if isinstance(expected, np.ndarray | np.generic) else type(expected))
    weights = [rng.integers(-9, 9, size=e.shape) for e in flat(expected)]
    for ours, numpys in zip(flat(y), flat(expected), strict=True):
        assert (ours.shape, ours.dtype) == (numpys.shape, numpys.dtype)
        np.testing.assert_allclose(ours.data, numpys, rtol=3e-7 if ours.dtype == np.float32 else 1e-15)
    total = sum(np.sum(w * part) for w, part in zip(weights, flat(y), strict=True))
    total.backward()
    assert leaves
    moves = [rng.integers(-9, 9, size=x.shape) for x in leaves]  # Small whole numbers: every sum of them is exact.
    moved, still = iter(moves), function(*with_arrays(args, lambda a: a * 0), **kwargs)
    there = function(*with_arrays(args, lambda a: next(moved).astype(dtype)), **kwargs)
    with np.errstate(invalid="ignore"):
        steps = [np.nan_to_num(a - b) for a, b in zip(flat(there), flat(still), strict=True)]
    rate = sum(np.sum(w * step) for w, step in zip(weights, steps, strict=True))
    assert sum(np.sum(x.grad * v) for x, v in zip(leaves, moves, strict=True)) == rate
    for x in leaves:
        assert (x.grad.shape, x.grad.dtype) == (x.shape, dtype)


@pytest.mark.parametrize(("function", "args", "kwargs"), SOME)
def test_derivatives_are_those_of_differences(function, args, kwargs):
    if function is np.astype:
        return  # A float32 result has no digits for a difference.
    arrays = []
    with_arrays((args, kwargs), arrays.append)

    def f(*x):
        waiting = iter(x)
        y = function(*with_arrays(args, lambda _: np.sin(next(waiting))), **kwargs)
        return [part * np.exp(part) for part in flat(y)]

    if any(a.size for a in arrays):
        check_gradients(f, *arrays)


# fmt: off
WRONG = {
    "moveaxis":     [call(M, 2, 0), call(M, (0, 0), (0, 1)), call(M, (0, 1), 0), call(M, 0.5, 0), call(N, 0, 0)],
    "rollaxis":     [call(M, 2), call(M, 0, 4), call(N, 0)],
    "matrix_transpose": [call(V), call(N)],
    "concatenate":  [call([N, N]), call([M, V]), call([M, M], 2), call([M, S]), call([M, M], (0, 1)), call([M, M], 0.5),
                     call([M, [[1, 2], [3]]]), call([M, 1.0]), call([M, None])],
    "stack":        [call([M, V]), call([M, M], 3), call([M, M], (0, 1)), call([V, [1.0]]), call([V, [[1], [2, 3]]])],
    "hstack":       [call([M, V]), call([M, R])],
    "vstack":       [call([M, V])],
    "dstack":       [call([M, V])],
    "column_stack": [call([M, R]), call([C, M])],
    "append":       [call(M, V, 0), call(M, R, 1), call(N, N, 0), call(M, M, 2)],
    "block":        [call([[M], V]), call([M, V]), call([M, []])],
    "insert":       [call(V, 5, N), call(M, 1, V, 0), call(M, 0, N, 2), call(V, 0.5, N)],
    "delete":       [call(V, 5), call(M, 3, 0), call(M, 0, 2), call(N, 0, 0), call(V, 0.5)],
    "split":        [call(V, 2), call(N, 1), call(M, 1, 2), call(M, 1, None)],
    "array_split":  [call(V, 0), call(V, -1), call(N, 2), call(M, 2, 5)],
    "hsplit":       [call(N, 1), call(M, 3), call(V, 2)],
    "vsplit":       [call(V, 1), call(N, 1), call(M, 2)],
    "dsplit":       [call(V, 1), call(M, 1), call(C, 3)],
    "unstack":      [call(N), call(M, axis=2), call(M, axis=None)],
    "repeat":       [call(V, [1, 2]), call(V, -1), call(M, 2, 2), call(M, 2, (0, 1)), call(N, 2, 1)],
    "tile":         [call(V, -1), call(V, 0.5), call(V, "a")],
    "roll":         [call(M, 1, 2), call(M, (1, 2), (0, 1, 1)), call(M, None)],
    "rot90":        [call(V), call(M, 1, (0, 0)), call(M, 1, (0, 2)), call(M, 1, (0,))],
    "flipud":       [call(N)],
    "fliplr":       [call(V)],
    "diagonal":     [call(V), call(M, 0, 0, 0), call(M, 0, 0, 2), call(M, 0.5)],
    "trace":        [call(V), call(M, 0, 1, 1)],
    "linalg.trace": [call(V)],
    "diag":         [call(N), call(C), call(V, 0.5)],
    "tril":         [call(N), call(M, "a")],
    "take":         [call(V, 3), call(M, [0], (0, 1)), call(M, [0], 2), call(V, [5], mode="no"),
                     call(M, [0], "a"), call(N, 0, 1), call(E, 0)],
    "pad":          [call(V, -1), call(V, (1, 2, 3)), call(V, 0.5), call(E, 1, "edge"), call(V, 1, "no"),
                     call(V, 1, "edge", constant_values=1), call(V, 1, reflect_type="odd"), call(M, ((1, 2),) * 3)],
    "select":       [call([M > 0], [M, M]), call([M], [M]), call([M > 0], [V]), call([1], [M])],
}
# What NumPy has, and what has no derivative here; and Tensors where NumPy wants plain numbers.
REFUSED = {
    "pad with mode='mean'": lambda: np.pad(Tensor(V), 1, "mean"),
    "pad with mode='linear_ramp'": lambda: np.pad(Tensor(V), 1, mode="linear_ramp"),
    "pad with mode='reflect' and reflect_type='odd'": lambda: np.pad(Tensor(V), 1, "reflect", reflect_type="odd"),
    "concatenate with out=": lambda: np.concatenate([Tensor(V), V], out=np.zeros(6)),
    "stack with dtype=": lambda: np.stack([Tensor(V), V], dtype=np.float32),
    "tile of a Tensor of times": lambda: np.tile(Tensor(V), Tensor(2.0)),
    "delete at a Tensor": lambda: np.delete(Tensor(V), Tensor(2.0)),
    "insert at a Tensor": lambda: np.insert(Tensor(V), Tensor(2.0), 1.0),
    "insert into whole numbers": lambda: np.insert(np.arange(3), 1, Tensor(2.0)),
    "array_split at a Tensor": lambda: np.array_split(Tensor(V), Tensor(2.0)),
    "stack of complex numbers": lambda: np.stack([Tensor(V), V * 1j]),
    "stack of text": lambda: np.stack([Tensor(N), "text"]),
    "select by a Tensor": lambda: np.select([Tensor(V)], [V]),
}
# fmt: on
REFUSALS = [
    pytest.param(numpys(name), *given, id=f"{name}-{k}")
    for name, calls in WRONG.items()
    if numpys(name)
    for k, given in enumerate(calls)
]


@pytest.mark.parametrize(("function", "args", "kwargs"), REFUSALS)
def test_what_numpy_refuses_is_refused_with_an_error_of_that_kind(function, args, kwargs):
    with pytest.raises((TypeError, ValueError, IndexError, AttributeError)) as numpys:
        function(*args, **kwargs)
    kinds = (IndexError, ValueError) if issubclass(numpys.type, IndexError) else numpys.type
    with pytest.raises(TypeError if numpys.type is AttributeError else kinds, match=f"^{function.__name__}: "):
        function(*with_arrays(args, Tensor), **kwargs)


@pytest.mark.parametrize("name", REFUSED)
def test_what_would_lose_a_gradient_is_refused_in_a_sentence(name):
    with pytest.raises((TypeError, IndexError), match=rf"^{name.split()[0]}: .*"):
        REFUSED[name]()


def test_an_object_array_of_tensors_is_as_good_as_the_list_of_them():
    a, b = Tensor(V), Tensor(V)
    held = np.empty(2, object)
    held[0], held[1] = a, b
    for function, expected in (
        (np.stack, [V, V]),
        (np.concatenate, [*V, *V]),
        (np.vstack, [V, V]),
        (np.hstack, [*V, *V]),
    ):
        y = function(held)
        assert y.data.tolist() == np.array(expected).tolist()
        y.sum().backward()
    assert a.grad.tolist() == b.grad.tolist() == [4, 4, 4]
    with pytest.raises(TypeError, match="object data has no gradient"):
        np.stack([a, np.array([None, 1, 2])])


def test_lists_of_tensors_and_numbers_are_stacked_as_np_array_would():
    a, b = Tensor(2.0), Tensor(3.0)
    y = np.stack([Tensor([1.0, 1.0]), [a, 5.0], (b, a)])
    assert y.data.tolist() == [[1, 1], [2, 5], [3, 2]]
    (y * [[1.0, 1], [10, 100], [1000, 10000]]).sum().backward()
    assert (a.grad, b.grad) == (10010, 1000)
    assert np.block([[a, 1.0], [0.0, b]]).data.tolist() == [[2, 1], [0, 3]]


PEERS = {
    "concatenate": lambda np, x: np.concatenate([x, x * x], axis=1),
    "stack": lambda np, x: np.stack([x, np.sin(x)], axis=1),
    "trace": lambda np, x: np.trace(x @ x),
    "diag": lambda np, x: np.diag(np.diag(x)),
    "tril": lambda np, x: np.tril(x) @ np.triu(x, 1),
    "moveaxis": lambda np, x: np.moveaxis(x, 0, 1) * x,
    "ravel": lambda np, x: np.ravel(x)[::2],
    "roll": lambda np, x: np.roll(x, 1, 0) * x,
    "tile": lambda np, x: np.tile(x, (2, 1)),
    "repeat": lambda np, x: np.repeat(x, 2, axis=1),
    "rot90": lambda np, x: np.rot90(x) @ x,
    "pad": lambda np, x: np.pad(x * x, 1, "constant"),
    "vstack": lambda np, x: np.vstack([x, x[0]]),
    "split": lambda np, x: np.array_split(x, 2)[0],
}


@pytest.mark.parametrize("name", PEERS)
def test_gradients_are_autograds(name):
    f, weights = PEERS[name], rng.normal(size=np.shape(PEERS[name](np, S)))
    ours = grad(lambda x: np.sum(weights * f(np, x)))(S)
    np.testing.assert_allclose(ours, elementwise_grad(lambda x: anp.sum(weights * f(anp, x)))(S), rtol=1e-12)


def test_what_is_left_out_is_nothing_to_an_infinity():
    x = np.array([[np.inf, np.nan], [1.0, -np.inf]])
    for function in np.tril, np.triu, np.diag, lambda x: np.select([x == 1], [x], 2.0), lambda x: np.pad(x, 1):
        tensor = Tensor(x)
        y = function(tensor)
        np.testing.assert_array_equal(y.data, function(x))
        y[np.isfinite(y.data)].sum().backward()
        assert np.isfinite(tensor.grad).all()


@pytest.mark.parametrize("places", [[0, 1], np.array([0, 1]), array("q", [0, 1]), deque([0, 1])])
def test_places_that_are_changed_after_the_forward_pass_change_no_gradient(places):
    x = Tensor(V)
    y = np.take(x, places)
    places[0] = 2
    y.sum().backward()
    assert x.grad.tolist() == [1, 1, 0]


def test_widths_that_are_changed_after_the_forward_pass_change_no_gradient():
    x, widths = Tensor(M), np.array([0, 1])
    ys = [np.pad(x, widths, mode) for mode in ("constant", "edge")]
    widths[1] = 2
    sum(y.sum() for y in ys).backward()
    np.testing.assert_array_equal(x.grad, [[2, 3], [2, 3], [3, 5]])


def test_a_gradient_in_columns_is_put_back_where_it_belongs():
    """Its zeros once took the order of its memory, and were made flat by a copy that nobody saw again."""
    x, g = Tensor(np.zeros((3, 4))), np.asfortranarray(np.arange(6.0).reshape(3, 2))
    x[np.array([[0], [1], [2]]), np.array([[1, 3]])].backward(g)
    np.testing.assert_array_equal(x.grad[:, [1, 3]], g)


@pytest.mark.parametrize("shift", [np.uint8(1), np.int8(-1), True, 1.5, (1,), np.array([2], np.uint16)], ids=repr)
def test_a_roll_by_any_number_is_rolled_back(shift):
    """The negative of an unsigned number is another unsigned number."""
    w = np.arange(5.0)
    np.testing.assert_array_equal(
        grad(lambda x: np.sum(np.roll(x, shift, 0 if np.ndim(shift) else None) * w))(np.zeros(5)),
        np.roll(w, -int(np.ravel(shift)[0])),
    )


def test_a_quarter_turn_is_a_whole_number():
    with pytest.raises(TypeError, match=r"rot90: 'float' object cannot be interpreted as an integer"):
        np.rot90(Tensor(np.zeros((2, 3))), 0.5)


@pytest.mark.parametrize("function", [np.repeat, np.take])
def test_a_tensor_in_a_list_of_places_is_refused_by_the_functions_name(function):
    with pytest.raises(TypeError, match=rf"^{function.__name__}: only what it rearranges has a gradient"):
        function(Tensor(V), [Tensor(1.0), 2, 1])
