"""Every demo runs without arguments, prints lines that fit, asserts what it claims, and labels what it draws."""

import contextlib
import importlib.util
import io
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

import pytest

ROOT = Path(__file__).parent.parent
DEMOS = sorted((ROOT / "demos").glob("*.py"))
NEEDS = {"early_layers_learn_slowly": ("sklearn", "tqdm")}
DRAWN = [demo for demo in DEMOS if "file_to_draw" in demo.read_text(encoding="utf-8")]
CHEAP = ROOT / "demos" / "sigmoid_derivatives.py"
EVERY_DEMO = pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.stem)
LAYERS = [f"layer {i}" for i in range(1, 7)]
MAP = ("weight w", "activation a of the layer before", "linear", [])
BAR = ("", "log₁₀|w·σ′(w·a + b)|", "linear", [])
WEIGHTS = ("w = 1", "w = 4", "w = 10")
NETWORKS = ["sigmoid, standard", "tanh, Glorot", "relu, He"]
WAYS = ["engine, float64", "engine, float32", "y·(1 − y), float64", "y·(1 − y), float32"]
INTO = "hidden layer, from the input"
CHAINS = ["relu, w = 1", "tanh, w = 1", *(f"σ, w = {w}" for w in ("1.614", "1", "4", "0.1", "10"))]
REMEDIES = ["sigmoid, Glorot", "sigmoid, He", "sigmoid, 4 Glorot", "tanh, Glorot", "relu, He"]
REMEDIES += ["residual", "normalised", "gates"]

# Of every Axes: xlabel, ylabel, the scale of y ("powers" is linear in the logarithm, ticks in powers of ten), legend.
AXES = {
    "deep_networks": [
        (
            INTO,
            "‖∂C/∂b‖ at initialisation",
            "log",
            ["5 % to 95 %", "median", "mean field: × 0.2048 a layer", "Nielsen (quoted)"],
        ),
        (INTO, "‖∂C/∂b‖ at initialisation", "log", []),
        (INTO, "‖∂C/∂b‖ at initialisation", "log", []),
    ],
    "early_layers_learn_slowly": [
        *[("epoch", "‖gradient‖", "log", LAYERS)] * 3,
        ("epoch", "test images read, %", "linear", NETWORKS),
    ],
    "exploding": [MAP, MAP, BAR, BAR],
    "five_layer_chain": [
        (
            "node that the gradient has reached",
            "|dy/dnode|",
            "powers",
            [*WEIGHTS, *(f"{w}, as printed in 1.2.3" for w in WEIGHTS)],
        )
    ],
    "loss_scaling": [
        ("layer, from the input", "gradients lost to float16, %", "linear", [f"loss × 2^{k}" for k in (0, 4, 8, 12)]),
        ("step of training", "k", "linear", ["loss × 2^k"]),
    ],
    "recurrent": [
        ("steps back from h₆₀", "‖∂L/∂h‖", "log", ["ρ = 0.8", "ρ = 1", "ρ = 1.25", "ρ = 0.5, not normal"]),
        ("weight w", "loss", "linear", ["loss"]),
        ("step of SGD", "loss", "linear", ["without clipping", "clipped to norm 0.1"]),
    ],
    "remedies": [
        ("layer, from the input", "‖∂L/∂a‖ at the start", "log", REMEDIES),
        ("step of SGD", "loss", "linear", []),
    ],
    "sigmoid_bounds": [("x", "value", "linear", ["σ", "σ′"]), ("x", "σ′(x)", "log", WAYS)],
    "sigmoid_derivatives": [("x", "value", "linear", ["σ", "σ′", "σ″", "σ‴"])],
    "vanishing": [("layers", "|dy/dx|", "powers", CHAINS)],
}


def need(demo, *modules):
    for module in (*modules, *NEEDS.get(demo.stem, ())):
        pytest.importorskip(module, reason=f"{demo.name} needs the extra demos")


def run(demo, *options, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", str(demo), *map(str, options)],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"} | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@cache
def printed(demo):
    """What a demo prints, run as a program; it writes nothing to where it runs, and warns of nothing."""
    with TemporaryDirectory() as directory, contextlib.chdir(directory):
        done = run(demo)
        assert (done.returncode, done.stderr) == (0, "")
        assert not os.listdir(), "a demo writes a file only when asked"
    return done.stdout


@cache
def in_ascii(demo):
    """The same in this process, to a terminal that knows no σ: what it prints, and the figure that it saves."""
    spec = importlib.util.spec_from_file_location(demo.stem, demo)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    stdout, figures, options = io.TextIOWrapper(io.BytesIO(), encoding="ascii"), [], []
    if demo in DRAWN:
        module.save = lambda figure, path: figures.append(figure)
        options = ["--plot", "picture.png"]
    with patch.object(sys, "argv", [str(demo), *options]), contextlib.redirect_stdout(stdout):
        module.main()
    stdout.flush()
    return stdout.buffer.getvalue().decode("ascii"), figures


@EVERY_DEMO
def test_a_demo_runs_and_prints_in_a_hundred_columns(demo):
    need(demo)
    lines = printed(demo).splitlines()
    assert len(lines) > 10
    assert max(map(len, lines)) <= 100
    assert "\x1b" not in printed(demo)


@EVERY_DEMO
def test_a_demo_runs_where_the_terminal_knows_no_greek(demo):
    need(demo, *["matplotlib"] * (demo in DRAWN))
    text, _ = in_ascii(demo)
    assert len(text.splitlines()) == len(printed(demo).splitlines())


def test_what_an_encoding_lacks_is_spelled_out():
    text = printed(CHEAP)
    assert text.startswith("     x              σ            σ′")
    narrow = run(CHEAP, PYTHONIOENCODING="ascii").stdout
    assert narrow.startswith("     x              s            s'")
    assert run(CHEAP, PYTHONIOENCODING="cp1252").returncode == 0


@EVERY_DEMO
def test_a_demo_refuses_an_option_that_it_does_not_know(demo):
    done = run(demo, "--no-such-option")
    assert (done.returncode, done.stdout) == (2, "")
    assert "--no-such-option" in done.stderr


def test_help_needs_nothing_installed(tmp_path):
    for module in ("sklearn", "tqdm", "matplotlib"):
        (tmp_path / f"{module}.py").write_text("raise ImportError")
    demo = ROOT / "demos" / "early_layers_learn_slowly.py"
    assert "--plot FILE" in run(demo, "--help", PYTHONPATH=str(tmp_path)).stdout
    done = run(demo, PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "pip install scikit-learn tqdm" in done.stderr


@EVERY_DEMO
def test_a_demo_asserts_what_it_claims(demo):
    assert demo.read_text(encoding="utf-8").count("assert") >= 3


def test_the_demo_of_the_five_layer_chain_shows_both_numbers():
    text = printed(ROOT / "demos" / "five_layer_chain.py")
    assert "2.938230e+01" in text
    assert "1.931379e-17" in text


@pytest.mark.parametrize("demo", DRAWN, ids=lambda demo: demo.stem)
def test_a_picture_has_labels_scales_and_legends(demo):
    need(demo, "matplotlib")
    (figure,) = in_ascii(demo)[1]
    figure.canvas.draw()
    assert [described(axes) for axes in figure.axes] == AXES[demo.stem]
    assert all(axes.get_title() for axes in figure.axes if axes.get_label() != "<colorbar>")
    if demo.stem == "exploding":
        assert [text.get_text() for text in figure.legends[0].get_texts()] == ["σ(w·a + b) = a: where a chain can stay"]


def described(axes):
    powers = any(tick.get_text().startswith("$10^{") for tick in axes.get_yticklabels())
    scale = "powers" if axes.get_yscale() == "linear" and powers else axes.get_yscale()
    legend = axes.get_legend()
    return (
        axes.get_xlabel(),
        axes.get_ylabel(),
        scale,
        [text.get_text() for text in legend.get_texts()] if legend else [],
    )


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF")])
def test_a_picture_is_what_its_ending_says(tmp_path, ending, start):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    picture = tmp_path / f"picture.{ending}"
    done = run(CHEAP, "--plot", picture)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith(f"drawn: {picture}\n")
    assert picture.read_bytes().startswith(start)


def test_without_matplotlib_one_line_says_what_to_install(tmp_path):
    (tmp_path / "matplotlib.py").write_text("raise ImportError")
    done = run(CHEAP, "--plot", tmp_path / "picture.png", PYTHONPATH=str(tmp_path))
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "pip install matplotlib" in done.stderr


@pytest.mark.parametrize("name", ["picture.xyz", "no/such/directory/picture.png"])
def test_a_picture_that_cannot_be_drawn_is_one_line(tmp_path, name):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    done = run(CHEAP, "--plot", tmp_path / name)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)


def test_the_engine_stays_small_enough_to_read():
    names = ("engine/backward", "engine/tensor", "calculus/rules")
    lines = [len((ROOT / "tinygrad_sig" / f"{name}.py").read_text().splitlines()) for name in names]
    assert sum(lines[:2]) <= 300, "a row changes the tables, and neither the walk nor the nodes"
    assert lines[2] <= 165, "the tables are a screen or two each"
