"""The checker: it must accept what is right at any size, and name what is wrong; the wrong rules here are the test."""

from collections import namedtuple

import numpy as np
import pytest
from test_rules import SAMPLES, differentiable

from tinygrad_sig import (
    GradientError,
    GradientReport,
    Tensor,
    check_gradients,
    gelu,
    log_sigmoid,
    logsumexp,
    relu,
    sigmoid,
    softmax,
    softplus,
)
from tinygrad_sig.calculus.computing import COMPUTED
from tinygrad_sig.calculus.rules import LINEAR, LOCAL
from tinygrad_sig.transforms import check
from tinygrad_sig.transforms.check import COMPLEX_STEP, DIFFERENCE, Complex

Pair = namedtuple("Pair", "a b")
X = np.array([0.5, -1.25, 2.0])


def rejected(f, *inputs, **options):
    """The error of a check that must fail."""
    with pytest.raises(GradientError) as caught:
        check_gradients(f, *inputs, **options)
    return caught.value


# What is right


@pytest.mark.parametrize("function", [*LOCAL, *LINEAR], ids=lambda f: f.__name__)
def test_every_row_passes(function, monkeypatch):
    monkeypatch.setattr(check, "ENTRIES", 8)  # Larger samples along directions only: that is a third of the time.
    for arguments, params in SAMPLES.get(function, ()):
        positions = differentiable(function, arguments)

        def f(*x, arguments=arguments, params=params, positions=positions):
            given = dict(zip(positions, x, strict=True))
            return function(*(given.get(i, a) for i, a in enumerate(arguments)), **params)

        check_gradients(f, *(arguments[i] for i in positions))


@pytest.mark.parametrize(
    ("f", "x"),
    [
        (lambda x: np.sin(x) ** 2 + np.cos(x) ** 2, np.linspace(0.1, 3.0, 9)),
        (lambda x: np.exp(x) - np.exp(x), X),
        (lambda x: np.sum(softmax(x)), X),
        (lambda x: np.sum(x - np.mean(x)), X),
        (lambda x: (x - 1e6) ** 2, 1e6 + 1e-3),
        (lambda x: x - x, 1e8),
    ],
)
def test_exact_cancellation_is_no_error(f, x):
    """The derivative is 0, or a small remainder: what is left of it is rounding, in the rules and in the difference."""
    check_gradients(f, x, order=3)


@pytest.mark.parametrize("x", [1e-200, 1e-8, 1e-3, 1.0, 1e3, 1e8, 1e150])
@pytest.mark.parametrize("f", [np.sin, np.arctan, np.tanh, relu, np.cbrt, np.square, softplus, lambda x: x**1.5])
def test_arguments_of_every_magnitude(f, x):
    with np.errstate(over="ignore", under="ignore"):
        check_gradients(f, x, order=1)


@pytest.mark.parametrize("f", [np.exp, np.tanh, sigmoid, gelu, log_sigmoid, softplus, logsumexp, np.std, abs, relu])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 20.0])
def test_inputs_of_mixed_magnitudes(f, scale):
    check_gradients(f, scale * np.array([1.0, -0.3, 0.01, 2.5]))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_orders(order):
    report = check_gradients(lambda x: np.sum(np.tanh(x) * x), X, order=order)
    assert [c.order for c in report] == sorted([*range(1, order + 1)] * 2 * (3 + 3))
    assert {c.method for c in report if c.order == 1} == {COMPLEX_STEP}
    assert {c.method for c in report if c.order > 1} <= {DIFFERENCE}


@pytest.mark.parametrize("modes", [("reverse",), ("forward",), ["forward", "reverse"]])
def test_modes(modes):
    report = check_gradients(np.exp, 1.0, order=1, modes=modes)
    assert {c.mode for c in report} == set(modes)
    assert len(report) == 4 * len(modes)


def test_structures_in_and_out():
    def f(p, q):
        return {"y": p["w"] @ p["x"], "z": [q.a * q.b, (q.a,)]}

    report = check_gradients(f, {"w": np.ones((2, 3)), "x": X}, Pair(2.0, 3.0))
    assert {c.input for c in report} == {"input 0['w']", "input 0['x']", "input 1[0]", "input 1[1]", "all inputs"}
    assert {c.entry for c in report if c.input == "input 0['w']"} == {f"[{i}, {j}]" for i in (0, 1) for j in (0, 1, 2)}


@pytest.mark.parametrize(
    "x", [3, True, np.int8(3), np.float32(1.5), np.float16(1.5), np.ones(2, np.float32), [1, 2], Tensor(2.0)]
)
def test_numbers_of_other_kinds_are_checked_in_float64(x):
    check_gradients(lambda x: np.sum(np.sin(x[0] + x[1])) if isinstance(x, list) else np.sin(x), x)


def test_large_inputs_are_checked_along_directions_only():
    report = check_gradients(lambda x: np.sum(np.sin(x)), np.linspace(0, 1, 33), order=1)
    assert [c.entry for c in report] == [f" (direction {i})" for i in (0, 0, 1, 1, 2, 2)]
    rejected(wrong_sum, np.ones(33))


def test_empty_inputs_and_outputs():
    assert check_gradients(np.exp, np.ones((0, 2))) == ()
    assert check_gradients(np.exp, np.ones((0, 2))).worst is None
    assert len(check_gradients(lambda x, y: np.sum(x) + y, np.ones(0), 2.0, order=1)) == 2 * 4
    assert all(c.analytic == c.numeric == 0 for c in check_gradients(lambda x: x[:0], X))


def test_functions_in_the_style_of_methods_and_over_other_tensors():
    w = Tensor(np.ones((2, 3)), name="w")
    report = check_gradients(lambda x: (w @ x).sigmoid().relu().tanh().exp().sqrt().sum(), X, order=1)
    assert {c.method for c in report} == {COMPLEX_STEP}
    assert w.grad is None


def test_functions_that_take_no_complex_numbers():
    def f(x):
        assert x.dtype.kind == "f"
        return np.arctan2(x, 2.0)

    assert {c.method for c in check_gradients(f, 1.0)} == {DIFFERENCE}
    assert {c.method for c in check_gradients(lambda x: x.data.real * x, 0.0, order=1)} <= {DIFFERENCE, COMPLEX_STEP}


def test_beside_a_kink_and_at_it():
    check_gradients(abs, 0.01)
    check_gradients(relu, np.array([-0.01, 0.01]))
    assert "the derivative by input 0 is 0, but a difference gives" in str(rejected(relu, 0.0))
    check_gradients(abs, 0.0)  # Where it is even, the difference agrees with the middle.


@pytest.mark.parametrize("name", ["exp", "log", "sqrt", "sin", "cos", "tanh", "sigmoid", "relu", "sum", "ravel"])
def test_every_method_that_computes_is_one_of_complex_numbers_too(name):
    assert isinstance(getattr(Complex(np.complex128(0.5 + 1j)), name)(), Complex)


@pytest.mark.parametrize("x", [-3.0, -0.5, 0.5, 3.0])
@pytest.mark.parametrize("function", Complex.CONTINUED, ids=lambda f: f.__name__)
def test_functions_of_complex_numbers_continue_those_of_real_ones(function, x):
    """Equal on the real axis, and with the same derivative in the direction of i: Cauchy and Riemann."""
    f, h = Complex.CONTINUED[function], 1e-6
    np.testing.assert_allclose(f(np.complex128(x)), function(x), rtol=1e-15)
    slope = (f(np.complex128(x + h)) - f(np.complex128(x - h))) / (2 * h)
    np.testing.assert_allclose((f(x + 1j * h) - f(x - 1j * h)) / (2j * h), slope, rtol=1e-8)


# What numbers are worth


def in_float64(f):
    """A function that longdouble has in name only, as in a browser."""
    return lambda x: f(np.float64(x)).astype(np.asarray(x).dtype)


def test_numbers_are_worth_what_functions_make_of_them(monkeypatch):
    eps = {kind: float(np.finfo(kind).eps) for kind in (np.float64, np.longdouble)}
    for kind in eps:
        assert eps[kind] <= check.precision(kind) < 4 * eps[kind]
    monkeypatch.setattr(np, "exp", in_float64(np.exp))
    assert eps[np.float64] / 8 < check.precision(np.longdouble) < 4 * eps[np.float64]
    assert check.precision(np.float64) < 4 * eps[np.float64]


@pytest.fixture(params=["Windows", "browser"])
def _other_machine(request, monkeypatch):
    """Where longdouble is float64, and where it claims digits that its functions do not have."""
    if request.param == "browser":
        worth = {np.float64: 2.2e-16, np.longdouble: 1.4e-16}
        monkeypatch.setattr(check, "LONGEST", np.longdouble)
    else:
        worth = {np.float64: 2.2e-16}
        monkeypatch.setattr(check, "LONGEST", np.float64)
    monkeypatch.setattr(check, "EPSILON", worth)
    for f in (np.exp, np.sin, np.tanh, np.log):
        monkeypatch.setitem(COMPUTED, f, in_float64(f))
        monkeypatch.setitem(LOCAL, f, LOCAL[f])  # It is read again, with what computes it.
    yield
    monkeypatch.undo()
    for f in (np.exp, np.sin, np.tanh, np.log):
        LOCAL[f] = LOCAL[f]


@pytest.mark.usefixtures("_other_machine")
@pytest.mark.parametrize(
    "f",
    [np.exp, np.tanh, np.log, lambda x: np.exp(np.sin(x)) * x, lambda x: np.sum(np.tanh(x) ** 2) / np.log(x)],
)
def test_right_derivatives_pass_where_longdouble_is_worth_no_more_than_float64(f):
    report = check_gradients(f, np.array([0.5, 1.25, 20.0]), order=3)
    assert {c.method for c in report} == {COMPLEX_STEP, DIFFERENCE}


@pytest.mark.usefixtures("_other_machine")
def test_wrong_derivatives_do_not_pass_there(monkeypatch):
    monkeypatch.setitem(LOCAL, np.sin, (lambda y, x: (1 + 1e-5) * np.cos(x),))
    rejected(np.sin, X)
    monkeypatch.setitem(LOCAL, np.sin, (lambda y, x: np.cos(getattr(x, "data", x)),))
    assert rejected(np.sin, X).report.worst.order == 2


def test_an_error_of_the_function_itself_is_not_taken_for_a_lack_of_longdouble():
    def fails(x):
        raise TypeError("mine")

    with pytest.raises(TypeError, match="mine"):
        check_gradients(fails, 1.0)


# What is wrong


def wrong_sum(x):
    """An operation whose derivative is lost on its way: x is a constant where it is squared."""
    return np.sum(x * x.data)


WRONG_ROWS = {
    "2.001 for 2": (np.square, (lambda y, x: 2.001 * x,), 3.0),
    "2.00001 for 2": (np.square, (lambda y, x: 2.00001 * x,), 3.0),
    "a missing term": (np.multiply, (lambda y, a, b: b, lambda y, a, b: 0 * a), 3.0),
    "a sign": (np.cos, (lambda y, x: np.sin(x),), 3.0),
    "nothing": (np.exp, (lambda y, x: 0,), 3.0),
    "nan": (np.exp, (lambda y, x: y * np.nan,), 3.0),
    "a wrong place": (np.divide, (lambda y, a, b: -y / b, lambda y, a, b: 1 / b), 3.0),
}


@pytest.mark.parametrize("modes", [("reverse",), ("forward",)], ids=str)
@pytest.mark.parametrize("wrong", WRONG_ROWS)
def test_a_wrong_rule_is_rejected_in_both_modes(monkeypatch, wrong, modes):
    function, row, x = WRONG_ROWS[wrong]
    monkeypatch.setitem(LOCAL, function, row)
    error = rejected(function, *[x] * len(row), modes=modes)
    assert error.report.worst.order == 1
    assert error.report.worst.mode == modes[0]


@pytest.mark.parametrize("modes", [("reverse",), ("forward",)], ids=str)
def test_a_wrong_linear_rule_is_rejected_in_both_modes(monkeypatch, modes):
    monkeypatch.setitem(LINEAR, np.flip, (lambda g, y, x, axis=None: g,))
    rejected(np.flip, X, modes=modes)


@pytest.mark.parametrize("modes", [("reverse",), ("forward",)], ids=str)
def test_a_rule_that_is_right_at_first_order_and_wrong_at_second_is_rejected(monkeypatch, modes):
    monkeypatch.setitem(LOCAL, np.sin, (lambda y, x: np.cos(getattr(x, "data", x)),))
    check_gradients(np.sin, 1.0, order=1, modes=modes)
    assert rejected(np.sin, 1.0, modes=modes).report.worst.order == 2


def test_a_rule_that_is_wrong_at_third_order_only_is_rejected(monkeypatch):
    """−cos′ = sin and sin′ = cos, and cos is a constant from there on."""
    monkeypatch.setitem(LOCAL, np.sin, (lambda y, x: np.cos(getattr(x, "data", x)),))

    def f(x):
        return -np.cos(x)

    check_gradients(f, 1.0, order=2)
    assert rejected(f, 1.0, order=3).report.worst.order == 3


@pytest.mark.parametrize("x", [20.0, 40.0, 300.0])
@pytest.mark.parametrize("name", ["tanh", "sigmoid"])
def test_a_vanishing_derivative_that_is_wrong_by_one_percent_is_rejected(monkeypatch, name, x):
    """tanh′(20) is 1.7e-17 and σ′(300) 5e-131, far below the rounding of tanh and σ themselves."""
    function, right = {
        "tanh": (np.tanh, lambda y, x: np.cosh(x) ** -2.0),
        "sigmoid": (sigmoid, lambda y, x: y * sigmoid(-x)),
    }[name]
    check_gradients(function, x)
    monkeypatch.setitem(LOCAL, function, (lambda y, x, slope=None: 1.01 * right(y, x),))
    assert rejected(function, x, order=1).report.worst.method == COMPLEX_STEP


def test_a_small_entry_beside_large_ones_is_checked_as_sharply(monkeypatch):
    x = np.array([0.0, 30.0])
    check_gradients(lambda x: np.sum(np.tanh(x)), x)
    row = LOCAL[np.tanh][0]
    monkeypatch.setitem(LOCAL, np.tanh, (lambda y, x: row(y, x) * np.where(x > 10, 1.01, 1.0),))
    assert rejected(lambda x: np.sum(np.tanh(x)), x, order=1).report.worst.entry == "[1]"


def test_the_derivative_of_a_chain_that_vanishes():
    def chain(x):
        for _ in range(10):
            x = sigmoid(x - 3)
        return x

    report = check_gradients(chain, 1.0)
    assert abs(report[0].analytic) < 1e-9
    assert report[0].method == COMPLEX_STEP


def test_infinite_and_missing_derivatives_are_rejected():
    with np.errstate(all="ignore"):
        assert np.isnan(rejected(np.sqrt, 0.0).report.worst.error)
        assert np.isnan(rejected(np.log, -1.0).report.worst.error)
        assert np.isnan(rejected(np.sin, np.nan).report.worst.error)


# The report


def test_the_sentence_names_the_function_the_input_the_entry_and_the_numbers(monkeypatch):
    def energy(p, q):
        return np.sum(np.square(p["x"])) + q

    monkeypatch.setitem(LOCAL, np.square, (lambda y, x: 2 * x * np.array([1.0, 1.0, 1.5]),))
    error = rejected(energy, {"x": X}, 1.0)
    assert isinstance(error, AssertionError)
    assert str(error) == (
        "check_gradients: energy, order 1, reverse mode: the derivative by input 0['x'][2] is 6, "
        "but a complex step gives 4 (off by 2, allowed 4e-06)"
    )
    worst = error.report.worst
    assert (worst.function, worst.order, worst.mode) == ("energy", 1, "reverse")
    assert (worst.input, worst.entry, worst.method) == ("input 0['x']", "[2]", COMPLEX_STEP)
    np.testing.assert_allclose(
        (worst.analytic, worst.numeric, worst.error, worst.tolerance), (6, 4, 2, 4e-6), rtol=1e-6
    )
    assert not worst.passed
    assert sum(not c.passed for c in error.report if c.input != "all inputs") == 2
    assert all(c.passed for c in error.report if c.input == "input 1")


def test_the_report_is_a_table_of_at_most_100_columns():
    report = check_gradients(
        lambda p: np.sum(-np.exp(p["a_rather_long_name_for_it"][0] * 40)), {"a_rather_long_name_for_it": [X]}
    )
    assert isinstance(report, GradientReport)
    assert all(type(v) is float for c in report for v in (c.analytic, c.numeric, c.error, c.tolerance))
    lines = str(report).splitlines()
    assert lines[0].split() == ["order", "mode", "input", "analytic", "numeric", "error", "tolerance", "method"]
    assert len(lines) == 1 + len(report)
    assert max(map(len, lines)) <= 100
    assert report.worst in report


def test_a_tolerance_can_be_chosen(monkeypatch):
    monkeypatch.setitem(LOCAL, np.square, (lambda y, x: 2.001 * x,))
    check_gradients(np.square, 3.0, order=1, tolerance=1e-3)
    rejected(np.square, 3.0, order=1, tolerance=1e-4)


def test_two_checks_of_one_function_are_equal():
    f = lambda x: np.sin(x) * X  # noqa: E731
    assert check_gradients(f, X) == check_gradients(f, X)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: check_gradients(np.exp),
            ValueError,
            "check_gradients: there is nothing to differentiate by; give the",
        ),
        (
            lambda: check_gradients(np.exp, 1.0, order=0),
            ValueError,
            "there is no derivative of order 0 to check; give 1",
        ),
        (lambda: check_gradients(np.exp, 1.0, modes=("both",)), ValueError, r"modes \('both',\) are not understood; g"),
        (
            lambda: check_gradients(np.exp, 1.0, modes=()),
            ValueError,
            r"modes \(\) are not understood; give 'reverse', ",
        ),
        (lambda: check_gradients(np.exp, 1.0, modes="forward"), ValueError, "modes 'forward' are not understood; give"),
        (
            lambda: check_gradients(np.exp, 1j),
            TypeError,
            "check_gradients: complex128 data has no gradient; give float",
        ),
        (
            lambda: check_gradients(np.exp, "1"),
            TypeError,
            "check_gradients: <U1 data has no gradient; give floating, i",
        ),
        (
            lambda: check_gradients(lambda x: x.item(), 1.0),
            TypeError,
            "the function returned a .*, which has lost its deriv",
        ),
    ],
)
def test_errors_say_what_is_wrong(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


def test_a_check_changes_nothing():
    x = np.array(X)
    state = np.random.get_state()[1].tolist()  # noqa: NPY002
    check_gradients(np.exp, x)
    assert x.tolist() == X.tolist()
    assert np.random.get_state()[1].tolist() == state  # noqa: NPY002


def test_what_lapack_does_not_know_is_checked_in_float64_and_the_report_says_so():
    a = np.array([[2.0, 1.0], [0.5, 3.0]])
    report = check_gradients(np.linalg.solve, a, np.array([1.0, 2.0]))
    assert {c.method for c in report} <= {COMPLEX_STEP, "a difference in float64"}
    assert "difference in float64" in str(report)
