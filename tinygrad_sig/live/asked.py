"""What is asked: a chain, by the options that the command takes for it.

The one idea: who asks, the shell or a page, meets one parser, and so is refused in the same sentences.
"""

import argparse
import math
import re
from typing import Any, NoReturn

import numpy as np

from ..calculus.functions import Function, relu, sigmoid
from ..traces.chain import paired, sigmoid_chain
from ..traces.trace import GradientTrace, trace

ACTIVATIONS: dict[str, Function] = {"sigmoid": sigmoid, "tanh": np.tanh, "relu": relu}
DTYPES: dict[str, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32, "float16": np.float16}
FIVE = [0.5, -0.9, 0.8, -0.6, 0.7]
DEEPEST = 1_000_000


class Parser(argparse.ArgumentParser):
    """A parser that raises ValueError with one sentence, and that takes -1e-3 for a number, -w*s'(z) for a formula."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(allow_abbrev=False, **settings)
        self._negative_number_matcher = re.compile(r"^-(\d|\.\d|inf|nan|[^\W-].*[*·/+'(^])", re.IGNORECASE)

    def error(self, message: str) -> NoReturn:
        raise ValueError(message)


def finite(text: str) -> float:
    """A finite number, for argparse."""
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no number; write it like 0.5 or -1e-3") from None
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"{text} is not finite; give a finite number")
    return value


def depth(text: str) -> int:
    """A number of layers, for argparse."""
    if not re.fullmatch(r"\+?\d+", text) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no depth; give a whole number from 1 on")
    if int(text) > DEEPEST:
        raise argparse.ArgumentTypeError(f"{text} layers are too many; give at most {DEEPEST:,}")
    return int(text)


def options() -> Parser:
    """The options that say which chain."""
    parser = Parser(add_help=False, prog="tinygrad-sig")
    add = parser.add_argument
    add("--x", type=finite, default=1.0, metavar="X", help="the input (1)")
    add("--weights", type=finite, nargs="+", metavar="W", help="a weight a layer (0.5 -0.9 0.8 -0.6 0.7)")
    add("--biases", type=finite, nargs="+", metavar="B", help="a bias a layer (none)")
    add("--depth", type=depth, metavar="N", help="so many equal layers, with --weight")
    add("--weight", type=finite, metavar="W", help="the weight of each of --depth layers")
    add("--bias", type=finite, metavar="B", help="the bias of each of --depth layers (none)")
    add("--activation", choices=ACTIVATIONS, default="sigmoid", help="f (sigmoid)")
    add("--dtype", choices=DTYPES, default="float64", help="the dtype to compute in (float64)")
    return parser


def numbers(asked: argparse.Namespace) -> tuple[list[float], list[float] | None]:
    """The weights and biases that the options ask for."""
    if asked.depth is None:
        if (asked.weight, asked.bias) != (None, None):
            raise ValueError("--weight and --bias belong to --depth; give --depth, or use --weights and --biases")
        weights = asked.weights or FIVE
        paired(weights, asked.biases, None)
        return weights, asked.biases
    if (asked.weights, asked.biases) != (None, None):
        raise ValueError("--depth makes equal layers; give --weight and --bias with it, not --weights and --biases")
    if asked.weight is None:
        raise ValueError("--depth needs a weight for its layers; give --weight")
    return [asked.weight] * asked.depth, None if asked.bias is None else [asked.bias] * asked.depth


def leaves(asked: argparse.Namespace) -> tuple[Any, list[Any], list[Any]]:
    """x, the weights and the biases in the dtype asked for; no biases are an empty list."""
    weights, biases = numbers(asked)
    with np.errstate(all="ignore"):
        x, *rest = (DTYPES[asked.dtype](value) for value in (asked.x, *weights, *(biases or [])))
    if not all(map(np.isfinite, (x, *rest))):
        raise ValueError(f"a number is too large for {asked.dtype}; give smaller ones, or a wider --dtype")
    return x, rest[: len(weights)], rest[len(weights) :]


def traced(asked: argparse.Namespace) -> GradientTrace:
    """The backward pass through the chain that the options ask for."""
    x, weights, biases = leaves(asked)
    return trace(sigmoid_chain(x, weights, biases or None, ACTIVATIONS[asked.activation]))
