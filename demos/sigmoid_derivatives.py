"""Section 1.2.2 of the exercise sheet: σ, σ′, σ″ and σ‴, each by differentiating the one before, and the maximum of σ′.

The sheet (VDL1, November 2023) finds the maximum of σ′ by hand, from σ″ = 0. Here Newton's method does, with σ″ and σ‴
from the engine. `--plot FILE` draws the four curves.
"""

import math

import numpy as np

from tinygrad_sig import grad, sigmoid
from tinygrad_sig.show.figure import file_to_draw, save
from tinygrad_sig.show.plots import lines
from tinygrad_sig.show.text import say

ORDERS = [sigmoid, grad(sigmoid), grad(grad(sigmoid)), grad(grad(grad(sigmoid)))]
NAMES = ["σ", "σ′", "σ″", "σ‴"]


def printed_second_derivative(x: float) -> float:
    """σ″ as the sheet prints it: (eˣ − 1)·eˣ / (eˣ + 1)³."""
    return float((np.exp(x) - 1) * np.exp(x) / (np.exp(x) + 1) ** 3)


def table() -> None:
    print("     x " + "".join(f"{name:>14}" for name in NAMES) + "   of the sheet")
    for x in (-4.0, -2.0, -1.0, 0.0, 1.0, 2.0, 4.0):
        values = [float(f(x)) for f in ORDERS]
        printed = printed_second_derivative(x)
        print(f"{x:6.1f} " + "".join(f"{value:14.9f}" for value in values) + f"{printed:14.9f}")
        assert np.isclose(values[2], -printed, rtol=1e-13), "a sign has slipped in the sheet's σ″"
        assert values[2] * x <= 0, "σ″ is positive left of 0 and negative right of it"


def newton(x: float) -> float:
    """The zero of σ″ by x ← x − σ″(x)/σ‴(x). As σ″ is odd, each step cubes the error."""
    print("\nNewton's method on σ″ = 0\n  step  x                        σ″(x)")
    for step in range(10):
        slope = ORDERS[2](x)
        print(f"  {step:4d}  {x: .17f}   {slope: .3e}")
        if abs(x) < 1e-15:
            break
        error, x = abs(x), x - float(slope / ORDERS[3](x))
        assert abs(x) <= max(error**3, 1e-15)
    return x


def picture():
    x = np.linspace(-8, 8, 401)
    curves = {name: [f(value) for value in x] for f, name in zip(ORDERS, NAMES, strict=True)}
    axes = lines(x, curves, xlabel="x", ylabel="value", title="σ′ is largest where σ″ falls through 0")
    axes.axvline(0, color="0.8", zorder=0)
    return axes.figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    say(
        "Where is the slope of a sigmoid largest? Four derivatives, each the gradient of the one before, and Newton's "
        "method on σ″ = 0. The last column is σ″ as the sheet prints it (quoted, 1.2.2): it has the wrong sign."
    )
    print()
    table()
    top = newton(0.5)
    height, bend = ORDERS[1](top), ORDERS[3](top)
    print()
    say(
        f"So σ′ is largest at x = {abs(top):.1g}, where it is {height:.6f}: σ‴ is {bend:.6f} there, below 0. At a "
        "maximum of σ′ its derivative σ″ falls through 0; the sheet's, of the other sign, would rise."
    )
    assert abs(top) < 1e-15
    assert height == 0.25
    assert math.isclose(bend, -0.125)
    if path is not None:
        save(picture(), path)


if __name__ == "__main__":
    main()
