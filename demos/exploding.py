"""Section 1.2.5 of the exercise sheet: when the gradient of a chain of sigmoids explodes, and how little stops it.

The sheet (VDL1, November 2023) says that large initial weights and many layers make it explode. That takes more: every
z must stay near 0, in the interval of Nielsen's Neural Networks and Deep Learning, chapter 5. `--plot FILE` draws it.
"""

import numpy as np

from tinygrad_sig import grad, layers, logit, sigmoid, sigmoid_chain, trace
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import heat
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


def random_weights() -> None:
    rng, bound, relative = np.random.default_rng(0), 2 * T * slope(T), Z * sigmoid(-Z)
    x, weights = rng.uniform(0.01, 1, CHAINS), 10 ** rng.uniform(-2, 3, (DEPTH, CHAINS))
    steps = trace(sigmoid_chain(x, weights), np.ones(CHAINS))
    back = [step for step in steps if step.op == "sigmoid"]
    largest = max(np.max(w * step.local) for w, step in zip(weights[:0:-1], back[:-1], strict=True))
    print("1. Positive weights, no biases, x > 0. With t = w·a a factor w·σ′(w·a) is t·σ′(t)/a. From layer 2")
    print(f"   on a > ½, and t·σ′(t) is largest at t = {T:.6f}: no factor there exceeds {bound:.6f}.")
    print(f"   Also dy/dx = (y/x)·∏ z·(1 − a), and z·(1 − σ(z)) is at most {relative:.6f}, Lambert's W(1/e).")
    print(f"   In {CHAINS:,} random chains of {DEPTH} the largest is {largest:.6f}, every dy/dx below W(1/e)ⁿ/x.")
    assert np.isclose(relative * np.exp(relative), 1 / np.e, rtol=1e-14)
    assert 0.99 * bound < largest <= bound
    assert np.all(steps.gradient("x") <= relative**DEPTH / x)


def equal_weights() -> None:
    print("\n2. Chains that stay where they start, because σ(w·x + b) = x, with z near 0\n")
    print(f"        w      b         x      a factor   dy/dx, {DEPTH} layers   from x + {SHIFT:.5f}")
    edge = -Z / sigmoid(-Z)
    starts = [(w, 0.0, zero(lambda a, w=w: sigmoid(w * a) - a, 0.2)) for w in (-5.0, -8.0, -20.0)]
    for w, b, x in starts + [(w, -w / 2, 0.5) for w in (2.0, 4.0, 100.0, 8.0)]:
        exact, shifted = (layers(sigmoid_chain(a, [w] * DEPTH, [b] * DEPTH))[::-1] for a in (x, x + SHIFT))
        size, shifted_size = (power_of_ten(chain[0].running, chain[0].sign) for chain in (exact, shifted))
        print(f"   {w:6.1f}{b:7.1f}{x:10.6f}{exact[0].factor:14.6f}{size:>19}{shifted_size:>19}")
        assert (exact[0].running > 1e-9) == (w < edge or w > 4)
    gone = 1 + max(layer.layer for layer in shifted if layer.factor >= 1)
    print(f"\n   Negative weights can explode beyond w = {edge:.4f}. Biases −w/2 put every z at 0, where a factor")
    print(f"   is w/4: w = 8 gives {exact[0].gradient:,.0f}, which is 2^{DEPTH}. But layer n moves by 2ⁿ times")
    print(f"   a shift of x, away from z = 0: from x + {SHIFT:.5f} factors are below 1 from layer {gone} on.")
    assert exact[0].gradient == 2**DEPTH
    assert gone < DEPTH / 2
    print("\n3. How near to 0? |w·σ′(w·a + b)| ≥ 1 holds for a in an interval. Its width, whatever b is:")
    print("   " + ", ".join(f"{width(w):.6f} at |w| = {w:.4g}" for w in (4.0, WIDEST, 20.0, 100.0)) + ".")
    print(f"   The widest is at {WIDEST:.6f} (≈ 0.45 at ≈ 6.9, quoted, Nielsen, chapter 5): the bound of part 1.")
    assert np.isclose(width(WIDEST), 2 * T * slope(T), rtol=1e-14)


def picture():
    figure, panels = new_figure(1, 2, size=(12, 5.2))
    w, a = np.linspace(-30, 30, 601), np.linspace(0.001, 0.999, 500)
    labels = {"xlabel": "weight w", "ylabel": "activation a of the layer before", "value": "log₁₀|w·σ′(w·a + b)|"}
    for axes, middle, name in zip(panels, (0, 0.5), ("No biases", "Biases b = −w/2"), strict=True):
        sizes = np.log10(np.maximum(abs(w) * slope(w * (a[:, None] - middle)), 1e-99))
        heat(w, a, sizes, axes, outline=0, limit=1, title=f"{name}: above 1 inside the black lines", **labels)
        line = axes.plot(logit(a) / (a - middle), a, "c--", label="σ(w·a + b) = a: where a chain can stay")
        axes.set_xlim(-30, 30)
    panels[1].axhline(0.5, color="c", linestyle="--")
    figure.legend(handles=line, loc="outside lower center", frameon=False)
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    print("Large initial weights and many layers make sigmoid gradients explode (quoted in substance, 1.2.5)?\n")
    random_weights()
    equal_weights()
    if path is not None:
        save(picture(), path)


if __name__ == "__main__":
    main()
