"""Where the gradient really explodes: a recurrent network, section 1.2.5 of the exercise sheet with W in w's place.

h_t = tanh(h_(t−1)·W + x_t·U + b) through 60 steps. Pascanu, Mikolov and Bengio (2013) say when its gradient vanishes or
explodes, show the cliff in the loss, and clip gradients. `--plot FILE` draws the gradients, the cliff and the training.
"""

from itertools import pairwise

import numpy as np

from tinygrad_sig import Tensor, layers, sigmoid_chain, trace
from tinygrad_sig.nn import SGD, binary_cross_entropy, clip_gradients
from tinygrad_sig.show.figure import file_to_draw, new_figure, save
from tinygrad_sig.show.plots import lines
from tinygrad_sig.show.text import say

STEPS, UNITS, START, BIAS = 60, 30, 0.2, np.arctanh(0.2) - 1.5 * 0.2  # With w = 1.5 the chain can stay at START.
RUNS, RATE, NORM, SEEDS = 150, 2.0, 0.1, 4


def matrices() -> dict[str, np.ndarray]:
    """W of several spectral radii ρ; the first three are rotations times ρ, whose spectral norm is ρ as well."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(UNITS, UNITS)))[0]
    shift = 0.5 * np.eye(12) + np.eye(12, k=1)
    return {"ρ = 0.8": 0.8 * turn, "ρ = 1": turn, "ρ = 1.25": 1.25 * turn, "ρ = 0.5, not normal": shift}


def going_back(W: np.ndarray) -> list[float]:
    """‖∂L/∂h_t‖ from t = 60 down to 0; L sums h_60, inputs of 10⁻⁶ keep every slope of tanh near 1."""
    rng, h = np.random.default_rng(1), Tensor(np.zeros(len(W)))
    states, weights = [h], Tensor(W, name="W")
    for _ in range(STEPS):
        h = np.tanh(h @ weights + 1e-6 * rng.normal(size=len(W)))
        states.append(h)
    steps = trace(h, np.ones(len(W)) / np.sqrt(len(W)))
    return [float(np.linalg.norm(steps.gradient(state))) for state in reversed(states)]


def radius_and_norm() -> dict[str, list[float]]:
    say(
        "1. ‖∂L/∂h_t‖, so many steps back from h_60. ρ, the spectral radius, is the largest |eigenvalue| of W; ‖W‖, "
        "its spectral norm, the most that W stretches. tanh′ ≤ 1, so a step back multiplies by ‖W‖ at most."
    )
    print(f"\n   {'W':20}   ‖W‖" + "".join(f"{back:10d}" for back in (1, 10, 20, 40, 60)))
    found = {}
    for name, W in matrices().items():
        norms, bound = going_back(W), np.linalg.norm(W, 2)
        print(f"   {name:20}{bound:6.2f}" + "".join(f"{norms[back]:10.1e}" for back in (1, 10, 20, 40, 60)))
        assert all(after <= bound * before * (1 + 1e-12) for before, after in pairwise(norms))
        found[name] = norms
    vanishing, steady, exploding, odd = found.values()
    assert vanishing[-1] < 1e-5 < 0.9 < steady[-1] <= 1 < 1e5 < exploding[-1]
    assert max(odd) > 10 > 1 > odd[-1]
    print()
    say(
        f"   The last W has ρ = 0.5, yet its gradient first grows {max(odd):.0f}-fold: eigenvalues tell what becomes "
        "of it in the end; only ‖W‖ ≤ 1 forbids growth."
    )
    print()
    return found


def loss_and_slope(w: float) -> tuple[float, float]:
    """Loss (h_60 − 0.7)² of one unit h_t = tanh(w·h_(t−1) + b), which is the chain of 1.2.5, and its slope in w."""
    weight = Tensor(w, name="w")
    loss = (sigmoid_chain(START, [weight] * STEPS, [BIAS] * STEPS, np.tanh) - 0.7) ** 2
    return float(loss.data), float(trace(loss).gradient(weight))


def cliff() -> dict[str, list[float]]:
    chain = layers(sigmoid_chain(START, [1.5] * STEPS, [BIAS] * STEPS, np.tanh))
    w = np.linspace(1.2, 1.8, 301)
    losses = [loss_and_slope(value)[0] for value in w]
    steep = loss_and_slope(1.5)[1]
    say(
        f"2. One unit is the sheet's chain, with one weight in every layer. At w = 1.5 h stays at {START}, and every "
        f"factor w·tanh′(z) is {chain[-1].factor:.3f}: dh_60/dh_0 is {chain[-1].gradient:.1e}. There the loss has a "
        f"cliff of slope {steep:.1e}; at w = 1.3 the slope is {loss_and_slope(1.3)[1]:.1e}. A step of SGD at rate 0.1 "
        f"leaps {0.1 * abs(steep):.0e} far; clipped to norm 1 it goes 0.1."
    )
    print()
    assert abs(steep) > 1e6
    assert losses[0] - losses[-1] > 1
    return {"w": list(w), "loss": losses}


def learn(seed: int, clip: bool) -> list[float]:
    """Remember the first of 60 inputs, ±1, through noise: the loss after each step of SGD, from W with ρ about 2."""
    rng, n = np.random.default_rng(seed), 20
    W, U = (2 * np.linalg.qr(rng.normal(size=(n, n)))[0], rng.normal(size=(1, n)))
    data = {"W": W, "U": U, "b": np.zeros(n), "v": rng.normal(size=(n, 1)) / np.sqrt(n)}
    W, U, b, v = parameters = [Tensor(value, name=name) for name, value in data.items()]
    optimiser, losses = SGD(parameters, RATE), []
    for _ in range(RUNS):
        bit = 1.0 * rng.integers(2, size=(32, 1))
        inputs, h = 0.1 * rng.normal(size=(STEPS, 32, 1)), np.zeros((32, n))
        inputs[0] = 2 * bit - 1
        for x in inputs:
            h = np.tanh(h @ W + x @ U + b)
        loss = binary_cross_entropy(h @ v, bit)
        loss.backward()
        if clip:
            clip_gradients(parameters, NORM)
        optimiser.step()
        losses.append(float(loss.data))
    return losses


def training() -> dict[str, list[float]]:
    say(
        f"3. Remember the first of {STEPS} inputs, ±1, through noise; ρ = 2 at the start, SGD at rate {RATE:g}. Mean "
        f"loss of the last 30 of {RUNS} steps; a guess has log 2 = 0.693."
    )
    print("\n   seed   without clipping   clipped to norm 0.1")
    for seed in range(SEEDS):
        free, clipped = learn(seed, False), learn(seed, True)
        print(f"   {seed:4d}{np.mean(free[-30:]):19.3f}{np.mean(clipped[-30:]):22.3f}")
        assert np.mean(free[-30:]) > 0.5 > 0.1 > np.mean(clipped[-30:])
    return {"without clipping": free, "clipped to norm 0.1": clipped}


def picture(norms: dict[str, list[float]], wall: dict[str, list[float]], losses: dict[str, list[float]]):
    figure, (left, middle, right) = new_figure(1, 3, size=(14, 4.6))
    back = {"xlabel": "steps back from h₆₀", "ylabel": "‖∂L/∂h‖", "yscale": "log"}
    lines(range(STEPS + 1), norms, left, title="ρ > 1 explodes; ρ < 1 may grow first", **back)
    labels = {"xlabel": "weight w", "ylabel": "loss", "title": "One weight, 60 uses: the loss has a cliff"}
    lines(wall["w"], {"loss": wall["loss"]}, middle, **labels)
    labels = {"xlabel": "step of SGD", "ylabel": "loss", "title": "Clipped it learns, unclipped it does not"}
    lines(range(1, RUNS + 1), losses, right, **labels)
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    say(
        f"A recurrent network uses one W at every step, so its gradient is a product of {STEPS} factors W·tanh′. One "
        "sees when that explodes, and that clipping mends training."
    )
    print()
    norms, wall, losses = radius_and_norm(), cliff(), training()
    print()
    say(
        f"One weight that is used {STEPS} times explodes easily, unlike {STEPS} layers of sigmoids; a shorter step in "
        "the same direction is enough to learn."
    )
    if path is not None:
        save(picture(norms, wall, losses), path)


if __name__ == "__main__":
    main()
