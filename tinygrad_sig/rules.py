"""The calculus: one table says what the derivative of every operation is, and the whole project reads it there.

A row is keyed by the function that it differentiates and holds one entry for each argument. In `LOCAL` stand the
elementwise functions y = f(x, …): an entry is the local derivative ∂y/∂x itself, written as in a calculus book. In
`LINEAR` stand the linear maps, whose derivative is no elementwise factor: an entry carries the upstream gradient g from
the output back to its argument. None stands where there is no derivative.

Entries are plain NumPy, and use only functions that have a row themselves: given numbers they compute numbers, given
Tensors a graph that can be differentiated again, given symbols the text of a formula. At a kink they take the middle:
0 for |x| and relu at 0, ½ for each side of a tie in maximum and minimum.
"""

from typing import Any

import numpy as np

from .functions import (
    Function,
    cast,
    count,
    getitem,
    inverse,
    larger,
    lowered,
    matmul_left,
    matmul_right,
    relu,
    scatter,
    sech,
    sigmoid,
    sigmoid_with_slope,
    spread,
    unbroadcast,
)

Row = tuple[Any, ...]

# The formatter would break the columns, and with them the reading of the tables as tables.
# fmt: off
LOCAL: dict[Function, Row] = {
    #              y = f(x)                                    ∂y/∂x
    np.negative:  (lambda y, x: -1,),
    np.positive:  (lambda y, x: 1,),
    np.absolute:  (lambda y, x: np.sign(x),),
    np.sqrt:      (lambda y, x: 0.5 / y,),
    np.exp:       (lambda y, x: y,),
    np.log:       (lambda y, x: 1 / x,),
    np.sin:       (lambda y, x: np.cos(x),),
    np.cos:       (lambda y, x: -np.sin(x),),
    np.tanh:      (lambda y, x: sech(x) ** 2,),
    sech:         (lambda y, x: -y * np.tanh(x),),
    sigmoid:      (lambda y, x, slope=None: y * sigmoid(-x) if slope is None else slope,),
    relu:         (lambda y, x: np.heaviside(x, 0),),
    #              y = f(a, b)                                 ∂y/∂a,                               ∂y/∂b
    np.add:       (lambda y, a, b: 1,                          lambda y, a, b: 1),
    np.subtract:  (lambda y, a, b: 1,                          lambda y, a, b: -1),
    np.multiply:  (lambda y, a, b: b,                          lambda y, a, b: a),
    np.divide:    (lambda y, a, b: 1 / b,                      lambda y, a, b: -y / b),
    np.remainder: (lambda y, a, b: 1,                          lambda y, a, b: -np.floor_divide(a, b)),
    np.power:     (lambda y, a, b: b * a ** lowered(b, a),     lambda y, a, b: y * np.log(a + (a == 0))),
    np.maximum:   (lambda y, a, b: larger(a, b),               lambda y, a, b: larger(b, a)),
    np.minimum:   (lambda y, a, b: larger(b, a),               lambda y, a, b: larger(a, b)),
}
LINEAR: dict[Function, Row] = {
    #                y = f(x), with its parameters                 the upstream gradient g, carried back
    np.sum:          (lambda g, y, x, axis=None, keepdims=False:   spread(g, x, axis, keepdims),),
    np.mean:         (lambda g, y, x, axis=None, keepdims=False:   spread(g / count(x, y), x, axis, keepdims),),
    np.reshape:      (lambda g, y, x, shape=None, newshape=None:   np.reshape(g, x.shape),),
    np.expand_dims:  (lambda g, y, x, axis:                        np.reshape(g, x.shape),),
    np.squeeze:      (lambda g, y, x, axis=None:                   np.reshape(g, x.shape),),
    np.transpose:    (lambda g, y, x, axes=None:                   np.transpose(g, inverse(axes)),),
    np.swapaxes:     (lambda g, y, x, axis1, axis2:                np.swapaxes(g, axis1, axis2),),
    np.broadcast_to: (lambda g, y, x, shape:                       unbroadcast(g, x.shape),),
    getitem:         (lambda g, y, x, key:                         scatter(g, key, x.shape),),
    scatter:         (lambda g, y, x, key, shape:                  getitem(g, key),),
    cast:            (lambda g, y, x, dtype:                       cast(g, x.dtype),),
    #                y = f(a, b)
    np.matmul:       (lambda g, y, a, b: matmul_left(g, a, b),     lambda g, y, a, b: matmul_right(g, a, b)),
    np.where:        (None, lambda g, y, c, a, b: np.where(c, g, 0), lambda g, y, c, a, b: np.where(c, 0, g)),
}
# fmt: on

# What computes (y, ∂y/∂x) in one stroke: the forward pass calls it, and hands ∂y/∂x to the entry as a last argument,
# the `slope` of sigmoid. An entry that is given Tensors or symbols gets none, and states the formula.
WITH_SLOPE: dict[Function, Function] = {sigmoid: sigmoid_with_slope}
