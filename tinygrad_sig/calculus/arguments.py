"""What a call means: which of its arguments are operands, which are parameters, and what NumPy's own default is.

A function is read once, when it enters a table; a call looks names up, and inspects nothing.
"""

from collections.abc import Callable
from copy import deepcopy
from inspect import Parameter, signature
from typing import Any

import numpy as np

NO_VALUE = np._NoValue
# What ufuncs and functions written in C take besides, with the defaults that change nothing.
DEFAULTS = {"out": None, "dtype": None, "where": True, "casting": "same_kind", "order": "K", "subok": True}
FIXED = frozenset((int, float, bool, str, type(None), type(...)))


class Arguments:
    """The arguments of `function`, of which the first are operands and `known` are the parameters that we take too.

    `ours` is the function of our own that is called with them: an entry of a row, in which `before` arguments stand
    before the operands, or a composition, whose parameters may be given by position.
    """

    __slots__ = ("count", "defaults", "following", "known", "name", "needed", "operands", "takes_tensors")

    def __init__(self, function: Callable[..., Any], ours: Callable[..., Any], before: int, count: int | None) -> None:
        own = list(signature(ours).parameters.values())[before:]
        by_position = [p for p in own if p.kind is Parameter.POSITIONAL_OR_KEYWORD]
        any_number = any(p.kind is Parameter.VAR_POSITIONAL for p in own) or (before and count is None)
        self.name, self.takes_tensors = function.__name__, not before
        self.count = None if any_number else len(by_position) if count is None else count
        self.operands = ["x, …"] if any_number else [p.name for p in own[: self.count]]
        known = own[count or 0 :] if before else [p for p in own if p.kind is not Parameter.VAR_POSITIONAL]
        self.known = {p.name: p.default for p in known}
        self.needed = sum(p.default is p.empty for p in by_position) if count is None else count
        if before and any_number:
            self.needed = 0
        self.defaults, self.following = dict(DEFAULTS), ["out"]
        if not isinstance(function, np.ufunc):
            try:
                parameters = list(signature(function).parameters.values())
                if not any(p.kind is Parameter.VAR_KEYWORD for p in parameters):
                    self.defaults.clear()
            except ValueError:  # It is written in C, in a NumPy that does not tell.
                parameters = own
            self.defaults |= {p.name: p.default for p in parameters}
            self.following = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY][len(self.operands) :]

    def understood(self, args: tuple[Any, ...], params: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """(operands, parameters that we know): NumPy's own default is dropped, what we do not know is refused."""
        count = len(args) if self.count is None else self.count
        if len(args) > count:
            if len(args) > count + len(self.following):
                raise TypeError(f"{self.name}: {len(args)} arguments were given, and it takes {count}; leave some out")
            for name, value in zip(self.following, args[count:], strict=False):
                if name in params:
                    raise TypeError(f"{self.name}: {name} is given twice; give it once")
                params[name] = value
            args = args[:count]
        for name, value in tuple(params.items()):
            if value is NO_VALUE or (name not in self.known and self.is_default(name, value)):
                del params[name]
            elif type(value) not in FIXED and not self.takes_tensors:
                params[name] = settled(value, self.name, name)
        if len(args) < self.needed and not (self.takes_tensors and params):
            raise TypeError(f"{self.name}: its derivative takes {self.needed} arguments; write {self.usage()}")
        return args, params

    def is_default(self, name: str, value: Any) -> bool:
        """Whether an unknown parameter has the value that it has anyway; TypeError where it has another."""
        if name in self.defaults:
            default = True if name == "where" else self.defaults[name]  # Also where np._NoValue stands for it.
            if value is default or (type(value) is type(default) and isinstance(value, str | int) and value == default):
                return True
        if hasattr(value, "__operation__"):
            raise TypeError(f"{self.name}: Tensors can be given by position only; write {self.usage()}")
        what = "has no derivative with" if name in self.defaults else "takes no"
        raise TypeError(f"{self.name}: it {what} {name}=; leave it out, or use t.data")

    def in_order(self, params: dict[str, Any]) -> list[Any]:
        """The values of all parameters that we know, in the order of their names."""
        return [params.get(name, default) for name, default in self.known.items()]

    def usage(self) -> str:
        return f"{self.name}({', '.join(self.operands)})"


def settled(parameter: Any, function: str, name: str) -> Any:
    """A parameter that the caller cannot change any more: a copy, if it can be; a Tensor would lose its gradient."""
    kind = type(parameter)
    if kind in FIXED or (kind is tuple and FIXED.issuperset(map(type, parameter))):
        return parameter
    if isinstance(parameter, tuple):
        return tuple([settled(part, function, name) for part in parameter])
    if isinstance(parameter, list):
        return [settled(part, function, name) for part in parameter]
    if isinstance(parameter, slice):
        return slice(*[settled(part, function, name) for part in (parameter.start, parameter.stop, parameter.step)])
    if hasattr(parameter, "__operation__"):
        raise TypeError(f"{function}: {name}= takes a plain value; give t.data, or t.item()")
    return np.array(parameter) if isinstance(parameter, np.ndarray) else deepcopy(parameter)
