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

Where a book's formula would lose digits, here or in its own derivative, another stands: sech(x)² for 1 − tanh(x)², and
functions of ours that say why: `parabola` for 1 − x², `cosine` for a/√(a² + b²), `over_squares`, `share`, `monomial`.
"""

from math import e, pi
from math import log as ln

import numpy as np

from . import activations as act
from . import functions as fn
from .functions import chosen, cosine, monomial, over_squares, parabola, sech, share, sigmoid, sigmoid_prime, spread
from .rows import Each, Table

# The formatter would break the columns, and with them the reading of the tables as tables.
# fmt: off
LOCAL = Table(True, {
    #                y = f(x)                                    ∂y/∂x
    np.negative:     (lambda y, x: -1,),
    np.positive:     (lambda y, x: 1,),
    np.absolute:     (lambda y, x: np.sign(x),),
    np.fabs:         (lambda y, x: np.sign(x),),
    np.deg2rad:      (lambda y, x: pi / 180,),
    np.rad2deg:      (lambda y, x: 180 / pi,),
    np.radians:      (lambda y, x: pi / 180,),
    np.degrees:      (lambda y, x: 180 / pi,),
    np.square:       (lambda y, x: 2 * x,),
    np.reciprocal:   (lambda y, x: -(y * y),),
    np.sqrt:         (lambda y, x: 0.5 / y,),
    np.cbrt:         (lambda y, x: 1 / (3 * (y * y)),),
    np.exp:          (lambda y, x: y,),
    np.exp2:         (lambda y, x: ln(2) * y,),
    np.expm1:        (lambda y, x: np.exp(x),),
    np.log:          (lambda y, x: 1 / x,),
    np.log2:         (lambda y, x: (1 / ln(2)) / x,),
    np.log10:        (lambda y, x: (1 / ln(10)) / x,),
    np.log1p:        (lambda y, x: 1 / (1 + x),),
    np.sin:          (lambda y, x: np.cos(x),),
    np.cos:          (lambda y, x: -np.sin(x),),
    np.tan:          (lambda y, x: 1 + y * y,),
    np.sinc:         (lambda y, x: fn.sinc_derivative(x, n=1),),
    np.arcsin:       (lambda y, x: 1 / np.sqrt(parabola(x)),),
    np.arccos:       (lambda y, x: -(1 / np.sqrt(parabola(x))),),
    np.arctan:       (lambda y, x: over_squares(1, x),),
    np.sinh:         (lambda y, x: np.cosh(x),),
    np.cosh:         (lambda y, x: np.sinh(x),),
    np.tanh:         (lambda y, x: sech(x) ** 2,),
    sech:            (lambda y, x: -y * np.tanh(x),),
    np.arcsinh:      (lambda y, x: 1 / np.hypot(1, x),),
    np.arccosh:      (lambda y, x: 1 / (np.sqrt(x - 1) * np.sqrt(x + 1)),),
    np.arctanh:      (lambda y, x: 1 / parabola(x),),
    parabola:        (lambda y, x, a=-1, b=1: (a + b) - 2 * x,),
    sigmoid:         (lambda y, x: sigmoid_prime(x),),
    sigmoid_prime:   (lambda y, x: -y * np.tanh(x / 2),),
    fn.logit:        (lambda y, x: 1 / parabola(x, 0, 1),),
    fn.relu:         (lambda y, x: fn.step(x),),
    fn.within:       (lambda y, x, end=40: fn.step(end - abs(x)),),
    act.leaky_relu:  (lambda y, x, slope=0.01: fn.step(x) + slope * (1 - fn.step(x)),),
    act.elu:         (lambda y, x, alpha=1.0: np.where(x > 0, 1, alpha * np.exp(np.where(x > 0, 0, x))),),
    act.softplus:    (lambda y, x: sigmoid(x),),
    act.log_sigmoid: (lambda y, x: sigmoid(-x),),
    act.silu:        (lambda y, x: sigmoid(x) + fn.within(y, act.END) * sigmoid(-x),),
    act.gelu:        (lambda y, x: act.gelu_prime(y, x),),
    #                y = f(a, b)                                 ∂y/∂a,                               ∂y/∂b
    np.add:          (lambda y, a, b: 1,                         lambda y, a, b: 1),
    np.subtract:     (lambda y, a, b: 1,                         lambda y, a, b: -1),
    np.multiply:     (lambda y, a, b: b,                         lambda y, a, b: a),
    np.divide:       (lambda y, a, b: 1 / b,                     lambda y, a, b: -(y / b)),
    np.remainder:    (lambda y, a, b: 1,                         lambda y, a, b: -np.floor_divide(a, b)),
    np.fmod:         (lambda y, a, b: 1,                         lambda y, a, b: np.rint((y - a) / b)),
    np.copysign:     (lambda y, a, b: np.copysign(1, b) * np.sign(a), lambda y, a, b: 0),
    np.power:        (lambda y, a, b: monomial(b, a, b),         lambda y, a, b: y * np.log(a + (a == 0))),
    np.float_power:  (lambda y, a, b: monomial(b, a, b),         lambda y, a, b: y * np.log(a + (a == 0))),
    np.maximum:      (lambda y, a, b: chosen(y, a, b),           lambda y, a, b: chosen(y, b, a)),
    np.minimum:      (lambda y, a, b: chosen(y, a, b),           lambda y, a, b: chosen(y, b, a)),
    np.fmax:         (lambda y, a, b: chosen(y, a, b),           lambda y, a, b: chosen(y, b, a)),
    np.fmin:         (lambda y, a, b: chosen(y, a, b),           lambda y, a, b: chosen(y, b, a)),
    np.hypot:        (lambda y, a, b: cosine(a, b),              lambda y, a, b: cosine(b, a)),
    np.arctan2:      (lambda y, a, b: over_squares(b, a),        lambda y, a, b: -over_squares(a, b)),
    cosine:          (lambda y, a, b: fn.over_hypot(cosine(b, a) ** 2, a, b),
                      lambda y, a, b: -fn.over_hypot(y * cosine(b, a), a, b)),
    np.logaddexp:    (lambda y, a, b: share(a, b),               lambda y, a, b: share(b, a)),
    np.logaddexp2:   (lambda y, a, b: share(a, b, 2),            lambda y, a, b: share(b, a, 2)),
    share:           (lambda y, a, b, base=e: ln(base) * y * share(b, a, base),
                      lambda y, a, b, base=e: -ln(base) * y * share(b, a, base)),
    #                y = f(a, b, c)
    monomial:        (lambda y, c, a, b, lower=1: monomial(1, a, b, lower),
                      lambda y, c, a, b, lower=1: monomial(c * (b - lower), a, b, lower + 1),
                      lambda y, c, a, b, lower=1: y * np.log(a + (a == 0))),
})
LINEAR = Table(False, {
    #                y = f(x), with its parameters                 the upstream gradient g, carried back
    np.sum:          (lambda g, y, x, axis=None, keepdims=False:   spread(g, x, axis, keepdims),),
    np.mean:         (lambda g, y, x, axis=None, keepdims=False:   spread(g / fn.count(x, y), x, axis, keepdims),),
    np.max:          (lambda g, y, x, axis=None, keepdims=False:   fn.chosen_back(g, y, x, axis, keepdims),),
    np.min:          (lambda g, y, x, axis=None, keepdims=False:   fn.chosen_back(g, y, x, axis, keepdims),),
    np.var:          (lambda g, y, x, axis=None, ddof=0, keepdims=False:
                      spread(g, x, axis, keepdims) * (fn.deviation(x, axis) / (fn.count(x, y, ddof) / 2)),),
    np.std:          (lambda g, y, x, axis=None, ddof=0, keepdims=False:
                      spread(g / fn.count(x, y, ddof) ** 0.5, x, axis, keepdims)
                      * fn.direction(fn.deviation(x, axis), y * fn.count(x, y, ddof) ** 0.5, axis, keepdims),),
    fn.euclidean:    (lambda g, y, x, axis=None, keepdims=False:   spread(g, x, axis, keepdims)
                                                                   * fn.direction(x, y, axis, keepdims),),
    act.logsumexp:   (lambda g, y, x, axis=None, keepdims=False: spread(g, x, axis, keepdims) * act.softmax(x, axis),),
    act.softmax:     (lambda g, y, x, axis=-1:                     fn.projected(y * g, y, axis),),
    act.log_softmax: (lambda g, y, x, axis=-1:                     fn.projected(g, act.softmax(x, axis), axis),),
    fn.p_norm:       (lambda g, y, x, ord, axis=None, keepdims=False: fn.p_norm_back(g, y, x, ord, axis, keepdims),),
    np.nanmax:       (lambda g, y, x, axis=None, keepdims=False:   fn.chosen_back(g, y, x, axis, keepdims),),
    np.nanmin:       (lambda g, y, x, axis=None, keepdims=False:   fn.chosen_back(g, y, x, axis, keepdims),),
    np.nansum:       (lambda g, y, x, axis=None, keepdims=False:   fn.present_back(g, x, axis, keepdims),),
    np.nanmean:      (lambda g, y, x, axis=None, keepdims=False:   fn.present_back(g / fn.present(x, axis, keepdims),
                                                                                   x, axis, keepdims),),
    np.prod:         (lambda g, y, x, axis=None, keepdims=False: spread(g, x, axis, keepdims) * fn.others_of(x, axis),),
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
    np.moveaxis:     (lambda g, y, x, source, destination:         np.moveaxis(g, destination, source),),
    np.roll:         (lambda g, y, x, shift, axis=None:            np.roll(g, -np.asarray(shift, int), axis),),
    np.rot90:        (lambda g, y, x, k=1, axes=(0, 1):            np.rot90(g, -k, axes),),
    np.tril:         (lambda g, y, x, k=0:                         np.tril(g, k),),
    np.triu:         (lambda g, y, x, k=0:                         np.triu(g, k),),
    np.diagonal:     (lambda g, y, x, offset=0, axis1=0, axis2=1:  fn.undone(g, x, np.diagonal, offset, axis1, axis2),),
    fn.rearranged:   (lambda g, y, x, by, of:                      fn.undone(g, x, by, *of),),
    np.broadcast_to: (lambda g, y, x, shape:                       fn.unbroadcast(g, x.shape),),
    fn.getitem:      (lambda g, y, x, key:                         fn.scatter(g, key, x.shape),),
    fn.scatter:      (lambda g, y, x, key, shape:                  fn.getitem(g, key),),
    fn.cast:         (lambda g, y, x, dtype:                       fn.cast(g, x.dtype),),
    np.linalg.inv:   (lambda g, y, x:                              -(fn.transposed(y) @ g @ fn.transposed(y)),),
    np.linalg.det:   (lambda g, y, x:                              np.expand_dims(g, (-2, -1)) * fn.cofactors(x),),
    fn.log_det:      (lambda g, y, x: np.expand_dims(g, (-2, -1)) * fn.transposed(np.linalg.inv(x)),),
    #                y = f(a, b), or more arguments
    np.matmul:       (lambda g, y, a, b: fn.matmul_left(g, a, b),  lambda g, y, a, b: fn.matmul_right(g, a, b)),
    np.linalg.solve: (lambda g, y, a, b: fn.solve_left(g, y, a, b), lambda g, y, a, b: fn.solve_right(g, a, b)),
    fn.recurrence:   (lambda g, y, a, b: fn.getitem(fn.recurrence_back(g, a), np.s_[:-1]) * fn.getitem(y, np.s_[1:]),
                      lambda g, y, a, b: fn.recurrence_back(g, a)),
    fn.cross:        (lambda g, y, a, b: fn.cross(b, g),           lambda g, y, a, b: fn.cross(g, a)),
    np.where:        (None, lambda g, y, c, a, b: np.where(c, g, 0), lambda g, y, c, a, b: np.where(c, 0, g)),
    fn.concatenate:  Each(lambda i, g, y, x, axis, ends:           fn.part(g, axis, slice(ends[i], ends[i + 1]))),
    fn.stack:        Each(lambda i, g, y, x, axis:                 fn.part(g, axis, i)),
    fn.contract:     Each(lambda i, g, y, x, subscripts, optimize:  fn.contract_back(i, g, x, subscripts, optimize)),
})
# fmt: on
