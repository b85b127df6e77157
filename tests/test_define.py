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
from tinygrad_sig.calculus.rows import ROWS
from tinygrad_sig.calculus.rules import LINEAR, LOCAL
from tinygrad_sig.engine.lanes import LANES
from tinygrad_sig.formulas.symbols import LATEX, derivative, write

X = np.array([0.5, -1.25, 2.0])


@pytest.fixture(autouse=True)
def _tables_as_before(monkeypatch):
    """What a test defines is forgotten after it."""
    before = [(table, dict(table)) for table in (LOCAL, LINEAR, ROWS, LANES)]
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
    with pytest.raises(GradientError, match=r"cubed, order 2, .* is 9, but a difference gives 18 \("):
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
        (lambda: define(5, lambda y, x: 1), TypeError, "define: the function and its entries must be functions"),
        (lambda: define(cubed, 5), TypeError, "define: the function and its entries must be functions"),
        (
            lambda: define(cubed, lambda y, x: x)(Tensor(1.0), 2.0),
            TypeError,
            r"cubed\(\) takes 1 positional argument bu",
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
            "weighted: it has no derivative with size=; leave",
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


def test_what_a_node_keeps_is_its_own_whatever_buffer_the_function_reuses():
    buffer = np.zeros(3)

    def doubled(x):
        np.multiply(x, 2, out=buffer)
        return buffer[:]

    f = define(doubled, lambda y, x: 2)
    x, other = Tensor([1.0, 2.0, 3.0]), Tensor([10.0, 20.0, 30.0])
    y = f(x)
    z = y * y
    f(other)
    assert y.data.tolist() == [2.0, 4.0, 6.0]
    z.sum().backward()
    assert x.grad.tolist() == [8.0, 16.0, 24.0]


def test_a_function_cannot_write_into_what_it_is_given():
    def spoils(x):
        x[0] = 0
        return x * 1.0

    f = define(spoils, lambda y, x: 1)
    x = Tensor([1.0, 2.0])
    with pytest.raises(ValueError, match="read-only"):
        f(x)
    assert x.data.tolist() == [1.0, 2.0]


def test_an_elementwise_function_keeps_the_shape_and_returns_floating_numbers():
    shrinks, counts = define(lambda x: x[:1], lambda y, x: 1), define(lambda x: 3, lambda y, x: 0)
    with pytest.raises(TypeError, match=r"it returned shape \(1,\) for \(3,\); define it with carry=True, or keep"):
        shrinks(Tensor(X))
    with pytest.raises(TypeError, match="it returned int64 data; let it return a floating array"):
        counts(Tensor(1.0))


def test_an_elementwise_entry_may_take_a_parameter():
    def leaky(x, slope=0.1):
        return np.maximum(x, 0) + slope * np.minimum(x, 0)

    f = define(leaky, lambda y, x, slope=0.1: np.where(x > 0, 1.0, slope))
    x = Tensor(X)
    f(x, slope=0.5).sum().backward()
    assert x.grad.tolist() == [1.0, 0.5, 1.0]
    x.zero_grad()
    f(x).sum().backward()
    assert x.grad.tolist() == [1.0, 0.1, 1.0]
    assert jvp(lambda x: f(x, slope=0.5), (X,), (np.ones(3),))[1].tolist() == [1.0, 0.5, 1.0]
    g = define(lambda x, n=2: x**n, lambda y, x, n=2: n * x ** (n - 1))
    np.testing.assert_allclose(grad(grad(lambda x: g(x, n=3)))(2.0), 12.0)
    assert trace(g(Tensor(2.0, name="x"), n=3))[0].formula == "3·x²"


def test_a_function_without_a_signature_is_refused_in_a_sentence():
    with pytest.raises((TypeError, ValueError), match=r"^define: min"):
        define(min, lambda y, x: 1)
