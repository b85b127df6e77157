"""The command: what it prints, in which form and width, and how it says that it cannot."""

import csv
import io
import json
import math
import os
import re
import shlex
import stat
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from tinygrad_sig import __version__, relu, sigmoid, sigmoid_chain, trace
from tinygrad_sig.__main__ import main
from tinygrad_sig.traces.chain import finite_difference, gradient_bound, printed_product
from tinygrad_sig.traces.report import Report

COMMAND = [sys.executable, "-W", "error", "-m", "tinygrad_sig"]
CENTRED = ["--x", ".5", "--depth", "5", "--weight", "8", "--bias", "-4"]
KEYS = "x weights biases activation dtype output gradients steps layers bound as_printed finite_difference verdict"
STEP = "step output input op formula upstream local downstream"
LAYER = "layer weight bias preactivation activation local_derivative factor gradient"


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    """Every test runs in an empty directory, in which a file left behind is seen."""
    monkeypatch.chdir(tmp_path)
    for name in ("COLUMNS", "LINES", "NO_COLOR", "PYTHONIOENCODING"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def printed(call):
    """What the command prints where all is well."""

    def printed(*arguments):
        code, out, err = call(*arguments)
        assert (code, err) == (0, "")
        return out

    return printed


SMALL_FILES = "ulimit -f 8"  # blocks of 512 or 1,024 bytes


def run(*arguments, encoding="utf-8", before="", **settings):
    """Run the command in a process of its own, which a shell has prepared by what is to happen `before`."""
    settings.setdefault("stdout", subprocess.PIPE)
    environment = os.environ | {"PYTHONIOENCODING": encoding}
    shell = ["sh", "-c", f'{before}; exec "$@"', "sh"] if before else []
    return subprocess.run(
        [*shell, *COMMAND, *arguments],
        env=environment,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        check=False,
        **settings,
    )


def loaded(text):
    def refuse(constant):
        raise AssertionError(f"{constant} is no JSON")

    return json.loads(text, parse_constant=refuse)


def rows(out):
    """The lines of the backward table."""
    table = out.split("\n\n")[1].split("\n")[2:]
    return [line.split() for line in table if re.match(r" +\d+  ", line)]


def test_by_default_it_prints_forward_backward_every_formula_and_a_verdict():
    done = run()
    assert (done.returncode, done.stderr) == (0, "")
    titles = [part.split("\n")[0] for part in done.stdout.split("\n\n")]
    starts = ["Forward: ", "Backward: ", "What each leaf", "Layer by layer", "The gradient ∂y/∂x", "Verdict: vanishing"]
    assert [title.startswith(start) for title, start in zip(titles, starts, strict=True)] == [True] * 6
    chain = trace(sigmoid_chain(1.0, [0.5, -0.9, 0.8, -0.6, 0.7]))
    for row, step in zip(rows(done.stdout), chain, strict=True):
        assert " ".join(row[1:4]) == str(step)
        assert row[4] == step.formula
    assert done.stdout.count("\n\n") == 5
    assert done.stdout.endswith("\n")
    assert max(map(len, done.stdout.split("\n"))) <= 100
    assert "\x1b" not in done.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ["--weights", *["10"] * 5],
        ["--weights", "2000", "1"],
        ["--depth", "1000", "--weight", "-2.5", "--bias", "1"],
        ["--depth", "100", "--weight", "1", "--dtype", "float32"],
        [*CENTRED, "--all"],
        ["--activation", "tanh", "--depth", "4", "--weight", "1e-5"],
        ["--activation", "relu", "--weights", "1", "-1", "2"],
        ["--weights", "-12345.678", "1e-300", "1e300", "--biases", "1e-9", "-1e9", "-1e300", "--x", "-1.23456789e-7"],
    ],
    ids=shlex.join,
)
def test_no_line_is_longer_than_a_hundred_columns(printed, arguments):
    out = printed(*arguments)
    assert [line for line in out.split("\n") if len(line) > 100] == []
    assert not re.search(r"\bnan\b", out)


def on_a_terminal(*arguments, **environment):
    """What the command writes to a pseudo-terminal."""
    pty = pytest.importorskip("pty", reason="this system has no pseudo-terminals")
    primary, secondary = pty.openpty()
    environment = os.environ | {"PYTHONIOENCODING": "utf-8", "TERM": "xterm"} | environment
    with subprocess.Popen([*COMMAND, *arguments], stdout=secondary, stderr=secondary, env=environment) as process:
        os.close(secondary)
        written = b""
        try:
            while part := os.read(primary, 65536):
                written += part
        except OSError:
            pass  # so Linux says that the other end is closed
        os.close(primary)
    assert process.returncode == 0
    return written.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("arguments", [[], ["--weights", *["10"] * 5], ["--depth", "1000", "--weight", "1"], CENTRED])
@pytest.mark.parametrize("columns", [80, 100])
def test_on_a_terminal_no_line_is_longer_than_it_is_wide(arguments, columns):
    out = on_a_terminal(*arguments, COLUMNS=str(columns), NO_COLOR="1")
    assert [line for line in out.split("\n") if len(line) > columns] == []
    assert len(rows(out)) >= 15


def test_there_is_colour_on_a_terminal_and_nowhere_else(tmp_path):
    coloured, plain = on_a_terminal(COLUMNS="100"), on_a_terminal(COLUMNS="100", NO_COLOR="1")
    assert coloured.count("\x1b[") >= 12
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[\d*m", "", coloured) == plain == run().stdout
    assert on_a_terminal("--output", "trace.txt") == ""
    assert (tmp_path / "trace.txt").read_text(encoding="utf-8") == plain


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        [*CENTRED, "--activation", "tanh"],
        ["--depth", "40", "--weight", "40"],
        ["--format", "json"],
        ["--format", "csv"],
        ["--format", "latex"],
        ["--format", "python"],
        ["--help"],
    ],
    ids=shlex.join,
)
def test_where_only_ascii_can_be_written_only_ascii_is(arguments):
    plain, full = (run(*arguments, encoding=encoding) for encoding in ("ascii", "utf-8"))
    assert (plain.returncode, plain.stderr) == (full.returncode, full.stderr) == (0, "")
    assert plain.stdout.isascii()
    assert "?" not in plain.stdout
    assert plain.stdout.count("\n") == full.stdout.count("\n")


def test_json_in_ascii_is_the_same_json():
    plain, full = (run("--format", "json", encoding=encoding) for encoding in ("ascii", "utf-8"))
    assert plain.stdout.isascii()
    assert json.loads(plain.stdout) == json.loads(full.stdout)


def test_columns_are_counted_in_a_pipe_too(printed, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    assert max(map(len, printed().split("\n"))) <= 80


def test_a_float16_chain_is_told_of_float16(printed):
    out = printed("--depth", "8", "--weight", "1", "--dtype", "float16")
    assert re.search(r"0 after \d more layers in float16, 6\d in float32, 4\d\d in\s+float64", out)


@pytest.mark.parametrize("format", ["text", "json", "csv", "latex", "python"])
def test_a_file_is_written_in_utf8_whatever_the_terminal_knows(tmp_path, format):
    assert run("--format", format, "--output", "trace", encoding="ascii").returncode == 0
    assert (tmp_path / "trace").read_text(encoding="utf-8") == run("--format", format).stdout


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], (1.0, [0.5, -0.9, 0.8, -0.6, 0.7], None, sigmoid, np.float64)),
        (["--x", "-1e-3"], (-1e-3, [0.5, -0.9, 0.8, -0.6, 0.7], None, sigmoid, np.float64)),
        (
            ["--weights", "-1e-3", "-.5", "2", "--biases", "-1", "-.25", "+0"],
            (1.0, [-1e-3, -0.5, 2.0], [-1.0, -0.25, 0.0]),
        ),
        (["--depth", "3", "--weight", "-2.5"], (1.0, [-2.5] * 3, None)),
        (CENTRED, (0.5, [8.0] * 5, [-4.0] * 5)),
        (["--depth", "2", "--weight", "1", "--bias", "0"], (1.0, [1.0] * 2, [0.0] * 2)),
        (["--activation", "tanh"], (1.0, [0.5, -0.9, 0.8, -0.6, 0.7], None, np.tanh)),
        (["--activation", "relu", "--weights", "1", "2"], (1.0, [1.0, 2.0], None, relu)),
        (["--dtype", "float32"], (1.0, [0.5, -0.9, 0.8, -0.6, 0.7], None, sigmoid, np.float32)),
        (["--dtype", "float16", "--x=-2"], (-2.0, [0.5, -0.9, 0.8, -0.6, 0.7], None, sigmoid, np.float16)),
        (["--depth", "1200", "--weight", "8", "--bias", "-4", "--x", ".5"], (0.5, [8.0] * 1200, [-4.0] * 1200)),
        (["--depth", "700", "--weight", "1"], (1.0, [1.0] * 700, None)),
    ],
    ids=lambda value: shlex.join(value) if isinstance(value, list) else "",
)
def test_json_holds_the_whole_chain_in_full_precision(printed, arguments, expected):
    x, weights, biases, activation, dtype = (*expected, *(None, sigmoid, np.float64)[len(expected) - 2 :])[:5]
    number = dtype or np.float64
    with np.errstate(all="ignore"):
        cast = number(x), [number(w) for w in weights], biases and [number(b) for b in biases]
        chain = trace(sigmoid_chain(*cast, activation or sigmoid))
    data = loaded(printed(*arguments, "--format", "json"))
    assert list(data) == KEYS.split()
    assert data["x"] == float(cast[0])
    assert data["weights"] == [float(w) for w in cast[1]]
    assert data["biases"] == (biases and [float(b) for b in cast[2]])
    assert (data["activation"], data["dtype"]) == ((activation or sigmoid).__name__, number.__name__)
    assert data["output"] == float(chain.output.data)
    expected = chain.to_dict()
    assert data["steps"] == expected["steps"]
    assert {tuple(step) for step in data["steps"]} == {tuple(STEP.split())}
    n = len(weights)
    assert list(data["gradients"]) == [
        "x",
        *(f"{kind}{i}" for kind in "wb"[: 1 + bool(biases)] for i in range(1, n + 1)),
    ]
    assert data["gradients"] == expected["gradients"]
    assert [layer["layer"] for layer in data["layers"]] == [*range(n, 0, -1)]
    for layer in data["layers"]:
        i = layer["layer"]
        assert list(layer) == LAYER.split()
        assert layer["weight"] == data["weights"][i - 1]
        assert layer["bias"] == (biases and data["biases"][i - 1])
        assert layer["preactivation"] == float(chain.find(f"z{i}").data)
        assert layer["activation"] == float(chain.find(f"a{i}" if i < n else "y").data)
        assert float(layer["gradient"]) == float(chain.gradient(f"a{i - 1}" if i > 1 else "x"))
        assert layer["factor"] == float(number(layer["weight"]) * number(layer["local_derivative"]))
    with np.errstate(all="ignore"):
        assert float(data["bound"]) == pytest.approx(gradient_bound(weights, activation or sigmoid), rel=1e-3)
        product = float(printed_product(float(cast[0]), data["weights"], data["biases"], activation or sigmoid))
    assert float(data["as_printed"]) == pytest.approx(product, rel=1e-3, abs=1e-300)


def test_json_holds_the_finite_difference_and_the_verdict_of_the_text(printed):
    arguments = ["--weights", *["10"] * 5]
    data = loaded(printed(*arguments, "--format", "json"))
    assert data["finite_difference"] == pytest.approx(float(finite_difference(1.0, [10.0] * 5)), rel=1e-12)
    assert data["finite_difference"] == pytest.approx(data["gradients"]["x"], rel=1e-12)
    assert data["as_printed"] == pytest.approx(29.382302381708, rel=1e-12)
    assert f"Verdict: {data['verdict']}\n" in printed(*arguments)


@pytest.mark.parametrize(
    ("count", "line"), [(5, "w1, w2, w3, w4, w5 = weights"), (40, "for w, b in zip(weights, biases):")]
)
def test_python_is_the_program_written_out(printed, count, line):
    """From 25 layers on as loops."""
    weights, biases = ([str(math.sin(k + start)) for k in range(count)] for start in (0, 7))
    out = printed("--format", "python", "--weights", *weights, "--biases", *biases)
    assert out.startswith("def chain(x, weights, biases):\n")
    assert f"    {line}\n" in out
    known = {"exp": math.exp}
    exec(out, known)
    numbers = [[float(text) for text in texts] for texts in (weights, biases)]
    value, gradients = known["chain"](1.0, *numbers)
    steps = trace(sigmoid_chain(1.0, *numbers))
    assert value == steps.output.item()
    assert gradients[0] == steps.gradient("x")
    for letter, found in zip("wb", gradients[1:], strict=True):
        assert found == [steps.gradient(f"{letter}{k}") for k in range(1, count + 1)]


def test_csv_and_latex_are_those_of_the_trace(printed):
    chain = trace(sigmoid_chain(1.0, [0.5, -0.9, 0.8, -0.6, 0.7]))
    assert printed("--format", "csv") == chain.to_csv()
    assert printed("--format", "latex") == chain.to_latex("x") + "\n"
    assert [row["formula"] for row in csv.DictReader(io.StringIO(printed("--format", "csv")))] == [
        step.formula for step in chain
    ]


def test_the_sheet_s_product_is_judged(printed):
    ten = printed("--weights", *["10"] * 5)
    assert re.search(r"by the walk +1\.9314e-17\n", ten)
    assert re.search(r"by a finite difference +1\.9314e-17  agrees to 1\d digits\n", ten)
    assert re.search(r"by VDL1, section 1\.2\.3 +29\.382302\n", ten)
    assert "1.52e+18 times too large" in " ".join(ten.split())
    for depth in "1", "5", "100", "2000":
        one = printed("--depth", depth, "--weight", "1")
        assert "here both give the same" in " ".join(one.split()), "with every w_i = 1 each z_i is a_{i-1}"


def test_all_shows_every_step_and_layer(printed):
    long = ["--depth", "60", "--weight", "1"]
    assert printed(*long).count("left out") == 4
    out = printed(*long, "--all")
    assert "left out" not in out
    assert [row[0] for row in rows(out)] == [str(i) for i in range(1, 181)]
    assert "left out" not in printed()


def test_version(printed):
    assert printed("--version") == f"tinygrad-sig {__version__}\n"


def test_help_shows_examples_and_each_of_them_runs(call, monkeypatch):
    monkeypatch.setenv("COLUMNS", "100")
    code, out, err = call("--help")
    assert (code, err) == (0, "")
    assert max(map(len, out.split("\n"))) <= 100
    for option in [*KEYS.split()[:5], "depth", "weight", "bias", "format", "output", "plot", "all", "version", "help"]:
        assert f"--{option}" in out
    examples = [
        shlex.split(re.split(r" {2,}", line.strip())[0])
        for line in out.split("examples:")[1].split("\n")
        if line.strip()
    ]
    assert len(examples) >= 3
    for name, *arguments in examples:
        assert name == "tinygrad-sig"
        assert call(*arguments)[::2] == (0, "")


OUT_OF_RANGE = "100000000000000000000"
BAD = [
    (["--weights"], "expected at least one argument"),
    (["--weights", "1", "2", "--biases", "1"], "2 weights and 1 bias"),
    (["--biases", "1"], "5 weights and 1 bias"),
    (["--biases"], "expected at least one argument"),
    (["--x", "one"], "'one' is no number"),
    (["--x", ""], "is no number"),
    (["--x", "1\n2"], "is no number"),
    (["--x"], "expected one argument"),
    *[
        ([option, value], "is not finite")
        for option in ("--x", "--weights")
        for value in ("nan", "inf", "-inf", "1e400")
    ],
    (["--depth", "2", "--weight", "-nan"], "is not finite"),
    *[(["--depth", value, "--weight", "1"], f"'{value}' is no depth") for value in ("0", "-1", "1.5", "two", "1e3")],
    (["--depth", OUT_OF_RANGE, "--weight", "1"], OUT_OF_RANGE),
    (["--depth", "3"], "--depth needs a weight"),
    (["--weight", "3"], "belong to --depth"),
    (["--bias", "3"], "belong to --depth"),
    (["--depth", "2", "--weights", "1", "2"], "not --weights"),
    (["--depth", "2", "--weight", "1", "--biases", "1", "2"], "--biases"),
    (["--layers", "3"], "unrecognized arguments: --layers"),
    (["--dep", "3"], "unrecognized arguments: --dep"),
    (["3"], "unrecognized arguments: 3"),
    (["--activation", "gelu"], "gelu"),
    (["--dtype", "float8"], "float8"),
    (["--format", "xml"], "xml"),
    (["--output", "no/such/directory/file"], "cannot write no/such/directory/file: No such file"),
    (["--output", "."], "cannot write .: Is a directory"),
    (["--output"], "expected one argument"),
    (["--plot"], "expected one argument"),
    (["--plot", "picture"], "cannot draw picture; give a file whose name ends in .png, .svg or .pdf"),
    (["--plot", "picture.xyz"], "cannot draw picture.xyz; give a file whose name ends in"),
    (["--plot", "no/such/directory/picture.png"], "no/such/directory is no directory"),
    (["--dtype", "float16", "--x", "1e6"], "too large for float16"),
    (["--dtype", "float32", "--weights", "1e39"], "too large for float32"),
]


@pytest.mark.parametrize(("arguments", "what"), BAD, ids=[shlex.join(arguments) for arguments, _ in BAD])
def test_a_bad_input_gives_one_line_and_code_2(call, tmp_path, arguments, what):
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert re.fullmatch(r"tinygrad-sig: [^\n]+\n", err)
    assert what in err
    assert list(tmp_path.iterdir()) == []


def test_a_bad_input_writes_no_file_and_no_traceback(tmp_path):
    done = run("--output", "trace.txt", "--depth", "0")
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"tinygrad-sig: [^\n]+\n", done.stderr)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "numbers", [["0"], ["0", "1"], ["1", "0", "1"], ["-0.0", "1"], ["5e-324"], ["1e308"], ["-1e308"]]
)
@pytest.mark.parametrize("form", ["text", "json", "csv", "latex", "python"])
def test_every_finite_number_is_a_weight(printed, numbers, form):
    assert printed("--weights", *numbers, "--format", form)


def test_output_is_written_whole_or_not_at_all(tmp_path, call):
    path = tmp_path / "trace.txt"
    assert call("--output", str(path)) == (0, "", "")
    first = path.read_text(encoding="utf-8")
    assert first == run().stdout
    mask = os.umask(0)
    os.umask(mask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~mask, "as open would have made it"
    path.chmod(0o640)
    assert call("--x", "2", "--output", str(path)) == (0, "", "")
    assert path.read_text(encoding="utf-8") not in ("", first)
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("existing", [True, False])
def test_a_write_that_fails_leaves_the_old_file_and_no_temporary_one(tmp_path, existing):
    """The file size is limited, as on a full disk: it fails in the middle."""
    path = tmp_path / "trace.txt"
    if existing:
        path.write_text("old")
    done = run(
        *["--depth", "500", "--weight", "1", "--all", "--output", str(path)],
        before=SMALL_FILES,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"tinygrad-sig: cannot write [^\n]+\n", done.stderr)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == ({"trace.txt": "old"} if existing else {})


def test_a_file_that_cannot_be_replaced_is_kept(tmp_path, call, monkeypatch):
    def replace(*paths):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "replace", replace)
    path = tmp_path / "trace.txt"
    path.write_text("old")
    code, out, err = call("--output", str(path))
    assert (code, out) == (2, "")
    assert "Permission denied" in err
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_a_symbolic_link_stays_one_and_its_target_is_written(tmp_path, call):
    """/dev/stdout is such a link, too."""
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old")
    try:
        link.symlink_to(target)
    except OSError:
        pytest.skip("this system makes no symbolic links")
    assert call("--output", str(link)) == (0, "", "")
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8").startswith("Forward")


def test_what_is_no_regular_file_is_written_to(call):
    assert call("--output", os.devnull) == (0, "", "")
    assert stat.S_ISCHR(os.stat(os.devnull).st_mode) or os.name == "nt"


SIGNATURES = {"png": b"\x89PNG\r\n\x1a\n", "svg": b"<?xml", "pdf": b"%PDF-"}
needs_matplotlib = pytest.mark.skipif(find_spec("matplotlib") is None, reason="matplotlib, which draws, is absent")


@needs_matplotlib
@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("ending", SIGNATURES)
def test_a_picture_is_drawn_beside_what_is_printed(printed, tmp_path, ending, form):
    path = tmp_path / f"picture.{ending}"
    out = printed("--plot", str(path), "--format", form)
    assert out == printed("--format", form)
    assert form == "text" or loaded(out)
    data = path.read_bytes()
    assert data.startswith(SIGNATURES[ending])
    assert len(data) > 4000
    assert list(tmp_path.iterdir()) == [path]


@needs_matplotlib
def test_a_picture_and_an_output_are_two_files(call, tmp_path):
    assert call("--plot", "picture.svg", "--output", "trace.txt") == (0, "", "")
    assert {path.name for path in tmp_path.iterdir()} == {"picture.svg", "trace.txt"}


def test_without_matplotlib_one_line_says_what_to_install(call, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    for form in "text", "json":
        code, out, err = call("--plot", "picture.png", "--format", form)
        assert (code, out) == (2, "")
        assert err == "tinygrad-sig: pictures need matplotlib; install it with: pip install matplotlib\n"
    assert list(tmp_path.iterdir()) == []


def test_matplotlib_is_imported_for_pictures_only():
    program = "import sys, tinygrad_sig.__main__ as c; c.main([]); assert 'matplotlib' not in sys.modules"
    environment = os.environ | {"PYTHONIOENCODING": "utf-8"}
    subprocess.run([sys.executable, "-c", program], env=environment, stdout=subprocess.DEVNULL, check=True)


@needs_matplotlib
@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="this system has no directory that nobody can write to")
def test_a_directory_that_cannot_be_written_to_is_one_line(call):
    code, out, err = call("--plot", "/proc/self/picture.png")
    assert (code, out) == (2, "")
    assert re.fullmatch(r"tinygrad-sig: cannot draw /proc/self/picture.png: [^\n]+; give another file\n", err)


@needs_matplotlib
@pytest.mark.parametrize("existing", [True, False])
def test_a_picture_that_does_not_fit_the_disk_leaves_the_old_file(tmp_path, existing):
    path = tmp_path / "picture.svg"
    if existing:
        path.write_text("old")
    done = run("--plot", str(path), before=SMALL_FILES)
    assert (done.returncode, done.stdout) == (2, "")
    last = done.stderr.splitlines(keepends=True)[-1]  # matplotlib may say before that its cache does not fit either
    assert re.fullmatch(r"tinygrad-sig: cannot draw [^\n]+\n", last)
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == ({"picture.svg": "old"} if existing else {})


def test_a_closed_pipe_is_no_error():
    with subprocess.Popen(
        [*COMMAND, "--depth", "1000", "--weight", "1", "--all"],
        env=os.environ | {"PYTHONIOENCODING": "utf-8"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout.readline().startswith(b"Forward: ")
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


FULL = pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")


@FULL
@pytest.mark.parametrize("arguments", [[], ["--format", "json"], ["--version"], ["--help"]], ids=shlex.join)
def test_a_full_disk_behind_stdout_is_one_line_and_code_2(arguments, monkeypatch):
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # Else nothing is left to be written at the end.
    with open("/dev/full", "w") as full:
        done = run(*arguments, stdout=full)
    assert done.returncode == 2
    assert re.fullmatch(r"tinygrad-sig: cannot write [^\n]+\n", done.stderr)


@FULL
def test_a_full_disk_behind_output_is_one_line_and_code_2(call):
    code, out, err = call("--output", "/dev/full")
    assert (code, out) == (2, "")
    assert re.fullmatch(r"tinygrad-sig: cannot write /dev/full: [^\n]+\n", err)


@pytest.mark.skipif(os.name == "nt", reason="descriptors cannot be closed for a child here")
def test_a_closed_stdout_gives_no_traceback():
    done = run(stdout=None, before="exec >&-")
    assert "Traceback" not in done.stderr
    assert done.stderr.count("\n") <= 1


def repeated(number, factor, limit):
    """How many times a number can be multiplied by the factor, in its dtype, until it is the limit; None if never."""
    with np.errstate(all="ignore"):
        for count in range(6000):
            if number == limit:
                return count
            number = number * type(number)(factor)
    return None


def verdict(factor, depth):
    """The verdict of a centred chain, whose every factor is a quarter of its weight, and the counts that it names."""
    chain = sigmoid_chain(0.5, [4 * factor] * depth, [-2 * factor] * depth)
    said = Report(trace(chain)).verdict()
    return said, [
        int(count.replace(",", "")) for count in re.findall(r"([\d,]+)(?= more layers? in| in float64)", said)
    ]


def test_a_quarter_repeated_ends_in_0_where_it_really_does():
    assert repeated(np.float64(1), 0.25, 0) == 538
    assert repeated(np.float32(1), 0.25, 0) == 75
    assert verdict(0.25, 5) == (
        "vanishing by a factor 0.25 a layer: 0 after 70 more layers in float32, 533 in float64",
        [75 - 5, 538 - 5],
    )


@pytest.mark.parametrize("depth", [1, 2, 5, 13, 30])
@pytest.mark.parametrize(("factor", "limit"), [(0.25, 0), (0.125, 0), (0.5, 0), (2.0, math.inf), (4.0, math.inf)])
def test_the_layers_until_nothing_is_left_are_those_of_the_real_multiplication(factor, limit, depth):
    """Powers of 2, whose products are exact down to the smallest number."""
    said, counts = verdict(factor, depth)
    word = "exploding" if limit else "vanishing"
    assert said.startswith(f"{word} by a factor {factor:g} a layer: {limit:g} after")
    assert counts == [repeated(dtype(1), factor, limit) - depth for dtype in (np.float32, np.float64)]


def test_what_never_becomes_0_is_not_said_to():
    """Three quarters of the smallest number are rounded to it, however often; in the chain three of it are left."""
    assert repeated(np.float32(1), 0.75, 0) is None
    weights, biases = [np.float32(3)] * 500, [np.float32(-1.5)] * 500
    assert trace(sigmoid_chain(np.float32(0.5), weights, biases)).gradient("x") != 0
    assert not re.search(r"0 after [\d,]+ more layers in float32", verdict(0.75, 5)[0])


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], r"vanishing by a factor 0\.164 a layer: 0 after 53 more layers in float32, 408 in float64"),
        (CENTRED, r"exploding by a factor 2 a layer: inf after 123 more layers in float32, 1,019 in float64"),
        (["--x", ".5", "--depth", "7", "--weight", "4", "--bias", "-2"], r"steady: a factor 1 a layer"),
        (["--depth", "100", "--weight", "1"], r"vanishing .*: 0 already in float32, after \d+ more layers in float64"),
        (["--depth", "40", "--weight", "40"], r"vanishing .*: 0 already in float32, float64"),
        (["--depth", "200", "--weight", "8", "--bias", "-4", "--x", ".5"], r"exploding .*: inf already in float32, .*"),
        (["--weights", "1", "0", "1"], r"zero: a factor is 0 in float64.*"),
        (["--activation", "relu", "--weights", "1", "-1", "1"], r"zero: a factor is 0 in float64.*"),
        (["--activation", "relu", "--depth", "5", "--weight", "1"], r"steady: a factor 1 a layer"),
    ],
    ids=lambda value: shlex.join(value) if isinstance(value, list) else "",
)
def test_the_verdict(printed, arguments, sentence):
    said = loaded(printed(*arguments, "--format", "json"))["verdict"]
    assert re.fullmatch(sentence, said)
    assert f"Verdict: {said}" in " ".join(printed(*arguments).split())


def test_a_chain_that_vanishes_in_one_dtype_shows_its_true_size_there(printed):
    out = printed("--depth", "100", "--weight", "1", "--dtype", "float32")
    assert "in brackets: the true size of what float32 holds as 0 or inf" in out
    assert re.search(r"by the walk +\(\d\.\d\de-65\)\n", out)
    assert re.search(r"by a finite difference +\(?\d\.\d+e-65\)?  agrees to \d+ digits\n", out)


@pytest.mark.parametrize("option", ["--page", "--output"])
def test_a_link_to_itself_is_replaced_by_the_file(option, tmp_path, capsys):
    file = tmp_path / "loop"
    file.symlink_to(file)
    assert main([option, str(file)]) == 0
    assert capsys.readouterr().err == ""
    assert file.is_file()
