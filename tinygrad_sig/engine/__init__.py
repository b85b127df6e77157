"""How gradients travel: the order and the walk, the node, and how a node passes for an array."""
