"""sigmoid and its derivatives against fifty digits: a vanishing gradient must be small, and never lost."""

from functools import cache

import mpmath
import numpy as np
import pytest

from tinygrad_sig import Tensor, sigmoid
from tinygrad_sig.calculus.rules import LOCAL
from tinygrad_sig.engine.backward import walk

SMALL = {np.float64: 708, np.float32: 87}  # up to here σ′ is no subnormal number
LAST = {np.float64: 745, np.float32: 103}  # and up to here it is not 0
UNUSUAL = [np.inf, -np.inf, np.nan, 1e308, -1e308, 5e-324, -5e-324, 0.0, -0.0, 710.0, -746.0]


def one_by_one(f):
    """The function f of arrays, given NumPy scalars and nothing else: a float64 takes a branch of its own."""
    return lambda x: np.array([f(number) for number in x])


def python_floats(f):
    return lambda x: np.array([f(float(number)) for number in x])


def slope_by_backward(x):
    t = Tensor(x)
    sigmoid(t).backward(np.ones_like(x))
    return t.grad


def slope_by_method(x):
    t = Tensor(x)
    t.sigmoid().backward(np.ones_like(x))
    return t.grad


def slope_by_rule(x):
    return LOCAL[sigmoid][0](sigmoid(x), x)


VALUES = {"array": sigmoid, "scalar": one_by_one(sigmoid), "tensor": lambda x: Tensor(x).sigmoid().data}
SLOPES = {
    "array": slope_by_backward,
    "scalar": one_by_one(slope_by_backward),
    "method": slope_by_method,
    "rule": slope_by_rule,
    "rule-scalar": one_by_one(slope_by_rule),
}
ALL = {f"value-{k}": f for k, f in VALUES.items()} | {f"slope-{k}": f for k, f in SLOPES.items()}


def table(functions):
    return pytest.mark.parametrize("f", functions.values(), ids=functions)


@cache
def exact(dtype):
    """Sample points, dense, random and near 0, with σ and σ′ there, each as a rounded number and what was rounded."""
    rng = np.random.default_rng(708)
    top = SMALL[dtype]
    near = np.geomspace(1e-300 if dtype is np.float64 else 1e-37, 1, 200)
    spread = np.linspace(-top, top, 2001), rng.uniform(-top, top, 1000), rng.uniform(-6, 6, 2000)
    points = np.concatenate([*spread, near, -near])
    points = points.astype(dtype)
    with mpmath.workdps(50):
        e = [mpmath.exp(-mpmath.mpf(float(x))) for x in points]
        references = [[1 / (1 + q) for q in e], [q / (1 + q) ** 2 for q in e]]
        rounded = [np.array([float(r) for r in column]) for column in references]
        rest = [
            np.array([float(r - mpmath.mpf(float(q))) for r, q in zip(*columns, strict=True)])
            for columns in zip(references, rounded, strict=True)
        ]
    return points, *zip(rounded, rest, strict=True)


def ulps(actual, reference, dtype):
    """The largest error, in units in the last place of the exact value."""
    rounded, rest = reference
    assert actual.dtype == dtype
    return np.max(np.abs((actual.astype(float) - rounded) - rest) / np.spacing(rounded.astype(dtype)).astype(float))


@pytest.mark.parametrize("dtype", SMALL, ids=lambda t: t.__name__)
@table(VALUES)
def test_the_value_is_exact_to_4_ulp_in_both_tails(f, dtype):
    points, value, _ = exact(dtype)
    assert ulps(f(points), value, dtype) <= 4


@pytest.mark.parametrize("dtype", SMALL, ids=lambda t: t.__name__)
@table(SLOPES)
def test_the_derivative_is_exact_to_4_ulp_in_both_tails(f, dtype):
    points, _, slope = exact(dtype)
    assert ulps(f(points), slope, dtype) <= 4


def test_a_python_float_is_as_exact_as_a_float64():
    points, value, slope = exact(np.float64)
    assert ulps(python_floats(sigmoid)(points), value, np.float64) <= 4
    assert ulps(python_floats(slope_by_backward)(points), slope, np.float64) <= 4


@pytest.mark.parametrize("dtype", SMALL, ids=lambda t: t.__name__)
@table(ALL)
def test_subnormal_tails_are_positive_and_monotone(f, dtype):
    outward = np.linspace(SMALL[dtype], LAST[dtype], 2000).astype(dtype)
    left, right = f(-outward), f(outward)
    assert (left > 0).all()
    assert (right > 0).all()
    assert left[0] > left[-1]
    assert (np.diff(left) <= 0).all()
    assert ((np.diff(right) >= 0) if f in VALUES.values() else (np.diff(right) <= 0)).all()


@table(ALL)
def test_no_number_gives_a_warning(f):
    """Warnings are errors here. Beside one another, too: in an array a branch must not disturb its neighbour."""
    for x in (np.array(UNUSUAL), np.array(UNUSUAL, np.longdouble), np.array([np.inf, -np.inf, np.nan], np.float32)):
        y = f(x)
        assert np.isnan(y).tolist() == np.isnan(x).tolist()
        assert ((y >= 0) & (y <= 1) | np.isnan(x)).all()


@pytest.mark.parametrize(
    ("x", "value", "slope"),
    [(np.inf, 1, 0), (-np.inf, 0, 0), (np.nan, np.nan, np.nan), (0.0, 0.5, 0.25), (6e4, 1, 0), (-6e4, 0, 0)],
)
def test_values_at_the_ends_and_in_the_middle(x, value, slope):
    for dtype in (np.float16, np.float32, np.float64, np.longdouble):
        for point in (dtype(x), np.full(3, x, dtype)):
            np.testing.assert_array_equal(sigmoid(point), np.full(point.shape, value))
            np.testing.assert_array_equal(slope_by_backward(point), np.full(point.shape, slope))
            np.testing.assert_array_equal(slope_by_rule(point), np.full(point.shape, slope))


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (30.0, 9.357622968838423e-14),
        (37.0, 8.533047625744064e-17),
        (40.0, 4.248354255291589e-18),
        (700.0, 9.859676543759771e-305),
    ],
)
@table(SLOPES)
def test_the_derivative_is_not_lost_where_one_minus_y_is_zero(f, x, expected, sign):
    np.testing.assert_allclose(f(np.array([sign * x])), expected, rtol=1e-15)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
@pytest.mark.parametrize("shape", [(), (3,), (2, 0), (1, 1)])
def test_shape_and_dtype_are_kept(shape, dtype):
    x = np.full(shape, 0.5, dtype)
    t = Tensor(x)
    y = sigmoid(t)
    y.backward(np.ones(shape))
    for result in (sigmoid(x), y, t.grad, slope_by_rule(x)):
        assert (result.shape, result.dtype) == (shape, dtype)


@pytest.mark.parametrize("dtype", [np.bool, np.int8, np.uint8, np.int16, np.uint32, np.int64, np.uint64])
def test_integers_become_float64(dtype):
    for number in (dtype(1), np.array([0, 1], dtype)):
        y = sigmoid(number)
        assert y.dtype == np.float64
        np.testing.assert_array_equal(y, sigmoid(number.astype(float)))
    assert sigmoid(1) == sigmoid(1.0)


def second_derivative(x):
    t = Tensor(x)
    first = walk(sigmoid(t), Tensor(np.ones_like(x), requires_grad=False), create_graph=True)[t]
    return walk(first, np.ones_like(x))[t]


@pytest.mark.parametrize("f", [second_derivative, one_by_one(second_derivative)], ids=["array", "scalar"])
def test_the_second_derivative_agrees_with_its_closed_form(f):
    """σ″ = (1 − eˣ)eˣ/(eˣ + 1)³; near 0 it is a small difference of numbers near ⅛, hence the absolute tolerance."""
    points = exact(np.float64)[0][::10]
    with mpmath.workdps(50):
        e = [mpmath.exp(mpmath.mpf(float(x))) for x in points]
        expected = np.array([float((1 - q) * q / (q + 1) ** 3) for q in e])
    actual = f(points)
    np.testing.assert_allclose(actual, expected, rtol=1e-14, atol=1e-16)
    tail, off_centre = np.abs(points) > 1, np.abs(points) > 1e-6
    np.testing.assert_allclose(actual[tail], expected[tail], rtol=1e-14)
    assert (np.sign(actual) == -np.sign(points))[off_centre].all()


@pytest.mark.parametrize("f", [second_derivative, one_by_one(second_derivative)], ids=["array", "scalar"])
def test_the_second_derivative_changes_sign_at_0_and_is_0_there(f):
    left, middle, right = f(np.array([-1.0, 0.0, 1.0]))
    assert middle == 0
    assert left == -right == pytest.approx(0.0908577, abs=5e-8)


def test_the_third_derivative_at_0_is_minus_one_eighth():
    t = Tensor(0.0)
    y = sigmoid(t)
    for _ in range(3):
        y = walk(y, Tensor(1.0, requires_grad=False), create_graph=True)[t]
    assert y.item() == -0.125
