"""Section 1.2.3 of the exercise sheet: the five-layer chain, its gradient, and the formula that the sheet prints.

The sheet (VDL1, November 2023) writes ∂y/∂x = w5·σ'(a4)·w4·σ'(a3)·…·w1·σ'(x). The chain rule takes each σ' where σ was
taken, at z_i = w_i·a_(i−1). The two agree for weights of 1, and are 18 powers of ten apart for weights of 10.
"""

import math

from tinygrad_sig import layers, sigmoid_chain, trace
from tinygrad_sig.chain import finite_difference, printed_product


def compare(weights: list[float]) -> tuple[float, float, float]:
    """∂y/∂x at x = 1 from the graph, as the sheet prints it, and by a finite difference."""
    graph = float(trace(sigmoid_chain(1.0, weights)).gradient("x"))
    printed = float(printed_product(1.0, weights))
    difference = float(finite_difference(1.0, weights))
    print(f"w = {weights[0]:>2g}   graph {graph:.6e}   printed {printed:.6e}   finite difference {difference:.6e}")
    return graph, printed, difference


def main() -> None:
    steps = trace(sigmoid_chain(1.0, [0.5, -0.9, 0.8, -0.6, 0.7]))
    print("The backward pass, edge by edge: upstream × local = downstream\n")
    print(steps, "\n")
    print("Grouped by layers\n")
    print(layers(steps), "\n")

    path = steps.path("x")
    print("Along the path from y to x, the local derivatives multiply:")
    print(" · ".join(step.formula for step in path), f"= {path.product:.6e}\n")
    assert path.product == steps.gradient("x")

    print("The formula as the sheet prints it (quoted, section 1.2.3) and the graph, all weights equal, x = 1")
    graph, printed, difference = compare([1.0] * 5)
    assert math.isclose(graph, printed, rel_tol=1e-12)
    assert math.isclose(graph, difference, rel_tol=1e-12)
    graph, printed, difference = compare([10.0] * 5)
    assert math.isclose(graph, difference, rel_tol=1e-12)
    assert printed > 1e18 * graph
    print("\nThe finite difference knows no formula, and sides with the graph: σ' belongs at z_i = w_i·a_(i−1).")
    print("Printed at a_(i−1), the product looks like an explosion where the gradient has vanished.")


if __name__ == "__main__":
    main()
