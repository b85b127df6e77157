"""What is checked in each exercise: a function of the student's module, which returns what is wrong, or nothing.

`Wrong` carries the sentence, and the name of the function that it is about. What a student's function raises is left
to whoever runs the check; `NotImplementedError` says that it is not done yet.
"""

import itertools
import math

import numpy as np

from tinygrad_sig import check_formula, grad, sigmoid, sigmoid_chain, trace
from tinygrad_sig.nn import MLP, SGD, cross_entropy
from tinygrad_sig.traces.chain import closed_form_gradient


class Wrong(Exception):
    """What is wrong, and in which function."""

    def __init__(self, function, sentence):
        super().__init__(sentence)
        self.function = getattr(function, "__name__", "it")
        self.line = function.__code__.co_firstlineno if hasattr(function, "__code__") else 1


def number(function, value, what):
    """The value as a float, if it is a finite real number."""
    if value is None:
        raise Wrong(function, f"{what} is None: is there a return?")
    try:
        array = np.asarray(value)
        found = float(array) if array.dtype.kind in "fiu" and array.ndim == 0 else math.nan
    except (TypeError, ValueError):
        found = math.nan
    if not math.isfinite(found):
        raise Wrong(function, f"{what} is {value!r:.60}, and no finite number")
    return found


def several(function, value, count, what):
    """The value as a list of so many entries."""
    if value is None:
        raise Wrong(function, f"{what} is None: is there a return?")
    if not isinstance(value, tuple | list | np.ndarray) or len(value) != count:
        raise Wrong(function, f"{what} is {value!r:.60}, and not {count} values")
    return list(value)


def derivative(function, claimed, f, *inputs, **options):
    """Let the library say whether a function claims the right derivative."""
    verdict = check_formula(claimed, f, *inputs, **options)
    if not verdict:
        raise Wrong(function, str(verdict).removeprefix("wrong: "))


def exercise_1(student):
    derivative(student.slope, lambda x: student.slope(x), sigmoid)
    lower, upper = several(student.bounds, student.bounds(), 2, "what it returns")
    lower = number(student.bounds, lower, "the lower bound")
    upper = number(student.bounds, upper, "the upper bound")
    if lower > 0:
        x = math.log(2 / lower)
        raise Wrong(student.bounds, f"σ'({x:.3g}) is {float(grad(sigmoid)(x)):.3g}, below the lower bound {lower:g}")
    if upper < 0.25:
        raise Wrong(
            student.bounds, f"there is an x with a larger σ'(x) than the upper bound {upper:g}; where is its maximum?"
        )
    if lower < 0:
        raise Wrong(student.bounds, f"σ' does not come near the lower bound {lower:g}; there is a larger one")
    if upper > 0.25:
        raise Wrong(student.bounds, f"σ' does not reach the upper bound {upper:g}; there is a smaller one")


def exercise_2(student):
    derivative(student.bend, lambda x: student.bend(x), grad(sigmoid))


def exercise_3(student):
    def claimed(x, w1, w2, w3, w4, w5):
        return student.gradient(x, [w1, w2, w3, w4, w5])

    def chain(x, w1, w2, w3, w4, w5):
        return sigmoid_chain(x, [w1, w2, w3, w4, w5])

    derivative(student.gradient, claimed, chain, 1.0, 0.5, -0.9, 0.8, -0.6, 0.7, largest=7.0)


def exercise_4(student):
    def left(w):
        return abs(float(closed_form_gradient(1.0, [w] * 20)))

    w = number(student.weight, student.weight(), "the weight")
    with np.errstate(all="ignore"):
        best, found = max(map(left, np.linspace(-10, 10, 4001))), left(w)
        if found < 0.99 * best:
            nearby = "others leave more"
            if found:
                step = "try the other sign"
                for change, better in ((-0.01, "a smaller w leaves more"), (0.01, "a larger w leaves more")):
                    if left(w + change) > 1.001 * found:
                        step = better
                nearby = f"another leaves {best / found:.2g} times as much; {step}"
            raise Wrong(student.weight, f"w = {w:g} leaves |∂y/∂x| = {found:.3g}, and {nearby}")


def exercise_5(student):
    function = student.chain
    x, weights, biases = several(function, function(), 3, "what it returns")
    x = number(function, x, "x")
    weights = [number(function, w, "a weight") for w in several(function, weights, 20, "weights")]
    biases = [number(function, b, "a bias") for b in several(function, biases, 20, "biases")]
    with np.errstate(all="ignore"):
        steps = trace(sigmoid_chain(x, weights, biases))
        found = abs(float(steps.gradient("x")))
    if found > 1000:
        return
    worst = min((step for step in steps if step.op == "sigmoid"), key=lambda step: step.log10)
    why = ""
    if max(map(abs, weights)) < 4:
        why = "; no |w| reaches 4, and σ' is ¼ at most, so that every factor is below 1"
    elif min(weights) >= 0 and not any(biases):
        why = "; with positive weights and no biases, w·σ'(z) is below 0.448 in every layer after the first"
    elif abs(float(worst.value)) > 2:
        why = f"; most is lost where z = {float(worst.value):.4g} and σ'(z) = {float(worst.factor):.3g}: σ is saturated"
    raise Wrong(function, f"|∂y/∂x| is {found:.4g}, and not above 1000{why}")


def exercise_6(student):
    rows = ((student.row_of_multiply, np.multiply), (student.row_of_divide, np.divide))
    for (function, f), argnum in itertools.product(rows, (0, 1)):

        def entry(y, a, b, function=function, argnum=argnum):
            return several(function, function(y, a, b), 2, "what it returns")[argnum]

        try:
            derivative(function, entry, f, argnum=argnum, largest=100.0)
        except Wrong as wrong:
            raise Wrong(function, f"∂y/∂{'ab'[argnum]}: {wrong}") from None


TWICE, TWICE_TWICE, SHARED = "y = a + a", "b = a + a; c = b + b", "u = 2·a; v = 10·u; y = u + v + 100·a"


def exercise_7(student):
    node = student.Node
    x = node("x")
    z = node("z", [x], [3.0])
    y = node("y", [z], [0.5])
    expect(student.walk_chain, y, {"y": 1.0, "z": 0.5, "x": 1.5}, "y = 0.5·z, z = 3·x")
    expect(student.walk_chain, x, {"x": 1.0}, "x alone")
    deep(student.walk_chain, node)

    a, b = node("a"), node("b")
    y = node("y", [a, b], [2.0, 5.0])
    expect(student.walk_graph, y, {"y": 1.0, "a": 2.0, "b": 5.0}, "y = 2·a + 5·b")
    y = node("y", [a, a], [1.0, 1.0])
    expect(student.walk_graph, y, {"y": 1.0, "a": 2.0}, TWICE)
    b = node("b", [a, a], [1.0, 1.0])
    c = node("c", [b, b], [1.0, 1.0])
    expect(student.walk_graph, c, {"c": 1.0, "b": 2.0, "a": 4.0}, TWICE_TWICE)
    u = node("u", [a], [2.0])
    v = node("v", [u], [10.0])
    y = node("y", [u, v, a], [1.0, 1.0, 100.0])
    expect(student.walk_graph, y, {"y": 1.0, "v": 1.0, "u": 11.0, "a": 122.0}, SHARED)
    y = node("y", [v, u], [1.0, 1.0])
    expect(student.walk_graph, y, {"y": 1.0, "v": 1.0, "u": 11.0, "a": 22.0}, "u = 2·a; v = 10·u; y = v + u")
    deep(student.walk_graph, node)
    y = node("x0")
    for i in range(1, 61):  # 2⁶⁰ paths: who follows each of them does not come to an end.
        y = node(f"x{i}", [y, y], [0.5, 0.5])
    expect(student.walk_graph, y, {f"x{i}": 1.0 for i in range(61)}, "60 nodes, x_i = (x_(i-1) + x_(i-1))/2")


def expect(function, y, right, graph):
    """Hold the gradients that a walk returns against the right ones, by the nodes' names."""
    found = function(y)
    if found is None:
        raise Wrong(function, "what it returns is None: is there a return?")
    if not isinstance(found, dict):
        raise Wrong(function, f"it returns a {type(found).__name__}, and no dict of nodes and their gradients")
    named = {getattr(key, "name", key): value for key, value in found.items()}
    for name, gradient in right.items():
        if name not in named:
            raise Wrong(function, f"for {graph}: the gradient of {name} is missing")
        value = number(function, named[name], f"for {graph}: the gradient of {name}")
        if abs(value - gradient) > 1e-9 * abs(gradient):
            why = REASONS.get((graph, name, value), "")
            raise Wrong(function, f"for {graph}: d{y.name}/d{name} is {gradient:g}, not {value:g}{why}")


TOO_EARLY = "; a node has passed its gradient on before all of it had arrived"
REASONS = {
    (TWICE, "a", 1.0): "; what arrives by the second edge takes the place of the first, and is to be added",
    (TWICE_TWICE, "a", 6.0): f"{TOO_EARLY}, and then all of it again",
    (SHARED, "a", 102.0): TOO_EARLY,
}


def deep(function, node):
    """A chain that is deeper than Python recurses."""
    y = node("x")
    for i in range(20_000):
        y = node(f"x{i}", [y], [1.0])
    try:
        found = function(y)
    except RecursionError:
        raise Wrong(function, "it calls itself once for each node, and ends at a chain of 20,000; use a loop") from None
    if not isinstance(found, dict) or len(found) != 20_001:
        raise Wrong(function, "of a chain of 20,001 nodes it does not return the gradient of each")


def exercise_8(student):
    function = student.weights

    def initialiser(rng, n_in, n_out):
        found = function(rng, n_in, n_out)
        if found is None:
            raise Wrong(function, "what it returns is None: is there a return?")
        found = np.asarray(found)
        if found.shape != (n_in, n_out) or found.dtype.kind not in "fiu":
            raise Wrong(
                function, f"it returns {found.dtype} of shape {found.shape}, and not numbers of shape {n_in, n_out}"
            )
        if not np.isfinite(found).all():
            raise Wrong(function, "there are weights that are no finite numbers")
        return found.astype(float), np.zeros(n_out)

    for seed in range(3):
        share, first, last = learned(np.random.default_rng(seed), initialiser)
        if share < 0.9:
            why = f"; at the start layer 1 has {first / last:.1g} of the gradient of the last layer" if last else ""
            raise Wrong(
                function, f"with seed {seed} the network has {100 * share:.0f} % of the points right, not 90 %{why}"
            )


def learned(rng, initialiser):
    """(the share of points that a network has right in the end, the norms of its first and last gradient)."""
    centres, labels = rng.normal(size=(4, 12)), rng.integers(0, 4, 300)
    points = centres[labels] + rng.normal(scale=0.5, size=(300, 12))
    net = MLP([12, *[20] * 8, 4], rng, initialiser=initialiser)
    optimiser, norms = SGD(net, rate=0.05, momentum=0.9), []
    with np.errstate(all="ignore"):
        for _ in range(500):
            batch = rng.integers(0, 300, 32)
            cross_entropy(net(points[batch]), labels[batch]).backward()
            norms = norms or [float(np.linalg.norm(p.grad)) for p in net if p.ndim == 2]
            optimiser.step()
        share = float(np.mean(net(points).data.argmax(axis=1) == labels))
    return share, norms[0], norms[-1]


EXERCISES = {
    "σ′ and its bounds": exercise_1,
    "σ″ with the right sign": exercise_2,
    "the gradient of the chain": exercise_3,
    "the weight that vanishes slowest": exercise_4,
    "a chain that explodes": exercise_5,
    "the rows of * and /": exercise_6,
    "the walk": exercise_7,
    "weights with which it learns": exercise_8,
}
