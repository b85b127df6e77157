"""Section 1.2.5 of the exercise sheet: when the gradient of a chain of sigmoids explodes, and how little stops it.

The sheet (VDL1, November 2023) says that large initial weights and many layers make it explode. That takes more: every
z must stay near 0. How near is the interval of Nielsen's Neural Networks and Deep Learning, chapter 5. `--plot FILE`
draws the map.
"""

from pathlib import Path

import numpy as np

from tinygrad_sig import grad, layers, logit, sigmoid, sigmoid_chain, trace
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import COLOURS, heat
from tinygrad_sig.show.text import power_of_ten

slope = grad(lambda x: np.sum(sigmoid(x)))  # The gradient of a sum of f has f′ of each element.
DEPTH, CHAINS = 50, 10_000


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
    print(f"   Also ∂y/∂x = (y/x)·∏ z·(1 − a), and z·(1 − σ(z)) is at most {relative:.6f}, Lambert's W(1/e).")
    print(f"   In {CHAINS:,} chains of {DEPTH} random weights from 0.01 to 1000 the largest factor after layer 1")
    print(f"   is {largest:.6f}, the largest z·(1 − a) is {ratio:.6f}, and every ∂y/∂x is below W(1/e)ⁿ/x.\n")
    assert np.isclose(relative * np.exp(relative), 1 / np.e, rtol=1e-14)
    assert 0.99 * bound < largest <= bound
    assert 0.99 * relative < ratio <= relative * (1 + 1e-14)
    assert np.all(steps.gradient("x") <= relative**DEPTH / x)

    print(f"2. Weights of both signs, N(0, s²): of {CHAINS:,} chains of 10 layers so many have |∂y/∂x| > 1\n")
    print("        s   no biases   biases −w/2")
    for s in (1, 4, 8, 16, 64):
        weights = rng.normal(size=(10, CHAINS)) * s
        chains = sigmoid_chain(x, weights), sigmoid_chain(x, weights, -weights / 2)
        shares = [np.mean(abs(trace(y, np.ones(CHAINS)).gradient("x")) > 1) for y in chains]
        print(f"   {s:6d}{shares[0]:12.2%}{shares[1]:14.2%}")
        assert shares[0] < 0.001
        assert shares[1] < 0.1


def equal_weights() -> None:
    print("\n3. Chains that stay where they start, because σ(w·x + b) = x, with z near 0\n")
    print(f"          w       b         x   every factor   ∂y/∂x, {DEPTH} layers   the same from x + 0.00001")
    edge = -Z / sigmoid(-Z)
    starts = [(w, 0.0, zero(lambda a, w=w: sigmoid(w * a) - a, 0.2)) for w in (-5.0, -8.0, -20.0)]
    for w, b, x in starts + [(w, -w / 2, 0.5) for w in (2.0, 4.0, 8.0, 100.0)]:
        here, near = (layers(sigmoid_chain(a, [w] * DEPTH, [b] * DEPTH))[::-1] for a in (x, x + 1e-5))
        sizes = [power_of_ten(chain[0].running, chain[0].sign) for chain in (here, near)]
        print(f"   {w:8.2f}{b:8.2f}{x:10.6f}{here[0].factor:15.6f}{sizes[0]:>19}{sizes[1]:>28}")
        assert (here[0].running > 1e-9) == (w < edge or w > 4)
        assert b == 0 or np.isclose(here[0].running, DEPTH * np.log10(w / 4), rtol=1e-12)
        if w == 8:
            exploded, some = here[0].gradient, [near[n - 1] for n in (1, 5, 10, 12, 14, 16, 18, 20, 50)]
    print(f"\n   Negative weights explode beyond w = {edge:.4f}. Biases −w/2 put every z at 0, where a factor is")
    print(f"   w/4: for w = 8 fifty layers give {exploded:,.0f}, which is 2⁵⁰. But then layer n moves")
    print("   by 2ⁿ times a shift of x: what explodes drives itself away from z = 0. From x + 0.00001:\n")
    print("   layer " + "".join(f"{layer.layer:9d}" for layer in some))
    print("   a − ½ " + "".join(f"{layer.activation - 0.5:9.5f}" for layer in some))
    print("   factor" + "".join(f"{layer.factor:9.5f}" for layer in some))
    assert exploded == 2**DEPTH
    assert some[0].factor > 1.99
    assert some[-1].factor < 0.2


def interval() -> None:
    print("\n4. How near to 0? |w·σ′(w·a + b)| ≥ 1 holds for a in an interval of this width, whatever b is\n")
    sizes = (4.0, 5.0, WIDEST, 10.0, 20.0, 100.0)
    print("   |w|  " + "".join(f"{w:10.4f}" for w in sizes))
    print("   width" + "".join(f"{width(w):10.6f}" for w in sizes))
    print(
        f"\n   Widest, by Newton's method: {width(WIDEST):.6f} at |w| = {WIDEST:.6f}; ≈ 0.45 at ≈ 6.9 (quoted, Nielsen,"
    )
    print("   chapter 5). It is the bound of part 1 again: where the interval ends σ′(t) is 1/|w|, so that its")
    print("   width 2·t/|w| is 2·t·σ′(t). Larger weights make the factor larger, and harder to hit.")
    assert np.isclose(width(WIDEST), 2 * T * slope(T), rtol=1e-14)
    assert all(np.isclose(w * slope(w * width(w) / 2), 1, rtol=1e-12) for w in sizes)


def draw(path: Path) -> None:
    figure, (left, right) = new_figure(1, 2, size=(12, 5.2))
    w, a = np.linspace(-30, 30, 601), np.linspace(0.001, 0.999, 500)
    labels = {"xlabel": "weight w", "ylabel": "activation a of the layer before", "value": "log₁₀|w·σ′(w·a + b)|"}
    for axes, middle, name in (left, 0, "No biases"), (right, 0.5, "Biases b = −w/2"):
        sizes = np.log10(np.maximum(abs(w) * slope(w * (a[:, None] - middle)), 1e-99))
        heat(w, a, sizes, axes, outline=0, limit=1, title=f"{name}: above 1 inside the black lines", **labels)
        still = logit(a) / (a - middle)  # The weight for which σ(w·a + b) = a.
        still[abs(still) > 30] = np.nan
        for x, y in [(still, a), (w, 0 * w + 0.5)] if axes is right else [(still, a)]:
            axes.plot(x, y, color="white", linewidth=4)
            line = axes.plot(x, y, "--", color=COLOURS[0], linewidth=2, label="σ(w·a + b) = a: where a chain can stay")
    left.text(17, 0.75, "w > 0: from layer 2\non a is above ½,\nfar from the region", color="white", ha="center")
    right.plot([WIDEST] * 2, 0.5 + np.array([-0.5, 0.5]) * width(WIDEST), "k-_", markersize=12, linewidth=1.2)
    right.text(WIDEST + 1, 0.575, f"widest: {width(WIDEST):.4f}\nat |w| = {WIDEST:.4f}", va="center")
    figure.legend(handles=line, loc="outside lower center", frameon=False)
    save(figure, path)


if __name__ == "__main__":
    path = file_to_draw(__doc__.splitlines()[0])
    print("Large initial weights and many layers make sigmoid gradients explode (quoted in substance, 1.2.5)?\n")
    random_weights(np.random.default_rng(0))
    equal_weights()
    interval()
    if path is not None:
        draw(path)
