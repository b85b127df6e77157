"""Section 1.2.5 of the exercise sheet: when the gradient of a chain of sigmoids explodes, and how little stops it.

The sheet (VDL1, November 2023) says that large initial weights and many layers make it explode. That takes more: every
z must stay near 0, in the interval of Nielsen's Neural Networks and Deep Learning, chapter 5. `--all` prints the bounds
behind it; `--plot FILE` draws where a layer makes the gradient grow.
"""

import numpy as np

from tinygrad_sig import grad, layers, logit, sigmoid, sigmoid_chain, trace
from tinygrad_sig.show.figure import file_and_all, new_figure, save
from tinygrad_sig.show.plots import heat
from tinygrad_sig.show.text import power_of_ten, say

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


def random_weights(everything: bool) -> None:
    rng, bound, relative = np.random.default_rng(0), 2 * T * slope(T), Z * sigmoid(-Z)
    x, weights = rng.uniform(0.01, 1, CHAINS), 10 ** rng.uniform(-2, 3, (DEPTH, CHAINS))
    steps = trace(sigmoid_chain(x, weights), np.ones(CHAINS))
    back = [step for step in steps if step.op == "sigmoid"]
    largest = max(np.max(w * step.local) for w, step in zip(weights[:0:-1], back[:-1], strict=True))
    say(
        "1. Positive weights and no biases never explode: from layer 2 on, where activations are above ½, no factor "
        f"w·σ′(z) exceeds {bound:.4f}. In {CHAINS:,} random chains of {DEPTH} layers the largest is {largest:.4f}."
    )
    if everything:
        say(
            f"   With t = w·a a factor is t·σ′(t)/a, and t·σ′(t) is largest at t = {T:.6f}: at most {bound:.6f} where "
            f"a > ½. Also dy/dx = (y/x)·∏ z·(1 − a), and z·(1 − σ(z)) is at most {relative:.6f}, Lambert's W(1/e): "
            "every dy/dx is below W(1/e)ⁿ/x."
        )
    assert np.isclose(relative * np.exp(relative), 1 / np.e, rtol=1e-14)
    assert 0.99 * bound < largest <= bound
    assert np.all(steps.gradient("x") <= relative**DEPTH / x)


def equal_weights(everything: bool) -> None:
    print()
    say(
        "2. It does explode where biases put every z at 0, or negative weights near it. These chains stay where they "
        f"start, because σ(w·x + b) = x; the last column starts {SHIFT:.5f} beside that."
    )
    print(f"\n        w      b         x    a factor  dy/dx, {DEPTH} layers   from x + {SHIFT:.5f}")
    edge = -Z / sigmoid(-Z)
    starts = [(w, 0.0, zero(lambda a, w=w: sigmoid(w * a) - a, 0.2)) for w in (-5.0, -20.0, -8.0)]
    for w, b, x in starts + [(w, -w / 2, 0.5) for w in (2.0, 100.0, 4.0, 8.0)]:
        exact, shifted = (layers(sigmoid_chain(a, [w] * DEPTH, [b] * DEPTH))[::-1] for a in (x, x + SHIFT))
        size, shifted_size = (power_of_ten(chain[0].running, chain[0].sign) for chain in (exact, shifted))
        if everything or w in (-20, 4, 8):
            print(f"   {w:6.1f}{b:7.1f}{x:10.6f}{exact[0].factor:12.6f}{size:>18}{shifted_size:>19}")
        assert (exact[0].running > 1e-9) == (w < edge or w > 4)
    gone = 1 + max(layer.layer for layer in shifted if layer.factor >= 1)
    print()
    say(
        f"   Biases −w/2 make a factor w/4: w = 8 gives {exact[0].gradient:,.0f}, which is 2^{DEPTH}; without biases w "
        f"must be below {edge:.4f}. But layer n moves by 2ⁿ times a shift of x, away from z = 0: from x + {SHIFT:.5f} "
        f"factors are below 1 from layer {gone} on."
    )
    assert exact[0].gradient == 2**DEPTH
    assert gone < DEPTH / 2


def how_near(everything: bool) -> None:
    print()
    say(
        "3. How near to 0? A factor |w·σ′(w·a + b)| is 1 or more for a in an interval that is, for any b, at most "
        f"{width(WIDEST):.4f} wide, at |w| = {WIDEST:.4f} (≈ 0.45 at ≈ 6.9, quoted, Nielsen, chapter 5)."
    )
    if everything:
        widths = ", ".join(f"{width(w):.6f} at |w| = {w:.4g}" for w in (4.0, WIDEST, 20.0, 100.0))
        say(f"   Widths: {widths}. The widest is the bound of part 1.")
    assert np.isclose(width(WIDEST), 2 * T * slope(T), rtol=1e-14)
    print()
    say(
        "So large weights alone do not make the gradient of a chain explode: they must meet activations that stay in "
        "a narrow interval, and the explosion itself drives them out of it."
    )


def picture():
    figure, panels = new_figure(1, 2, size=(12, 5.2), sharey=True)
    w, a = np.linspace(-30, 30, 601), np.linspace(0.001, 0.999, 500)
    titles = ("No biases: it grows only near a = 0", "Biases −w/2: it grows for a near ½")
    for axes, middle, title in zip(panels, (0, 0.5), titles, strict=True):
        sizes = np.log10(np.maximum(abs(w) * slope(w * (a[:, None] - middle)), 1e-99))
        labels = {"xlabel": "weight w", "ylabel": "activation a of the layer before" if middle == 0 else ""}
        heat(w, a, sizes, axes, outline=0, limit=1, bar=False, **labels)
        axes.set_title(title, fontsize="x-large")
        line = axes.plot(logit(a) / (a - middle), a, "c--", label="σ(w·a + b) = a: where a chain can stay")
        for x in (-21, 21):
            axes.text(x, 0.06 if middle == 0 else 0.44, "grows", ha="center", color="black", fontsize="x-large")
            axes.text(x, 0.7 if middle == 0 else 0.9, "shrinks", ha="center", color="white", fontsize="x-large")
        axes.set_xlim(-30, 30)
    panels[1].axhline(0.5, color="c", linestyle="--")
    bar = figure.colorbar(panels[0].collections[0], ax=panels, extend="min", label="a layer multiplies the gradient by")
    bar.set_ticks([-1, np.log10(0.5), 0, np.log10(2), 1], labels=["0.1", "0.5", "1", "2", "10"])
    figure.legend(handles=line, loc="outside lower center", frameon=False)
    return figure


def main() -> None:
    path, everything = file_and_all(__doc__.splitlines()[0], "the bounds behind each part, and all weights")
    say(
        "Large initial weights and many layers make sigmoid gradients explode (quoted in substance, VDL1, 1.2.5)? Here "
        "is what it takes: biases or signs that keep every z = w·a + b near 0, and little stops it even then."
    )
    print()
    random_weights(everything)
    equal_weights(everything)
    how_near(everything)
    if path is not None:
        save(picture(), path)


if __name__ == "__main__":
    main()
