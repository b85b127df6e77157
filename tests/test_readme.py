"""Every code block of the README is run, and what it says is printed is printed."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
BLOCKS = re.findall(
    r"^```(\w+)\n(.*?)^```$", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE
)
PROGRAMS = [(code, BLOCKS[i + 1][1]) for i, (language, code) in enumerate(BLOCKS) if language == "python"]
SETUP = "python3 -m venv .venv && .venv/bin/pip install -e "
LINES = [line for language, code in BLOCKS if language == "sh" for line in code.splitlines()]
PARTS = [part for line in LINES for part in line.split(" && ")]
DEMOS = [part for part in PARTS if re.fullmatch(r"\.venv/bin/python demos/\w+\.py", part)]  # test_demos runs each.
COMMANDS = [part for part in PARTS if part.startswith(".venv/bin/python ") and part not in DEMOS]
# What the lines run besides Python: pip only installs, and the others are run, as printed, by .ci/run.
TABLE = re.findall(r"^\| [\d., ]+ \| `demos/.*", (ROOT / "README.md").read_text(encoding="utf-8"), re.MULTILINE)
OTHERS = [
    ".venv/bin/pip install",
    ".venv/bin/pytest",
    ".venv/bin/ruff check .",
    ".venv/bin/mypy",
    "python3 -m venv .venv",
]


def run(*arguments: str) -> str:
    environment = {key: value for key, value in os.environ.items() if key != "COLUMNS"} | {"PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-W", "error", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_first_screen_is_two_commands_that_do_their_own_setup():
    assert [line.startswith(SETUP) for line in LINES[:2]] == [True, True]
    assert LINES[0].endswith(".venv/bin/python -m tinygrad_sig")
    assert LINES[1].endswith(".venv/bin/pytest")


def test_the_main_job_prints_what_the_readme_shows():
    shown = next(code for language, code in BLOCKS if language == "text")
    assert run("-m", "tinygrad_sig") == shown


@pytest.mark.parametrize(("code", "shown"), PROGRAMS)
def test_a_program_prints_what_the_readme_shows(code, shown):
    assert run("-c", code) == shown


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_the_readme_runs(command, tmp_path):
    arguments = shlex.split(command)[1:]
    if "tests/benchmarks" in arguments:
        pytest.importorskip("pytest_benchmark", reason="the benchmarks need the extra bench")
        arguments.append("--collect-only")
    if arguments[0] == "tests/browser/picture.py":
        pytest.importorskip("playwright", reason="the picture of the page needs the extra browser")
        chromium = shutil.which("chromium") or shutil.which("google-chrome")
        arguments[1] = str(tmp_path / "page.png") if chromium else pytest.skip("the picture of the page needs Chromium")
    assert run(*arguments)


def test_every_block_is_run_by_one_of_these_tests_or_by_the_ci_script():
    assert {language for language, _ in BLOCKS} == {"sh", "python", "text", "py"}  # py: a cell, run in tests/browser
    assert len(PROGRAMS) + 1 == sum(language == "text" for language, _ in BLOCKS)
    for part in PARTS:
        assert part in (*COMMANDS, *DEMOS) or any(part.startswith(other) for other in OTHERS), part


def test_the_readme_runs_every_demo():
    assert [part.split("/")[-1] for part in DEMOS] == [line.split("`")[1].split("/")[-1] for line in TABLE]
    assert {ROOT / part.split()[-1] for part in DEMOS} == {*(ROOT / "demos").glob("*.py")}


def test_the_ci_script_runs_what_the_readme_prints():
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert "grep '^python3 -m venv' README.md" in script.read_text(encoding="utf-8")
