"""HTML: the table of a trace for a notebook or a page."""

from collections.abc import Sequence
from html import escape
from typing import Any

from .text import brackets, clipped, has_brackets, middle_out, received, shown, step_cells


def to_html(trace: Any, limit: int | None = 40) -> str:
    """The steps and the gradients of the leaves as tables, without a style of their own."""
    output = clipped(trace.names[trace.output], 40)
    first, omitted, last = middle_out(trace.steps, limit)
    header, cells = step_cells(trace, [*first, *last], 60)
    steps = rows(cells, len(first), omitted, "steps")
    if any(map(has_brackets, cells)):
        steps.append(wide(brackets(trace), len(header)))
    first, omitted, last = middle_out(trace.leaves, limit)
    gradients = [[f"d{output}/d{clipped(trace.names[leaf], 40)}", received(leaf, trace)] for leaf in (*first, *last)]
    leaves = rows(gradients, len(first), omitted, "leaves")
    return "\n".join(
        [
            f"<table><caption>{escape(output)} = {escape(shown(trace.output.data))}</caption>",
            f"<thead>{row('th', header)}</thead>",
            *("<tbody>", *steps, "</tbody></table>"),
            *("<table><tbody>", *leaves, "</tbody></table>"),
        ]
    )


def rows(cells: Sequence[Sequence[str]], head: int, omitted: int, what: str) -> list[str]:
    """The rows of a table; after `head` of them, how many are left out."""
    lines = [row("td", line) for line in cells]
    if omitted:
        lines.insert(head, wide(f"… {omitted:,} {what} left out …", len(cells[0])))
    return lines


def row(tag: str, cells: Sequence[str]) -> str:
    return "<tr>" + "".join(f"<{tag}>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def wide(text: str, columns: int) -> str:
    return f'<tr><td colspan="{columns}">{escape(text)}</td></tr>'
