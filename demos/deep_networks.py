"""Sections 1.2.4 and 1.2.5 of the exercise sheet in real networks: the gradient of every layer at initialisation.

Nielsen (Neural Networks and Deep Learning, chapter 5) measures three networks; a hundred seeds show what he might have
seen. The mean field of wide networks (Poole 2016; Schoenholz 2017) says what each layer takes, for ζ from N(0, 1): the
mean square q of z becomes σ_w²·E[f(√q·ζ)²] + σ_b², and gradients are multiplied by √χ, where χ = σ_w²·E[f′(√q·ζ)²].
`--plot FILE` draws the norms.
"""

import numpy as np

from tinygrad_sig import grad, relu, sigmoid
from tinygrad_sig.nn import MLP, binary_cross_entropy, glorot, he, nielsen, standard
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import COLOURS, band

SEEDS, DEPTH, UNITS = 100, 8, 100
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


def norms(net: MLP, inputs, labels) -> list[float]:
    """‖∂C/∂b‖ of the hidden layers; C is the cross-entropy, summed over 10 outputs and averaged over the inputs."""
    (10 * binary_cross_entropy(net(inputs), np.eye(10)[labels])).backward()
    return [float(np.linalg.norm(parameter.grad)) for parameter in net if parameter.ndim == 1][:-1]


def nielsens_networks(panels, limit: float) -> None:
    rng = np.random.default_rng(0)
    images, labels = 1.0 * (rng.random((250, 784)) < 0.11), rng.integers(10, size=250)
    print(f"1. Nielsen's weights N(0, 1)/√n and biases N(0, 1), sigmoid: mean ‖∂C/∂b‖ of {SEEDS} seeds, for")
    print(f"   {len(images)} images of noise, 11 % of their pixels inked, in MNIST's stead\n")
    print("   hidden  layer      5 %   median     95 %   one draw (quoted, Nielsen, chapter 5)")
    for panel, (hidden, quoted) in zip(panels, QUOTED.items(), strict=True):
        sizes, x = [784] + [30] * hidden + [10], np.arange(1, hidden + 1)
        nets = (MLP(sizes, np.random.default_rng(seed), sigmoid, nielsen) for seed in range(SEEDS))
        found = np.array([norms(net, images, labels) for net in nets])
        for layer, *row in zip(x, *np.percentile(found, [5, 50, 95], axis=0), quoted, strict=True):
            print("   {:6d}{:7d}{:9.4f}{:9.4f}{:9.4f}{:9.3f}".format(hidden, layer, *row))
            assert row[0] <= row[3] <= row[2]
        assert np.allclose(np.median(found[:, :-1] / found[:, 1:], axis=0), limit, rtol=0.1)
        title = "–".join(map(str, sizes))
        band(x, found, panel, xlabel="hidden layer, from the input", xticks=x, yscale="log", title=title)
        line = np.median(found[:, -1]) * limit ** (hidden - x)
        panel.plot(x, line, "--", color="black", label=f"mean field: × {limit:.4f} a layer")
        panel.plot(x, quoted, "D", color=COLOURS[1], fillstyle="none", markersize=9, label="Nielsen (quoted)")
        panel.set(ylim=(8e-4, 0.8), xlim=(0.7, 4.3))
    print(f"\n   Mean field: √χ = {limit:.6f}. Every layer gets a fifth of the gradient of the next one.\n")
