"""Section 1.2.3 of the exercise sheet: the five-layer chain, its gradient, and the formula that the sheet prints.

The sheet (VDL1, November 2023) writes ∂y/∂x = w5·σ'(a4)·w4·σ'(a3)·…·w1·σ'(x). The chain rule takes each σ' where σ was
taken, at z_i = w_i·a_(i−1). The two agree for weights of 1, and are 18 powers of ten apart for weights of 10.
`--plot FILE` draws both, layer by layer.
"""

import math

from tinygrad_sig import layers, sigmoid_chain, trace
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import decay
from tinygrad_sig.show.text import say
from tinygrad_sig.traces.chain import finite_difference, preactivations, printed_product


def compare(weights: list[float]) -> tuple[float, float, float]:
    """dy/dx at x = 1 from the graph, as the sheet prints it, and by a finite difference."""
    graph = float(trace(sigmoid_chain(1.0, weights)).gradient("x"))
    printed = float(printed_product(1.0, weights))
    difference = float(finite_difference(1.0, weights))
    print(f"{weights[0]:5g}    {graph:.6e}    {printed:.6e}        {difference:.6e}")
    return graph, printed, difference


def picture():
    """What is left of dy/dy = 1 at each place on the way back: by the trace, and as the sheet would have it."""
    true, printed = {}, {}
    for weight in (1.0, 4.0, 10.0):
        weights = [weight] * 5
        _, a = preactivations(1.0, weights)
        tails = [printed_product(a[i], weights[i:]) for i in (4, 3, 2, 1, 0)]
        true[f"w = {weight:g}"] = [0.0, *(layer.running for layer in layers(sigmoid_chain(1.0, weights)))]
        printed[f"w = {weight:g}, as printed in 1.2.3"] = [0.0, *map(math.log10, tails)]
    figure, axes = new_figure(1, 1, size=(8, 4.6))
    decay(true, axes, linestyle="-")
    decay(printed, axes, linestyle="--", fillstyle="none", markersize=10)
    axes.set_xticks(range(6), ["y", "a4", "a3", "a2", "a1", "x"])
    axes.set(xlabel="node that the gradient has reached", ylabel="|dy/dnode|")
    axes.set_title("σ′ at the wrong place: an explosion where w = 10 has vanished")
    axes.legend(loc="lower left", frameon=False)
    return figure


def main() -> None:
    file = file_to_draw(__doc__.splitlines()[0])
    steps = trace(sigmoid_chain(1.0, [0.5, -0.9, 0.8, -0.6, 0.7]))
    say(
        "The gradient of the five-layer chain, followed from y back to x along a real graph; then the formula that the "
        "sheet prints for it, which is right for weights of 1 and goes far astray for others."
    )
    print()
    say(
        "1. The backward pass, edge by edge. Upstream is what has arrived at a node from y; times the local derivative "
        "of the edge it goes on downstream. Leaves, w5 to w1 and x, are the nodes that were given and not computed."
    )
    print(f"\n{steps}\n")
    say("2. Grouped by layers; share: a layer's part of the whole decay, in logarithms")
    print(f"\n{layers(steps)}\n")

    path = steps.path("x")
    say("Along the path from y to x, the local derivatives multiply:")
    say("   " + " · ".join(step.formula for step in path) + f" = {path.product:.6e}")
    print()
    assert path.product == steps.gradient("x")

    say("3. The formula as the sheet prints it (quoted, section 1.2.3) and the graph, all weights equal, x = 1")
    print("\n    w    by the graph    by the sheet    finite difference")
    graph, printed, difference = compare([1.0] * 5)
    assert math.isclose(graph, printed, rel_tol=1e-12)
    assert math.isclose(graph, difference, rel_tol=1e-12)
    graph, printed, difference = compare([10.0] * 5)
    assert math.isclose(graph, difference, rel_tol=1e-12)
    assert printed > 1e18 * graph
    print()
    say(
        "So σ' belongs at z_i = w_i·a_(i−1): the finite difference knows no formula, and sides with the graph. Printed "
        "at a_(i−1), the product looks like an explosion where the gradient has vanished."
    )
    if file is not None:
        save(picture(), file)


if __name__ == "__main__":
    main()
