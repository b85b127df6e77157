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
PACKAGES |= {
    "PyTorch, compiled": "torch",
    "CasADi": "casadi",
    "PyTensor": "pytensor",
    "PyTensor, C": "pytensor",
    "tangent": "tangent",
    "written out, numba": "numba",
}

FIVE = (1.0, 0.5, -0.9, 0.8, -0.6, 0.7)  # x, w1 … w5
LAYERS = 100_000
LONG = (0.5, 2.0, -1.0)  # x, and every layer's w and b

rng = np.random.default_rng(0)


class Network(NamedTuple):
    """A sigmoid network of these sizes, and a batch of inputs and targets for it."""

    sizes: tuple[int, ...]
    weights: list[Any]
    biases: list[Any]
    x: Any
    y: Any


def network(batch: int, *sizes: int) -> Network:
    weights = [rng.normal(size=(m, n)) / np.sqrt(m) for m, n in pairwise(sizes)]
    biases = [rng.normal(size=n) for n in sizes[1:]]
    return Network(sizes, weights, biases, rng.normal(size=(batch, sizes[0])), rng.random((batch, sizes[-1])))


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


def five_pytensor(linker: str | None = None) -> Run:
    import pytensor
    from pytensor.compile.mode import Mode

    x = [pytensor.tensor.dscalar() for _ in FIVE]
    y = plain_five(pytensor.tensor.exp, *x)
    gradients = pytensor.function(x, pytensor.grad(y, x), mode=linker and Mode(linker, "fast_run"))
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


def step(net: Network, engine: Engine) -> Run:
    """The loss and all ten gradients of a training step."""
    weights, biases = [engine.leaf(w) for w in net.weights], [engine.leaf(b) for b in net.biases]
    inputs, targets = engine.constant(net.x), engine.constant(net.y)

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


def step_tinygrad_sig(net: Network) -> Run:
    """The same through `nn`, as a user writes it."""
    from tinygrad_sig import sigmoid
    from tinygrad_sig.nn import MLP, mse

    model = MLP(net.sizes, rng, activation=sigmoid, last=sigmoid)
    parameters = list(model)
    for parameter, value in zip(parameters, chain(*zip(net.weights, net.biases, strict=True)), strict=True):
        parameter.data = value

    def run() -> list[Any]:
        for parameter in parameters:
            parameter.zero_grad()
        loss = mse(model(net.x), net.y)
        loss.backward()
        return [loss.item(), *(parameter.grad for parameter in parameters[::2] + parameters[1::2])]

    return run


def step_autograd(net: Network) -> Run:
    import autograd.numpy as anp
    from autograd import value_and_grad

    def loss(weights: list[Any], biases: list[Any]) -> Any:
        a = net.x
        for w, b in zip(weights, biases, strict=True):
            a = 1 / (1 + anp.exp(-(a @ w + b)))
        return anp.mean((a - net.y) ** 2)

    gradients = value_and_grad(loss, argnum=(0, 1))

    def run() -> list[Any]:
        value, (weights, biases) = gradients(net.weights, net.biases)
        return [value, *weights, *biases]

    return run


def loss_of_network(weights: list[Any], biases: list[Any], inputs: Any, targets: Any) -> Any:
    """As a user writes it for tinygrad_sig."""
    from tinygrad_sig import sigmoid

    a = inputs
    for w, b in zip(weights, biases, strict=True):
        a = sigmoid(a @ w + b)
    return np.mean((a - targets) ** 2)


def step_written_out(net: Network, reuse: bool = False) -> Run:
    from tinygrad_sig import write_out

    program = write_out(loss_of_network, net.weights, net.biases, net.x, net.y, argnums=(0, 1), reuse=reuse)

    def run() -> list[Any]:
        value, (weights, biases) = program(net.weights, net.biases, net.x, net.y)
        return [value, *weights, *biases]

    return run


def step_jax(net: Network) -> Run:
    import jax

    jax.config.update("jax_enable_x64", True)

    def loss(parameters: Any, inputs: Any, targets: Any) -> Any:
        a = inputs
        for w, b in zip(*parameters, strict=True):
            a = jax.nn.sigmoid(a @ w + b)
        return jax.numpy.mean((a - targets) ** 2)

    gradients = jax.jit(jax.value_and_grad(loss))
    parameters, inputs, targets = jax.tree.map(jax.numpy.asarray, ((net.weights, net.biases), net.x, net.y))

    def run() -> list[Any]:
        value, (weights, biases) = jax.block_until_ready(gradients(parameters, inputs, targets))
        return [value, *weights, *biases]

    return run


def step_compiled(net: Network) -> Run:
    import torch

    torch.set_num_threads(1)

    def loss(weights: list[Any], biases: list[Any], inputs: Any, targets: Any) -> Any:
        a = inputs
        for w, b in zip(weights, biases, strict=True):
            a = torch.sigmoid(a @ w + b)
        return ((a - targets) ** 2).mean()

    compiled = torch.compile(loss)
    weights, biases = ([torch.tensor(x, requires_grad=True) for x in part] for part in (net.weights, net.biases))
    inputs, targets = torch.tensor(net.x), torch.tensor(net.y)

    def run() -> list[Any]:
        value = compiled(weights, biases, inputs, targets)
        return [value.item(), *torch.autograd.grad(value, [*weights, *biases])]

    return run


def step_by_hand(net: Network) -> Run:
    def run() -> list[Any]:
        activations = [net.x]
        for w, b in zip(net.weights, net.biases, strict=True):
            activations.append(1 / (1 + np.exp(-(activations[-1] @ w + b))))
        d = activations[-1] - net.y
        loss = (d * d).mean()
        g, weights, biases = d * (2 / d.size), [], []
        for w in reversed(net.weights):
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
    return lambda: list(program(x, weights, biases)[1])


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


def steps(net: Network) -> dict[str, Callable[[], Run]]:
    """The setups of a training step of one network."""
    return {
        OURS: partial(step_tinygrad_sig, net),
        **shared(partial(step, net), "MyGrad", "PyTorch"),
        "autograd": partial(step_autograd, net),
        HAND: partial(step_by_hand, net),
        WRITTEN: partial(step_written_out, net),
        REUSE: partial(step_written_out, net, reuse=True),
        "JAX, jit": partial(step_jax, net),
        "PyTorch, compiled": partial(step_compiled, net),
    }


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
        "PyTensor, C": partial(five_pytensor, "cvm"),
        "tangent": five_tangent,
    },
    "chain of 100,000": {
        **shared(long, OURS, "PyTorch"),
        HAND: long_by_hand,
        "math by hand": long_by_math,
        "written out, rolled": long_written_out,
    },
    "training step": steps(network(64, 64, 30, 30, 30, 30, 10)),
    "training step, batch 1024": steps(network(1024, 64, 30, 30, 30, 30, 10)),
    "training step, 256 wide, batch 1024": steps(network(1024, 64, 256, 256, 256, 256, 10)),
}
# A job of many layers is told in time and bytes a layer; bytes are measured for the engines named here.
PER_LAYER = {"chain of 100,000": LAYERS}
MEASURED = {"chain of 100,000": (OURS, "PyTorch")}


def numbers(found: list[Any], layered: bool) -> Any:
    """All numbers of a result; a program has the gradients of all weights before those of all biases."""
    if layered and len(found) == 3:
        found = [found[0], *chain.from_iterable(zip(*found[1:], strict=True))]
    return np.concatenate([np.ravel(value) for value in found])


def check(job: str, run: Run) -> None:
    """Demand that a run finds what the one by hand finds; below the smallest normal float there are no ten digits."""
    found, expected = (numbers(r(), job in PER_LAYER) for r in (run, JOBS[job][HAND]()))
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=np.finfo(float).tiny)
