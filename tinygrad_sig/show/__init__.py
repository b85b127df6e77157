"""How things look: text, LaTeX, data, graph, plots, HTML, page; a file is imported when something of it is shown."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import data, graph, html, latex, notebook, page, plots, text  # noqa: F401


def __getattr__(name: str) -> Any:
    try:
        return import_module(f".{name}", __name__)
    except ModuleNotFoundError:
        raise AttributeError(f"{__name__} has no {name}") from None
