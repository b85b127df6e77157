"""Section 1.2.4 of the exercise sheet: how the gradient at the input of a chain of sigmoids vanishes with depth.

The sheet (VDL1, November 2023) says that weights below 1 make gradients shrink. So does every other weight here: 4,
which seems to make up for σ′ ≤ ¼, does worse than 1, and the best positive one loses too. `--plot FILE` draws it.
"""

from bisect import bisect_left

import numpy as np

from tinygrad_sig import grad, layers, relu, sigmoid, sigmoid_chain, trace
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import decay
from tinygrad_sig.show.text import power_of_ten

DTYPES = np.float32, np.float64


def steps(weight, depth, dtype=np.float64, f=sigmoid):
    """The backward pass through so many layers of one weight, x = 1."""
    return trace(sigmoid_chain(dtype(1), [dtype(weight)] * depth, activation=f))


def first_zeros(weight) -> list[int]:
    """The smallest depths at which dy/dx is 0, in float32 and in float64, by halving an interval."""
    return [1 + bisect_left(range(1, 2000), True, key=lambda n: steps(weight, n, t).gradient("x") == 0) for t in DTYPES]


def by_depth() -> None:
    print("Weights below 1 make the gradient shrink (quoted in substance, 1.2.4). With 1 it shrinks as well:")
    print("depth  dy/dx, float32   float64  by logarithms    bound ¼ⁿ")
    ends = first_zeros(1.0)
    for depth in sorted({1, 2, 5, 10, 50, 100, *ends}):
        single, double = (steps(1.0, depth, dtype).gradient("x") for dtype in DTYPES)
        size, bound = steps(1.0, depth).magnitude("x")[0], 0.25**depth
        print(f"{depth:5d}{single:16.3e}{double:12.3e}{power_of_ten(size):>14}{bound:13.3e}")
        assert size < np.log10(bound)
    print(f"float32 has 0 from {ends[0]} layers on, float64 from {ends[1]}. No factor is 0: their logarithms add up.\n")


def best_weight() -> float:
    slope, w = grad(lambda w: np.log(grad(lambda x: sigmoid_chain(x, [w] * 5))(1.0))), 1.0
    print("The best positive weight for five layers and x = 1: uphill on f(w) = log dy/dx by w ← w + f′/|f″|")
    for step in range(6):
        print(f"step {step}   w = {w:.8f}   f′(w) = {slope(w):9.2e}   dy/dx = {steps(w, 5).gradient('x'):.8f}")
        w += float(slope(w) / abs(grad(slope)(w)))
    best = steps(w, 5).gradient("x")
    print(f"Even w = {w:.3f} loses: on average a layer leaves {best**0.2:.3f} of the gradient.\n")
    assert abs(slope(w)) < 1e-12
    assert all(steps(other, 5).gradient("x") <= best for other in np.arange(0.1, 20, 0.1)), "no other hill is higher"
    return w


def by_weight(best: float) -> None:
    print("     w   dy/dx, 5 layers   bound ∏|w|/4ⁿ   100 layers   0 in float32 from   in float64 from")
    for w in (0.1, 0.5, 1.0, best, 4.0, 10.0):
        five, bound, far = steps(w, 5).gradient("x"), (w / 4) ** 5, steps(w, 100).magnitude("x")[0]
        print(f"{w:6.4g}{five:18.1e}{bound:16.1e}{power_of_ten(far):>13}" + "{:18d}{:18d}".format(*first_zeros(w)))
        assert five < bound
    last, less = layers(steps(4.0, 5))[0], steps(1.0, 5).gradient("x") / steps(4.0, 5).gradient("x")
    print(f"4·¼ = 1, yet w = 4 leaves {less:.0f} times less than w = 1 after five layers: σ′ is ¼ only at z = 0,")
    print(f"and a weight of 4 drives z to {last.preactivation:.2f}, where σ′ is {last.local_derivative:.4f}.\n")
    assert less > 200
    for f, w in (sigmoid, best), (np.tanh, 1.0), (relu, 1.0):
        sizes = [steps(w, depth, f=f).magnitude("x")[0] for depth in (5, 50, 500)]
        print(f"{f.__name__:7} w = {w:<5.4g}  dy/dx after 5, 50, 500 layers: {'   '.join(map(power_of_ten, sizes))}")
        assert sizes[2] < -200 if f is sigmoid else sizes[2] > -4
    print("The slopes of relu and tanh reach 1: at w = 1 relu loses nothing, and tanh falls slowly.")


def picture(best: float):
    (figure, axes), series = new_figure(1, 1, size=(8, 5)), {}
    for f, w in (relu, 1), (np.tanh, 1), (sigmoid, best), (sigmoid, 1), (sigmoid, 4), (sigmoid, 0.1), (sigmoid, 10):
        factors = [layer.log10 for layer in reversed(layers(steps(w, 100, f=f)))]  # The first n are those of n layers.
        series[f"{'σ' if f is sigmoid else f.__name__}, w = {w:.4g}"] = np.cumsum([0.0, *factors])
    decay(series, axes, "dy/dx").legend(loc="lower left", bbox_to_anchor=(0, 0.08), frameon=False)
    for dtype in DTYPES:
        limit = np.log10(np.finfo(dtype).smallest_subnormal)
        axes.axhline(limit, color="0.6", linewidth=0.8, zorder=0)
        axes.text(1.01, limit, f"{dtype.__name__}\nends", transform=axes.get_yaxis_transform(), va="center")
    axes.set(xlabel="layers", title="The gradient at the input of a chain, x = 1")
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    by_depth()
    best = best_weight()
    by_weight(best)
    if path is not None:
        save(picture(best), path)


if __name__ == "__main__":
    main()
