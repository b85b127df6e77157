"""Fifty layers of sigmoids, and what each remedy does to the gradient of every layer: which of them learn.

Other slopes, other weights (Glorot and Bengio 2010; He 2015), residual connections (He 2016), normalised z (Ioffe and
Szegedy 2015), and gates, as in the LSTM's cell (Hochreiter and Schmidhuber 1997). `--plot FILE` draws them all.
"""

from math import prod

import numpy as np

from tinygrad_sig import Tensor, grad, relu, sigmoid, trace
from tinygrad_sig.nn import Adam, Linear, cross_entropy, glorot, he
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import lines
from tinygrad_sig.show.text import say

DEPTH, WIDTH, CLASSES, STEPS, OPEN = 50, 20, 4, 250, 3.0  # σ(OPEN) is how far a gate is open at the start.


def four_glorot(rng, n_in: int, n_out: int):
    weights, biases = glorot(rng, n_in, n_out)
    return 4 * weights, biases


def normalised(z):
    """z with mean 0 and variance 1 over the batch."""
    return (z - np.mean(z, axis=0)) / np.sqrt(np.var(z, axis=0) + 1e-5)


def kept(a, z, gate):
    """f·a + (1 − f)·tanh(z): the product of the gates f stands where the product of w·σ′ was."""
    f = sigmoid(gate(a) + OPEN)
    return f * a + (1 - f) * np.tanh(z)


# A block's new a from a, z = a·w + b, and a further layer for the gate; and the initial weights.
REMEDIES = {
    "sigmoid, Glorot": (lambda a, z, gate: sigmoid(z), glorot),
    "sigmoid, He": (lambda a, z, gate: sigmoid(z), he),
    "sigmoid, 4 × Glorot": (lambda a, z, gate: sigmoid(z), four_glorot),
    "tanh, Glorot": (lambda a, z, gate: np.tanh(z), glorot),
    "relu, He": (lambda a, z, gate: relu(z), he),
    "residual": (lambda a, z, gate: a + sigmoid(z) - 0.5, glorot),
    "normalised": (lambda a, z, gate: sigmoid(normalised(z)), glorot),
    "gates": (kept, glorot),
}


def learn(name: str) -> tuple[list[float], list[float], float]:
    """‖∂L/∂a‖ of every layer at the start, the loss after each step, and the % of points read in the end."""
    (block, start), rng = REMEDIES[name], np.random.default_rng(0)
    X = rng.normal(size=(256, WIDTH))
    y = (X[:, 0] > 0) + 2 * (X[:, 1] > 0)
    linear = [Linear(WIDTH, WIDTH, rng, start, i) for i in range(1, DEPTH + 1)]
    gates = [Linear(WIDTH, WIDTH, rng, glorot, i) for i in range(1, DEPTH + 1)]
    last = Linear(WIDTH, CLASSES, rng, glorot, DEPTH + 1)

    def run():
        a, states = Tensor(X), []
        for layer, gate in zip(linear, gates, strict=True):
            a = block(a, layer(a), gate)
            states.append(a)
        return last(a), states

    logits, states = run()
    steps = trace(cross_entropy(logits, y))
    norms = [float(np.linalg.norm(steps.gradient(a))) for a in states]
    parameters = [p for layer in (*linear, last, *gates * (block is kept)) for p in layer]
    optimiser, losses = Adam(parameters, rate=0.0005), []
    for _ in range(STEPS):
        loss = cross_entropy(run()[0], y)
        loss.backward()
        optimiser.step()
        losses.append(float(loss.data))
    return norms, losses, 100 * float(np.mean(np.argmax(run()[0].data, axis=1) == y))


def residual_chain() -> None:
    """One unit a layer, a ← a + σ(w·a): a path goes through each block or around it."""
    w, x = 0.5, Tensor(-3.0, name="x")
    a, factors = x, []
    for _ in range(DEPTH):
        factors.append(1 + w * float(grad(sigmoid)(w * float(a.data))))
        a = a + sigmoid(w * a)
    steps = trace(a)
    say(
        f"1. Residual: a ← a + σ(w·a) has the factor 1 + w·σ′(w·a), above 1 for w > 0. {DEPTH} blocks, w = {w}: "
        f"{steps.paths(x).count:.2e} paths, 2^{DEPTH}; dy/dx = {steps.gradient(x):.6f}. Gates: f·a has the factor f; "
        f"{DEPTH} gates of σ({OPEN:g}) leave {sigmoid(OPEN) ** DEPTH:.3f}, where {DEPTH} slopes of at most 1/4 leave "
        f"{0.25**DEPTH:.0e}."
    )
    print()
    assert steps.paths(x).count == 2**DEPTH
    assert np.isclose(steps.gradient(x), prod(factors), rtol=1e-12)


def normalisation() -> None:
    z = Tensor(np.array([[1.0], [2.0], [4.0]]), name="z")
    steps = trace(normalised(z), np.array([[1.0], [0.0], [0.0]]))
    rows, back = ", ".join(dict.fromkeys(step.op for step in steps)), steps.gradient("z")
    say(
        f"2. Normalisation needs no rule of its own; back it goes by rows that exist: {rows}. It takes the mean, and "
        f"z's own direction, out of a gradient: of the rest the sum is {abs(np.sum(back)):.0e}, and that of its "
        f"products with z {abs(np.sum(back * z.data)):.0e}."
    )
    print()
    assert abs(np.sum(back)) < 1e-12
    assert abs(np.sum(back * z.data)) < 1e-4


def picture(found):
    figure, (left, right) = new_figure(1, 2, size=(13, 5.4))
    labels = {"xlabel": "layer, from the input", "ylabel": "‖∂L/∂a‖ at the start", "yscale": "log"}
    norms = {name: norms for name, (norms, _, _) in found.items()}
    lines(range(1, DEPTH + 1), norms, left, title="Plain sigmoids lose the gradient with all these weights", **labels)
    labels = {"xlabel": "step of Adam", "ylabel": "loss", "title": "What keeps the gradient learns"}
    lines(range(1, STEPS + 1), {name: losses for name, (_, losses, _) in found.items()}, right, **labels)
    right.get_legend().remove()
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    say(
        f"A stack of {DEPTH} sigmoid layers does not learn. One sees how much gradient reaches each layer with each "
        "remedy, and which of the stacks learn."
    )
    print()
    residual_chain()
    normalisation()
    say(
        f"3. ‖∂L/∂a‖ at the start, and what {STEPS} steps of Adam make of it; {CLASSES} classes, so a guess reads 25 % "
        "of the points and has loss log 4 = 1.386."
    )
    print("\n   network              layer 1   layer 25   layer 50     loss   read")
    found = {}
    for name in REMEDIES:
        norms, losses, read = found[name] = learn(name)
        cells = "".join(f"{norms[i - 1]:11.1e}" for i in (1, 25, 50))
        print(f"   {name:17}{cells}{losses[-1]:9.3f}{read:5.0f} %", flush=True)
        if name.startswith("sigmoid"):
            assert norms[0] < 1e-9 * norms[-1]
            assert read < 40
        else:
            assert 1e-3 < norms[0] / norms[-1] < 1e3
            assert read > 60
    print()
    say(
        "So what keeps the gradient learns: a slope of 1 with weights made for it (tanh, relu), a way around each "
        "layer, a z that is normalised, a gate that is nearly open. None of these weights saves fifty sigmoids: those "
        "four times Glorot's mend six layers in `early_layers_learn_slowly`, but they too lose a part in every layer."
    )
    if path is not None:
        save(picture(found), path)


if __name__ == "__main__":
    main()
