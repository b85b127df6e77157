"""Functions of functions against closed forms, autograd and JAX; then whatever could make them give wrong results."""

import tracemalloc
from collections import OrderedDict, defaultdict, namedtuple
from concurrent.futures import ThreadPoolExecutor
from math import factorial

import autograd
import autograd.numpy as anp
import numpy as np
import pytest
from test_rules import LAPACK, SAMPLES, assert_close, central_difference, differentiable, replaced

from tinygrad_sig import Tensor, grad, hessian, jacobian, jvp, no_grad, sigmoid, value_and_grad, vjp
from tinygrad_sig.calculus.rules import LINEAR, LOCAL
from tinygrad_sig.engine.recording import readers, recording
from tinygrad_sig.transforms.functional import live

Point = namedtuple("Point", "x y")
rng = np.random.default_rng(3)
X = np.array([0.5, -1.25, 2.0])
W = rng.normal(size=(4, 3))


def close(actual, expected, rtol=1e-13):
    np.testing.assert_allclose(np.array(actual), np.array(expected), rtol=rtol, atol=1e-14)


def is_plain(value):
    return isinstance(value, np.ndarray | np.generic)


# What they compute


def test_closed_forms():
    assert grad(lambda x: x**3)(2.0) == 12.0
    assert value_and_grad(lambda x: x**3)(2.0) == (8.0, 12.0)
    close(grad(lambda x: np.sum(np.sin(x)))(X), np.cos(X))
    close(jacobian(lambda x: W @ x)(X), W)
    close(
        jacobian(lambda x: x[:, None] * x)(X),
        np.einsum("ik,j->ijk", np.eye(3), X) + np.einsum("jk,i->ijk", np.eye(3), X),
    )
    close(hessian(lambda x: x @ W.T @ W @ x)(X), 2 * W.T @ W)
    close(hessian(lambda x: np.prod(x))(X), [[0, 2, -1.25], [2, 0, 0.5], [-1.25, 0.5, 0]])
    value, back = vjp(lambda x: W @ x, X)
    close(value, W @ X)
    close(back(np.arange(4.0))[0], np.arange(4.0) @ W)
    close(jvp(lambda x: W @ x, (X,), (np.ones(3),)), (W @ X, W.sum(axis=1)))


def network(np, x, w, v):
    return np.sum(np.tanh(np.matmul(w, np.exp(-x * x))) * v * v) / (1 + np.sum(x * x))


ARGUMENTS = (X, W, rng.normal(size=4))


@pytest.mark.parametrize("argnum", [0, 1, 2, -1])
def test_it_agrees_with_autograd(argnum):
    def ours(*args):
        return network(np, *args)

    def theirs(*args):
        return network(anp, *args)

    value, gradient = autograd.value_and_grad(theirs, argnum % 3)(*ARGUMENTS)
    close(value_and_grad(ours, argnum)(*ARGUMENTS)[0], value)
    close(value_and_grad(ours, argnum)(*ARGUMENTS)[1], gradient)
    close(grad(ours, argnum)(*ARGUMENTS), gradient)
    close(jacobian(grad(ours), argnum)(*ARGUMENTS), autograd.jacobian(autograd.grad(theirs), argnum % 3)(*ARGUMENTS))
    close(hessian(ours, argnum)(*ARGUMENTS), autograd.hessian(theirs, argnum % 3)(*ARGUMENTS), 1e-11)


def test_it_agrees_with_jax():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    with jax.enable_x64(True) if hasattr(jax, "enable_x64") else jax.experimental.enable_x64():
        directions = tuple(rng.normal(size=np.shape(a)) for a in ARGUMENTS)

        def all_of(np, jvp, vjp, grad, jacobian):
            def f(*args):
                return network(np, *args) * np.sin(args[0])

            def second(*args):
                return jacobian(grad(lambda *args: network(np, *args), (0, 2)), 1)(*args)

            return lambda *args: (*jvp(f, args, directions), *vjp(f, *args)[1](args[0]), *second(*args))

        ours = all_of(np, jvp, vjp, grad, jacobian)
        theirs = jax.jit(all_of(jax.numpy, jax.jvp, jax.vjp, jax.grad, jax.jacobian))
        for found, expected in zip(ours(*ARGUMENTS), theirs(*ARGUMENTS), strict=True):
            close(found, expected, 1e-11)


def test_argnums_choose_the_arguments_and_keywords_are_passed_on():
    def f(x, y, *, power=1, scale):
        return scale * x * y**power

    assert grad(f)(2.0, 3.0, scale=1.0, power=2) == 9.0
    assert grad(f, 1)(2.0, 3.0, scale=1.0, power=2) == 12.0
    assert grad(f, -1)(2.0, 3.0, scale=1.0, power=2) == 12.0
    assert grad(f, (1, 0))(2.0, 3.0, scale=10.0) == (20.0, 30.0)
    assert grad(f, [0])(2.0, 3.0, scale=10.0) == (30.0,)
    assert grad(f, np.int64(1))(2.0, 3.0, scale=10.0) == 20.0
    assert jacobian(f, (0, 1))(2.0, 3.0, scale=1.0) == (3.0, 2.0)
    assert hessian(f, (0, 1))(2.0, 3.0, scale=1.0) == ((0.0, 1.0), (1.0, 0.0))


def test_structures_come_back_as_they_were_given():
    def f(p, extra):
        return p["point"].x * 2.0 + np.sum(p["list"][1] ** 2) + p["list"][0][0] * extra

    p = {"point": Point(1.0, 2.0), "list": [(3.0,), np.array([1.0, 2.0])]}
    gradient = grad(f)(p, 5.0)
    assert type(gradient["point"]) is Point
    assert gradient["point"] == Point(2.0, 0.0)
    assert gradient["list"][0] == (5.0,)
    assert type(gradient["list"]) is list
    close(gradient["list"][1], [2.0, 4.0])
    value, tangent = jvp(lambda p: {"a": (p.x * p.y, [p.x])}, (Point(2.0, 3.0),), (Point(1.0, 10.0),))
    assert (value, tangent) == ({"a": (6.0, [2.0])}, {"a": (23.0, [1.0])})
    value, back = vjp(lambda p: Point(p[0] * p[1], p[1]), [2.0, 3.0])
    assert value == Point(6.0, 3.0)
    assert back(Point(1.0, 10.0)) == ([3.0, 12.0],)
    assert jacobian(lambda p: {"s": p.x + p.y, "d": (p.x - p.y,)})(Point(1.0, 2.0)) == {
        "s": Point(1.0, 1.0),
        "d": (Point(1.0, -1.0),),
    }
    assert hessian(lambda p: p["a"] * p["b"] ** 2)({"a": 2.0, "b": 3.0}) == {
        "a": {"a": 0.0, "b": 6.0},
        "b": {"a": 6.0, "b": 4.0},
    }
    assert grad(lambda p: Tensor(2.0) * 3)({}) == {}


def test_dicts_keep_their_kind_and_are_matched_by_key():
    ordered, default = OrderedDict(b=1.0, a=2.0), defaultdict(float, a=2.0)
    assert list(grad(lambda p: p["a"] * p["b"])(ordered).items()) == [("b", 2.0), ("a", 1.0)]
    assert type(grad(lambda p: p["a"] * p["a"])(ordered)) is OrderedDict
    assert grad(lambda p: p["a"] * p["a"] + p["missing"])(default) == {"a": 4.0}
    assert jvp(lambda p: p["a"] / p["b"], ({"a": 1.0, "b": 2.0},), ({"b": 0.0, "a": 1.0},)) == (0.5, 0.5)
    _, back = vjp(lambda x: {"a": x, "b": 10 * x}, 1.0)
    assert back({"b": 1.0, "a": 0.0}) == (10.0,)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.longdouble])
def test_the_dtype_stays(dtype):
    x = X.astype(dtype)

    def f(x):
        return np.sum(np.sin(x) * 2 + x**2 / 3.0)

    value, gradient = value_and_grad(f)(x)
    _, back = vjp(np.exp, x)
    results = [value, gradient, hessian(f)(x), jacobian(np.exp)(x), back(np.ones(3))[0], back([1, 1, 1])[0]]
    results += [*jvp(np.exp, (x,), (np.ones(3),)), jvp(lambda x: x, (x,), (Tensor(X),))[1]]
    results += [back(Tensor(X))[0], grad(lambda t: jvp(f, (x,), (t,))[1])(x)]
    assert {r.dtype for r in results} == {np.dtype(dtype)}


@pytest.mark.parametrize("x", [3, True, np.array(3), np.int8(3), np.float64(3)])
def test_whole_numbers_are_differentiated_in_float64(x):
    gradient = grad(lambda x: x * x)(x)
    assert gradient == 2 * float(x)
    assert gradient.dtype == np.float64
    assert jvp(lambda x: x * x, (x,), (1,))[1] == 2 * float(x)


def test_an_array_of_integers_and_a_list_of_them():
    assert grad(lambda x: np.sum(x * x))(np.arange(3)).tolist() == [0.0, 2.0, 4.0]
    assert grad(lambda x: x[0] * x[1])([2, 3]) == [3.0, 2.0]


# Any order, nested in any way


def test_the_sixth_derivative_of_sin():
    f = np.sin
    for expected in (np.cos, lambda x: -np.sin(x), lambda x: -np.cos(x), np.sin, np.cos, lambda x: -np.sin(x)):
        f = grad(f)
        for x in (-2.0, 0.0, 0.7):
            close(f(x), expected(x), 1e-15)


@pytest.mark.parametrize("x", [-30.0, -3.0, 0.0, 0.5, 3.0, 30.0])
def test_sigmoid_to_the_fourth_order(x):
    """σ⁽ⁿ⁾ as a polynomial in σ and σ(−x), of which no term cancels another in the tails."""
    s, t = sigmoid(x), sigmoid(-x)
    expected = [s, s * t, s * t * (t - s), s * t * (t * t - 4 * s * t + s * s)]
    expected += [s * t * (t - s) * (t * t - 10 * s * t + s * s)]
    f = forward = sigmoid
    for value in expected:
        assert_close(f(x), value, 1e-13)
        assert_close(forward(x), value, 1e-13)
        f = grad(f)
        forward = (lambda g: lambda x: jvp(g, (x,), (1.0,))[1])(forward)


def test_taylor_coefficients_of_a_quotient():
    """1/(1 − x) has the derivatives n!."""
    f = lambda x: 1 / (1 - x)  # noqa: E731
    for n in range(8):
        close(f(0.0), factorial(n))
        f = grad(f)


def test_perturbations_are_not_confused():
    """d/dx of x·d/dy(x + y) is 1; whoever has one ε for both gives 2."""
    assert grad(lambda x: x * grad(lambda y: x + y)(1.0))(1.0) == 1.0
    assert jvp(lambda x: x * jvp(lambda y: x + y, (1.0,), (1.0,))[1], (1.0,), (1.0,))[1] == 1.0
    assert grad(lambda x: x * jvp(lambda y: x * y, (3.0,), (1.0,))[1])(2.0) == 4.0
    assert jvp(lambda x: x * grad(lambda y: x * y)(3.0), (2.0,), (1.0,))[1] == 4.0


def test_a_closure_over_an_outer_variable():
    result = grad(lambda x: grad(lambda y: x * y**2)(3.0))(2.0)
    assert result == 6.0
    assert is_plain(result)
    assert grad(lambda x: grad(lambda y: grad(lambda z: x * y * z)(1.0))(1.0))(5.0) == 1.0
    inner = lambda x: lambda y: x**2 * y**3  # noqa: E731
    assert grad(lambda x: grad(grad(inner(x)))(2.0) * x)(3.0) == 3 * 9 * 12.0


def test_a_value_that_is_an_outer_variable_keeps_its_derivative():
    """An inner function may return the outer variable itself, which no operation has computed."""
    assert grad(lambda x: x * vjp(lambda y: x, 3.0)[0])(2.0) == 4.0
    assert grad(lambda x: x * jvp(lambda y: x, (3.0,), (1.0,))[0])(2.0) == 4.0
    assert grad(lambda x: value_and_grad(lambda y: x)(3.0)[0])(2.0) == 1.0
    assert isinstance(value_and_grad(lambda y: Tensor(2.0))(1.0)[0], Tensor)


def test_an_upstream_gradient_or_a_tangent_may_be_the_outer_variable():
    """Then the result depends on it, though the function that was run does not."""
    close(grad(lambda g: g * vjp(np.sin, 3.0)[1](g)[0])(2.0), 4 * np.cos(3.0))
    close(grad(lambda v: v * jvp(np.sin, (3.0,), (v,))[1])(2.0), 4 * np.cos(3.0))
    _, back = vjp(lambda x: W @ x, X)
    close(jacobian(lambda g: back(g)[0])(np.zeros(4)), W.T)
    pair = vjp(lambda x: (x * x, x), 3.0)[1]
    assert grad(lambda g: pair((g, 1.0))[0] * g)(2.0) == 25.0


NESTED = {
    "grad of grad": lambda f, x, v: grad(lambda x: np.sum(grad(f)(x) * v))(x),
    "grad of jvp": lambda f, x, v: grad(lambda x: jvp(f, (x,), (v,))[1])(x),
    "jvp of grad": lambda f, x, v: jvp(grad(f), (x,), (v,))[1],
    "vjp of grad": lambda f, x, v: vjp(grad(f), x)[1](v)[0],
    "grad of vjp": lambda f, x, v: grad(lambda x: np.sum(vjp(f, x)[1](1.0)[0] * v))(x),
    "jacobian of jvp": lambda f, x, v: jacobian(lambda x: jvp(f, (x,), (v,))[1])(x),
    "jvp of jacobian": lambda f, x, v: jvp(jacobian(f), (x,), (v,))[1],
    "hessian": lambda f, x, v: hessian(f)(x) @ v,
    "jvp of jvp": lambda f, x, v: np.array(
        [jvp(lambda x: jvp(f, (x,), (v,))[1], (x,), (unit,))[1] for unit in np.eye(x.size)]
    ),
}


@pytest.mark.parametrize("name", NESTED)
def test_all_ways_to_a_hessian_vector_product_agree(name):
    def f(x):
        return np.sum(np.tanh(W @ x) ** 2) * np.max(x) / np.linalg.norm(x)

    v = np.array([1.0, -2.0, 0.5])
    expected = autograd.hessian(lambda x: anp.sum(anp.tanh(W @ x) ** 2) * anp.max(x) / anp.sqrt(anp.sum(x * x)))(X) @ v
    result = NESTED[name](f, X, v)
    assert is_plain(result)
    close(result, expected, 1e-11)


def test_forward_over_reverse_is_the_hessian():
    def f(x):
        return np.sum(sigmoid(W @ x)) * np.sum(x**3)

    columns = [jvp(grad(f), (X,), (unit,))[1] for unit in np.eye(3)]
    close(np.stack(columns, axis=1), hessian(f)(X), 1e-12)
    close(hessian(f)(X), hessian(f)(X).T, 1e-12)


def test_newtons_method_is_differentiated_through_its_steps():
    """x = √a by x ← x − (x² − a)/(2x): dx/da = 1/(2√a), d²x/da² = −1/(4·a^1.5)."""

    def root(a):
        x = a
        for _ in range(6):
            x = x - (x * x - a) / grad(lambda z: z * z - a)(x)
        return x

    close(root(2.0), np.sqrt(2.0))
    close(grad(root)(2.0), 0.5 / np.sqrt(2.0))
    close(grad(grad(root))(2.0), -0.25 / 2.0**1.5)


# Plain or Tensor


def test_plain_arguments_give_plain_results_of_the_callers_own():
    _, back = vjp(lambda a, b: a + b, np.ones(2), np.ones(2))
    left, right = back(np.ones(2))
    left *= 5.0
    assert right.tolist() == [1.0, 1.0]
    tangent = np.ones(2)
    result = jvp(lambda x: x, (X[:2],), (tangent,))[1]
    result *= 5.0
    assert tangent.tolist() == [1.0, 1.0]
    for result in (grad(np.sum)(X), jvp(lambda x: x, (X,), (X,))[0], jacobian(lambda x: x)(X), hessian(np.sum)(X)):
        assert type(result) is np.ndarray
        result *= 2.0
    assert X.tolist() == [0.5, -1.25, 2.0]
    assert type(grad(lambda x: x)(1.0)) is np.float64


def test_tensors_given_or_closed_over_give_tensors_that_can_be_differentiated():
    x, w = Tensor(2.0), Tensor(5.0)
    gradient = grad(lambda x: x**3)(x)
    assert isinstance(gradient, Tensor)
    gradient.backward()
    assert x.grad == 12.0
    value, gradient = value_and_grad(lambda x: w * x**2)(3.0)
    (value + gradient).backward()
    assert w.grad == 9.0 + 6.0
    assert (jvp(lambda x: w * x, (2.0,), (1.0,))[1]).requires_grad
    assert vjp(lambda x: w * x, 2.0)[1](1.0)[0].requires_grad
    assert jacobian(lambda x: w * x * X)(1.0).requires_grad
    assert isinstance(jacobian(lambda x: w * x * X[:0])(1.0), Tensor)


def test_the_gradients_of_tensors_are_not_touched():
    x, w = Tensor(2.0), Tensor(5.0)
    grad(lambda x: w * x**3)(x)
    jvp(lambda x: w * x**3, (x,), (1.0,))
    assert x.grad is None
    assert w.grad is None


def test_constant_tensors_give_constant_tensors():
    x = Tensor(2.0, requires_grad=False)
    for result in (grad(lambda x: x**3)(x), *jvp(np.exp, (x,), (1.0,)), hessian(lambda x: x**3)(x)):
        assert isinstance(result, Tensor)
        assert not result.requires_grad


def test_one_tensor_as_two_arguments_is_two_variables():
    x = Tensor(3.0)
    a, b = grad(lambda a, b: a * b**2, (0, 1))(x, x)
    assert (a.item(), b.item()) == (9.0, 18.0)
    array = np.ones(2)
    assert [g.tolist() for g in grad(lambda a, b: np.sum(a - 3 * b), (0, 1))(array, array)] == [[1, 1], [-3, -3]]
    assert jvp(lambda a, b: a * b, (x, x), (1.0, 0.0))[1].item() == 3.0


def test_a_computed_tensor_is_a_variable_of_its_own():
    """The outer derivative passes through it, the inner one ends at it."""
    x = Tensor(2.0)
    y = x * x
    gradient = grad(lambda y: y**3 + x)(y)
    assert gradient.item() == 48.0
    gradient.backward()
    assert x.grad == 6 * 4 * 4.0


def test_arguments_returned_unchanged_and_outputs_listed_twice():
    assert grad(lambda x: x)(2.0) == 1.0
    assert jvp(lambda x: x, (2.0,), (5.0,)) == (2.0, 5.0)
    close(jacobian(lambda x: x)(X), np.eye(3))

    def twice(x):
        y = x * x
        return [y, y, x]

    assert vjp(twice, 3.0)[1]([1.0, 10.0, 100.0]) == (166.0,)
    assert jvp(twice, (3.0,), (1.0,))[1] == [6.0, 6.0, 1.0]
    assert jacobian(twice)(3.0) == [6.0, 6.0, 1.0]


def test_functions_that_change_their_arguments_or_what_they_close_over():
    def eats(p):
        return p.pop() * p.pop()

    p = [2.0, 3.0]
    assert grad(eats)(p) == [3.0, 2.0]
    assert p == [2.0, 3.0]

    def grows(q):
        p.append(1.0)
        return q[0] * q[1]

    assert grad(grows)(p) == [3.0, 2.0]
    params = {"a": 2.0}
    _, back = vjp(lambda p: p["a"] * 3, params)
    params["b"] = 1.0
    assert back(1.0) == ({"a": 3.0},)
    kept = []
    _, back = vjp(lambda x: kept.append([x * 2, x]) or kept[0], 1.0)
    kept[0].pop()
    assert back([1.0, 1.0]) == (3.0,)


def test_a_variable_that_escapes_is_harmless():
    escaped = []
    assert grad(lambda x: escaped.append(x) or x * x)(2.0) == 4.0
    assert grad(lambda y: escaped[0] * y)(3.0) == 2.0
    backs = []
    assert grad(lambda x: backs.append(vjp(lambda y: x * y, 3.0)[1]) or x * x)(2.0) == 4.0
    assert backs[0](1.0)[0].item() == 2.0


def test_back_may_be_called_often_and_later():
    _, back = vjp(lambda x: x**3, 2.0)
    assert [back(g)[0] for g in (1.0, 1.0, 2.0)] == [12.0, 12.0, 24.0]
    assert grad(lambda x: back(1.0)[0] * x)(5.0) == 12.0
    _, back = vjp(lambda x: x**3, Tensor(2.0))
    with no_grad():
        assert not back(1.0)[0].requires_grad
    assert back(1.0)[0].requires_grad


def test_no_grad_outside_is_for_the_results_and_inside_for_the_function():
    x = Tensor(2.0)
    with no_grad():
        assert grad(lambda x: x**3)(2.0) == 12.0
        assert hessian(lambda x: x**3)(2.0) == 12.0
        close(jvp(lambda x: W @ np.cumsum(x), (X,), (X,))[1], W @ np.cumsum(X))
        results = [grad(lambda x: x**3)(x), *jvp(lambda y: np.sum(x * y), (X,), (X,)), grad(lambda y: x * y)(1.0)]
        results += [grad(lambda y: x + y)(1.0), vjp(lambda y: y, x)[1](x)[0]]
    assert [isinstance(r, Tensor) and r.requires_grad for r in results] == [False] * len(results)

    def stopped(x):
        with no_grad():
            y = grad(lambda z: z**2)(x)
        return x * y

    assert grad(stopped)(3.0) == 6.0


def test_threads_do_not_disturb_each_other():
    def work(n):
        f = lambda x: grad(lambda y: x * y**n)(1.0) * x  # noqa: E731
        if n % 2:
            with no_grad():
                return [grad(f)(2.0) for _ in range(50)]
        return [grad(f)(2.0) for _ in range(50)]

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(1, 9))) == [[4.0 * n] * 50 for n in range(1, 9)]
        assert grad(lambda x: pool.submit(grad(lambda y: x * y**2), 3.0).result())(2.0) == 6.0


def test_an_exception_leaves_no_trace():
    seen = []

    def fails(x):
        seen.append(x)
        raise KeyError("mine")

    for on in (True, False):
        with no_grad() if not on else pytest.MonkeyPatch.context():
            with pytest.raises(KeyError, match="mine"):
                grad(fails)(2.0)
            assert recording() is on
    assert is_plain(grad(lambda y: y * seen[0])(3.0))


def test_deep_graphs_and_deep_structures():
    def f(x):
        for _ in range(20_000):
            x = x + 0.001
        return x * x

    close(grad(f)(1.0), 42.0, 1e-9)
    close(jvp(f, (1.0,), (1.0,))[1], 42.0, 1e-9)
    tree, x = 2.0, 3.0
    for _ in range(100):
        tree = [tree]

    def innermost(tree):
        while isinstance(tree, list):
            tree = tree[0]
        return tree * x

    assert innermost(grad(innermost)(tree)) == 9.0


def test_what_does_not_depend_on_the_argument_has_derivative_zero():
    other = Tensor(X, requires_grad=False)
    assert grad(lambda x: np.sum(other))(np.ones((2, 2))).tolist() == [[0, 0], [0, 0]]
    assert jacobian(lambda x: other)(np.ones(2)).tolist() == [[0, 0]] * 3
    assert jvp(lambda x: other, (2.0,), (1.0,))[1].tolist() == [0.0, 0.0, 0.0]
    assert vjp(lambda x, y: x * x, 2.0, X)[1](1.0)[1].tolist() == [0.0, 0.0, 0.0]
    assert hessian(lambda x: np.sum(3 * x))(X).tolist() == [[0.0] * 3] * 3
    assert grad(grad(lambda x: 3 * x))(2.0) == 0.0
    assert grad(grad(grad(lambda x: x * x)))(2.0) == 0.0
    assert vjp(lambda x: (), X)[1](())[0].tolist() == [0.0, 0.0, 0.0]
    assert jvp(lambda x: (), (X,), (X,)) == ((), ())


@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.sum(np.floor(x)),
        lambda x: np.sum(np.sign(x) + np.round(x)),
        lambda x: np.sum(x > 0),
        lambda x: x.size,
        lambda x: 3.0 if np.all(x < 5) else 4.0,
        lambda x: np.argmax(x),
    ],
)
def test_a_plain_result_of_functions_whose_derivative_is_zero_has_the_derivative_zero(f):
    assert grad(f)(X).tolist() == [0.0, 0.0, 0.0]
    assert value_and_grad(f)(X)[0] == f(X)
    assert jvp(f, (X,), (X,)) == (f(X), 0.0)
    assert vjp(f, X)[1](1.0)[0].tolist() == jacobian(f)(X).tolist() == [0.0, 0.0, 0.0]
    assert hessian(f)(X).tolist() == [[0.0] * 3] * 3


READINGS = {
    "data": lambda x: x.data,
    "numpy": lambda x: x.numpy(),
    "item": lambda x: x.item(),
    "tolist": lambda x: x.tolist(),
}


@pytest.mark.parametrize("read", READINGS.values(), ids=READINGS)
def test_a_plain_result_made_from_the_value_of_what_depends_on_the_arguments_is_refused(read):
    sentence = "the function returned a .*, which has lost its derivative; compute it from the arguments with NumPy's"
    for f in (read, lambda x: 2 * read(np.sin(x)), lambda x: grad(lambda y: y * x)(1.0) and read(x)):
        for transform in (grad, jacobian, value_and_grad):
            with pytest.raises(TypeError, match=f"{transform.__name__}: {sentence}"):
                transform(f)(2.0)
    with pytest.raises(TypeError, match=f"grad: {sentence}"):
        grad(lambda x: x * grad(lambda y: read(x * y))(1.0))(2.0)
    with pytest.raises(TypeError, match=f"grad: {sentence}"):
        grad(lambda x: grad(lambda y: y * read(x))(1.0))(2.0)


@pytest.mark.parametrize("read", READINGS.values(), ids=READINGS)
def test_reading_what_does_not_depend_on_the_arguments_loses_nothing(read):
    other = Tensor(5.0)
    assert grad(lambda x: read(other * 2) * 3)(2.0) == 0.0
    assert grad(lambda x: x * read(x))(2.0) == 2.0, "the result is a Tensor: its factor was meant as a constant"
    assert grad(lambda x: x * grad(lambda y: read(x) * 3.0)(1.0) + x)(2.0) == 1.0


def test_a_step_after_a_nested_derivative_is_a_step():
    """The inner transformation reads no values of its own."""
    assert grad(lambda x: np.floor(grad(lambda y: y * x)(2.0)))(3.5) == 0.0
    assert grad(lambda x: np.floor(jvp(lambda y: np.sum(y * x), (X,), (X,))[1]))(3.5) == 0.0
    assert grad(lambda x: np.floor(vjp(lambda y, z: y * 2, x, x)[1](1.0)[1] + x))(3.5) == 0.0
    assert grad(lambda x: np.floor(hessian(lambda y: y * y * x)(2.0)))(3.5) == 0.0


def test_a_value_that_another_thread_reads_is_lost_too_and_one_of_another_function_is_not():
    with ThreadPoolExecutor(4) as pool:
        with pytest.raises(TypeError, match="lost its derivative"):
            grad(lambda x: pool.submit(x.item).result())(2.0)

        def steps(n):
            if n % 2:
                with pytest.raises(TypeError, match="lost its derivative"):
                    grad(lambda x: (x * n).item())(2.0)
            return grad(lambda x: np.floor(x * n))(2.0)

        assert list(pool.map(steps, range(400))) == [0.0] * 400
    assert not readers
    assert not live


def test_a_jacobian_takes_no_matrix_of_the_size_of_its_output_squared():
    n = 1500
    tracemalloc.start()
    try:
        result = jacobian(lambda x: x * np.arange(n))(2.0)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(result, np.arange(n))
    assert peak < 8 * n * n / 10, "an identity matrix of the output alone takes ten times as much"


def test_empty_arrays():
    empty = np.ones((0, 2))
    assert grad(lambda x: np.sum(x * x))(empty).shape == (0, 2)
    assert jacobian(lambda x: x * x)(empty).shape == (0, 2, 0, 2)
    assert jacobian(lambda x: np.sum(x, axis=0))(empty).shape == (2, 0, 2)
    assert jacobian(lambda x: x[:0])(X).shape == (0, 3)
    assert hessian(lambda x: np.sum(x * x))(empty).shape == (0, 2, 0, 2)
    assert jvp(np.exp, (empty,), (empty,))[1].shape == (0, 2)


# Every row of the tables


ROWS = [
    pytest.param(function, arguments, params, id=f"{function.__name__}-{k}")
    for function in (*LOCAL, *LINEAR)
    for k, (arguments, params) in enumerate(SAMPLES.get(function, ()))
]


def of_positions(function, arguments, params):
    """(The function of those arguments that have a derivative, these arguments)."""
    positions = differentiable(function, arguments)

    def f(*variables):
        args = list(arguments)
        for position, variable in zip(positions, variables, strict=True):
            args[position] = variable
        return function(*args, **params)

    return f, [arguments[i] for i in positions]


@pytest.mark.parametrize(("function", "arguments", "params"), ROWS)
def test_forward_mode_is_the_transpose_of_reverse_mode(function, arguments, params):
    """⟨g, J·v⟩ = ⟨g·J, v⟩, to first and to second order, for every row and every argument."""
    f, x = of_positions(function, arguments, params)
    v = [rng.normal(size=np.shape(a)) for a in x]
    value, tangent = jvp(f, x, v)
    _, back = vjp(f, *x)
    g = rng.normal(size=np.shape(value))
    assert_close(np.sum(g * tangent), sum(np.sum(a * b) for a, b in zip(back(g), v, strict=True)), 1e-11)

    def slope(*x):
        return np.sum(g * jvp(f, x, v)[1])

    by_reverse = [np.sum(a * b) for a, b in zip(grad(slope, range(len(x)))(*x), v, strict=True)]
    assert_close(jvp(slope, x, v)[1], sum(by_reverse), 1e-11 + 1e-11 * sum(map(abs, by_reverse)))
    of_gradients = jvp(lambda *x: sum(np.sum(a * b) for a, b in zip(vjp(f, *x)[1](g), v, strict=True)), x, v)[1]
    assert_close(of_gradients, sum(by_reverse), 1e-11 + 1e-11 * sum(map(abs, by_reverse)))


@pytest.mark.parametrize(
    ("function", "arguments", "params"),
    [row for row in ROWS if row.values[0] not in LAPACK],  # It has no longdouble.
)
def test_the_gradient_function_of_every_row_has_the_right_gradient(function, arguments, params):
    f, x = of_positions(function, arguments, params)
    kind = np.float64 if function in LAPACK else np.longdouble
    x = [kind(a) for a in x]
    g = rng.normal(size=np.shape(function(*arguments, **params)))
    v = [rng.normal(size=np.shape(a)) for a in x]

    def along(*x):
        return sum(np.sum(a * b) for a, b in zip(grad(lambda *x: np.sum(g * f(*x)), range(len(x)))(*x), v, strict=True))

    for k, (a, second) in enumerate(zip(x, grad(along, range(len(x)))(*x), strict=True)):
        expected = central_difference(lambda a, k=k: along(*replaced(x, k, a)), np.asarray(a))
        assert_close(second, expected, max(1e-11, 1e3 * float(np.finfo(kind).eps) ** 0.8))


# Tensor.backward(create_graph=True)


def test_backward_with_a_graph_gives_gradients_that_are_tensors():
    x = Tensor(2.0)
    (x**4).backward(create_graph=True)
    assert isinstance(x.grad, Tensor)
    first = x.grad
    assert first.item() == 32.0
    x.zero_grad()
    first.backward(create_graph=True)
    second = x.grad
    assert second.item() == 48.0
    x.zero_grad()
    second.backward()
    assert x.grad == 48.0
    assert is_plain(x.grad)


def test_backward_with_a_graph_accumulates_in_leaves():
    x = Tensor([1.0, 2.0])
    y = np.sum(x * x)
    y.backward()
    y.backward(create_graph=True)
    assert isinstance(x.grad, Tensor)
    assert x.grad.data.tolist() == [4.0, 8.0]
    assert y.grad.item() == 1.0


def test_backward_with_a_graph_can_be_differentiated_by_its_upstream_gradient():
    x, g = Tensor([1.0, 2.0]), Tensor([3.0, 5.0])
    (x**3).backward(g, create_graph=True)
    np.sum(x.grad * [1.0, 10.0]).backward()
    assert g.grad.tolist() == [3.0, 120.0]


# Errors


@pytest.mark.parametrize(
    ("call", "error", "sentence"),
    [
        (lambda: grad(lambda x: x.item())(2.0), TypeError, r"grad: the function returned a float, which has lost"),
        (lambda: grad(lambda x: None)(2.0), TypeError, r"grad: the function returned a NoneType"),
        (lambda: grad(lambda x: (y for y in [x]))(2.0), TypeError, r"grad: the function returned a generator"),
        (
            lambda: jvp(lambda x: [x, x.numpy()], (X,), (X,)),
            TypeError,
            r"jvp: the function returned a ndarray, which has",
        ),
        (lambda: grad(lambda x: x)(X), ValueError, r"grad: the function returned shape \(3,\), and no scalar; use jac"),
        (lambda: grad(lambda x: [x])(2.0), ValueError, r"grad: the function returned list, and no scalar"),
        (lambda: value_and_grad(np.exp)(X[:0]), ValueError, r"value_and_grad: the function returned shape \(0,\), and"),
        (lambda: grad(np.exp, 1)(2.0), ValueError, r"grad: there is no argument 1 among 1; give other argnums"),
        (lambda: grad(np.exp, -2)(2.0), ValueError, r"grad: there is no argument -2 among 1; give other argnums"),
        (lambda: grad(np.exp)(), ValueError, r"grad: there is no argument 0 among 0; give other argnums"),
        (lambda: grad(np.exp, 0.0)(2.0), ValueError, r"grad: there is no argument 0\.0 among 1; give other argnums"),
        (lambda: grad(np.exp, "x")(2.0), ValueError, r"grad: there is no argument 'x' among 1; give other argnums"),
        (lambda: hessian(np.exp, (0, -1))(2.0), ValueError, r"argnums \(0, -1\) name an argument twice; name it once"),
        (
            lambda: jvp(np.exp, (X,), (X[:2],)),
            ValueError,
            r"jvp: a tangent of shape \(2,\) does not fit a Tensor of sh",
        ),
        (lambda: jvp(np.exp, (X,), ()), ValueError, r"jvp: a tangent has the structure \(\), not \(\*\); match it"),
        (
            lambda: jvp(sum, ([1.0],), ({},)),
            ValueError,
            r"jvp: a tangent has the structure \(\{\}\), not \(\[\*\]\); m",
        ),
        (lambda: jvp(np.exp, (1.0,), ({"a": 1.0},)), ValueError, r"structure \(\{'a': \*\}\), not \(\*\); match it"),
        (lambda: jvp(np.exp, 2.0, 1.0), TypeError, r"jvp: a float is no tuple with one entry for each argument; write"),
        (lambda: jvp(np.exp, (X,), X), TypeError, r"jvp: a ndarray is no tuple with one entry for each argument; writ"),
        (lambda: jvp(np.exp, (1.0,), (1j,)), TypeError, r"jvp: complex128 data has no gradient; give floating, intege"),
        (lambda: vjp(np.exp, X)[1](1.0), ValueError, r"vjp: an upstream gradient of shape \(\) does not fit a Tensor"),
        (
            lambda: vjp(lambda x: (x, x), 1.0)[1](1.0),
            ValueError,
            r"vjp: an upstream gradient has the structure \*, not",
        ),
        (lambda: vjp(np.exp, 1.0)[1]("one"), TypeError, r"vjp: <U3 data has no gradient; give floating, integer or bo"),
        (lambda: grad(np.exp)(1j), TypeError, r"grad: complex128 data has no gradient; give floating, integer or bool"),
        (lambda: jacobian(np.exp)("one"), TypeError, r"jacobian: <U3 data has no gradient; give floating, integer or"),
        (
            lambda: grad(np.exp)(None),
            TypeError,
            r"grad: object data has no gradient; give floating, integer or boolean",
        ),
    ],
)
def test_errors_say_what_is_wrong(call, error, sentence):
    with pytest.raises(error, match=sentence):
        call()


@pytest.mark.parametrize("transform", [grad, value_and_grad, jacobian, hessian])
def test_an_argument_is_a_tensor_in_errors_too(transform):
    with pytest.raises(AttributeError, match="'Tensor' object has no attribute 'softplus'"):
        transform(lambda x: x.softplus())(2.0)
    with pytest.raises(AttributeError, match="sort: a Tensor of shape "):
        transform(lambda x: x.sort())(X)


@pytest.mark.parametrize(
    ("argument", "kind"),
    [
        *((np.array(["a"]), "<U1"), (np.array([1j]), "complex128"), (np.array([{}]), "object")),
        *((np.datetime64("2020-01-01"), r"datetime64\[D\]"), (Exception, "object"), (b"x", r"\|S1")),
    ],
    ids=str,
)
def test_errors_name_the_dtype_of_what_cannot_be_differentiated(argument, kind):
    sentence = f"{kind} data has no gradient; give floating, integer or boolean numbers"
    for caller, call in (
        ("grad", lambda: grad(np.sum)(argument)),
        ("jvp", lambda: jvp(np.sum, (argument,), (1.0,))),
        ("jvp", lambda: jvp(np.exp, (1.0,), (argument,))),
        ("vjp", lambda: vjp(np.exp, 1.0)[1](argument)),
    ):
        with pytest.raises(TypeError, match=f"{caller}: {sentence}"):
            call()


def test_the_functions_keep_their_names():
    def loss(x):
        """Squared."""
        return x * x

    for made in (grad(loss), value_and_grad(loss), jacobian(loss), hessian(loss)):
        assert (made.__name__, made.__doc__) == ("loss", "Squared.")
