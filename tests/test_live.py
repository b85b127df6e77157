"""The live page's engine: what it answers, what it refuses, and that its server gives nothing else away."""

import contextlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from tinygrad_sig.__main__ import main
from tinygrad_sig.live.answer import LAYERS, answer, reply
from tinygrad_sig.live.page import RUNTIME, alone, sources
from tinygrad_sig.live.server import HEADERS, HOST, LONGEST, Handler, Server
from tinygrad_sig.live.situations import SITUATIONS

QUERIES = {
    "": [],
    "x=0.5&weights=1,-2e-1,3": ["--x=0.5", "--weights", "1", "-2e-1", "3"],
    "weights=1,2&biases=-1,0.5&activation=tanh": [
        "--weights",
        "1",
        "2",
        "--biases",
        "-1",
        "0.5",
        "--activation",
        "tanh",
    ],
    "depth=30&weight=8&bias=-4&dtype=float32": ["--depth", "30", "--weight", "8", "--bias", "-4", "--dtype", "float32"],
    "depth=20&weight=1&dtype=float16": ["--depth", "20", "--weight", "1", "--dtype", "float16"],
}
REFUSED = {
    "x=abc": ["--x=abc"],
    "x=1e999": ["--x=1e999"],
    "x=nan": ["--x=nan"],
    "depth=5": ["--depth=5"],
    "depth=0&weight=1": ["--depth=0", "--weight=1"],
    "weight=1": ["--weight=1"],
    "depth=2&weights=1,2": ["--depth=2", "--weights", "1", "2"],
    "weights=1,2&biases=1": ["--weights", "1", "2", "--biases", "1"],
    "x=70000&dtype=float16": ["--x=70000", "--dtype=float16"],
    "activation=sine": ["--activation=sine"],
    "nothing=1": ["--nothing=1"],
}


@pytest.fixture(scope="module")
def port():
    with Server((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def sent(port, data, seconds=20):
    """All that comes back for these bytes."""
    with socket.create_connection((HOST, port), timeout=seconds) as connection:
        with contextlib.suppress(ConnectionError):
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
        found = b""
        with contextlib.suppress(ConnectionError):
            while part := connection.recv(1 << 16):
                found += part
        return found


def get(port, target, method="GET", host=None):
    raw = sent(port, f"{method} {target} HTTP/1.1\r\nHost: {host or f'{HOST}:{port}'}\r\n\r\n".encode())
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), dict(line.split(": ", 1) for line in lines), body.decode()


@pytest.mark.parametrize("query", QUERIES)
def test_an_answer_is_the_commands_json_with_what_the_page_draws(query, capsys):
    found = json.loads(answer(query))
    assert main([*QUERIES[query], "--format", "json"]) == 0
    shown, said = found.pop("show"), found.pop("said")
    assert found == json.loads(capsys.readouterr().out)
    assert len(shown["page"]["steps"]) == len(found["steps"])
    assert main(QUERIES[query]) == 0
    text = " ".join(capsys.readouterr().out.split())
    for sentence in (said["verdict"], said["printed"], said["lost"], *(number for _, number, _ in said["compared"])):
        assert sentence in text


@pytest.mark.parametrize("query", REFUSED)
def test_it_refuses_what_the_command_refuses_in_the_same_sentence(query, capsys):
    with pytest.raises(ValueError, match=r".") as refused:
        answer(query)
    assert main(REFUSED[query]) == 2
    assert capsys.readouterr().err == f"tinygrad-sig: {refused.value}\n"
    assert reply(query) == (400, json.dumps({"error": str(refused.value)}, ensure_ascii=False, separators=(",", ":")))


@pytest.mark.parametrize(
    "query", [f"depth={LAYERS + 1}&weight=1", "depth=1000000&weight=1", "weights=1" + ",1" * LAYERS]
)
def test_the_depth_is_bounded(query):
    with pytest.raises(ValueError, match="layers are too many for the page; give at most 50"):
        answer(query)


@pytest.mark.parametrize("name", ["output", "page", "plot", "serve", "format", "help", "version", "all"])
def test_no_other_option_of_the_command_can_be_asked_for(name, tmp_path):
    with pytest.raises(ValueError, match="unrecognized arguments"):
        answer(f"{name}={tmp_path / 'file'}")
    with pytest.raises(ValueError, match=r"unrecognized arguments|is no number|expected at least one"):
        answer(f"weights=1,--{name}={tmp_path / 'file'}")
    assert not list(tmp_path.iterdir())


def test_the_situations_are_what_their_sentences_say():
    vanishing, four, ten, explodes, tanh, half = (json.loads(answer(each["query"])) for each in SITUATIONS)
    gradients = [abs(found["gradients"]["x"]) for found in (vanishing, four, ten, explodes, tanh, half)]
    assert gradients[1] < gradients[0] < vanishing["bound"] < four["bound"] == 1
    assert (round(ten["bound"], 1), round(ten["as_printed"], 1), f"{gradients[2]:.1e}") == (97.7, 29.4, "1.9e-17")
    assert gradients[3] == pytest.approx(2.0**50)
    assert gradients[4] > 0.01
    assert gradients[5] == 0
    assert "most lost in layer 1" in tanh["said"]["lost"]


def test_the_page_is_served_with_its_headers(port):
    status, headers, body = get(port, "/")
    assert status == 200
    assert body.startswith("<!doctype html>")
    assert headers.items() >= HEADERS.items()
    assert "connect-src 'self'" in body
    assert "Python" not in headers["Server"]
    assert get(port, "/", host=f"localhost:{port}")[0] == 200


def test_an_answer_is_served(port):
    status, headers, body = get(port, "/answer?depth=3&weight=2")
    assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8")
    assert body == answer("depth=3&weight=2")
    assert get(port, "/answer?x=abc")[::2] == reply("x=abc")


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "BREW"])
def test_other_methods_are_refused(port, method):
    status, headers, body = get(port, "/", method)
    assert (status, headers["Allow"]) == (405, "GET")
    assert body == "" if method == "HEAD" else "only answers GET" in body


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1", "127.0.0.1:1", "localhost.example.org:80", "0.0.0.0"])
def test_other_hosts_are_refused(port, host):
    assert get(port, "/", host=host)[0] == 403
    assert b" 403 " in sent(port, b"GET / HTTP/1.0\r\n\r\n")
    assert b" 403 " in sent(port, f"GET / HTTP/1.0\r\nHost: {HOST}:{port}\r\nHost: evil\r\n\r\n".encode())


@pytest.mark.parametrize(
    "target",
    [
        "/etc/passwd",
        "/../../etc/passwd",
        "//etc/passwd",
        "/..%2f..%2fetc/passwd",
        "/README.md",
        "/tinygrad_sig/nn.py",
        "/index.html",
        "/answer/../README.md",
        "http://example.org/",
        "file:///etc/passwd",
        "/.git/config",
        "*",
    ],
)
def test_no_path_is_served(port, target):
    status, _, body = get(port, target)
    assert (status, json.loads(body)) == (404, {"error": "there is nothing here; the page is at /"})


def test_long_requests_are_refused(port):
    assert get(port, "/answer?" + "x" * LONGEST)[0] == 414
    assert b" 414 " in sent(port, b"GET /" + b"x" * 70_000 + b" HTTP/1.1\r\n\r\n")
    assert b" 431 " in sent(port, b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 200 + b"\r\n")


def test_a_silent_client_delays_nobody(port):
    with contextlib.ExitStack() as stack:
        for _ in range(20):
            stack.enter_context(socket.create_connection((HOST, port))).sendall(b"GET /answer?x=")
        start = time.monotonic()
        assert get(port, "/answer?x=1")[0] == 200
        assert time.monotonic() - start < 10


def hostile(rng, port):
    """A random request: rubbish, or one that is nearly right."""
    if rng.random() < 0.3:
        return rng.randbytes(rng.randrange(200))
    method = rng.choice(["GET"] * 6 + ["POST", "HEAD", "get", "G\0T", ""])
    pieces = [
        "/",
        "..",
        "%2e%2e",
        "\\",
        "etc/passwd",
        "answer",
        "?",
        "&",
        "x=",
        "weights=",
        "depth=",
        "1",
        "-1e308",
        "nan",
    ]
    pieces += [
        ",",
        "=",
        "%",
        "%00",
        "\0",
        "\xff",
        "9" * 300,
        "{}",
        "--output=",
        "biases=",
        "float16",
        "dtype=",
        "#",
        ";",
    ]
    target = rng.choice(["/", "/answer?", ""]) + "".join(rng.choices(pieces, k=rng.randrange(9)))
    host = rng.choice([f"{HOST}:{port}"] * 6 + ["evil", "", "\0"])
    version = rng.choice(["HTTP/1.1"] * 6 + ["HTTP/9.9", "HTTP/x", "", "HTTP/1.1.1"])
    end = rng.choice(["\r\n"] * 6 + ["\n", "\r"])
    text = end.join([f"{method} {target} {version}", f"Host: {host}", f"Content-Length: {rng.choice(pieces)}", "", ""])
    return text.encode("latin-1")[: rng.choice([10_000] * 5 + [rng.randrange(60)])]


@pytest.mark.slow
def test_ten_thousand_hostile_requests_get_no_file_and_break_nothing(port, capfd):
    rng = random.Random(0)
    statuses = set()
    for _ in range(10_000):
        found = sent(port, hostile(rng, port))
        assert b"root:" not in found
        assert b"Traceback" not in found
        if found.startswith(b"HTTP/"):
            statuses.add(int(found.split()[1]))
    assert statuses <= {200, 400, 403, 404, 405, 414, 431, 505}
    assert {200, 400, 403, 404, 405} <= statuses
    assert get(port, "/answer?")[0] == 200
    assert capfd.readouterr().err == ""


def test_the_command_serves_until_it_is_interrupted():
    environment = os.environ | {"BROWSER": "true"}
    command = [sys.executable, "-m", "tinygrad_sig", *["--serve", "--port", "0", "--depth", "7", "--weight", "4"]]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as running:
        line = running.stdout.readline()
        assert line.startswith(f"The page is at http://{HOST}:")
        address, _, query = line.split()[4].partition("#")
        assert query == "x=1&depth=7&weight=4&activation=sigmoid&dtype=float64"
        assert get(int(address.rstrip("/").split(":")[-1]), "/")[0] == 200
        running.send_signal(signal.SIGINT)
        rest, errors = running.communicate(timeout=20)
    assert (running.returncode, rest, errors) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--port", "1"], "--port belongs to --serve; give --serve with it"),
        (["--serve", "--port", "x"], "argument --port: 'x' is no port; give a whole number from 0 to 65535"),
        (
            ["--serve", "--format", "json"],
            "--serve writes nothing; give --page, --plot, --output, --check and --format without it",
        ),
        (["--pyodide", "d"], "--pyodide says what runs in a page; give --page FILE with it"),
        (["--serve", "--depth", "51", "--weight", "1"], "51 layers are too many for the page; give at most 50"),
        (["--serve", "--depth", "5"], "--depth needs a weight for its layers; give --weight"),
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments, sentence, capsys):
    assert main(arguments) == 2
    assert capsys.readouterr().err == f"tinygrad-sig: {sentence}\n"


def test_a_port_that_is_taken_is_refused(port, capsys):
    assert main(["--serve", "--port", str(port)]) == 2
    assert f"--serve: cannot listen at port {port}: " in capsys.readouterr().err


def test_a_directory_without_pyodide_is_refused_and_no_page_is_written(tmp_path, capsys):
    assert main(["--page", str(tmp_path / "page.html"), "--pyodide", str(tmp_path)]) == 2
    assert "has no pyodide.mjs; give a directory that has Pyodide and NumPy for it" in capsys.readouterr().err
    for name in RUNTIME:
        (tmp_path / name).write_text("")
    assert main(["--page", str(tmp_path / "page.html"), "--pyodide", str(tmp_path)]) == 2
    assert "has no NumPy's wheel for it" in capsys.readouterr().err
    assert not (tmp_path / "page.html").exists()


def test_the_page_for_an_address_may_ask_that_one_only(tmp_path):
    page = alone("https://example.org/pyodide", "x=1")
    assert "script-src 'sha256-" in page
    assert "'wasm-unsafe-eval' https://example.org;" in page
    assert "connect-src https://example.org" in page
    broken = (
        "http://[",
        "http://x:port/",
        "http://me:word@x/",
        "http://*",
        "https://x/</script>",
        "https://x/?q",
        "HTTP://ü/",
    )
    for wrong in ("https://", "https://e.org; script-src *", "https://a.org b.org", "https://a.org\n", *broken):
        with pytest.raises(ValueError, match="is no address"):
            alone(wrong, "x=1")


def test_the_page_holds_the_engines_own_sources():
    from importlib.resources import files

    found = sources(files("tinygrad_sig"))
    assert found["tinygrad_sig/engine/backward.py"] == files("tinygrad_sig.engine").joinpath("backward.py").read_text(
        "utf-8"
    )
    assert "tinygrad_sig/__main__.py" in found


def test_a_directory_of_pyodide_that_cannot_be_looked_at_is_named_as_what_is_wrong(tmp_path):
    with pytest.raises(ValueError, match="--pyodide: cannot read"):
        alone(str(tmp_path / ("x" * 5000)), "x=1")
