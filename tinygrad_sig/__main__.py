"""The command: the gradient trace of a chain, from the numbers given to it."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from .calculus.functions import Function
from .formulas.program import write_out
from .live import asked
from .live.answer import question
from .live.page import PYODIDE, alone
from .live.server import serve
from .show import figure, files, plots
from .show.text import ascii_only
from .traces.chain import layers
from .traces.report import Report

EXAMPLES = """examples:
  tinygrad-sig                                          the chain of five at x = 1
  tinygrad-sig --weights 10 10 10 10 10                 large weights vanish faster
  tinygrad-sig --x 0.5 --depth 50 --weight 8 --bias -4  centred by biases, it explodes
  tinygrad-sig --depth 100 --weight 1 --dtype float32   where a dtype runs out
  tinygrad-sig --format json --output trace.json        the same as data
  tinygrad-sig --format python                          the backward pass as a program
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
    if options.serve and (options.page, options.plot, options.output, options.format) != (None, None, None, "text"):
        raise ValueError("--serve writes nothing; give --page, --plot, --output and --format without it")
    if options.port is not None and not options.serve:
        raise ValueError("--port belongs to --serve; give --serve with it")
    return bool(options.serve)


def distinct(files: dict[str, Path | None]) -> None:
    """Refuse two options that name one file."""
    named: dict[Path, str] = {}
    for option, file in files.items():
        if file is not None and (other := named.setdefault(file.resolve(), option)) != option:
            raise ValueError(f"{other} and {option} both name {file}; give two files")


def write_page(text: str, file: Path) -> None:
    """Write the page, whole or not at all."""
    try:
        files.write(text.encode(), file)
    except OSError as error:
        raise ValueError(f"cannot write {file}: {error.strerror}; give another --page") from None


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
        text = produce(options, 100 if target else min(shutil.get_terminal_size((100, 24)).columns, 100), colour)
        if target is not None:
            files.write(text.encode(), target)
            return 0
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
    return 0


def forget_output() -> None:
    """Let what is still to be written go nowhere: Python would try again at its end, and complain itself."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


if __name__ == "__main__":
    raise SystemExit(main())
