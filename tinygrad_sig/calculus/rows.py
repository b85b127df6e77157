"""Rows: how a table is kept, and what the engine must know of a function, read once when its row is entered."""

from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar

from .arguments import Arguments
from .computing import COMPUTED, IN_ONE_STROKE, NAMES
from .functions import Function, rearranged

Entries = Any  # A tuple with an entry for each argument, or an `Each`.


class Each:
    """A row for any number of arguments x: entry(i, g, y, x, param, …) carries g back to the i-th of them."""

    def __init__(self, entry: Function) -> None:
        self.entry = entry

    def __getitem__(self, i: int) -> Function:
        return partial(self.entry, i)


class Row:
    """A row as the engine reads it: all that must be known of a function is found out here, once, when it is entered.

    `compute` is how its value is computed. For a function whose slope comes from the same stroke it gives (y, ∂y/∂x);
    the node keeps the slope last, after its arguments, and the entries `for_numbers` find it there.
    """

    def __init__(self, function: Function, entries: Entries, elementwise: bool, in_one_stroke: bool) -> None:
        self.function, self.entries, self.elementwise = function, entries, elementwise
        self.name = NAMES.get(function, function.__name__)
        self.arity = None if isinstance(entries, Each) else len(entries)
        entry = entries.entry if isinstance(entries, Each) else next(filter(None, entries))
        before = 4 if self.arity is None else 1 if elementwise else 2
        self.arguments = Arguments(function, entry, before, self.arity)
        self.without_entry = [] if self.arity is None else [i for i, entry in enumerate(entries) if entry is None]
        self.in_one_stroke = in_one_stroke
        self.for_numbers: Entries = (lambda y, x, slope: slope,) if in_one_stroke else entries
        plain = getattr(function, "__wrapped__", function) if hasattr(function, "lanes") else function
        self.compute: Function = IN_ONE_STROKE[function] if in_one_stroke else COMPUTED.get(function, plain)

    def called(self, params: dict[str, Any]) -> str:
        """What users call it; what only rearranges, by the function that says how."""
        return params["by"].__name__ if self.function is rearranged else self.name


class Table(dict[Function, Entries]):
    """Rows by function. A row is read when it is entered, and each of `listeners` hears of every change."""

    listeners: ClassVar[list[Callable[[Function], Any]]] = []

    def __init__(self, elementwise: bool, rows: dict[Function, Entries]) -> None:
        self.elementwise, self.own = elementwise, rows
        for function, entries in rows.items():
            self[function] = entries

    def __setitem__(self, function: Function, entries: Entries) -> None:
        super().__setitem__(function, entries)
        own = entries is self.own.get(function)  # Of another entry IN_ONE_STROKE knows nothing.
        ROWS[function] = Row(function, entries, self.elementwise, own and function in IN_ONE_STROKE)
        for tell in self.listeners:
            tell(function)

    def __delitem__(self, function: Function) -> None:
        super().__delitem__(function)
        del ROWS[function]
        for tell in self.listeners:
            tell(function)


ROWS: dict[Function, Row] = {}
