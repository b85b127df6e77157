"""The command: the gradient trace of a chain, from the numbers given to it."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from .calculus.functions import Function
from .engine.tensor import Tensor
from .formulas.claims import Verdict, check_formula
from .formulas.program import write_out
from .live import asked
from .live.answer import question
from .live.page import PYODIDE, alone
from .live.server import serve
from .show import figure, files, plots
from .show.text import WIDEST, ascii_only, columns, filled
from .traces.chain import layers, preactivations, sigmoid_chain
from .traces.report import Report

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


class Parser(asked.Parser):
    """A parser that notices a full disk."""

    def _print_message(self, message: str, file: Any = None) -> None:
        print(message, end="", file=file, flush=True)  # The inherited one passes over a full disk in silence.


def fail(message: str) -> int:
    """Say in one line on stderr what is wrong, and return the exit code for it."""
    return figure.refuse(f"tinygrad-sig: {message}")


def port(text: str) -> int:
    """A port, for argparse; 0 takes one that is free."""
    if not re.fullmatch(r"\d{1,5}", text) or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port; give a whole number from 0 to 65535")
    return int(text)


def parser() -> Parser:
    parser = Parser(
        prog="tinygrad-sig",
        description="Print the backward pass through a chain a_i = f(w_i*a_(i-1) + b_i) step by step.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        parents=[asked.options()],
    )
    add, forms = parser.add_argument, ("text", "json", "csv", "latex", "python")
    add("--format", choices=forms, default="text", help="the form to write (text)")
    add("--output", type=Path, metavar="FILE", help="write to a file instead of the terminal")
    add("--plot", type=Path, metavar="FILE", help="draw the decay too, as png, svg or pdf")
    add("--page", type=Path, metavar="FILE", help="write a page to step through in a browser, too")
    add("--check", metavar="FORMULA", help="say whether it is the chain's dy/dx; exit code 0 if so, else 1")
    add("--pyodide", nargs="?", const=PYODIDE, metavar="WHERE", help="give that page sliders, and Python to run them")
    add("--serve", action="store_true", help="show the page with sliders in the browser, until Ctrl-C")
    add("--port", type=port, metavar="N", help="the port for --serve (8765)")
    add("--all", action="store_true", help="show all steps and layers, however many")
    add("--version", action="version", version=f"tinygrad-sig {__version__}")
    return parser


def produce(options: argparse.Namespace, width: int, colour: bool) -> str:
    """What the options ask for, as text."""
    asked.numbers(options)
    if options.plot is not None:
        figure.check(options.plot)
    distinct({"--page": options.page, "--plot": options.plot, "--output": options.output})
    with np.errstate(all="ignore"):
        given = (*asked.leaves(options), asked.ACTIVATIONS[options.activation])
        if options.format != "python" or options.page or options.plot:
            steps = asked.traced(options)
        if options.page is not None:
            where = options.pyodide
            write_page(steps.to_page() if where is None else alone(where, question(options)), options.page)
        if options.plot is not None:
            figure.draw(plots.chain(layers(steps)).figure, options.plot)
        if options.format == "python":
            return written_out(*given, options.all)
        if options.format == "csv":
            return steps.to_csv()
        if options.format == "latex":
            return steps.to_latex("x") + "\n"
        if options.format == "json":
            return Report(steps).to_json()
        return Report(steps).to_text(width, None if options.all else 24, colour)


def live(options: argparse.Namespace) -> bool:
    """Whether to serve the page; refuses what does not go with it."""
    if options.pyodide is not None and options.page is None:
        raise ValueError("--pyodide says what runs in a page; give --page FILE with it")
    others = options.page, options.plot, options.output, options.check, options.format
    if options.serve and others != (None, None, None, None, "text"):
        raise ValueError("--serve writes nothing; give --page, --plot, --output, --check and --format without it")
    if options.port is not None and not options.serve:
        raise ValueError("--port belongs to --serve; give --serve with it")
    return bool(options.serve)


def distinct(files: dict[str, Path | None]) -> None:
    """Refuse two options that name one file."""
    named: dict[str, str] = {}
    for option, file in files.items():
        if file is not None and (other := named.setdefault(os.path.realpath(file), option)) != option:
            raise ValueError(f"{other} and {option} both name {file}; give two files")


def write_page(text: str, file: Path) -> None:
    """Write the page, whole or not at all."""
    try:
        files.write(text.encode(), file)
    except OSError as error:
        raise ValueError(f"cannot write {file}: {error.strerror}; give another --page") from None


def checked(options: argparse.Namespace) -> Verdict:
    """Whether the formula of --check is the chain's ∂y/∂x, at the numbers of the options and at others."""
    if (options.format, options.plot, options.page, options.dtype) != ("text", None, None, "float64"):
        raise ValueError("--check answers in one sentence, in float64; leave out --format, --plot, --page and --dtype")
    weights, biases = asked.numbers(options)
    n = len(weights)
    if n > DEEPEST_CHECKED:
        raise ValueError(f"--check takes a chain of at most {DEEPEST_CHECKED} layers, not {n}; check a shorter one")

    def chain(x: Any, *leaves: Any) -> Any:
        numbers = x, leaves[:n], leaves[n:] or None, asked.ACTIVATIONS[options.activation]
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
        if live(options):
            serve(8765 if options.port is None else options.port, question(options))
            return 0
        colour = sys.stdout.isatty() and target is None and "NO_COLOR" not in os.environ
        width = WIDEST if target else columns()
        if options.check is None:
            text, code = produce(options, width, colour), 0
        else:
            verdict = checked(options)
            text, code = f"{filled(str(verdict), width)}\n", 0 if verdict else 1
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
