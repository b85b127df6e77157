"""Why a backward pass sorts the graph first, and why it adds: a = 1, b = a + a, c = b + b, and dc/da = 4.

Two ways to get it wrong, both found in small engines, run beside the right one. `--plot FILE` draws the three.
"""

from tinygrad_sig import Tensor, trace
from tinygrad_sig.engine.backward import topological_order
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.text import say


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


def picture(runs):
    """What each edge carries back, in the order in which it does, and what a and b end with."""
    figure, panels = new_figure(1, 3, size=(12, 5))
    for axes, (title, ((above, below), gradients)) in zip(panels, runs.items(), strict=True):
        for y, (name, gradient) in zip((2, 1, 0), gradients.items(), strict=True):
            text = f"dc/d{name} = {gradient:g}"
            wrong = gradient != {"c": 1, "b": 2, "a": 4}[name]
            look = {"boxstyle": "round,pad=0.5", "facecolor": "#f6d5c5" if wrong else "#d5e8f6"}
            axes.text(0, y, text, ha="center", va="center", fontsize="x-large", bbox=look)
        for y, (left, right) in ((2, above), (1, below)):
            for side, text in ((-1, left), (1, right)):
                curve = {"arrowstyle": "->", "linewidth": 2, "connectionstyle": f"arc3,rad={-0.3 * side}"}
                axes.annotate("", (0.12 * side, y - 0.8), (0.12 * side, y - 0.2), arrowprops=curve)
                axes.text(
                    0.24 * side, y - 0.5, text, ha="right" if side < 0 else "left", va="center", fontsize="x-large"
                )
        axes.set(xlim=(-0.8, 0.8), ylim=(-0.4, 2.4))
        axes.set_title(title, fontsize="x-large")
        axes.axis("off")
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    a = Tensor(1.0, name="a")
    b = a + a
    b.name = "b"
    c = b + b
    c.name = "c"
    say(
        "A backward pass must go on from a node only when all that arrives there has arrived, and must add it up. Two "
        "ways to get that wrong, and the right one, on the smallest graph that tells them apart: a = 1, b = a + a, "
        "c = b + b. As c is 4·a, dc/da must be 4. Every local derivative here is 1."
    )

    naive: dict[Tensor, float] = {}
    recurse(c, 1.0, naive)
    print(f"\nrecursion, edge by edge     dc/db = {naive[b]:g}   dc/da = {naive[a]:g}   wrong")
    say(
        "   The first edge c → b brings 1 to b, and b sends 1 + 1 on to a. The second brings 1 more: b is 2 and sends "
        "2 + 2. But the first 1 in each 2 has gone down before, and is counted twice."
    )
    assert (naive[b], naive[a]) == (2.0, 6.0)

    last = overwrite(c)
    print(f"\nin order, but with =        dc/db = {last[b]:g}   dc/da = {last[a]:g}   wrong")
    say("   b is used twice; each use is a way for a to change c, and the derivative adds up all ways.")
    assert last[a] == 1.0

    right = add_in_order(c)
    print(f"\nin topological order, +=    dc/db = {right[b]:g}   dc/da = {right[a]:g}   right")
    order = " before ".join(trace(c).names[node] for node in topological_order(c))
    say(f"   The order is {order}: b goes on only when both edges from c have arrived.")
    assert right[a] == 4.0

    steps = trace(c)
    print("\nThe walk of tinygrad_sig, step by step:")
    print(steps)
    print()
    say(
        f"There are {steps.paths(a).count} paths from c to a, each a product of 1s, and their sum is the gradient. So "
        "a backward pass sorts the graph first, and adds."
    )
    assert steps.gradient(a) == sum(path.product for path in steps.paths(a)) == 4.0
    if path is not None:
        found = [{name: run[node] for name, node in (("c", c), ("b", b), ("a", a))} for run in (naive, last, right)]
        carried = [(("1", "1"), ("1, then 2",) * 2), (("1", "1"),) * 2, (("1", "1"), ("2", "2"))]
        titles = ("Edge by edge: 6, wrong", "In order, with =: 1, wrong", "In order, with +=: 4, right")
        save(picture(dict(zip(titles, zip(carried, found, strict=True), strict=True))), path)


if __name__ == "__main__":
    main()
