"""A deep network of sigmoids does not learn to read digits: its first layers hear nothing. Two remedies, side by side.

Three networks of one size see the same handwritten digits (scikit-learn's `load_digits`, 1,797 images of 8×8 pixels),
with the same optimiser at the same rate. They differ in what sections 1.2.4 and 1.2.5 of the exercise sheet are about,
activation and initial weights. `--plot FILE` draws the gradient of each layer, and the accuracy, epoch by epoch.
"""

import sys
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace as Record

import numpy as np
from numpy.linalg import norm

from tinygrad_sig import relu, sigmoid, trace
from tinygrad_sig.health import gradient_norms
from tinygrad_sig.nn import MLP, SGD, batches, cross_entropy, glorot, he, standard
from tinygrad_sig.show.figure import file_to_draw, new_figure, refuse, save
from tinygrad_sig.show.plots import lines

try:
    from sklearn.datasets import load_digits
    from tqdm import tqdm
except ImportError:
    raise SystemExit(refuse("this demo needs more; install it with: pip install scikit-learn tqdm")) from None

SIZES, EPOCHS, RATE = [64, 30, 30, 30, 30, 30, 10], 30, 0.02
NETWORKS = {"sigmoid, standard": (sigmoid, standard), "tanh, Glorot": (np.tanh, glorot), "relu, He": (relu, he)}


def learn(name: str, X: np.ndarray, y: np.ndarray, X_test: np.ndarray, y_test: np.ndarray) -> Record:
    """Train a network; note after each epoch the health of its layers, their way from the start, and its accuracy."""
    seen, rng = Record(health=[], moved=[], accuracy=[], seconds=0.0), np.random.default_rng(0)
    net = MLP(SIZES, rng, *NETWORKS[name])
    optimiser, start = SGD(net, RATE, momentum=0.9), net.state()
    for _ in tqdm(range(EPOCHS), desc=name, leave=False, disable=not sys.stderr.isatty()):
        before = perf_counter()
        for images, labels in batches(rng, 32, X, y):
            cross_entropy(net(images), labels).backward()
            optimiser.step()
        seen.seconds += perf_counter() - before
        seen.health.append(gradient_norms(trace(cross_entropy(net(X), y))))
        seen.moved.append([norm(w.data - start[w.name]) / norm(start[w.name]) for w in net if w.ndim == 2])
        seen.accuracy.append(np.mean(np.argmax(net(X_test), axis=1) == y_test))
    return seen


def tell(seen: dict[str, Record]) -> None:
    for name, record in seen.items():
        first, *_, last = (layer.gradient for layer in record.health[0])
        print(f"\n{name}, after one epoch: layer 1 gets {first / last:.2g} times the gradient of layer 6")
        print(record.health[0])
    print("\nHow far the weights have moved, ‖w − start‖ / ‖start‖, and how many test images are read")
    print(f"{'network':17}  epoch  {'  '.join(f'layer {i}' for i in range(1, len(SIZES)))}  accuracy  seconds")
    for name, record in seen.items():
        for epoch, took in ((1, ""), (10, ""), (EPOCHS, f"  {record.seconds:7.2f}")):
            moved = "  ".join(f"{100 * share:5.1f} %" for share in record.moved[epoch - 1])
            print(f"{name:17}  {epoch:5d}  {moved}  {100 * record.accuracy[epoch - 1]:6.1f} %{took}")


def judge(failed: Record, *remedies: Record) -> None:
    gradients = [layer.gradient for layer in failed.health[0]]
    factor = (gradients[1] / gradients[4]) ** (1 / 3)
    print("\nThe sigmoids guess, though none is saturated: σ′ is close to its largest, ¼. Weights of variance")
    print(f"1/(3n) keep 1/√3 of a gradient's length, so that ¼/√3 = {0.25 / 3**0.5:.3f} is left after each layer;")
    print(f"between layers 5 and 2, {factor:.3f} is. The first layers stay what they were: random.")
    assert 0.08 < factor < 0.25
    assert gradients[0] < gradients[5] / 500
    assert max(layer.saturated or 0 for layer in failed.health[0]) < 0.01
    assert failed.moved[-1][0] < 0.02
    assert failed.accuracy[-1] < 0.2
    print("With slopes up to 1, and weights scaled to keep the length, every layer gets its share and learns.")
    for remedy in remedies:
        gradients = [layer.gradient for layer in remedy.health[0]]
        assert max(gradients) < 20 * min(gradients)
        assert min(remedy.moved[-1]) > 0.2
        assert remedy.accuracy[-1] >= 0.95


def draw(seen: dict[str, Record], path: Path) -> None:
    figure, axes = new_figure(2, 2, size=(9, 6.5))
    from matplotlib import colormaps

    epochs = range(1, EPOCHS + 1)
    for panel, (name, record) in zip(axes.flat, seen.items(), strict=False):
        for i, layers in enumerate(zip(*record.health, strict=True)):
            norms, shade = [layer.gradient for layer in layers], colormaps["plasma"](0.17 * i)
            panel.plot(epochs, norms, color=shade, label=f"layer {i + 1}")
        panel.set(title=name, xlabel="epoch", ylabel="‖gradient‖", yscale="log", ylim=(1e-5, 10))
    figure.legend(*panel.get_legend_handles_labels(), loc="outside right upper", reverse=True, frameon=False)
    accuracy = {name: 100 * np.array(record.accuracy) for name, record in seen.items()}
    lines(epochs, accuracy, axes[1, 1], title="accuracy", xlabel="epoch", ylabel="test images read, %", ylim=(0, 103))
    save(figure, path)


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    X, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(X))
    X, y = X[order] / 16, y[order]
    print(f"1,297 digits to learn from, 500 to be tested on; units by layer: {'-'.join(map(str, SIZES))}")
    print(f"{sum(~X[:1297].any(axis=0))} of the 64 pixels are always empty: the gradient of their weights is exactly 0")
    seen = {name: learn(name, X[:1297], y[:1297], X[1297:], y[1297:]) for name in NETWORKS}
    tell(seen)
    judge(*seen.values())
    if path is not None:
        draw(seen, path)


if __name__ == "__main__":
    main()
