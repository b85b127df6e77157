"""Steps: comparisons, roundings, counts and places, with a derivative of 0 wherever there is one; plain arrays."""

import numpy as np

from .functions import Function, chosen, magnitude, shares, sign_of_det, step

STEPS: tuple[Function, ...] = (
    *(np.equal, np.not_equal, np.less, np.less_equal, np.greater, np.greater_equal),
    *(chosen, shares, step, magnitude, sign_of_det),
    *(np.logical_and, np.logical_or, np.logical_xor, np.logical_not, np.any, np.all, np.array_equiv),
    *(np.isnan, np.isinf, np.isfinite, np.isclose, np.allclose, np.array_equal, np.isin, np.isneginf, np.isposinf),
    *(np.sign, np.signbit, np.floor, np.ceil, np.trunc, np.fix, np.rint, np.round, np.floor_divide),
    *(np.heaviside, np.argmax, np.argmin, np.nanargmax, np.nanargmin, np.argsort, np.argpartition, np.lexsort),
    *(np.searchsorted, np.nonzero, np.flatnonzero, np.argwhere, np.count_nonzero, np.digitize),
    *(np.shape, np.ndim, np.size, np.result_type, np.zeros_like, np.ones_like, np.empty_like, np.full_like),
    *(np.array_repr, np.array_str, np.array2string, np.iscomplexobj, np.isrealobj, np.isreal, np.iscomplex),
    *(np.can_cast, np.min_scalar_type, np.common_type, np.shares_memory, np.may_share_memory),
)
# What a constant is made of, or where a step lies: a Tensor there would lose its gradient.
VALUED = (np.full_like, np.heaviside)
