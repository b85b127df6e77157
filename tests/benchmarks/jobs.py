"""The jobs that are measured: what an engine is asked to do, and the way to ask each of them.

A job is a row of setups, one for each engine. A setup imports the engine, makes what is made once, and returns the run
that is timed. A run returns its numbers, so that they can be compared with those written by hand before anybody is
timed; what it built is let go within it. Engines that are spoken to alike share a program; ours is spelled as in the
README.
"""

import math
import sys
from collections.abc import Callable
from functools import partial
from itertools import chain, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

# What is measured is the engine that these benchmarks stand beside, installed or not.
sys.path.insert(0, str(Path(__file__).parents[2]))

Run = Callable[[], list[Any]]

OURS, HAND, WRITTEN, REUSE = "tinygrad_sig", "NumPy by hand", "written out", "written out, reuse"
PACKAGES = {"micrograd": "micrograd", "autograd": "autograd", "MyGrad": "mygrad", "PyTorch": "torch", "JAX, jit": "jax"}
PACKAGES |= {"CasADi": "casadi", "PyTensor": "pytensor", "tangent": "tangent", "written out, numba": "numba"}

FIVE = (1.0, 0.5, -0.9, 0.8, -0.6, 0.7)  # x, w1 … w5
LAYERS = 100_000
LONG = (0.5, 2.0, -1.0)  # x, and every layer's w and b

rng = np.random.default_rng(0)
SIZES = (64, 30, 30, 30, 30, 10)
WEIGHTS = [rng.normal(size=(m, n)) / np.sqrt(m) for m, n in pairwise(SIZES)]
BIASES = [rng.normal(size=n) for n in SIZES[1:]]
X, Y = rng.normal(size=(64, SIZES[0])), rng.random((64, SIZES[-1]))


class Engine(NamedTuple):
    """How an engine with `backward()` and `grad` is spoken to."""

    leaf: Callable[[Any], Any]
    sigmoid: Callable[[Any], Any]
    constant: Callable[[Any], Any] = NotImplemented
    zero_grad: Callable[[Any], Any] = NotImplemented


def tinygrad_sig() -> Engine:
    from tinygrad_sig import Tensor, sigmoid

    return Engine(Tensor, sigmoid)


def micrograd() -> Engine:
    """micrograd has no sigmoid; this is one as its author would write it."""
    from micrograd.engine import Value

    def sigmoid(self: Any) -> Any:
        out = Value(1 / (1 + math.exp(-self.data)), (self,), "sigmoid")

        def _backward() -> None:
            self.grad += out.data * (1 - out.data) * out.grad

        out._backward = _backward

        return out

    return Engine(Value, sigmoid)


def mygrad() -> Engine:
    import mygrad
    from mygrad.nnet.activations import sigmoid

    return Engine(mygrad.tensor, sigmoid, partial(mygrad.tensor, constant=True), mygrad.Tensor.null_grad)


def pytorch() -> Engine:
    import torch

    torch.set_num_threads(1)
    constant = partial(torch.tensor, dtype=torch.float64)
    return Engine(
        partial(constant, requires_grad=True), torch.sigmoid, constant, lambda leaf: setattr(leaf, "grad", None)
    )


def five(engine: Engine) -> Run:
    """All six gradients of y = σ(w5·σ(w4·…σ(w1·x))), from Python numbers on."""
    leaf, sigmoid, *_ = engine

    def run() -> list[Any]:
        leaves = [leaf(value) for value in FIVE]
        a = leaves[0]
        for w in leaves[1:]:
            a = sigmoid(w * a)
        a.backward()
        return [leaf.grad for leaf in leaves]

    return run


def five_autograd() -> Run:
    import autograd.numpy as anp
    from autograd import grad

    def chain(a: Any, *weights: Any) -> Any:
        for w in weights:
            a = 1 / (1 + anp.exp(-(w * a)))
        return a

    gradients = grad(chain, argnum=tuple(range(len(FIVE))))
    return lambda: list(gradients(*FIVE))


def five_by_hand() -> Run:
    def run() -> list[Any]:
        x, *weights = map(np.float64, FIVE)
        activations = [x]
        for w in weights:
            activations.append(1 / (1 + np.exp(-(w * activations[-1]))))
        g, gradients = np.float64(1.0), []
        while weights:
            a, w = activations.pop(), weights.pop()
            g = g * (a * (1 - a))
            gradients.append(g * activations[-1])
            g = g * w
        return [g, *reversed(gradients)]

    return run


def five_by_math() -> Run:
    """The same on floats, unrolled: what a person would write who wants it fast."""

    def run() -> list[Any]:
        x, w1, w2, w3, w4, w5 = FIVE
        exp = math.exp
        a1 = 1 / (1 + exp(-(w1 * x)))
        a2 = 1 / (1 + exp(-(w2 * a1)))
        a3 = 1 / (1 + exp(-(w3 * a2)))
        a4 = 1 / (1 + exp(-(w4 * a3)))
        a5 = 1 / (1 + exp(-(w5 * a4)))
        g5 = a5 * (1 - a5)
        g4 = g5 * w5 * (a4 * (1 - a4))
        g3 = g4 * w4 * (a3 * (1 - a3))
        g2 = g3 * w3 * (a2 * (1 - a2))
        g1 = g2 * w2 * (a1 * (1 - a1))
        return [g1 * w1, g1 * x, g2 * a1, g3 * a2, g4 * a3, g5 * a4]

    return run


def chain_of_five(x: Any, w1: Any, w2: Any, w3: Any, w4: Any, w5: Any) -> Any:
    """As a user writes it for tinygrad_sig."""
    from tinygrad_sig import sigmoid

    a = x
    for w in (w1, w2, w3, w4, w5):
        a = sigmoid(w * a)
    return a


def five_written_out() -> Run:
    from tinygrad_sig import write_out

    program = write_out(chain_of_five, *FIVE)
    return lambda: list(program(*FIVE)[1])


def five_written_out_numba() -> Run:
    import numba

    from tinygrad_sig import write_out

    program = numba.njit(write_out(chain_of_five, *FIVE).__wrapped__)
    return lambda: list(program(*FIVE)[1])


def plain_five(exp: Callable[[Any], Any], x: Any, *weights: Any) -> Any:
    for w in weights:
        x = 1 / (1 + exp(-(w * x)))
    return x


def five_jax() -> Run:
    import jax

    jax.config.update("jax_enable_x64", True)
    gradients = jax.jit(jax.grad(partial(plain_five, jax.numpy.exp), argnums=tuple(range(6))))
    return lambda: list(jax.block_until_ready(gradients(*FIVE)))


def five_casadi() -> Run:
    import casadi

    x = casadi.SX.sym("x", 6)
    y = plain_five(casadi.exp, *casadi.vertsplit(x))
    gradients = casadi.Function("gradients", casadi.vertsplit(x), casadi.vertsplit(casadi.gradient(y, x)))
    return lambda: [float(g) for g in gradients(*FIVE)]


def five_pytensor() -> Run:
    import pytensor

    x = [pytensor.tensor.dscalar() for _ in FIVE]
    y = plain_five(pytensor.tensor.exp, *x)
    gradients = pytensor.function(x, pytensor.grad(y, x))
    gradients.trust_input = True
    given = [np.asarray(value) for value in FIVE]
    return lambda: gradients(*given)


def tangent_five(x, w1, w2, w3, w4, w5):  # type: ignore[no-untyped-def]
    """tangent reads the source, in which it knows no loop over arguments and no annotation."""
    a1 = 1.0 / (1.0 + np.exp(-(w1 * x)))
    a2 = 1.0 / (1.0 + np.exp(-(w2 * a1)))
    a3 = 1.0 / (1.0 + np.exp(-(w3 * a2)))
    a4 = 1.0 / (1.0 + np.exp(-(w4 * a3)))
    a5 = 1.0 / (1.0 + np.exp(-(w5 * a4)))
    return a5


def five_tangent() -> Run:
    import tangent

    gradients = tangent.grad(tangent_five, wrt=tuple(range(6)))
    return lambda: list(gradients(*FIVE))


def grow(engine: Engine, layers: int = LAYERS) -> tuple[Any, list[Any]]:
    """A chain a = σ(w·a + b) in which every layer has leaves of its own: its end, and the leaves."""
    x, w, b = LONG
    leaves = [a := engine.leaf(x)]
    for _ in range(layers):
        leaves += engine.leaf(w), engine.leaf(b)
        a = engine.sigmoid(leaves[-2] * a + leaves[-1])
    return a, leaves


def long(engine: Engine) -> Run:
    """All 200,001 gradients of the chain of 100,000.

    micrograd cannot run it: its sort recurses, and at Python's ordinary limit of 1,000 frames fails beyond 332 layers.
    """

    def run() -> list[Any]:
        y, leaves = grow(engine)
        y.backward()
        return [leaf.grad for leaf in leaves]

    return run


def long_by_hand() -> Run:
    def run() -> list[Any]:
        x, *layer = map(np.float64, LONG)
        parameters, activations = [tuple(layer)] * LAYERS, [x]
        for w, b in parameters:
            activations.append(1 / (1 + np.exp(-(w * activations[-1] + b))))
        g, gradients = np.float64(1.0), []
        for w, _ in reversed(parameters):
            a = activations.pop()
            g = g * (a * (1 - a))
            gradients += g, g * activations[-1]
            g = g * w
        return [g, *reversed(gradients)]

    return run


def step(engine: Engine) -> Run:
    """The loss and all ten gradients of a training step of a 64-30-30-30-30-10 sigmoid network on a batch of 64."""
    weights, biases = [engine.leaf(w) for w in WEIGHTS], [engine.leaf(b) for b in BIASES]
    inputs, targets = engine.constant(X), engine.constant(Y)

    def run() -> list[Any]:
        for parameter in weights + biases:
            engine.zero_grad(parameter)
        a = inputs
        for w, b in zip(weights, biases, strict=True):
            a = engine.sigmoid(a @ w + b)
        loss = ((a - targets) ** 2).mean()
        loss.backward()
        return [loss.item(), *(parameter.grad for parameter in weights + biases)]

    return run


def step_tinygrad_sig() -> Run:
    """The same through `nn`, as a user writes it."""
    from tinygrad_sig import sigmoid
    from tinygrad_sig.nn import MLP, mse

    net = MLP(SIZES, rng, activation=sigmoid, last=sigmoid)
    parameters = list(net)
    for parameter, value in zip(parameters, chain(*zip(WEIGHTS, BIASES, strict=True)), strict=True):
        parameter.data = value

    def run() -> list[Any]:
        for parameter in parameters:
            parameter.zero_grad()
        loss = mse(net(X), Y)
        loss.backward()
        return [loss.item(), *(parameter.grad for parameter in parameters[::2] + parameters[1::2])]

    return run


def step_autograd() -> Run:
    import autograd.numpy as anp
    from autograd import value_and_grad

    def loss(weights: list[Any], biases: list[Any]) -> Any:
        a = X
        for w, b in zip(weights, biases, strict=True):
            a = 1 / (1 + anp.exp(-(a @ w + b)))
        return anp.mean((a - Y) ** 2)

    gradients = value_and_grad(loss, argnum=(0, 1))

    def run() -> list[Any]:
        value, (weights, biases) = gradients(WEIGHTS, BIASES)
        return [value, *weights, *biases]

    return run


def network(weights: list[Any], biases: list[Any], inputs: Any, targets: Any) -> Any:
    """As a user writes it for tinygrad_sig."""
    from tinygrad_sig import sigmoid

    a = inputs
    for w, b in zip(weights, biases, strict=True):
        a = sigmoid(a @ w + b)
    return np.mean((a - targets) ** 2)


def step_written_out(reuse: bool = False) -> Run:
    from tinygrad_sig import write_out

    program = write_out(network, WEIGHTS, BIASES, X, Y, argnums=(0, 1), reuse=reuse)

    def run() -> list[Any]:
        value, (weights, biases) = program(WEIGHTS, BIASES, X, Y)
        return [value, *weights, *biases]

    return run


def step_jax() -> Run:
    import jax

    jax.config.update("jax_enable_x64", True)

    def loss(parameters: Any, inputs: Any, targets: Any) -> Any:
        a = inputs
        for w, b in zip(*parameters, strict=True):
            a = jax.nn.sigmoid(a @ w + b)
        return jax.numpy.mean((a - targets) ** 2)

    gradients = jax.jit(jax.value_and_grad(loss))
    parameters, inputs, targets = jax.tree.map(jax.numpy.asarray, ((WEIGHTS, BIASES), X, Y))

    def run() -> list[Any]:
        value, (weights, biases) = jax.block_until_ready(gradients(parameters, inputs, targets))
        return [value, *weights, *biases]

    return run


def step_by_hand() -> Run:
    def run() -> list[Any]:
        activations = [X]
        for w, b in zip(WEIGHTS, BIASES, strict=True):
            activations.append(1 / (1 + np.exp(-(activations[-1] @ w + b))))
        d = activations[-1] - Y
        loss = (d * d).mean()
        g, weights, biases = d * (2 / d.size), [], []
        for w in reversed(WEIGHTS):
            a = activations.pop()
            g = g * (a * (1 - a))
            weights.append(activations[-1].T @ g)
            biases.append(g.sum(axis=0))
            if len(activations) > 1:
                g = g @ w.T
        return [loss, *reversed(weights), *reversed(biases)]

    return run


def long_chain(x: Any, weights: Any, biases: Any) -> Any:
    """As a user writes it for tinygrad_sig."""
    from tinygrad_sig import sigmoid

    a = x
    for w, b in zip(weights, biases, strict=True):
        a = sigmoid(w * a + b)
    return a


def long_written_out() -> Run:
    from tinygrad_sig import write_out

    x, *layer = LONG
    weights, biases = ([value] * LAYERS for value in layer)
    program = write_out(long_chain, x, weights, biases, roll=True)

    def run() -> list[Any]:
        _, (g, *found) = program(x, weights, biases)
        return [g, *chain.from_iterable(zip(*found, strict=True))]

    return run


def long_by_math() -> Run:
    """The same by hand, as a loop over floats."""

    def run() -> list[Any]:
        x, w, b = LONG
        activations, exp, a = [x], math.exp, x
        parameters = [(w, b)] * LAYERS
        for w, b in parameters:
            a = 1 / (1 + exp(-(w * a + b)))
            activations.append(a)
        g, gradients = 1.0, []
        for w, _ in reversed(parameters):
            a = activations.pop()
            g *= a * (1 - a)
            gradients += g, g * activations[-1]
            g *= w
        return [g, *reversed(gradients)]

    return run


def shared(program: Callable[[Engine], Run], *names: str) -> dict[str, Callable[[], Run]]:
    """The setups of engines that share a program."""
    return {name: lambda name=name: program(ENGINES[name]()) for name in names}


ENGINES = {OURS: tinygrad_sig, "micrograd": micrograd, "MyGrad": mygrad, "PyTorch": pytorch}

JOBS: dict[str, dict[str, Callable[[], Run]]] = {
    "chain of five": {
        **shared(five, OURS, "micrograd", "MyGrad", "PyTorch"),
        "autograd": five_autograd,
        HAND: five_by_hand,
        "math by hand": five_by_math,
        WRITTEN: five_written_out,
        "written out, numba": five_written_out_numba,
        "JAX, jit": five_jax,
        "CasADi": five_casadi,
        "PyTensor": five_pytensor,
        "tangent": five_tangent,
    },
    "chain of 100,000": {
        **shared(long, OURS, "PyTorch"),
        HAND: long_by_hand,
        "math by hand": long_by_math,
        "written out, rolled": long_written_out,
    },
    "training step": {
        OURS: step_tinygrad_sig,
        **shared(step, "MyGrad", "PyTorch"),
        "autograd": step_autograd,
        HAND: step_by_hand,
        WRITTEN: step_written_out,
        REUSE: partial(step_written_out, reuse=True),
        "JAX, jit": step_jax,
    },
}
# A job of many layers is told in time and bytes a layer; bytes are measured for the engines named here.
PER_LAYER = {"chain of 100,000": LAYERS}
MEASURED = {"chain of 100,000": (OURS, "PyTorch")}


def check(job: str, run: Run) -> None:
    """Demand that a run finds what the one by hand finds; below the smallest normal float there are no ten digits."""
    found, expected = (np.concatenate([np.ravel(value) for value in r()]) for r in (run, JOBS[job][HAND]()))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=np.finfo(float).tiny)
