"""define: a row from outside, with the same power as those of the tables, and some care that they do not need."""

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, signature
from typing import Any

import numpy as np

from .computing import COMPUTED
from .foreign import is_duck, readonly
from .functions import Function, operation
from .rules import LINEAR, LOCAL


def define(function: Function, *entries: Callable[..., Any] | None, carry: bool = False) -> Function:
    """Add a row: make y = function(x, …) an operation whose derivative is given, one entry for each argument.

    An entry is the local derivative ∂y/∂x, a function of (y, x, …), for an elementwise function. With `carry` it takes
    (g, y, x, …) and the function's keyword parameters, and carries the upstream gradient g back to its argument. None
    stands for an argument without a derivative. Entries must be written in functions that have a row themselves; then
    derivatives of every order, forward mode and the formulas of a trace follow.

    Returns the operation, which takes Tensors, arrays and numbers; a function of NumPy's is returned as it is, and has
    this derivative from then on. Raises ValueError where there are too few or too many entries, or a row already.

    >>> cube = define(lambda x: x * x * x, lambda y, x: 3 * x * x)
    >>> cube(2.0)
    8.0
    """
    name = getattr(function, "__name__", "the function")
    if not callable(function) or not all(entry is None or callable(entry) for entry in entries):
        raise TypeError("define: the function and its entries must be functions; only an entry may be None")
    if not any(entries):
        raise ValueError(f"define: {name} needs an entry for each argument; give its local derivatives")
    if function in LOCAL or function in LINEAR:
        raise ValueError(f"define: {name} has a row already; define a function of your own that calls it")
    try:
        least, most = arity(function)
    except ValueError:
        raise ValueError(f"define: {name} does not tell its arguments; define a function of your own") from None
    if not (1 if carry else least) <= len(entries) <= most:  # An argument without an entry may be a parameter there.
        what = f"{name} takes {least} argument{'s' * (least != 1)}, not {len(entries)}"
        raise ValueError(f"define: {what}; give an entry for each, None where there is no derivative")
    of_numpy = isinstance(function, np.ufunc) or hasattr(function, "_implementation")
    made = function if of_numpy else operation(function)
    if not of_numpy:
        COMPUTED[made] = owned(function, not carry)
    checks = [entry and checked(entry, name, i if carry else None) for i, entry in enumerate(entries)]
    (LINEAR if carry else LOCAL)[made] = tuple(checks)
    return made


def owned(function: Function, elementwise: bool) -> Function:
    """What the forward pass computes: an array of the node's own, whatever buffer the function has used for it."""

    def compute(*x: Any, **params: Any) -> Any:
        y = function(*map(readonly, x), **params)
        y = y if is_duck(y) else np.array(y)
        if y.dtype.kind != "f":
            raise TypeError(f"it returned {y.dtype} data; let it return a floating array")
        if elementwise and y.shape != (expected := np.broadcast_shapes(*(a.shape for a in x))):
            raise TypeError(f"it returned shape {y.shape} for {expected}; define it with carry=True, or keep the shape")
        return y if is_duck(y) else y[()]

    return compute


def checked(entry: Function, name: str, position: int | None) -> Function:
    """An entry whose results are looked at: a wrong shape would be summed up, a complex one lose a part, unseen.

    `position` is that of the argument that g is carried back to, None for a local derivative.
    """

    @wraps(entry)
    def call(*args: Any, **params: Any) -> Any:
        found = entry(*args, **params)
        if hasattr(found, "__operation__") and not hasattr(found, "requires_grad"):
            return found  # A symbol.
        value = np.float64(found) if isinstance(found, int | float) else found
        shape, dtype = getattr(value, "shape", None), getattr(value, "dtype", type(found).__name__)
        if position is None:
            target = args[0].shape
            fits = shape is not None and broadcasts(shape, target)
        else:  # What the arguments' broadcasting has repeated may be left to the walk to sum up.
            target, upstream = args[position + 2].shape, args[0].shape
            fits = shape == target or (shape == upstream and broadcasts(target, upstream))
        if not fits or getattr(dtype, "kind", "O") not in "fiub":
            raise ValueError(f"{name}: an entry returned {dtype} of shape {shape}; give real numbers of shape {target}")
        return found if position is None else value

    return call


def broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether an array of this shape is repeated to the target, and not the target too."""
    return len(shape) <= len(target) and all(n in (1, m) for n, m in zip(shape[::-1], target[::-1], strict=False))


def arity(function: Function) -> tuple[int, int]:
    """How many arguments a function must and may be given by position."""
    if isinstance(function, np.ufunc):
        return function.nin, function.nin
    kinds = [(p.kind, p.default is p.empty) for p in signature(function).parameters.values()]
    needed = [must for kind, must in kinds if kind in (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)]
    return sum(needed), len(needed)
