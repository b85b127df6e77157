"""HTML: the table of a trace for a notebook or a page."""

from html import escape
from typing import Any

from .text import HEADERS, Row, brackets, clipped, excerpt, leaf_rows, shown, step_cells


def to_html(trace: Any, limit: int | None = 40) -> str:
    """The steps and the gradients of the leaves as tables, without a style of their own."""
    steps = excerpt(lambda step: step_cells(trace, step, 60), trace.steps, limit, "… {:,} steps left out …")
    steps += brackets(trace, [cell for row in steps for cell in row[3:6]])
    header = HEADERS[trace.scalar]
    value = f"{clipped(trace.names[trace.output], 40)} = {shown(trace.output.data)}"
    lines = [
        f"<table><caption>{escape(value)}</caption>",
        f"<thead>{row(header, 0, 'th')}</thead>",
        *("<tbody>", *(row(cells, len(header)) for cells in steps), "</tbody></table>"),
        *("<table><tbody>", *(row(cells, 2) for cells in leaf_rows(trace, limit)), "</tbody></table>"),
    ]
    return "\n".join(lines)


def row(cells: Row, columns: int, tag: str = "td") -> str:
    """A row of a table; a line goes over all of its columns."""
    if isinstance(cells, str):
        return f'<tr><td colspan="{columns}">{escape(cells)}</td></tr>'
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"
