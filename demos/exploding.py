"""Section 1.2.5 of the exercise sheet: when the gradient of a chain of sigmoids explodes, and how little stops it.

The sheet (VDL1, November 2023) says that large initial weights and many layers make it explode. That takes more: every
z must stay near 0. How near is the interval of Nielsen's Neural Networks and Deep Learning, chapter 5. `--plot FILE`
draws the map.
"""

import numpy as np

from tinygrad_sig import grad, layers, logit, sigmoid, sigmoid_chain, trace
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import COLOURS, heat
from tinygrad_sig.show.text import power_of_ten

slope = grad(lambda x: np.sum(sigmoid(x)))  # The gradient of a sum of f has f′ of each element.
DEPTH, CHAINS, SHIFT = 50, 10_000, 1e-5


def zero(f, x: float) -> float:
    """A zero of f by Newton's method, x ← x − f(x)/f′(x)."""
    for _ in range(20):
        x -= float(f(x) / grad(f)(x))
    assert abs(f(x)) < 1e-14
    return x


def width(w):
    """How long the interval of a with |w·σ′(w·a + b)| ≥ 1 is, whatever b is, for w ≥ 4 (Nielsen, chapter 5)."""
    return 2 / w * np.log(w * (1 + np.sqrt(1 - 4 / w)) / 2 - 1)


T = zero(grad(lambda t: t * grad(sigmoid)(t)), 1.0)  # Where t·σ′(t) is largest,
Z = zero(grad(lambda z: z * sigmoid(-z)), 1.0)  # where z·(1 − σ(z)) is,
WIDEST = zero(grad(width), 6.0)  # and where the interval is longest.


def random_weights(rng: np.random.Generator) -> None:
    bound, relative = 2 * T * slope(T), Z * sigmoid(-Z)
    x, weights = rng.uniform(0.01, 1, CHAINS), 10 ** rng.uniform(-2, 3, (DEPTH, CHAINS))
    steps = trace(sigmoid_chain(x, weights), np.ones(CHAINS))
    back = [step for step in steps if step.op == "sigmoid"]
    largest = max(np.max(w * step.local) for w, step in zip(weights[:0:-1], back[:-1], strict=True))
    ratio = max(np.max(step.value * sigmoid(-step.value)) for step in back)
    print("1. Positive weights, no biases, x > 0. With t = w·a a factor w·σ′(w·a) is t·σ′(t)/a. From layer 2")
    print(f"   on a > ½, and t·σ′(t) is largest at t = {T:.6f}: no factor there exceeds {bound:.6f}.")
    print(f"   Also dy/dx = (y/x)·∏ z·(1 − a), and z·(1 − σ(z)) is at most {relative:.6f}, Lambert's W(1/e).")
    print(f"   In {CHAINS:,} chains of {DEPTH} random weights from 0.01 to 1000 the largest factor after layer 1")
    print(f"   is {largest:.6f}, the largest z·(1 − a) is {ratio:.6f}, and every dy/dx is below W(1/e)ⁿ/x.")
    first = layers(sigmoid_chain(0.0, [1e6]))[0].factor
    print(f"   Layer 1 alone can be huge near x = 0: at x = 0 a first weight of 1e6 makes it {first:,.0f}.\n")
    assert np.isclose(relative * np.exp(relative), 1 / np.e, rtol=1e-14)
    assert 0.99 * bound < largest <= bound
    assert 0.99 * relative < ratio <= relative * (1 + 1e-14)
    assert np.all(steps.gradient("x") <= relative**DEPTH / x)

    print(f"2. Weights of both signs, N(0, s²): of {CHAINS:,} chains of 10 layers so many have |dy/dx| > 1\n")
    print("        s   no biases   biases −w/2")
    for s in (1, 4, 8, 16, 64):
        weights = rng.normal(size=(10, CHAINS)) * s
        chains = sigmoid_chain(x, weights), sigmoid_chain(x, weights, -weights / 2)
        shares = [np.mean(abs(trace(y, np.ones(CHAINS)).gradient("x")) > 1) for y in chains]
        print(f"   {s:6d}{100 * shares[0]:10.2f} %{100 * shares[1]:12.2f} %")
        assert shares[0] < 0.001
        assert shares[1] < 0.1


def equal_weights() -> None:
    print("\n3. Chains that stay where they start, because σ(w·x + b) = x, with z near 0\n")
    print(f"          w       b         x   every factor   dy/dx, {DEPTH} layers   from x + {SHIFT:.5f}   from x = 1")
    edge = -Z / sigmoid(-Z)
    starts = [(w, 0.0, zero(lambda a, w=w: sigmoid(w * a) - a, 0.2)) for w in (-5.0, -8.0, -20.0)]
    for w, b, x in starts + [(w, -w / 2, 0.5) for w in (2.0, 4.0, 8.0, 100.0)]:
        chains = [layers(sigmoid_chain(a, [w] * DEPTH, [b] * DEPTH))[::-1] for a in (x, x + SHIFT, 1.0)]
        sizes = [power_of_ten(chain[0].running, chain[0].sign) for chain in chains]
        print(f"   {w:8.2f}{b:8.2f}{x:10.6f}{chains[0][0].factor:15.6f}" + "{:>19}{:>19}{:>13}".format(*sizes))
        assert (chains[0][0].running > 1e-9) == (w < edge or w > 4)
        assert chains[2][0].running < 1e-9
        if w == 8:
            exploded, some = chains[0][0].gradient, [chains[1][n - 1] for n in (1, 5, 10, 12, 14, 16, 18, 20, DEPTH)]
    print(f"\n   Beyond w = {edge:.4f} negative weights can explode, from exactly this x; there |w|·a·(1 − a) = 1,")
    print("   and w = −Z/σ(−Z) with Z = 1 + W(1/e). Biases −w/2 put every z at 0, where a factor is w/4: for")
    print(f"   w = 8, {DEPTH} layers give {exploded:,.0f}, which is 2^{DEPTH}. But then layer n moves by 2ⁿ times")
    print(f"   a shift of x: what explodes drives itself away from z = 0. From x + {SHIFT:.5f}:\n")
    print("   layer " + "".join(f"{layer.layer:9d}" for layer in some))
    print("   a − ½ " + "".join(f"{layer.activation - 0.5:9.5f}" for layer in some))
    print("   factor" + "".join(f"{layer.factor:9.5f}" for layer in some))
    assert np.isclose(Z - 1, Z * sigmoid(-Z), rtol=1e-14), "both are W(1/e)"
    assert exploded == 2**DEPTH
    assert some[0].factor > 1.99 > 0.2 > some[-1].factor

    print("\n4. How near to 0? |w·σ′(w·a + b)| ≥ 1 holds for a in an interval, which is widest, whatever b is,")
    one, four, hundred = width(WIDEST), width(4.0), width(100.0)
    print(f"   at |w| = {WIDEST:.6f}: {one:.6f} (≈ 0.45 at ≈ 6.9, quoted, Nielsen, chapter 5). At |w| = 4 it")
    print(
        f"   has width {four:g}, at 100 {hundred:.4f}. The widest is the bound of part 1: where it ends σ′(t) is 1/|w|,"
    )
    print("   and 2·t/|w| is 2·t·σ′(t). Larger weights make the factor larger, and harder to hit.")
    assert np.isclose(width(WIDEST), 2 * T * slope(T), rtol=1e-14)
    assert all(np.isclose(w * slope(w * width(w) / 2), 1, rtol=1e-12) for w in (4.0, WIDEST, 100.0))


def picture():
    figure, (left, right) = new_figure(1, 2, size=(12, 5.2))
    w, a = np.linspace(-30, 30, 601), np.linspace(0.001, 0.999, 500)
    labels = {"xlabel": "weight w", "ylabel": "activation a of the layer before", "value": "log₁₀|w·σ′(w·a + b)|"}
    for axes, middle, name in (left, 0, "No biases"), (right, 0.5, "Biases b = −w/2"):
        sizes = np.log10(np.maximum(abs(w) * slope(w * (a[:, None] - middle)), 1e-99))
        title = f"{name}: above 1 (log above 0) inside the black lines"
        heat(w, a, sizes, axes, outline=0, limit=1, title=title, **labels)
        still = logit(a) / (a - middle)  # The weight for which σ(w·a + b) = a.
        still[abs(still) > 30] = np.nan
        for x, y in [(still, a), (w, 0 * w + 0.5)] if axes is right else [(still, a)]:
            axes.plot(x, y, color="white", linewidth=4)
            line = axes.plot(x, y, "--", color=COLOURS[0], linewidth=2, label="σ(w·a + b) = a: where a chain can stay")
    left.text(17, 0.75, "w > 0: from layer 2\non a is above ½,\nfar from the region", color="white", ha="center")
    right.plot([WIDEST] * 2, 0.5 + np.array([-0.5, 0.5]) * width(WIDEST), "k-_", markersize=12, linewidth=1.2)
    right.text(WIDEST + 1, 0.575, f"widest: {width(WIDEST):.4f}\nat |w| = {WIDEST:.4f}", va="center")
    figure.legend(handles=line, loc="outside lower center", frameon=False)
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    print("Large initial weights and many layers make sigmoid gradients explode (quoted in substance, 1.2.5)?\n")
    random_weights(np.random.default_rng(0))
    equal_weights()
    if path is not None:
        save(picture(), path)


if __name__ == "__main__":
    main()
