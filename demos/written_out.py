"""Written out: the backward pass as the program that one would have written by hand.

First the five-layer chain, then a network of two layers beside the same backpropagation as a textbook has it (Nielsen,
Neural Networks and Deep Learning, chapter 2: BP1 to BP4, in matrices). Both are timed.
"""

import math
from statistics import median
from timeit import repeat

import numpy as np

from tinygrad_sig import sigmoid, value_and_grad, write_out
from tinygrad_sig.show.figure import no_options
from tinygrad_sig.show.text import say

WEIGHTS = (0.5, -0.9, 0.8, -0.6, 0.7)


def chain(x, *weights):
    a = x
    for w in weights:
        a = sigmoid(w * a)
    return a


def network(layers, X, Y):
    a = X
    for W, b in layers:
        a = sigmoid(a @ W + b)
    return np.mean((a - Y) ** 2)


def backprop(layers, X, Y):
    """The same by hand: forward with 1/(1 + e⁻ᶻ), and back with σ′ = a(1 − a)."""
    activations = [X]
    for W, b in layers:
        activations.append(1 / (1 + np.exp(-(activations[-1] @ W + b))))
    difference = activations[-1] - Y
    loss = (difference * difference).mean()
    delta, gradients = difference * (2 / difference.size), []
    for W, _ in reversed(layers):
        a = activations.pop()
        delta = delta * (a * (1 - a))  # BP1, and below BP2
        gradients.append((activations[-1].T @ delta, delta.sum(axis=0)))  # BP4 and BP3
        delta = delta @ W.T
    return loss, gradients[::-1]


def chain_by_hand(x, *weights):
    """The chain with math.exp, as a loop over floats."""
    activations = [x]
    for w in weights:
        activations.append(1 / (1 + math.exp(-(w * activations[-1]))))
    y, g, gradients = activations[-1], 1.0, []
    for w in reversed(weights):
        a = activations.pop()
        g *= a * (1 - a)
        gradients.append(g * activations[-1])
        g *= w
    return y, (g, *reversed(gradients))


def microseconds(function, *arguments):
    """The median of several runs."""
    runs = repeat(lambda: function(*arguments), number=200, repeat=15)
    return median(runs) / 200 * 1e6


def main() -> None:
    no_options(__doc__.splitlines()[0])
    program = write_out(chain, 1.0, *WEIGHTS)
    say(
        "A backward pass is only multiplications, and can be printed as the program that one would have written by "
        "hand. First the chain of five, forward and then back; d_z is dy/dz, and e is exp(−|z|), which σ and σ′ share."
    )
    print()
    print(program, "\n")
    value, gradients = program(1.0, *WEIGHTS)
    assert (value, gradients) == value_and_grad(chain, range(6))(1.0, *WEIGHTS)
    by_hand = chain_by_hand(1.0, *WEIGHTS)
    assert np.allclose([value, *gradients], [by_hand[0], *by_hand[1]], rtol=1e-12)
    deep = program(1.0, 40.0, 40.0, 40.0, 40.0, 40.0)[1][0]
    say(
        f"With weights of 40, dy/dx is {deep:.3e} by the program, and {chain_by_hand(1.0, *[40.0] * 5)[1][0]} by hand, "
        "where 1 − σ(40) is rounded to 0."
    )
    print()
    assert deep > 0 == chain_by_hand(1.0, *[40.0] * 5)[1][0]

    rng = np.random.default_rng(0)
    layers = [(rng.normal(size=(m, n)) / np.sqrt(m), rng.normal(size=n)) for m, n in ((64, 30), (30, 10))]
    X, Y = rng.normal(size=(64, 64)), rng.random((64, 10))
    trained = write_out(network, layers, X, Y, argnums=0)
    say("A network of two layers; sigmoid_with_slope gives σ(z) and σ′(z) in one stroke:")
    print()
    print(trained, "\n")
    (loss, found), (expected, written) = trained(layers, X, Y), backprop(layers, X, Y)
    assert math.isclose(loss, expected, rel_tol=1e-12)
    for pair, other in zip(found, written, strict=True):
        assert all(np.allclose(one, two, rtol=1e-9, atol=1e-15) for one, two in zip(pair, other, strict=True))

    five = (1.0, *WEIGHTS)
    engine, everything = value_and_grad(chain, range(6)), value_and_grad(network)
    print("µs a call            by the engine   by hand   written out")
    for name, given, *functions in (
        ("chain of five", five, engine, chain_by_hand, program),
        ("network, batch 64", (layers, X, Y), everything, backprop, trained),
    ):
        times = [microseconds(function, *given) for function in functions]
        print(f"{name:17} {times[0]:16.1f} {times[1]:9.1f} {times[2]:13.1f}")
    print()
    say(
        "So backpropagation written by hand and the program that the engine writes are the same lines, and about as "
        "fast; the engine itself takes longer, because it makes a node of every operation and walks the graph."
    )


if __name__ == "__main__":
    main()
