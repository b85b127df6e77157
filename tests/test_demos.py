"""Every demo runs without arguments, prints lines that fit, and asserts what it claims."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DEMOS = sorted((ROOT / "demos").glob("*.py"))


@pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.stem)
def test_a_demo_runs_and_prints_in_a_hundred_columns(demo, tmp_path):
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
    assert demo.read_text(encoding="utf-8").count("assert ") >= 3


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


def test_the_engine_stays_small_enough_to_read():
    lines = [
        len((ROOT / "tinygrad_sig" / f"{name}.py").read_text().splitlines()) for name in ("rules", "backward", "tensor")
    ]
    assert sum(lines) <= 440
