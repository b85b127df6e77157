"""Every demo runs without arguments, prints lines that fit, asserts what it claims, and labels what it draws."""

import contextlib
import importlib.util
import io
import os
import re
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
DRAWN = [demo for demo in DEMOS if "import file_" in demo.read_text(encoding="utf-8")]
LONG = [demo for demo in DEMOS if "file_and_all" in demo.read_text(encoding="utf-8")]
CHEAP = ROOT / "demos" / "sigmoid_derivatives.py"
EVERY_DEMO = pytest.mark.parametrize("demo", DEMOS, ids=lambda demo: demo.stem)
STARTS = ["standard", "Glorot", "He", "4 × Glorot"]
READ, RATIO = ("epoch", "test digits read, %", "linear"), ("epoch", "‖gradient‖ of layer 1 : layer 6", "log")
WEIGHTS = ("w = 1", "w = 4", "w = 10")
WAYS = ["engine, float64", "engine, float32", "y·(1 − y), float64", "y·(1 − y), float32"]
INTO = "hidden layer, from the input"
CHAINS = ["relu, w = 1", "tanh, w = 1", *(f"σ, w = {w}" for w in ("1.614", "1", "4", "0.1", "10"))]
REMEDIES = ["sigmoid, Glorot", "sigmoid, He", "sigmoid, 4 × Glorot", "tanh, Glorot", "relu, He"]
REMEDIES += ["residual", "normalised", "gates"]

# Of every Axes: xlabel, ylabel, the scale of y ("powers" is linear in the logarithm, ticks in powers of ten), legend.
AXES = {
    "deep_networks": [
        (INTO, "‖∂C/∂b‖ at initialisation", "log", []),
        (INTO, "", "log", []),
        (INTO, "", "log", ["5 % to 95 %", "median", "mean field: × 0.2048 a layer", "Nielsen (quoted)"]),
    ],
    "early_layers_learn_slowly": [
        *[(*READ, []), (*READ, STARTS), (*READ, [])],
        *[(*RATIO, [])] * 3,
    ],
    "exploding": [
        ("weight w", "activation a of the layer before", "linear", []),
        ("weight w", "", "linear", []),
        ("", "a layer multiplies the gradient by", "linear", []),
    ],
    "five_layer_chain": [
        (
            "node that the gradient has reached",
            "|dy/dnode|",
            "powers",
            [*WEIGHTS, *(f"{w}, as printed in 1.2.3" for w in WEIGHTS)],
        )
    ],
    "forward_and_reverse": [
        (
            "layer i",
            "size",
            "log",
            ["forward: |da_i/dx|", "reverse: |dy/da_i|", "their product: |dy/dx|"],
        ),
        ("ms", "mode, and how many passes", "linear", []),
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
        ("step of Adam", "loss", "linear", []),
    ],
    "sigmoid_bounds": [("x", "value", "linear", ["σ", "σ′"]), ("x", "σ′(x)", "log", WAYS)],
    "sigmoid_derivatives": [("x", "value", "linear", ["σ", "σ′", "σ″", "σ‴"])],
    "vanishing": [("layers", "|dy/dx|", "powers", CHAINS)],
    "why_topological_order": [("", "", "linear", [])] * 3,
}
# The title of every Axes, which says what one is to see, and other words that stand in the picture.
TITLES = {
    "deep_networks": ["784–30–30–10", "784–30–30–30–10", "784–30–30–30–30–10"],
    "early_layers_learn_slowly": [
        *("sigmoid: only 4 × Glorot learns", "tanh: all learn", "relu: all but 4 × Glorot learn"),
        *("only there does layer 1 hear anything", "layer 1 hears enough", "here too, but its units die"),
    ],
    "exploding": ["No biases: it grows only near a = 0", "Biases −w/2: it grows for a near ½", ""],
    "five_layer_chain": ["σ′ at the wrong place: an explosion where w = 10 has vanished"],
    "forward_and_reverse": ["At every layer the two make dy/dx", "One loss of 200 parameters: reverse mode wins"],
    "loss_scaling": ["A scaled loss brings lost gradients back", "The search: down on overflow, else slowly up"],
    "recurrent": [
        *("ρ > 1 explodes; ρ < 1 may grow first", "One weight, 60 uses: the loss has a cliff"),
        "Clipped it learns, unclipped it does not",
    ],
    "remedies": ["Plain sigmoids lose the gradient with all these weights", "What keeps the gradient learns"],
    "sigmoid_bounds": ["σ′ is at most ¼, at x = 0", "y·(1 − y) drops to 0 long before σ′ does"],
    "sigmoid_derivatives": ["σ′ is largest where σ″ falls through 0"],
    "vanishing": ["w = 4 vanishes faster than w = 1; only relu does not vanish"],
    "why_topological_order": ["Edge by edge: 6, wrong", "In order, with =: 1, wrong", "In order, with +=: 4, right"],
}
WORDS = {
    "exploding": [["grows", "shrinks"], ["grows", "shrinks"], []],
    "vanishing": [["float32\nends at\n$10^{-45}$", "float64\nends at\n$10^{-323}$"]],
    "why_topological_order": [["dc/da = 6"], ["dc/da = 1"], ["dc/da = 4", "dc/db = 2", "dc/dc = 1"]],
}


def need(demo, *modules):
    for module in (*modules, *NEEDS.get(demo.stem, ())):
        pytest.importorskip(module, reason=f"{demo.name} needs the extra demos")


def run(demo, *options, **environment):
    """A demo as a program, in 80 columns."""
    return subprocess.run(
        [sys.executable, "-W", "error", str(demo), *map(str, options)],
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "80"} | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


@cache
def printed(demo):
    """What a demo prints in 80 columns; it writes nothing to where it runs, and warns of nothing."""
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
    narrow = patch.dict(os.environ, COLUMNS="80")
    with narrow, patch.object(sys, "argv", [str(demo), *options]), contextlib.redirect_stdout(stdout):
        module.main()
    stdout.flush()
    return stdout.buffer.getvalue().decode("ascii"), figures


@EVERY_DEMO
def test_a_demo_runs_and_prints_in_eighty_columns(demo):
    need(demo)
    lines = printed(demo).splitlines()
    assert len(lines) > 10
    assert [line for line in lines if len(line) > 80] == []
    assert "\x1b" not in printed(demo)


@EVERY_DEMO
def test_a_demo_says_first_what_one_will_see_and_last_what_follows(demo):
    need(demo)
    first, *_, last = (part for part in re.split(r"\n\n", printed(demo).strip()) if "  " not in part.strip())
    for paragraph in (first, last):
        assert len(paragraph) > 80
        assert paragraph[0].isupper()
        assert paragraph.endswith((".", "?", "wrong sign."))
    assert printed(demo).startswith(first)
    assert printed(demo).strip().endswith(last)


@pytest.mark.parametrize("demo", LONG, ids=lambda demo: demo.stem)
def test_all_is_more_than_the_rest_and_fits_too(demo):
    need(demo)
    done = run(demo, "--all")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if len(line) > 80] == []
    assert len(done.stdout) > 1.1 * len(printed(demo))
    assert "--all" in demo.read_text(encoding="utf-8").split('"""')[1]


@EVERY_DEMO
def test_a_quoted_number_is_marked_and_its_source_is_named(demo):
    need(demo)
    text = " ".join(printed(demo).split())
    for place in re.finditer(r"quoted", text):
        near = text[max(0, place.start() - 100) : place.end() + 100]
        assert re.search(r"Nielsen, chapter \d|1\.2\.\d", near), near


@EVERY_DEMO
def test_a_demo_runs_where_the_terminal_knows_no_greek(demo):
    need(demo, *["matplotlib"] * (demo in DRAWN))
    text, _ = in_ascii(demo)
    assert len(text.splitlines()) == len(printed(demo).splitlines())


def test_what_an_encoding_lacks_is_spelled_out():
    text = printed(CHEAP)
    assert "\n     x              σ            σ′" in text
    narrow = run(CHEAP, PYTHONIOENCODING="ascii").stdout
    assert "\n     x              s            s'" in narrow
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
    assert "--plot FILE" in run(demo, "--help", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}").stdout
    done = run(demo, PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
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
    assert [axes.get_title() for axes in figure.axes] == TITLES[demo.stem]
    for axes, words in zip(figure.axes, WORDS.get(demo.stem, ()), strict=False):
        assert {*words} <= {text.get_text() for text in axes.texts}
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
    done = run(CHEAP, "--plot", tmp_path / "picture.png", PYTHONPATH=f"{tmp_path}{os.pathsep}{ROOT}")
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
