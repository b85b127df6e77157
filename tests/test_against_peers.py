"""Random programs, differentiated by this engine, by autograd, and by PyTorch where it is installed.

One program text serves all: it is written against a library of NumPy's functions, and each engine brings its own.
"""

from types import SimpleNamespace

import autograd.numpy as anp
import numpy as np
import pytest
from autograd import grad
from hypothesis import given, settings
from hypothesis import strategies as st

import tinygrad_sig
from tinygrad_sig import Tensor

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
