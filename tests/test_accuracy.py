"""The table of elementwise functions against hundreds of digits: values, derivatives and theirs, the tails included.

The reference is mpmath, which differentiates the function itself and knows nothing of the rows. Errors are counted in
ulp, the distance from one float64 to the next, so that a derivative of 10⁻³⁰⁰ is held to as many digits as one of 1.
"""

from collections.abc import Callable
from contextlib import nullcontext
from itertools import product
from math import pi, sqrt

import numpy as np
import pytest
from mpmath import mp, mpf

from tinygrad_sig import (
    Tensor,
    elu,
    gelu,
    grad,
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
)
from tinygrad_sig.calculus.functions import cosine, monomial, parabola, sech, share, sigmoid_prime, within
from tinygrad_sig.calculus.rules import LOCAL
from tinygrad_sig.engine.backward import walk

ULPS = 8
STEP = mpf(10) ** -50
DIGITS = 1000  # Such a step at 10⁻²⁰⁰ changes a hypotenuse of 10²⁰⁰ by 10⁻⁷⁰⁰.

rng = np.random.default_rng(20240229)


def signed(*magnitudes: float) -> list[float]:
    return [s * m for m in magnitudes for s in (1.0, -1.0)]


NEAR_0 = signed(1e-200, 1e-20, 1e-9, 1e-5)
MIDDLE = signed(*rng.uniform(0.01, 1.0, 12), *rng.uniform(1.0, 8.0, 12))
REAL = NEAR_0 + MIDDLE + signed(20.0, 36.9, 40.1, 300.3, 370.0, 709.3, 745.1, 800.0, 1e5, 1e150, 1e200)
NOT_0 = REAL + signed(1e-150, 1e300)
POSITIVE = [x for x in NOT_0 if x > 0] + [5e-324]
AROUND_1 = [1 + s * 2.0**-k for k in (2, 5, 10, 25, 40, 52) for s in (1, -0.5)]
ABOVE_1 = [x for x in AROUND_1 + POSITIVE if x > 1]
WITHIN_1 = NEAR_0 + signed(0.3, 0.7, *(x for x in AROUND_1 if x < 1), *rng.uniform(0, 1, 12))
ABOVE_MINUS_1 = [x for x in WITHIN_1 + POSITIVE if x > -1]
UNIT = [x for x in WITHIN_1 if x > 0] + [0.5, *(0.5 + s * 2.0**-k for k in (2, 3, 10, 30, 52) for s in (1, -0.5))]
ANGLES = NEAR_0 + MIDDLE + signed(20.0, 300.3, 1e5, np.pi / 2, np.pi, 3 * np.pi / 2, 2 * np.pi)
PAIRS = [*zip(MIDDLE, rng.uniform(-8.0, 8.0, len(MIDDLE)).tolist(), strict=True)]
PLANE = [*PAIRS, *product(signed(1e-200, 0.3, 1.7, 1e200), repeat=2)]
LOGARITHMS = [*PAIRS, (-0.25, -1.5), (-0.5, -1.7718), *product(signed(1.5, 40.1, 700.3), repeat=2)]
EXPONENTS = (-12.0, -1.0, -0.5, 0.0, 0.1, 0.5, 1.0, 2.0, 3.0, 15.3)
POWERS = [(1e200, 0.1), (1e200, -0.3), *product((1e-20, 0.3, 1 - 2.0**-30, 1.0, 1.7, 10.0, 1e20), EXPONENTS)]
MONOMIALS = [(c, a, b) for c in (0.7, -3.0) for a, b in POWERS]

# Of eighths, so that x − y is exact for any two of them.
EIGHTHS = signed(0.125, 0.375, 1.0, 1.25, 2.5, 7.375, 20.0, 36.875, 300.125, 709.25, 800.0)
TRIPLES = [*product((-740.125, -36.875, -1.25, 0.0), (0.0, 0.5, 40.25), (-800.0, -1.5, 0.0))]


def underflows(a, b):
    return a**b < np.finfo(a.dtype).tiny


def log_of_sum(*x):
    return mp.log(sum(map(mp.exp, x)))


# fmt: off
# The formatter would break the columns: the function to many digits, and where to look at it.
REFERENCE: dict[Callable, tuple[Callable, list]] = {
    np.negative:    (lambda x: -x, REAL),
    np.positive:    (lambda x: x, REAL),
    np.absolute:    (abs, NOT_0),
    np.fabs:        (abs, NOT_0),
    np.deg2rad:     (lambda x: x * mp.pi / 180, REAL),
    np.rad2deg:     (lambda x: x * 180 / mp.pi, REAL),
    np.radians:     (lambda x: x * mp.pi / 180, REAL),
    np.degrees:     (lambda x: x * 180 / mp.pi, REAL),
    np.square:      (lambda x: x * x, REAL),
    np.reciprocal:  (lambda x: 1 / x, NOT_0),
    np.sqrt:        (mp.sqrt, POSITIVE),
    np.cbrt:        (lambda x: mp.sign(x) * mp.cbrt(abs(x)), NOT_0),
    np.exp:         (mp.exp, REAL),
    np.exp2:        (lambda x: mpf(2) ** x, REAL),
    np.expm1:       (mp.expm1, REAL),
    np.log:         (mp.log, POSITIVE + AROUND_1),
    np.log2:        (lambda x: mp.log(x) / mp.log(2), POSITIVE + AROUND_1),
    np.log10:       (lambda x: mp.log(x) / mp.log(10), POSITIVE + AROUND_1),
    np.log1p:       (mp.log1p, ABOVE_MINUS_1),
    np.sin:         (mp.sin, ANGLES),
    np.cos:         (mp.cos, ANGLES),
    np.tan:         (mp.tan, ANGLES),
    np.sinc:        (mp.sincpi, NEAR_0 + [x / 20 for x in MIDDLE]),
    np.arcsin:      (mp.asin, WITHIN_1),
    np.arccos:      (mp.acos, WITHIN_1),
    np.arctan:      (mp.atan, REAL),
    np.sinh:        (mp.sinh, REAL),
    np.cosh:        (mp.cosh, REAL),
    np.tanh:        (mp.tanh, REAL),
    sech:           (mp.sech, REAL),
    np.arcsinh:     (mp.asinh, REAL),
    np.arccosh:     (mp.acosh, ABOVE_1),
    np.arctanh:     (mp.atanh, WITHIN_1),
    parabola:       (lambda x: 1 - x * x, WITHIN_1),
    sigmoid:        (lambda x: 1 / (1 + mp.exp(-x)), REAL),
    sigmoid_prime:  (lambda x: 1 / (2 + mp.exp(x) + mp.exp(-x)), REAL),
    logit:          (lambda x: mp.log(x / (1 - x)), UNIT),
    relu:           (lambda x: max(x, 0), NOT_0),
    leaky_relu:     (lambda x: max(x, mpf(0.01) * x), NOT_0),
    elu:            (lambda x: x if x > 0 else mp.expm1(x), REAL),
    softplus:       (lambda x: mp.log1p(mp.exp(x)), REAL),
    log_sigmoid:    (lambda x: -mp.log1p(mp.exp(-x)), REAL),
    silu:           (lambda x: x / (1 + mp.exp(-x)), [*EIGHTHS, -709.75, -746.0]),
    gelu:           (lambda x: x / (1 + mp.exp(-mpf(sqrt(8 / pi)) * (x + mpf(0.044715) * x**3))), [*EIGHTHS, -21.5]),
    within:         (lambda x: min(max(x, -40), 40), NOT_0),
    np.add:         (lambda a, b: a + b, PLANE),
    np.subtract:    (lambda a, b: a - b, PLANE),
    np.multiply:    (lambda a, b: a * b, PLANE),
    np.divide:      (lambda a, b: a / b, PLANE),
    np.remainder:   (lambda a, b: a - b * mp.floor(a / b), PAIRS),
    np.fmod:        (lambda a, b: a - b * mp.sign(a / b) * mp.floor(abs(a / b)), PAIRS),
    np.copysign:    (lambda a, b: abs(a) * mp.sign(b), PLANE),
    np.power:       (lambda a, b: a ** b, POWERS),
    np.float_power: (lambda a, b: a ** b, POWERS),
    np.maximum:     (max, PLANE),
    np.minimum:     (min, PLANE),
    np.fmax:        (max, PLANE),
    np.fmin:        (min, PLANE),
    np.hypot:       (mp.hypot, PLANE),
    np.arctan2:     (mp.atan2, PLANE),
    cosine:         (lambda a, b: a / mp.hypot(a, b), PLANE),
    np.logaddexp:   (lambda a, b: mp.log(mp.exp(a) + mp.exp(b)), LOGARITHMS),
    np.logaddexp2:  (lambda a, b: mp.log(mpf(2) ** a + mpf(2) ** b) / mp.log(2), LOGARITHMS),
    share:          (lambda a, b: 1 / (1 + mp.exp(b - a)), LOGARITHMS),
    monomial:       (lambda c, a, b: c * a ** (b - 1), MONOMIALS),
}
# What is composed of them, as a function of columns of numbers; its derivatives come from the walk.
COMPOSITIONS: dict[str, tuple[Callable, Callable, list]] = {
    "sigmoid":     (sigmoid, lambda x: 1 / (1 + mp.exp(-x)), REAL),  # by the slope of the forward pass, not by the row
    "tanh":        (np.tanh, mp.tanh, REAL),
    "leaky_relu":  (lambda x: leaky_relu(x, 0.25), lambda x: max(x, x / 4), NOT_0),
    "elu":         (lambda x: elu(x, 0.5), lambda x: x if x > 0 else mp.expm1(x) / 2, REAL),
    "logsumexp":   (lambda *x: logsumexp(np.stack(x), axis=0), log_of_sum, TRIPLES),
    "log_softmax": (lambda *x: log_softmax(np.stack(x), axis=0)[0], lambda *x: x[0] - log_of_sum(*x), TRIPLES),
    "softmax":     (lambda *x: softmax(np.stack(x), axis=0)[0], lambda *x: mp.exp(x[0]) / sum(map(mp.exp, x)), TRIPLES),
}

# What is worse than 8 ulp: a function (its value), with the position of an argument (its derivative by it), or with two
# (its second derivative); how many ulp more it may be off at x, and why.
EXCEPTIONS: dict[tuple, tuple[Callable, str]] = {
    (np.logaddexp,):       (lambda a, b: abs(a / np.logaddexp(a, b)), "NumPy's own; near its zero terms cancel"),
    (np.logaddexp2,):      (lambda a, b: abs(a / np.logaddexp2(a, b)), "NumPy's own; near its zero terms cancel"),
    (sech, 0, 0):          (lambda x: 4 / abs(1 - 2 * np.cosh(x) ** -2.0), "a zero at 0.88"),
    (sigmoid_prime, 0, 0): (lambda x: 8 / abs(3 * np.tanh(x / 2) ** 2 - 1), "a zero at 1.3"),
    (silu, 0):             (lambda x: 2 / abs(1 + x / (1 + np.exp(x))), "a zero at −1.28"),
    (silu, 0, 0):          (lambda x: 8 / abs(2 - x * np.tanh(x / 2)), "a zero at 2.4"),
    (np.arctan2, 0, 1):    (lambda a, b: 4 / abs(np.cos(2 * np.arctan2(b, a))), "a zero at a = b"),
    (np.arctan2, 1, 0):    (lambda a, b: 4 / abs(np.cos(2 * np.arctan2(b, a))), "a zero at a = b"),
    (cosine, 0, 1):        (lambda a, b: 8 / abs(1 - 3 * np.cos(np.arctan2(b, a)) ** 2), "a zero at 2a² = b²"),
    (cosine, 1, 0):        (lambda a, b: 8 / abs(1 - 3 * np.cos(np.arctan2(b, a)) ** 2), "a zero at 2a² = b²"),
    (cosine, 1, 1):        (lambda a, b: 8 / abs(1 - 3 * np.sin(np.arctan2(b, a)) ** 2), "a zero at a² = 2b²"),
    (np.power, 1):         (lambda a, b: underflows(a, b) * abs(np.log(a)), "aᵇ has underflowed; log a magnifies that"),
    (monomial, 2):         (lambda c, a, b: underflows(a, b - 1) * 2 * abs(np.log(a)), "as of power"),
    (monomial, 1, 2):      (lambda c, a, b: 8 / abs(1 + (b - 1) * np.log(a)), "a zero at (b − 1)·log a = −1"),
    (gelu,):               (lambda x: abs(x) ** 3, "the cubic is rounded; the exponential magnifies it"),
    (gelu, 0):             (lambda x: abs(x) ** 3, "the cubic is rounded; the exponential magnifies it"),
    (gelu, 0, 0):          (lambda x: abs(x) ** 3, "the cubic is rounded; the exponential magnifies it"),
}
# fmt: on


def exact(f, positions, x):
    """f at x, or by central differences its derivative by the arguments at `positions`, one after the other."""
    steps = [STEP * (abs(value) or 1) for value in x]

    def derivative(positions, x):
        if not positions:
            return f(*x)
        i, *rest = positions
        above, below = ([*x[:i], x[i] + step, *x[i + 1 :]] for step in (steps[i], -steps[i]))
        return (derivative(rest, above) - derivative(rest, below)) / (2 * steps[i])

    return derivative(positions, x)


def ulps(actual, expected):
    """How many floats lie between the two; where the exact number has no float any more, it must be that infinity."""
    nearest = actual.dtype.type(float(expected))
    if not (np.isfinite(nearest) and np.isfinite(actual)):
        return 0.0 if actual == nearest else np.inf
    return float(abs(mpf(float(actual)) - expected) / mpf(float(np.spacing(abs(nearest)))))


def check(key, reference, points, results):
    """Compare (positions, numbers) in `results` with the reference, and say where they are furthest off."""
    with mp.workdps(DIGITS), np.errstate(over="ignore", divide="ignore"):
        for positions, numbers in results:
            more = EXCEPTIONS.get((key, *positions), (lambda *x: 0.0, ""))[0]
            numbers = np.broadcast_to(numbers, len(points))
            expected = [exact(reference, positions, [mpf(float(v)) for v in x]) for x in points]
            errors = [ulps(*pair) for pair in zip(numbers, expected, strict=True)]
            excess = [error - more(*x) for error, x in zip(errors, points, strict=True)]
            worst = int(np.argmax(excess))
            what = f"its derivative by {positions}" if positions else "its value"
            assert excess[worst] <= ULPS, f"{what} at {points[worst]} is {errors[worst]:.3g} ulp off: {numbers[worst]}"
            needed = max(errors) > ULPS or not any(more(*x) >= 1 for x in points)
            assert needed, f"{key} needs no exception for {what}"


def keeps(rounded, x):
    """Whether a number that is no end of a function's range is not rounded to one."""
    return float(rounded) == x or float(rounded) not in (0, 1, -1, np.inf, -np.inf)


def columns(points, dtype=np.float64):
    """The points as tuples, but those that the dtype rounds to an end of a range, and as an array for each argument."""
    points = [x if isinstance(x, tuple) else (x,) for x in points]
    with np.errstate(over="ignore", under="ignore"):
        rounded = [tuple(map(dtype, x)) for x in points]
    kept = [r for r, x in zip(rounded, points, strict=True) if all(map(keeps, r, x))]
    return kept, [np.array(column) for column in zip(*kept, strict=True)]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("function", LOCAL, ids=lambda f: f.__name__)
def test_values_and_local_derivatives_are_exact_to_8_ulp(function, dtype):
    assert function in REFERENCE, f"{function.__name__} stands in the table: say here what mpmath calls it"
    reference, points = REFERENCE[function]
    points, x = columns(points, dtype)
    with np.errstate(all="ignore"):  # Where results overflow, they are to do so.
        y = function(*x)
        entries = [np.multiply(1, entry(y, *x)).astype(dtype) for entry in LOCAL[function]]
        results = [((), y.astype(dtype)), *(((i,), entry) for i, entry in enumerate(entries))]
    check(function, reference, points, results)


@pytest.mark.parametrize("function", LOCAL, ids=lambda f: f.__name__)
def test_second_derivatives_are_exact_to_8_ulp(function):
    """By each argument and each pair of them; not where two are of one size: there maxima have a kink."""
    reference, points = REFERENCE[function]
    points, x = columns([p for p in points if not isinstance(p, tuple) or len({*map(abs, p)}) == len(p)])
    tensors, results = [Tensor(column) for column in x], []
    with np.errstate(all="ignore"):
        y = function(*tensors)
        first = walk(y, Tensor(np.ones(y.shape), requires_grad=False), create_graph=True)
        for i, t in enumerate(tensors):
            second = walk(first[t], np.ones(y.shape)) if first[t].requires_grad else {}
            results += [((i, j), second.get(u, np.float64(0))) for j, u in enumerate(tensors)]
    check(function, reference, points, results)


@pytest.mark.parametrize("name", COMPOSITIONS)
def test_what_is_composed_of_them_is_exact_to_8_ulp(name):
    function, reference, points = COMPOSITIONS[name]
    points, x = columns(points)
    tensors = [Tensor(column) for column in x]
    y = function(*tensors)
    np.testing.assert_array_equal(function(*x), y.data)
    y.sum().backward()
    check(name, reference, points, [((), y.data), *(((i,), t.grad) for i, t in enumerate(tensors))])


def test_the_check_sees_a_slope_that_loses_its_tail():
    """1 − tanh² is right to the last digits at 1, and 0 at 20."""
    for x, fails in (1.0, False), (20.0, True):
        slope = 1 - np.tanh(x) ** 2
        with pytest.raises(AssertionError, match="ulp off") if fails else nullcontext():
            check(np.tanh, mp.tanh, [(x,)], [((0,), slope)])


@pytest.mark.parametrize(("dtype", "size"), [(np.float16, 6e4), (np.float32, 3e38), (np.float64, 1.5e308)])
def test_angles_have_a_slope_where_the_hypotenuse_is_beyond_the_largest_number(dtype, size):
    """∂/∂a arctan2(a, b) = b/(a² + b²) was 0 there, and ∂²/∂a² √(a² + b²) too."""
    a = dtype(size)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(float(grad(np.arctan2)(a, -a)) * size, -0.5, rtol=4e-2)
        np.testing.assert_allclose(float(grad(grad(np.hypot))(a, a)) * size, 1 / 8**0.5, rtol=4e-2)
