"""Networks: layers, initialisers, losses and optimisers, just enough for a first network and for the demos.

A network is a function with parameters. They are Tensors with names, w1, b1, w2, …, like those of the chain, so that a
trace of its loss can be read; a step of training gives them new `data`. There are no devices, no convolutions, and no
modes that change what a network computes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from io import BytesIO
from itertools import pairwise
from math import prod, sqrt
from numbers import Real
from os import PathLike
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import numpy as np
from numpy.lib import format as npy
from numpy.random import Generator

from .calculus.activations import log_sigmoid, log_softmax
from .calculus.foreign import readonly
from .calculus.functions import sigmoid
from .engine.tensor import Tensor
from .engine.values import floating
from .show.files import write
from .show.text import length
from .traces.health import gradients_of, parameters_of

Initialiser = Callable[[Generator, int, int], tuple[Any, Any]]


def standard(rng: Generator, n_in: int, n_out: int) -> tuple[Any, Any]:
    """Weights from U[−1/√n_in, 1/√n_in], biases 0: what Glorot and Bengio (2010) found to be in common use."""
    reach = 1 / sqrt(n_in)
    return rng.uniform(-reach, reach, (n_in, n_out)), np.zeros(n_out)


def nielsen(rng: Generator, n_in: int, n_out: int) -> tuple[Any, Any]:
    """Weights from N(0, 1/n_in), biases from N(0, 1) (Nielsen, Neural Networks and Deep Learning, chapter 3)."""
    return rng.normal(size=(n_in, n_out)) / sqrt(n_in), rng.normal(size=n_out)


def glorot(rng: Generator, n_in: int, n_out: int) -> tuple[Any, Any]:
    """Weights from U[−r, r] with r = √(6/(n_in + n_out)), biases 0 (Glorot and Bengio 2010, normalised)."""
    reach = sqrt(6 / (n_in + n_out))
    return rng.uniform(-reach, reach, (n_in, n_out)), np.zeros(n_out)


def he(rng: Generator, n_in: int, n_out: int) -> tuple[Any, Any]:
    """Weights from N(0, 2/n_in), biases 0, for relu (He, Zhang, Ren and Sun 2015)."""
    return rng.normal(size=(n_in, n_out)) * sqrt(2 / n_in), np.zeros(n_out)


class Linear:
    """x @ w + b, for inputs of shape (…, n_in) and outputs of shape (…, n_out)."""

    def __init__(
        self, n_in: int, n_out: int, rng: Generator, initialiser: Initialiser = glorot, number: int = 1
    ) -> None:
        refuse_seed("Linear", rng)
        weight, bias = initialiser(rng, n_in, n_out)
        self.weight, self.bias = Tensor(weight, name=f"w{number}"), Tensor(bias, name=f"b{number}")

    def __call__(self, x: Any) -> Tensor:
        return x @ self.weight + self.bias  # type: ignore[no-any-return]

    def __iter__(self) -> Iterator[Tensor]:
        return iter((self.weight, self.bias))

    def __repr__(self) -> str:
        return f"Linear{self.weight.shape}"


class Sequential:
    """Layers and functions, one after the other. Iterating gives the parameters, each with a name of its own."""

    def __init__(self, *layers: Any) -> None:
        if odd := [layer for layer in layers if not callable(layer)]:
            raise TypeError(f"Sequential: {type(odd[0]).__name__} is no layer; give functions, one after the other")
        self.layers = layers
        names = [parameter.name for parameter in self]
        if len(set(names)) < len(names) or None in names:
            raise ValueError(f"Sequential: {names} are no names that tell parameters apart; number the layers")

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __iter__(self) -> Iterator[Tensor]:
        return (parameter for layer in self.layers if isinstance(layer, Iterable) for parameter in layer)

    def state(self) -> dict[str, Any]:
        """A copy of every parameter's data, by name."""
        return {str(parameter.name): parameter.numpy() for parameter in self}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Give the parameters new data in their own dtypes, or raise ValueError or TypeError and change nothing."""
        if not isinstance(state, Mapping):
            raise TypeError(f"load_state: {type(state).__name__} is no state; give the dict that state() returned")
        parameters = {str(parameter.name): parameter for parameter in self}
        missing, unknown = parameters.keys() - state.keys(), state.keys() - parameters.keys()
        way_out = "load it into the network that it was saved from"
        if missing or unknown:
            what = f"lacks {sorted(missing)}" if missing else f"has {sorted(unknown, key=str)}, which the network lacks"
            raise ValueError(f"load_state: the state {what}; {way_out}")
        fresh = {}
        for name, parameter in parameters.items():
            data = floating(state[name], f"load_state of {name}")
            if data.shape != parameter.shape:
                shapes = f"{data.shape} in the state and {parameter.shape} in the network"
                raise ValueError(f"load_state: {name} has shape {shapes}; {way_out}")
            with np.errstate(over="ignore"):
                fresh[parameter] = data.astype(parameter.dtype)
            if np.any(np.isfinite(data) > np.isfinite(fresh[parameter])):
                raise ValueError(f"load_state: {name} has numbers too large for {parameter.dtype}; {way_out}")
        for parameter, data in fresh.items():
            parameter.data = data

    def save(self, path: str | PathLike[str]) -> None:
        """Write the state to an .npz file."""
        archive = BytesIO()
        with ZipFile(archive, "w") as file:  # np.savez has parameters of its own, which names might be taken for.
            for name, array in self.state().items():
                with file.open(f"{name}.npy", "w") as entry:
                    npy.write_array(entry, array, allow_pickle=False)
        write(archive.getvalue(), Path(path))

    def load(self, path: str | PathLike[str]) -> None:
        """Read the state from an .npz file that `save` wrote; ValueError where it is none, and nothing is changed."""
        content = BytesIO(Path(path).read_bytes())
        try:
            with ZipFile(content) as archive:
                state = {name.removesuffix(".npy"): array_in(archive.read(name)) for name in archive.namelist()}
        except Exception as error:  # zipfile, zlib, tokenize …: each tells of damage by errors of its own
            raise ValueError(f"load: {path} is no .npz file of arrays; give one that save wrote") from error
        self.load_state(state)

    def __repr__(self) -> str:
        names = (getattr(layer, "__name__", None) or repr(layer) for layer in self.layers)
        return f"{type(self).__name__}({', '.join(names)})"


def array_in(content: bytes) -> Any:
    """The array of an .npy file: a view of these bytes, for a header may claim more of them than there is memory."""
    file = BytesIO(content)
    read_header = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}[npy.read_magic(file)]
    shape, by_columns, dtype = read_header(file)
    return np.frombuffer(content, dtype, prod(shape), file.tell()).reshape(shape, order="F" if by_columns else "C")


class MLP(Sequential):
    """Linear layers of the given sizes with an activation between them, and `last` behind the last one.

    >>> net = MLP([2, 3, 1], np.random.default_rng(0))
    >>> [parameter.name for parameter in net]
    ['w1', 'b1', 'w2', 'b2']
    >>> net(np.zeros((5, 2))).shape
    (5, 1)
    """

    def __init__(
        self,
        sizes: Sequence[int],
        rng: Generator,
        activation: Callable[[Any], Any] = sigmoid,
        initialiser: Initialiser = glorot,
        last: Callable[[Any], Any] | None = None,
    ) -> None:
        refuse_seed("MLP", rng)
        sizes = list(sizes) if isinstance(sizes, Iterable) else [sizes]
        if len(sizes) < 2 or not all(isinstance(n, int | np.integer) and n > 0 for n in sizes):
            raise ValueError(f"MLP: sizes {sizes} make no network; give those of input and output, from 1 on")
        layers: list[Callable[[Any], Any]] = []
        for number, (n_in, n_out) in enumerate(pairwise(sizes), 1):
            layers += [Linear(n_in, n_out, rng, initialiser, number), activation]
        super().__init__(*layers[:-1], *([] if last is None else [last]))


def mse(output: Any, target: Any) -> Any:
    """The mean of (output − target)².

    >>> float(mse(np.array([1.0, 2.0]), np.array([1.0, 4.0])))
    2.0
    """
    same_shape("mse", output, target)
    return np.mean(np.square(output - target))


def cross_entropy(logits: Any, labels: Any) -> Any:
    """The mean of −log softmax(logits)[label], for logits of shape (n, classes) and n whole numbers as labels.

    >>> float(cross_entropy(np.array([[0.0, 0.0]]), np.array([1])).round(6))
    0.693147
    """
    labels, shape = labels if isinstance(labels, Tensor) else np.asarray(labels), np.shape(logits)
    if labels.dtype.kind not in "iu" or labels.shape != shape[:1] or len(shape) != 2:
        met = f"labels of shape {labels.shape} and dtype {labels.dtype} do not fit logits of shape {shape}"
        raise ValueError(f"cross_entropy: {met}; give one whole number for each row")
    known = np.where(labels < 0, shape[1], labels)  # NumPy refuses what is beyond, and takes −1 for the last.
    try:
        return -np.mean(log_softmax(logits)[np.arange(shape[0]), known])
    except IndexError:
        raise ValueError(f"cross_entropy: labels go beyond the {shape[1]} classes; count them from 0") from None


def binary_cross_entropy(logits: Any, target: Any) -> Any:
    """The mean of −target·log σ(logit) − (1 − target)·log σ(−logit), without overflow.

    Shorter is log(1 + e^logit) − target·logit, but its gradient is 1 − 1 = 0 for a logit of 40 and a target of 1.

    >>> float(binary_cross_entropy(np.array([-800.0]), np.array([1.0])))
    800.0
    """
    same_shape("binary_cross_entropy", logits, target)
    return -np.mean(target * log_sigmoid(logits) + np.subtract(1, target) * log_sigmoid(-logits))


def same_shape(loss: str, output: Any, target: Any) -> None:
    """Refuse shapes that would broadcast: (n, 1) and (n,) have n² differences, and nobody means them."""
    given, meant = (x.shape if hasattr(x, "shape") else np.shape(x) for x in (output, target))
    if given != meant:
        raise ValueError(f"{loss}: shapes {given} and {meant} differ; reshape one of them")


def clip_gradients(parameters: Iterable[Tensor], norm: float) -> float:
    """Shrink all gradients by one factor, so that the norm of all together is at most `norm`; return what it was.

    Between `backward` and `step` it shortens a step that would leap away, and keeps its direction (Pascanu, Mikolov and
    Bengio 2013). Raises ValueError, before any is changed, where a gradient is missing, and where the norm is inf or
    nan, which no factor brings down.

    >>> w, b = Tensor(3.0), Tensor(4.0)
    >>> ((w**2 + b**2) / 2).backward()
    >>> clip_gradients([w, b], 1.0), float(w.grad), float(b.grad)
    (5.0, 0.6, 0.8)
    """
    refuse_other_than_numbers("clip_gradients", norm=norm)
    if not norm > 0:
        raise ValueError(f"clip_gradients: a norm of {norm} leaves no gradient; give one above 0")
    gradients = gradients_of("clip_gradients", parameters)
    found = np.float64(length([length(gradient) for gradient in gradients.values()]))  # In it float16 becomes float64.
    if not np.isfinite(found):
        raise ValueError(f"clip_gradients: the norm is {found}; look with gradient_norms for the layer that it is from")
    if found > norm:
        for parameter, gradient in gradients.items():
            parameter.grad = readonly((gradient / found * norm).astype(gradient.dtype))
    return float(found)


class Optimiser:
    """data ← data − rate·direction for every parameter, after each backward pass; the directions differ.

    `memory` is what the directions so far leave for the next one of each parameter: a velocity, or running means.
    """

    def __init__(self, parameters: Iterable[Tensor], rate: float, memory: Any) -> None:
        caller = type(self).__name__
        refuse_other_than_numbers(caller, rate=rate)
        self.parameters, self.rate, self.steps = parameters_of(caller, parameters), rate, 0
        self.memory = [memory] * len(self.parameters)
        if any(parameter.inputs for parameter in self.parameters):
            raise ValueError(f"{caller}: computed tensors cannot be trained; give the parameters of a network")

    def step(self) -> None:
        """Change the parameters by their gradients, and forget those; all, or none where a gradient does not fit."""
        t, gradients, fresh, memories = self.steps + 1, gradients_of("step", self.parameters), [], []
        for (parameter, gradient), memory in zip(gradients.items(), self.memory, strict=True):
            direction, memory = self.direction(t, gradient, memory)
            fresh.append((parameter.data - self.rate * direction).astype(parameter.dtype, copy=False))
            memories.append(memory)
        self.steps, self.memory = t, memories
        for parameter, data in zip(gradients, fresh, strict=True):
            parameter.data = data
            parameter.zero_grad()

    def direction(self, t: int, gradient: Any, memory: Any) -> tuple[Any, Any]:
        """The way to go down for one parameter in step t = 1, 2, …, and what to remember for the next."""
        raise NotImplementedError


class SGD(Optimiser):
    """Gradient descent with momentum. The direction is v, with v ← momentum·v + gradient."""

    def __init__(self, parameters: Iterable[Tensor], rate: float, momentum: float = 0.0) -> None:
        super().__init__(parameters, rate, 0.0)
        refuse_other_than_numbers("SGD", momentum=momentum)
        self.momentum = momentum

    def direction(self, t: int, gradient: Any, memory: Any) -> tuple[Any, Any]:
        velocity = self.momentum * memory + gradient if self.momentum else gradient
        return velocity, velocity


class Adam(Optimiser):
    """Gradient descent by running means m of the gradient and v of its square (Kingma and Ba 2015).

    The direction is m̂/(√v̂ + ε), with m̂ = m/(1 − β₁ᵗ), v̂ = v/(1 − β₂ᵗ) and ε = 10⁻⁸.
    """

    def __init__(self, parameters: Iterable[Tensor], rate: float = 1e-3, betas: Sequence[float] = (0.9, 0.999)) -> None:
        super().__init__(parameters, rate, (0.0, 0.0))
        if len(betas) != 2 or not all(isinstance(beta, Real) and 0 <= beta < 1 for beta in betas):
            raise ValueError(f"Adam: betas {betas} weigh no means; give two numbers from 0 up to, but without, 1")
        self.betas = betas

    def direction(self, t: int, gradient: Any, memory: Any) -> tuple[Any, Any]:
        (first, second), (m, v) = self.betas, memory
        m = first * m + (1 - first) * gradient
        v = second * v + (1 - second) * gradient**2
        epsilon = max(1e-8, float(np.finfo(gradient.dtype).tiny))
        return m / (1 - first**t) / (np.sqrt(v / (1 - second**t)) + epsilon), (m, v)


def batches(rng: Generator, size: int, *arrays: Any) -> Iterator[tuple[Any, ...]]:
    """The rows of the arrays in a random order, the same for all, so many at a time; the last batch may be smaller."""
    refuse_seed("batches", rng)
    arrays = tuple(array if hasattr(array, "shape") else np.asarray(array) for array in arrays)
    lengths = [len(array) for array in arrays]
    if not isinstance(size, int | np.integer) or size < 1 or len(set(lengths)) != 1:
        raise ValueError(f"batches: there are no {size} at a time of {lengths} rows; give a size, and equal lengths")
    order = rng.permutation(lengths[0])
    for start in range(0, len(order), size):
        yield tuple(array[order[start : start + size]] for array in arrays)


def refuse_other_than_numbers(caller: str, **given: Any) -> None:
    for name, value in given.items():
        if not isinstance(value, Real):
            raise TypeError(f"{caller}: its {name} is a {type(value).__name__}; give a number")


def refuse_seed(caller: str, rng: Any) -> None:
    """Refuse a seed, and what else cannot draw, where a generator of random numbers is meant."""
    if not hasattr(rng, "normal"):
        raise TypeError(f"{caller}: {type(rng).__name__} draws no random numbers; give np.random.default_rng(seed)")
