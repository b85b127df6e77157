"""Section 1.2.4 of the exercise sheet: how the gradient at the input of a chain of sigmoids vanishes with depth.

The sheet (VDL1, November 2023) says that weights below 1 make gradients shrink. So does every other weight here: 4,
which seems to make up for σ′ ≤ ¼, does worse than 1, and the best positive one loses too. `--plot FILE` draws it.
"""

from bisect import bisect_left

import numpy as np

from tinygrad_sig import grad, layers, relu, sigmoid, sigmoid_chain, trace
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import decay, dtype_ends
from tinygrad_sig.show.text import power_of_ten, say

DTYPES = np.float32, np.float64


def steps(weight, depth, dtype=np.float64, f=sigmoid):
    """The backward pass through so many layers of one weight, x = 1."""
    return trace(sigmoid_chain(dtype(1), [dtype(weight)] * depth, activation=f))


def first_zeros(weight) -> list[int]:
    """The smallest depths at which dy/dx is 0, in float32 and in float64, by halving an interval."""
    return [1 + bisect_left(range(1, 2000), True, key=lambda n: steps(weight, n, t).gradient("x") == 0) for t in DTYPES]


def by_depth() -> None:
    say("1. Weights below 1 make the gradient shrink (quoted in substance, 1.2.4). With 1 it shrinks as well:")
    print("\ndepth  dy/dx, float32   float64  by logarithms    bound ¼ⁿ")
    ends = first_zeros(1.0)
    for depth in sorted({1, 2, 5, 10, 50, 100, *ends}):
        single, double = (steps(1.0, depth, dtype).gradient("x") for dtype in DTYPES)
        size, bound = steps(1.0, depth).magnitude("x")[0], 0.25**depth
        print(f"{depth:5d}{single:16.3e}{double:12.3e}{power_of_ten(size):>14}{bound:13.3e}")
        assert size < np.log10(bound)
    print()
    say(f"float32 has 0 from {ends[0]} layers on, float64 from {ends[1]}. No factor is 0: their logarithms add up.")


def best_weight() -> float:
    slope, w = grad(lambda w: np.log(grad(lambda x: sigmoid_chain(x, [w] * 5))(1.0))), 1.0
    print()
    say("2. The best positive weight for five layers and x = 1, uphill on f(w) = log dy/dx by w ← w + f′/|f″|:")
    print()
    for step in range(6):
        print(f"step {step}   w = {w:.8f}   f′(w) = {slope(w):9.2e}   dy/dx = {steps(w, 5).gradient('x'):.8f}")
        w += float(slope(w) / abs(grad(slope)(w)))
    best = steps(w, 5).gradient("x")
    print()
    say(f"Even w = {w:.3f} loses: on average a layer leaves {best**0.2:.3f} of the gradient.")
    assert abs(slope(w)) < 1e-12
    assert all(steps(other, 5).gradient("x") <= best for other in np.arange(0.1, 20, 0.1)), "no other hill is higher"
    return w


def by_weight(best: float) -> None:
    print()
    say(
        "3. Every weight loses, and beyond the best one larger ones lose more. dy/dx, and the depth from which it is 0:"
    )
    print("\n     w    5 layers   bound ∏|w|/4ⁿ   100 layers   in float32   in float64")
    for w in (0.1, 0.5, 1.0, best, 4.0, 10.0):
        five, bound, far = steps(w, 5).gradient("x"), (w / 4) ** 5, steps(w, 100).magnitude("x")[0]
        print(f"{w:6.4g}{five:12.1e}{bound:16.1e}{power_of_ten(far):>13}" + "{:13d}{:13d}".format(*first_zeros(w)))
        assert five < bound
    last, less = layers(steps(4.0, 5))[0], steps(1.0, 5).gradient("x") / steps(4.0, 5).gradient("x")
    print()
    say(
        f"4·¼ = 1, yet w = 4 leaves {less:.0f} times less than w = 1 after five layers: σ′ is ¼ only at z = 0, and a "
        f"weight of 4 drives z to {last.preactivation:.2f}, where σ′ is {last.local_derivative:.4f}. (The units of a "
        "wide layer stay near z = 0, and profit from such weights: see early_layers_learn_slowly.)"
    )
    print("\n4. Other activations: dy/dx after 5, 50 and 500 layers\n")
    assert less > 200
    for f, w in (sigmoid, best), (np.tanh, 1.0), (relu, 1.0):
        sizes = [steps(w, depth, f=f).magnitude("x")[0] for depth in (5, 50, 500)]
        print(f"{f.__name__:7} w = {w:<5.4g}  {'   '.join(map(power_of_ten, sizes))}")
        assert sizes[2] < -200 if f is sigmoid else sizes[2] > -4
    print()
    say(
        "So the gradient of a chain of sigmoids vanishes for every positive weight; what helps is another slope. Those "
        "of relu and tanh reach 1: at w = 1 relu loses nothing, and tanh falls slowly."
    )


def picture(best: float):
    (figure, axes), series = new_figure(1, 1, size=(9.5, 5.4)), {}
    for f, w in (relu, 1), (np.tanh, 1), (sigmoid, best), (sigmoid, 1), (sigmoid, 4), (sigmoid, 0.1), (sigmoid, 10):
        factors = [layer.log10 for layer in reversed(layers(steps(w, 100, f=f)))]  # The first n are those of n layers.
        series[f"{'σ' if f is sigmoid else f.__name__}, w = {w:.4g}"] = np.cumsum([0.0, *factors])
    decay(series, axes, "dy/dx")
    dtype_ends(axes, DTYPES, series["σ, w = 10"])
    near = axes.inset_axes((0.07, 0.13, 0.36, 0.34))
    decay({name: series[name] for name in ("relu, w = 1", "tanh, w = 1")}, near, "dy/dx")
    near.set(title="at the top: relu and tanh", xlabel="", ylabel="", ylim=(-3, 0.5))
    near.get_legend().remove()
    axes.set(xlabel="layers", title="w = 4 vanishes faster than w = 1; only relu does not vanish")
    axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.13, 1))
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    say(
        "A gradient goes back through a chain of sigmoids, and each layer multiplies it by w·σ′(z). Here one sees it "
        "vanish: with the depth, for every positive weight, and to 0 where the numbers of the computer end."
    )
    print()
    by_depth()
    best = best_weight()
    by_weight(best)
    if path is not None:
        save(picture(best), path)


if __name__ == "__main__":
    main()
