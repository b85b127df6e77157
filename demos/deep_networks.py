"""Sections 1.2.4 and 1.2.5 of the exercise sheet in real networks: the gradient of every layer at initialisation.

Nielsen (Neural Networks and Deep Learning, chapter 5) measures three networks; a hundred seeds show what he might have
seen. The mean field of wide networks (Poole 2016; Schoenholz 2017) says what each layer takes, for ζ from N(0, 1): the
mean square q of z becomes σ_w²·E[f(√q·ζ)²] + σ_b², and gradients are multiplied by √χ, where χ = σ_w²·E[f′(√q·ζ)²].
`--plot FILE` draws the norms.
"""

from pathlib import Path

import numpy as np

from tinygrad_sig import grad, relu, sigmoid
from tinygrad_sig.nn import MLP, binary_cross_entropy, glorot, he, nielsen, standard
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import COLOURS, band

SEEDS, DEPTH = 100, 8
QUOTED = {2: (0.07, 0.31), 3: (0.012, 0.060, 0.283), 4: (0.003, 0.017, 0.070, 0.285)}  # Nielsen, chapter 5.
ZETA = np.linspace(-12, 12, 4000)  # For E by the trapezoid rule; an even number, so that none is the kink of relu.
DENSITY = np.exp(-(ZETA**2) / 2) / np.sqrt(2 * np.pi)


def factors(f, weights: float, biases: float, layers: int, q: float = 1.0) -> list[float]:
    """√χ of each layer, given σ_w², σ_b² and the mean square q of the inputs."""
    slope, found, q = grad(lambda z: np.sum(f(z))), [], weights * q + biases
    for _ in range(layers):
        z = np.sqrt(q) * ZETA
        found.append(np.sqrt(weights * np.trapezoid(slope(z) ** 2 * DENSITY, ZETA)))
        q = weights * np.trapezoid(f(z) ** 2 * DENSITY, ZETA) + biases
    return found


def norms(net: MLP, inputs, labels) -> list[float]:
    """‖∂C/∂b‖ of the hidden layers; C is the cross-entropy, summed over 10 outputs and averaged over the inputs."""
    (10 * binary_cross_entropy(net(inputs), np.eye(10)[labels])).backward()
    return [float(np.linalg.norm(parameter.grad)) for parameter in net if parameter.ndim == 1][:-1]


def nielsens_networks() -> tuple[dict[int, np.ndarray], float]:
    rng = np.random.default_rng(0)
    images, labels = 1.0 * (rng.random((250, 784)) < 0.11), rng.integers(10, size=250)
    print("1. Nielsen's networks: weights N(0, 1)/√n, biases N(0, 1), sigmoid, cross-entropy. ‖∂C/∂b‖, averaged")
    print(f"   over {len(images)} synthetic images with 11 % of their pixels black, for {SEEDS} seeds:\n")
    print("   network            layer      5 %   median     95 %   one draw (quoted, Nielsen, chapter 5)")
    found = {}
    for hidden, quoted in QUOTED.items():
        sizes = [784] + [30] * hidden + [10]
        nets = (MLP(sizes, np.random.default_rng(seed), sigmoid, nielsen) for seed in range(SEEDS))
        found[hidden] = np.array([norms(net, images, labels) for net in nets])
        for i, (low, middle, high) in enumerate(np.percentile(found[hidden], [5, 50, 95], axis=0).T):
            name = "" if i else "–".join(map(str, sizes))
            print(f"   {name:20}{i + 1:4d}{low:9.4f}{middle:9.4f}{high:9.4f}{quoted[i]:9.3f}")
            assert low <= quoted[i] <= high
    ratios = np.concatenate([np.median(rows[:, :-1] / rows[:, 1:], axis=0) for rows in found.values()])
    *_, before, limit = factors(sigmoid, 1, 1, 50)
    print("\n   Layer by layer towards the input, medians: × " + ", ".join(f"{ratio:.3f}" for ratio in ratios))
    print(f"   Mean field, where q no longer changes: √χ = {limit:.6f}. Every layer gets a fifth of the next one's.\n")
    assert np.isclose(before, limit, rtol=1e-12)
    assert np.allclose(ratios, limit, rtol=0.1)
    return found, limit


HEADER = "   f        weights   units  mean field     median       5 % – 95 %   layer 1/layer 8"


def row(f, initialiser, variances: tuple[float, float], units: int) -> float:
    """What a layer multiplies ‖∂C/∂b‖ by, one input from N(0, 1) for each seed: the mean field, and the median."""
    rates = []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        net = MLP([units] * (DEPTH + 1) + [10], rng, f, initialiser)
        found = norms(net, rng.normal(size=(1, units)), rng.integers(10, size=1))
        rates.append((found[0] / found[-1]) ** (1 / (DEPTH - 1)))
    low, middle, high = np.percentile(rates, [5, 50, 95])
    theory = np.exp(np.mean(np.log(factors(f, *variances, DEPTH - 1))))
    print(f"   {f.__name__:9}{initialiser.__name__:9}{units:6d}{theory:12.4f}{middle:11.4f}", end="")
    print(f"{low:10.4f} – {high:.4f}{middle ** (DEPTH - 1):17.6f}")
    assert low <= theory <= high
    assert abs(middle / theory - 1) < (0.06 if units >= 100 else 0.15)
    return middle


def other_networks() -> None:
    print(f"2. {DEPTH} hidden layers of 100 units: what a layer multiplies ‖∂C/∂b‖ by, on the way to the input\n")
    print(HEADER)
    starts = {nielsen: (1, 1), standard: (1 / 3, 0), glorot: (1, 0), he: (2, 0)}  # With σ_w² and σ_b².
    found = {(f, start): row(f, start, starts[start], 100) for f in (sigmoid, np.tanh, relu) for start in starts}
    kept = [found[pair] ** (DEPTH - 1) for pair in ((np.tanh, glorot), (relu, he))]
    print("\n   None of them saves the sigmoid. With tanh and Glorot's weights layer 1 has still a gradient of")
    print(f"   {kept[0]:.0%} of that of layer {DEPTH}, with relu and He's {kept[1]:.0%}.\n")
    assert max(found[sigmoid, start] for start in starts) < 0.35
    assert found[np.tanh, glorot] > 0.8
    assert abs(found[relu, he] - 1) < 0.05


def normal(rng: np.random.Generator, n_in: int, n_out: int):
    """Weights from N(0, 1), however many there are, biases 0."""
    return rng.normal(size=(n_in, n_out)), np.zeros(n_out)


def large_weights() -> None:
    low, high = 1.0, 1000.0
    while high - low > 1e-6:
        middle = (low + high) / 2
        low, high = (middle, high) if factors(sigmoid, middle, 0, 30)[-1] < 1 else (low, middle)
    print("3. Large initial weights make sigmoid gradients explode (quoted in substance, 1.2.5). In the mean")
    print(f"   field √χ reaches 1 at σ_w² = {low:.4f}, biases 0: weights {np.sqrt(low):.2f} times those of Glorot.")
    print("   With weights from N(0, 1) σ_w² is the number of units:\n")
    print(HEADER)
    found = [row(sigmoid, normal, (units, 0), units) for units in (30, 100, 300)]
    print(f"\n   So the sheet is right about layers of more than about {low:.0f} such units, of which some are always")
    print("   near z = 0, where σ′ is ¼. A chain, one unit a layer, needs luck or the right biases.")
    assert found[0] < 0.8
    assert found[2] > 1.1


def draw(path: Path, found: dict[int, np.ndarray], limit: float) -> None:
    figure, panels = new_figure(1, 3, size=(12, 4.2))
    for axes, (hidden, samples) in zip(panels, found.items(), strict=True):
        x = np.arange(1, hidden + 1)
        band(x, samples, axes, xlabel="hidden layer, from the input", xticks=x, xlim=(0.7, 4.3), yscale="log")
        line = np.median(samples[:, -1]) * limit ** (hidden - x)
        axes.plot(x, line, "--", color="black", label=f"mean field: × {limit:.4f} a layer")
        axes.plot(x, QUOTED[hidden], "D", color=COLOURS[1], fillstyle="none", markersize=9, label="Nielsen (quoted)")
        axes.set(ylim=(8e-4, 0.8), title="–".join(map(str, [784] + [30] * hidden + [10])))
    panels[0].set_ylabel("‖∂C/∂b‖ at initialisation")
    panels[0].legend(loc="lower right", frameon=False)
    save(figure, path)


if __name__ == "__main__":
    path = file_to_draw(__doc__.splitlines()[0])
    found, limit = nielsens_networks()
    other_networks()
    large_weights()
    if path is not None:
        draw(path, found, limit)
