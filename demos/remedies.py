"""Fifty layers of sigmoids learn nothing. What each remedy does to the gradient of every layer, and which learn.

Other slopes, weights to suit, residual connections, normalisation and gates, in one stack that is otherwise the same:
two rings of points are to be told apart (section 1.2.4 of the exercise sheet, and what follows from it). `--plot FILE`
draws the gradient of every layer.
"""

from functools import reduce
from statistics import geometric_mean, mean

import numpy as np

from tinygrad_sig import Tensor, gradient_norms, relu, sigmoid, trace
from tinygrad_sig.nn import Adam, Linear, cross_entropy, glorot, he
from tinygrad_sig.show.figure import file_to_draw, save
from tinygrad_sig.show.plots import lines
from tinygrad_sig.show.text import say

DEPTH, WIDTH, POINTS, STEPS, RATE, SEEDS = 50, 20, 200, 200, 0.0005, range(2)


def four_glorot(rng, n_in: int, n_out: int):
    """σ′ is ¼ at most, and weights four times as large make up for it."""
    weights, biases = glorot(rng, n_in, n_out)
    return 4 * weights, biases


def normalised(z):
    """Each unit with mean 0 and variance 1 over the batch; its backward pass is that of mean, var and sqrt."""
    return (z - np.mean(z, axis=0)) / np.sqrt(np.var(z, axis=0) + 1e-5)


def gated(h, z, u):
    """The cell of an LSTM that forgets as much as it takes in: what it keeps of h goes back by f alone."""
    f = sigmoid(u + 3)
    return f * h + (1 - f) * np.tanh(z)


# What makes a layer of h, z = h @ W + b and a second such sum u, which only gates need; and W at the start.
REMEDIES = {
    "σ, Glorot": (lambda h, z, u: sigmoid(z), glorot),
    "σ, He": (lambda h, z, u: sigmoid(z), he),
    "σ, 4 × Glorot": (lambda h, z, u: sigmoid(z), four_glorot),
    "tanh, Glorot": (lambda h, z, u: np.tanh(z), glorot),
    "relu, He": (lambda h, z, u: relu(z), he),
    "residual": (lambda h, z, u: h + sigmoid(z) - 0.5, glorot),
    "normalised": (lambda h, z, u: sigmoid(normalised(z)), glorot),
    "gated": (gated, glorot),
}
FAIL = ("σ, Glorot", "σ, He", "σ, 4 × Glorot")


class Stack:
    """A layer into the width, fifty of one kind, and one out of it. Iterating gives the parameters."""

    def __init__(self, cell, start, rng) -> None:
        self.cell = cell
        self.first, self.last = Linear(2, WIDTH, rng, glorot, 0), Linear(WIDTH, 2, rng, glorot, DEPTH + 1)
        self.sums = [Linear(WIDTH, WIDTH, rng, start, k) for k in range(1, DEPTH + 1)]
        self.gates = [Linear(WIDTH, WIDTH, rng, glorot, k) for k in range(1, DEPTH + 1)] if cell is gated else []

    def __iter__(self):
        return (parameter for part in (self.first, *self.sums, *self.gates, self.last) for parameter in part)

    def __call__(self, x):
        h = self.first(x)
        for k, layer in enumerate(self.sums):
            h = self.cell(h, layer(h), self.gates[k](h) if self.gates else None)
        return self.last(h)


def rings(rng):
    angle, radius = rng.uniform(0, 2 * np.pi, POINTS), rng.choice([1.0, 2.0], POINTS)
    points = radius * np.array([np.cos(angle), np.sin(angle)])
    return points.T + rng.normal(0, 0.1, (POINTS, 2)), (radius > 1.5).astype(int)


def learn(name: str, seed: int, X, y) -> tuple[list[float], float]:
    """‖gradient‖ of the fifty layers at the start, and the part of the points that is told apart after training."""
    stack = Stack(*REMEDIES[name], np.random.default_rng(seed))
    sizes = [row.gradient for row in gradient_norms(trace(cross_entropy(stack(X), y)))][1:-1]
    optimiser = Adam(stack, rate=RATE)
    for _ in range(STEPS):
        cross_entropy(stack(X), y).backward()
        optimiser.step()
    return sizes, float(np.mean(np.argmax(stack(X), axis=1) == y))


def one_unit(w: float = 0.1) -> None:
    """What a residual connection does, seen in a chain of one unit: a factor 1 + w·σ′ for w·σ′."""

    def residual(x, _):
        z = w * x
        factors.append(1 + w * sigmoid(z).data * sigmoid(-z).data)
        return x + sigmoid(z) - 0.5

    factors: list[float] = []
    x = Tensor(1.0, name="x")
    plain = trace(reduce(lambda a, _: sigmoid(w * a), range(DEPTH), x)).gradient("x")
    kept = trace(reduce(residual, range(DEPTH), x)).gradient("x")
    assert np.isclose(kept, np.prod(factors), rtol=1e-12)
    assert plain < 1e-70 < 1 < kept < 10
    say(
        f"1. One unit, {DEPTH} layers, w = {w}. A layer a = σ(w·x) multiplies the gradient by w·σ′(z), all of them by "
        f"{plain:.1e}. A residual layer x + σ(w·x) − ½ multiplies it by 1 + w·σ′(z), and all of them by {kept:.2f}: "
        "the 1 is the way around the sigmoid."
    )


def tell(found: dict[str, list[tuple[list[float], float]]]) -> None:
    print()
    say(
        f"2. {DEPTH} layers of {WIDTH} units at the start: ‖gradient‖ of the weights of layer 1 and of layer {DEPTH}, "
        f"what a layer multiplies it by on the way, and the points told apart after {STEPS} steps of Adam; means of "
        f"{len(SEEDS)} seeds. Guessing tells half of them apart."
    )
    print(f"\n   remedy            layer 1     layer {DEPTH}    a layer    told apart")
    factors = {}
    for name, runs in found.items():
        first, last = (geometric_mean(sizes[k] for sizes, _ in runs) for k in (0, -1))
        factor = factors[name] = (first / last) ** (1 / (DEPTH - 1))
        right = mean(part for _, part in runs)
        print(f"   {name:14}{first:11.1e}  {last:10.1e}  {factor:9.3f}  {right:12.0%}")
        assert (0.9 < factor < 1.2) == (name not in FAIL), name
        assert all(r < 0.6 if name in FAIL else r > 0.8 for _, r in runs), name
    print()
    say(
        "So what learns is what multiplies the gradient by a number near 1 in every layer: a slope of 1 with weights "
        "made for it (tanh, relu), a way around the sigmoid (residual), sums that are stretched again before each "
        "sigmoid (normalised), gates that are nearly open (gated). Larger weights alone do not do: four times Glorot's "
        f"mend five layers of sigmoids, as in `early_layers_learn_slowly`; but {factors['σ, 4 × Glorot']:.2f} to the "
        "power of fifty is nothing."
    )


def picture(found: dict[str, list[tuple[list[float], float]]]):
    sizes = {name: np.exp(np.mean(np.log([s for s, _ in runs]), axis=0)) for name, runs in found.items()}
    axes = lines(
        range(1, DEPTH + 1),
        sizes,
        yscale="log",
        xlabel="hidden layer, from the input",
        ylabel="‖gradient‖ at the start",
    )
    axes.set_title("Remedies keep the gradient level through fifty layers; larger weights alone do not")
    axes.legend(frameon=False, loc="lower right", ncols=2)
    axes.figure.set_size_inches(9, 5)
    return axes.figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    say(
        "Fifty layers of sigmoids do not learn, because hardly any gradient reaches the first ones. Five kinds of "
        "remedy are put into the same stack, each alone: which keep the gradient, and which learn?"
    )
    print()
    one_unit()
    X, y = rings(np.random.default_rng(0))
    found = {name: [learn(name, seed, X, y) for seed in SEEDS] for name in REMEDIES}
    tell(found)
    if path is not None:
        save(picture(found), path)


if __name__ == "__main__":
    main()
