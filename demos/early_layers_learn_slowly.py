"""A deep network of sigmoids does not learn to read digits in 30 epochs of SGD: its first layers hear next to nothing.

Three networks of one size see the same handwritten digits (scikit-learn's `load_digits`, 1,797 images of 8×8 pixels),
with the same optimiser at the same rate; activation and initial weights differ (sections 1.2.4 and 1.2.5 of the
exercise sheet). `--plot FILE` draws the gradient of each layer, and the accuracy, epoch by epoch.
"""

from time import perf_counter
from types import SimpleNamespace as Record

import numpy as np
from numpy.linalg import norm

from tinygrad_sig import relu, sigmoid, trace
from tinygrad_sig.nn import MLP, SGD, batches, cross_entropy, glorot, he, standard
from tinygrad_sig.show.figure import file_to_draw, new_figure, refuse, save
from tinygrad_sig.show.plots import lines
from tinygrad_sig.traces.health import gradient_norms

SIZES, EPOCHS, RATE, TESTS = [64, 30, 30, 30, 30, 30, 10], 30, 0.02, 500
NETWORKS = {"sigmoid, standard": (sigmoid, standard), "tanh, Glorot": (np.tanh, glorot), "relu, He": (relu, he)}


def learn(name: str, X, y, X_test, y_test, progress) -> Record:
    """Train a network; note after each epoch the health of its layers, their way from the start, and its accuracy."""
    seen, rng = Record(health=[], moved=[], accuracy=[], seconds=[]), np.random.default_rng(0)
    net = MLP(SIZES, rng, *NETWORKS[name])
    optimiser, start, began = SGD(net, RATE, momentum=0.9), net.state(), perf_counter()
    for _ in progress(range(EPOCHS), desc=name, leave=False, disable=None):  # None: on a terminal only.
        for images, labels in batches(rng, 32, X, y):
            cross_entropy(net(images), labels).backward()
            optimiser.step()
        seen.health.append(gradient_norms(trace(cross_entropy(net(X), y))))
        seen.moved.append([norm(w.data - start[w.name]) / norm(start[w.name]) for w in net if w.ndim == 2])
        seen.accuracy.append(100 * np.mean(np.argmax(net(X_test), axis=1) == y_test))
        seen.seconds.append(perf_counter() - began)
    return seen


def tell(seen: dict[str, Record]) -> None:
    for name in ("sigmoid, standard", "tanh, Glorot"):
        print(f"\n{name}, after one epoch:\n{seen[name].health[0]}")
    print("\nHow far the weights have moved, ‖w − start‖ / ‖start‖, and how many test images are read")
    print(f"{'network':17}  epoch  {'  '.join(f'layer {i}' for i in range(1, len(SIZES)))}  accuracy  after")
    for name, found in seen.items():
        for i in (0, EPOCHS - 1):
            moved = "  ".join(f"{100 * share:5.1f} %" for share in found.moved[i])
            print(f"{name:17}  {i + 1:5d}  {moved}  {found.accuracy[i]:6.1f} %  {found.seconds[i]:3.1f} s")
    failed, *remedies = seen.values()
    gradients = [layer.gradient for layer in failed.health[0]]
    print("\nThe sigmoids guess, though none is saturated: σ′ is close to its largest, ¼. Yet layer 1 gets only")
    print(
        f"{gradients[0] / gradients[5]:.2g} times the gradient of layer 6. Slopes up to 1 and fitting weights cure it."
    )
    assert gradients[0] < gradients[5] / 500
    assert max(layer.saturated or 0 for layer in failed.health[0]) < 0.01
    assert failed.moved[-1][0] < 0.02
    assert failed.accuracy[-1] < 20
    for remedy in remedies:
        gradients = [layer.gradient for layer in remedy.health[0]]
        assert max(gradients) < 20 * min(gradients)
        assert min(remedy.moved[-1]) > 0.2
        assert remedy.accuracy[-1] >= 95


def picture(seen: dict[str, Record]):
    figure, axes = new_figure(2, 2, size=(10, 7))
    epochs = range(1, EPOCHS + 1)
    for panel, (name, record) in zip(axes.flat, seen.items(), strict=False):
        norms = {f"layer {i + 1}": [rows[i].gradient for rows in record.health] for i in range(len(SIZES) - 1)}
        lines(epochs, norms, panel, title=name, xlabel="epoch", ylabel="‖gradient‖", yscale="log", ylim=(1e-5, 10))
        panel.legend(ncols=3, frameon=False)
    accuracy = {name: record.accuracy for name, record in seen.items()}
    lines(epochs, accuracy, axes[1, 1], title="accuracy", xlabel="epoch", ylabel="test images read, %", ylim=(0, 103))
    return figure


def main() -> None:
    path = file_to_draw(__doc__.splitlines()[0])
    try:
        from sklearn.datasets import load_digits
        from tqdm import tqdm
    except ImportError:
        raise SystemExit(refuse("this demo needs more; install it with: pip install scikit-learn tqdm")) from None
    X, y = load_digits(return_X_y=True)
    learned, tested = np.split(np.random.default_rng(0).permutation(len(X)), [-TESTS])
    data = X[learned] / 16, y[learned], X[tested] / 16, y[tested]
    print(f"{len(learned):,} digits to learn from, {TESTS} to be tested on; units by layer: {SIZES}")
    seen = {name: learn(name, *data, tqdm) for name in NETWORKS}
    tell(seen)
    if path is not None:
        save(picture(seen), path)


if __name__ == "__main__":
    main()
