"""The table against references that know nothing of it: every row, every argument, first and second order.

A row is tested the day it is added: SAMPLES must hold arguments for it. The reference is the complex step where NumPy's
function is analytic and takes complex numbers, a five-point central difference in longdouble everywhere else.
"""

from inspect import signature

import numpy as np
import pytest

from tinygrad_sig import (
    Tensor,
    elu,
    gelu,
    grad,
    hessian,
    jacobian,
    jvp,
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
from tinygrad_sig.calculus.functions import (
    cast,
    concatenate,
    contract,
    cosine,
    cross,
    euclidean,
    getitem,
    log_det,
    monomial,
    p_norm,
    parabola,
    rearranged,
    recurrence,
    scatter,
    sech,
    share,
    sigmoid_prime,
    sinc_derivative,
    stack,
    within,
)
from tinygrad_sig.calculus.rows import ROWS as READ
from tinygrad_sig.calculus.rules import LINEAR, LOCAL
from tinygrad_sig.engine.backward import walk

rng = np.random.default_rng(20231124)
POSITIVE = rng.uniform(0.3, 3.0, (2, 3))
SIGNED = POSITIVE * [[1, -1, 1], [-1, 1, -1]]  # no sample lies on a kink
OTHER = rng.uniform(0.4, 2.5, (2, 3))
ROW, COLUMN, ONE, SCALAR = OTHER[:1], OTHER[:, :1], OTHER[:1, :1], np.float64(1.7)
UNIT = rng.uniform(0.2, 0.8, (2, 3))
CUBE = rng.normal(size=(2, 3, 4))
STACK = np.random.default_rng(7).normal(size=(2, 3, 3)) + 3 * np.eye(3)
SQUARE, ONES = STACK[0], np.ones((3, 3))
MASK = np.array([[True, False, True], [False, False, True]])
PAIRS = [(SIGNED, OTHER), (OTHER, SIGNED), (SIGNED, ROW), (COLUMN, SIGNED), (ROW, SIGNED[:, :1]), (SIGNED, SCALAR)]
REPEATED = np.array([0, 2, 0])
SHAPE = list(signature(np.reshape).parameters)[1]  # NumPy 2.1 gave it another name

Arguments = tuple[np.ndarray, ...]
Sample = tuple[Arguments, dict]


def plain(*arguments: Arguments) -> list[Sample]:
    """Samples of a function that takes no parameters."""
    return [(args, {}) for args in arguments]


def matrices(*shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> list[Sample]:
    return plain(*((rng.normal(size=m), rng.normal(size=n)) for m, n in shapes))


def einsum(subscripts: str, *shapes: tuple[int, ...]) -> Sample:
    """A sample of `contract`, the operation behind np.einsum with all written out."""
    params = {"subscripts": subscripts, "optimize": False}
    return tuple(rng.normal(size=shape) for shape in shapes), params


# fmt: off
# The formatter would break the columns that put it beside the table in rules.py.
SAMPLES: dict = {
    **{f: plain((SIGNED,), (SCALAR,), (CUBE[:, :0],)) for f in (
        np.negative, np.positive, np.absolute, np.fabs, np.deg2rad, np.rad2deg, np.radians, np.degrees, np.square,
        np.reciprocal, np.cbrt, np.sinc,
        np.exp, np.exp2, np.expm1, np.sin, np.cos, np.arctan, np.sinh, np.cosh, np.tanh, sech, np.arcsinh,
        parabola, sigmoid, sigmoid_prime, relu, within, leaky_relu, elu, softplus, log_sigmoid, silu, gelu)},
    **{f: plain((POSITIVE,), (SCALAR,)) for f in (np.sqrt, np.log, np.log2, np.log10, np.log1p)},
    **{f: plain((2 * UNIT - 1,), (UNIT[0, 0],)) for f in (np.arcsin, np.arccos, np.arctanh)},
    np.tan:          plain((SIGNED / 3,), (SCALAR / 3,)),
    np.arccosh:      plain((1 + POSITIVE,), (SCALAR,)),
    logit:           plain((UNIT,), (UNIT[0, 0],), (CUBE[:, :0],)),
    **{f: plain(*PAIRS) for f in (
        np.add, np.subtract, np.multiply, np.divide, np.remainder, np.fmod, np.copysign,
        np.maximum, np.minimum, np.fmax, np.fmin, np.hypot,
        np.arctan2, np.logaddexp, np.logaddexp2, cosine, share)},
    **{f: plain((POSITIVE, SIGNED[::-1]), (POSITIVE, ROW), (COLUMN, SIGNED), (SCALAR, ROW), (ROW, SCALAR))
       for f in (np.power, np.float_power)},
    monomial:        [((SIGNED, 1 + UNIT, ROW), {"lower": k}) for k in (1, 2)] + plain((SCALAR, COLUMN, SIGNED)),
    **{f: [((CUBE,), {"axis": a, "keepdims": k}) for a in (None, 1, (-1, 0), ()) for k in (False, True)]
       for f in (np.max, np.min, euclidean, logsumexp, np.nanmax, np.nanmin, np.nanmean, np.nansum, np.prod)},
    **{f: [((CUBE,), {"axis": a, "keepdims": k, "ddof": d})
           for a in (None, 1, (-1, 0)) for k in (False, True) for d in (0, 0.5)] for f in (np.var, np.std)},
    **{f: [((CUBE,), {"axis": a}) for a in (None, 1, -1, (0, 2))] for f in (softmax, log_softmax)},
    np.sum:          [((CUBE,), {"axis": a, "keepdims": k}) for a in (None, 0, -1, (0, 2), ()) for k in (False, True)],
    np.mean:         [((CUBE,), {"axis": a, "keepdims": k}) for a in (None, 1, (-1, 0), ()) for k in (False, True)],
    np.cumsum:       [((CUBE,), {"axis": a}) for a in (None, 1, -1)] + plain((SCALAR,), (ONE,)),
    np.cumprod:      [((CUBE,), {"axis": a}) for a in (None, 1, -1)] + plain((SCALAR,), (ONE,)),
    np.nan_to_num:   plain((CUBE,), (SCALAR,)),
    sinc_derivative: [((x,), {"n": n}) for x in (SIGNED, SCALAR) for n in (1, 2)],
    recurrence:      plain((CUBE[0, :2], CUBE[1]), (ROW[0, :0], ROW[0, :1]), (CUBE[:1], CUBE)),
    np.reshape:      [((CUBE,), {SHAPE: (4, -1)}), ((SCALAR,), {SHAPE: (1, 1)}), ((ONE,), {SHAPE: ()})],
    np.expand_dims:  [((CUBE,), {"axis": 0}), ((CUBE,), {"axis": (1, -1)}), ((SCALAR,), {"axis": 0})],
    np.squeeze:      [((CUBE[:1, :, :1],), {}), ((CUBE[:1, :, :1],), {"axis": -1})],
    np.transpose:    [((CUBE,), {"axes": a}) for a in (None, (1, 2, 0), (-1, 0, 1))] + plain((SCALAR,), (ROW,)),
    np.swapaxes:     [((CUBE,), {"axis1": 0, "axis2": -1})],
    np.moveaxis:     [((CUBE,), {"source": 0, "destination": -1})],
    np.roll:         [((CUBE,), {"shift": (1, -2), "axis": (0, 2)}), ((SIGNED,), {"shift": 2})],
    np.rot90:        [((CUBE,), {}), ((CUBE,), {"k": -1, "axes": (1, 2)})],
    np.tril:         [((CUBE,), {}), ((CUBE,), {"k": -1})],
    np.triu:         [((CUBE,), {}), ((CUBE,), {"k": 1})],
    np.diagonal:     [((CUBE,), {}), ((CUBE,), {"offset": 1, "axis1": 1, "axis2": -1})],
    np.flip:         [((CUBE,), {"axis": a}) for a in (None, 1, (0, -1))],
    np.broadcast_to: [((ROW,), {"shape": (4, 2, 3)}), ((SCALAR,), {"shape": (2, 2)}), ((ONE,), {"shape": (0, 3)})],
    getitem:         [((CUBE,), {"key": k}) for k in (1, (..., -1), np.s_[::-1, None, 1:], REPEATED % 2, MASK,
                                                      (REPEATED % 2, REPEATED))],
    scatter:         [((ROW[0],), {"key": REPEATED, "shape": (4,)}), ((ROW,), {"key": np.s_[1:, ::2], "shape": (2, 6)}),
                      ((SCALAR,), {"key": MASK, "shape": MASK.shape})],
    rearranged:      [((CUBE,), {"by": np.tile, "of": ((2, 1),)}), ((ROW[0],), {"by": np.diag, "of": ()})],
    cast:            [((SIGNED,), {"dtype": np.longdouble})],
    np.matmul:       matrices(((3,), (3,)), ((3,), (3, 2)), ((2, 3), (3,)), ((2, 3), (3, 2)), ((3,), (2, 3, 2)),
                              ((2, 2, 3), (3,)), ((2, 1, 2, 3), (3, 3, 1)), ((1, 2, 3), (2, 3, 2)),
                              ((2, 3), (2, 3, 1)), ((2, 0), (0, 3))),
    p_norm:          [((SIGNED,), {"ord": p, "axis": a, "keepdims": k}) for p, a, k in (
                         (3.0, None, False), (2.5, 1, True), (0.5, (-1, 0), False), (-1.5, -1, False))],
    np.linalg.inv:   plain((SQUARE,), (STACK,), (SQUARE[:1, :1],)),
    np.linalg.det:   plain((SQUARE,), (STACK,), (SQUARE[:2, :2],), (ONES,)),
    log_det:         plain((SQUARE,), (STACK,), (-SQUARE[:1, :1],)),
    np.linalg.solve: plain((SQUARE, CUBE[0, :, 0]), (SQUARE, CUBE), (STACK, CUBE[0, :, :1]), (STACK, CUBE[0, :, 0])),
    cross:           plain((SIGNED, SIGNED[::-1]), (SIGNED, ROW), (SIGNED[0], SIGNED)),
    np.where:        plain(*((MASK, *pair) for pair in PAIRS), (MASK[0], SCALAR, COLUMN)),
    concatenate:     [((SIGNED, ROW), {"axis": 0, "ends": (0, 2, 3)}), ((CUBE,), {"axis": 1, "ends": (0, 3)}),
                      ((COLUMN, SIGNED, COLUMN), {"axis": -1, "ends": (0, 1, 4, 5)}),
                      ((SIGNED, SIGNED[:0]), {"axis": 0, "ends": (0, 2, 2)})],
    stack:           [((SIGNED, SIGNED), {"axis": a}) for a in (0, 1, -1)] + [((SCALAR, SCALAR), {"axis": 0})],
    contract:        [einsum("ij,jk->ik", (2, 3), (3, 4)), einsum("ij->ji", (2, 3)), einsum("ij->", (2, 3)),
                      einsum("ij->j", (2, 3)), einsum("i,j->ij", (2,), (3,)), einsum(",ij->ij", (), (2, 3)),
                      einsum("ii->i", (3, 3)), einsum("ii->", (3, 3)), einsum("iij->j", (3, 3, 2)),
                      einsum("iji,j->i", (3, 2, 3), (2,)), einsum("iii->i", (2, 2, 2)),
                      einsum("iijj->ij", (2, 2, 3, 3)), einsum("ii,i->", (3, 3), (3,)),
                      einsum("ij,ij->i", (2, 3), (1, 3)), einsum("ij,jk->ik", (2, 1), (3, 4)),
                      einsum("ij,jk,k->i", (2, 3), (3, 4), (4,)), einsum("i,i,i->i", (3,), (3,), (3,)),
                      einsum("bij,bjk->bik", (2, 2, 3), (2, 3, 2)), einsum("ij,k->i", (2, 3), (4,)),
                      einsum("ij,jk->ik", (2, 0), (0, 3))],
}
SAMPLES[parabola] += [((UNIT,), {"a": 0, "b": 1})]
SAMPLES[leaky_relu] += [((SIGNED,), {"slope": 0.25})]
SAMPLES[elu] += [((SIGNED,), {"alpha": 0.5})]
SAMPLES[within] += [((SIGNED,), {"end": 1})]
SAMPLES[share] += [((SIGNED, OTHER), {"base": 2})]
# fmt: on

# They have kinks, or are computed by way of |x|, which is not analytic, or lose the imaginary part.
NOT_ANALYTIC = {np.absolute, np.fabs, np.remainder, np.maximum, np.minimum, np.fmax, np.fmin, np.max, np.min, relu}
NOT_ANALYTIC |= {sech, sigmoid, sigmoid_prime, cast, within, leaky_relu, elu, softplus, log_sigmoid, silu, gelu}
NOT_ANALYTIC |= {cosine, share, monomial, logsumexp, softmax, log_softmax, np.var, np.std}
NOT_ANALYTIC |= {np.fmod, np.copysign, np.nanmax, np.nanmin, np.nan_to_num, sinc_derivative}
# NumPy does not take complex numbers there.
NOT_ANALYTIC |= {
    np.cbrt,
    np.deg2rad,
    np.rad2deg,
    np.radians,
    np.degrees,
    np.hypot,
    np.arctan2,
    np.logaddexp,
    np.logaddexp2,
}

NOT_ANALYTIC |= {p_norm, log_det}
# LAPACK has no longdouble: differences are taken in float64.
LAPACK = {np.linalg.inv, np.linalg.det, log_det, np.linalg.solve}

EPSILON = float(np.finfo(np.longdouble).eps)
H = EPSILON**0.2
# A longdouble is a float64 on some machines, and differences are no better there than this.
DIFFERENCE_TOLERANCE = max(1e-11, 1e3 * EPSILON**0.8)


def central_difference(f, x, h=H):
    """df/dx of a number f(x), element by element of x, by a difference whose error is of the fourth order."""
    gradient = np.zeros(x.shape, np.longdouble)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        gradient[index] = (8 * (f(x + step) - f(x - step)) - (f(x + 2 * step) - f(x - 2 * step))) / (12 * h)
    return gradient


def complex_step(f, x):
    """df/dx of a number f(x), element by element of x: nothing is subtracted, so nothing is rounded away."""
    gradient = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        z = x.astype(complex)
        z[index] += 1e-20j
        gradient[index] = f(z).imag / 1e-20
    return gradient


def replaced(arguments, position, value):
    return *arguments[:position], value, *arguments[position + 1 :]


def assert_close(actual, expected, tolerance):
    """Relative to the largest element, because a difference of large numbers knows no smaller one better.

    Where all are 0, terms of the order of 1 may have cancelled.
    """
    expected = np.asarray(expected, np.longdouble)
    assert np.shape(actual) == expected.shape
    np.testing.assert_allclose(actual, expected, tolerance, tolerance * np.max(np.abs(expected), initial=1e-3))


def precision(function):
    """(the dtype to take differences in, their step, how near they come)."""
    return (np.float64, 1e-3, 1e-9) if function in LAPACK else (np.longdouble, H, DIFFERENCE_TOLERANCE)


def differentiable(function, arguments):
    row = LOCAL.get(function) or LINEAR[function]
    return [i for i in range(len(arguments)) if row[i]]


def check_first_order(function, arguments, params):
    """Each argument on its own, the others constant, and then all of them at once."""
    analytic = function not in NOT_ANALYTIC
    long, h, tolerance = precision(function)
    weights = np.asarray(rng.normal(size=np.shape(function(*arguments, **params))))
    positions = differentiable(function, arguments)
    together = {i: Tensor(arguments[i]) for i in positions}
    joint = walk(function(*(together.get(i, a) for i, a in enumerate(arguments)), **params), weights)
    for i in positions:
        alone = Tensor(arguments[i])
        gradient = walk(function(*replaced(arguments, i, alone), **params), weights)[alone]

        def value(x, i=i):
            return np.sum(weights * function(*replaced(arguments, i, x), **params))

        x = np.asarray(arguments[i])
        expected = complex_step(value, x) if analytic else central_difference(value, x.astype(long), h)
        assert_close(gradient, expected, 1e-12 if analytic else tolerance)
        assert_close(joint[together[i]], expected, 1e-12 if analytic else tolerance)


def check_second_order(function, arguments, params):
    """Differentiate Σ v·(dy/dx) by the graph that the walk has made, by the upstream gradient too, in longdouble."""
    positions = differentiable(function, arguments)
    long, h, tolerance = precision(function)
    arguments = tuple(np.asarray(a, long)[()] if i in positions else a for i, a in enumerate(arguments))
    weights = np.asarray(rng.normal(size=np.shape(function(*arguments, **params))), long)[()]
    directions = [rng.normal(size=np.shape(arguments[i])) for i in positions]

    def first(variables, create_graph):
        upstream, *rest = variables
        tensors = [value if create_graph else Tensor(value) for value in rest]
        args = list(arguments)
        for i, tensor in zip(positions, tensors, strict=True):
            args[i] = tensor
        gradients = walk(function(*args, **params), upstream, create_graph)
        return sum((v * gradients[t]).sum() for v, t in zip(directions, tensors, strict=True))

    variables = (weights, *(arguments[i] for i in positions))
    tensors = [Tensor(value) for value in variables]
    second = walk(first(tensors, True), long(1))
    for k, tensor in enumerate(tensors):
        x = np.asarray(variables[k])
        expected = central_difference(lambda x, k=k: first(replaced(variables, k, x), False), x, h)
        assert_close(second.get(tensor, np.zeros(tensor.shape)), expected, tolerance)


CASES = [
    pytest.param(function, arguments, params, id=f"{function.__name__}-{k}")
    for function in (*LOCAL, *LINEAR)
    for k, (arguments, params) in enumerate(SAMPLES.get(function, ()))
]


@pytest.mark.parametrize("function", [*LOCAL, *LINEAR], ids=lambda f: f.__name__)
def test_no_row_is_without_samples(function):
    assert SAMPLES.get(function), f"{function.__name__} stands in the table: give it sample arguments here"


ROWS = {*LOCAL, *LINEAR}  # as imported: `define` adds others in its own tests


def test_no_sample_is_without_a_row():
    assert SAMPLES.keys() == ROWS


@pytest.mark.parametrize(("function", "arguments", "params"), CASES)
def test_first_derivative(function, arguments, params):
    check_first_order(function, arguments, params)


@pytest.mark.parametrize(("function", "arguments", "params"), CASES)
def test_second_derivative(function, arguments, params):
    check_second_order(function, arguments, params)


@pytest.mark.parametrize(("function", "arguments", "params"), CASES)
def test_forward_mode_reads_the_same_row(function, arguments, params):
    """Σ v·(J·u) = Σ u·(v·J), for a u along all arguments at once."""
    positions = differentiable(function, arguments)
    tensors = {i: Tensor(arguments[i]) for i in positions}
    u = [np.asarray(rng.normal(size=np.shape(arguments[i])))[()] for i in positions]

    def of(*x):
        given = dict(zip(positions, x, strict=True))
        return function(*(given.get(i, a) for i, a in enumerate(arguments)), **params)

    y, pushed = jvp(of, [arguments[i] for i in positions], u)
    assert (pushed.shape, pushed.dtype) == (y.shape, y.dtype)
    v = np.asarray(rng.normal(size=y.shape)).astype(y.dtype)[()]
    gradients = walk(of(*tensors.values()), v)
    pulled = [np.sum(a * gradients[t]) for a, t in zip(u, tensors.values(), strict=True)]
    assert_close(np.sum(v * pushed), np.sum(pulled), 1e-12)


WRONG = [
    (LOCAL, np.power, (lambda y, a, b: 2.001 * a, LOCAL[np.power][1]), (POSITIVE, np.float64(2)), {}),
    (LOCAL, np.exp, (lambda y, x: 2.001 / 2 * y,), (SIGNED,), {}),
    (LOCAL, softplus, (lambda y, x: 7.0,), (SIGNED,), {}),
    (LOCAL, np.maximum, (LOCAL[np.maximum][0], LOCAL[np.maximum][0]), (SIGNED, OTHER), {}),
    (LINEAR, np.sum, (lambda g, y, x, axis: 1.001 * np.broadcast_to(g, x.shape),), (ROW,), {"axis": 0}),
]


@pytest.mark.parametrize(("table", "function", "row", "arguments", "params"), WRONG)
def test_the_checker_rejects_a_wrong_rule(monkeypatch, table, function, row, arguments, params):
    monkeypatch.setitem(table, function, row)
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_first_order(function, arguments, params)


def test_the_checker_rejects_a_rule_that_is_wrong_in_second_order_only(monkeypatch):
    monkeypatch.setitem(LOCAL, np.sin, (lambda y, x: np.cos(getattr(x, "data", x)),))
    check_first_order(np.sin, (SIGNED,), {})
    with pytest.raises(AssertionError, match="Not equal to tolerance"):
        check_second_order(np.sin, (SIGNED,), {})


def derivatives(f, x, orders):
    """f(x), f′(x), … as numbers, each by differentiating the graph of the one before."""
    x = Tensor(x)
    y = f(x)
    values = [y.item()]
    for _ in range(orders):
        y = walk(y, Tensor(1.0, requires_grad=False), create_graph=True).get(x) if y.requires_grad else None
        y = Tensor(0.0, requires_grad=False) if y is None else y
        values.append(y.item())
    return values


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (lambda x: x**2, 0.0, [0, 0, 2, 0, 0]),
        (lambda x: x**2.0, 0.0, [0, 0, 2, 0, 0]),
        (lambda x: x**0, 0.0, [1, 0, 0, 0]),
        (lambda x: np.float_power(x, 2), 0.0, [0, 0, 2, 0, 0]),
        (lambda x: np.float_power(x, 3), -2.0, [-8, 12, -12, 6, 0]),
        (np.square, 0.0, [0, 0, 2, 0, 0]),
        (np.square, -3.0, [9, -6, 2, 0, 0]),
        (np.reciprocal, -2.0, [-1 / 2, -1 / 4, -1 / 4, -3 / 8]),
        (np.sin, 0.7, [np.sin(0.7 + k * np.pi / 2) for k in range(7)]),
        (lambda x: x**3, -2.0, [-8, 12, -12, 6, 0]),
        (lambda x: x**-1, -2.0, [-1 / 2, -1 / 4, -1 / 4, -3 / 8]),
        (lambda x: x * x * x, -2.0, [-8, 12, -12, 6, 0]),
        (lambda x: 1 / x, -2.0, [-1 / 2, -1 / 4, -1 / 4, -3 / 8]),
        (lambda x: 2**x, 0.0, [1, np.log(2), np.log(2) ** 2, np.log(2) ** 3]),
        (lambda x: 0**x, 2.0, [0, 0, 0]),
        (abs, 0.0, [0, 0, 0]),
        (relu, 0.0, [0, 0, 0]),
        (abs, -3.0, [3, -1, 0]),
        (lambda x: x.exp().log(), 0.5, [0.5, 1, 0, 0]),
    ],
)
def test_higher_derivatives_of_one_variable(f, x, expected):
    np.testing.assert_allclose(derivatives(f, x, len(expected) - 1), expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("b", [-1.0, 0.0, 0.5, 1.0, 2.0])
def test_mixed_derivatives_of_power_agree_at_every_exponent(b):
    """∂²aᵇ/∂a∂b = aᵇ⁻¹·(1 + b·log a), whichever of the two comes first, at b = 0 too."""
    a, b = Tensor(2.0), Tensor(b)
    first = walk(a**b, Tensor(1.0, requires_grad=False), create_graph=True)
    expected = 2.0 ** (b.data - 1) * (1 + b.data * np.log(2))
    mixed = [walk(first[b], np.float64(1))[a], walk(first[a], np.float64(1))[b]]
    np.testing.assert_allclose(mixed, expected, rtol=1e-15)


@pytest.mark.parametrize(
    ("f", "expected"),
    [
        (lambda x: x**3, 12.0),
        (lambda x: 1 / x**2, 0.25),
        (lambda x: np.where(x > 0, x, -x) ** 0.5, -0.5 / np.sqrt(2)),
        (lambda x: x * np.log(2.0), np.log(2.0)),
        (lambda x: np.divide(x, np.inf), 0.0),
    ],
)
def test_no_entry_is_evaluated_for_a_constant(f, expected):
    """At x = −2 the other partial of x³ takes the logarithm of a negative number; warnings are errors here."""
    x = Tensor(-2.0)
    f(x).backward()
    np.testing.assert_allclose(x.grad, expected, rtol=1e-15)


@pytest.mark.parametrize("zero", [0, 0.0, -0.0, np.float32(0), np.zeros(1)], ids=repr)
def test_division_by_a_constant_zero_follows_numpy_in_both_passes(zero):
    x = Tensor([3.0])
    with np.errstate(divide="ignore"):
        (x / zero).backward()
        np.testing.assert_array_equal(x.grad, np.ones(1) / zero)


@pytest.mark.parametrize("swap", [False, True], ids=["right", "left"])
@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int16, np.int64, np.bool, np.float16, np.float32])
@pytest.mark.parametrize("operation", [f for f, row in LOCAL.items() if len(row) == 2], ids=lambda f: f.__name__)
def test_a_narrow_constant_costs_no_precision(operation, dtype, swap):
    """NumPy takes the logarithm of an int8 in float16; but a derivative is as exact as the tensor it belongs to."""
    for narrow in (dtype(3), np.full(2, 3, dtype)):
        gradients = []
        for constant in (narrow, narrow.astype(np.float64)):
            x = Tensor(np.full(narrow.shape, 1.5))
            operation(*((constant, x) if swap else (x, constant))).backward(np.ones(narrow.shape))
            gradients.append(x.grad)
        np.testing.assert_allclose(*gradients, rtol=1e-14)


# The conventions at kinks, all of them. At 0 the middle is taken, and what ties shares equally.


@pytest.mark.parametrize("orders", [1, 2, 3])
@pytest.mark.parametrize("f", [np.absolute, np.fabs, relu, np.linalg.norm, euclidean], ids=lambda f: f.__name__)
def test_kinks_have_slope_0(f, orders):
    for zero in 0.0, -0.0:
        assert derivatives(f, zero, orders) == [0.0] * (orders + 1)


@pytest.mark.parametrize("zeros", [(0.0, 0.0), (-0.0, 0.0), (-0.0, -0.0)])
def test_the_hypotenuse_has_slope_0_at_0(zeros):
    a, b = map(Tensor, zeros)
    np.hypot(a, b).backward()
    assert (a.grad, b.grad) == (0, 0)
    assert derivatives(lambda x: np.hypot(x, 0.0), zeros[0], 2) == [0, 0, 0]
    assert derivatives(lambda x: np.hypot(x, x), -2.0, 2) == pytest.approx([8**0.5, -(2**0.5), 0])


@pytest.mark.parametrize("axis", [None, 0, 1])
def test_a_norm_of_zeros_has_slope_0(axis):
    x = Tensor([[0.0, 3.0], [0.0, 4.0]])
    np.linalg.norm(x, axis=axis).sum().backward()
    expected = {None: [[0, 0.6], [0, 0.8]], 0: [[0, 0.6], [0, 0.8]], 1: [[0, 1], [0, 1]]}
    np.testing.assert_allclose(x.grad, expected[axis], rtol=1e-15)


@pytest.mark.parametrize("f", [np.maximum, np.minimum, np.fmax, np.fmin], ids=lambda f: f.__name__)
def test_ties_are_shared(f):
    a, b, c = Tensor([1.0, 2.0]), Tensor([1.0, 2.0]), Tensor([1.0, 2.0])
    f(a, b).sum().backward()
    f(c, c).sum().backward()
    assert (a.grad.tolist(), b.grad.tolist(), c.grad.tolist()) == ([0.5, 0.5], [0.5, 0.5], [1.0, 1.0])
    assert derivatives(lambda x: f(x, -0.0), 0.0, 3) == [0, 0.5, 0, 0]
    assert derivatives(lambda x: f(x, x * x), 1.0, 3) == [1, 1.5, 1, 0]


@pytest.mark.parametrize(("f", "sign"), [(np.max, 1), (np.min, -1)], ids=["max", "min"])
@pytest.mark.parametrize(
    ("axis", "shares"),
    [
        (None, [[1 / 3, 0, 1 / 3], [1 / 3, 0, 0]]),
        (0, [[0.5, 1, 1], [0.5, 0, 0]]),
        (1, [[0.5, 0, 0.5], [1, 0, 0]]),
        ((0, -1), [[1 / 3, 0, 1 / 3], [1 / 3, 0, 0]]),
        ((), [[1, 1, 1], [1, 1, 1]]),
    ],
)
def test_ties_of_a_largest_element_are_shared(f, sign, axis, shares):
    values = sign * np.array([[5.0, 4.0, 5.0], [5.0, 3.0, 2.0]])
    for keepdims in False, True:
        x = Tensor(values)
        f(x, axis=axis, keepdims=keepdims).sum().backward()
        np.testing.assert_array_equal(x.grad, shares)
        y = Tensor(values)
        f(y**2 * sign, axis=axis, keepdims=keepdims).sum().backward(create_graph=True)
        (first := y.grad).sum().backward()
        np.testing.assert_allclose(first.data, 2 * sign * values * shares, rtol=1e-15)


@pytest.mark.parametrize("f", [np.maximum, np.minimum], ids=lambda f: f.__name__)
def test_a_nan_is_not_hidden_by_a_maximum(f):
    a = Tensor([np.nan, 1.0])
    f(a, [1.0, np.nan]).sum().backward()
    assert np.isnan(a.grad).all()


@pytest.mark.parametrize("f", [np.fmax, np.fmin], ids=lambda f: f.__name__)
def test_fmax_and_fmin_pass_over_a_nan_and_so_do_their_gradients(f):
    a, b = Tensor([np.nan, 1.0, np.nan]), Tensor([1.0, np.nan, np.nan])
    f(a, b).sum().backward()
    assert a.grad[:2].tolist() == [0.0, 1.0]
    assert b.grad[:2].tolist() == [1.0, 0.0]


@pytest.mark.parametrize("f", [np.max, np.min], ids=lambda f: f.__name__)
def test_a_largest_element_that_is_nan_takes_the_gradient(f):
    x = Tensor([[1.0, np.nan, 2.0], [np.nan, np.nan, 0.0]])
    f(x, axis=1).sum().backward()
    assert x.grad.tolist() == [[0.0, 1.0, 0.0], [0.5, 0.5, 0.0]]


@pytest.mark.parametrize("x", [30.0, -30.0, 300.0])
def test_the_slope_of_tanh_is_not_lost_in_its_tails(x):
    """1 − tanh² is 0 from 19 on; the derivative there is 4e⁻²ˣ."""
    slope = 4 * np.exp(-2 * abs(x))
    np.testing.assert_allclose(derivatives(np.tanh, x, 2), [np.sign(x), slope, -2 * np.sign(x) * slope], rtol=1e-14)


@pytest.mark.parametrize("f", [np.tanh, sech], ids=lambda f: f.__name__)
def test_no_number_gives_a_warning(f):
    """cosh(x), by which both might be computed, overflows from 711 on; warnings are errors here."""
    for values in ([0.0, 5e-324, 20.0, -400.0, 711.0, -800.0, 1e308, np.inf, -np.inf], [np.nan]):
        x = Tensor(values)
        f(x).sum().backward()
        assert (np.isfinite(x.grad) == np.isfinite(f(x.data))).all()


def test_repeated_indices_add_up():
    x = Tensor([1.0, 2.0, 3.0])
    x[[0, 0, 2, 0]].backward([1.0, 10.0, 100.0, 1000.0])
    assert x.grad.tolist() == [1011.0, 0.0, 100.0]


def test_a_permutation_given_as_one_number_is_undone():
    x = Tensor([1.0, 2.0])
    np.transpose(x, 0).backward([3.0, 4.0])
    assert x.grad.tolist() == [3.0, 4.0]


# The whole range of a dtype: what leaves it on the way to a derivative must not be lost with it.


@pytest.mark.parametrize(
    ("f", "x", "expected"),
    [
        (np.log10, np.float16(30000), 1 / (30000 * np.log(10))),
        (np.log2, np.float16(60000), 1 / (60000 * np.log(2))),
        (np.log10, 1.7e308, 1 / np.log(10) / 1.7e308),
        (lambda a: a**0.1, np.float16(1e-6), 0.1 * float(np.float16(1e-6)) ** -0.9),
        (lambda a: np.hypot(a, np.float16(50000)), np.float16(50000), 0.5**0.5),
        (np.linalg.norm, 1e200, 1),
        (np.linalg.norm, -1e-200, -1),
        (silu, -746.0, -745 * np.exp(-373.0) * np.exp(-373.0)),
    ],
)
def test_the_derivative_of_a_number_at_the_ends_of_its_range(f, x, expected):
    t = Tensor(x)
    with np.errstate(over="ignore"):
        f(t).backward()
    np.testing.assert_allclose(t.grad, expected, rtol=4 * np.finfo(t.dtype).eps, atol=5e-324)


@pytest.mark.parametrize(("f", "curvature"), [(np.arcsin, 1), (np.arccos, -1), (np.arctanh, 2), (sigmoid, -1 / 8)])
@pytest.mark.parametrize("x", [1e-300, 1e-17, np.float16(1e-4)])
def test_second_derivatives_near_0_do_not_cancel(f, curvature, x):
    np.testing.assert_allclose(derivatives(f, x, 2)[2], curvature * float(x), rtol=4 * np.finfo(type(x)).eps)


def test_an_angle_does_not_turn_at_infinity():
    t = Tensor([0.0, np.inf, -np.inf, 1e200])
    np.arctan(t).sum().backward()
    assert t.grad.tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize(
    ("f", "x", "tolerance"),
    [
        (lambda x: x / np.linalg.norm(x), np.array([3e200, 4e200]), 1e-15),
        (lambda x: x / np.linalg.norm(x), np.array([3e-200, 4e-200]), 1e-15),
        (lambda x: x / np.linalg.norm(x), np.float32([3e22, 4e22]), 1e-6),
        (lambda x: x / np.linalg.norm(x), np.float16([3000, 4000]), 2e-3),
    ],
)
def test_a_direction_keeps_its_projection_at_every_size(f, x, tolerance):
    unit = np.array([0.6, 0.8])
    expected = (np.eye(2) - np.outer(unit, unit)) / np.hypot(*x.astype(float))
    np.testing.assert_allclose(jacobian(f)(x), expected, rtol=tolerance)
    np.testing.assert_allclose(hessian(np.linalg.norm)(x), expected, rtol=tolerance)


@pytest.mark.parametrize("x", [np.array([3e200, 4e200]), np.float32([3e22, 4e22]), np.float16([3e-6, 4e-6])])
def test_a_norm_has_its_gradient_at_every_size(x):
    t = Tensor(x)
    np.linalg.norm(t).backward()
    direction = x.astype(np.longdouble) / np.sqrt(np.sum(x.astype(np.longdouble) ** 2))
    np.testing.assert_allclose(t.grad, direction.astype(float), rtol=np.finfo(x.dtype).eps * 2)


@pytest.mark.parametrize("x", [np.array([1e200, 3e200]), np.float16([4.2e-5, 5.6e-5]), np.float16([10000, 60000])])
def test_a_standard_deviation_has_its_gradient_at_every_size(x):
    t = Tensor(x)
    np.std(t).backward()
    np.testing.assert_allclose(t.grad, [-0.5, 0.5], rtol=0.01 if x.dtype == np.float16 else 1e-15)
    np.testing.assert_allclose(np.std(Tensor(x)).data, (x[1] - x[0]) / 2, rtol=0.01)


def test_equal_infinities_share_the_gradient_of_their_sum():
    for values in ([np.inf, np.inf, 1.0], [-np.inf, -np.inf]):
        t = Tensor(values)
        logsumexp(t).backward()
        assert t.grad.tolist() == [0.5, 0.5, 0.0][: t.size]


def test_a_probability_close_to_1_keeps_its_derivative():
    """1 − p is 0 there, and the derivative p·(1 − p) is 1e-20."""
    x = np.array([0.0, -46.0])
    p = np.exp(-46.0)
    np.testing.assert_allclose(jacobian(softmax)(x), [[p, -p], [p, -p]] * np.array([[1], [-1]]), rtol=1e-14)
    np.testing.assert_allclose(jacobian(log_softmax)(x), [[p, -p], [-1, 1]], rtol=1e-14)


@pytest.mark.parametrize("function", [np.max, np.min, np.nanmax, np.nanmin])
def test_more_elements_than_float16_can_count_share_a_maximum(function):
    """The count of 70000 is infinity in float16, and every share was 0."""
    gradient = grad(function)(np.zeros(70000, np.float16))
    assert gradient.dtype == np.float16
    np.testing.assert_allclose(gradient.astype(float), 1 / 70000, rtol=1e-2)


def test_the_norm_of_more_elements_than_float16_can_add_has_a_gradient():
    x = np.ones(70000, np.float16)
    np.testing.assert_allclose(float(np.linalg.norm(Tensor(x)).item()), 70000**0.5, rtol=1e-3)
    np.testing.assert_allclose(grad(np.linalg.norm)(x).astype(float), 70000**-0.5, rtol=1e-2)


@pytest.mark.parametrize(
    ("function", "dtype"),
    [(np.var, np.float32), *((f, d) for f in (np.arctan, np.arctanh, np.hypot) for d in (np.float16, np.float32))],
)
def test_a_local_derivative_has_the_dtype_of_its_argument(function, dtype):
    row, x = READ[function], np.full(70000, 0.5, dtype)
    args = (x,) * row.arity
    y = row.compute(*args)
    before = () if row.elementwise else (y,)
    assert row.entries[0](*before, y, *args).dtype == dtype


@pytest.mark.parametrize("function", [silu, gelu])
def test_a_gate_of_infinity_beside_one_far_below_0_does_not_warn(function):
    np.testing.assert_array_equal(function(np.array([np.inf, -800.0])) > 0, [True, False])
