"""Exercise 3 (section 1.2.3 of the sheet): the gradient of the five-layer chain as a product.

The chain is

    z1 = w1·x    z2 = w2·a1    z3 = w3·a2    z4 = w4·a3    z5 = w5·a4
    a1 = σ(z1)   a2 = σ(z2)    a3 = σ(z3)    a4 = σ(z4)    y  = σ(z5)

Write ∂y/∂x in `gradient` as the product of ten factors, two for each layer. The sheet prints
w5·σ′(a4)·w4·σ′(a3)·w3·σ′(a2)·w2·σ′(a1)·w1·σ′(x); is each σ′ taken where its σ was taken?

To look at: `python demos/five_layer_chain.py`. The command tells what is wrong with a formula as you would write it:
`tinygrad-sig --check "w5*s'(a4)*w4*s'(a3)*w3*s'(a2)*w2*s'(a1)*w1*s'(x)"`.
"""

from tinygrad_sig import sigmoid


def sigma_prime(z):
    """σ′(z)."""
    return sigmoid(z) * sigmoid(-z)


def gradient(x, weights):
    """∂y/∂x at the number x, for weights [w1, w2, w3, w4, w5]."""
    raise NotImplementedError("not yet")
