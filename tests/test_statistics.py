"""Sums, orders and differences: NumPy's values, shapes and dtypes, derivatives by differences, and what is refused.

Everything is driven by CALLS, one line for each function: its name, and how it is called. Floating arrays become
Tensors; other arrays, lists and numbers are what a caller gives as they are.
"""

import numpy as np
import pytest
from mpmath import mp, mpf

from tinygrad_sig import Tensor, check_gradients, grad, hessian

rng = np.random.default_rng(20240321)
# A vector, a matrix, a cube, coordinates, a number, positive numbers; no two are equal, none lies on a kink.
V, M, C = rng.normal(size=7), rng.normal(size=(3, 4)), rng.normal(size=(2, 3, 2))
X, N, W = np.array([0.0, 0.3, 1.1, 1.5, 2.7, 3.0, 4.4]), np.float64(1.7), rng.uniform(0.5, 2.0, (3, 4))
HOLES = np.where(rng.uniform(size=(3, 4)) < 0.3, np.nan, M)
ZEROS = M * [[1, 1, 0, 1], [1, 1, 1, 1], [1, 1, 1, 1]]
OVER = ((None, False), (None, True), (0, True), (-1, False), ((0, 2), True), ((-1, 1), False), ((), False))
PLAIN_X, PLAIN_W = X.tolist(), W.tolist()


def call(*args, **kwargs):
    return args, kwargs


REDUCTIONS = [call(C, axis=a, keepdims=k) for a, k in OVER] + [call(V), call(M, 1), call(N)]
OVER_HOLES = [call(HOLES, axis=a, keepdims=k) for a, k in OVER[:4]] + REDUCTIONS
SHARES = (0, 1, 0.0, 0.3, 0.5, 1.0, [0.1, 0.9], [[0.0], [0.25]], [0, 1])

# fmt: off
# The formatter would break the columns: the function, and how it is called.
CALLS = {
    "prod":            REDUCTIONS + [call(ZEROS, axis=a) for a in (None, 0, 1)] + [call(M[:0], axis=a) for a in (0, 1)],
    "cumprod":         [call(x, axis=a) for x in (M, ZEROS, C) for a in (None, 0, -1)] + [call(V), call(N),
                        call(M[:0])],
    "average":         [*REDUCTIONS, call(M, weights=W), call(M, 1, W[0]), call(M, (0, 1), W), call(M, (1, 0), W.T),
                        call(M, 0, [1, 2, 0], keepdims=True), call(M, None, PLAIN_W), call(PLAIN_W, 0, M),
                        call(C, (2, 0), W[:2, :2]), call(M, returned=True), call(M, 1, W, True)],
    "ptp":             REDUCTIONS,
    "amax":            REDUCTIONS,
    "amin":            REDUCTIONS,
    "nanmax":          OVER_HOLES,
    "nanmin":          OVER_HOLES,
    "nansum":          [*OVER_HOLES, call(M[:0], axis=0)],
    "nanmean":         OVER_HOLES,
    "median":          [*REDUCTIONS, call(V[:6]), call(V[:1]), call(M, axis=0), call(HOLES, axis=1)],
    "quantile":        [call(M, q, a) for q in SHARES for a in (None, 1)] + [call(HOLES, 0.3, 1, keepdims=True),
                        call(HOLES, [0.1, 0.9], 0), call(C, 0.4, (0, -1)), call(C, [0, 0.5], None, keepdims=True),
                        call(N, 0.4), call(V, np.array([0.2, 0.7]))],
    "percentile":      [call(C, q, a) for q in (0, 30, 50.0, 100, [10, 85], np.array(25)) for a in (None, -2, (0, 1))],
    "sort":            [call(C, axis=a) for a in (None, 0, 1, -1)] + [call(V), call(M, kind="stable"), call(M[:0]),
                        call(M, stable=True)],
    "take_along_axis": [call(M, np.argsort(M, 0), 0), call(M, np.array([[1], [1], [-1]]), 1),
                        call(V, np.array([3, 3, 0]), None), call(M, np.array([[2, 0, 1, 1]]), axis=0)],
    "diff":            [call(x, n) for x in (V, M, C) for n in (1, 2, 3, 4)] + [call(C, axis=a) for a in (0, 1)]
                       + [call(M, prepend=0), call(M, 2, 0, N, M[:2]), call(V, append=[1.0, 2.0]),
                          call(PLAIN_X, append=N), call(V[:0], prepend=0, append=N)],
    "gradient":        [call(V), call(V, 0.3), call(V, X), call(V, N), call(M, axis=0), call(M, 2, axis=-1),
                        call(V, edge_order=2), call(V, X, edge_order=2), call(V, 0.3, edge_order=2),
                        call(M, X[:4], axis=1), call(V, PLAIN_X), call(PLAIN_X, V), call(V[:2]),
                        call(V[:3], edge_order=2), call(M), call(M, 0.5, X[:4], edge_order=2)],
    "trapezoid":       [call(M), call(M, axis=0), call(V, X), call(M, X[:4]), call(M, X[:3], axis=0), call(M, W),
                        call(V, dx=0.5), call(V, PLAIN_X), call(PLAIN_X, V), call(C, X[:3], axis=-2), call(V, dx=N)],
    "interp":          [call(x, X, V) for x in (0.1, N, W, [1.0, 5.0, -1.0], np.array([4.3, 0.05]))]
                       + [call(W, PLAIN_X, V), call(W, X, V.tolist()), call([-1, 1, 9], X, V, -3.0, 8.0),
                          call(W, X, V, left=1.0), call([-3.3, 1.2, 8.9], X[::-1], V, period=4.0),
                          call([0.5, 2.5], [0.0, 1.0, 1.0, 3.0], V[:4]), call([-1, 2.0, 3], [2.0], V[:1]),
                          call([-5.0, -1.0], [0.0, 0.0, 1.0], V[:3])],
    "nan_to_num":      [call(M), call(HOLES), call(HOLES, nan=2.0), call(N),
                        call(np.array([np.inf, -np.inf, 2.0, np.nan])),
                        call(np.array([np.inf, -np.inf, 2.0]), posinf=3, neginf=-1.0)],
    "linspace":        [call(N, 3.0, 5), call(0, N, 4, False), call(V, 2, 3), call(V[:4], M, 3, axis=1),
                        call(M, M + 1, 1), call(N, [1, 2], 3), call(N, N + 2, 0), call(V, V + 1, 4, axis=-1),
                        call(N, 5), call(N, 3, 1, False), call(V, N, 4, retstep=True)],
    "sinc":            [call(M), call(N), call(V * 3)],
    "fmod":            [call(M * 5, W), call(M, 0.3), call(7, W), call(M * 9, V[:4])],
    "copysign":        [call(M, V[:4]), call(M, -1.0), call(3, M)],
    "degrees":         [call(M), call(N)],
    "radians":         [call(M), call(N)],
    "around":          [call(M, 1)],
    "clip":            [call(M, -0.5, 0.5), call(M, None, 0.3), call(M, 0.1, None), call(N, 0, 1), call(M, -W, W),
                        call(M, V[:4] - 1, None)],
    "cumulative_sum":  [call(V), call(M, axis=1), call(M, axis=0, include_initial=True), call(V, include_initial=True)],
    "cumulative_prod": [call(V), call(M, axis=1), call(M, axis=0, include_initial=True), call(M[:0], axis=0)],
}
# fmt: on
CALLS = {name: calls for name, calls in CALLS.items() if hasattr(np, name)}  # NumPy 2.0 lacks some.
CASES = [
    pytest.param(getattr(np, f), *given, id=f"{f}-{k}") for f, calls in CALLS.items() for k, given in enumerate(calls)
]


def is_floating(value):
    return isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f"


def given(arguments, make):
    """The arguments with their floating arrays replaced."""
    args, kwargs = arguments
    return [make(v) if is_floating(v) else v for v in args], {
        k: make(v) if is_floating(v) else v for k, v in kwargs.items()
    }


@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_values_shapes_and_dtypes_are_numpys(function, args, kwargs, dtype):
    args, kwargs = given((args, kwargs), lambda a: a.astype(dtype))
    results = function(*args, **kwargs)
    tensors, keywords = given((args, kwargs), Tensor)
    found = function(*tensors, **keywords)
    eps = float(np.finfo(dtype).eps)
    for expected, y in zip(*(r if isinstance(r, tuple) else (r,) for r in (results, found)), strict=True):
        y = y.data if isinstance(y, Tensor) else y
        assert (y.shape, y.dtype) == (np.shape(expected), expected.dtype)
        scale = np.max(np.abs(expected), initial=0, where=np.isfinite(expected))
        np.testing.assert_allclose(y, expected, rtol=20 * eps, atol=20 * eps * float(scale))


@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
def test_derivatives_are_those_of_differences(function, args, kwargs):
    arrays = []
    given((args, kwargs), lambda a: arrays.append(a))

    def of(*tensors):
        """What is no number stays as it is, in the arguments and in the results."""
        moved = iter(np.where(np.isfinite(a), t, a) for t, a in zip(tensors, arrays, strict=True))
        tensors, keywords = given((args, kwargs), lambda _: next(moved))
        y = function(*tensors, **keywords)
        return [np.where(np.isfinite(e), e, 0) for e in (y if isinstance(y, tuple) else (y,))]

    if any(a.size for a in arrays) and function is not np.around:
        check_gradients(of, *(np.where(np.isfinite(a), a, 0.0) for a in arrays))


def gradient_at(f, x, weights=None):
    y = f(t := Tensor(x))
    y.backward(np.ones(y.shape) if weights is None else weights)
    return t.grad.tolist()


TIED = [2.0, 1.0, 2.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("f", "order"),
    [
        (np.sort, np.argsort(TIED)),
        (lambda x: np.sort(x, kind="stable"), [1, 3, 0, 2, 4]),
        (lambda x: np.partition(x, 2), np.argpartition(TIED, 2)),
    ],
)
def test_ties_are_ordered_as_numpy_orders_them(f, order):
    weights = np.arange(1.0, 6.0)
    expected = np.zeros(5)
    expected[order] = weights
    assert gradient_at(f, TIED, weights) == expected.tolist()


@pytest.mark.parametrize("kth", [0, 2, -1, (1, 3)])
def test_a_partition_is_one(kth):
    y = np.partition(Tensor(M), kth).data
    assert np.sort(y).tolist() == np.sort(M).tolist()
    np.testing.assert_array_equal(np.take(y, kth, axis=-1), np.take(np.sort(M), kth, axis=-1))


@pytest.mark.parametrize(
    ("f", "x", "gradient"),
    [
        (np.median, [3.0, 1.0, 2.0], [0, 0, 1]),
        (np.median, [3.0, 1.0, 2.0, 0.0], [0, 0.5, 0.5, 0]),
        (np.median, [3.0, np.nan, 2.0], [0, 1, 0]),
        (lambda x: np.quantile(x, 0.25), [3.0, 1.0, 2.0], [0, 0.5, 0.5]),
        (np.ptp, [1.0, 3.0, 1.0], [-0.5, 1, -0.5]),
        (np.nanmax, [-np.inf, np.nan], [1, 0]),
        (np.nanmin, [np.nan, 2.0, 2.0], [0, 0.5, 0.5]),
        (np.nanmean, [np.nan, 2.0, 4.0], [0, 0.5, 0.5]),
        (np.nan_to_num, [np.inf, np.nan, 2.0], [0, 0, 1]),
        (np.prod, [2.0, 0.0, 3.0], [0, 6, 0]),
        (np.prod, [0.0, 0.0, 3.0], [0, 0, 0]),
        (np.cumprod, [2.0, 0.0, 3.0], [1, 8, 0]),
        (lambda x: np.copysign(x, -1.0), [2.0, -2.0, 0.0], [-1, 1, 0]),
        (lambda x: np.fmod(1.0, x), [0.1], [-9]),
        (lambda x: np.interp(x, [0.0, 1.0, 3.0], [0.0, 1.0, 5.0]), [-1.0, 0.0, 1.0, 2.0, 3.0], [0, 1, 2, 2, 0]),
        (lambda x: np.interp([-np.inf, np.inf], [0, 1], x), [2.0, 3.0], [1, 1]),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered")
def test_gradients_where_a_choice_is_made(f, x, gradient):
    assert gradient_at(f, x) == gradient


def test_what_multiplies_zeros_has_derivatives_of_every_order():
    zeros = np.array([2.0, 0.0, 0.0, 3.0])
    assert hessian(np.prod)(zeros)[1, 2] == 6
    assert hessian(lambda x: np.sum(np.cumprod(x)))(zeros).tolist() == [
        [0, 1, 0, 0],
        [1, 0, 8, 0],
        [0, 8, 0, 0],
        [0, 0, 0, 0],
    ]
    assert grad(lambda x: hessian(np.prod)(x)[1, 2])(zeros).tolist() == [3, 0, 0, 2]


def test_a_slice_of_nan_alone_is_nan_and_takes_nothing_from_the_others():
    x = [[np.nan, np.nan], [1.0, np.nan]]
    for f in np.nanmax, np.nanmin, np.nanmean:
        with pytest.warns(RuntimeWarning):
            y = f(t := Tensor(x), axis=1)
        y.backward(np.ones(2))
        assert np.isnan(y.data).tolist() == [True, False]
        assert t.grad[1].tolist() == [1, 0]


def sinc_of_order(n, x):
    """π^n·f⁽ⁿ⁾(πx) for f(t) = sin(t)/t, by its series, to many digits."""
    with mp.workdps(80):
        t = mp.pi * mpf(x)
        terms = ((-1) ** ((m + n) // 2) * t**m / (mp.factorial(m) * (m + n + 1)) for m in range(n % 2, 150, 2))
        return mp.pi**n * mp.fsum(terms)


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
def test_sinc_is_exact_in_all_derivatives_near_0_and_far_from_it(order, dtype):
    """(cos t − sin t/t)/t loses all digits near 0; and what is 1 by a choice at 0 has second derivative 0 there."""
    f = np.sinc
    for _ in range(order):
        f = (lambda g: lambda x: grad(lambda t: np.sum(g(t)))(x))(f)
    points = np.array([0.0, 1e-200, 1e-9, 1e-3, 0.1, 0.3, 0.47, 0.48, 0.6, 0.64, 0.8, 0.96, 1.3, 2.2, -1e-9, -0.7])
    with np.errstate(invalid="ignore"):  # NumPy 2.0 divides 0 by 0 for the value at 0 in float16.
        results = f(points.astype(dtype))
    for x, found in zip(points.astype(dtype), results, strict=True):
        exact, slope = sinc_of_order(order, float(x)), sinc_of_order(order + 1, float(x))
        condition = float(abs(x * slope / exact)) if exact else 0.0
        spacing = float(np.spacing(dtype(abs(float(exact)))))
        assert float(abs(mpf(float(found)) - exact)) <= (8 + condition) * spacing


@pytest.mark.parametrize(
    ("f", "error", "message"),
    [
        (lambda t: np.var(t, ddof="1"), TypeError, "var: .*"),
        (lambda t: np.std(t, ddof="1"), TypeError, "std: .*"),
        (lambda t: np.quantile(t, 0.5, method="lower"), TypeError, "quantile: .*method='lower'.*'linear'"),
        (lambda t: np.percentile(t, 50, method="weibull"), TypeError, "method='weibull'.*'linear'"),
        (lambda t: np.quantile(t, 0.5, method="none"), ValueError, "'none' is not a valid method"),
        (lambda t: np.quantile(t, 1.5), ValueError, "quantile: .*range"),
        (lambda t: np.percentile(t, [50, -1]), ValueError, "percentile: .*range"),
        (lambda t: np.quantile(t, np.nan), ValueError, "quantile: .*range"),
        (lambda t: np.median(t, axis=2), IndexError, "out of bounds"),
        (lambda t: np.sort(t, axis=2), IndexError, "out of bounds"),
        (lambda t: np.sort(t, kind="best"), ValueError, "sort: .*"),
        (lambda t: np.partition(t, 9), ValueError, "partition: .*out of bounds"),
        (lambda t: np.diff(t, -1), ValueError, "diff: .*non-negative"),
        (lambda t: np.diff(t[0, 0]), ValueError, "diff: .*one dimensional"),
        (lambda t: np.gradient(t, 1.0, 2.0, 3.0), TypeError, "gradient: .*"),
        (lambda t: np.gradient(t, [1.0, 2.0], axis=1), ValueError, "gradient: .*"),
        (lambda t: np.gradient(t[:1], axis=0), ValueError, "gradient: .*too small"),
        (lambda t: np.gradient(t, edge_order=3), ValueError, "gradient: .*edge_order"),
        (lambda t: np.average(t, weights=[1.0, 2.0]), TypeError, "average: .*"),
        (lambda t: np.average(t, 0, [1.0, 2.0]), ValueError, "average: .*"),
        (lambda t: np.average(t, 0, [1.0, 0.0, -1.0]), ZeroDivisionError, "average: .*"),
        (lambda t: np.interp(0.5, [0, 1], t), ValueError, "interp: .*"),
        (lambda t: np.interp(0.5, [0, 1, 2], t[:2, 0]), ValueError, "interp: .*"),
        (lambda t: np.interp(0.5, [0, 1], t[:2, 0], period=0), ValueError, "interp: .*period"),
        (lambda t: np.linspace(t, 1, -1), ValueError, "linspace: .*non-negative"),
        (lambda t: np.linspace(t, 1, 2.5), TypeError, "linspace: .*integer"),
        (lambda t: np.take_along_axis(t, np.ones((3, 4)), 0), IndexError, "take_along_axis: .*integer"),
        (lambda t: np.clip(t, 0, 1, max=2), (ValueError, TypeError), "clip: .*"),
        (lambda t: np.nan_to_num(t, copy=False), TypeError, "nan_to_num: .*copy="),
        (lambda t: np.prod(t, axis=2), IndexError, "prod: .*out of bounds"),
        (lambda t: np.prod(t, initial=2.0), TypeError, "prod: .*initial="),
        (lambda t: np.nanmax(t[:, :0], axis=1), ValueError, "nanmax: .*"),
    ],
)
def test_what_numpy_refuses_is_refused_and_what_has_no_derivative_by_name(f, error, message):
    with pytest.raises(error, match=message):
        f(Tensor(M))


@pytest.mark.parametrize("steps", [np.int8(100), np.array([9, 7, 5, 2], np.uint8), 3], ids=repr)
@pytest.mark.parametrize("edge_order", [1, 2])
def test_distances_in_small_whole_numbers_do_not_overflow(steps, edge_order):
    f = np.array([0.0, 1.0, 4.0, 9.0])
    found = np.gradient(Tensor(f), steps, edge_order=edge_order).data
    np.testing.assert_allclose(found, np.gradient(f, steps, edge_order=edge_order), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("ddof", [np.float16(1), np.uint8(1), np.int16(1)], ids=repr)
@pytest.mark.parametrize("n", [300, 70000])
def test_the_count_of_a_variance_does_not_take_the_dtype_of_ddof(ddof, n):
    x = np.random.default_rng(0).normal(size=n)
    for function in (np.var, np.std):
        np.testing.assert_allclose(function(Tensor(x), ddof=ddof).data, function(x, ddof=1), rtol=1e-12)
        expected = grad(lambda x, f=function: f(x, ddof=1))(x)
        np.testing.assert_array_equal(grad(lambda x, f=function: f(x, ddof=ddof))(x), expected)


def test_bounds_that_are_not_given_have_numpys_default():
    t, no = Tensor([1.0, 2.0, 5.0]), np._NoValue
    np.testing.assert_array_equal(np.clip(t, no, no, min=2, max=3).data, [2.0, 2.0, 3.0])
    np.testing.assert_array_equal(t.clip(0, max=1.5).data, [1.0, 1.5, 1.5])
    np.testing.assert_array_equal(np.diff(t, 1, -1, no, no).data, [1.0, 3.0])
