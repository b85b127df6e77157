"""A deep network of sigmoids does not learn to read digits in 30 epochs of SGD: its first layers hear next to nothing.

Four networks of one size see the same handwritten digits (scikit-learn's `load_digits`, 1,797 images of 8×8 pixels),
with the same optimiser at the same rate. They differ in what sections 1.2.4 and 1.2.5 of the exercise sheet are about,
activation and initial weights. `--plot FILE` draws the gradient of each layer, and the accuracy, epoch by epoch.
"""

import sys
from types import SimpleNamespace as Record

import numpy as np
from numpy.linalg import norm

from tinygrad_sig import relu, sigmoid, trace
from tinygrad_sig.health import gradient_norms
from tinygrad_sig.nn import MLP, SGD, batches, cross_entropy, glorot, he, standard
from tinygrad_sig.show.figure import file_to_draw, new_figure, refuse, save
from tinygrad_sig.show.plots import lines, styled

SIZES, EPOCHS, RATE, TESTS = [64, 30, 30, 30, 30, 30, 10], 30, 0.02, 500
NETWORKS = {
    "sigmoid, standard": (sigmoid, standard),
    "tanh, standard": (np.tanh, standard),
    "tanh, Glorot": (np.tanh, glorot),
    "relu, He": (relu, he),
}


def learn(name: str, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, y_test: np.ndarray, progress) -> Record:
    """Train a network; note after each epoch the health of its layers, their way from the start, and its accuracy."""
    seen, rng = Record(health=[], moved=[], accuracy=[]), np.random.default_rng(0)
    net = MLP(SIZES, rng, *NETWORKS[name])
    optimiser, start = SGD(net, RATE, momentum=0.9), net.state()
    for _ in progress(range(EPOCHS), desc=name, leave=False, disable=not sys.stderr.isatty()):
        for images, labels in batches(rng, 32, X, y):
            cross_entropy(net(images), labels).backward()
            optimiser.step()
        seen.health.append(gradient_norms(trace(cross_entropy(net(X), y))))
        seen.moved.append([norm(w.data - start[w.name]) / norm(start[w.name]) for w in net if w.ndim == 2])
        seen.accuracy.append(np.mean(np.argmax(net(X_test), axis=1) == y_test))
    return seen


def tell(seen: dict[str, Record]) -> None:
    for name, record in seen.items():
        first, *_, last = (layer.gradient for layer in record.health[0])
        print(f"\n{name}, after one epoch: layer 1 gets {first / last:.2g} times the gradient of layer 6")
        print(record.health[0])
    print("For relu a unit counts as saturated for every image for which it is off, as its slope is 0 there.")
    print("\nHow far the weights have moved, ‖w − start‖ / ‖start‖, and how many test images are read")
    print(f"{'network':17}  epoch  {'  '.join(f'layer {i}' for i in range(1, len(SIZES)))}  accuracy")
    for name, record in seen.items():
        for epoch in (1, EPOCHS):
            moved = "  ".join(f"{100 * share:5.1f} %" for share in record.moved[epoch - 1])
            print(f"{name:17}  {epoch:5d}  {moved}  {100 * record.accuracy[epoch - 1]:6.1f} %")


def judge(failed: Record, *others: Record) -> None:
    gradients = [layer.gradient for layer in failed.health[0]]
    factor = (gradients[1] / gradients[4]) ** (1 / 3)
    print("\nThe sigmoids guess, though none is saturated: σ′ is close to its largest, ¼. Weights of variance")
    print(
        f"1/(3n) keep 1/√3 of a gradient's length, so that ¼/√3 = {0.25 / 3**0.5:.3f} should be left after each layer;"
    )
    print(f"{factor:.3f} is, on average over the three layers of 30 that lead from layer 5 to layer 2.")
    assert 0.08 < factor < 0.25
    assert gradients[0] < gradients[5] / 500
    assert max(layer.saturated or 0 for layer in failed.health[0]) < 0.01
    assert failed.moved[-1][0] < 0.02
    assert failed.accuracy[-1] < 0.2
    early, late = ([100 * other.accuracy[epoch] for other in others] for epoch in (0, -1))
    print("The activation does most of it: tanh has slopes up to 1, and from the same standard weights it")
    print(f"reads {late[0]:.0f} % in the end. Weights scaled to keep the length start faster: after one epoch the")
    print(f"last two networks read {early[1]:.0f} and {early[2]:.0f} %, against {early[0]:.0f} %.")
    assert early[0] < min(early[1:])
    for other in others:
        assert min(other.moved[-1]) > 0.2
        assert other.accuracy[-1] >= 0.9
    for remedy in others[1:]:
        gradients = [layer.gradient for layer in remedy.health[0]]
        assert max(gradients) < 20 * min(gradients)


def picture(seen: dict[str, Record]):
    figure, axes = new_figure(2, 3, size=(12, 6.5))
    epochs = range(1, EPOCHS + 1)
    for panel, (name, record) in zip(axes.flat, seen.items(), strict=False):
        layers = zip(*record.health, strict=True)
        norms = {f"layer {i}": [layer.gradient for layer in rows] for i, rows in enumerate(layers, 1)}
        for y, look in styled(norms):
            panel.plot(epochs, y, markevery=5, **look)
        panel.set(title=name, xlabel="epoch", ylabel="‖gradient‖", yscale="log", ylim=(1e-5, 10))
    axes[0, 0].legend(ncols=3, columnspacing=1, frameon=False)
    accuracy = {name: 100 * np.array(record.accuracy) for name, record in seen.items()}
    lines(epochs, accuracy, axes[1, 1], title="accuracy", xlabel="epoch", ylabel="test images read, %", ylim=(0, 103))
    axes[1, 2].remove()
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    try:
        from sklearn.datasets import load_digits
        from tqdm import tqdm
    except ImportError:
        raise SystemExit(refuse("this demo needs more; install it with: pip install scikit-learn tqdm")) from None
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order] / 16, y[order]
    train, test = (X[:-TESTS], y[:-TESTS]), (X[-TESTS:], y[-TESTS:])
    sizes = "-".join(map(str, SIZES))
    print(f"{len(train[1]):,} digits to learn from, {len(test[1])} to be tested on; units by layer: {sizes}")
    empty = np.sum(~np.any(train[0], axis=0))
    print(f"{empty} of the {X.shape[1]} pixels are always empty: the gradient of their weights is exactly 0")
    seen = {name: learn(name, *train, *test, tqdm) for name in NETWORKS}
    tell(seen)
    judge(*seen.values())
    if path is not None:
        save(picture(seen), path)


if __name__ == "__main__":
    main()
