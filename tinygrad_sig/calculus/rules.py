"""The calculus: one table says what the derivative of every operation is, and the whole project reads it there.

A row is keyed by the function that it differentiates and holds one entry for each argument. In `LOCAL` stand the
elementwise functions y = f(x, …): an entry is the local derivative ∂y/∂x itself, written as in a calculus book. In
`LINEAR` stand the functions whose derivative is a linear map and no elementwise factor: an entry carries the upstream
gradient g from the output back to its argument. None stands where there is no derivative.

Entries are plain NumPy, and use only functions that have a row themselves, or steps and comparisons, whose derivative
is 0: given numbers they compute numbers, given Tensors a graph that can be differentiated again, given symbols the text
of a formula. What an entry of `LINEAR` names after its arguments are the parameters that a caller may give.

At a kink, where mathematics leaves a choice: the slope of |x|, of relu and of a norm is 0 at 0, leaky_relu and elu have
the slope of their left side, and all that tie in a maximum or a minimum have equal shares of its gradient.

Where a difference of nearly equal numbers would lose digits, an entry is written without it: sech(x)² for 1 − tanh(x)²,
(1 − x)·(1 + x) for 1 − x². Where a square could overflow, it divides twice.
"""

from functools import partial
from math import log as ln
from math import pi
from typing import Any

import numpy as np

from . import functions as fn
from .functions import Function, chosen, euclidean, getitem, logit, lowered, relu, sech, sigmoid, spread

Row = Any  # A tuple of entries, or an `Each`.


class Each:
    """A row for any number of arguments: entry(i, g, y, *x, param, …) carries g back to the i-th of them."""

    def __init__(self, entry: Function) -> None:
        self.entry = entry

    def __getitem__(self, i: int) -> Function:
        return partial(self.entry, i)


# The formatter would break the columns, and with them the reading of the tables as tables.
# fmt: off
LOCAL: dict[Function, Row] = {
    #               y = f(x)                                    ∂y/∂x
    np.negative:    (lambda y, x: -1,),
    np.positive:    (lambda y, x: 1,),
    np.absolute:    (lambda y, x: np.sign(x),),
    np.fabs:        (lambda y, x: np.sign(x),),
    np.deg2rad:     (lambda y, x: pi / 180,),
    np.rad2deg:     (lambda y, x: 180 / pi,),
    np.radians:     (lambda y, x: pi / 180,),
    np.degrees:     (lambda y, x: 180 / pi,),
    np.square:      (lambda y, x: 2 * x,),
    np.reciprocal:  (lambda y, x: -(y * y),),
    np.sqrt:        (lambda y, x: 0.5 / y,),
    np.cbrt:        (lambda y, x: 1 / (3 * (y * y)),),
    np.exp:         (lambda y, x: y,),
    np.exp2:        (lambda y, x: ln(2) * y,),
    np.expm1:       (lambda y, x: np.exp(x),),
    np.log:         (lambda y, x: 1 / x,),
    np.log2:        (lambda y, x: 1 / (ln(2) * x),),
    np.log10:       (lambda y, x: 1 / (ln(10) * x),),
    np.log1p:       (lambda y, x: 1 / (1 + x),),
    np.sin:         (lambda y, x: np.cos(x),),
    np.cos:         (lambda y, x: -np.sin(x),),
    np.tan:         (lambda y, x: 1 + y * y,),
    np.sinc:        (lambda y, x: fn.sinc_derivative(x, n=1),),
    np.arcsin:      (lambda y, x: 1 / np.sqrt((1 - x) * (1 + x)),),
    np.arccos:      (lambda y, x: -(1 / np.sqrt((1 - x) * (1 + x))),),
    np.arctan:      (lambda y, x: (1 / np.hypot(1, x)) ** 2,),
    np.sinh:        (lambda y, x: np.cosh(x),),
    np.cosh:        (lambda y, x: np.sinh(x),),
    np.tanh:        (lambda y, x: sech(x) ** 2,),
    sech:           (lambda y, x: -y * np.tanh(x),),
    np.arcsinh:     (lambda y, x: 1 / np.hypot(1, x),),
    np.arccosh:     (lambda y, x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)),),
    np.arctanh:     (lambda y, x: 1 / ((1 - x) * (1 + x)),),
    sigmoid:        (lambda y, x, slope=None: y * sigmoid(-x) if slope is None else slope,),
    logit:          (lambda y, x: 1 / (x * (1 - x)),),
    relu:           (lambda y, x: np.heaviside(x, 0),),
    #               y = f(a, b)                                 ∂y/∂a,                               ∂y/∂b
    np.add:         (lambda y, a, b: 1,                         lambda y, a, b: 1),
    np.subtract:    (lambda y, a, b: 1,                         lambda y, a, b: -1),
    np.multiply:    (lambda y, a, b: b,                         lambda y, a, b: a),
    np.divide:      (lambda y, a, b: 1 / b,                     lambda y, a, b: -(y / b)),
    np.remainder:   (lambda y, a, b: 1,                         lambda y, a, b: -np.floor_divide(a, b)),
    np.fmod:        (lambda y, a, b: 1,                         lambda y, a, b: np.rint((y - a) / b)),
    np.copysign:    (lambda y, a, b: np.copysign(1, b) * np.sign(a), lambda y, a, b: 0),
    np.power:       (lambda y, a, b: b * a ** lowered(b, a),    lambda y, a, b: y * np.log(a + (a == 0))),
    np.float_power: (lambda y, a, b: b * a ** lowered(b, a),    lambda y, a, b: y * np.log(a + (a == 0))),
    np.maximum:     (lambda y, a, b: chosen(y, a, b),           lambda y, a, b: chosen(y, b, a)),
    np.minimum:     (lambda y, a, b: chosen(y, a, b),           lambda y, a, b: chosen(y, b, a)),
    np.fmax:        (lambda y, a, b: chosen(y, a, b),           lambda y, a, b: chosen(y, b, a)),
    np.fmin:        (lambda y, a, b: chosen(y, a, b),           lambda y, a, b: chosen(y, b, a)),
    np.hypot:       (lambda y, a, b: a / fn.divisor(y),         lambda y, a, b: b / fn.divisor(y)),
    np.arctan2:     (lambda y, a, b: b / np.hypot(a, b) / np.hypot(a, b),
                     lambda y, a, b: -(a / np.hypot(a, b) / np.hypot(a, b))),
    np.logaddexp:   (lambda y, a, b: sigmoid(a - b),            lambda y, a, b: sigmoid(b - a)),
    np.logaddexp2:  (lambda y, a, b: sigmoid(ln(2) * (a - b)),
                     lambda y, a, b: sigmoid(ln(2) * (b - a))),
}
LINEAR: dict[Function, Row] = {
    #                y = f(x), with its parameters                 the upstream gradient g, carried back
    np.sum:          (lambda g, y, x, axis=None, keepdims=False:   spread(g, x, axis, keepdims),),
    np.mean:         (lambda g, y, x, axis=None, keepdims=False:   spread(g / fn.count(x, y), x, axis, keepdims),),
    np.max:          (lambda g, y, x, axis=None, keepdims=False:   spread(g, x, axis, keepdims)
                                                                   * fn.shares(y, x, axis, keepdims),),
    np.min:          (lambda g, y, x, axis=None, keepdims=False:   spread(g, x, axis, keepdims)
                                                                   * fn.shares(y, x, axis, keepdims),),
    np.nanmax:       (lambda g, y, x, axis=None, keepdims=False:   spread(g, x, axis, keepdims)
                                                                   * fn.shares(y, x, axis, keepdims),),
    np.nanmin:       (lambda g, y, x, axis=None, keepdims=False:   spread(g, x, axis, keepdims)
                                                                   * fn.shares(y, x, axis, keepdims),),
    np.nansum:       (lambda g, y, x, axis=None, keepdims=False:   np.where(np.isnan(x), 0,
                                                                   spread(g, x, axis, keepdims)),),
    np.nanmean:      (lambda g, y, x, axis=None, keepdims=False:   np.where(np.isnan(x), 0, spread(g / fn.present(
                                                                   x, axis, keepdims), x, axis, keepdims)),),
    np.prod:         (lambda g, y, x, axis=None, keepdims=False:   spread(g, x, axis, keepdims)
                                                                   * fn.others_of(x, axis),),
    euclidean:       (lambda g, y, x, axis=None, keepdims=False:   spread(g / fn.divisor(y), x, axis, keepdims) * x,),
    np.cumsum:       (lambda g, y, x, axis=None:                   fn.cumsum_back(g, x, axis),),
    np.cumprod:      (lambda g, y, x, axis=None:                   fn.cumprod_undone(g, x, axis),),
    np.nan_to_num:   (lambda g, y, x, nan=0.0, posinf=None, neginf=None: np.where(np.isfinite(x), g, 0),),
    fn.sinc_derivative: (lambda g, y, x, n:                        g * fn.sinc_derivative(x, n=n + 1),),
    np.reshape:      (lambda g, y, x, shape=None, newshape=None:   np.reshape(g, x.shape),),
    np.expand_dims:  (lambda g, y, x, axis:                        np.reshape(g, x.shape),),
    np.squeeze:      (lambda g, y, x, axis=None:                   np.reshape(g, x.shape),),
    np.transpose:    (lambda g, y, x, axes=None:                   np.transpose(g, fn.inverse(axes)),),
    np.swapaxes:     (lambda g, y, x, axis1, axis2:                np.swapaxes(g, axis1, axis2),),
    np.flip:         (lambda g, y, x, axis=None:                   np.flip(g, axis),),
    np.broadcast_to: (lambda g, y, x, shape:                       fn.unbroadcast(g, x.shape),),
    getitem:         (lambda g, y, x, key:                         fn.scatter(g, key, x.shape),),
    fn.scatter:      (lambda g, y, x, key, shape:                  getitem(g, key),),
    fn.cast:         (lambda g, y, x, dtype:                       fn.cast(g, x.dtype),),
    #                y = f(a, b), or more arguments
    np.matmul:       (lambda g, y, a, b: fn.matmul_left(g, a, b),  lambda g, y, a, b: fn.matmul_right(g, a, b)),
    fn.recurrence:   (lambda g, y, a, b: getitem(fn.recurrence_back(g, a), np.s_[:-1]) * getitem(y, np.s_[1:]),
                      lambda g, y, a, b: fn.recurrence_back(g, a)),
    np.where:        (None, lambda g, y, c, a, b: np.where(c, g, 0), lambda g, y, c, a, b: np.where(c, 0, g)),
    fn.join:         Each(lambda i, g, y, *x, axis:                fn.part(i, g, x, axis)),
    fn.contract:     Each(lambda i, g, y, *x, terms, out, optimize: fn.contract_back(i, g, x, terms, out, optimize)),
}
# fmt: on

# What computes (y, ∂y/∂x) in one stroke: the forward pass calls it, and hands ∂y/∂x to the entry as a last argument,
# the `slope` of sigmoid. An entry that is given Tensors or symbols gets none, and states the formula.
WITH_SLOPE: dict[Function, Function] = {sigmoid: fn.sigmoid_with_slope}
