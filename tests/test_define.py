"""A user's own operations: what `define` adds must have all that the rows of the tables have."""

import numpy as np
import pytest

from tinygrad_sig import (
    GradientError,
    Tensor,
    check_gradients,
    define,
    grad,
    hessian,
    jvp,
    sigmoid,
    trace,
    vjp,
)
from tinygrad_sig.calculus.computing import COMPUTED
from tinygrad_sig.calculus.rows import ROWS
from tinygrad_sig.calculus.rules import LINEAR, LOCAL
from tinygrad_sig.engine.lanes import LANES
from tinygrad_sig.formulas.symbols import LATEX, derivative, write

X = np.array([0.5, -1.25, 2.0])


@pytest.fixture(autouse=True)
def _tables_as_before(monkeypatch):
    """What a test defines is forgotten after it."""
    before = [(table, dict(table)) for table in (LOCAL, LINEAR, ROWS, LANES, COMPUTED)]
    yield
    for table, rows in before:
        table.clear()
        table.update(rows)


def formulas(y):
    """(text, LaTeX) of every step."""
    steps = trace(y, np.ones(y.shape))
    return [
        (step.formula, write(derivative(step.output, step.position, steps.names.__getitem__), LATEX)) for step in steps
    ]


def cubed(x):
    """x³."""
    return x * x * x


def test_a_function_of_one_argument():
    cube = define(cubed, lambda y, x: 3 * x**2)
    assert (cube.__name__, cube.__doc__) == ("cubed", "x³.")
    assert cube(2.0) == 8.0
    assert cube(X).tolist() == (X * X * X).tolist()
    x = Tensor(X, name="x")
    y = cube(x)
    assert (y.op, y.inputs) == ("cubed", (x,))
    y.sum().backward()
    np.testing.assert_array_equal(x.grad, 3 * X * X)
    orders = [cube]
    for _ in range(4):
        orders.append(grad(orders[-1]))
    assert [f(2.0) for f in orders] == [8.0, 12.0, 12.0, 6.0, 0.0]
    assert jvp(cube, (2.0,), (10.0,)) == (8.0, 120.0)
    assert jvp(grad(cube), (2.0,), (1.0,)) == (12.0, 12.0)
    assert hessian(lambda x: np.sum(cube(x)))(X).tolist() == np.diag(6 * X).tolist()
    assert cube(Tensor(np.float32(2))).dtype == np.float32
    assert len(check_gradients(cube, X, order=3)) == 3 * 2 * 6


def test_its_formula_is_in_the_trace():
    cube = define(cubed, lambda y, x: 3 * x**2)
    steps = trace(cube(Tensor(2.0, name="x")) * 5)
    assert [step.op for step in steps] == ["multiply", "cubed"]
    assert steps[1].formula == "3·x²"
    assert steps[1].factor == 12.0
    assert str(trace(cube(Tensor(2.0, name="x")))).startswith("v1 = cubed(x) = 8.000000")
    assert formulas(cube(Tensor(2.0, name="x"))) == [("3·x²", r"3 \, x^{2}")]
    scaled = define(lambda x: x * np.exp(x), lambda y, x: (1 + x) * np.exp(x))
    assert formulas(scaled(Tensor(2.0, name="x"))) == [("(1 + x)·exp(x)", r"(1 + x) \, \exp(x)")]
    softer = define(lambda x: sigmoid(2 * x), lambda y, x: 2 * sigmoid(2 * x) * sigmoid(-2 * x))
    np.testing.assert_allclose(trace(softer(Tensor(0.5, name="x")))[0].factor, grad(softer)(0.5))


def test_the_entry_may_use_the_value_of_the_function():
    bump = define(lambda x: np.exp(-x * x), lambda y, x: x * y * -2)
    check_gradients(bump, X, order=4)
    assert formulas(bump(Tensor(2.0, name="x")))[0][0] == "x·<lambda>(x)·(−2)"


def test_a_constant_local_derivative():
    double = define(lambda x: x + x, lambda y, x: 2)
    shift = define(lambda x: x + 5.0, lambda y, x: 1)
    assert grad(lambda x: double(shift(x)))(3.0) == 2.0
    assert grad(grad(lambda x: double(shift(x))))(3.0) == 0.0
    check_gradients(lambda x: double(shift(x)), X)


def test_two_arguments_broadcast():
    blend = define(lambda a, b: a * a * b, lambda y, a, b: 2 * a * b, lambda y, a, b: a**2)
    check_gradients(blend, X, np.array([[2.0], [3.0]]))
    a, b = grad(lambda a, b: np.sum(blend(a, b)), (0, 1))(X, 2.0)
    assert (a.tolist(), b) == ((4 * X).tolist(), np.sum(X * X))
    assert formulas(blend(Tensor(2.0, name="a"), Tensor(3.0, name="b"))) == [
        ("2·a·b", r"2 \, a \, b"),
        ("a²", "a^{2}"),
    ]
    assert grad(lambda x: blend(x, 3.0))(2.0) == 12.0
    assert grad(lambda x: blend(2, x))(2.0) == 4.0


def test_an_argument_without_a_derivative():
    repeated = define(lambda n, x: x**n, None, lambda y, n, x: n * x ** (n - 1))
    assert repeated(3, 2.0) == 8.0
    assert grad(lambda x: repeated(3, x))(2.0) == 12.0
    assert grad(lambda x: repeated(Tensor(3, requires_grad=False), x))(Tensor(2.0)).item() == 12.0
    check_gradients(lambda x: repeated(3, x), 2.0)
    with pytest.raises(TypeError, match="stands where there is no derivative; use"):
        repeated(Tensor(3.0), 2.0)


def weighted(a, b, *, weight=1.0):
    return np.sum(weight * a * b)


def define_weighted():
    return define(
        weighted,
        lambda g, y, a, b, weight=1.0: g * weight * b,
        lambda g, y, a, b, weight=1.0: g * weight * a,
        carry=True,
    )


def test_a_linear_map_with_parameters():
    product = define_weighted()
    a, b = Tensor(X, name="a"), Tensor([1.0, 2.0, 3.0], name="b")
    y = product(a, b, weight=10.0)
    assert y.params == {"weight": 10.0}
    y.backward()
    assert a.grad.tolist() == [10.0, 20.0, 30.0]
    assert b.grad.tolist() == (10 * X).tolist()
    assert formulas(y) == [("g·10·b", r"g \, 10 \, b"), ("g·10·a", r"g \, 10 \, a")]
    np.testing.assert_allclose(hessian(lambda a: product(a, a * a, weight=2.0))(X), np.diag(12 * X))
    assert jvp(lambda a: product(a, b.data), (X,), (np.ones(3),))[1] == 6.0
    assert vjp(product, X, X)[1](2.0)[0].tolist() == (2 * X).tolist()
    check_gradients(lambda a, b: product(a, b, weight=3.0), X, X, order=3)


def leaky_of(x, slope=0.1):
    return np.where(x > 0, x * x, slope * x)


def leaky_slope(y, x, slope=0.1):
    return np.where(np.greater(x, 0), 2 * x, slope)


def test_an_elementwise_function_with_a_parameter():
    leaky = define(leaky_of, leaky_slope)
    f = lambda x: leaky(x, slope=0.5)  # noqa: E731
    assert [leaky(-2.0), f(-2.0), leaky(-2.0, 0.5)] == [-0.2, -1.0, -1.0]
    for x, slope, curvature in ((-2.0, 0.5, 0.0), (3.0, 6.0, 2.0)):
        assert [grad(f)(x), grad(lambda x: leaky(x, 0.5))(x)] == [slope, slope]
        assert jvp(f, (x,), (10.0,))[1] == 10 * slope
        assert [grad(grad(f))(x), jvp(grad(f), (x,), (1.0,))[1]] == [curvature, curvature]
    assert grad(leaky)(-2.0) == 0.1
    check_gradients(f, X, order=3)
    check_gradients(leaky, X, order=3)
    assert f(Tensor(2.0)).params == {"slope": 0.5}
    with pytest.raises(TypeError, match="leaky_of: slope= takes a plain value; give t"):
        leaky(X, slope=Tensor(0.5))


def test_the_parameters_of_elementwise_entries_are_given_by_name_in_every_order():
    scaled = define(
        lambda a, b, *, k=1.0, m=2.0: k * a * b**m,
        lambda y, a, b, *, m=2.0, k=1.0: k * b**m,
        lambda y, a, b, k=1.0, m=2.0: k * a * m * b ** (m - 1),
    )
    f = lambda a, b: scaled(a, b, m=3.0)  # noqa: E731
    assert grad(f, (0, 1))(5.0, 2.0) == (8.0, 60.0)
    assert hessian(f, (0, 1))(5.0, 2.0) == ((0.0, 12.0), (12.0, 60.0))
    check_gradients(lambda a, b: scaled(a, b, k=0.5), 5.0, X, order=3)


def test_a_parameter_is_a_number_in_the_formula_of_the_trace():
    power = define(lambda x, n=2: x**n, lambda y, x, n=2: n * x ** (n - 1))
    assert formulas(power(Tensor(2.0, name="x"), n=3)) == [("3·x²", r"3 \, x^{2}")]
    assert formulas(power(Tensor(2.0, name="x"))) == [("2·x", r"2 \, x")]


def solved(a, b):
    return np.linalg.solve(a, b)


def test_a_function_that_takes_no_longdouble_is_checked_in_float64_and_the_report_says_so():
    right = define(solved, lambda g, y, a, b: -right(a.T, g)[:, None] * y, lambda g, y, a, b: right(a.T, g), carry=True)
    a = np.array([[2.0, 1.0], [1.0, 3.0]])
    report = check_gradients(right, a, X[:2], order=3)
    assert {c.method for c in report} == {"a complex step", "a difference in float64"}
    assert str(report).count("difference in float64") == sum(c.method != "a complex step" for c in report) > 0
    assert "float64" not in str(check_gradients(lambda x: x * x, X))
    wrong = define(lambda a, b: np.linalg.solve(a, b), None, lambda g, y, a, b: (1 + 1e-5) * right(a.T, g), carry=True)
    for f in (lambda b: wrong(a, b), lambda b: wrong(a, b) ** 2):
        with pytest.raises(GradientError, match="but a complex step gives"):
            check_gradients(f, X[:2])


def test_a_map_that_changes_the_shape():
    """The difference of neighbours, and its transpose by an operation of the user's too."""
    pad = define(
        lambda x, size: np.concatenate([np.zeros(1), x, np.zeros(1)]), lambda g, y, x, size=None: g[1:-1], carry=True
    )
    change = define(lambda x: x[1:] - x[:-1], lambda g, y, x: pad(g, 1)[:-1] - pad(g, 1)[1:], carry=True)
    check_gradients(lambda x: change(x) ** 2, X, order=3)
    np.testing.assert_array_equal(grad(lambda x: np.sum(change(x) ** 2))(X), [3.5, -3.5 - 6.5, 6.5])
    np.testing.assert_array_equal(jvp(change, (X,), (X,))[1], np.diff(X))


def test_an_entry_that_ignores_the_upstream_gradient_pushes_nothing_forward():
    stop = define(lambda x: x * 1.0, lambda g, y, x: np.zeros_like(x), carry=True)
    assert grad(lambda x: stop(x) * x)(3.0) == 3.0
    assert jvp(lambda x: stop(x) * x, (3.0,), (1.0,))[1] == 3.0
    assert grad(grad(lambda x: stop(x) * x * x))(3.0) == 6.0


def test_a_function_of_numpys_that_has_no_row():
    f = np.real_if_close
    assert f not in LOCAL
    with pytest.raises(TypeError, match="real_if_close: it has no derivative here"):
        f(Tensor(0.5))
    assert define(f, lambda y, x: y / x) is f
    np.testing.assert_allclose([grad(f)(0.7), jvp(f, (0.7,), (1.0,))[1]], 1)
    assert formulas(f(Tensor(0.7, name="x")))[0][0] == "real_if_close(x) / x"
    check_gradients(f, np.array([0.7, -1.3]), order=1)


def test_a_ufunc_of_numpys_that_has_no_row():
    assert define(np.ldexp, lambda y, x, n: np.exp2(n), None) is np.ldexp
    assert grad(lambda x: np.ldexp(x, 3))(5.0) == 8.0
    check_gradients(lambda x: np.ldexp(x, np.array([1, 2, 3])), X, order=1)


def test_a_ufunc_of_the_users_own():
    step = define(np.frompyfunc(lambda x: x, 1, 1), lambda y, x: 1)
    assert isinstance(step, np.ufunc)
    gelu = define(
        lambda x: x * sigmoid(1.702 * x), lambda y, x: sigmoid(1.702 * x) * (1 + 1.702 * x * sigmoid(-1.702 * x))
    )
    check_gradients(lambda x: np.sum(gelu(x)), X, order=3)


def test_an_entry_that_branches_takes_its_branch_in_the_trace():
    """`if` asks for a number; np.where would do for arrays, and for formulas."""

    def slope(y, x):
        if x > 0:
            return 2 * x
        return 0.5

    halves = define(lambda x: np.where(x > 0, x * x, x / 2), slope)
    assert [grad(halves)(3.0), grad(halves)(-3.0)] == [6.0, 0.5]
    assert [step.factor for x in (3.0, -3.0) for step in trace(halves(Tensor(x, name="x")))] == [6.0, 0.5]
    assert trace(halves(Tensor(3.0, name="x")))[0].formula == "2·x"
    assert str(trace(halves(Tensor(-3.0, name="x"))))


def test_the_formula_of_an_entry_that_branches_is_that_of_the_branch_taken():
    halves = define(lambda x: np.where(x > 0, x * x, x / 2), lambda y, x: 2 * x if x > 0 else 0.5)
    assert trace(halves(Tensor(-3.0, name="x")))[0].formula == "0.5"


@pytest.mark.parametrize("modes", [("reverse",), ("forward",)], ids=str)
def test_a_wrong_derivative_is_found(modes):
    wrong = define(lambda x: x * x, lambda y, x: 2.001 * x)
    with pytest.raises(GradientError, match=r"the derivative by input 0 is 6\.003, but a complex step gives 6 \("):
        check_gradients(wrong, 3.0, modes=modes)
    lost = define(cubed, lambda y, x: 3 * x * getattr(x, "data", x))
    with pytest.raises(GradientError, match=r"cubed, order 2, .* is 9, but a difference.* gives 18 \("):
        check_gradients(lost, 3.0, modes=modes)


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (
            lambda: define(cubed),
            ValueError,
            "define: cubed needs an entry for each argument; give its local derivatives",
        ),
        (
            lambda: define(np.sin, lambda y, x: 1),
            ValueError,
            "define: sin has a row already; define a function of your",
        ),
        (
            lambda: define(sigmoid, lambda y, x: 1),
            ValueError,
            "define: sigmoid has a row already; define a function of",
        ),
        (
            lambda: define(min, lambda y, a, b: 1, lambda y, a, b: 0),
            ValueError,
            "define: min does not tell its arguments; define a function of your own",
        ),
        (
            lambda: define(cubed, None),
            ValueError,
            "define: cubed needs an entry for each argument; give its local derivatives",
        ),
        (
            lambda: define(cubed, lambda x: 3 * x**2),
            ValueError,
            r"define: cubed takes \(x\), and an entry \(x\); let entries take y, and then what it takes, with the same",
        ),
        (
            lambda: define(leaky_of, lambda y, x, slope=0.2: slope),
            ValueError,
            r"define: leaky_of takes \(x, slope=0.1\), and an entry \(y, x, slope=0.2\); let entries take y, and",
        ),
        (
            lambda: define(leaky_of, lambda y, x, steepness=0.1: steepness),
            ValueError,
            r"and an entry \(y, x, steepness=0.1\); let entries take y, and then what it takes, with the same names",
        ),
        (lambda: define(5, lambda y, x: 1), TypeError, "define: the function and its entries must be functions"),
        (lambda: define(cubed, 5), TypeError, "define: the function and its entries must be functions"),
        (
            lambda: define(cubed, lambda y, x: x)(Tensor(1.0), 2.0),
            TypeError,
            "cubed: 2 arguments were given, and it takes 1; leave some out",
        ),
        (
            lambda: define_weighted()(Tensor(X)),
            TypeError,
            r"weighted: its derivative takes 2 arguments; write weighted",
        ),
        (
            lambda: define_weighted()(X, b=Tensor(X)),
            TypeError,
            "weighted: Tensors can be given by position only; write",
        ),
        (
            lambda: define_weighted()(Tensor(X), X, size=2),
            TypeError,
            "weighted: it takes no size=; leave",
        ),
        (lambda: define_weighted()(Tensor(X), X[:2]), ValueError, "weighted: a Tensor of shape .* do not fit"),
    ],
)
def test_errors_say_what_is_wrong(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


def test_an_operation_is_defined_once():
    cube = define(cubed, lambda y, x: 3 * x**2)
    with pytest.raises(ValueError, match="define: cubed has a row already"):
        define(cube, lambda y, x: 3 * x**2)


@pytest.mark.parametrize("entries", [[lambda y, a, b: b], [lambda y, a, b: b] * 3], ids=len)
def test_as_many_entries_as_arguments(entries):
    with pytest.raises(ValueError, match=r"takes 2 arguments, not \d; give an entry for each"):
        define(lambda a, b: a * b, *entries)


def test_a_row_comes_before_what_is_plain(monkeypatch):
    monkeypatch.setitem(LOCAL, np.rint, (lambda y, x: 1.0,))
    x = Tensor(1.7)
    np.rint(x).backward()
    assert x.grad == 1


@pytest.mark.parametrize(
    ("local", "what"),
    [
        (lambda y, x: 2 * x[:, None], r"float64 of shape \(3, 1\)"),
        (lambda y, x: np.ones((2, 3)) * x, r"float64 of shape \(2, 3\)"),
        (lambda y, x: 2j * x, r"complex128 of shape \(3,\)"),
        (lambda y, x: None, "NoneType of shape None"),
    ],
)
def test_an_entry_of_the_wrong_shape_or_kind_is_refused(local, what):
    square = define(lambda x: x * x, local)
    for slope in (grad(lambda x: np.sum(square(x))), lambda x: jvp(square, (x,), (x,))):
        with pytest.raises(ValueError, match=f"an entry returned {what}; give real numbers of shape"):
            slope(np.array([1.0, 2.0, 3.0]))


def test_a_carry_entry_of_the_wrong_shape_is_refused():
    total = define(lambda x: np.sum(x), lambda g, y, x: np.ones((2, 3)) * g, carry=True)
    with pytest.raises(
        ValueError, match=r"an entry returned float64 of shape \(2, 3\); give real numbers of shape \(3,\)"
    ):
        grad(total)(np.ones(3))


def test_the_result_of_a_function_that_uses_a_buffer_again_is_copied():
    buffer = np.zeros(3)

    def squared(x):
        return np.multiply(x, x, out=buffer)[:]

    square = define(squared, lambda y, x: 2 * x)
    root = define(lambda x: np.sqrt(x, out=buffer), lambda y, x: 0.5 / y)
    np.testing.assert_array_equal(grad(lambda x: np.sum(square(x) * square(2 * x)))(X), 16 * X**3)
    np.testing.assert_allclose(grad(lambda x: np.sum(root(x) * root(4 * x)))(X * X), 2)
    y = square(Tensor(X))
    buffer[:] = 0
    np.testing.assert_array_equal(y.data, X * X)


def test_a_function_that_returns_its_input_and_is_changed_by_its_caller():
    same = define(lambda x: x, lambda y, x: 1)
    x = Tensor(X)
    y = same(x)
    assert not np.shares_memory(y._array, x._array)
    assert not y.data.flags.writeable


def spoil(x):
    x[...] = 0
    return x


def spoil_second(a, b):
    b *= 2
    return a * b


def test_a_function_cannot_write_into_what_a_node_keeps():
    sentence = "it writes into what it is given; let it write into a copy"
    with pytest.raises(TypeError, match=f"spoil: {sentence}"):
        define(spoil, lambda y, x: 0)(Tensor(X))
    with pytest.raises(TypeError, match=f"spoil_second: {sentence}"):
        define(spoil_second, lambda y, a, b: b, lambda y, a, b: a)(Tensor(X), X)


@pytest.mark.parametrize(
    ("result", "kind"),
    [
        *((3, "int64"), (True, "bool"), (None, "object"), ({}, "object"), ("one", "<U3"), (1j, "complex128")),
        *((np.int32(3), "int32"), (np.ones(3, bool), "bool"), (1j * np.ones(3), "complex128")),
    ],
    ids=str,
)
def test_a_result_that_is_no_floating_number_or_array_is_refused(result, kind):
    strange = define(lambda x: result, lambda y, x: 1)
    with pytest.raises(TypeError, match=f"<lambda>: it returned {kind} data; let it return a floating array"):
        strange(Tensor(X))
    assert strange(X) is result, "without a Tensor it is the function that it was"


@pytest.mark.parametrize("change", [lambda x: x[1:], lambda x: np.sum(x), lambda x: x[:, None], lambda x: [x, x] * x])
def test_an_elementwise_function_that_changes_the_shape_is_refused(change):
    shrunk = define(change, lambda y, x: 1)
    with pytest.raises(
        TypeError, match=r"it returned shape .* for \(3,\); define it with carry=True, or keep the shape"
    ):
        shrunk(Tensor(X))


def test_an_argument_without_a_derivative_may_be_a_table_of_another_shape():
    looked_up = define(lambda x, table: x * table[1], lambda y, x, table: table[1], None)
    assert grad(looked_up)(2.0, np.array([5.0, 7.0])) == 7.0


def test_no_message_names_the_inside_of_the_project():
    cube = define(cubed, lambda y, x: 3 * x**2)
    for call in (
        lambda: cube(),
        lambda: cube(2.0, 3.0),
        lambda: cube(Tensor(2.0), 3.0),
        lambda: cube(Tensor(2.0), n=3),
    ):
        with pytest.raises(TypeError, match="cubed") as caught:
            call()
        assert "locals" not in str(caught.value)


def test_an_entry_may_use_its_buffer_again():
    """The gradient of w was once that of v, which the entry had written over it."""
    buffer = np.zeros(2)
    square = define(lambda x: x * x, lambda g, y, x: np.multiply(2 * x, g, out=buffer), carry=True)
    w, v = Tensor([1.0, 2.0]), Tensor([3.0, 4.0])
    np.sum(square(w) + square(v)).backward()
    np.testing.assert_array_equal(w.grad, [2.0, 4.0])
    np.testing.assert_array_equal(v.grad, [6.0, 8.0])


def test_an_entry_that_writes_into_what_it_is_given_is_refused():
    def left(g, y, a, b):
        g *= b
        return g

    product = define(lambda a, b: a * b, left, lambda g, y, a, b: g * a, carry=True)
    y = np.sum(product(Tensor([2.0, 3.0]), Tensor([5.0, 7.0])))
    with pytest.raises(TypeError, match="an entry writes into what it is given; let it write into a copy"):
        y.backward()


def test_a_parameter_called_by_does_not_name_the_operation():
    def scaled(x, by=abs):
        return x * 2

    operation = define(scaled, lambda y, x, by=abs: 2)
    assert operation(Tensor(1.0), by=max).op == "scaled"


def test_a_parameter_is_kept_as_it_was_when_the_forward_pass_ran():
    """The caller may change a dict too before the backward pass reads it."""
    weighted = define(lambda x, of=None: x * of["w"], lambda y, x, of=None: of["w"])
    x, of = Tensor(3.0), {"w": 2.0}
    y = weighted(x, of=of)
    of["w"] = 5.0
    y.backward()
    assert x.grad == 2.0
