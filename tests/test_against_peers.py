"""Random programs, differentiated by this engine, by autograd, and by PyTorch and JAX where they are installed.

One program text serves all: it is written against a library of NumPy's functions, and each engine brings its own.
The first half has many shapes, and first derivatives; the second has every row of the tables, and all that one can ask
of them: gradients, second derivatives and both modes, against differences in longdouble as well.
"""

from types import SimpleNamespace

import autograd.numpy as anp
import numpy as np
import pytest
import test_statistics
from autograd import grad
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

import tinygrad_sig
from tinygrad_sig import Tensor, jvp
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
    projected,
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
from tinygrad_sig.calculus.rules import LINEAR, LOCAL

SHAPES = [(), (3,), (1, 3), (3, 1), (3, 3), (2, 3, 3), (2, 1, 3)]
LEAVES = [np.random.default_rng(k).normal(size=shape) for k, shape in enumerate(SHAPES)]
SQUARE = np.random.default_rng(99).normal(size=(3, 3))

# Each keeps shapes that go together: the last two axes have 1 or 3 elements. autograd's own `where` does not undo
# broadcasting, so it is broadcast before.
STEPS = {
    "add": lambda np, a, b: a + b,
    "subtract": lambda np, a, b: 0.5 * a - b,
    "multiply": lambda np, a, b: np.sin(a) * b,
    "divide": lambda np, a, b: a / (2 + np.cos(b)),
    "power": lambda np, a, b: (1.5 + np.sin(a)) ** np.tanh(b),
    "square": lambda np, a, b: np.sin(b) ** 2 - np.cos(a) ** 3,
    "maximum": lambda np, a, b: np.maximum(a, b),
    "minimum": lambda np, a, b: np.minimum(a, np.sin(b)),
    "where": lambda np, a, b: np.where(a > b, np.cos(a) + 0 * b, b + 0 * a),
    "matmul": lambda np, a, b: np.tanh(np.matmul(a + np.square, b - np.square)),
    "vector": lambda np, a, b: np.reshape(np.matmul(np.sin(a + np.square), np.sum(b + np.square, axis=0)), (-1, 3))[:1],
    "exp-log": lambda np, a, b: np.log(1 + np.exp(np.sin(a))) - np.sqrt(1 + b * b),
    "sigmoid": lambda np, a, b: np.sigmoid(3 * a) * b,
    "abs": lambda np, a, b: np.abs(a) * np.tanh(b),
    "sum": lambda np, a, b: np.sin(np.sum(a + np.square, axis=-1, keepdims=True)) * b,
    "mean": lambda np, a, b: np.mean(a + np.square, axis=0) + b,
    "index": lambda np, a, b: (a + np.square)[..., [2, 0, 0], :] * np.cos(b),
    "slice": lambda np, a, b: (a + np.square)[..., ::2, 1:][..., :1, :1] + b,
    "reshape": lambda np, a, b: np.reshape(a + b + np.square, (-1, 3))[:3],
    "swapaxes": lambda np, a, b: np.swapaxes(a + np.square, -1, -2) - b,
}


def run(library, leaves, program):
    """The loss of a program: each step takes two of the values made so far, often the same ones again.

    The sine keeps numbers of the order of 1, so that no program overflows, and all engines round alike.
    """
    values = list(leaves)
    for name, i, j in program:
        values.append(library.sin(STEPS[name](library, values[i % len(values)], values[j % len(values)])))
    return sum(library.sum(value) for value in values[-3:])


def functions(module, **others):
    shared = ("sin", "cos", "tanh", "exp", "log", "sqrt", "abs", "sum", "mean", "maximum", "minimum")
    shared += ("where", "matmul", "reshape", "swapaxes")
    return SimpleNamespace(**{name: getattr(module, name) for name in shared}, **others)


def by_tinygrad_sig(program):
    leaves = [Tensor(leaf) for leaf in LEAVES]
    run(functions(np, sigmoid=tinygrad_sig.sigmoid, square=SQUARE), leaves, program).backward()
    return [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad for leaf in leaves]


def by_autograd(program):
    library = functions(anp, sigmoid=lambda x: 1 / (1 + anp.exp(-x)), square=SQUARE)
    return grad(lambda leaves: run(library, leaves, program))(LEAVES)


def by_pytorch(program):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; autograd checks the same programs")
    leaves = [torch.tensor(leaf, dtype=torch.float64, requires_grad=True) for leaf in LEAVES]
    run(functions(torch, sigmoid=torch.sigmoid, square=torch.tensor(SQUARE)), leaves, program).backward()
    return [np.zeros(leaf.shape) if leaf.grad is None else leaf.grad.numpy() for leaf in leaves]


programs = st.lists(
    st.tuples(st.sampled_from(list(STEPS)), st.integers(0, 12), st.integers(0, 12)), min_size=1, max_size=8
)


def assert_agree(ours, theirs):
    """To 1e-12 of the largest: a gradient that is the difference of large numbers is known no better than these."""
    scale = max(np.max(np.abs(gradient)) for gradient in theirs)
    for mine, other in zip(ours, theirs, strict=True):
        assert mine.shape == other.shape
        np.testing.assert_allclose(mine, other, rtol=1e-12, atol=1e-12 * scale)


@pytest.mark.parametrize("name", STEPS)
@pytest.mark.parametrize("peer", [by_autograd, by_pytorch])
def test_every_step_on_every_pair_of_shapes(name, peer):
    for i in range(len(LEAVES)):
        program = [(name, i, j) for j in range(len(LEAVES))]
        assert_agree(by_tinygrad_sig(program), peer(program))


@pytest.mark.parametrize("peer", [by_autograd, by_pytorch])
@settings(max_examples=150)
@given(program=programs)
def test_random_programs(peer, program):
    assert_agree(by_tinygrad_sig(program), peer(program))


@pytest.mark.parametrize("peer", [by_autograd, by_pytorch])
def test_a_program_of_two_hundred_steps(peer):
    rng = np.random.default_rng(200)
    names = list(STEPS)
    program = [
        (names[rng.integers(len(names))], *(int(k) for k in len(LEAVES) + t - rng.integers(1, 8, 2)))
        for t in range(200)
    ]
    assert_agree(by_tinygrad_sig(program), peer(program))


# Every row, fed with what its domain allows: a and b are numbers up to about 3, s(a) is one between −1 and 1.
def s(np, a):
    return np.sin(a)


def square(np, a):
    """Any value as a matrix of three rows and columns."""
    return a + np.zeros((3, 3))


ELEMENTWISE = {
    "negative": lambda np, a, b: np.negative(a),
    "positive": lambda np, a, b: np.positive(a) * b,
    "absolute": lambda np, a, b: np.absolute(a) * b,
    "fabs": lambda np, a, b: np.fabs(a - 0.1),
    "deg2rad": lambda np, a, b: np.deg2rad(50 * a),
    "rad2deg": lambda np, a, b: np.rad2deg(0.02 * a) * b,
    "square": lambda np, a, b: np.square(a),
    "reciprocal": lambda np, a, b: np.reciprocal(1.5 + s(np, a)),
    "sqrt": lambda np, a, b: np.sqrt(1.5 + s(np, a)),
    "cbrt": lambda np, a, b: np.cbrt(1.5 + s(np, a)),
    "exp": lambda np, a, b: np.exp(-a),
    "exp2": lambda np, a, b: np.exp2(a),
    "expm1": lambda np, a, b: np.expm1(s(np, a)),
    "log": lambda np, a, b: np.log(1.5 + s(np, a)),
    "log2": lambda np, a, b: np.log2(1.5 + s(np, a)),
    "log10": lambda np, a, b: np.log10(1.5 + s(np, a)),
    "log1p": lambda np, a, b: np.log1p(0.9 * s(np, a)),
    "sin": lambda np, a, b: np.sin(a * b),
    "cos": lambda np, a, b: np.cos(a),
    "tan": lambda np, a, b: np.tan(s(np, a)),
    "arcsin": lambda np, a, b: np.arcsin(0.9 * s(np, a)),
    "arccos": lambda np, a, b: np.arccos(0.9 * s(np, a)),
    "arctan": lambda np, a, b: np.arctan(a),
    "sinh": lambda np, a, b: np.sinh(s(np, a)),
    "cosh": lambda np, a, b: np.cosh(s(np, a)),
    "tanh": lambda np, a, b: np.tanh(a * b),
    "arcsinh": lambda np, a, b: np.arcsinh(a),
    "arccosh": lambda np, a, b: np.arccosh(2.5 + s(np, a)),
    "arctanh": lambda np, a, b: np.arctanh(0.9 * s(np, a)),
    "sigmoid": lambda np, a, b: np.sigmoid(3 * a),
    "logit": lambda np, a, b: np.logit(0.5 + 0.4 * s(np, a)),
    "relu": lambda np, a, b: np.relu(a) * b,
    "softplus": lambda np, a, b: np.softplus(3 * a),
    "log_sigmoid": lambda np, a, b: np.log_sigmoid(2 * a),
    "leaky_relu": lambda np, a, b: np.leaky_relu(a),
    "elu": lambda np, a, b: np.elu(a - 0.2),
    "gelu": lambda np, a, b: np.gelu(2 * a),
    "silu": lambda np, a, b: np.silu(2 * a),
    "add": lambda np, a, b: np.add(a, b),
    "subtract": lambda np, a, b: np.subtract(a, 0.5 * b),
    "multiply": lambda np, a, b: np.multiply(a, s(np, b)),
    "divide": lambda np, a, b: np.divide(a, 1.5 + s(np, b)),
    "remainder": lambda np, a, b: np.remainder(2.2 + 0.1 * s(np, a), 1.5 + 0.1 * s(np, b)),
    "power": lambda np, a, b: np.power(1.5 + s(np, a), s(np, b)) + s(np, b) ** 3,
    "float_power": lambda np, a, b: np.float_power(1.5 + s(np, a), s(np, b)),
    "maximum": lambda np, a, b: np.maximum(a, 0.9 * b),
    "minimum": lambda np, a, b: np.minimum(s(np, a), 0.9 * b),
    "fmax": lambda np, a, b: np.fmax(a, b * b),
    "fmin": lambda np, a, b: np.fmin(a, b * b),
    "hypot": lambda np, a, b: np.hypot(a, 1.5 + s(np, b)),
    "arctan2": lambda np, a, b: np.arctan2(a, 1.5 + s(np, b)),
    "logaddexp": lambda np, a, b: np.logaddexp(2 * a, b),
    "logaddexp2": lambda np, a, b: np.logaddexp2(2 * a, b),
    "where": lambda np, a, b: np.where(a > b, s(np, a) + 0 * b, a * b),
    "clip": lambda np, a, b: np.clip(a, -0.7, 0.8) * b,
}
SHAPED = {
    "sum": lambda np, a, b: np.sum(square(np, a), axis=0) * b,
    "mean": lambda np, a, b: np.mean(square(np, a), axis=-1, keepdims=True) * b,
    "max": lambda np, a, b: np.max(square(np, a) * np.constant, axis=0) * b,
    "min": lambda np, a, b: np.min(square(np, a) + np.constant) * b,
    "prod": lambda np, a, b: np.prod(square(np, a) + b, axis=1),
    "cumsum": lambda np, a, b: np.cumsum(square(np, a) * b, axis=0),
    "var": lambda np, a, b: np.var(a + np.constant, axis=0) * b,
    "std": lambda np, a, b: np.std(s(np, a) + 3 * np.constant, axis=1) * b,
    "norm": lambda np, a, b: np.linalg.norm(square(np, a) + np.constant) * b,
    "reshape": lambda np, a, b: np.reshape(square(np, a) * b, (9,))[2:5],
    "ravel": lambda np, a, b: np.ravel(square(np, a) + b)[::4],
    "transpose": lambda np, a, b: np.transpose(square(np, a)) * b,
    "swapaxes": lambda np, a, b: np.swapaxes(square(np, a), 0, 1) - b,
    "moveaxis": lambda np, a, b: np.moveaxis(square(np, a), 0, -1) * b,
    "flip": lambda np, a, b: np.flip(square(np, a), 0) * b,
    "expand_dims": lambda np, a, b: np.sum(np.expand_dims(square(np, a), 0) * b, axis=(0, 1)),
    "squeeze": lambda np, a, b: np.squeeze((square(np, a) * b)[:1], 0),
    "broadcast_to": lambda np, a, b: np.sum(np.broadcast_to(square(np, a), (2, 3, 3)) * b, axis=0),
    "concatenate": lambda np, a, b: np.concatenate([square(np, a), square(np, b)], axis=0)[1:4],
    "stack": lambda np, a, b: np.sum(np.stack([square(np, a), square(np, b) * 2], axis=1), axis=1),
    "index": lambda np, a, b: square(np, a)[np.array([0, 2, 0])] * b,
    "slice": lambda np, a, b: square(np, a)[::2, 1:][:1, :1] + b,
    "take": lambda np, a, b: np.take(square(np, a), np.array([2, 0, 2]), axis=1) * b,
    "diagonal": lambda np, a, b: np.diagonal(square(np, a) * b),
    "diag": lambda np, a, b: np.diag(np.diagonal(square(np, a))) + b,
    "trace": lambda np, a, b: np.trace(square(np, a) * b),
    "tril": lambda np, a, b: np.tril(square(np, a)) * b,
    "triu": lambda np, a, b: np.triu(square(np, a), 1) * b,
    "matmul": lambda np, a, b: np.matmul(square(np, a), square(np, b)),
    "dot": lambda np, a, b: np.dot(square(np, a), square(np, b)[0]),
    "inner": lambda np, a, b: np.inner(square(np, a), square(np, b)),
    "outer": lambda np, a, b: np.outer(square(np, a)[0], square(np, b)[:, 1]),
    "tensordot": lambda np, a, b: np.tensordot(square(np, a), square(np, b), axes=([0], [1])),
    "einsum": lambda np, a, b: np.einsum("ij,jk,ik->ik", square(np, a), square(np, b), square(np, a)),
    "logsumexp": lambda np, a, b: np.logsumexp(square(np, a) * b, axis=1),
    "softmax": lambda np, a, b: np.softmax(square(np, a) * 2, axis=0) * b,
    "log_softmax": lambda np, a, b: np.log_softmax(square(np, a), axis=-1) * b,
}
ROWS = ELEMENTWISE | SHAPED
POINTS = [
    np.random.default_rng(40 + k).normal(size=shape) for k, shape in enumerate([(), (3,), (3, 1), (1, 3), (3, 3)])
]
ALONG = [np.random.default_rng(50 + k).normal(size=point.shape) for k, point in enumerate(POINTS)]
CONSTANT = np.random.default_rng(60).normal(size=(3, 3))

# What the peers have not, written out; of those that are LACKING autograd or PyTorch has the name, but no derivative.
FORMULAS = {
    "sigmoid": lambda np: lambda x: 1 / (1 + np.exp(-x)),
    "logit": lambda np: lambda x: np.log(x / (1 - x)),
    "relu": lambda np: lambda x: np.where(x > 0, x, 0 * x),
    "softplus": lambda np: lambda x: np.log(1 + np.exp(x)),
    "log_sigmoid": lambda np: lambda x: -np.log(1 + np.exp(-x)),
    "leaky_relu": lambda np: lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda np: lambda x: np.where(x > 0, x, np.exp(x) - 1),
    "gelu": lambda np: lambda x: 0.5 * x * (1 + np.tanh(0.7978845608028654 * (x + 0.044715 * x * x * x))),
    "silu": lambda np: lambda x: x / (1 + np.exp(-x)),
    "logsumexp": lambda np: lambda x, axis: np.log(np.sum(np.exp(x), axis=axis)),
    "softmax": lambda np: lambda x, axis: np.exp(x) / np.sum(np.exp(x), axis=axis, keepdims=True),
    "log_softmax": lambda np: lambda x, axis: x - np.log(np.sum(np.exp(x), axis=axis, keepdims=True)),
    "cbrt": lambda np: lambda x: x ** (1 / 3),
    "hypot": lambda np: lambda a, b: np.sqrt(a * a + b * b),
    "float_power": lambda np: lambda a, b: a**b,
    "square": lambda np: lambda x: x * x,
    "fabs": lambda np: lambda x: np.abs(x),
    "take": lambda np: lambda x, indices, axis: x[:, indices],
    "power": lambda np: lambda a, b: a**b,
    "positive": lambda np: lambda x: 1 * x,
    "flip": lambda np: lambda x, axis: x[::-1],
    "broadcast_to": lambda np: lambda x, shape: x + np.zeros(shape),
    "diagonal": lambda np: lambda x: x[[0, 1, 2], [0, 1, 2]],
    "diag": lambda np: lambda x: np.reshape(x, (3, 1)) * np.eye(3),
}
LACKING = ("cbrt", "hypot", "float_power", "fabs", "take", "positive", "flip", "broadcast_to", "diagonal", "diag")


class Library:
    """A module with NumPy's names; what it has not, or is LACKING, are formulas."""

    def __init__(self, module, constant, lacking=()):
        self.module, self.constant, self.lacking = module, constant, lacking

    def __getattr__(self, name):
        written_out = name in FORMULAS and (name in self.lacking or not hasattr(self.module, name))
        return FORMULAS[name](self.module) if written_out else getattr(self.module, name)


class Ours(Library):
    def __getattr__(self, name):
        return getattr(np if hasattr(np, name) else tinygrad_sig, name)


OURS = Ours(np, CONSTANT)


def number(library, leaves, program):
    """The value of a program over the rows: a weighted sum of the last three of its values, each kept small."""
    values = list(leaves)
    for name, i, j in program:
        values.append(library.sin(ROWS[name](library, values[i % len(values)], values[j % len(values)])))
    return sum(weight * library.sum(value) for weight, value in zip((1.0, 0.7, -0.4), values[::-1], strict=False))


def inner_product(ours, theirs):
    return sum(np.sum(np.asarray(a) * np.asarray(b)) for a, b in zip(ours, theirs, strict=True))


def differences(program):
    """(the first, the second) derivative of the program along ALONG, by differences of plain numbers in longdouble."""
    return differences_by(program, np.longdouble(2e-4))


def reaches_a_kink(program):
    """Whether a step of a difference goes over a kink: then steps of two sizes disagree, and there is no derivative."""
    found = [differences_by(program, np.longdouble(h)) for h in (1e-4, 2e-4)]
    return not np.allclose(*np.array(found, float), rtol=1e-6, atol=1e-6)


def differences_by(program, h):
    """The same, by steps of size h."""

    def at(step):
        leaves = [x.astype(np.longdouble) + step * v for x, v in zip(POINTS, ALONG, strict=True)]
        return number(OURS, leaves, program)

    (a, b, c), (d, e, f) = (at(h), at(2 * h), at(3 * h)), (at(-h), at(-2 * h), at(-3 * h))
    first = (45 * (a - d) - 9 * (b - e) + (c - f)) / (60 * h)
    return first, (270 * (a + d) - 27 * (b + e) + 2 * (c + f) - 490 * at(0 * h)) / (180 * h * h)


def by_all_modes(program):
    """The gradient, vᵀ∇ by both modes, and vᵀHv by every order of the two, all by this engine."""

    def value(*leaves):
        return number(OURS, leaves, program)

    def slope(*leaves):
        gradients = tinygrad_sig.grad(value, everywhere)(*leaves)
        return sum((g * v).sum() for g, v in zip(gradients, ALONG, strict=True))

    everywhere = tuple(range(len(POINTS)))
    gradients = tinygrad_sig.grad(value, everywhere)(*POINTS)
    first = [inner_product(gradients, ALONG), jvp(value, POINTS, ALONG)[1]]
    reverse = tinygrad_sig.grad(slope, everywhere)(*POINTS)
    forward = jvp(lambda *leaves: jvp(value, leaves, ALONG)[1], POINTS, ALONG)[1]
    return gradients, first, reverse, [inner_product(reverse, ALONG), jvp(slope, POINTS, ALONG)[1], forward]


def assert_all_modes_agree_with_differences(program):
    gradients, first, second_gradients, second = by_all_modes(program)
    by_difference = differences(program)
    for found, expected, parts in zip((first, second), by_difference, (gradients, second_gradients), strict=True):
        scale = sum(np.sum(np.abs(part * v)) for part, v in zip(parts, ALONG, strict=True)) + abs(expected)
        np.testing.assert_allclose(found, found[0], rtol=1e-9, atol=1e-10 * float(scale) + 1e-13)
        np.testing.assert_allclose(found, [float(expected)] * len(found), rtol=1e-6, atol=1e-6 * float(scale) + 1e-9)


def second_by_autograd(program):
    library = Library(anp, CONSTANT, LACKING)

    def slope(leaves):
        gradients = grad(lambda x: number(library, x, program))(leaves)
        return sum(anp.sum(g * v) for g, v in zip(gradients, ALONG, strict=True))

    return grad(lambda x: number(library, x, program))(POINTS), grad(slope)(POINTS)


def second_by_jax(program):
    jax = pytest.importorskip("jax", reason="JAX is not installed; autograd checks the same programs")
    with jax.enable_x64(True):
        library = Library(jax.numpy, CONSTANT)
        points, along = ([jax.numpy.asarray(x) for x in values] for values in (POINTS, ALONG))
        gradients = jax.grad(lambda x: number(library, x, program))
        quickly_compiled = {"xla_backend_optimization_level": 0}
        return jax.jit(lambda x: jax.jvp(gradients, (x,), (along,)), compiler_options=quickly_compiled)(points)


def second_by_pytorch(program):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed; autograd checks the same programs")
    library = Library(torch, torch.tensor(CONSTANT), LACKING)
    points = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in POINTS]
    gradients = torch.autograd.grad(number(library, points, program), points, create_graph=True, materialize_grads=True)
    slope = sum((g * torch.tensor(v)).sum() for g, v in zip(gradients, ALONG, strict=True))
    if not slope.requires_grad:  # Nothing in it depends on the points.
        return [g.numpy() for g in gradients], [np.zeros(x.shape) for x in POINTS]
    second = torch.autograd.grad(slope, points, materialize_grads=True)
    return [g.detach().numpy() for g in gradients], [g.numpy() for g in second]


def assert_agree_with_peer(peer, program):
    gradients, _, second, _ = by_all_modes(program)
    for ours, theirs in zip((gradients, second), peer(program), strict=True):
        theirs = [np.asarray(g) for g in theirs]
        scale = max(np.max(np.abs(g)) for g in (*ours, *theirs))
        for mine, other in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(mine, other, rtol=1e-9, atol=1e-9 * scale + 1e-13)


INNER = {cosine, monomial, parabola, projected, share, sigmoid_prime, within}  # of use to the rules only


def test_every_row_is_a_step():
    """But for those that only the rules use, and for rows that other tests define."""
    inner = {scatter, cast, concatenate, stack, contract, euclidean, sech, getitem, p_norm, log_det, cross, *INNER}
    inner |= {
        np.linalg.inv,
        np.linalg.solve,
        np.linalg.det,
        np.moveaxis,
        np.roll,
        np.rot90,
        np.tril,
        np.triu,
        np.diagonal,
    }
    inner |= {sinc_derivative, recurrence, rearranged, *(getattr(np, name) for name in test_statistics.CALLS)}
    known = ("numpy", "numpy.linalg", "tinygrad_sig.calculus.functions")
    rows = {*LOCAL, *LINEAR} - inner
    assert {f.__name__ for f in rows if getattr(f, "__module__", "numpy") in known} <= ROWS.keys()


def on_many_shapes(name):
    return [(name, i, j) for i, j in ((0, 4), (4, 1), (2, 3), (1, 0), (4, 4), (5, 6))]


@pytest.mark.parametrize("name", ROWS)
def test_every_row_in_every_mode_and_order(name):
    for program in ([step] for step in on_many_shapes(name)):
        assert_all_modes_agree_with_differences(program)


@pytest.mark.parametrize("name", ROWS)
def test_every_row_against_autograd(name):
    assert_agree_with_peer(second_by_autograd, on_many_shapes(name)[:3])


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_every_elementwise_row_against_pytorch(name):
    assert_agree_with_peer(second_by_pytorch, on_many_shapes(name)[:3])


def over(rows):
    step = st.tuples(st.sampled_from(list(rows)), st.integers(0, 12), st.integers(0, 12))
    return st.lists(step, min_size=2, max_size=7)


@settings(max_examples=100)
@given(program=over(ROWS))
@example(program=[("logaddexp2", 1, 0), ("negative", 0, 0), ("clip", 12, 0)])
def test_random_programs_over_all_rows_in_every_mode_and_order(program):
    assume(not reaches_a_kink(program))
    assert_all_modes_agree_with_differences(program)


@pytest.mark.parametrize(("peer", "rows"), [(second_by_autograd, ROWS), (second_by_pytorch, ELEMENTWISE)])
@settings(max_examples=40)
@given(data=st.data())
def test_random_programs_over_all_rows_against_peers(peer, rows, data):
    assert_agree_with_peer(peer, data.draw(over(rows)))


@pytest.mark.parametrize("start", range(2))
def test_the_other_rows_in_two_programs_against_jax(start):
    """It compiles a program before it runs, which takes seconds: so these are few and long."""
    program = [(name, 5 * k, k + 4) for k, name in enumerate(list(SHAPED)[start::2])]
    assert_agree_with_peer(second_by_jax, program)
