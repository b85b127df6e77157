"""Every demo runs without arguments, prints lines that fit, and asserts what it claims."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DEMOS = sorted((ROOT / "demos").glob("*.py"))
NEEDS = {"early_layers_learn_slowly": ("sklearn", "tqdm")}
DRAWN = [demo for demo in DEMOS if "--plot" in demo.read_text(encoding="utf-8")]


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.stem)
def test_a_demo_runs_and_prints_in_a_hundred_columns(demo, tmp_path):
    for module in NEEDS.get(demo.stem, ()):
        pytest.importorskip(module, reason=f"{demo.name} needs the extra demos")
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    done = subprocess.run(
        [sys.executable, "-W", "error", str(demo)],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert len(done.stdout.splitlines()) > 10
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "\x1b" not in done.stdout
    assert not list(tmp_path.iterdir()), "a demo writes a file only when asked"


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.stem)
def test_a_demo_asserts_what_it_claims(demo):
    assert demo.read_text(encoding="utf-8").count("assert") >= 3


def test_the_demo_of_the_five_layer_chain_shows_both_numbers():
    output = subprocess.run(
        [sys.executable, str(ROOT / "demos" / "five_layer_chain.py")],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    ).stdout
    assert "2.938230e+01" in output
    assert "1.931379e-17" in output


@pytest.mark.parametrize("demo", DRAWN, ids=lambda demo: demo.stem)
def test_a_picture_is_drawn_when_asked_for(demo, tmp_path):
    for module in ("matplotlib", *NEEDS.get(demo.stem, ())):
        pytest.importorskip(module, reason=f"the picture of {demo.name} needs the extra demos")
    picture = tmp_path / "picture.png"
    done = drawn(demo, picture)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"drawn: {picture}\n")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert picture.stat().st_size > 20_000


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_picture_is_what_its_ending_says(tmp_path, ending, start):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    picture = tmp_path / f"picture.{ending}"
    assert drawn(DRAWN[-1], picture).returncode == 0
    assert picture.read_bytes().startswith(start)


def test_without_matplotlib_one_line_says_what_to_install(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError")
    done = drawn(DRAWN[-1], tmp_path / "picture.png", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "pip install matplotlib" in done.stderr


@pytest.mark.parametrize("name", ["picture.xyz", "no/such/directory/picture.png"])
def test_a_picture_that_cannot_be_drawn_is_one_line(tmp_path, name):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    done = drawn(DRAWN[-1], tmp_path / name)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def drawn(demo, picture, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", str(demo), "--plot", str(picture)],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_the_engine_stays_small_enough_to_read():
    lines = [
        len((ROOT / "tinygrad_sig" / f"{name}.py").read_text().splitlines()) for name in ("backward", "tensor", "rules")
    ]
    assert sum(lines[:2]) <= 370, "a row changes the tables, and neither the walk nor the nodes"
    assert lines[2] <= 170, "the tables are a screen or two each"
