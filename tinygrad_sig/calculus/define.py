"""define: a row from outside, with the same power as those of the tables, and some care that they do not need."""

from collections.abc import Callable, Iterable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any

import numpy as np

from .arguments import NO_VALUE
from .computing import COMPUTED
from .foreign import is_duck, readonly
from .functions import Function, operation
from .rules import LINEAR, LOCAL


def define(function: Function, *entries: Callable[..., Any] | None, carry: bool = False) -> Function:
    """Add a row: make y = function(x, …) an operation whose derivative is given, one entry for each argument.

    An entry is the local derivative ∂y/∂x, a function of (y, x, …), for an elementwise function. With `carry` it takes
    (g, y, x, …), and carries the upstream gradient g back to its argument. None stands for an argument without a
    derivative. The parameters of the function come after that, by the same names in all entries. Entries must be
    written in functions that have a row themselves; then derivatives of every order, forward mode and the formulas of a
    trace follow.

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
    takes, before = signature_of(function, name), 1 + carry + len(entries)
    by_position = (Parameter.POSITIONAL_ONLY, Parameter.POSITIONAL_OR_KEYWORD)
    needed = [p.default is p.empty for p in takes.parameters.values() if p.kind in by_position]
    least, most = sum(needed), len(needed)
    if not (1 if carry else least) <= len(entries) <= most:  # An argument without an entry may be a parameter there.
        what = f"{name} takes {least} argument{'s' * (least != 1)}, not {len(entries)}"
        raise ValueError(f"define: {what}; give an entry for each, None where there is no derivative")
    theirs = {p.name: p.default for p in list(takes.parameters.values())[len(entries) :]}
    signatures = [signature_of(entry, f"an entry of {name}") for entry in entries if entry]
    ours = [{p.name: p.default for p in list(s.parameters.values())[before:]} for s in signatures]
    for own, s in zip(ours, signatures, strict=True):
        few = len(s.parameters) < before and not any(p.kind is p.VAR_POSITIONAL for p in s.parameters.values())
        alike = all(theirs.get(key, ours) in (value, Parameter.empty, NO_VALUE) for key, value in own.items())
        if few or not alike or own != ours[0]:
            way_out = f"let entries take {'g, ' * carry}y, and then what it takes, with the same names and defaults"
            raise ValueError(f"define: {name} takes {takes}, and an entry {s}; {way_out}")
    of_numpy = isinstance(function, np.ufunc) or hasattr(function, "_implementation")
    made = function if of_numpy else operation(wraps(function)(lambda *args, **params: function(*args, **params)))
    COMPUTED[made] = owned(function, entries, carry)
    named = dict(enumerate(ours[0], before))
    checks = [entry and checked(entry, name, i if carry else None, named) for i, entry in enumerate(entries)]
    (LINEAR if carry else LOCAL)[made] = tuple(checks)
    return made


def owned(function: Function, entries: tuple[Any, ...], carry: bool) -> Function:
    """What the forward pass computes: an array of the node's own, whatever buffer the function has used for it."""

    @wraps(function)
    def compute(*x: Any, **params: Any) -> Any:
        y = apart(function, x, params, "it")
        y = y if is_duck(y) else np.asarray(y)
        if y.dtype.kind != "f":
            raise TypeError(f"it returned {y.dtype} data; let it return a floating array")
        shape = y.shape if carry else np.broadcast_shapes(*(a.shape for a, e in zip(x, entries, strict=True) if e))
        if y.shape != shape and not (None in entries and broadcasts(shape, y.shape)):
            raise TypeError(f"it returned shape {y.shape} for {shape}; define it with carry=True, or keep the shape")
        return y if is_duck(y) else y[()]

    return compute


def apart(function: Function, args: Iterable[Any], params: dict[str, Any], who: str) -> Any:
    """function(*args), which can write neither into what it is given, nor later into what it has returned."""
    try:
        y = function(*map(readonly, args), **params)
    except ValueError as error:
        if "read-only" in str(error):
            raise TypeError(f"{who} writes into what it is given; let it write into a copy") from error
        raise
    return np.array(y) if isinstance(y, np.ndarray) else y


def checked(entry: Function, name: str, position: int | None, named: dict[int, str]) -> Function:
    """An entry whose results are looked at: a wrong shape would be summed up, a complex one lose a part, unseen.

    `position` is that of the argument that g is carried back to, None for a local derivative; from the first place of
    `named` on, arguments are parameters of these names.
    """

    @wraps(entry)
    def call(*args: Any, **params: Any) -> Any:
        operands = [value for i, value in enumerate(args) if i not in named]
        params |= {named[i]: value for i, value in enumerate(args) if i in named}
        found = apart(entry, operands, params, f"{name}: an entry")
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

    call.__signature__ = signature_of(entry, name)  # type: ignore[attr-defined]
    return call


def broadcasts(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether an array of this shape is repeated to the target, and not the target too."""
    return len(shape) <= len(target) and all(n in (1, m) for n, m in zip(shape[::-1], target[::-1], strict=False))


def signature_of(function: Function, name: str) -> Signature:
    """What a function takes; of a ufunc that is its operands."""
    if isinstance(function, np.ufunc):
        return Signature([Parameter(f"x{i}", Parameter.POSITIONAL_ONLY) for i in range(function.nin)])
    try:
        return signature(function)
    except ValueError:
        raise ValueError(f"define: {name} does not tell its arguments; define a function of your own") from None
