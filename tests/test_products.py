"""Products and linear algebra: NumPy's values, derivatives of both orders in both modes, and what is refused.

LAPACK knows no longdouble, in which differences are taken: those functions are given their arguments in float64, by a
cast that has a row, so that check_gradients takes its differences of float64 results.
"""

import re
from fractions import Fraction
from itertools import permutations
from math import prod

import numpy as np
import pytest

from tinygrad_sig import Tensor, check_gradients, grad, hessian, jacobian, jvp
from tinygrad_sig.calculus.compositions.products import LENGTHS, PRODUCTS
from tinygrad_sig.calculus.functions import cast, cofactors, log_det

rng = np.random.default_rng(20260101)
R = rng.normal
# A vector, a matrix, square ones, one far from singular, a stack of them, a cube, nothing.
V, M, S, C, E = (R(size=s) for s in ((3,), (2, 3), (3, 3), (2, 3, 4), (0, 3)))
Q, B = R(size=(3, 3)) + 3 * np.eye(3), R(size=(2, 3, 3)) + 3 * np.eye(3)
F = R(size=(4, 4)) + 3 * np.eye(4)
SINGULAR = np.array([[1.0, 2, 3, 4], [2, 4, 6, 8], [0, 1, 0, 2], [3, 1, 4, 1]])
N = np.float64(1.7)
ORDS = (3, 2.5, 1.5, 0.5, -1, -2.5)


def call(*args, **kwargs):
    return args, kwargs


FLAGS = (False, True)
EXTREMES = (1, -1, np.inf, -np.inf)

# fmt: off
# The formatter would break the columns: the function, and how it is called.
CALLS = {
    np.dot:       [call(V, V), call(M, V), call(M, S), call(C, C[0].T), call(C, R(size=(4, 2))), call(V, C), call(M, C),
                   call(N, M), call(M, N), call(C, R(size=4))],
    np.inner:     [call(V, V), call(M, V), call(V, M), call(M, S), call(C, R(size=(2, 4))), call(M, R(size=(2, 4, 3))),
                   call(N, V), call(M, N)],
    np.outer:     [call(V, V), call(M, V), call(N, V), call(V, E)],
    np.vdot:      [call(V, V), call(M, M), call(N, N)],
    np.vecdot:    [call(V, V), call(M, V), call(M, M, axis=0), call(C, R(size=4)), call(C, C, axis=1)],
    np.tensordot: [call(M, M), call(C, C, 3), call(C, V, (1, 0)), call(M, S, 1), call(M, V, 0), call(N, V, 0),
                   call(C, R(size=(4, 3)), ((1, 2), (1, 0))), call(C, R(size=(4, 3)), [[-1], [0]]), call(E, S, 1),
                   call(E, E, (0, 0))],
    np.kron:      [call(V, V), call(M, S), call(V, M), call(C, V), call(N, M), call(M, N), call(M, E)],
    np.cross:     [call(V, V), call(M, V), call(M, M), call(S, S, axis=0), call(M.T, M, axisa=0), call(M, M, axisc=0),
                   call(S, S, -1, 0, 0), call(C[:, :, 0], V)],
    np.linalg.norm:
                  [*(call(V, o) for o in (*ORDS, *EXTREMES, 2)), call(C), call(C, keepdims=True), call(E, 1),
                   *(call(C, o, a, k) for o in (3, 0.5, -2.5, np.inf) for a in (1, -1, (0,)) for k in FLAGS),
                   *(call(M, o, keepdims=k) for o in (*EXTREMES, "fro", "f") for k in FLAGS),
                   *(call(C, o, (2, 0), k) for o in (*EXTREMES, "fro", None) for k in FLAGS),
                   call(E, 3, 0)],
    np.linalg.vector_norm:
                  [*(call(C, ord=o, axis=a, keepdims=k) for o in (1, 3, np.inf) for k in FLAGS for a in (None, (0, 2))),
                   call(C), call(V, ord=0.5), call(N)],
    np.linalg.matrix_norm:
                  [call(M), *(call(C, ord=o, keepdims=k) for o in ("fro", 1, -np.inf) for k in FLAGS)],
    np.linalg.inv:
                  [call(Q), call(B), call(F), call(Q[:1, :1]), call(np.zeros((0, 0)))],
    np.linalg.solve:
                  [call(Q, V), call(Q, S), call(B, V), call(Q, R(size=(2, 3, 2))), call(B, S), call(Q, R(size=(3, 0))),
                   call(B, R(size=(4, 2, 3, 1)))],
    np.linalg.det:
                  [call(Q), call(B), call(F), call(-F), call(Q[:1, :1]), call(Q[:2, :2]), call(SINGULAR),
                   call(np.zeros((0, 0))), call(np.zeros((0, 3, 3)))],
    np.linalg.slogdet:
                  [call(Q), call(B), call(-F), call(Q[:1, :1]), call(np.zeros((0, 0)))],
    np.linalg.matrix_power:
                  [*(call(Q, n) for n in (0, 1, 2, 3, 5, 8, -1, -3)), call(B, 3), call(B, -2), call(B, 0)],
    np.linalg.multi_dot:
                  [call([M, S]), call([V, S, M.T]), call((M, S, V)), call([V, V]), call([V, S, S, V]),
                   call([M, R(size=(3, 5)), R(size=(5, 1)), R(size=(1, 4)), R(size=(4, 2))])],
    np.linalg.matmul:    [call(M, S), call(M, V), call(C, R(size=(4, 2)))],
    np.linalg.tensordot: [call(M, S, axes=1), call(M, M)],
    np.linalg.vecdot:    [call(V, V), call(M, M, axis=0)],
    np.linalg.outer:     [call(V, M[0])],
    np.linalg.cross:     [call(V, M), call(S, S, axis=0)],
    np.linalg.diagonal:  [call(M), call(C, offset=1)],
    np.linalg.trace:     [call(S), call(C, offset=-1)],
    np.linalg.matrix_transpose: [call(M), call(C)],
}
# fmt: on
if hasattr(np, "matvec"):
    CALLS |= {np.matvec: [call(M, V), call(B, V), call(B, M)], np.vecmat: [call(V, S), call(M, B), call(V, B)]}
EINSUMS = [
    *(call("ij,jk", M, S), call("ij,jk->ik", M, S), call("ij->ji", M), call("ba", M), call("ii", S), call("ii->i", S)),
    *(call("iij->j", B.T), call("iij->ij", B.T), call("iji,j->i", R(size=(3, 2, 3)), M[:, 0]), call("ij->", M)),
    *(call("iii->i", R(size=(2, 2, 2))), call("iijj->ij", R(size=(2, 2, 3, 3))), call("iijj->", R(size=(2, 2, 3, 3)))),
    *(call("iijk->ik", R(size=(3, 3, 2, 2))), call("ii,ij->j", S, S), call("ij,ij->ij", M, M[:1]), call("i,i", V, V)),
    *(call("ij,ij->j", M[:, :1], M), call("ij,kj->ik", M, M[:, :1]), call("ij,jk->ik", M[:, :1], S)),
    *(call("i j , j k", M, S), call(" ij->i ", M), call("...ij,...jk", B, C[:, :, :3]), call("...ij,jk->...ik", B, S)),
    *(call("...", C), call("...->...", N), call("i...->...", C), call("i...", M), call("...i->i...", C)),
    *(call("...,...", V, M), call("...i,...i->...", C, R(size=4)), call("...ii->...i", B), call("ii...", B.T)),
    *(call("b...,b...->b...", C, M[:, :1]), call("...a,a...", M, R(size=(3, 2))), call("i,j,k", V, V, M[0])),
    *(call("ij,jk,kl->il", M, S, S, optimize=o) for o in (True, False, "greedy", "optimal", ("greedy", 1e6))),
    call("ij,jk,kl->il", M, S, S, optimize=["einsum_path", (1, 2), (0, 1)]),
    *(call(",i->i", N, V), call("->", N), call("ij,jk->ik", R(size=(2, 0)), R(size=(0, 3))), call("ij->i", E)),
    *(call("ij,k->i", M, V), call("AbC,bA->C", C, R(size=(3, 2))), call("ij,j->ij", M, V), call("bij,bjk->bik", B, B)),
    *(
        call(M, [0, 1], S, [1, 2], [0, 2]),
        call(M, [0, 1], S, [1, 2]),
        call(M, [1, 0]),
        call(S, [0, 0]),
        call(S, [3, 3], [3]),
    ),
    *(call(C, [..., 0], [0, ...]), call(M, (7, 51), M, (7, 51), ())),
    *(call(B, [..., 0, 1], S, [1, 2], [..., 0, 2], optimize=True), call(M, np.array([0, 30]), V, [30])),
]
CALLS[np.einsum] = EINSUMS
LAPACK = {np.linalg.inv, np.linalg.solve, np.linalg.det, np.linalg.slogdet, np.linalg.matrix_power}
CASES = [pytest.param(f, *given, id=f"{f.__name__}-{k}") for f, calls in CALLS.items() for k, given in enumerate(calls)]


def is_floating(value):
    return isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f"


def with_arrays(value, make):
    """The same arguments with their floating arrays replaced."""
    if isinstance(value, list | tuple):
        return type(value)(with_arrays(v, make) for v in value)
    return make(value) if is_floating(value) else value


def differentiable(y):
    """Of slogdet, the logarithm."""
    return y[1] if isinstance(y, tuple) else y


def test_no_product_is_without_calls():
    assert not {f.__name__ for f in PRODUCTS.keys() - CALLS.keys()} - {"cofactors"}


@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_values_shapes_and_dtypes_are_numpys(function, args, kwargs, dtype):
    args = with_arrays(args, lambda a: a.astype(dtype))
    expected = function(*args, **kwargs)
    y = function(*with_arrays(args, Tensor), **kwargs)
    if function is np.linalg.slogdet:
        assert type(y) is type(expected)
        np.testing.assert_array_equal(y.sign, expected.sign)
    y, expected = differentiable(y), differentiable(expected)
    assert (y.shape, y.dtype) == (expected.shape, expected.dtype)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(y.data, expected, rtol=50 * eps, atol=50 * eps)
    assert y.requires_grad


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
def test_gradients_have_the_dtype_and_the_shape_of_what_they_belong_to(function, args, kwargs, dtype):
    leaves = []

    def leaf(value):
        leaves.append(Tensor(value.astype(dtype)))
        return leaves[-1]

    y = differentiable(function(*with_arrays(args, leaf), **kwargs))
    y.backward(np.ones(y.shape, dtype))
    for x in leaves:
        assert (x.grad.shape, x.grad.dtype) == (x.shape, dtype)


@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
def test_derivatives_of_both_orders_are_those_of_differences_in_both_modes(function, args, kwargs):
    arrays = []
    with_arrays(args, lambda a: arrays.append(a) or a)

    def of(*tensors):
        given = iter(tensors)
        narrow = (lambda t: cast(t, np.float64)) if function in LAPACK else lambda t: t
        return differentiable(function(*with_arrays(args, lambda _: narrow(next(given))), **kwargs))

    check_gradients(of, *arrays, order=2)


@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
def test_what_is_constant_gives_the_same_gradients_to_the_rest(function, args, kwargs):
    arrays = []
    with_arrays(args, lambda a: arrays.append(a) or a)
    all_at_once = [Tensor(a) for a in arrays]
    given = iter(all_at_once)
    y = differentiable(function(*with_arrays(args, lambda _: next(given)), **kwargs))
    upstream = rng.normal(size=y.shape)
    y.backward(upstream)
    for k, together in enumerate(all_at_once):
        alone = Tensor(arrays[k])
        given = iter([*arrays[:k], alone, *arrays[k + 1 :]])
        differentiable(function(*with_arrays(args, lambda _, given=given: next(given)), **kwargs)).backward(upstream)
        np.testing.assert_allclose(alone.grad, together.grad, rtol=1e-14, atol=1e-14)


def exact_det(a):
    """The sum over all permutations, in fractions."""
    n = len(a)
    total = Fraction(0)
    for order in permutations(range(n)):
        crossings = sum(order[i] > order[j] for i in range(n) for j in range(i + 1, n))
        total += (-1) ** crossings * prod((a[i][k] for i, k in enumerate(order)), start=Fraction(1))
    return total


def exact_cofactors(a):
    a = [[Fraction(float(x)) for x in row] for row in a]
    n = len(a)
    return [
        [(-1) ** (i + j) * exact_det([r[:j] + r[j + 1 :] for k, r in enumerate(a) if k != i]) for j in range(n)]
        for i in range(n)
    ]


ONES = np.ones((5, 5))
STEPS = np.arange(25.0).reshape(5, 5)
DIAGONALS = [
    np.diag(d)
    for d in (
        [0.0, 1, 2, 3],
        [0.0, 0, 2, 3],
        [1e-200, 1e-150, 1, 1e20],
        [1e80, 1e80, 1e80, 1e80],
        [1e-307, 1e200, 1, 1e-100],
    )
]


@pytest.mark.parametrize(
    "a",
    [SINGULAR, ONES, STEPS, STEPS / 7, STEPS[:3, :3], ONES[:2, :2], np.zeros((4, 4)), np.zeros((1, 1)), *DIAGONALS, F],
)
def test_the_derivative_of_a_determinant_needs_no_inverse(a):
    expected = np.array([[float(x) for x in row] for row in exact_cofactors(a)])
    size = min(np.max(np.abs(a)), 100.0) ** (len(a) - 1)
    direction = rng.normal(size=a.shape)
    with np.errstate(over="ignore"):  # A determinant may leave the range where its slope does not.
        gradients = grad(np.linalg.det)(a), grad(lambda a: np.linalg.det(a).sum())(a[None])[0]
        _, pushed = jvp(np.linalg.det, (a,), (direction,))
    for gradient in gradients:
        np.testing.assert_allclose(gradient, expected, rtol=1e-13, atol=1e-14 * size)
    np.testing.assert_allclose(pushed, np.sum(expected * direction), rtol=1e-12, atol=1e-14 * size)


@pytest.mark.parametrize(
    "a", [SINGULAR, np.diag([0.0, 0, 2, 3]), STEPS[:4, :4] / 7, np.zeros((2, 2)), np.zeros((4, 4))]
)
def test_the_second_derivative_of_the_determinant_of_a_singular_matrix_is_that_of_a_polynomial(a):
    n, expected = len(a), np.zeros((*a.shape, *a.shape))
    for i, j in np.ndindex(a.shape):
        left = np.delete(np.delete(a, i, 0), j, 1)
        rows, columns = np.delete(np.arange(n), i), np.delete(np.arange(n), j)
        minors = np.array([[float(x) for x in row] for row in exact_cofactors(left)])
        expected[i, j][np.ix_(rows, columns)] = (-1) ** (i + j) * minors
    np.testing.assert_allclose(hessian(np.linalg.det)(a), expected, rtol=1e-13, atol=1e-13)


def test_only_the_singular_matrices_of_a_stack_are_expanded_by_minors():
    stack = np.stack([F, SINGULAR, np.eye(4), np.zeros((4, 4))]).reshape(2, 2, 4, 4)
    gradients = grad(lambda a: np.sum(np.linalg.det(a)))(stack)
    for k in np.ndindex(2, 2):
        np.testing.assert_array_equal(gradients[k], grad(np.linalg.det)(stack[k]))


def test_cofactors_are_the_same_for_tensors_and_for_arrays():
    for a in Q, F, B, SINGULAR, np.stack([F, SINGULAR]), np.zeros((0, 0)), np.zeros((2, 0, 4, 4)):
        np.testing.assert_allclose(cofactors(Tensor(a)).data, cofactors(a), rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_cofactors_of_a_large_matrix_are_its_inverse_times_its_determinant(dtype):
    a = (np.eye(40) + R(size=(40, 40)) / 10).astype(dtype)
    gradient = grad(np.linalg.det)(a)
    assert gradient.dtype == dtype
    expected = (np.linalg.det(a.astype(float)) * np.linalg.inv(a.astype(float))).T
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e3 * np.finfo(dtype).eps * np.abs(expected).max())


def test_a_singular_matrix_has_no_logarithm_of_a_determinant_to_differentiate():
    x = Tensor(np.ones((2, 2)))
    sign, logarithm = np.linalg.slogdet(x)
    assert (sign, logarithm.data) == (0, -np.inf)
    with pytest.raises(np.linalg.LinAlgError, match="Singular matrix"):
        logarithm.backward()


def test_a_determinant_out_of_range_has_a_logarithm():
    a = np.diag([1e200, -1e200, 1e200])
    np.testing.assert_allclose(grad(lambda a: np.linalg.slogdet(a)[1])(a), np.diag(1 / np.diag(a)))
    assert np.linalg.slogdet(Tensor(a)).sign == -1


@pytest.mark.parametrize("ord", [*ORDS, 1, np.inf, -np.inf, 2])
def test_norms_of_zeros_have_slope_0_beside_others_that_have_their_own(ord):
    x = np.array([[0.0, 0.0], [3.0, 4.0]])
    with np.errstate(divide="ignore"):  # NumPy divides by 0 for a negative order.
        gradient = grad(lambda x: np.sum(np.linalg.norm(x, ord, axis=1)))(x)
    assert gradient[0].tolist() == [0, 0]
    np.testing.assert_allclose(gradient[1], grad(lambda x: np.linalg.norm(x, ord))(x[1]), rtol=1e-15)
    if ord not in (-np.inf, *(p for p in ORDS if p < 0)):
        with np.errstate(all="raise"):
            assert np.isfinite(grad(lambda x: np.linalg.norm(x, ord))(np.array([0.0, 2.0]))).all()


def test_the_norm_of_a_negative_order_is_0_where_an_element_is_and_does_not_move_with_the_others():
    with np.errstate(divide="ignore"):
        x = np.array([0.0, 2.0])
        assert grad(lambda x: np.linalg.norm(x, -1))(x).tolist() == [0, 0]


@pytest.mark.parametrize("scale", [1e-300, 1e-100, 1e150, 1e300])
@pytest.mark.parametrize("ord", [3, 1.5, 0.5, -2])
def test_a_norm_of_any_order_and_its_gradient_have_every_size(ord, scale):
    x = np.array([3.0, 4.0])
    y = np.linalg.norm(x, ord)
    t = Tensor(x * scale)
    norm = np.linalg.norm(t, ord)
    norm.backward()
    np.testing.assert_allclose(norm.data / scale, y, rtol=1e-14)
    np.testing.assert_allclose(t.grad, (x / y) ** (ord - 1), rtol=1e-14)


def test_a_norm_of_order_3_is_computed_in_float16_without_leaving_its_range():
    x = Tensor(np.array([300.0, 400.0], np.float16))
    y = np.linalg.norm(x, 3)
    y.backward()
    np.testing.assert_allclose([float(y.data), *x.grad], [450.0, *(np.array([300, 400]) / 450) ** 2], rtol=3e-3)


def test_the_norm_of_order_0_counts():
    assert np.linalg.norm(Tensor([0.0, 2.0, 3.0]), 0) == 2


def test_an_infinite_gradient_stays_on_the_diagonal_that_was_read():
    x = Tensor(np.ones((2, 2)))
    np.einsum("ii->i", x).backward([np.inf, 1.0])
    assert x.grad.tolist() == [[np.inf, 0], [0, 1]]


def test_large_contractions_have_the_gradients_of_small_ones():
    a, b, w = R(size=(60, 40)), R(size=(40, 50)), R(size=(60, 50))
    x, y = Tensor(a), Tensor(b)
    np.einsum("ij,jk->ik", x, y).backward(w)
    np.testing.assert_allclose(x.grad, w @ b.T, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(y.grad, a.T @ w, rtol=1e-11, atol=1e-12)


def test_one_matrix_for_a_stack_gets_the_sum_of_all_their_gradients():
    a, b, v = R(size=(2, 5, 3, 4)), R(size=(4, 2)), R(size=4)
    for right in b, v, np.zeros((4, 0)):
        g = R(size=np.shape(a @ right))
        t = Tensor(right)
        (Tensor(a) @ t).backward(g)
        np.testing.assert_allclose(t.grad, np.tensordot(a, g, ((0, 1, 2), (0, 1, 2))), rtol=1e-12, atol=1e-13)
    x, y = Tensor(np.zeros((2, 0, 3, 0))), Tensor(np.zeros((0, 2)))
    (x @ y).sum().backward()
    assert (x.grad.shape, y.grad.shape) == (x.shape, y.shape)


def test_the_jacobian_of_an_inverse_is_minus_the_product_of_two():
    y = np.linalg.inv(Q)
    np.testing.assert_allclose(jacobian(np.linalg.inv)(Q), -np.einsum("ik,lj->ijkl", y, y), rtol=1e-12, atol=1e-14)


def test_the_power_0_of_a_matrix_has_the_derivative_0():
    assert grad(lambda a: np.sum(np.linalg.matrix_power(a, 0)))(np.full((2, 2), np.inf)).tolist() == [[0, 0], [0, 0]]


def test_a_chain_of_matrices_is_multiplied_in_the_cheapest_order():
    chain = [Tensor(R(size=s)) for s in ((50, 2), (2, 50), (50, 3))]
    y = np.linalg.multi_dot(chain)
    assert y.inputs[0] is chain[0]
    assert y.inputs[1].shape == (2, 3)


@pytest.mark.skipif(2 not in LENGTHS, reason="this NumPy has none")
def test_cross_products_of_vectors_of_2_are_those_of_numpy_while_it_has_them():
    a, b = R(size=(4, 2)), R(size=(4, 2))
    for left, right in (a, b), (a, M[1]), (M[1], b):
        if left is a and right is b:
            expected = a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]
        else:
            longer = [np.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, 3 - x.shape[-1])]) for x in (left, right)]
            expected = np.cross(*longer)
        np.testing.assert_allclose(np.cross(Tensor(left), right).data, expected)


T, W, P = Tensor(V, name="v"), Tensor(M, name="w"), Tensor(Q)
HALF, LONG, NOTHING = Tensor(Q.astype(np.float16)), Tensor(Q.astype(np.longdouble)), Tensor(np.zeros((2, 2)))
ERRORS = [
    (lambda: np.linalg.norm(W, "nuc"), TypeError, "norm: it has no derivative with ord='nuc' here; use None, 'fro', 1"),
    (lambda: np.linalg.norm(W, 2), TypeError, "norm: it has no derivative with ord=2 here; use None, 'fro', 1 or inf"),
    (lambda: np.linalg.norm(W, -2), TypeError, "norm: it has no derivative with ord=-2 here"),
    (lambda: np.linalg.matrix_norm(W, ord="nuc"), TypeError, "norm: it has no derivative with ord='nuc' here"),
    (lambda: np.linalg.norm(W, 3), ValueError, "named 'w' does not fit: Invalid norm order for matrices"),
    (lambda: np.linalg.norm(T, "fro"), ValueError, "Invalid norm order 'fro' for vectors"),
    (lambda: np.linalg.norm(T, "nuc"), ValueError, "Invalid norm order 'nuc' for vectors"),
    (lambda: np.linalg.norm(Tensor(C), 1), ValueError, "Improper number of dimensions to norm"),
    (lambda: np.linalg.norm(Tensor(1.0), 2), ValueError, "Improper number of dimensions to norm"),
    (lambda: np.linalg.norm(W, 1, (0, 0)), ValueError, "Duplicate axes given"),
    (lambda: np.linalg.norm(W, axis=[0]), TypeError, "'axis' must be None, an integer or a tuple of integers"),
    (lambda: np.linalg.norm(W, axis=(0, 1, 1)), ValueError, "norm: "),
    (
        lambda: np.einsum("i...j->ij", Tensor(C)),
        ValueError,
        "einsum: a Tensor of shape (2, 3, 4) does not fit: output has",
    ),
    (
        lambda: np.einsum("ij,jk", W),
        ValueError,
        "einsum: a Tensor of shape (2, 3) named 'w' does not fit: more operands",
    ),
    (lambda: np.einsum("ij->ijj", W), ValueError, "einsum: "),
    (lambda: np.einsum("i. ..", W), ValueError, "einsum: "),
    (lambda: np.einsum(W, [0, -1]), ValueError, "subscript is not within the valid range [0, 52)"),
    (lambda: np.einsum(W, [0, 52]), ValueError, "subscript is not within the valid range [0, 52)"),
    (lambda: np.einsum(W, [0, 1.0]), TypeError, "each subscript must be either an integer or an ellipsis"),
    (lambda: np.einsum(W, [0, 1], None), TypeError, "the subscripts for each operand must be a list or a tuple"),
    (lambda: np.einsum("ii", W), ValueError, "dimensions in operand 0 for collapsing index 'i' don't match (2 != 3)"),
    (lambda: np.einsum("ij->i", W, dtype=np.float32), TypeError, "einsum: it has no derivative with dtype="),
    (lambda: np.linalg.inv(HALF), TypeError, "inv: array type float16 is unsupported in linalg"),
    (lambda: np.linalg.det(HALF), TypeError, "det: array type float16 is unsupported in linalg"),
    (lambda: np.linalg.slogdet(HALF), TypeError, "array type float16 is unsupported in linalg"),
    (lambda: np.linalg.solve(HALF, HALF), TypeError, "solve: array type float16 is unsupported in linalg"),
    (
        lambda: np.linalg.inv(NOTHING),
        np.linalg.LinAlgError,
        "inv: a Tensor of shape (2, 2) does not fit: Singular matrix",
    ),
    (lambda: np.linalg.solve(NOTHING, NOTHING), np.linalg.LinAlgError, "does not fit: Singular matrix"),
    (
        lambda: np.linalg.solve(P, W),
        ValueError,
        "solve: a Tensor of shape (3, 3) and a Tensor of shape (2, 3) named 'w'",
    ),
    (
        lambda: np.linalg.inv(W),
        np.linalg.LinAlgError,
        "named 'w' does not fit: Last 2 dimensions of the array must be square",
    ),
    (lambda: np.linalg.det(T), np.linalg.LinAlgError, "named 'v' does not fit: 1-dimensional array given."),
    (lambda: np.linalg.matrix_power(W, 2), np.linalg.LinAlgError, "Last 2 dimensions of the array must be square"),
    (lambda: np.linalg.matrix_power(T, 2), np.linalg.LinAlgError, "1-dimensional array given"),
    (
        lambda: np.linalg.matrix_power(P, 0.5),
        TypeError,
        "matrix_power: a Tensor of shape (3, 3) does not fit: exponent",
    ),
    (lambda: np.linalg.matrix_power(NOTHING, -1), np.linalg.LinAlgError, "Singular matrix"),
    (lambda: np.linalg.multi_dot([W]), ValueError, "Expecting at least two arrays"),
    (lambda: np.linalg.multi_dot([W, T, W]), np.linalg.LinAlgError, "1-dimensional array given. Array must be two-dim"),
    (lambda: np.linalg.multi_dot([W, W, W]), ValueError, "multi_dot: "),
    (lambda: np.cross(R(size=4), Tensor(R(size=4))), ValueError, "cross: "),
    (lambda: np.linalg.cross(Tensor(M[:, :2]), M[:, :2]), ValueError, "must be (arrays of) 3-dimensional vectors"),
    (lambda: np.linalg.outer(W, W), ValueError, "Input arrays must be one-dimensional"),
    (lambda: np.vecdot(T, M[:, :1]), ValueError, "vecdot: "),
    (lambda: np.tensordot(W, W, ((0, 0), (0, 0))), ValueError, "tensordot: "),
    (
        lambda: np.tensordot(W, M[:1], ((0,), (0,))),
        ValueError,
        "tensordot: a Tensor of shape (2, 3) named 'w' does not",
    ),
    (lambda: np.tensordot(W, W, 1), ValueError, "tensordot: "),
]


@pytest.mark.parametrize(("act", "kind", "sentence"), ERRORS)
def test_what_numpy_refuses_is_refused_and_what_has_no_derivative_by_name(act, kind, sentence):
    with pytest.raises(kind, match=re.escape(sentence)):
        act()


def test_what_lapack_lacks_raises_numpys_own_type_error():
    for function in np.linalg.inv, np.linalg.det:
        with pytest.raises(TypeError, match="is unsupported in linalg"):
            function(LONG)
    with pytest.raises(TypeError, match="is unsupported in linalg"):
        log_det(HALF)
