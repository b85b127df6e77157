"""A deep network of sigmoids does not learn to read digits: its first layers hear next to nothing. Either cure will do.

Activation × initial weights as a grid, three seeds a cell, and in each cell two numbers: what the first layer gets of
the gradient of the last one, and how many handwritten digits are read after training (scikit-learn's `load_digits`,
1,797 images of 8×8 pixels). All share size, optimiser and rate (sections 1.2.4 and 1.2.5 of the exercise sheet).
`--all` prints the health of the layers and how each seed ended; `--plot FILE` draws the grid.
"""

from itertools import product
from statistics import median
from types import SimpleNamespace as Record

import numpy as np

from tinygrad_sig import GradientHistory, relu, sigmoid, trace
from tinygrad_sig.nn import MLP, SGD, batches, cross_entropy, glorot, he, standard
from tinygrad_sig.show.figure import file_and_all, new_figure, refuse, save
from tinygrad_sig.show.plots import lines
from tinygrad_sig.show.text import say

SIZES, EPOCHS, RATE, TESTS, SEEDS = [64, 30, 30, 30, 30, 30, 10], 30, 0.05, 500, range(3)


def four_glorot(rng, n_in: int, n_out: int):
    """σ′ is ¼ at most, so that weights four times as large make up for it."""
    weights, biases = glorot(rng, n_in, n_out)
    return 4 * weights, biases


ACTIVATIONS = {"sigmoid": sigmoid, "tanh": np.tanh, "relu": relu}
STARTS = {"standard": standard, "Glorot": glorot, "He": he, "4 × Glorot": four_glorot}
LEARNING = {("sigmoid", "4 × Glorot"), *product(("tanh", "relu"), ("standard", "Glorot", "He"))}


def learn(f, start, seed: int, X, y, X_test, y_test) -> Record:
    """Train a network; the history has the health of its layers at the start and after each epoch."""
    history, accuracy, rng = GradientHistory(), [], np.random.default_rng(seed)
    net = MLP(SIZES, rng, f, start)
    optimiser = SGD(net, RATE, momentum=0.9)
    for epoch in range(EPOCHS + 1):
        history.record(trace(cross_entropy(net(X[:200]), y[:200])), step=epoch)
        accuracy.append(100 * np.mean(np.argmax(net(X_test), axis=1) == y_test))
        for images, labels in batches(rng, 64, X, y) if epoch < EPOCHS else ():
            cross_entropy(net(images), labels).backward()
            optimiser.step()
    ratios = [norms[0].gradient / norms[-1].gradient for norms in history]
    return Record(history=history, ratios=ratios, accuracy=accuracy)


def tell(grid, everything: bool) -> None:
    print()
    say(
        "In each cell: ‖gradient‖ of layer 1 divided by that of layer 6 at the start, and the test digits that are "
        f"read after {EPOCHS} epochs, each the median of {len(SEEDS)} seeds. Guessing reads about 10 %."
    )
    print("\ninitial weights" + "".join(f"{name:>21}" for name in ACTIVATIONS))
    for start in STARTS:
        cells = [grid[f, start] for f in ACTIVATIONS]
        texts = [f"{ratio(runs):>11.2g}  {accuracy(runs):>6.1f} %" for runs in cells]
        print(f"{start:15}" + "".join(f"{text:>21}" for text in texts))
    for (f, start), runs in grid.items():
        assert all((run.accuracy[-1] > 90) == ((f, start) in LEARNING) for run in runs), (f, start)
        guesses = f == "sigmoid" and start != "4 × Glorot"
        assert all((run.ratios[0] < 0.01) == guesses and (run.ratios[0] > 0.02) != guesses for run in runs)
        assert not guesses or all(run.accuracy[-1] < 20 for run in runs)
    assert all(row.saturated < 0.1 for run in grid["sigmoid", "4 × Glorot"] for row in run.history[0][:-1])
    assert all(run.history[-1][0].gradient == 0 for run in grid["relu", "4 × Glorot"]), "its units are dead"
    if everything:
        tell_all(grid)
    tanh, large = accuracy(grid["tanh", "standard"]), accuracy(grid["sigmoid", "4 × Glorot"])
    print()
    say(
        f"So either cure alone is enough here: slopes up to 1 with the old weights (tanh, standard: {tanh:.0f} %), "
        f"or the old sigmoid with weights four times as large ({large:.0f} %). Where layer 1 starts with less than a "
        "hundredth of what layer 6 gets, a network only guesses. That layer 1 hears enough does not do by itself: "
        "where slopes reach 1, weights four times as large are too large, and the units of relu die."
    )
    print()
    say(
        "Why is w = 4 worse than w = 1 in `vanishing`, and 4 × Glorot better than Glorot here? A chain of one unit "
        "with positive weights drives z away from 0, and saturates; in a wide layer weights of both signs keep z "
        "near 0, where σ′ is near ¼, and a weight four times as large makes up for it."
    )


def tell_all(grid) -> None:
    print("\nHow each seed ended, % of the test digits")
    for (f, start), runs in grid.items():
        print(f"{f:9}{start:12}" + "".join(f"{run.accuracy[-1]:8.1f}" for run in runs))
    print()
    say("The layers at the start. The zeros of layer 1 are the weights of pixels that are always white.")
    for cell in ("sigmoid", "standard"), ("sigmoid", "4 × Glorot"), ("tanh", "standard"):
        print(f"\n{', '.join(cell)}\n{grid[cell][0].history[0]}")
    print(f"\nOver the epochs: sigmoid, standard\n{grid['sigmoid', 'standard'][0].history}")


def ratio(runs) -> float:
    return median(run.ratios[0] for run in runs)


def accuracy(runs) -> float:
    return median(run.accuracy[-1] for run in runs)


def picture(grid):
    figure, axes = new_figure(2, 3, size=(12, 7))
    epochs = range(EPOCHS + 1)
    for (above, below), f in zip(axes.T, ACTIVATIONS, strict=True):
        runs = {start: grid[f, start] for start in STARTS}
        accuracies = {start: np.median([run.accuracy for run in found], axis=0) for start, found in runs.items()}
        ratios = {start: np.median([run.ratios for run in found], axis=0) for start, found in runs.items()}
        lines(epochs, accuracies, above, xlabel="epoch", ylabel="test digits read, %", ylim=(0, 103))
        lines(epochs, ratios, below, xlabel="epoch", ylabel="‖gradient‖ of layer 1 : layer 6", yscale="log")
        below.set_ylim(1e-5, 1e3)
        below.axhspan(1e-5, 1e-2, color="0.9", zorder=0)
        below.get_legend().remove()
        above.get_legend().remove()
    axes[0, 1].legend(loc="lower right", frameon=False)
    below.text(EPOCHS, 2e-5, "next to nothing arrives", ha="right")
    titles = (
        *("sigmoid: only 4 × Glorot learns", "tanh: all learn", "relu: all but 4 × Glorot learn"),
        *("only there does layer 1 hear anything", "layer 1 hears enough", "here too, but its units die"),
    )
    for panel, message in zip(axes.flat, titles, strict=True):
        panel.set_title(message, fontsize="large")
    return figure


def main() -> None:
    path, everything = file_and_all(__doc__.splitlines()[0], "the layers at the start, and each seed")
    try:
        from sklearn.datasets import load_digits
        from tqdm import tqdm
    except ImportError:
        raise SystemExit(refuse("this demo needs more; install it with: pip install scikit-learn tqdm")) from None
    X, y = load_digits(return_X_y=True)
    learned, tested = np.split(np.random.default_rng(0).permutation(len(X)), [-TESTS])
    data = X[learned] / 16, y[learned], X[tested] / 16, y[tested]
    say(
        "Which deep networks learn to read digits, and does their first layer get any gradient? Two causes, the "
        f"slope of the activation and the initial weights, each on its own: {len(learned):,} digits to learn from, "
        f"{TESTS} to be tested on, SGD at rate {RATE}, units by layer {SIZES}."
    )
    cells = tqdm(product(ACTIVATIONS, STARTS), total=12, leave=False, disable=None)  # None: on a terminal only.
    with np.errstate(over="ignore", invalid="ignore"):
        grid = {(f, w): [learn(ACTIVATIONS[f], STARTS[w], seed, *data) for seed in SEEDS] for f, w in cells}
    tell(grid, everything)
    if path is not None:
        save(picture(grid), path)


if __name__ == "__main__":
    main()
