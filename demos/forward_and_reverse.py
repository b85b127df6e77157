"""Forward and reverse mode multiply the same factors, from opposite ends, and differ in what they cost.

On the five-layer chain forward mode starts at x and carries da_i/dx up, reverse mode starts at y and carries dy/da_i
down. At every cut between two layers the product of the two is dy/dx.
"""

import math
from time import perf_counter

import numpy as np

from tinygrad_sig import Tensor, jacobian, jvp, sigmoid, trace, vjp
from tinygrad_sig.show.figure import no_options

WEIGHTS = [0.5, -0.9, 0.8, -0.6, 0.7]
N = 200


def activations(x: Tensor) -> list[Tensor]:
    """[a1, …, a5] of the chain a_i = σ(w_i·a_(i−1))."""
    found = []
    for weight in WEIGHTS:
        x = sigmoid(weight * x)
        found.append(x)
    return found


def meet_in_the_middle() -> None:
    _, up = jvp(activations, (1.0,), (1.0,))
    nodes = activations(Tensor(1.0, name="x"))
    steps = trace(nodes[-1])
    down = [steps.gradient(node) for node in nodes]
    factors = [step.factor for step in reversed(steps) if step.op == "sigmoid"]
    print("layer   factor w·σ′(z)   forward: da_i/dx   reverse: dy/da_i   their product")
    for i, (weight, slope, above, below) in enumerate(zip(WEIGHTS, factors, up, down, strict=True), 1):
        print(f"{i:5d}   {weight * slope:14.6f}   {above:16.6e}   {below:16.6e}   {above * below:13.6e}")
        assert math.isclose(above * below, up[-1], rel_tol=1e-14)
    assert math.isclose(up[-1], steps.gradient("x"), rel_tol=1e-14)
    ends = f"{up[-1]:.6e} in layer 5, reverse mode with {steps.gradient('x'):.6e} at x"
    print(f"Forward mode ends with dy/dx = {ends}.\n")


def timed(compute) -> tuple[np.ndarray, float]:
    start = perf_counter()
    return compute(), 1000 * (perf_counter() - start)


def cost() -> None:
    rng = np.random.default_rng(0)
    matrix, x = rng.normal(size=(N, N)) / N, rng.normal(size=N)

    def to_one(x):
        return np.sum(sigmoid(matrix @ x))

    def to_many(t):
        return sigmoid(matrix @ (t * x))

    units = np.eye(N)
    print("The derivative of              reverse mode             forward mode")
    gradient, by_reverse = timed(lambda: vjp(to_one, x)[1](1.0)[0])
    columns, by_forward = timed(lambda: np.array([jvp(to_one, (x,), (unit,))[1] for unit in units]))
    print(f"{N} inputs, one output      1 pass  {by_reverse:9.2f} ms   {N} passes {by_forward:9.2f} ms")
    np.testing.assert_allclose(gradient, columns, rtol=1e-10)

    tangent, by_forward = timed(lambda: jvp(to_many, (1.0,), (1.0,))[1])
    rows, by_reverse = timed(lambda: jacobian(to_many)(1.0))
    print(f"one input, {N} outputs    {N} passes {by_reverse:9.2f} ms     1 pass  {by_forward:9.2f} ms")
    np.testing.assert_allclose(tangent, rows, rtol=1e-10)
    print("\nA loss is one output of many parameters: that is why networks are trained in reverse mode.")


def main() -> None:
    no_options(__doc__.splitlines()[0])
    meet_in_the_middle()
    cost()


if __name__ == "__main__":
    main()
