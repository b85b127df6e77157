"""Text: numbers, bars and tables that keep their columns in a terminal, a pipe and a mail."""

import math
import os
import re
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..formulas.symbols import forward, write

Row = Any  # The cells of a row of a table, or a line that stands in place of one.
WIDEST = 100  # The columns of a pipe, and the most that a terminal gets.
LONGEST_BAR, SHORTEST_BAR = 28, 8
BLOCKS = " ▏▎▍▌▋▊▉█"
ASCII = str.maketrans("σ∂·×→−⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ‖∏≤…—–Σ═─′▏▎▍▌▋▊▉█▶", "sd*x>-0123456789T|P<.--S=-'   #####>")


def columns() -> int:
    """How wide text may be: as the terminal, or as COLUMNS says; 100 in a pipe, and never more."""
    from shutil import get_terminal_size

    told = "COLUMNS" in os.environ or (sys.stdout is not None and sys.stdout.isatty())
    return min(get_terminal_size((WIDEST, 24)).columns, WIDEST) if told else WIDEST


def filled(text: str, width: int | None = None, first: str = "", rest: str = "") -> str:
    """A paragraph as lines, broken at spaces only, with these indents; by default as wide as the terminal."""
    from textwrap import fill

    return fill(
        " ".join(text.split()),
        width or columns(),
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )


def say(text: str) -> None:
    """Print a paragraph; what indents its first line indents the others too."""
    indent = text[: len(text) - len(text.lstrip())]
    print(filled(text, first=indent, rest=indent))


def number(value: Any) -> str:
    """A number with about five digits, and few characters: 0.224448, 4.8614e-04, inf."""
    if value == 0 or not math.isfinite(value):
        return f"{float(value) + 0.0:g}"
    return f"{value:.6f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.4e}"


def percent(share: float | None) -> str:
    """A share, 41.8 %; a dash where it is not known."""
    return "–" if share is None else f"{100 * share:.1f} %"


def power_of_ten(log10: float, sign: float = 1.0) -> str:
    """±10^log10 as a decimal number, which may be far too small for any float: 3.14e-3010."""
    if not math.isfinite(log10):
        return number(math.copysign(math.inf, sign) if log10 > 0 else 0.0 if log10 < 0 else math.nan)
    if abs(log10) > 1e7:
        return f"{'-' if sign < 0 else ''}10^({log10:.3g})"
    exponent = math.floor(log10)
    mantissa = f"{10 ** (log10 - exponent):.2f}"
    if mantissa == "10.00":
        mantissa, exponent = "1.00", exponent + 1
    return f"{'-' if sign < 0 else ''}{mantissa}e{exponent:+03d}"


def shown(value: Any, log10: float = -math.inf, sign: float = 1.0) -> str:
    """A number; for an array its length as a vector; in brackets the true size of one that ended in 0 or inf."""
    value = np.asarray(value)  # What is lazy is computed here, once.
    if value.size != 1:
        return f"‖{number(length(value))}‖"
    lost = (value == 0 or np.isinf(value)) and math.isfinite(log10)
    return f"({power_of_ten(log10, sign)})" if lost else number(value.item())


def length(value: Any) -> float:
    """The Euclidean length of an array, read as one vector, also where the squares of its elements are 0 or inf."""
    value = np.asarray(value).astype(float, copy=False)
    square = float(np.vdot(value, value))
    if 1e-280 < square < 1e300:  # The squares that underflowed are too small to count, and none overflowed.
        return math.sqrt(square)
    sizes = np.abs(value.ravel())
    largest = float(np.max(sizes, initial=0.0))
    return largest * float(np.linalg.norm(sizes / largest)) if 0 < largest < math.inf else largest


class Scale(NamedTuple):
    """The axis of all bars of one output: an empty one stands for 10^low, one of `width` characters for 10^high."""

    low: int
    high: int
    width: int

    @classmethod
    def over(cls, sizes: Iterable[float]) -> "Scale | None":
        """The scale from logarithms of sizes, between powers of ten, as short as can be; None without sizes."""
        finite = [size for size in sizes if math.isfinite(size)]
        if not finite:
            return None
        low = math.floor(min(finite) - 0.05)  # So that no bar is empty but that of 0.
        high = max(math.ceil(max(finite)), low + 1)
        return cls(low, high, max(SHORTEST_BAR, len(power(low)) + len(power(high)) + 1))

    def within(self, room: int) -> "Scale | None":
        """The scale with bars as long as there is room for; None where there is none."""
        return self._replace(width=min(room, max(LONGEST_BAR, self.width))) if room >= self.width else None

    @property
    def head(self) -> str:
        """What stands above the bars: what an empty and a full one are, and, where it fits, that in words."""
        low, high = (power(exponent) for exponent in self[:2])
        if self.width - len(low) - len(high) >= len("empty  ─ log ─ full "):
            low, high = f"empty {low}", f"full {high}"
        room = self.width - len(low) - len(high) - 2
        between = " log ".center(room, "─") if room >= 7 else "─" * room
        return f"{low} {between} {high}" if room > 0 else f"{low}…{high}"

    def bar(self, log10: float) -> str:
        """The bar of a size: none for 0 and nan, and for inf one that ends in an arrow."""
        if log10 == math.inf:
            return BLOCKS[8] * (self.width - 1) + "▶"
        if not math.isfinite(log10):
            return ""
        share = min(1.0, (log10 - self.low) / (self.high - self.low))
        eighths = max(1, round(8 * self.width * share))
        return BLOCKS[8] * (eighths // 8) + BLOCKS[eighths % 8].strip()


def power(exponent: int) -> str:
    """A power of ten with few characters: 1, 0.1, 1e-5."""
    if abs(exponent) < 3:
        return f"{10.0**exponent:g}"
    return f"1e{exponent}" if abs(exponent) < 1e7 else f"10^({exponent:.2g})"


def log10(value: Any) -> float:
    """log10 of the size of a number, or of the length of an array; −inf for 0."""
    data = np.asarray(value)
    size = abs(float(data.item())) if data.size == 1 else length(data)
    return math.log10(size) if size else -math.inf


def excerpt(row: Callable[[Any], Row], items: Sequence[Any], limit: int | None, gap: str) -> list[Row]:
    """The rows of the first and the last of many items, and between them a line that says how many are left out.

    None are left out for the sake of one or two.
    """
    if limit is None or len(items) <= limit + 2:
        return [row(item) for item in items]
    limit = max(limit, 1)
    head, omitted = (limit + 1) // 2, len(items) - limit
    return [*map(row, items[:head]), gap.format(omitted), *map(row, items[head + omitted :])]


def table(rows: Sequence[Row], align: str, width: int | None = None) -> list[str]:
    """Rows of cells as lines: columns as wide as their widest cell, `align` giving < or > for each. Lines stay.

    Where that is too wide, the longest text (<) is cut, and columns come closer; numbers (>) are never cut.
    """
    widths = [max(map(len, cells)) for cells in zip(*(row for row in rows if not isinstance(row, str)), strict=True)]
    texts = [i for i, side in enumerate(align) if side == "<"]
    gap = 2
    for gap, least in ((2, 16), (1, 16), (1, 8)) if width else ():
        while too_wide := sum(widths) + gap * (len(widths) - 1) > (width or 0):
            longest = max(texts, key=widths.__getitem__, default=None)
            if longest is None or widths[longest] <= least:
                break
            widths[longest] -= 1
        if not too_wide:
            break
    line = (" " * gap).join(f"{{:{side}{n}}}" for side, n in zip(align, widths, strict=True))

    def fitted(row: Row) -> list[str]:
        return [clipped(cell, n) if len(cell) > n else cell for cell, n in zip(row, widths, strict=True)]

    return [row if isinstance(row, str) else line.format(*fitted(row)).rstrip() for row in rows]


def barred(rows: Sequence[Row], align: str, width: int, sizes: Iterable[float]) -> list[str]:
    """A table of rows that end in log10 of a size: it becomes a bar where `width` leaves room for bars.

    The first row is the head; all `sizes` have their place on the scale.
    """
    cells = [row if isinstance(row, str) else row[:-1] for row in rows]
    ends = [None if isinstance(row, str) else row[-1] for row in rows[1:]]
    return scaled(cells, align, width, ends, Scale.over(sizes))[0]


def scaled(
    cells: Sequence[Row], align: str, width: int, ends: Sequence[float | None], scale: Scale | None
) -> tuple[list[str], Scale | None]:
    """A table that makes room for bars of the sizes `ends`, and the scale that they have in the end."""
    lines = table(cells, align, width - 2 - scale.width if scale else width)
    scale = scale and scale.within(width - 2 - len(lines[0]))
    return with_bars(lines, ends, scale), scale


def with_bars(lines: Sequence[str], sizes: Sequence[float | None], scale: Scale | None) -> list[str]:
    """The lines of a table with a bar behind each that has a size, and above the bars what they stand for."""
    if scale is None:
        return list(lines)
    start = 2 + len(lines[0])
    bars = [scale.head, *("" if size is None else scale.bar(size) for size in sizes)]
    return [f"{line:{start}}{bar}" if bar else line for line, bar in zip(lines, bars, strict=True)]


def ascii_only(text: str) -> str:
    """The same text for a terminal or a file that knows no more than ASCII."""
    return text.translate(ASCII).encode("ascii", "replace").decode("ascii")


def clipped(formula: str, width: int) -> str:
    """Text on one line of so many characters; a name may hold line breaks, and what no page takes."""
    line = formula if formula.isprintable() else "".join(c if c.isprintable() else " " for c in formula)
    return line if len(line) <= width else line[: width - 1] + "…"


def trace_lines(trace: Any, limit: int | None, width: int) -> list[str]:
    """A trace as lines: the value, the steps, and what every leaf receives."""
    name, value = clipped(trace.names[trace.output], 40), shown(trace.output.data)
    formula = write(forward(trace.output, trace.names.__getitem__)) if trace.output.inputs else ""
    formula = clipped(formula, min(60, max(12, width - len(f"{name} =  = {value}"))))
    steps, _ = steps_lines(trace, limit, width) if trace.steps else ([], None)
    return [" = ".join(filter(None, [name, formula, value])), *steps, *table(leaf_rows(trace, limit, width), "<>")]


def steps_lines(trace: Any, limit: int | None, width: int) -> tuple[list[str], Scale | None]:
    """The steps of a trace as a table, with bars in what `width` leaves free, and the scale of these."""
    gap = "… {:,} steps left out …"
    rows = excerpt(lambda step: [*step_cells(trace, step, 28), size(trace, step)], trace.steps, limit, gap)
    sizes = [None if isinstance(row, str) else row[-1] for row in rows]
    header = list(HEADERS[trace.scalar])
    if width < NARROW:
        header[2] = "formula"
    cells = [header, *(row if isinstance(row, str) else row[:-1] for row in rows)]
    seen = [size for size in sizes if size is not None]
    if trace.scalar:
        seen += [size for size, _ in trace.magnitudes.values()]
    lines, scale = scaled(cells, "><<>>>" if trace.scalar else "><<<>>>", width, sizes, Scale.over(seen))
    rows = [row for row in rows if not isinstance(row, str)]
    foot = brackets(trace, [cell for row in rows for cell in row[3:6]]) + letters(trace, [row[2] for row in rows])
    return [*lines, *foot], scale


NARROW = 90  # Below so many columns there are short headers.
HEADERS = {
    True: ["step", "edge", "local derivative", "upstream", "× local", "= downstream"],
    False: ["step", "edge", "local derivative", "shape", "‖upstream‖", "mean |local|", "‖downstream‖"],
}


SHARES = (  # What the columns of gradient_norms are, a line of at most 80 columns each.
    "ratio: ‖gradient‖/‖weight‖; saturated: units with under 1 % of the largest slope",
    "zeros: gradients that are 0; underflowed: those that only their dtype made 0",
)


def step_cells(trace: Any, step: Any, room: int) -> list[str]:
    """The cells of a step, its formula clipped to so many characters."""
    cells = [str(step.number), clipped(str(step), 26), clipped(step.formula, room)]
    if trace.scalar:
        upstream = shown(step.upstream, *trace.magnitudes[step.output])
        return [*cells, upstream, shown(step.factor, step.log10, step.sign), downstream(trace, step)]
    shape = "×".join(map(str, np.shape(step.downstream))) or "scalar"
    local = "" if step.local is None else mean_size(step.local)
    return [*cells, shape, number(length(step.upstream)), local, number(length(step.downstream))]


def size(trace: Any, step: Any) -> float:
    """log10|downstream|, true also where the gradient itself underflowed."""
    return trace.magnitudes[step.output][0] + step.log10 if trace.scalar else log10(step.downstream)


def downstream(trace: Any, step: Any) -> str:
    """The downstream gradient of a step."""
    if not trace.scalar:
        return shown(step.downstream)
    return shown(step.downstream, size(trace, step), trace.magnitudes[step.output][1] * step.sign)


def brackets(trace: Any, texts: Iterable[str]) -> list[str]:
    """What a number in brackets is, for the foot of a table or a picture, where there is one in its texts."""
    found = any(re.search(r"(^|[=→] )\(", text) for text in texts)
    return [f"in brackets: the true size of what {trace.output.dtype} holds as 0 or inf"] * found


def letters(trace: Any, formulas: Sequence[str]) -> list[str]:
    """What g and c are in formulas, for the foot of a table, where they occur and are no names of the graph."""
    meanings = {"g": "the upstream gradient, which a linear map carries back", "c": "a constant array"}
    found = [
        f"{letter}: {meaning}"
        for letter, meaning in meanings.items()
        if letter not in trace.names.values() and any(re.search(rf"\b{letter}(ᵀ|\b)", formula) for formula in formulas)
    ]
    return ["; ".join(found)] if found else []


def mean_size(value: Any) -> str:
    """The mean of the absolute values."""
    sizes = np.abs(np.asarray(value))
    return number(float(np.mean(sizes)) if sizes.size else 0.0)


def leaf_rows(trace: Any, limit: int | None, width: int = WIDEST) -> list[Row]:
    """What every leaf receives."""
    longest = max(8, (width - 36) // 2)  # The longest state takes 31 columns.
    return excerpt(lambda leaf: leaf_cells(trace, leaf, longest), trace.leaves, limit, "… {:,} leaves left out …")


def leaf_cells(trace: Any, leaf: Any, longest: int) -> list[str]:
    """What a leaf receives: a gradient, or the state that it is in."""
    y, x = (clipped(trace.names[tensor], longest) for tensor in (trace.output, leaf))
    if trace.state(leaf) == "underflowed":
        return [f"d{y}/d{x}", f"0, underflowed from {power_of_ten(*trace.magnitude(leaf))}"]
    return [f"d{y}/d{x}", shown(trace.gradient(leaf))]
