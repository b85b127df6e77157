"""Exercise 1 (section 1.2.2 of the sheet): σ′, and between which bounds it lies.

The sigmoid is σ(x) = 1/(1 + e⁻ˣ). Differentiate it by hand, and write its derivative σ′(x) in `slope`. Then find the
bounds: no slope is below the lower one or above the upper one, and no narrower bounds will do.

Mind the tail. σ′ is never 0, but a formula with 1 − σ(x) in it is 0 from x = 37 on, because 1 − σ(x) is rounded away
there; the sheet's eˣ/(eˣ + 1)² ends at x = 355, where (eˣ + 1)² is infinite. What is 1 − σ(x), by symmetry?

To look at: `python demos/sigmoid_bounds.py`, and the rows of sigmoid in tinygrad_sig/calculus/rules.py. You may use
NumPy and `sigmoid`, which keeps its digits on both sides.
"""

import numpy as np  # noqa: F401

from tinygrad_sig import sigmoid  # noqa: F401


def slope(x):
    """σ′(x), for a number x."""
    raise NotImplementedError("not yet")


def bounds():
    """The pair (lower, upper) of numbers between which σ′ lies."""
    raise NotImplementedError("not yet")
