"""Text: numbers, bars and tables that keep their columns in a terminal, a pipe and a mail."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..formulas.symbols import forward, write

BLOCKS = " ▏▎▍▌▋▊▉█"
ASCII = str.maketrans(
    {
        **dict(zip("σ∂·×→−⁰¹²³⁴⁵⁶⁷⁸⁹ᵀ‖∏≤…—–Σ═─", "sd*x>-0123456789T|P<.--S=-", strict=True)),
        **dict(zip("▏▎▍▌▋▊▉█", " " * 3 + "#" * 5, strict=True)),
        "′": "'",
    }
)


def number(value: Any) -> str:
    """A number with about five digits, and few characters: 0.224448, 4.8614e-04, inf."""
    if value == 0 or not math.isfinite(value):
        return f"{float(value) + 0.0:g}"
    return f"{value:.6f}" if 1e-3 <= abs(value) < 1e4 else f"{value:.4e}"


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
    value = np.asarray(value)  # what is lazy is computed here, once
    if value.size != 1:
        return f"‖{number(length(value))}‖"
    value = np.reshape(value, ())[()]
    lost = (value == 0 or math.isinf(value)) and math.isfinite(log10)
    return f"({power_of_ten(log10, sign)})" if lost else number(value)


def length(value: Any) -> float:
    """The Euclidean length of an array, read as one vector, also where the squares of its elements are 0 or inf."""
    sizes = np.abs(np.ravel(np.asarray(value)).astype(float))
    largest = float(np.max(sizes, initial=0.0))
    return largest * float(np.linalg.norm(sizes / largest)) if 0 < largest < math.inf else largest


def bar(log10: float, low: float, high: float, width: int) -> str:
    """A bar whose length is proportional to log10 − low; full at high, and never empty for what is not 0."""
    if width <= 0 or not math.isfinite(log10):
        return ""
    share = (log10 - low) / (high - low) if high > low else 1.0
    eighths = max(1, round(8 * width * min(share, 1.0)))
    return BLOCKS[8] * (eighths // 8) + BLOCKS[eighths % 8].strip()


def table(rows: Sequence[Sequence[str]], align: str) -> list[str]:
    """Rows of cells as lines: columns as wide as their widest cell, `align` giving < or > for each."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    cells = [[f"{cell:{side}{width}}" for cell, side, width in zip(row, align, widths, strict=True)] for row in rows]
    return ["  ".join(row).rstrip() for row in cells]


def middle_out(items: Sequence[Any], limit: int | None) -> tuple[Sequence[Any], int, Sequence[Any]]:
    """The first and the last of many items, and how many between them are left out: none for the sake of one or two."""
    if limit is None or len(items) <= limit + 2:
        return items, 0, []
    limit = max(limit, 1)
    head = (limit + 1) // 2
    tail = limit - head
    return items[:head], len(items) - limit, items[len(items) - tail :]


def ascii_only(text: str) -> str:
    """The same text for a terminal or a file that knows no more than ASCII."""
    return text.translate(ASCII).encode("ascii", "replace").decode("ascii")


def log10_of(value: Any) -> float:
    size = length(value)
    return math.log10(size) if size > 0 else -math.inf


def trace_lines(trace: Any, limit: int | None, width: int) -> list[str]:
    """A trace as lines: the value, the steps, and what every leaf receives."""
    formula = write(forward(trace.output, trace.names.__getitem__)) if trace.output.inputs else ""
    value = [trace.names[trace.output], *[clipped(formula, 60)] * bool(formula), shown(trace.output.data)]
    return [" = ".join(value), *(steps_lines(trace, limit, width) if trace.steps else []), *leaf_lines(trace, limit)]


def steps_lines(trace: Any, limit: int | None, width: int) -> list[str]:
    """The steps of a trace as a table, with a bar that is logarithmic in |downstream| in what `width` leaves free."""
    first, omitted, last = middle_out(trace.steps, limit)
    steps = [*first, *last]
    room = max(12, min(28, width - 62))
    header, rows = step_cells(trace, steps, room)
    if trace.scalar:
        sizes = [downstream_magnitude(step, trace)[0] for step in steps]
        scale = sizes + [size for size, _ in trace.magnitudes.values()]
    else:
        scale = sizes = [log10_of(step.downstream) for step in steps]
    lines = table([header, *rows], "><<>>>" if trace.scalar else "><<<>>>")
    lines[1:] = barred(lines[1:], sizes, width, scale, lines[0])
    if omitted:
        lines.insert(1 + len(first), f"… {omitted:,} steps left out …")
    if any(map(has_brackets, rows)):
        lines.append(brackets(trace))
    return lines


def has_brackets(row: Sequence[str]) -> bool:
    """Whether one of the numbers in the cells of a step is a true size in brackets."""
    return any(cell.startswith("(") for cell in row[3:])


def brackets(trace: Any) -> str:
    """What a number in brackets is, for the foot of a table or a picture."""
    return f"in brackets: the true size of what {trace.output.dtype} holds as 0 or inf"


def step_cells(trace: Any, steps: Sequence[Any], room: int) -> tuple[list[str], list[list[str]]]:
    """The header and the cells of steps, formulas clipped to so many characters."""
    if trace.scalar:
        header = ["step", "edge", "local derivative", "upstream", "× local", "= downstream"]
        return header, [scalar_cells(step, trace, room) for step in steps]
    header = ["step", "edge", "local derivative", "shape", "‖upstream‖", "mean |local|", "‖downstream‖"]
    return header, [array_cells(step, room) for step in steps]


def barred(lines: list[str], sizes: Sequence[float], width: int, scale: Sequence[float], head: str = "") -> list[str]:
    """Lines with a bar behind each for log10 of a size, where `width` leaves room; `scale` is what to compare with."""
    column = 2 + max(map(len, [head, *lines]))
    finite = [size for size in scale if math.isfinite(size)]
    room = min(width - column, 28)
    if room < 4 or not finite:
        return lines
    high, low = max(finite), min(finite)
    low -= max(0.1, (high - low) / 20)
    return [f"{line:{column}}{bar(size, low, high, room)}".rstrip() for line, size in zip(lines, sizes, strict=True)]


def downstream_magnitude(step: Any, trace: Any) -> tuple[float, float]:
    log10, sign = trace.magnitudes[step.output]
    return log10 + step.log10, sign * step.sign


def scalar_cells(step: Any, trace: Any, room: int) -> list[str]:
    return [
        str(step.number),
        clipped(str(step), 26),
        clipped(step.formula, room),
        shown(step.upstream, *trace.magnitudes[step.output]),
        shown(step.factor, step.log10, step.sign),
        shown(step.downstream, *downstream_magnitude(step, trace)),
    ]


def mean_size(value: Any) -> str:
    """The mean of the absolute values."""
    sizes = np.abs(np.asarray(value))
    return number(float(np.mean(sizes)) if sizes.size else 0.0)


def array_cells(step: Any, room: int) -> list[str]:
    shape = "×".join(map(str, np.shape(step.downstream))) or "scalar"
    local = "" if step.local is None else mean_size(step.local)
    sizes = number(length(step.upstream)), local, number(length(step.downstream))
    return [str(step.number), clipped(str(step), 26), clipped(step.formula, room), shape, *sizes]


def clipped(formula: str, width: int) -> str:
    """Text on one line of so many characters; a name may hold line breaks, and what no page takes."""
    line = formula if formula.isprintable() else "".join(c if c.isprintable() else " " for c in formula)
    return line if len(line) <= width else line[: width - 1] + "…"


def leaf_lines(trace: Any, limit: int | None) -> list[str]:
    """What every leaf receives, with a word for a gradient that underflowed."""
    first, omitted, last = middle_out(trace.leaves, limit)
    output = trace.names[trace.output]
    lines = table([[f"d{output}/d{trace.names[leaf]}", received(leaf, trace)] for leaf in (*first, *last)], "<>")
    if omitted:
        lines.insert(len(first), f"… {omitted:,} leaves left out …")
    return lines


def received(leaf: Any, trace: Any) -> str:
    """A gradient, or which of the other states it is in."""
    state = trace.state(leaf)
    if state == "number":
        return shown(trace.gradient(leaf))
    return f"0, underflowed from {power_of_ten(*trace.magnitude(leaf))}" if state == "underflowed" else state
