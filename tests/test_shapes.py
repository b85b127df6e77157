"""Functions that join, split, repeat and move: their values are NumPy's, and so is what they refuse.

All of them are linear in the arrays that they are given. So every call is held against NumPy twice: its values, and its
gradient, of which ⟨w, f(v)⟩ = ⟨gradient of ⟨w, f⟩, v⟩ must hold for a v of other numbers. The nonlinear functions made
of them are checked by differences, to second order and in both modes.
"""

from itertools import product

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import elementwise_grad

from tinygrad_sig import Tensor, check_gradients, grad, value_and_grad
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


JOINED = [[M, S], (M, R, M), [V, V], [V], [M, [[T, 2]]], [M, np.ones((1, 2), int)], [C, C], [E, V], [F, F], [M, [R[0]]]]
STACKED = [[M, M], [N, N], (V, S[0]), [C], [V, [1.0, 2.0, 3.0]], [E, E], [N, T, 2], [[N, 1.0], [N, 2.0]], [[N], [[T]][0]]]
CUTS = (1, 2, [1], (0, 2), [2, 1], [-1], [5], np.array([1, 1]), [])
WIDTHS = (0, 1, (2, 1), 5)

# fmt: off
# The formatter would break the columns: the function, and how it is called.
CALLS = {
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
    "concatenate":  [call(a, None) for a in JOINED] + [call(a) for a in JOINED]
                    + [call([M, S], axis=1), call([C, C], -2), call([C, C], 2), call([F, F], 1), call(M), call(C, 1)],
    "concat":       [call([M, S], axis=1)],
    "stack":        [call(a, axis) for a in STACKED for axis in (0, -1)] + [call(M), call(C, 1), call([M, M, M], -2)],
    "hstack":       [call(a) for a in (*STACKED, [M, S], [F, F], [N, V], [C, C], M, C, V, [E, N])],
    "vstack":       [call(a) for a in (*STACKED, [M, R], [R[0], M], [C, C], M, C, V)],
    "dstack":       [call(a) for a in (*STACKED, [M, C[:1].reshape(3, 2)], [C, M[:2, :, None][:, [0, 1, 1]]], M, V)],
    "column_stack": [call(a) for a in (*STACKED, [V, M], [M, V], [N, R], [C, C], M, [E, E])],
    "append":       [call(a, b, None) for a, b in ((M, V), (N, N), (V, T), (V, [1, 2]), (E, V), ([1.0], N))]
                    + [call(M, R, 0), call(M, S, 1), call(C, C, -1), call(M, [[1.0, 2]], axis=0), call(M, [R[0]], 0)],
    "block":        [call([M, S]), call([[M, S], [[[1, 2, 3, T, 5]]][0]]), call([V, N]), call([[V], [V]]), call(M),
                     call([N, 1.0]), call([[C, C], [C, C]]), call([[[N]]]), call([E, V])],
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
    "unstack":      [call(a, axis=axis) for a, axis in over_axes(V, M, C, F)] + [call(C)],
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
                       call(V, np.array([1, 0])), call(M, [True, False], 0), call(F, [], 1), call(C, [[-1]], mode="raise"),
                       call(M, [7, -9], 0, mode="wrap"), call(M, [7, -9], mode="clip"), call(M, 1, 0, None, "wrap")],
    "pad":          [call(a, w) for a in ANY for w in WIDTHS if a is not N or w in (0, 1)]
                    + [call(a, w, m) for a in (V, M, C) for w in WIDTHS for m in ("edge", "reflect", "symmetric", "wrap")]
                    + [call(M, ((1, 2), (0, 3)), m) for m in ("constant", "edge", "reflect", "symmetric", "wrap")]
                    + [call(M, 1, constant_values=7), call(M, 1, "constant", constant_values=((1, 2), (T, -np.inf))),
                       call(F, 1, constant_values=3), call(R, 2, "reflect"), call(V, 2, "reflect", reflect_type="even"),
                       call(C, ((0, 0), (1, 0), (0, 0)), "symmetric"), call(N, 0, "constant"), call(F, 0, "wrap")],
    "select":       [call([M > 0], [M]), call([M > 0, M < -1], [M, 2 * M]), call([M > 0], [M], -1), call([N > 0], [N], 2),
                     call([M > 0, S[:, :2] > 0], [R, N], M), call([M > 0, M < 0], [T, M]), call([M > 0, R > 0], [1, R], 0),
                     call([V > 0, True], [[1, 2, 3], V]), call([V > 9, V > 0], [V, V * 0.5]), call([E > 0], [E]),
                     call([[True, False]], [R])],
    "astype":       [call(M, float), call(M, np.float32), call(N, "f2"), call(M, np.float32, copy=False)],
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
SOME = [case for name in CALLS for case in [c for c in CASES if c.id.startswith(f"{name}-")][:: 1 + len(CALLS[name]) // 12]]


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
    if function is getattr(np, "astype", None):
        return  # A float32 result has no digits for a difference.
    arrays = []
    with_arrays((args, kwargs), arrays.append)

    def f(*x):
        waiting = iter(x)
        y = function(*with_arrays(args, lambda _: np.sin(next(waiting))), **kwargs)
        return [part * np.exp(part) for part in flat(y)]

    if not any(a.size for a in arrays) or any(np.isinf(part).any() for part in flat(function(*args, **kwargs))):
        return
    check_gradients(f, *arrays)
