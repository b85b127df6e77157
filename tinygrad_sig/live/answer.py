"""The answer to one question of the live page: what the command says as JSON, and what the page draws."""

from argparse import Namespace
from urllib.parse import parse_qsl, urlencode

import numpy as np

from ..show.data import compact
from ..show.page.content import page_data
from ..traces.report import Report
from .asked import numbers, options, traced

LAYERS = 50  # what a page can show, and the engine answers before the slider moves on
EFFORT = 5e6  # the finite difference that a move can wait for, a tenth of what the command takes
SEVERAL = ("weights", "biases")


def answer(query: str) -> str:
    """The command's JSON for a query like x=1&weights=2,3, with what the page draws under "show" and says under "said".

    A query has the command's options for a chain, lists with commas. Raises ValueError in the command's sentences.

    >>> answer("depth=0&weight=1")
    Traceback (most recent call last):
    ValueError: argument --depth: '0' is no depth; give a whole number from 1 on
    """
    asked = options().parse_args(arguments(query))
    small(asked)
    with np.errstate(all="ignore"):
        steps = traced(asked)
        report = Report(steps, EFFORT)
        return compact(report.to_dict() | {"show": page_data(steps), "said": report.sentences()})


def reply(query: str) -> tuple[int, str]:
    """The answer with HTTP's word for it: 200, or 400 and the sentence of the refusal under "error"."""
    try:
        return 200, answer(query)
    except ValueError as error:
        return 400, compact({"error": str(error)})


def small(asked: Namespace) -> None:
    """Refuse more layers than a page has place for."""
    layers = asked.depth if asked.depth and asked.depth > LAYERS else len(numbers(asked)[0])
    if layers > LAYERS:
        raise ValueError(f"{layers:,} layers are too many for the page; give at most {LAYERS}")


def question(asked: Namespace) -> str:
    """The query that asks for what options of the command ask for."""
    small(asked)
    names = ("x", "weights", "biases", "depth", "weight", "bias", "activation", "dtype")
    given = {name: getattr(asked, name) for name in names if getattr(asked, name) is not None}
    short = {
        name: [str(v).removesuffix(".0") for v in (value if name in SEVERAL else [value])]
        for name, value in given.items()
    }
    return urlencode({name: ",".join(values) for name, values in short.items()}, safe=",")


def arguments(query: str) -> list[str]:
    """A query as arguments of the command: x=1&weights=2,3 is --x=1 --weights 2 3."""
    found = []
    for name, value in parse_qsl(query, keep_blank_values=True, max_num_fields=20):
        found += [f"--{name}", *value.split(",")] if name in SEVERAL else [f"--{name}={value}"]
    return found
