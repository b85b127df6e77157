"""Sections 1.2.1 and 1.2.2 of the exercise sheet: σ′ is at most ¼, and never 0, though most ways to compute it say 0.

The sheet (VDL1, November 2023) bounds σ′ by hand; here σ, σ′ and σ″ come from the engine, and each way to compute σ′
is followed into the tail until it fails. `--all` prints more of both; `--plot FILE` draws the sheet's Figure 1, with
the tails beside it.
"""

from decimal import Decimal

import numpy as np

from tinygrad_sig import grad, sigmoid
from tinygrad_sig.show.figure import file_and_all, new_figure, save
from tinygrad_sig.show.plots import lines
from tinygrad_sig.show.text import power_of_ten, say

slope = grad(lambda x: np.sum(sigmoid(x)))  # The gradient of a sum of f has f′ of each element.
bend = grad(lambda x: np.sum(slope(x)))
WAYS = {
    "the engine": slope,
    "y·(1 − y)": lambda x: sigmoid(x) * (1 - sigmoid(x)),
    "eˣ/(eˣ + 1)²": lambda x: np.exp(x) / (np.exp(x) + 1) ** 2,  # As the sheet prints it (1.2.2).
}


def maximum(everything: bool) -> None:
    print("     x         σ(x)        σ′(x)        σ″(x)   σ″ of the sheet")
    for x in (-2.0, -1.0, 0.0, 1.0, 2.0):
        sheet = (np.exp(x) - 1) * np.exp(x) / (np.exp(x) + 1) ** 3
        if everything or abs(x) < 2:
            print(f"{x:6.1f}{sigmoid(x):13.6f}{slope(x):13.6f}{bend(x):13.6f}{sheet:18.6f}")
        assert np.isclose(bend(x), -sheet, rtol=1e-13)
    x = np.linspace(0.01, 40, 4000)
    assert np.allclose(sigmoid(-x), 1 - sigmoid(x), rtol=0, atol=1e-15)
    assert np.allclose(slope(-x), slope(x), rtol=1e-15, atol=0)
    assert np.array_equal(bend(-x), -bend(x))
    assert slope(0.0) == 0.25 > slope(x).max()
    assert bend(-x).min() > 0 > bend(x).max()
    print()
    say(
        f"σ′ is largest at 0, where it is {slope(0.0)}, as the sheet says (quoted, 1.2.2). A sign has slipped in its "
        "σ″ = (eˣ−1)·eˣ/(eˣ+1)³ (quoted, 1.2.2): left of its maximum σ′ rises, so σ″ > 0 there; right of it σ′ falls, "
        "so σ″ < 0."
    )
    if everything:
        say(f"Symmetric at {len(x)} points: σ(−x) = 1 − σ(x), σ′(−x) = σ′(x), σ″(−x) = −σ″(x).")
    say(f"Derivatives multiply (1.2.1): the slopes of five sigmoids make at most ¼⁵ = {slope(0.0) ** 5:.6f}.")


def tail(everything: bool) -> None:
    print()
    say("σ′ is never 0, in mathematics. In float64 (eˣ/(eˣ + 1)² is the sheet's; quoted, 1.2.2):")
    ways = WAYS | ({"in float32": lambda x: slope(np.float32(x))} if everything else {})
    print("    x   σ′ exactly" + "".join(f"{name:>14}" for name in ways))
    for x in map(float, (0, 1, 10, 17, 30, 37, 40, 88, 104, 355, 708, 710, 745, 746)):
        exact = Decimal(-x).exp() / (1 + Decimal(-x).exp()) ** 2  # Decimals have exponents down to −999999.
        found = [float(f(x)) for f in ways.values()]
        if everything or x in (0, 30, 40, 355, 745, 746):
            cells = "".join(f"{f'{y:.2e}' if y else '0':>14}" for y in found)
            print(f"{x:5.0f}{power_of_ten(float(exact.log10())):>13}{cells}")
        assert exact > 0
        assert x > 708 or abs(Decimal(found[0]) / exact - 1) < 1e-15, "the engine has all digits"
    print(f"\n{'':12}   {'0 in float32 from x =':>22}   {'0 in float64 from x =':>22}")
    x = np.arange(0, 1000, 0.01)
    for name, f in WAYS.items():
        ends = []
        for dtype in (np.float32, np.float64):
            y, smallest = f(x.astype(dtype)), float(np.finfo(dtype).smallest_subnormal)
            end, last = x[~(y > 0)][0], np.log(2) - np.log(smallest)
            ends.append(f"{end:.2f}" + (f", nan {x[np.isnan(y)][0]:.2f}" if np.isnan(y).any() else ""))
            assert abs(end - last) < 0.02 if f is slope else end < last
        print(f"{name:12}   {ends[0]:>22}   {ends[1]:>22}")
    print()
    say(
        "So a slope of 0 is mostly not the truth but the formula: y is rounded to 1, and 1 − y to 0; (eˣ + 1)² becomes "
        "infinite, and then eˣ does. The engine ends only where the numbers of the dtype end, at x = 745 with the "
        "smallest float64 that there is."
    )


def picture():
    figure, (left, right) = new_figure(1, 2, size=(11, 4.2))
    x, far = np.linspace(-8, 8, 401), np.linspace(-120, 120, 4801)
    left.axhline(0.25, color="0.8", zorder=0)
    lines(x, {"σ": sigmoid(x), "σ′": slope(x)}, left, xlabel="x", ylabel="value", title="σ′ is at most ¼, at x = 0")
    right.plot(far, slope(far), color="0.85", linewidth=7, label="engine, float64")
    textbook, short = WAYS["y·(1 − y)"], far.astype(np.float32)
    ways = {"engine, float32": slope(short), "y·(1 − y), float64": textbook(far), "y·(1 − y), float32": textbook(short)}
    ways = {name: np.maximum(y, 1e-99, dtype=float) for name, y in ways.items()}  # 0 has no place on the axis.
    lines(far, ways, right, xlabel="x", ylabel="σ′(x)", yscale="log", ylim=(1e-56, 10))
    right.set_title("y·(1 − y) drops to 0 long before σ′ does")
    right.legend(loc="upper left", frameon=False)
    return figure


def main() -> None:
    path, everything = file_and_all(__doc__.splitlines()[0], "more x, and the engine in float32")
    say(
        "How large can the slope of a sigmoid be, and can it be 0? At most ¼, at x = 0, and never 0; but two usual "
        "ways to compute it, y·(1 − y) among them, say 0 in the tails, where the engine does not."
    )
    print()
    maximum(everything)
    with np.errstate(over="ignore", invalid="ignore"):
        tail(everything)
    if path is not None:
        save(picture(), path)


if __name__ == "__main__":
    main()
