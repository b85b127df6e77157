"""Float16 loses small gradients that are no 0: how a scaled loss brings them back, and how to find the scale.

Mixed precision (Micikevicius et al. 2018) computes in float16, keeps the weights in float32, multiplies the loss by
2^k and divides its gradients by it: what was too small for float16 is then a number. `--plot FILE` draws it.
"""

from itertools import pairwise

import numpy as np

from tinygrad_sig import Tensor, gradient_norms, sigmoid_chain, trace
from tinygrad_sig.nn import MLP, cross_entropy, standard
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import lines
from tinygrad_sig.show.text import power_of_ten, say

SIZES, LARGEST, STEPS, PATIENCE = [20, *[30] * 7, 5], 20, 60, 10


def half(rng, n_in: int, n_out: int):
    """The weights that were in common use (`standard`), in float16."""
    return tuple(array.astype(np.float16) for array in standard(rng, n_in, n_out))


def four_states() -> None:
    x, constant = Tensor(np.float16(1), name="x"), Tensor(np.float16(1), name="c", requires_grad=False)
    for depth, scale in (8, 1), (12, 1), (12, 1024):
        y = sigmoid_chain(x, [np.float16(1)] * depth) * np.float16(1) + constant
        steps = trace(y, np.float16(scale))
        gradient, size = float(steps.gradient("x")) / scale, power_of_ten(steps.magnitude("x")[0] - np.log10(scale))
        print(f"   {depth:2d} sigmoids, loss × {scale:<5d} dy/dx = {gradient:.3e}, true {size}: {steps.state('x')}")
    print(f"   a Tensor that y never used: {steps.state(Tensor(1.0))}; the constant c: {steps.state(constant)}\n")
    assert trace(sigmoid_chain(x, [np.float16(1)] * 12)).state("x") == "underflowed"
    assert steps.state("x") == "number"
    assert (steps.state(Tensor(1.0)), steps.state(constant)) == ("not connected", "not computed")


def scaled(loss: Tensor, k: int):
    """The health of the layers for a loss that is multiplied by 2^k."""
    with np.errstate(over="ignore", invalid="ignore"):
        return gradient_norms(trace(loss * np.float16(2.0 ** (k // 2)) * np.float16(2.0 ** (k - k // 2))))


def shares(loss: Tensor, ks) -> dict[int, list[float]]:
    print("   % of gradients that are 0 in float16, not in float64, by layer, input first")
    print("   loss × " + "".join(f"{layer:6d}" for layer in range(1, len(SIZES))) + "   largest")
    found = {}
    for k in ks:
        health = scaled(loss, k)
        finite = all(np.isfinite(layer.gradient) for layer in health)
        found[k] = [100 * (layer.underflowed or 0) for layer in health]
        cells = "".join(f"{share:6.1f}" for share in found[k])
        print(f"   2^{k:<5d}{cells}   {max(layer.gradient for layer in health):.1e}{'' if finite else ' overflow'}")
        assert finite == (k < LARGEST)
    return found


def search(net: MLP, X, y) -> list[int]:
    """Train with float32 weights behind float16 ones; k falls by 1 on overflow and rises after PATIENCE good steps."""
    master, k, good, seen, losses = [p.data.astype(np.float32) for p in net], LARGEST, 0, [], []
    for _ in range(STEPS):
        seen.append(k)
        loss = cross_entropy(net(X), y)
        with np.errstate(over="ignore", invalid="ignore"):
            (loss * np.float16(2.0 ** (k // 2)) * np.float16(2.0 ** (k - k // 2))).backward()
        gradients = [parameter.grad.astype(np.float32) / 2.0**k for parameter in net]
        if finite := all(np.all(np.isfinite(gradient)) for gradient in gradients):
            master = [weight - 0.1 * gradient for weight, gradient in zip(master, gradients, strict=True)]
            losses.append(float(loss.data))
        good = good + 1 if finite else 0
        k += (good > 0 and good % PATIENCE == 0) - (not finite)
        for parameter, weight in zip(net, master, strict=True):
            parameter.data = weight.astype(np.float16)
            parameter.zero_grad()
    assert losses[-1] < losses[0]
    return seen


def picture(found: dict[int, list[float]], seen: list[int]):
    figure, (left, right) = new_figure(1, 2, size=(11, 4.6))
    series = {f"loss × 2^{k}": share for k, share in found.items() if k < LARGEST}
    labels = {"xlabel": "layer, from the input", "ylabel": "gradients lost to float16, %"}
    lines(range(1, len(SIZES)), series, left, True, title="A scaled loss brings lost gradients back", **labels)
    labels = {"xlabel": "step of training", "ylabel": "k", "title": "The search: down on overflow, else slowly up"}
    lines(range(1, STEPS + 1), {"loss × 2^k": seen}, right, **labels)
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    say(
        "The numbers of float16 end at 6e-8 and at 65504. One sees which gradients that makes 0, and that a loss "
        "multiplied by 2^k, its gradients divided by 2^k, brings them back."
    )
    print()
    say(
        "1. The four states of a gradient: number, underflowed (0 without a factor 0), not connected (no path leads "
        "there), not computed (a constant)"
    )
    print()
    four_states()
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(100, SIZES[0])).astype(np.float16), rng.integers(SIZES[-1], size=100)
    net = MLP(SIZES, rng, initialiser=half)
    print(f"2. A network of {len(SIZES) - 1} layers of sigmoids\n")
    found = shares(cross_entropy(net(X), y), (0, 4, 8, 12, LARGEST))
    assert found[0][0] > 50 > 5 > found[12][0]
    print()
    say(
        "3. The search for k, while it trains: on overflow the step is left out and k falls by 1; after "
        f"{PATIENCE} good steps it rises by 1 (as Micikevicius et al. 2018)."
    )
    print()
    seen = search(net, X, y)
    print("   k: " + " ".join(map(str, seen[:20])) + " …")
    assert min(seen) < LARGEST
    assert any(after > before for before, after in pairwise(seen))
    print()
    say(
        "The zeros were no zeros: they were too small for the dtype. A power of 2 moves them into its range without "
        "rounding; the search keeps it just below overflow."
    )
    if path is not None:
        save(picture(found, seen), path)


if __name__ == "__main__":
    main()
