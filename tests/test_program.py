"""write_out: the program against the engine, called with other values than those that it was written with.

A program is written for one example, and must be right for all: for other signs, at ties, kinks, zeros and infinities.
Every row and every composition is written out by the calls that their own tests make, to second order too.
"""

import ast
import enum
import pickle
import subprocess
import sys
import threading
import warnings
from collections import namedtuple
from math import exp, inf, isnan, nan, nextafter

import numpy as np
import pytest
import test_compositions
import test_products
import test_rules
import test_shapes
import test_statistics
from test_against_peers import ELEMENTWISE, OURS, POINTS, ROWS, number

from tinygrad_sig import Program, Tensor, define, grad, relu, sigmoid, softplus, value_and_grad, write_out
from tinygrad_sig.nn import cross_entropy

rng = np.random.default_rng(20261124)
SPECIAL = (inf, -inf, nan, -0.0, 1e300, 1e-300, -745.0, 50.0)


def chain(x, w1, w2):
    a1 = sigmoid(w1 * x)
    return sigmoid(w2 * a1)


def network(layers, X, Y):
    a = X
    for W, b in layers:
        a = sigmoid(a @ W + b)
    return np.mean((a - Y) ** 2)


LAYERS = [(rng.normal(size=(m, n)), rng.normal(size=n)) for m, n in ((4, 3), (3, 2))]
X, Y = rng.normal(size=(5, 4)), rng.random((5, 2))


def is_floating(value):
    return isinstance(value, np.ndarray | np.floating) and value.dtype.kind == "f"


def replaced(value, make):
    """The same arguments with their floating arrays replaced."""
    if isinstance(value, list | tuple):
        return type(value)(replaced(v, make) for v in value)
    return make(value) if is_floating(value) else value


def others(arrays):
    """Other values of the same shapes and dtypes."""
    yield [-a for a in arrays]
    yield [np.zeros_like(a)[()] for a in arrays]
    yield [np.ones_like(a) for a in arrays]
    yield [np.asarray(np.round(rng.normal(size=a.shape))).astype(a.dtype)[()] for a in arrays]
    for special in SPECIAL:
        with np.errstate(over="ignore"):
            yield [np.where(rng.random(a.shape) < 0.4, special, a).astype(a.dtype)[()] for a in arrays]


def flat(value, gradients):
    return [np.asarray(v) for v in (value, *(gradients if isinstance(gradients, tuple) else (gradients,)))]


def attempt(function, arguments):
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return flat(*function(*arguments))
        except (ArithmeticError, np.linalg.LinAlgError) as error:
            return type(error)


def assert_same(program, f, arrays, ulps, coarsest=False):
    """Bit for bit, or to an ulp of reordering, which second derivatives and sums of large numbers multiply."""
    argnums = tuple(range(len(arrays)))
    for values in ([*arrays], *others(arrays)):
        found, expected = attempt(program, values), attempt(value_and_grad(f, argnums), values)
        if expected is ZeroDivisionError:  # np.average of no weight, which is nan in a program
            continue
        assert isinstance(found, list) == isinstance(expected, list), (found, expected)
        for one, other in zip(found, expected, strict=True) if isinstance(expected, list) else ():
            assert (one.shape, one.dtype) == (other.shape, other.dtype)
            eps = program.eps if coarsest else float(np.finfo(other.dtype).eps)
            size = max(float(np.max(abs(e), initial=0, where=np.isfinite(e))) for e in expected)
            wide = one.astype(np.longdouble), other.astype(np.longdouble)
            np.testing.assert_allclose(*wide, rtol=ulps * eps, atol=ulps * eps * size, err_msg=str(program))


def weighted(function, args, kwargs):
    """(a number made of what a call returns, as a function of its floating arrays; these arrays)."""
    arrays = []
    replaced([list(args), list(kwargs.values())], lambda a: arrays.append(a) or a)

    def f(*x):
        own = iter(x)
        given = replaced(list(args), lambda _: next(own))
        y = function(*given, **{key: replaced(value, lambda _: next(own)) for key, value in kwargs.items()})
        parts = y if isinstance(y, tuple | list) else [y]
        return sum(np.sum(np.multiply(v, np.cos(np.arange(np.size(v)).reshape(np.shape(v))))) for v in parts)

    return f, arrays


def sloped(f, count):
    """A number made of the gradient of f, so that its gradient is of second order."""
    gradients = grad(f, tuple(range(count)))
    return lambda *x: sum(np.sum(g * np.sin(1.0 + np.arange(g.size).reshape(g.shape))) for g in gradients(*x))


CASES = [pytest.param(*case.values, id=case.id) for case in test_rules.CASES]
for module in (test_compositions, test_products, test_shapes, test_statistics):
    CASES += [pytest.param(*case.values, id=f"{module.__name__}-{case.id}") for case in module.CASES]


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize(("function", "args", "kwargs"), CASES)
def test_rows_and_compositions_at_other_values(function, args, kwargs, order):
    f, arrays = weighted(function, args, kwargs)
    f = f if order == 1 else sloped(f, len(arrays))
    if not arrays or not isinstance(attempt(value_and_grad(f, tuple(range(len(arrays)))), arrays), list):
        pytest.skip("NumPy refuses it, or it has no argument with a derivative")
    if function in (np.quantile, np.percentile) and len(arrays) > 1:
        with pytest.raises(TypeError, match="bool asks for a value"):
            write_out(f, *arrays)
        return
    for reuse in (False, True)[: 3 - order]:
        with np.errstate(all="ignore"):
            program = write_out(f, *arrays, argnums=tuple(range(len(arrays))), reuse=reuse)
        assert_same(program, f, arrays, 4 if order == 1 else 1024)  # A second derivative is a sum of terms that cancel.


def random_program(draw):
    """(a function of random steps over all rows, its arguments): numbers, or arrays of mixed dtypes."""
    is_scalar = draw.random() < 0.4
    names = list(ELEMENTWISE if is_scalar else ROWS)
    steps = [
        (names[draw.integers(len(names))], *draw.integers(13, size=2).tolist()) for _ in range(draw.integers(1, 8))
    ]
    dtypes = (np.float64, np.float64, np.float32, np.float16)[: 2 if draw.random() < 0.6 else 4]
    points = [draw.normal() for _ in range(3)] if is_scalar else POINTS
    return lambda *x: number(OURS, x, steps), [dtypes[draw.integers(len(dtypes))](p) for p in points]


@pytest.mark.parametrize(("start", "count"), [(0, 150), pytest.param(150, 850, marks=pytest.mark.slow)])
@pytest.mark.parametrize("order", [1, 2])
def test_random_programs(start, count, order):
    for seed in range(start, start + count // order**3):
        f, arrays = random_program(np.random.default_rng(seed))
        f = f if order == 1 else sloped(f, len(arrays))
        arrays = [np.asarray(a)[()] for a in arrays]
        with np.errstate(all="ignore"):
            program, other = write_out(f, *arrays), write_out(f, *arrays, reuse=True)
        if other.text != program.text:
            assert_same(other, f, arrays, 256, coarsest=True)
            lint(other)
        # Where all is floats, math may round an exponential another way, and a sine of 1e300 makes much of that.
        exact = "in_numpy" not in program.parts[-1]
        assert_same(program if exact else in_numpy(program), f, arrays, 16 if order == 1 else 256)
        lint(program)


def in_numpy(program):
    """A program on floats as it is run where math raises: the same lines in NumPy."""
    return lambda *x: program.__call__.__globals__["in_numpy"](*map(np.float64, x))


def lint(program):
    """No line that nothing needs, and no name that is given twice."""
    (function,) = ast.parse(str(program)).body
    names = [node for node in ast.walk(function) if isinstance(node, ast.Name)]
    stored = [node.id for node in names if isinstance(node.ctx, ast.Store) and node.id != "_"]
    assert len(set(stored)) == len(stored)
    assert set(stored) <= {node.id for node in names if isinstance(node.ctx, ast.Load)}
    assert not set(stored) & {argument.arg for argument in function.args.args}
    assert all(len(line) < 200 for line in str(program).splitlines()[1:-1] if not line.endswith(" = arrays"))


def test_the_chain_as_one_would_have_written_it():
    program = write_out(chain, 1.0, 0.5, -0.9)
    assert (
        str(program)
        == """def chain(x, w1, w2):
    z1 = w1 * x
    e1 = exp(-abs(z1))
    a1 = (e1 if z1 < 0.0 else 1.0) / (1.0 + e1)
    z2 = w2 * a1
    e2 = exp(-abs(z2))
    a2 = (e2 if z2 < 0.0 else 1.0) / (1.0 + e2)
    d_z2 = e2 / (1.0 + e2 * (2.0 + e2))
    d_w2 = d_z2 * a1
    d_a1 = d_z2 * w2
    d_z1 = d_a1 * (e1 / (1.0 + e1 * (2.0 + e1)))
    d_w1 = d_z1 * x
    d_x = d_z1 * w1
    return a2, (d_x, d_w1, d_w2)"""
    )
    value, gradients = value_and_grad(chain, (0, 1, 2))(1.0, 0.5, -0.9)
    assert program(1.0, 0.5, -0.9) == (value, gradients)


def test_a_network_as_one_would_have_written_it():
    program = write_out(network, LAYERS, X, Y, argnums=0)
    assert (
        str(program)
        == """def network(layers, X, Y):
    (W1, b1), (W2, b2) = layers
    a1, s1 = sigmoid_with_slope(X @ W1 + b1)
    a2, s2 = sigmoid_with_slope(a1 @ W2 + b2)
    v1 = a2 - Y
    y = (v1 ** 2).mean()
    d_v1 = 0.1 * (2.0 * v1)
    d_z2 = d_v1 * s2
    d_b2 = d_z2.sum(axis=0)
    d_a1 = d_z2 @ W2.T
    d_W2 = a1.T @ d_z2
    d_z1 = d_a1 * s1
    d_b1 = d_z1.sum(axis=0)
    d_W1 = X.T @ d_z1
    return y, [(d_W1, d_b1), (d_W2, d_b2)]"""
    )
    other = [(-3 * W, b + 1) for W, b in LAYERS]
    (value, found), (wanted, expected) = program(other, X, Y), value_and_grad(network)(other, X, Y)
    assert value == wanted
    for pair, expected_pair in zip(found, expected, strict=True):
        for one, two in zip(pair, expected_pair, strict=True):
            np.testing.assert_array_equal(one, two)


def test_what_results_have():
    """The structure of value_and_grad, for one argument and for several; f alone where no gradient is asked for."""
    assert write_out(lambda x: x * x, 3.0)(2.0) == (4.0, 4.0)
    assert write_out(lambda x: x * x, 3.0, argnums=(0,))(2.0) == (4.0, (4.0,))
    assert write_out(lambda x, y: x * y, 3.0, 2.0, argnums=1)(5.0, 7.0) == (35.0, 5.0)
    assert write_out(lambda x: {"square": x * x, "parts": [x, (2.0,)]}, 3.0, argnums=())(2.0) == {
        "square": 4.0,
        "parts": [2.0, (2.0,)],
    }
    Pair = namedtuple("Pair", "a b")
    value, gradient = write_out(lambda p: p.a * p.b, Pair(2.0, 3.0))(Pair(5.0, 7.0))
    assert (value, gradient) == (35.0, Pair(7.0, 5.0))
    assert type(gradient) is Pair


@pytest.mark.parametrize("reuse", [False, True])
def test_results_are_the_callers_own(reuse):
    def parts(x):
        y = np.exp(x) * 2
        return x, x, x.T, x[:1], np.broadcast_to(x, (2, 2, 2)), y.T, np.sin(y), y[0], np.tanh(np.sin(y)), sigmoid(x), y

    def f(x, y, z):
        return np.sum(x) + np.sum(np.transpose(y)) + np.sum(np.reshape(z, (-1,))[1:])

    given = [rng.normal(size=(3, 2)) for _ in range(3)]
    program = write_out(f, *given, reuse=reuse)
    once, again = program(*given)[1], program(*given)[1]
    for i, array in enumerate(once):
        array += 1.0
        for other in (*given, *again, *once[:i]):
            assert not np.shares_memory(array, other)
    x = np.ones((2, 2))
    both = write_out(lambda x: parts(x), x, argnums=(), reuse=reuse)
    results = both(x)
    for i, array in enumerate(results):
        assert array.flags.writeable
        assert not any(np.shares_memory(array, other) for other in (x, *results[:i]))


@pytest.mark.parametrize(
    "x", [-1e4, -746.0, -745.0, -709.0, -40.0, -1e-9, 0.0, 1e-9, 36.0, 40.0, 745.0, 1e4, inf, -inf]
)
def test_sigmoid_is_as_exact_in_a_program_as_in_the_engine(x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for program, given in (
            (write_out(sigmoid, 0.3), x),
            (write_out(lambda x: np.sum(sigmoid(x)), np.zeros(1)), np.array([x])),
        ):
            value, slope = program(given)
            reference, expected = value_and_grad(lambda x: np.sum(sigmoid(x)))(given)
            assert value == reference
            assert np.all(slope == expected)
    assert write_out(sigmoid, 0.3)(40.0)[1] == pytest.approx(4.248354255291589e-18, rel=1e-15)
    assert isnan(write_out(sigmoid, 0.3)(nan)[0])


def test_where_math_raises_a_program_finds_what_numpy_finds():
    cases = (
        (lambda x: np.exp(x), 710.0, (inf, inf)),
        (lambda x: 1 / x, 0.0, (inf, -inf)),
        (lambda x: np.log(x), 0.0, (-inf, inf)),
        (lambda x: np.sqrt(x), 0.0, (0.0, inf)),
        (lambda x: x**0.5, 0.0, (0.0, inf)),
        (lambda x: np.cosh(x), -1e3, (inf, -inf)),
    )
    for f, x, expected in cases:
        with np.errstate(all="ignore"):
            assert write_out(f, 2.0)(x) == expected
    with np.errstate(all="ignore"):
        for f in (np.sqrt, np.log, lambda x: x**1.5, np.arcsin, np.arccosh):
            assert isnan(write_out(f, 1.0 if f is np.arcsin else 2.0)(-3.0)[0])


def test_integers_and_numbers_of_numpy_are_floats():
    program = write_out(chain, 1.0, 0.5, -0.9)
    expected = program(1.0, 2.0, 3.0)
    for given in ((1, 2, 3), np.float64([1, 2, 3]), (np.array(1.0), np.int64(2), np.float64(3)), (True, 2, 3.0)):
        assert program(*given) == expected
    scaled = write_out(lambda x, rate: np.sum(x) * rate, np.ones(3), 0.5)
    assert scaled(np.ones(3), 2)[0] == 6.0
    assert isinstance(scaled(np.ones(3), 2)[1][1], np.float64)


def test_names_are_those_of_the_function():
    def f(params, rate, *rest):
        hidden = params["W"] @ rest[0]
        for power in (2, 3):
            hidden = hidden**power
        output = np.tanh(hidden)
        output.name = "shown"
        return np.sum(output * rate)

    text = str(write_out(f, {"W": np.ones((2, 2))}, 0.5, np.ones(2)))
    for line in (
        "W = params['W']",
        "hidden1 = W @ ",
        "hidden2 = hidden1 ** 2",
        "shown = np.tanh(hidden3)",
        "d_hidden1 =",
    ):
        assert line in text
    assert "def f(params, rate, " in text


@pytest.mark.parametrize("name", ["exp", "abs", "float", "np", "e1", "d_x", "lambda_", "σ"])
def test_a_name_that_the_program_needs_itself(name):
    known = {"sigmoid": sigmoid, "np": np}
    exec(f"def f({name}, x):\n    return sigmoid({name} * x) + x", known)
    program = write_out(known["f"], 0.5, 2.0)
    assert program(0.25, 3.0) == value_and_grad(known["f"], (0, 1))(0.25, 3.0)
    lint(program)


def test_second_order_and_products_with_the_hessian():
    def f(x):
        return np.sum(np.tanh(x) ** 3 * np.max(x))

    def product(x, v):
        return grad(lambda t: np.sum(grad(f)(t) * v))(x)

    x, v = rng.normal(size=4), rng.normal(size=4)
    program = write_out(product, x, v, argnums=())
    np.testing.assert_allclose(program(-x, v), product(-x, v), rtol=1e-13)
    second = write_out(grad(lambda x: np.sin(x) ** 2), 0.3)
    np.testing.assert_allclose(second(0.7), value_and_grad(grad(lambda x: np.sin(x) ** 2))(0.7), rtol=1e-14)


def test_a_whole_step_of_training():
    """The loss, its gradients and the update by Adam are one program; a loop calls nothing else."""

    def step(layers, m, v, t, X, Y):
        value, gradients = value_and_grad(network)(layers, X, Y)
        moved: tuple = ([], [], [])
        for old, first, second, new in zip(layers, m, v, gradients, strict=True):
            means = [0.9 * a + 0.1 * g for a, g in zip(first, new, strict=True)]
            squares = [0.999 * a + 0.001 * g**2 for a, g in zip(second, new, strict=True)]
            ways = [
                a / (1 - 0.9**t) / (np.sqrt(b / (1 - 0.999**t)) + 1e-8) for a, b in zip(means, squares, strict=True)
            ]
            moved[0].append(tuple(x - 0.01 * way for x, way in zip(old, ways, strict=True)))
            moved[1].append(tuple(means))
            moved[2].append(tuple(squares))
        return value, *moved

    zeros = [(np.zeros_like(W), np.zeros_like(b)) for W, b in LAYERS]
    program = write_out(step, LAYERS, zeros, zeros, 1.0, X, Y, argnums=())
    lint(program)
    ours, theirs = (LAYERS, zeros, zeros), (LAYERS, zeros, zeros)
    for t in range(1, 30):
        loss, *ours = program(*ours, t, X, Y)
        expected, *theirs = step(*theirs, float(t), X, Y)
        np.testing.assert_allclose(loss, expected, rtol=1e-12)
    assert loss < network(LAYERS, X, Y)
    for one, two in zip(ours[0], theirs[0], strict=True):
        np.testing.assert_allclose(one[0], two[0], rtol=1e-9)


LEAF = Tensor(2.0)
REFUSED = {
    "a branch on a value": (lambda x: x if x > 0 else -x, (1.0,), "bool"),
    "a loop on a value": (lambda x: np.sum(x[: int(x[0])]), (np.ones(3),), "int"),
    "float": (lambda x: x * exp(x), (1.0,), "float"),
    "item": (lambda x, y: x * y.item(), (1.0, np.ones(1)), r"\.item\(\)"),
    "asarray": (lambda x, y: x * np.sum(np.asarray(y)), (1.0, np.ones(2)), "array"),
    "nonzero": (lambda x: np.sum(x) * len(np.nonzero(x)[0]), (np.ones(3),), "shape of what nonzero returns"),
    "a mask": (lambda x: np.sum(x[x > 0]), (np.ones(3),), "shape of what getitem returns"),
    "where of one": (lambda x: np.sum(x[np.where(x > 0)]), (np.ones(3),), "shape of what nonzero returns"),
    "a function without a derivative": (lambda x, y: x * np.fft.fft(y)[0].real, (1.0, np.ones(2)), "fft"),
    "out": (lambda x, y: x * np.sum(np.add(y, y, out=np.zeros(2))), (1.0, np.ones(2)), "out="),
    "reduce": (lambda x, y: x * np.add.reduce(y), (1.0, np.ones(2)), "add.reduce"),
    "a leaf that is no argument": (lambda x: x * LEAF, (1.0,), "not among its arguments"),
    "randomness": (lambda x: x * rng.normal(), (1.0,), "random"),
    "no function": (3.0, (1.0,), "no function"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name):
    f, args, words = REFUSED[name]
    with pytest.raises((TypeError, ValueError), match=words) as error:
        write_out(f, *args, argnums=0)
    assert ";" in str(error.value)
    assert "\n" not in str(error.value)


def test_a_program_has_an_end(monkeypatch):
    def f(x):
        return sum(sigmoid(x + k) for k in range(100))

    monkeypatch.setattr("tinygrad_sig.formulas.program.MOST", 200)
    with pytest.raises(ValueError, match="lines are too many for a program, which has at most 200; write out a part"):
        write_out(f, 1.0)
    monkeypatch.setattr("tinygrad_sig.formulas.lines.MOST", 200)
    with pytest.raises(ValueError, match="200 statements are too many for a program; write out a part"):
        write_out(f, 1.0)


def test_arguments_for_which_it_was_not_written():
    program = write_out(network, LAYERS, X, Y)
    (W, b), last = LAYERS
    given = {
        r"layers\[0\]\[0\] has shape \(2, 2\), not \(4, 3\)": ([(np.ones((2, 2)), b), last], X, Y),
        r"X has dtype float32, not float64": (LAYERS, X.astype(np.float32), Y),
        r"X is a list": (LAYERS, X.tolist(), Y),
        r"Y is a MaskedArray": (LAYERS, X, np.ma.array(Y)),
        r"Y is a Tensor": (LAYERS, X, Tensor(Y)),
        r"do not have the structure": (LAYERS[:1], X, Y),
        r"do not have the structure .*": ({"W": W}, X, Y),
    }
    for words, arguments in given.items():
        with pytest.raises((TypeError, ValueError), match=words):
            program(*arguments)
    assert program(tuple(map(list, LAYERS)), X.astype(np.float64), Y)[0] == program(LAYERS, X, Y)[0]
    with pytest.raises(TypeError, match="missing 1 required positional argument"):
        program(LAYERS, X)
    with pytest.raises(TypeError, match="x is a str"):
        write_out(chain, 1.0, 0.5, -0.9)("1", 0.5, -0.9)


def cube(x):
    return x * x * x


cubed = define(cube, lambda y, x: 3 * x * x)


def test_what_define_brought_is_called():
    program = write_out(lambda x: np.sum(cubed(x) * x), np.ones(3))
    assert "np.array(cube(x))" in str(program)
    x = np.array([-1.0, 0.0, 2.0])
    value, gradient = program(x)
    assert value == 17.0
    np.testing.assert_array_equal(gradient, 4 * x**3)
    x += 1.0  # still the caller's own
    buffer = np.zeros(3)
    last = define(lambda x: np.multiply(x, 2.0, out=buffer), lambda y, x: 2)
    both = write_out(lambda x: np.sum(last(x) * last(last(x))), x)
    np.testing.assert_allclose(both(x)[0], np.sum(8 * x**2))


SAVED = {
    "chain": (chain, (1.0, 0.5, -0.9)),
    "network": (network, (LAYERS, X, Y)),
    "helpers": (
        lambda x: (
            np.linalg.norm(x) + np.max(x) * np.std(x) + np.sum(np.sort(x)[[0, 0, 1]]) + np.sum(softplus(x) * cubed(x))
        ),
        (np.array([1.0, -2.0, 0.5]),),
    ),
    "constants": (lambda x: np.sum(x @ np.arange(4.0).reshape(2, 2) * np.array([nan, inf])) + 0.1, (np.ones((3, 2)),)),
}


@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize("name", SAVED)
def test_a_saved_module_needs_numpy_alone(name, reuse, tmp_path):
    f, args = SAVED[name]
    program = write_out(f, *args, reuse=reuse)
    program.save(tmp_path / "saved.py")
    assert isinstance(program, Program)
    assert "written out by tinygrad_sig from" in program.source.splitlines()[0]
    (tmp_path / "args").write_bytes(pickle.dumps(args))
    np.savez(tmp_path / "expected.npz", *flat_leaves(program(*args)))
    code = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
sys.modules["tinygrad_sig"] = None
import pickle, numpy as np, saved
def leaves(tree):
    return [leaf for branch in tree for leaf in leaves(branch)] if isinstance(tree, (list, tuple)) else [tree]
found = leaves(saved.{program.name}(*pickle.load(open({str(tmp_path / "args")!r}, "rb"))))
expected = np.load({str(tmp_path / "expected.npz")!r})
for one, other in zip(found, expected.values(), strict=True):
    np.testing.assert_array_equal(one, other)
"""
    done = subprocess.run(
        [sys.executable, "-I", "-W", "error", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    known: dict = {}
    exec(program.source, known)


def flat_leaves(tree):
    branches = tree.values() if isinstance(tree, dict) else tree
    return [x for b in branches for x in flat_leaves(b)] if isinstance(tree, dict | list | tuple) else [tree]


def test_a_function_without_source_is_called_and_not_saved(tmp_path):
    steep = define(lambda x: 5 * x, lambda y, x: 5)
    program = write_out(lambda x: np.sum(steep(x)), np.ones(2))
    assert program(np.ones(2))[0] == 10.0
    with pytest.raises(ValueError, match="no source of its own to carry; define it with def"):
        program.save(tmp_path / "saved.py")


@pytest.mark.parametrize("reuse", [False, True])
def test_threads(reuse):
    program = write_out(network, LAYERS, X, Y, reuse=reuse)
    expected = [program(LAYERS, k * X, Y)[0] for k in range(8)]
    found: dict = {}

    def work(k):
        found[k] = [program(LAYERS, k * X, Y)[0] for _ in range(50)]

    threads = [threading.Thread(target=work, args=(k,)) for k in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(found[k] == [expected[k]] * 50 for k in range(8))


def test_a_program_within_itself():
    """What a call computes in is not touched by another one that is made meanwhile."""
    depth = [0]

    def again(x):
        if 0 < depth[0] < 4:
            depth[0] += 1
            program(3 * X)
        return x

    entered = define(again, lambda y, x: 1)

    def f(x):
        return np.exp(x) * entered(np.sin(x)) + np.cos(np.exp(x))

    program = write_out(f, X, argnums=(), reuse=True)
    assert "arrays" in str(program)
    expected = program(X)
    depth[0] = 1
    np.testing.assert_array_equal(program(X), expected)
    assert depth[0] == 4


def test_with_reuse_as_one_would_have_written_it():
    program = write_out(network, LAYERS, X, Y, argnums=0, reuse=True)
    text = str(program)
    assert text.startswith("def network(layers, X, Y, arrays):\n    t1, t2, t3, t4, t5, t6 = arrays\n")
    for line in (
        "v1 = np.dot(X, W1, t1)",
        "z1 = np.add(v1, b1, t1)",
        "a1, s1 = sigmoid_into(z1, t1, t2)",
        "d_b2 = np.dot(ones, d_z2)",
        "d_W1 = np.dot(X.T, d_z1)",
    ):
        assert f"    {line}\n" in text
    lint(program)
    f = value_and_grad(network)
    for scale in (1.0, -1.0, 0.0, 30.0, 1e3, 1e6):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found, expected = program(LAYERS, scale * X, Y), f(LAYERS, scale * X, Y)
        for one, two in zip(flat_leaves(found), flat_leaves(expected), strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-13, atol=1e-300)


def layered(x, weights, biases):
    a = x
    for w, b in zip(weights, biases, strict=True):
        a = sigmoid(w * a + b)
    return a


def with_skips(x, weights, biases):
    a = x
    for w, b in zip(reversed(weights), biases, strict=True):
        a = np.tanh(w * a - b) + a
    return (a - 1.5) ** 2


def with_exponentials(x, weights):
    for w in weights:
        x = np.sin(w * x) * np.exp(-(x * x))
    return (x - 1.5) ** 2


@pytest.mark.parametrize("f", [layered, with_skips, with_exponentials])
def test_rolled_layers(f):
    count = 3 if f is not with_exponentials else 2
    sets = [[rng.normal(), *(rng.normal(size=40).tolist() for _ in range(count - 1))] for _ in range(4)]
    program = write_out(f, *sets[0], roll=True)
    assert len(str(program).splitlines()) < 45
    for given in (*sets, [3, *(tuple(numbers) for numbers in sets[1][1:])]):
        (value, gradients), (wanted, expected) = program(*given), value_and_grad(f, range(count))(*given)
        np.testing.assert_allclose(value, wanted, rtol=1e-12)
        assert isinstance(gradients[1], list)
        for one, two in zip(gradients, expected, strict=True):
            np.testing.assert_allclose(one, two, rtol=1e-9, atol=1e-15)
    with pytest.raises(ValueError, match="do not have the structure"):
        program(sets[0][0], *(numbers[1:] for numbers in sets[0][1:]))


def test_a_rolled_chain_as_one_would_have_written_it(tmp_path):
    program = write_out(layered, 0.5, [2.0] * 30, [-1.0] * 30, roll=True)
    assert (
        str(program)
        == """def layered(x, weights, biases):
    a = x
    all_a = []
    all_e = []
    for w, b in zip(weights, biases):
        z = w * a + b
        e = exp(-abs(z))
        all_e.append(e)
        a = (e if z < 0.0 else 1.0) / (1.0 + e)
        all_a.append(a)
    d_z_ = e / (1.0 + e * (2.0 + e))
    d_z = d_z_
    all_d_w = []
    all_d_z = []
    for a, w, e in zip(all_a[-2::-1], weights[:0:-1], all_e[-2::-1]):
        d_w = d_z * a
        all_d_w.append(d_w)
        d_a = d_z * w
        d_z = d_a * (e / (1.0 + e * (2.0 + e)))
        all_d_z.append(d_z)
    d_w_ = d_z * x
    d_x = d_z * weights[0]
    return all_a[-1], (d_x, [d_w_] + all_d_w[::-1], all_d_z[::-1] + [d_z_])"""
    )
    deep = program(0.5, [1e3] * 30, [-2e3] * 30)
    with np.errstate(all="ignore"):
        assert deep == value_and_grad(layered, (0, 1, 2))(0.5, [1e3] * 30, [-2e3] * 30)
    program.save(tmp_path / "saved.py")
    known: dict = {}
    exec(program.source, known)
    assert known["layered"](0.5, [2.0] * 30, [-1.0] * 30) == program(0.5, [2.0] * 30, [-1.0] * 30)


UNLIKE = {
    "every second layer": lambda x, ws: [x := np.tanh(w * x) if k % 2 else sigmoid(w * x) for k, w in enumerate(ws)][
        -1
    ],
    "one layer": lambda x, ws: [x := np.tanh(w * x) if k == 20 else sigmoid(w * x) for k, w in enumerate(ws)][-1],
    "a sum": lambda x, ws: sum(sigmoid(w * x) for w in ws),
    "a constant": lambda x, ws: [x := sigmoid(w * x) * (0.5 if k == 20 else 1.5) for k, w in enumerate(ws)][-1],
    "a weight": lambda x, ws: [x := sigmoid(ws[0 if k == 20 else k] * x) for k in range(len(ws))][-1],
}


@pytest.mark.parametrize("name", UNLIKE)
def test_layers_that_are_not_alike_are_not_rolled(name):
    with pytest.raises(ValueError, match="do not repeat from layer to layer; leave out roll"):
        write_out(UNLIKE[name], 0.5, rng.normal(size=40).tolist(), roll=True)


def test_what_cannot_be_rolled():
    with pytest.raises(ValueError, match="roll takes lists of one length, of at least 8"):
        write_out(chain, 1.0, 0.5, -0.9, roll=True)
    with pytest.raises(ValueError, match="only a program on numbers can be rolled"):
        write_out(layered, np.ones(3), [0.5] * 9, [0.5] * 9, argnums=(), roll=True)


def test_a_compiled_program():
    numba = pytest.importorskip("numba", reason="numba is not installed")
    program = write_out(chain, 1.0, 0.5, -0.9)
    compiled = numba.njit(program.__wrapped__)
    np.testing.assert_allclose(compiled(1.0, 0.5, -0.9)[0], program(1.0, 0.5, -0.9)[0], rtol=4e-16)


def test_ties_and_kinks_after_writing_away_from_them():
    program = write_out(lambda a, b: np.maximum(a, b) * relu(a), 2.0, 1.0)
    f = value_and_grad(lambda a, b: np.maximum(a, b) * relu(a), (0, 1))
    for a, b in ((1.0, 1.0), (0.0, 0.0), (-0.7, 2.0), (-1.0, -1.0), (nextafter(1.0, 2.0), 1.0)):
        assert program(a, b) == f(a, b)


@pytest.mark.parametrize(
    "asks",
    [float, int, np.asarray, lambda x: x.item(), lambda x: x if x > 0 else -x],
    ids=["float", "int", "asarray", "item", "if"],
)
def test_a_function_that_asks_for_a_value(asks):
    with pytest.raises(TypeError, match=r"write_out: .* asks for a value, which is another in each call"):
        write_out(lambda x: x * asks(x), 2.0)


def test_labels_are_an_argument_and_never_counted_from_the_end():
    def loss(W, X, labels):
        return cross_entropy(X @ W, labels)

    W, X, labels = rng.normal(size=(4, 3)), rng.normal(size=(8, 4)), rng.integers(0, 3, 8)
    program = write_out(loss, W, X, labels, argnums=0)
    for other in (labels, labels[::-1], (labels + 1) % 3):
        value, gradient = program(W, X, np.array(other))
        expected, by_walk = value_and_grad(loss)(W, X, other)
        assert value == expected
        np.testing.assert_array_equal(gradient, by_walk)
    with pytest.raises(IndexError):
        program(W, X, labels - 3)


def test_what_is_added_with_a_minus_is_subtracted():
    assert "d_x = (1.0 if v1 else 0.0) - (0.0 if v1 else 1.0)" in str(write_out(lambda x: np.where(x > 0, x, -x), 2.0))


@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize(
    "names",
    ["exp exp_", "_ x", "KINDS PATTERN", "len list", "type dict", "SPARE ARRAYS", "plainly arrays", "FLOAT64 globals"],
)
def test_parameters_named_like_what_a_program_needs(names, reuse):
    a, b = names.split()
    known = {"np": np, "sigmoid": sigmoid}
    exec(f"def numbers({a}, {b}): return sigmoid({a} * {b}) + {b} / {a} + np.exp({a})", known)
    exec(f"def arrays({a}, {b}): return np.sum(np.exp({b}[0]) * sigmoid({a}[0] @ {b}[1]['k']))", known)
    exec(f"def unused({a}, {b}): return np.sum({b}[1] * np.exp(np.sin({a})))", known)
    for f, args in (
        ("numbers", (0.5, 2)),
        ("arrays", ((np.ones((2, 2)),), [np.ones(2), {"k": np.eye(2)}])),
        ("unused", (np.ones(3), [np.ones(2), np.arange(3.0)])),
    ):
        program = write_out(known[f], *args, reuse=reuse)
        with np.errstate(all="ignore"):
            for given in (args, (0.0, 3.0)) if f == "numbers" else [args]:
                for one, two in zip(
                    *map(flat_leaves, (program(*given), value_and_grad(known[f], (0, 1))(*given))), strict=True
                ):
                    np.testing.assert_allclose(one, two, rtol=1e-15)


@pytest.mark.parametrize("name", ["len", "dict", "zip", "flatten", "KINDS", "PATTERN", "FLOAT64"])
def test_a_function_named_like_what_a_program_needs(name, tmp_path):
    known = {"np": np}
    exec(f"def {name}(x, ys): return np.sum(x * ys[0] + x / ys[1] * np.exp(x))", known)
    for args in ((2.0, [3.0, 4.0]), (np.ones(2), [np.ones(2), 4.0])):
        program = write_out(known[name], *args)
        program.save(tmp_path / "saved.py")
        saved: dict = {}
        exec((tmp_path / "saved.py").read_text(), saved)
        for found in (program(*args), saved[program.name](*args), program(args[0], (args[1][0], 4))):
            for one, two in zip(
                flat_leaves(found), flat_leaves(value_and_grad(known[name], (0, 1))(*args)), strict=True
            ):
                np.testing.assert_array_equal(one, two)


class Colour(enum.Enum):
    RED = 1


KEYS = ['"]; import os', "a\nb", "class", "", "{0}", "é€", 3, -1.5, None, (1, ("x",)), b"x"]


@pytest.mark.parametrize("key", [*KEYS, Colour.RED, np.int64(4), nan, frozenset([1])], ids=repr)
def test_keys_stand_in_a_program_or_are_refused(key):
    for x in (2.0, np.arange(3.0)):
        if any(key is known for known in KEYS):
            program = write_out(lambda p: np.sum(p[key] * np.sin(p["k"])), {key: x, "k": 1.0})
            np.testing.assert_array_equal(program({"k": 0.5, key: 3 * x})[1][key], np.sin(0.5) * np.ones_like(x))
            continue
        with pytest.raises(TypeError, match="of a dict has no text of its own; use a str or an int"):
            write_out(lambda p: np.sum(p[key] * np.sin(p["k"])), {key: x, "k": 1.0})
        with pytest.raises(TypeError, match="of a dict has no text of its own; use a str or an int"):
            write_out(lambda x: {key: x}, x, argnums=())


def test_constants_among_results_are_what_they_were():
    for x in (2.0, np.ones(2)):
        found = write_out(lambda x: (x, 3, True, None, "text", -inf, np.float32(0.5), np.ones(2)), x, argnums=())(x)
        assert found[1:6] == (3, True, None, "text", -inf)
        assert [type(value) for value in found[1:3]] == [int, bool]
        np.testing.assert_array_equal(found[-1], np.ones(2))
        with pytest.raises(
            TypeError, match="the function returned a set, for which there are no words; return numbers"
        ):
            write_out(lambda x: (x, {1}), x, argnums=())


def test_a_count_has_a_gradient_of_zeros():
    for f, x in ((np.argmax, np.ones(3)), (lambda x: x > 0, 2.0), (lambda x: np.sum(x > 0), np.ones(3))):
        value, gradient = write_out(f, x)(-x)
        expected, by_walk = value_and_grad(f)(-x)
        assert value == expected
        assert type(value) in (float, np.float64)
        np.testing.assert_array_equal(gradient, by_walk)


def test_numbers_of_another_byte_order_are_refused():
    with pytest.raises(TypeError, match="byte order of another machine; convert it with astype"):
        write_out(np.sum, np.ones(2, np.dtype("f8").newbyteorder()))


def test_a_gradient_that_is_nothing_but_rounding_is_no_difference():
    """The sum of a softmax's gradient is 0, and 1e-17 by either order of its terms."""
    f, arrays = random_program(np.random.default_rng(23580))
    program = write_out(f, *arrays, reuse=True)
    assert_same(program, f, arrays, 256, coarsest=True)


Two = namedtuple("Two", "a b")
LIMIT = inf
least = -inf


def helper(x, top=LIMIT, bottom=least):
    return np.clip(x, bottom, top)


HOLDER = [object()]


def holding(x):
    return x * len(HOLDER)


def test_what_a_saved_module_carries(tmp_path):
    limited = define(helper, lambda y, x: 1)
    x = np.arange(3.0)
    program = write_out(lambda t: np.sum(limited(t.a) * t.b), Two(x, x))
    known: dict = {"__name__": "saved"}
    exec(program.source, known)
    value, gradient = known["program"](Two(x, -x))
    assert value == -5.0
    assert gradient._fields == ("a", "b")
    np.testing.assert_array_equal(gradient.b, x)


def test_what_a_saved_module_cannot_carry():
    known = {"define": define, "np": np, "helper": define(helper, lambda y, x: 1)}

    def matched(x):
        return np.sum(known["helper"](x))

    with pytest.raises(ValueError, match="save: matched means two things in what the program calls"):
        _ = write_out(matched, np.ones(2)).source
    held = define(holding, lambda y, x: len(HOLDER))
    with pytest.raises(ValueError, match="save: HOLDER is a list, which has no text; let it be a number or an array"):
        _ = write_out(lambda x: np.sum(held(x)), np.ones(2)).source


def test_constant_arrays_of_ones_and_zeros_are_written_as_such():
    text = str(write_out(lambda a, b: np.sum(a * np.sin(b)), np.ones(3), 0.5))
    assert "d_a = np.ones(3) * v1" in text
    assert "np.zeros((2, 1), np.float32)" in str(write_out(lambda a, b: a * 2, 1.0, np.ones((2, 1), np.float32)))
    x = np.ones(2)
    program = write_out(lambda x: (np.ones(2), np.array([0.0, -0.0]), x), x, argnums=())
    program(x)[0][:] = 7
    program(x)[1][:] = 7
    np.testing.assert_array_equal(program(x)[0], x)
    assert np.signbit(program(x)[1]).tolist() == [False, True]


def test_what_a_person_would_not_have_written():
    """No power of 0, no constant array for a number, no call of float, no slice spelled out."""

    def rosen(x):
        return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)

    x, v = rng.normal(size=4), rng.normal(size=4)
    product = write_out(lambda x, v: grad(lambda t: np.sum(grad(rosen)(t) * v))(x), x, v, argnums=())
    first = write_out(rosen, x)
    for program in (product, first):
        assert not any(word in str(program) for word in ("** 0", "c1", "slice(", "--"))
    assert "d_v2 = 100.0 * (2.0 * v2)" in str(first)
    np.testing.assert_array_equal(product(-v, x), grad(lambda t: np.sum(grad(rosen)(t) * x))(-v))
    kinks = write_out(lambda a, b: np.maximum(a, b) * relu(a) / np.sign(b) + np.where(a > b, 1.0, 0.0) / b, 2.0, 1.0)
    assert "float(" not in str(kinks)
    with np.errstate(all="ignore"):
        for given in ((1.0, 0.0), (0.0, 0.0), (nan, 1.0), (-inf, -0.0)):
            f = value_and_grad(
                lambda a, b: np.maximum(a, b) * relu(a) / np.sign(b) + np.where(a > b, 1.0, 0.0) / b, (0, 1)
            )
            np.testing.assert_array_equal(flat_leaves(kinks(*given)), flat_leaves(f(*given)))


def test_a_derivative_that_a_power_has_no_longer_is_0_at_0_too():
    def f(x):
        return grad(lambda t: np.sum(t**2 + t**3 + t**1))(x) ** 2

    for dtype in (np.float64, np.float32):
        assert write_out(f, dtype(1.5))(dtype(0.0)) == value_and_grad(f)(dtype(0.0)) == (1.0, 4.0)
    x = np.array([-1.0, 0.0, 4.0])
    found = write_out(lambda x: np.sum(x ** np.array([1, 2, 0.5])), np.ones(3))(x)
    np.testing.assert_array_equal(found[1], value_and_grad(lambda x: np.sum(x ** np.array([1, 2, 0.5])))(x)[1])


def test_layers_named_like_what_a_loop_needs():
    def f(zip, ws):
        for len in ws:
            exp = np.exp(-len * zip)
            zip = exp + 1.0
        return zip

    ws = np.linspace(0.1, 0.9, 12).tolist()
    program = write_out(f, 0.5, ws, roll=True)
    np.testing.assert_allclose(program(0.25, ws)[1][1], value_and_grad(f, (0, 1))(0.25, ws)[1][1], rtol=1e-12)
