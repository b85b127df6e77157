"""How a function is called where it is measured in every spelling, and what PyTorch calls the same thing.

A row of the tables that needs nothing but arrays needs no line here, nor does one that PyTorch has under NumPy's name
and with its arguments. What is neither here nor callable with one or two arrays is called as the tests call it.
"""

import operator
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

rng = np.random.default_rng(0)
SHAPE = (64, 30)


def uniform(*shape: int) -> Any:
    """Inside the domain of nearly all functions; no two elements tie."""
    return rng.uniform(0.2, 0.8, shape)


class Call(NamedTuple):
    args: tuple[Any, ...]
    kwargs: dict[str, Any]


def call(*args: Any, **kwargs: Any) -> Call:
    return Call(args, kwargs)


class Operands:
    """What a call is made of, by name: leaves of an engine and constants beside them, made on first use."""

    def __init__(self, leaf: Callable[[str, Any], Any], constant: Callable[[str, Any], Any], size: str) -> None:
        self.leaf, self.constant, self.size = leaf, constant, size
        self.leaves: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        if name in LEAVES[self.size]:
            value = self.made(name, LEAVES[self.size][name])
        elif name in CONSTANTS[self.size]:
            value = self.constant(name, CONSTANTS[self.size][name])
        else:
            raise AttributeError(f"there is no {name} of size {self.size}")
        setattr(self, name, value)
        return value

    def made(self, name: str, value: Any) -> Any:
        """A leaf, which a backward pass is to reach."""
        self.leaves.append(self.leaf(name, value))
        return self.leaves[-1]


Build = Callable[[Operands], Call]

LEAVES: dict[str, dict[str, Any]] = {
    "0-d": {"a": uniform(), "b": uniform(), "above_1": 1 + uniform()},
    "64×30": {
        "a": uniform(*SHAPE),
        "b": uniform(*SHAPE),
        "above_1": 1 + uniform(*SHAPE),
        "matrix": uniform(*SHAPE),
        "turned": uniform(*SHAPE[::-1]),
        "square": uniform(30, 30) + 5 * np.eye(30),
        "row": uniform(30),
        "other_row": uniform(30),
        "column": uniform(64, 1),
        "threes": uniform(64, 3),
        "other_threes": uniform(64, 3),
        "cube": uniform(4, 16, 30),
        "small": uniform(3, 4),
        "number": uniform(),
        "other_number": uniform(),
    },
}
CONSTANTS: dict[str, dict[str, Any]] = {
    "0-d": {"array": uniform(), "numpy_number": np.float64(2)},
    "64×30": {
        "array": uniform(*SHAPE),
        "numpy_number": np.float64(2),
        "index": rng.integers(0, 30, 20),
        "whole_index": rng.integers(0, 30, SHAPE),
        "mask": rng.random(SHAPE) < 0.5,
        "points": np.linspace(0, 1, 50),
    },
}

# Elementwise functions of two arguments: with a Tensor on both sides, and with all that may stand beside one.
BESIDE: tuple[Build, ...] = (
    lambda m: call(m.a, m.b),
    lambda m: call(m.a, 2),
    lambda m: call(2, m.a),
    lambda m: call(m.a, m.numpy_number),
    lambda m: call(m.numpy_number, m.a),
    lambda m: call(m.a, m.array),
    lambda m: call(m.array, m.a),
)

OPERATORS: dict[str, tuple[Callable[..., Any], str]] = {
    "add": (operator.add, "{} + {}"),
    "subtract": (operator.sub, "{} - {}"),
    "multiply": (operator.mul, "{} * {}"),
    "divide": (operator.truediv, "{} / {}"),
    "remainder": (operator.mod, "{} % {}"),
    "power": (operator.pow, "{} ** {}"),
    "matmul": (operator.matmul, "{} @ {}"),
    "negative": (operator.neg, "-{}"),
    "positive": (operator.pos, "+{}"),
    "absolute": (abs, "abs({})"),
    "getitem": (operator.getitem, "{}[{}]"),
}
ATTRIBUTES = {"transpose": "T", "matrix_transpose": "mT"}
# Names whose method changes the array in place, or is an attribute: no twin of the function.
IN_PLACE = {"sort", "partition", "real"}

REDUCTIONS = {"sum", "mean", "max", "min", "prod"}
VIEWS = {
    *("reshape", "transpose", "swapaxes", "expand_dims", "squeeze", "ravel", "flatten", "getitem", "flip", "diagonal"),
    *("broadcast_to", "moveaxis", "flipud", "fliplr", "rot90", "rollaxis", "permute_dims", "matrix_transpose"),
    *("atleast_1d", "atleast_2d", "atleast_3d", "split", "array_split", "hsplit", "vsplit", "dsplit", "unstack"),
    *("take", "take_along_axis", "linalg.diagonal", "linalg.matrix_transpose"),
}

# fmt: off
# The formatter would break the columns.
CALLS: dict[str, tuple[Build, ...]] = {
    "arccosh":         (lambda m: call(m.above_1),),
    **{f: (lambda m: call(m.a), lambda m: call(m.matrix, 0)) for f in REDUCTIONS},
    "cumsum":          (lambda m: call(m.a, 0),),
    "reshape":         (lambda m: call(m.a, (-1,)), lambda m: call(m.a, (30, 64))),
    "expand_dims":     (lambda m: call(m.a, 0),),
    "squeeze":         (lambda m: call(m.column), lambda m: call(m.column, 1)),
    "swapaxes":        (lambda m: call(m.a, 0, 1),),
    "flip":            (lambda m: call(m.a, (0,)),),
    "broadcast_to":    (lambda m: call(m.row, SHAPE), lambda m: call(m.column, SHAPE)),
    "getitem":         (lambda m: call(m.a, 1), lambda m: call(m.a, np.s_[1:]), lambda m: call(m.a, np.s_[:, 0]),
                        lambda m: call(m.a, np.s_[..., None]), lambda m: call(m.a, np.s_[::2, 1:5]),
                        lambda m: call(m.a, m.index), lambda m: call(m.a, m.mask)),
    "matmul":          (lambda m: call(m.a, m.turned), lambda m: call(m.a, m.row), lambda m: call(m.cube, m.square)),
    "where":           (lambda m: call(m.mask, m.a, m.b), lambda m: call(m.mask, m.a, 0)),
    "moveaxis":        (lambda m: call(m.cube, 0, 2),),
    "rollaxis":        (lambda m: call(m.cube, 2),),
    "permute_dims":    (lambda m: call(m.cube, (2, 0, 1)),),
    **{f: (lambda m: call([m.a, m.b]), lambda m: call([m.a, m.b], 1)) for f in ("concatenate", "concat", "stack")},
    **{f: (lambda m: call([m.a, m.b]),) for f in ("hstack", "vstack", "dstack", "column_stack")},
    "block":           (lambda m: call([[m.a, m.b], [m.b, m.a]]),),
    "append":          (lambda m: call(m.a, m.b, 0),),
    "insert":          (lambda m: call(m.a, 1, m.row, 0),),
    "delete":          (lambda m: call(m.a, 1, 0),),
    **{f: (lambda m: call(m.a, 2),) for f in ("split", "array_split", "hsplit", "vsplit")},
    "dsplit":          (lambda m: call(m.cube, 2),),
    "repeat":          (lambda m: call(m.a, 2, 0),),
    "tile":            (lambda m: call(m.a, (2, 1)),),
    "roll":            (lambda m: call(m.a, 1, 0),),
    "pad":             (lambda m: call(m.a, 1),),
    "select":          (lambda m: call([m.mask], [m.a], 0),),
    "astype":          (lambda m: call(m.a, np.float32),),
    "diag":            (lambda m: call(m.square), lambda m: call(m.row)),
    "diagflat":        (lambda m: call(m.row),),
    **{f: (lambda m: call(m.square),) for f in ("trace", "diagonal", "linalg.trace", "linalg.diagonal", "linalg.inv",
                                                "linalg.det", "linalg.slogdet", "det", "log_det", "cofactors")},
    "take":            (lambda m: call(m.a, m.index), lambda m: call(m.a, m.index, 1)),
    "take_along_axis": (lambda m: call(m.a, m.whole_index, 1),),
    "clip":            (lambda m: call(m.a, 0.3, 0.6), lambda m: call(m.a, 0.3, None)),
    "partition":       (lambda m: call(m.a, 5),),
    "quantile":        (lambda m: call(m.a, 0.3), lambda m: call(m.a, 0.3, 0)),
    "percentile":      (lambda m: call(m.a, 30),),
    "cumprod":         (lambda m: call(m.a, 0),),
    "cumulative_sum":  (lambda m: call(m.a, axis=0),),
    "cumulative_prod": (lambda m: call(m.a, axis=0),),
    "interp":          (lambda m: call(m.a, m.points, m.points),),
    "linspace":        (lambda m: call(m.number, m.other_number, 50),),
    "dot":             (lambda m: call(m.a, m.turned), lambda m: call(m.row, m.other_row)),
    **{f: (lambda m: call(m.row, m.other_row),) for f in ("outer", "linalg.outer", "vdot")},
    "kron":            (lambda m: call(m.small, m.a),),
    "cross":           (lambda m: call(m.threes, m.other_threes),),
    **{f: (lambda m: call(m.threes, m.other_threes),) for f in ("linalg.cross", "ours.cross")},
    "linalg.matmul":   (lambda m: call(m.a, m.turned),),
    "tensordot":       (lambda m: call(m.a, m.turned, 1),),
    "linalg.tensordot": (lambda m: call(m.a, m.turned, axes=1),),
    "einsum":          (lambda m: call("ij,jk->ik", m.a, m.turned), lambda m: call("ij,ij->i", m.a, m.b),
                        lambda m: call("ij->j", m.a)),
    "matvec":          (lambda m: call(m.a, m.row),),
    "vecmat":          (lambda m: call(m.row, m.turned),),
    "linalg.norm":     (lambda m: call(m.a), lambda m: call(m.a, None, 1), lambda m: call(m.row, 1)),
    "linalg.solve":    (lambda m: call(m.square, m.turned),),
    "solve":           (lambda m: call(m.square, m.turned),),
    "linalg.multi_dot":      (lambda m: call([m.a, m.square, m.turned]),),
    "linalg.matrix_power":   (lambda m: call(m.square, 3),),
    "logsumexp":       (lambda m: call(m.a), lambda m: call(m.a, -1)),
    "others":          (lambda m: call(m.a, 0),),
    "direction":       (lambda m: call(m.a, m.number, None, False),),
    "cumprod_back":    (lambda m: call(m.a, m.b, 0),),
}


def twins(torch: Any) -> dict[str, Any]:
    """PyTorch's functions that are not those of NumPy's name; None where it has another meaning there, or none."""
    new = torch.nn.functional
    return {
        **{f: partial(getattr(torch, f), correction=0) for f in ("var", "std")},
        **{f: partial(getattr(torch, f), dim=-1) for f in ("softmax", "log_softmax")},
        **{f: getattr(new, f) for f in ("softplus", "leaky_relu", "elu", "silu", "relu")},
        "fabs": torch.abs,                                  "power": torch.pow,
        "max": torch.amax,                                  "min": torch.amin,
        "log_sigmoid": new.logsigmoid,                      "gelu": partial(new.gelu, approximate="tanh"),
        "sech": None,                                       "positive": None,  # It returns its argument there.
        "logsumexp": lambda a, axis=(0, 1): torch.logsumexp(a, axis),
        "transpose": torch.t,                               "expand_dims": torch.unsqueeze,
        "matrix_transpose": torch.t,                        "linalg.matrix_transpose": torch.t,
        "permute_dims": torch.permute,                      "rollaxis": partial(torch.movedim, destination=0),
        "concatenate": torch.cat,                           "append": lambda a, b, axis: torch.cat((a, b), axis),
        "split": torch.tensor_split,                        "array_split": torch.tensor_split,
        "unstack": torch.unbind,                            "interp": None,
        "repeat": torch.repeat_interleave,                  "pad": lambda a, n: new.pad(a, (n, n, n, n)),
        "select": None,                                     "astype": lambda a, dtype: a.to(torch.float32),
        "take": lambda a, i, axis=None: torch.take(a, i) if axis is None else torch.index_select(a, axis, i),
        "take_along_axis": torch.take_along_dim,            "linalg.trace": torch.trace,
        "cumulative_sum": lambda a, axis: torch.cumsum(a, axis),
        "cumulative_prod": lambda a, axis: torch.cumprod(a, axis),
        "sort": lambda a: torch.sort(a)[0],                 "partition": None,
        "median": lambda a: torch.quantile(a, 0.5),         "percentile": lambda a, q: torch.quantile(a, q / 100),
        "average": torch.mean,                              "ptp": lambda a: torch.amax(a) - torch.amin(a),
        "around": torch.round,                              "linspace": None,
        "degrees": torch.rad2deg,                           "radians": torch.deg2rad,
        "dot": torch.matmul,                                "linalg.outer": torch.outer,
        "vecdot": torch.linalg.vecdot,                      "cross": torch.linalg.cross,
        "linalg.tensordot": lambda a, b, axes: torch.tensordot(a, b, axes),
        "matvec": torch.mv,                                 "vecmat": lambda v, a: v @ a,
        "linalg.det": torch.linalg.det,                     "log_det": torch.logdet,
        "cofactors": None,                                  "block": None,
        "solve": torch.linalg.solve,                        "det": torch.linalg.det,
    }
