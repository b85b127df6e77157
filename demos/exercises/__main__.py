"""Check the exercises: for each, done, not yet, or what is wrong and where.

Each file is run in a process of its own, with a limit of time, so that a loop without end ends, and an exercise that
fails is no obstacle to the next.
"""

import argparse
import importlib.util
import io
import json
import os
import re
import subprocess
import sys
import textwrap
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory

from tinygrad_sig.show.figure import parse
from tinygrad_sig.show.text import clipped, columns

HERE = Path(__file__).resolve().parent
COUNT = 8
MOST = 10_000  # letters of what a file prints
DONE, NOT_YET, WRONG = "done", "not yet", "wrong"


def checked(number, limit):
    """(state, sentence, what it printed) of an exercise, from a process of its own."""
    environment, nowhere = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}, subprocess.DEVNULL
    with TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"  # The output is not the place for it: the file may write there itself.
        command = [sys.executable, str(HERE), "--alone", str(number), str(answer)]
        try:
            subprocess.run(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, timeout=limit, env=environment)
            return tuple(json.loads(answer.read_text(encoding="utf-8")))
        except subprocess.TimeoutExpired:
            return WRONG, f"it takes longer than {limit:g} seconds; is there a loop that does not end?", ""
        except (OSError, ValueError):
            return WRONG, "Python itself has ended while it ran", ""


def alone(number):
    """The same in this process: whatever the file does wrong becomes a sentence."""
    from checks import EXERCISES, Wrong

    path, printed = HERE / f"exercise_{number}.py", io.StringIO()
    state, sentence = DONE, ""
    with redirect_stdout(printed):
        try:
            specification = importlib.util.spec_from_file_location(path.stem, path)
            module = importlib.util.module_from_spec(specification)
            specification.loader.exec_module(module)
            list(EXERCISES.values())[number - 1](module)
        except NotImplementedError:
            state = NOT_YET
        except Wrong as wrong:
            state, sentence = WRONG, f"{wrong.function}, line {wrong.line}: {wrong}"
        except BaseException as error:
            state, sentence = WRONG, raised(error, path)
    return state, sentence, printed.getvalue()[:MOST]


def raised(error, path):
    """What was raised, and in which line of the file."""
    if isinstance(error, FileNotFoundError) and error.filename == str(path):
        return "the file is not there"
    if isinstance(error, SyntaxError):
        return f"line {error.lineno}: " * bool(error.lineno) + f"Python cannot read it: {error.msg}"
    if isinstance(error, AttributeError) and getattr(error.obj, "__file__", None) == str(path):
        return f"the function {error.name} is missing; give it back its name"
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
    where = f"line {lines[-1]}: " if lines else ""
    if isinstance(error, RecursionError):
        return f"{where}it calls itself without end"
    what = clipped(" ".join(str(error).split()), 400)
    return f"{where}it raises {type(error).__name__}" + f": {what}" * bool(what)


def report(numbers, limit):
    """Print the state of each exercise; the exit code, 1 where something is wrong."""
    from checks import EXERCISES

    titles, width, wrong = list(EXERCISES), columns(), False
    for number in numbers:
        state, sentence, printed = checked(number, limit)
        print(f"exercise_{number}.py  {titles[number - 1]:34}{state}", flush=True)
        wrong |= state == WRONG
        for line in [sentence] * bool(sentence) + [f"| {clipped(line, 400)}" for line in printed.splitlines()[:20]]:
            print(
                textwrap.fill(line, width, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False),
                flush=True,
            )
    return int(wrong)


def seconds(text):
    """A time, for argparse."""
    if not re.fullmatch(r"\d{1,5}|\d{0,5}\.\d{1,9}", text) or not float(text):
        raise argparse.ArgumentTypeError(f"{text!r} is no time; give a number of seconds above 0")
    return float(text)


def main():
    parser = argparse.ArgumentParser(prog="exercises", description=__doc__.splitlines()[0])
    parser.add_argument("numbers", type=int, nargs="*", metavar="N", help="only these exercises (all)")
    parser.add_argument("--limit", type=seconds, default=30, metavar="S", help="seconds that each may take (30)")
    parser.add_argument("--alone", nargs=2, metavar=("N", "FILE"), help=argparse.SUPPRESS)
    options = parse(parser)
    if options.alone:
        number, answer = options.alone
        Path(answer).write_text(json.dumps(alone(int(number))), encoding="utf-8")
        return 0
    if not all(1 <= number <= COUNT for number in options.numbers):
        parser.error(f"there are exercises 1 to {COUNT}; give one of these numbers")
    try:
        return report(options.numbers or range(1, COUNT + 1), options.limit)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # Who reads has seen enough; Python would try once more at its end, and complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


if __name__ == "__main__":
    raise SystemExit(main())
