"""Exercise 7: the walk, which is all of reverse mode.

A graph is made of nodes. A node knows its inputs, and for each of them the local derivative of itself by that input.
The walk starts at the output y with dy/dy = 1, and passes a gradient on from each node to its inputs:

    downstream = upstream × local

1. `walk_chain`: every node has one input, or none, as in y = σ(w·σ(v·x)) with constant w and v. Go from y to its input,
   from there to the next, and note the gradient of each node.
2. `walk_graph`: a node may have several inputs, may be used several times, and even twice by the same node, as in
   a + a. What reaches a node by several edges is added. And a node may pass its gradient on only when all of it has
   arrived: so find an order of the nodes first, in which each stands before all of its inputs. For a = 1; b = a + a;
   c = b + b the derivative dc/da is 4.

A graph may be thousands of nodes deep, which is more than Python recurses; a list of the nodes that are still to be
visited does not end there. Nodes can be keys of a dict.

To look at: `python demos/why_topological_order.py`, and `topological_order` and `walk` in
tinygrad_sig/engine/backward.py.
"""


class Node:
    """A value that was computed from `inputs`; `local[i]` is its derivative by inputs[i]."""

    def __init__(self, name, inputs=(), local=()):
        self.name, self.inputs, self.local = name, tuple(inputs), tuple(local)


def walk_chain(y):
    """A dict with the gradient dy/dnode of every node, y included, where no node has more than one input."""
    raise NotImplementedError("not yet")


def walk_graph(y):
    """The same for any graph."""
    raise NotImplementedError("not yet")
