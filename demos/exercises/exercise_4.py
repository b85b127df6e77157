"""Exercise 4 (section 1.2.4 of the sheet): the weight for which twenty layers vanish slowest.

A chain of twenty layers a_i = σ(w·a_(i−1)), all with the same weight w, starts at a_0 = x = 1. Its gradient ∂y/∂x is
the product of twenty factors w·σ′(z_i). Each is at most |w|/4, so a small w makes it vanish. A large w makes it vanish
too: why? Somewhere between them |∂y/∂x| is largest.

Find that weight, by trying or by computing, and return it from `weight`. To within one percent of the largest
|∂y/∂x| is enough. The answer surprises: a weight may have either sign, and with one of them every z_i stays where σ is
steep.

To look at: `python demos/vanishing.py`; `tinygrad-sig --depth 20 --weight 1` shows such a chain layer by layer.
"""


def weight():
    """The w for which |∂y/∂x| is largest."""
    raise NotImplementedError("not yet")
