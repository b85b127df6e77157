"""Text: numbers, bars and tables that keep their columns in a terminal, a pipe and a mail."""

import math
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from ..formulas.symbols import forward, write

Row = Any  # The cells of a row of a table, or a line that stands in place of one.
BLOCKS = " ▏▎▍▌▋▊▉█"
ASCII = str.maketrans("σ∂·×→−⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ‖∏≤…—–Σ═─′▏▎▍▌▋▊▉█", "sd*x>-0123456789T|P<.--S=-'   #####")


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


def bar(log10: float, low: float, high: float, width: int) -> str:
    """A bar whose length is proportional to log10 − low; full at high, and never empty for what is not 0."""
    if not math.isfinite(log10):
        return ""
    share = (log10 - low) / (high - low) if high > low else 1.0
    eighths = max(1, round(8 * width * min(share, 1.0)))
    return BLOCKS[8] * (eighths // 8) + BLOCKS[eighths % 8].strip()


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


def table(rows: Sequence[Row], align: str) -> list[str]:
    """Rows of cells as lines: columns as wide as their widest cell, `align` giving < or > for each. Lines stay."""
    columns = zip(*(row for row in rows if not isinstance(row, str)), strict=True)
    cells = [f"{{:{side}{max(map(len, column))}}}" for side, column in zip(align, columns, strict=True)]
    return [row if isinstance(row, str) else "  ".join(cells).format(*row).rstrip() for row in rows]


def barred(rows: Sequence[Row], align: str, width: int, scale: Iterable[float]) -> list[str]:
    """A table of rows that end in log10 of a size: it becomes a bar where `width` leaves room for bars.

    The `scale` has the sizes that the bars are to be compared with.
    """
    lines = table([row if isinstance(row, str) else row[:-1] for row in rows], align)
    start = 2 + len(lines[0])
    room, finite = min(width - start, 28), [size for size in scale if math.isfinite(size)]
    if room < 4 or not finite:
        return lines
    low, high = min(finite), max(finite)
    low -= max(0.1, (high - low) / 20)
    bars = ["" if isinstance(row, str) else bar(row[-1], low, high, room) for row in rows]
    return [f"{line:{start}}{bar}".rstrip() for line, bar in zip(lines, bars, strict=True)]


def ascii_only(text: str) -> str:
    """The same text for a terminal or a file that knows no more than ASCII."""
    return text.translate(ASCII).encode("ascii", "replace").decode("ascii")


def clipped(formula: str, width: int) -> str:
    """Text on one line of so many characters; a name may hold line breaks, and what no page takes."""
    line = formula if formula.isprintable() else "".join(c if c.isprintable() else " " for c in formula)
    return line if len(line) <= width else line[: width - 1] + "…"


def trace_lines(trace: Any, limit: int | None, width: int) -> list[str]:
    """A trace as lines: the value, the steps, and what every leaf receives."""
    formula = [clipped(write(forward(trace.output, trace.names.__getitem__)), 60)] if trace.output.inputs else []
    value = " = ".join([clipped(trace.names[trace.output], 40), *formula, shown(trace.output.data)])
    return [value, *(steps_lines(trace, limit, width) if trace.steps else []), *table(leaf_rows(trace, limit), "<>")]


def steps_lines(trace: Any, limit: int | None, width: int) -> list[str]:
    """The steps of a trace as a table, with a bar that is logarithmic in |downstream| in what `width` leaves free."""
    room = max(12, min(28, width - 62))
    gap = "… {:,} steps left out …"
    rows = excerpt(lambda step: [*step_cells(trace, step, room), size(trace, step)], trace.steps, limit, gap)
    scale = [row[-1] for row in rows if not isinstance(row, str)]
    if trace.scalar:
        scale += [size for size, _ in trace.magnitudes.values()]
    header = [*HEADERS[trace.scalar], -math.inf]
    lines = barred([header, *rows], "><<>>>" if trace.scalar else "><<<>>>", width, scale)
    return lines + brackets(trace, [cell for row in rows for cell in row[3:6]])


HEADERS = {
    True: ["step", "edge", "local derivative", "upstream", "× local", "= downstream"],
    False: ["step", "edge", "local derivative", "shape", "‖upstream‖", "mean |local|", "‖downstream‖"],
}


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


def mean_size(value: Any) -> str:
    """The mean of the absolute values."""
    sizes = np.abs(np.asarray(value))
    return number(float(np.mean(sizes)) if sizes.size else 0.0)


def leaf_rows(trace: Any, limit: int | None) -> list[Row]:
    """What every leaf receives."""
    return excerpt(lambda leaf: leaf_cells(trace, leaf), trace.leaves, limit, "… {:,} leaves left out …")


def leaf_cells(trace: Any, leaf: Any) -> list[str]:
    """What a leaf receives: a gradient, or the state that it is in."""
    y, x = (clipped(trace.names[tensor], 40) for tensor in (trace.output, leaf))
    if trace.state(leaf) == "underflowed":
        return [f"d{y}/d{x}", f"0, underflowed from {power_of_ten(*trace.magnitude(leaf))}"]
    return [f"d{y}/d{x}", shown(trace.gradient(leaf))]
