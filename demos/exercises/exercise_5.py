"""Exercise 5 (section 1.2.5 of the sheet): a chain that explodes.

Build a chain of twenty layers a_i = σ(w_i·a_(i−1) + b_i), a_0 = x, for which |∂y/∂x| is more than 1000.

The sheet says that large weights will do. Try it: `tinygrad-sig --depth 20 --weight 100`. Every factor of the gradient
is w_i·σ′(z_i). For it to be above 1, what must |w_i| be, and where must z_i be? And what can the bias b_i do about z_i?

To look at: `python demos/exploding.py`.
"""


def chain():
    """The triple (x, weights, biases): a number, and two lists of twenty numbers."""
    raise NotImplementedError("not yet")
