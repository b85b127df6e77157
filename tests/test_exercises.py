"""The exercises: as shipped, solved, and with the mistakes that one makes; no mistake ends in a traceback of ours."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXERCISES = Path(__file__).parent.parent / "demos" / "exercises"
COUNT = 8

SOLUTIONS = {
    1: "def slope(x): return sigmoid(x) * sigmoid(-x)\ndef bounds(): return 0, 1 / 4",
    2: "def bend(x): return sigmoid(x) * sigmoid(-x) * (sigmoid(-x) - sigmoid(x))",
    3: """
def gradient(x, weights):
    a, product = x, 1
    for w in weights:
        product *= w * sigma_prime(w * a)
        a = sigmoid(w * a)
    return product
""",
    4: "def weight(): return -5.26",
    5: "def chain(): return 0.5, [8.0] * 20, [-4.0] * 20",
    6: "def row_of_multiply(y, a, b): return b, a\ndef row_of_divide(y, a, b): return 1 / b, -y / b",
    7: """
def walk_chain(y):
    gradients = {y: 1.0}
    while y.inputs:
        gradients[y.inputs[0]] = gradients[y] * y.local[0]
        y = y.inputs[0]
    return gradients

def walk_graph(y):
    uses, found = {y: 0}, [y]
    for node in found:
        for x in node.inputs:
            if x not in uses:
                uses[x] = 0
                found.append(x)
            uses[x] += 1
    gradients, ready = {y: 1.0}, [y]
    for node in ready:
        for x, local in zip(node.inputs, node.local):
            gradients[x] = gradients.get(x, 0.0) + gradients[node] * local
            uses[x] -= 1
            if not uses[x]:
                ready.append(x)
    return gradients
""",
    8: "def weights(rng, n_in, n_out): return 4 * rng.uniform(-1, 1, (n_in, n_out)) * (6 / (n_in + n_out)) ** 0.5",
}
LOOP = "def gradient(x, weights):\n    a, product = x, 1\n    for w in weights:\n        z = w * a\n        {}\n"
LOOP += "        a = sigmoid(z)\n    return product"
WALK = SOLUTIONS[7].split("def walk_graph")[0]
RECURSIVE = """
def walk_graph(y):
    gradients = {}
    def give(node, upstream):
        gradients[node] = gradients.get(node, 0.0) + upstream
        for x, local in zip(node.inputs, node.local):
            give(x, UPSTREAM * local)
    give(y, 1.0)
    return gradients
"""
IN_ORDER_FOUND = """
def walk_graph(y):
    gradients, found = {y: 1.0}, [y]
    for node in found:
        for x, local in zip(node.inputs, node.local):
            if x not in gradients:
                found.append(x)
            gradients[x] = gradients.get(x, 0.0) + gradients[node] * local
    return gradients
"""
MISTAKES = [
    (1, "def slope(x): return sigmoid(x) * (1 - sigmoid(x))", "right for small x only, up to |x| = 20"),
    (1, "def slope(x): return np.exp(x) / (np.exp(x) + 1) ** 2", "for small x only, up to |x| = 200"),
    (1, "def slope(x): return x * (1 - x)", "x·(1 − x) stands where y·(1 − y) is meant"),
    (1, "def slope(x): return sigmoid(x)", "it is f itself, and not its derivative"),
    (1, "def slope(x): return -sigmoid(x) * sigmoid(-x)", "the sign is turned"),
    (1, "def slope(x): return 0.25", "right for small x only"),
    (1, "def slope(x): pass", "it gives None"),
    (1, "def slope(x): return 'σ'", "no real number"),
    (1, "def slope(x): return [x, x]", "it has shape (2,)"),
    (1, "def slope(x): return slope(x)", "line 27: it calls itself without end"),
    (1, "def slope(x): return sigmod(x)", "line 27: it raises NameError: name 'sigmod' is not defined"),
    (1, "def slope(x, y): return x", "it raises TypeError"),
    (1, "def slope(x) return x", "line 27: Python cannot read it"),
    (1, "del slope", "the function slope is missing"),
    (1, "slope = 3", "it raises TypeError"),
    (1, "raise SystemExit", "line 27: it raises SystemExit"),
    (1, "def slope(x): import os; os._exit(3)", "Python itself has ended"),
    (1, "def slope(x): return input()", "it raises EOFError"),
    (1, "{slope}\ndef bounds(): return 0, 0.2", "bounds, line 28: there is an x with a larger σ'(x)"),
    (1, "{slope}\ndef bounds(): return 0, 1", "does not reach the upper bound 1"),
    (1, "{slope}\ndef bounds(): return -1, 0.25", "does not come near the lower bound -1"),
    (1, "{slope}\ndef bounds(): return 0.1, 0.25", "below the lower bound 0.1"),
    (1, "{slope}\ndef bounds(): return 0.25", "and not 2 values"),
    (1, "{slope}\ndef bounds(): return None, 0.25", "the lower bound is None"),
    (2, "def bend(x): return (np.exp(x) - 1) * np.exp(x) / (np.exp(x) + 1) ** 3", "the sign is turned"),
    (2, "def bend(x): return (1 - np.exp(x)) * np.exp(x) / (np.exp(x) + 1) ** 3", "for small x only"),
    (2, "def bend(x): return sigmoid(x) * sigmoid(-x)", "it is f itself, and not its derivative"),
    (2, "def bend(x): return 3 * x", "by no mistake that is known"),
    (3, LOOP.format("product *= w * sigma_prime(a)"), "σ' is taken at a4 and not at z5 (and so in 5 places)"),
    (3, LOOP.format("product *= sigma_prime(z)"), "it leaves out the factors w5, w4, w3, w2, w1"),
    (3, LOOP.format("product *= w"), "it leaves out the factors σ'(z5), σ'(z4)"),
    (3, LOOP.format("product *= -w * sigma_prime(z)"), "the sign is turned"),
    (3, LOOP.format("product *= w * z * (1 - z)"), "z5·(1 − z5) stands where y·(1 − y) is meant (and so in 5 places)"),
    (3, LOOP.format("product *= w * sigma_prime(sigmoid(z))"), "its own value"),
    (3, "def gradient(x, weights): return weights[5]", "it raises IndexError"),
    (4, "def weight(): return 1", "a larger w leaves more"),
    (4, "def weight(): return 4", "a smaller w leaves more"),
    (4, "def weight(): return 1.63", "try the other sign"),
    (4, "def weight(): return 0", "others leave more"),
    (4, "def weight(): return 1e400", "no finite number"),
    (4, "def weight(): return 'four'", "no finite number"),
    (5, "def chain(): return 1, [2.0] * 20, [0.0] * 20", "no |w| reaches 4"),
    (5, "def chain(): return 1, [100.0] * 20, [0.0] * 20", "with positive weights and no biases"),
    (5, "def chain(): return 1, [-100.0] * 20, [0.5] * 20", "σ is saturated"),
    (5, "def chain(): return 1, [8.0] * 5, [-4.0] * 5", "and not 20 values"),
    (6, "def row_of_multiply(y, a, b): return a, b", "∂y/∂a: it is the derivative by b"),
    (6, "{multiply}\ndef row_of_divide(y, a, b): return 1 / b, y / b", "∂y/∂b: the sign is turned"),
    (6, "{multiply}\ndef row_of_divide(y, a, b): return b, -y / b", "∂y/∂a: "),
    (6, "def row_of_multiply(y, a, b): return b", "and not 2 values"),
    (7, "def walk_chain(y): return {y: 1.0}", "the gradient of z is missing"),
    (7, "def walk_chain(y): return 1", "and no dict"),
    (7, "def walk_chain(y):\n    while True: pass", "takes longer than"),
    (
        7,
        WALK + RECURSIVE.replace("UPSTREAM", "gradients[node]"),
        "dc/da is 4, not 6; a node has passed its gradient on before all of it had arrived",
    ),
    (7, WALK + RECURSIVE.replace("UPSTREAM", "upstream"), "it calls itself once for each node"),
    (7, WALK + IN_ORDER_FOUND, "dy/da is 122, not 102; a node has passed its gradient on before all of it had arrived"),
    (7, WALK + IN_ORDER_FOUND.replace("gradients.get(x, 0.0) + ", ""), "is to be added"),
    (8, "def weights(rng, n_in, n_out): return rng.uniform(-1, 1, (n_in, n_out)) / n_in ** 0.5", "of the points right"),
    (8, "def weights(rng, n_in, n_out): return np.zeros((n_in, n_out))", "of the points right"),
    (8, "def weights(rng, n_in, n_out): return rng.normal(size=n_in)", "not numbers of shape"),
]
PARTS = {
    "{slope}": SOLUTIONS[1].splitlines()[0],
    "{multiply}": SOLUTIONS[6].splitlines()[0],
}


def check(directory, *arguments, **environment):
    done = subprocess.run(
        [sys.executable, "-W", "error", str(directory), *map(str, arguments)],
        env=os.environ | {"PYTHONIOENCODING": "utf-8", "COLUMNS": "100"} | environment,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.stderr == ""
    return done.returncode, done.stdout


@pytest.fixture
def written(tmp_path):
    """A copy of the exercises, with code at the end of some, where it takes the place of what is to be completed."""

    def written(solutions):
        directory = shutil.copytree(EXERCISES, tmp_path / "exercises", ignore=shutil.ignore_patterns("__pycache__"))
        for number, code in solutions.items():
            path = directory / f"exercise_{number}.py"
            path.write_text(f"{path.read_text(encoding='utf-8')}\n{code}\n", encoding="utf-8")
        return directory

    return written


def test_as_shipped_they_say_not_yet_and_nothing_else():
    code, text = check(EXERCISES)
    lines = text.splitlines()
    assert code == 0
    assert [line.split()[0] for line in lines] == [f"exercise_{i}.py" for i in range(1, COUNT + 1)]
    assert all(line.endswith("  not yet") for line in lines)
    assert "wrong" not in text


@pytest.mark.slow
def test_a_solution_is_done(written):
    code, text = check(written(SOLUTIONS))
    assert [line.split()[-1] for line in text.splitlines()] == ["done"] * COUNT
    assert code == 0


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code", "sentence"), MISTAKES, ids=[f"{n}-{s}" for n, _, s in MISTAKES])
def test_a_wrong_solution_gets_its_own_sentence(written, number, code, sentence):
    for name, part in PARTS.items():
        code = code.replace(name, part)
    returned, text = check(written({number: code}), number, "--limit", "3" if "longer" in sentence else "30")
    first, *rest = text.splitlines()
    assert (returned, first.split()[-1]) == (1, "wrong"), text
    assert sentence in " ".join(line.strip() for line in rest)
    assert "Traceback" not in text
    assert max(map(len, text.splitlines())) <= 100


def test_half_of_an_exercise_is_not_yet_done(written):
    assert check(written({1: PARTS["{slope}"]}), 1)[1].endswith("not yet\n")


def test_what_a_file_prints_is_shown(written):
    text = check(written({4: "print('hello')\n" + SOLUTIONS[4]}), 4)[1]
    assert text.splitlines()[1] == "    | hello"
    assert text.splitlines()[0].endswith("done")


def test_one_line_for_a_missing_file_and_for_a_wrong_number(written):
    directory = written({})
    (directory / "exercise_2.py").unlink()
    assert "the file is not there" in check(directory, 2)[1]
    done = subprocess.run([sys.executable, str(EXERCISES), "9"], capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    assert "1 to 8" in done.stderr


def test_it_runs_where_the_terminal_knows_no_greek():
    assert check(EXERCISES, 1, PYTHONIOENCODING="ascii")[1].startswith("exercise_1.py  s' and its bounds")


def test_an_exercise_poses_its_task():
    for number in range(1, COUNT + 1):
        text = (EXERCISES / f"exercise_{number}.py").read_text(encoding="utf-8")
        assert text.startswith(f'"""Exercise {number}')
        assert "To look at:" in text
        assert text.count('raise NotImplementedError("not yet")') in (1, 2)


@pytest.mark.parametrize(
    "code",
    [
        "import atexit\natexit.register(print, 5)",
        "import os\nos.write(1, b'\\xff 5')",
        "import os\nos.fork() if hasattr(os, 'fork') else None",
        "import sys\nsys.stdout = None",
    ],
)
def test_what_a_file_writes_beside_print_is_not_taken_for_the_answer(written, code):
    assert check(written({1: code}), 1)[1].endswith("not yet\n")


def test_of_what_a_file_prints_or_raises_only_so_much_is_shown(written):
    for code in ("print('x' * 10**7)", "raise ValueError('x ' * 10**6)", "print('\\ud800\\x1b[2J')"):
        directory = written({1: code})
        text = check(directory, 1)[1]
        assert len(text) < 1000
        assert "\x1b" not in text
        shutil.rmtree(directory)


def test_a_file_that_the_student_opens_is_not_taken_for_the_exercise(written):
    assert "FileNotFoundError: [Errno 2]" in check(written({1: "open('nothing')"}), 1)[1]


def test_what_is_no_text_of_python_has_no_line_none(written):
    directory = written({})
    (directory / "exercise_1.py").write_bytes(b"x = 1\x00")
    assert "    Python cannot read it: " in check(directory, 1)[1]


@pytest.mark.parametrize("limit", ["nan", "inf", "-1", "0", "1e400"])
def test_a_limit_that_is_no_time_is_refused(limit):
    command = [sys.executable, str(EXERCISES), "--limit", limit, "1"]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", check=False)
    assert done.returncode == 2
    assert done.stderr.endswith("is no time; give a number of seconds above 0\n")


def test_who_has_read_enough_is_told_no_more():
    command = f'"{sys.executable}" "{EXERCISES}" 1 2 3 | head -1'
    done = subprocess.run(
        ["bash", "-c", command],
        env=os.environ | {"PYTHONPATH": str(EXERCISES.parents[1]), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    assert done.stdout.startswith("exercise_1.py")
    assert done.stderr == ""
