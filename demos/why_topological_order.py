"""Why a backward pass sorts the graph first, and why it adds: a = 1, b = a + a, c = b + b, and dc/da = 4.

Two ways to get it wrong, both found in small engines, run beside the right one.
"""

from tinygrad_sig import Tensor, trace
from tinygrad_sig.engine.backward import topological_order
from tinygrad_sig.show.figure import no_options


def recurse(node: Tensor, upstream: float, gradients: dict[Tensor, float]) -> None:
    """Wrong: add up what arrives, and go on at once from every edge with all that has arrived so far."""
    gradients[node] = gradients.get(node, 0.0) + upstream
    for input in node.inputs:
        recurse(input, gradients[node], gradients)


def overwrite(output: Tensor) -> dict[Tensor, float]:
    """Wrong: the right order, but `=` where it must be `+=`, so that the last edge into a node wins."""
    gradients = {output: 1.0}
    for node in topological_order(output):
        for input in node.inputs:
            gradients[input] = gradients[node]
    return gradients


def add_in_order(output: Tensor) -> dict[Tensor, float]:
    """Right: a node's gradient goes on only when all of its outputs have added their part."""
    gradients = {output: 1.0}
    for node in topological_order(output):
        for input in node.inputs:
            gradients[input] = gradients.get(input, 0.0) + gradients[node]
    return gradients


def main() -> None:
    no_options(__doc__.splitlines()[0])
    a = Tensor(1.0, name="a")
    b = a + a
    b.name = "b"
    c = b + b
    c.name = "c"
    print("a = 1, b = a + a, c = b + b: c is 4·a, so dc/da must be 4. Every local derivative here is 1.\n")

    naive: dict[Tensor, float] = {}
    recurse(c, 1.0, naive)
    print(f"recursion, edge by edge     dc/db = {naive[b]:g}   dc/da = {naive[a]:g}   wrong")
    print("   The first edge c → b brings 1 to b, and b sends 1 + 1 on to a. The second brings 1 more: b is 2")
    print("   and sends 2 + 2. But the first 1 in each 2 has gone down before, and is counted twice.\n")
    assert (naive[b], naive[a]) != (2.0, 4.0)

    last = overwrite(c)
    print(f"in order, but with =        dc/db = {last[b]:g}   dc/da = {last[a]:g}   wrong")
    print("   b is used twice; each use is a way for a to change c, and the derivative adds up all ways.\n")
    assert last[a] == 1.0

    right = add_in_order(c)
    print(f"in topological order, +=    dc/db = {right[b]:g}   dc/da = {right[a]:g}   right")
    order = " before ".join(trace(c).names[node] for node in topological_order(c))
    print(f"   The order is {order}: b goes on only when both edges from c have arrived.\n")
    assert right[a] == 4.0

    steps = trace(c)
    print("The walk of tinygrad_sig, step by step:")
    print(steps)
    print(f"\nThere are {steps.paths(a).count} paths from c to a, each a product of 1s, and their sum is the gradient.")
    assert steps.gradient(a) == sum(path.product for path in steps.paths(a)) == 4.0


if __name__ == "__main__":
    main()
