"""Sections 1.2.4 and 1.2.5 of the exercise sheet in real networks: the gradient of every layer at initialisation.

Nielsen (Neural Networks and Deep Learning, chapter 5) measures three networks; `--plot FILE` draws a hundred seeds of
each. The mean field of wide networks (Poole 2016; Schoenholz 2017), for ζ from N(0, 1): the mean square q of z becomes
σ_w²·E[f(√q·ζ)²] + σ_b², and gradients are multiplied by √χ, where χ = σ_w²·E[f′(√q·ζ)²].
"""

from itertools import product

import numpy as np

from tinygrad_sig import grad, relu, sigmoid
from tinygrad_sig.nn import MLP, binary_cross_entropy, glorot, he, nielsen, standard
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import COLOURS, band
from tinygrad_sig.show.text import say

SEEDS = 100
QUOTED = {2: (0.07, 0.31), 3: (0.012, 0.060, 0.283), 4: (0.003, 0.017, 0.070, 0.285)}  # Nielsen, chapter 5.
STARTS = {nielsen: (1, 1), standard: (1 / 3, 0), glorot: (1, 0), he: (2, 0)}  # With σ_w² and σ_b².
ZETA = np.linspace(-12, 12, 4000)  # For E by the trapezoid rule; an even number, so that none is the kink of relu.
DENSITY = np.exp(-(ZETA**2) / 2) / np.sqrt(2 * np.pi)


def factors(f, weights: float, biases: float, layers: int) -> list[float]:
    """√χ of each layer, given σ_w² and σ_b², for inputs of mean square 1."""
    slope, found, q = grad(lambda z: np.sum(f(z))), [], weights + biases
    for _ in range(layers):
        z = np.sqrt(q) * ZETA
        found.append(np.sqrt(weights * np.trapezoid(slope(z) ** 2 * DENSITY, ZETA)))
        q = weights * np.trapezoid(f(z) ** 2 * DENSITY, ZETA) + biases
    return found


def norms(sizes, seed: int, f, start, inputs, labels) -> list[float]:
    """‖∂C/∂b‖ of the hidden layers; C is the cross-entropy, summed over 10 outputs and averaged over the inputs."""
    net = MLP(sizes, np.random.default_rng(seed), f, start)
    (10 * binary_cross_entropy(net(inputs), np.eye(10)[labels])).backward()
    return [np.linalg.norm(parameter.grad) for parameter in net if parameter.ndim == 1][:-1]


def nielsens_networks(rng, limit: float) -> dict[int, np.ndarray]:
    x, y, found = 1.0 * (rng.random((250, 784)) < 0.11), rng.integers(10, size=250), {}
    say(
        f"1. ‖∂C/∂b‖ of each hidden layer, with weights N(0, 1)/√n, biases N(0, 1) and sigmoids: the mean of {len(x)} "
        f"images of noise, for {SEEDS} seeds, beside one draw (quoted, Nielsen, chapter 5)"
    )
    print("\n   784–30–…–10     layer      5 %   median     95 %   quoted")
    for hidden, quoted in QUOTED.items():
        sizes = [784] + [30] * hidden + [10]
        rows = found[hidden] = np.array([norms(sizes, seed, sigmoid, nielsen, x, y) for seed in range(SEEDS)])
        for layer, (low, middle, high) in enumerate(np.percentile(rows, [5, 50, 95], axis=0).T):
            print(f"   {hidden} hidden layers{layer + 1:5d}{low:9.4f}{middle:9.4f}{high:9.4f}{quoted[layer]:9.3f}")
            assert low <= quoted[layer] <= high
        assert np.allclose(np.median(rows[:, :-1] / rows[:, 1:], axis=0), limit, rtol=0.1)
    print()
    say(
        f"   Every layer gets about a fifth of the gradient of the next one. Theory says so too: √χ = {limit:.4f}; "
        "χ is n times the mean of (weight · slope)² in a wide layer of n units, and √χ multiplies ‖gradient‖."
    )
    return found


def other_networks(rng) -> None:
    x, y = rng.normal(size=(SEEDS, 1, 100)), rng.integers(10, size=(SEEDS, 1))
    sizes, steps = [100] * 9 + [10], 7  # From hidden layer 8 back to 1.
    print()
    say("2. Eight hidden layers of 100: what a layer multiplies ‖∂C/∂b‖ by, on the way to the input")
    print("\n   f        weights    theory, √χ     median       5 % – 95 %")
    for f, start in product((sigmoid, np.tanh, relu), STARTS):
        rows = np.array([norms(sizes, seed, f, start, x[seed], y[seed]) for seed in range(SEEDS)])
        low, middle, high = np.percentile(rows[:, 0] / rows[:, -1], [5, 50, 95]) ** (1 / steps)
        theory = np.prod(factors(f, *STARTS[start], steps)) ** (1 / steps)
        print(f"   {f.__name__:9}{start.__name__:9}{theory:11.4f}{middle:11.4f}{low:10.4f} – {high:.4f}")
        assert low <= theory <= high
        assert (middle > 0.8) == ((f, start) in [(np.tanh, glorot), (np.tanh, he), (relu, he)])
    most = max(weights for weights in range(1, 200) if factors(sigmoid, weights, 0, 30)[-1] <= 1)
    print()
    say(
        "So a sigmoid's gradient shrinks under each of these weights, and that of tanh and relu keeps its size under "
        "weights made for them. Sigmoid gradients explode (quoted in substance, 1.2.5) only where √χ > 1: where "
        f"weights have a variance above {most}/n, without biases."
    )


def picture(found: dict[int, np.ndarray], limit: float):
    figure, panels = new_figure(1, 3, size=(12, 4.4), sharey=True, width_ratios=[2, 3, 4])
    for axes, (hidden, rows) in zip(panels, found.items(), strict=True):
        x = np.arange(1, hidden + 1)
        band(x, rows, axes, xlabel="hidden layer, from the input", xticks=x, xlim=(0.6, hidden + 0.4), yscale="log")
        axes.plot(x, np.median(rows[:, -1]) * limit ** (hidden - x), "k--", label=f"mean field: × {limit:.4f} a layer")
        axes.plot(x, QUOTED[hidden], "D", color=COLOURS[1], fillstyle="none", markersize=9, label="Nielsen (quoted)")
        axes.set(ylim=(8e-4, 0.8), title=f"784{hidden * '–30'}–10")
    panels[0].set_ylabel("‖∂C/∂b‖ at initialisation")
    panels[2].legend(loc="lower right", frameon=False)
    figure.suptitle("A layer of sigmoids gets a fifth of the gradient of the next", fontsize="x-large")
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    say(
        "How much gradient does each layer of a deep network get before it has learned anything? Nielsen's networks of "
        "sigmoids, drawn again and again, and others: what a layer multiplies it by is what decides."
    )
    print()
    rng, limit = np.random.default_rng(0), factors(sigmoid, 1, 1, 50)[-1]  # By layer 50 q no longer changes.
    found = nielsens_networks(rng, limit)
    other_networks(rng)
    if path is not None:
        save(picture(found, limit), path)


if __name__ == "__main__":
    main()
