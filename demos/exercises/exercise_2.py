"""Exercise 2 (section 1.2.2 of the sheet): σ″, with the right sign.

Differentiate σ′ once more. The sheet prints σ″(x) = (eˣ − 1)·eˣ/(eˣ + 1)³, and finds from it that σ′ has its maximum
at 0. At a maximum the slope changes from rising to falling: so which sign must σ″ have left of 0, and which right of
it? Write the right formula in `bend`.

As in exercise 1 it has to hold far from 0 too, where eˣ overflows. One way: σ′(x) = σ(x)·σ(−x), the product rule, and
what you know of σ′ already.

To look at: `python demos/sigmoid_derivatives.py`.
"""

import numpy as np  # noqa: F401

from tinygrad_sig import sigmoid  # noqa: F401


def bend(x):
    """σ″(x), for a number x."""
    raise NotImplementedError("not yet")
