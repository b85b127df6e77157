"""Exercise 6: the rows of `*` and `/` in the table of derivatives.

The whole engine rests on one table. A row holds, for each argument of an operation, its local derivative, written with
y, the value that was computed, and the arguments themselves. The row of `+` is

    y = a + b      ∂y/∂a = 1      ∂y/∂b = 1

Write the rows of y = a·b and y = a/b. The second is shortest with y in it, but need not be.

To look at: tinygrad_sig/calculus/rules.py has a hundred rows. Write these two before you look, and then compare.
"""


def row_of_multiply(y, a, b):
    """The pair (∂y/∂a, ∂y/∂b) for y = a·b."""
    raise NotImplementedError("not yet")


def row_of_divide(y, a, b):
    """The pair (∂y/∂a, ∂y/∂b) for y = a/b."""
    raise NotImplementedError("not yet")
