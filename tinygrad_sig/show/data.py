"""Data: a trace as dicts, JSON and CSV, with every number in full precision."""

import csv
import io
import json
import math
from typing import Any

import numpy as np

COLUMNS = ("step", "output", "input", "op", "formula", "upstream", "local", "downstream")


def exact(value: Any, most: float = math.inf) -> Any:
    """A number or an array as JSON has it: floats and nested lists, with the strings inf, -inf and nan.

    None takes the place of what is None, and of an array of more than `most` elements.
    """
    if value is None or getattr(value, "size", 1) > most:
        return None
    if np.ndim(value):
        return [exact(item) for item in value]
    value = float(value)
    return value if math.isfinite(value) else str(value)


def step_dict(step: Any, most: float = math.inf) -> dict[str, Any]:
    texts = step.number, step.names[step.output], step.names[step.input], step.op, step.formula
    numbers = (exact(value, most) for value in (step.upstream, step.local, step.downstream))
    return dict(zip(COLUMNS, (*texts, *numbers), strict=True))


def trace_dict(trace: Any, most: float = math.inf) -> dict[str, Any]:
    return {
        "output": trace.names[trace.output],
        "value": exact(trace.output.data, most),
        "dtype": str(trace.output.dtype),
        "gradients": {trace.names[leaf]: exact(trace.gradient(leaf), most) for leaf in trace.leaves},
        "steps": [step_dict(step, most) for step in trace.steps],
    }


def to_json(value: dict[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, allow_nan=False)


def compact(value: Any) -> str:
    """JSON without a needless character."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def steps_csv(trace: Any) -> str:
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(COLUMNS)
    for step in trace.steps:
        cells = step_dict(step).values()
        writer.writerow([json.dumps(cell) if isinstance(cell, list) else cell for cell in cells])
    return lines.getvalue()
