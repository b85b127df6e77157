"""How gradients travel: the order and the walk, the node, and the lanes on which every spelling comes to a node."""

from . import lanes  # noqa: F401 (it gives Tensor its operators and methods)
