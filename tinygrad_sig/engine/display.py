"""Display: what lets an object of any room be shown in a notebook, though how things look is told further below."""

from importlib import import_module
from typing import Any


class Displayed:
    """A notebook shows it as `show.notebook` says, which is asked for by name only then; IPython prints its text."""

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        cls._repr_pretty_ = Displayed._repr_pretty_  # type: ignore[method-assign]  # IPython looks no further than repr.

    def _repr_html_(self) -> str | None:
        found: str | None = import_module("..show.notebook", __package__).view(self)
        return found

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))
