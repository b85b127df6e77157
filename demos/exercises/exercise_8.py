"""Exercise 8: initial weights with which a deep network of sigmoids learns.

Nine layers, eight of them of 20 sigmoids, are to tell four clouds of points in twelve dimensions apart. With the
weights that are in common use, drawn from [−1/√n, 1/√n] for n inputs, the first layers hear next to nothing of the
loss: each σ′ is ¼ at most, eight of them make 1/65536, and weights this small do not make up for it. The network
guesses, and is right one time in four.

Write `weights`, which draws the weights of a layer, so that it learns: at least nine points of ten after 500 steps,
from three seeds. The activation stays the sigmoid, biases start at 0, and the optimiser is SGD. How large must the
weights be for w·σ′ to keep its size through a layer? Mean field (`python demos/deep_networks.py`) can tell you; so can
trying.

To look at: the initialisers in tinygrad_sig/nn.py, and `python demos/early_layers_learn_slowly.py`.
"""

import numpy as np  # noqa: F401


def weights(rng, n_in, n_out):
    """An array of shape (n_in, n_out), drawn with the generator rng, for a layer with n_in inputs and n_out outputs."""
    raise NotImplementedError("not yet")
