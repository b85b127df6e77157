"""Pictures for programs: a --plot option, and figures by matplotlib, which is asked for in one line where it lacks."""

import argparse
import codecs
import sys
from functools import cache
from io import BytesIO, TextIOWrapper
from pathlib import Path
from typing import Any
from unicodedata import normalize

from .files import write
from .text import ASCII, ascii_only

ENDINGS = (".png", ".svg", ".pdf")


def file_to_draw(description: str) -> Path | None:
    """What follows --plot on the command line; None where no picture is asked for. Ends the program as `save` does."""
    return asked(argparse.ArgumentParser(description=description)).plot  # type: ignore[no-any-return]


def file_and_all(description: str, more: str) -> tuple[Path | None, bool]:
    """What follows --plot, and whether --all is there, which prints `more`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--all", action="store_true", help=f"print all: {more}")
    options = asked(parser)
    return options.plot, options.all


def asked(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options, --plot among them; ends the program where that names no file that can be drawn."""
    parser.add_argument("--plot", type=Path, metavar="FILE", help="draw a picture, as png, svg or pdf by its ending")
    options = parse(parser)
    if options.plot is not None:
        try:
            check(options.plot)
        except (ImportError, ValueError) as error:
            raise SystemExit(refuse(str(error))) from None
    return options


def no_options(description: str) -> None:
    """Refuse whatever is on the command line, except --help."""
    parse(argparse.ArgumentParser(description=description))


def parse(parser: argparse.ArgumentParser) -> argparse.Namespace:
    """The options; from here on stdout takes every letter, whatever its encoding: σ becomes s where it lacks."""
    if isinstance(sys.stdout, TextIOWrapper):
        codecs.register_error("spelled", spelled)
        sys.stdout.reconfigure(errors="spelled")
    return parser.parse_args()


def spelled(error: Any) -> tuple[str, int]:
    """What an encoding lacks, in ASCII; normalised, ¼ is 1⁄4 and ˣ is x."""
    lacking = error.object[error.start : error.end].translate(ASCII)
    return ascii_only(normalize("NFKD", lacking).replace("⁄", "/")), error.end


def check(path: Path) -> None:
    """Raise what would keep a picture from being drawn, ImportError or ValueError, before anything is computed."""
    if path.suffix.lower() not in ENDINGS:
        raise ValueError(f"cannot draw {path}; give a file whose name ends in .png, .svg or .pdf")
    if not path.parent.is_dir():
        raise ValueError(f"cannot draw {path}: {path.parent} is no directory; give a file in one that exists")
    new_figure(size=(1, 1))


def new_figure(*shape: int, size: tuple[float, float], **layout: Any) -> tuple[Any, Any]:
    """A matplotlib figure and its axes in so many rows and columns, with a layout as in Figure.subplots.

    Raises ImportError where matplotlib lacks.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise ImportError("pictures need matplotlib; install it with: pip install matplotlib") from None
    figure = Figure(figsize=size, layout="constrained")
    return figure, figure.subplots(*shape, subplot_kw={"axes_class": displayed_axes()}, **layout)


@cache
def displayed_axes() -> Any:
    """The class of Axes that a notebook shows as the picture that they are in, without pyplot."""
    from matplotlib.axes import Axes

    class Displayed(Axes):
        def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
            picture, figure = BytesIO(), self.get_figure(root=True)
            assert figure is not None
            width, height = 96 * figure.get_size_inches()
            figure.savefig(picture, format="png", dpi=192)  # two dots for each of the page
            return picture.getvalue(), {"width": round(width), "height": round(height)}

    Displayed.__name__ = Displayed.__qualname__ = "Axes"
    return Displayed


def draw(figure: Any, path: Path) -> None:
    """Write the picture, whole or not at all. Raises ValueError where that cannot be."""
    picture = BytesIO()
    figure.savefig(picture, format=path.suffix[1:].lower(), dpi=150)
    try:
        write(picture.getvalue(), path)
    except OSError as error:
        raise ValueError(f"cannot draw {path}: {error.strerror}; give another file") from None


def save(figure: Any, path: Path) -> None:
    """Write the picture and say so; ends the program with one line where that cannot be."""
    try:
        draw(figure, path)
    except ValueError as error:
        raise SystemExit(refuse(str(error))) from None
    print(f"drawn: {path}")


def refuse(message: str) -> int:
    """Say in one line on stderr what is wrong; 2 is the exit code for it."""
    print(" ".join(message.split()), file=sys.stderr)
    return 2
