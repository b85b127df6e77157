"""The command: the gradient trace of a chain, from the numbers given to it."""

from __future__ import annotations

import argparse
import math
import os
import re
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from . import __version__
from .calculus.functions import Function, relu, sigmoid
from .engine.tensor import Tensor
from .formulas.claims import Verdict, check_formula
from .formulas.program import write_out
from .show import figure, files, plots
from .show.text import WIDEST, ascii_only, columns, filled
from .traces.chain import layers, paired, preactivations, sigmoid_chain
from .traces.report import Report
from .traces.trace import GradientTrace, trace

ACTIVATIONS: dict[str, Function] = {"sigmoid": sigmoid, "tanh": np.tanh, "relu": relu}
DTYPES: dict[str, type[np.floating[Any]]] = {"float64": np.float64, "float32": np.float32, "float16": np.float16}
DEEPEST = 1_000_000
DEEPEST_CHECKED = 50
EXAMPLES = """examples:
  tinygrad-sig                                          the chain of five at x = 1
  tinygrad-sig --weights 10 10 10 10 10                 large weights vanish faster
  tinygrad-sig --x 0.5 --depth 50 --weight 8 --bias -4  centred by biases, it explodes
  tinygrad-sig --depth 100 --weight 1 --dtype float32   where a dtype runs out
  tinygrad-sig --format json --output trace.json        the same as data
  tinygrad-sig --format python                          the backward pass as a program
  tinygrad-sig --weights 1 2 --check "w2*s'(z2)*w1*s'(z1)"  check a formula for dy/dx
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line, and that takes -1e-3 and -inf for numbers, -w*s'(z) for a formula."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self._negative_number_matcher = re.compile(r"^-(\d|\.\d|inf|nan|[^\W-].*[*·/+'(^])", re.IGNORECASE)

    def _print_message(self, message: str, file: Any = None) -> None:
        print(message, end="", file=file, flush=True)  # The inherited one passes over a full disk in silence.

    def error(self, message: str) -> NoReturn:
        raise SystemExit(fail(message))


def fail(message: str) -> int:
    """Say in one line on stderr what is wrong, and return the exit code for it."""
    return figure.refuse(f"tinygrad-sig: {message}")


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


def parser() -> Parser:
    parser = Parser(
        prog="tinygrad-sig",
        description="Print the backward pass through a chain a_i = f(w_i*a_(i-1) + b_i) step by step.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add, forms = parser.add_argument, ("text", "json", "csv", "latex", "python")
    add("--x", type=finite, default=1.0, metavar="X", help="the input (1)")
    add("--weights", type=finite, nargs="+", metavar="W", help="a weight a layer (0.5 -0.9 0.8 -0.6 0.7)")
    add("--biases", type=finite, nargs="+", metavar="B", help="a bias a layer (none)")
    add("--depth", type=depth, metavar="N", help="so many equal layers, with --weight")
    add("--weight", type=finite, metavar="W", help="the weight of each of --depth layers")
    add("--bias", type=finite, metavar="B", help="the bias of each of --depth layers (none)")
    add("--activation", choices=ACTIVATIONS, default="sigmoid", help="f (sigmoid)")
    add("--dtype", choices=DTYPES, default="float64", help="the dtype to compute in (float64)")
    add("--format", choices=forms, default="text", help="the form to write (text)")
    add("--output", type=Path, metavar="FILE", help="write to a file instead of the terminal")
    add("--plot", type=Path, metavar="FILE", help="draw the decay too, as png, svg or pdf")
    add("--page", type=Path, metavar="FILE", help="write a page to step through in a browser, too")
    add("--check", metavar="FORMULA", help="say whether it is the chain's dy/dx; exit code 0 if so, else 1")
    add("--all", action="store_true", help="show all steps and layers, however many")
    add("--version", action="version", version=f"tinygrad-sig {__version__}")
    return parser


def numbers(options: argparse.Namespace) -> tuple[list[float], list[float] | None]:
    """The weights and biases that the options ask for."""
    if options.depth is None:
        if (options.weight, options.bias) != (None, None):
            raise ValueError("--weight and --bias belong to --depth; give --depth, or use --weights and --biases")
        weights = options.weights or [0.5, -0.9, 0.8, -0.6, 0.7]
        paired(weights, options.biases, None)
        return weights, options.biases
    if (options.weights, options.biases) != (None, None):
        raise ValueError("--depth makes equal layers; give --weight and --bias with it, not --weights and --biases")
    if options.weight is None:
        raise ValueError("--depth needs a weight for its layers; give --weight")
    return [options.weight] * options.depth, None if options.bias is None else [options.bias] * options.depth


def produce(options: argparse.Namespace, width: int, colour: bool) -> str:
    """What the options ask for, as text."""
    weights, biases = numbers(options)
    if options.plot is not None:
        figure.check(options.plot)
    distinct({"--page": options.page, "--plot": options.plot, "--output": options.output})
    with np.errstate(all="ignore"):
        x, *leaves = (DTYPES[options.dtype](value) for value in (options.x, *weights, *(biases or [])))
        if not all(map(np.isfinite, (x, *leaves))):
            raise ValueError(f"a number is too large for {options.dtype}; give smaller ones, or a wider --dtype")
        n = len(weights)
        activation = ACTIVATIONS[options.activation]
        if options.format != "python" or options.page or options.plot:
            steps = trace(sigmoid_chain(x, leaves[:n], leaves[n:] or None, activation))
        if options.page is not None:
            write_page(steps, options.page)
        if options.plot is not None:
            figure.draw(plots.chain(layers(steps)).figure, options.plot)
        if options.format == "python":
            return written_out(x, leaves[:n], leaves[n:], activation, options.all)
        if options.format == "csv":
            return steps.to_csv()
        if options.format == "latex":
            return steps.to_latex("x") + "\n"
        if options.format == "json":
            return Report(steps).to_json()
        return Report(steps).to_text(width, None if options.all else 24, colour)


def distinct(files: dict[str, Path | None]) -> None:
    """Refuse two options that name one file."""
    named: dict[Path, str] = {}
    for option, file in files.items():
        if file is not None and (other := named.setdefault(file.resolve(), option)) != option:
            raise ValueError(f"{other} and {option} both name {file}; give two files")


def write_page(steps: GradientTrace, file: Path) -> None:
    """Write the page, whole or not at all."""
    text = steps.to_page()
    try:
        files.write(text.encode(), file)
    except OSError as error:
        raise ValueError(f"cannot write {file}: {error.strerror}; give another --page") from None


def checked(options: argparse.Namespace) -> Verdict:
    """Whether the formula of --check is the chain's ∂y/∂x, at the numbers of the options and at others."""
    if options.format != "text" or options.plot is not None or options.dtype != "float64":
        raise ValueError("--check answers in one sentence, in float64; leave out --format, --plot and --dtype")
    weights, biases = numbers(options)
    n = len(weights)
    if n > DEEPEST_CHECKED:
        raise ValueError(f"--check takes a chain of at most {DEEPEST_CHECKED} layers, not {n}; check a shorter one")

    def chain(x: Any, *leaves: Any) -> Any:
        numbers = x, leaves[:n], leaves[n:] or None, ACTIVATIONS[options.activation]
        if isinstance(x, Tensor):
            return sigmoid_chain(*numbers)
        return preactivations(*numbers)[1][-1]  # A difference may be taken with complex numbers.

    names = ["x", *(f"w{i}" for i in range(1, n + 1)), *(f"b{i}" for i in range(1, len(biases or []) + 1))]
    return check_formula(options.check, chain, options.x, *weights, *(biases or []), names=names)


def written_out(x: Any, weights: list[Any], biases: list[Any], activation: Function, whole: bool) -> str:
    """The chain and its gradients as a program; many layers as loops, where they are floats."""

    def chain(x: Any, weights: Sequence[Any], biases: Sequence[Any] = ()) -> Any:
        a = x
        for w, b in zip_longest(weights, biases):
            z = w * a if b is None else w * a + b
            a = activation(z)
        return a

    given = (x, weights, biases) if biases else (x, weights)
    return f"{write_out(chain, *given, roll=not whole and len(weights) > 24 and isinstance(x, float))}\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns the exit code."""
    if sys.stdout is None:
        return fail("there is no output to write to; open stdout")
    target = None
    try:
        options = parser().parse_args(arguments)
        target = options.output
        colour = sys.stdout.isatty() and target is None and "NO_COLOR" not in os.environ
        width = WIDEST if target else columns()
        verdict = None if options.check is None else checked(options)
        code = 0 if verdict is None or verdict else 1
        text = produce(options, width, colour) if verdict is None else f"{filled(str(verdict), width)}\n"
        if target is not None:
            files.write(text.encode(), target)
            return code
        if not (sys.stdout.encoding or "ascii").lower().startswith("utf"):
            escaped = re.sub(r"[^\x00-\x7f]", lambda match: f"\\u{ord(match[0]):04x}", text)
            text = escaped if options.format == "json" else ascii_only(text)
        sys.stdout.write(text)
        sys.stdout.flush()
    except BrokenPipeError:
        forget_output()
        return 0
    except OSError as error:
        if target is None:
            forget_output()
        return fail(f"cannot write {target or 'the output'}: {error.strerror}; give another --output")
    except (ValueError, ImportError) as error:
        return fail(str(error))
    except KeyboardInterrupt:
        return 130
    return code


def forget_output() -> None:
    """Let what is still to be written go nowhere: Python would try again at its end, and complain itself."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    raise SystemExit(main())
