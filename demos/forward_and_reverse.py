"""Forward and reverse mode multiply the same factors, from opposite ends, and differ in what they cost.

On the five-layer chain forward mode starts at x and carries da_i/dx up, reverse mode starts at y and carries dy/da_i
down. At every cut between two layers the product of the two is dy/dx. `--plot FILE` draws that, and the cost.
"""

import math
from statistics import median
from time import perf_counter

import numpy as np

from tinygrad_sig import Tensor, jacobian, jvp, sigmoid, trace, vjp
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import COLOURS, lines
from tinygrad_sig.show.text import say

WEIGHTS = [0.5, -0.9, 0.8, -0.6, 0.7]
N = 200


def activations(x: Tensor) -> list[Tensor]:
    """[a1, …, a5] of the chain a_i = σ(w_i·a_(i−1))."""
    found = []
    for weight in WEIGHTS:
        x = sigmoid(weight * x)
        found.append(x)
    return found


def meet_in_the_middle() -> tuple[list[float], list[float]]:
    _, up = jvp(activations, (1.0,), (1.0,))
    nodes = activations(Tensor(1.0, name="x"))
    steps = trace(nodes[-1])
    down = [steps.gradient(node) for node in nodes]
    factors = [step.factor for step in reversed(steps) if step.op == "sigmoid"]
    print("layer   factor w·σ′(z)   forward: da_i/dx   reverse: dy/da_i   product")
    for i, (weight, slope, above, below) in enumerate(zip(WEIGHTS, factors, up, down, strict=True), 1):
        print(f"{i:5d}   {weight * slope:14.6f}   {above:16.6e}   {below:16.6e}   {above * below:.6f}")
        assert math.isclose(above * below, up[-1], rel_tol=1e-14)
    assert math.isclose(up[-1], steps.gradient("x"), rel_tol=1e-14)
    print()
    say(
        f"Forward mode ends with dy/dx = {up[-1]:.6e} in layer 5, reverse mode with {steps.gradient('x'):.6e} at x: "
        "both multiply the same factors."
    )
    return up, down


def timed(compute) -> tuple[np.ndarray, float]:
    """What is computed, and the median of three times in ms; the first run, which warms up, is not counted."""
    result, times = compute(), []
    for _ in range(3):
        start = perf_counter()
        compute()
        times.append(1000 * (perf_counter() - start))
    return result, median(times)


def cost() -> dict[str, float]:
    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(N, N)) / N, rng.normal(size=N)

    def to_one(x):
        return np.sum(sigmoid(matrix @ x))

    def to_many(t):
        return sigmoid(matrix @ (t * x))

    units = np.eye(N)
    print("\nThe derivative of            reverse mode            forward mode")
    gradient, by_reverse = timed(lambda: vjp(to_one, x)[1](1.0)[0])
    columns, by_forward = timed(lambda: np.array([jvp(to_one, (x,), (unit,))[1] for unit in units]))
    print(f"{N} inputs, one output    1 pass  {by_reverse:9.2f} ms  {N} passes {by_forward:9.2f} ms")
    np.testing.assert_allclose(gradient, columns, rtol=1e-10)
    times = {f"{N} inputs, one output\nreverse, 1 pass": by_reverse, f"forward, {N} passes": by_forward}

    tangent, by_forward = timed(lambda: jvp(to_many, (1.0,), (1.0,))[1])
    rows, by_reverse = timed(lambda: jacobian(to_many)(1.0))
    print(f"one input, {N} outputs  {N} passes {by_reverse:9.2f} ms    1 pass  {by_forward:9.2f} ms")
    np.testing.assert_allclose(tangent, rows, rtol=1e-10)
    print()
    say(
        f"Why do {N} reverse passes take only {by_reverse / by_forward:.0f} times as long as one forward pass? They "
        f"share one run of the function, whose graph stays, and repeat only the walk back, {by_reverse / N:.2f} ms "
        "each. A forward pass carries its tangent along while the function runs, so each of many runs it anew; and it "
        "has to turn linear maps such as @ around first, because the table of derivatives holds their way back."
    )
    print()
    say(
        "So the passes are counted by the outputs in reverse mode, by the inputs in forward mode. A loss is one output "
        "of many parameters: that is why networks are trained in reverse mode."
    )
    return times | {f"one input, {N} outputs\nreverse, {N} passes": by_reverse, "forward, 1 pass": by_forward}


def picture(up, down, times):
    figure, (left, right) = new_figure(1, 2, size=(12, 4.8))
    layers, up, down = range(1, 6), np.abs(up), np.abs(down)
    meeting = {"forward: |da_i/dx|": up, "reverse: |dy/da_i|": down, "their product: |dy/dx|": up * down}
    lines(layers, meeting, left, marks=True, xlabel="layer i", ylabel="size", yscale="log", xticks=layers)
    left.set_title("At every layer the two make dy/dx", fontsize="x-large")
    colours = [COLOURS[1], COLOURS[0]] * 2
    bars = right.barh(range(4), list(times.values()), color=colours)
    right.bar_label(bars, fmt=" {:.2g} ms")
    right.set_yticks(range(4), list(times))
    right.invert_yaxis()
    right.set(xlabel="ms", ylabel="mode, and how many passes", xlim=(0, 1.2 * max(times.values())))
    right.set_title(f"One loss of {N} parameters: reverse mode wins", fontsize="x-large")
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    say(
        "A derivative of a chain is a product of its factors, whichever end one starts at: the two modes meet in every "
        "layer. But what they cost differs, by the number of inputs and outputs."
    )
    print()
    up, down = meet_in_the_middle()
    times = cost()
    if path is not None:
        save(picture(up, down, times), path)


if __name__ == "__main__":
    main()
