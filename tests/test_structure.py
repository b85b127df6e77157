"""The house: rooms in the order in which the README lists them, and imports that point down only."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

import tinygrad_sig

PACKAGE = Path(tinygrad_sig.__file__).parent
README = PACKAGE.parent / "README.md"
FILES = sorted(path for path in PACKAGE.rglob("*.py") if path != PACKAGE / "__init__.py")


def rooms():
    """The rooms in the order of the README's table: folders, and the files beside them."""
    section = README.read_text(encoding="utf-8").split("## Reading the source")[1].split("\n## ")[0]
    return re.findall(r"^\| \*{0,2}`([\w.]+)/?`", section, re.MULTILINE)


def room(path):
    inside = path.relative_to(PACKAGE).parts
    return inside[0] if len(inside) > 1 else path.name


def imported(path):
    """The files of the package that a file imports, wherever in it the import stands."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = path.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            for target in [base, *(base / alias.name for alias in node.names)]:
                for found in (target.with_suffix(".py"), target / "__init__.py"):
                    if found.is_file() and found != PACKAGE / "__init__.py":
                        yield found


def test_the_readme_lists_every_room_once():
    listed = rooms()
    assert len(set(listed)) == len(listed)
    assert set(listed) == {room(path) for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down_only(path):
    order = rooms()
    for target in imported(path):
        assert order.index(room(target)) <= order.index(room(path)), f"{path} imports from below: {target}"


def test_no_files_import_each_other():
    graph = {path: set(imported(path)) - {path} for path in FILES}
    while leaves := [path for path, targets in graph.items() if not targets & graph.keys()]:
        for path in leaves:
            del graph[path]
    assert not graph


def test_show_knows_nothing_of_what_it_shows():
    for path in (PACKAGE / "show").glob("*.py"):
        assert {room(target) for target in imported(path)} <= {"show", "formulas"}


def test_the_core_can_be_read_in_one_sitting():
    """The tables, the walk and the node, docstrings included."""
    core = ("calculus/rules.py", "engine/backward.py", "engine/tensor.py")
    assert sum(len((PACKAGE / name).read_text(encoding="utf-8").splitlines()) for name in core) <= 450


def test_nothing_that_shows_or_checks_is_imported_with_the_package():
    code = "import sys, tinygrad_sig; print([name for name in sys.modules if name.startswith('tinygrad_sig.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=PACKAGE.parent)
    for part in ("show", "traces", "formulas", "check"):
        assert f".{part}" not in done.stdout
