"""Graphs and pages: other programs read them, every tensor and edge is in them, and what is folded is counted."""

import html.parser
import json
import os
import re
import shutil
import subprocess
import warnings
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tinygrad_sig import Tensor, sigmoid, sigmoid_chain, trace
from tinygrad_sig.show.text import shown

DOT = shutil.which("dot")
NODE = shutil.which("node")
MODULES = "TINYGRAD_SIG_NODE_MODULES"
NEEDS_DOT = pytest.mark.skipif(not DOT, reason="Graphviz, whose `dot` draws, is not installed")


def shared():
    x = Tensor(2.0, name="x")
    a = x + x
    return a * x * np.sin(x) + 3


def network():
    rng = np.random.default_rng(7)
    x, w, b = (Tensor(rng.normal(size=size), name=name) for size, name in [((8, 5), "x"), ((5, 3), "w"), (3, "b")])
    return (sigmoid(x @ w + b) ** 2).sum()


def constants():
    x, t = Tensor(2.0, name="x"), Tensor(5.0, name="t", requires_grad=False)
    return (3 * x - t) ** 2 * t


def tied(n=30):
    """A recurrent network: one weight for all steps."""
    a, w = Tensor(0.5, name="x"), Tensor(2.0, name="w")
    for _ in range(n):
        a = sigmoid(w * a)
    return a


def side_exits():
    """A deep chain out of the middle of which two activations are used again, one of them twice."""
    a, kept = Tensor(0.5, name="x"), []
    for i in range(40):
        a = np.sin(Tensor(1.5, name=f"w{i}") * a)
        kept.append(a)
    return a * kept[20] + kept[21] * kept[21]


def two_stretches():
    a = Tensor(0.5, name="x")
    for i in range(25):
        a = sigmoid(Tensor(2.0, name=f"w{i}") * a)
    for _ in range(25):
        a = np.sin(np.exp(np.tanh(a)))
    return a


def parallel():
    return np.sum(np.concatenate([np.sin(Tensor([0.1 * i], name=f"x{i}")) for i in range(40)]))


GRAPHS = {
    "leaf": lambda: Tensor(2.0, name="x"),
    "chain": lambda: sigmoid_chain(1.0, [0.5, -0.9, 0.8, -0.6, 0.7]),
    "biases": lambda: sigmoid_chain(0.5, [8.0] * 3, [-4.0] * 3),
    "underflow": lambda: sigmoid_chain(1.0, [400.0] * 3),
    "overflow": lambda: sigmoid_chain(np.float32(0.5), np.float32([1e20] * 3), np.float32([-0.5e20] * 3)),
    "shared": shared,
    "network": network,
    "constants": constants,
}
DEEP = {
    "deep": lambda: sigmoid_chain(1.0, [8.0] * 50),
    "deep with biases": lambda: sigmoid_chain(1.0, [8.0] * 50, [-4.0] * 50),
    "tied": tied,
    "side exits": side_exits,
    "two stretches": two_stretches,
    "parallel": parallel,
}
NAMES = [  # A name with each character that means something to somebody.
    *('say "hi"', "back\\slash", "end with \\", "\\", "\\N \\G \\l", "<b>bold</b>", "<script>alert(1)</script>", "]]>"),
    *("&amp; & &#65;", "α ∂ 数 é 🦆 e\u0301", "a;b", "end", "graph", "digraph { }", "subgraph", "click", "style: x#1;"),
    *("# [] {} () |", "%% no", "`md`", "n1", "fold1", "--> b", "#quot;", "1. one", "- item", "'", "", " "),
]
BROKEN = ["two\nlines", "tab\there", "nul\x00", "\x1b[31m", "\ud800", "\u2028"]


def odd_names():
    """A product with each name, of another shape than the one before, so that none is folded."""
    y = Tensor([1.0], name="y")
    for name in NAMES + BROKEN:
        y = np.concatenate([y * Tensor(0.5, name=name), [1.0]])
    return y


ODD = {"odd names": odd_names}


def traced(build):
    with np.errstate(all="ignore"):
        y = build()
        return trace(y, np.ones(y.shape, y.dtype))


def samples(*tables):
    merged = {name: build for table in tables for name, build in table.items()}
    return pytest.mark.parametrize("build", merged.values(), ids=merged)


def own_reader(text):
    """The boxes and the edges of DOT as it is written here, read by its form; the parsers below must find the same."""
    boxes, edges = {}, []
    for line in text.split("\n")[4:-2]:
        attributes = {
            key: a.replace('\\"', '"') or b for key, a, b in re.findall(r'(\w+)=(?:"((?:[^"\\]|\\.)*)"|([\w-]+))', line)
        }
        if match := re.match(r"  (\w+) -> (\w+) \[", line):
            edges.append((*match.groups(), attributes))
        else:
            boxes[re.match(r"  (\w+) \[", line)[1]] = attributes
    return boxes, edges


def read_by_graphviz(text):
    if not DOT:
        pytest.skip("Graphviz, whose parser is to read it, is not installed")
    done = subprocess.run([DOT, "-Tjson0"], input=text, capture_output=True, encoding="utf-8", check=False)
    assert (done.returncode, done.stderr) == (0, "")
    read = json.loads(done.stdout)
    ids = {node["_gvid"]: node["name"] for node in read.get("objects", [])}
    boxes = {node["name"]: node for node in read.get("objects", [])}
    return boxes, [(ids[edge["tail"]], ids[edge["head"]], edge) for edge in read.get("edges", [])]


def read_by_pydot(text):
    pydot = pytest.importorskip("pydot", reason="pydot, whose parser is to read it, is absent")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # between pydot and its own parser
        (graph,) = pydot.graph_from_dot_data(text)

    def plain(attributes):
        return {key: re.sub(r'\\"', '"', value.strip().strip('"')) for key, value in attributes.items()}

    boxes = {node.get_name(): plain(node.get_attributes()) for node in graph.get_nodes()}
    edges = [(edge.get_source(), edge.get_destination(), plain(edge.get_attributes())) for edge in graph.get_edges()]
    return {id: box for id, box in boxes.items() if id not in ("node", "edge", "graph")}, edges


def lines(label):
    """The lines of a label: \\n parts them, \\\\ is a backslash, &amp; an ampersand."""
    parts = re.split(r"((?:\\\\)*)\\n", label)
    joined = ["".join(pair) for pair in zip(parts[::2], [*parts[1::2], ""], strict=True)]
    return [line.replace("\\\\", "\\").replace("&amp;", "&") for line in joined]


def drawn(steps, read=own_reader):
    """The boxes by id and the arrows that a parser finds in the DOT of a trace, labels as lines."""
    boxes, edges = read(steps.to_dot())
    back = [(tail, head, *lines(edge["label"])) for tail, head, edge in edges if edge.get("dir") == "back"]
    forward = [(tail, head) for tail, head, edge in edges if edge.get("dir") != "back"]
    for tail, head, edge in edges:
        assert tail != head
        assert (edge.get("style") == "dashed") == (edge.get("dir") == "back")
    return SimpleNamespace(
        boxes={id: lines(box["label"]) for id, box in boxes.items()},
        styles={id: box["style"] for id, box in boxes.items()},
        forward=forward,
        back=[(tail, head, text.strip()) for tail, head, text in back],
    )


def named(boxes):
    """The name that stands in each box that is no fold."""
    return {id: text[0].split(" = ")[0] for id, text in boxes.items() if not id.startswith("fold")}


PARSERS = pytest.mark.parametrize("read", [read_by_graphviz, read_by_pydot], ids=["graphviz", "pydot"])


@samples(GRAPHS)
def test_every_tensor_has_a_box_with_its_value_and_its_gradient(build):
    steps = traced(build)
    found = drawn(steps)
    names = named(found.boxes)
    assert sorted(names.values()) == sorted(steps.names.values())
    y = steps.names[steps.output]
    for id, name in names.items():
        tensor, (head, value, gradient) = steps.find(name), found.boxes[id]
        assert ("=" in head) == bool(tensor.inputs)
        assert value == shown(tensor.data)
        if tensor.requires_grad:
            size = steps.magnitude(tensor) if steps.scalar else ()
            assert gradient == f"d{y}/d{name} = {shown(steps.gradient(tensor), *size)}"
        else:
            assert gradient == "gradient not computed"


@samples(GRAPHS)
def test_every_edge_has_a_solid_arrow_forward_and_a_dashed_one_back(build):
    steps = traced(build)
    found = drawn(steps)
    names = named(found.boxes)
    expected = [(steps.names[step.input], steps.names[step.output]) for step in steps]
    assert Counter((names[a], names[b]) for a, b, _ in found.back) == Counter(expected)
    constant = {
        (steps.names[t], steps.names[s.output])
        for s in steps
        for t in s.output.inputs
        if not t.requires_grad and t.name
    }
    assert Counter((names[a], names[b]) for a, b in found.forward) == Counter(expected) + Counter(constant)
    for step in steps:
        ends = (steps.names[step.input], steps.names[step.output])
        texts = [text for a, b, text in found.back if (names[a], names[b]) == ends]
        assert any(step.formula in text and text.endswith(last_number(steps, step)) for text in texts)
        assert all(text.startswith("× ") for text in texts) or step.local is None


def last_number(steps, step):
    size = step.log10 + steps.magnitude(step.output)[0] if steps.scalar else -np.inf
    exact = shown(step.downstream)
    return "" if exact in ("0", "inf") and np.isfinite(size) else f"→ {exact}"


def test_an_arrow_back_multiplies_by_the_local_derivative():
    found = drawn(traced(GRAPHS["chain"]))
    names = named(found.boxes)
    texts = {(names[a], names[b]): text for a, b, text in found.back}
    assert texts["z5", "y"] == "× σ'(z5) = 0.244799 → 0.244799"
    assert texts["a4", "z5"] == "× w5 = 0.700000 → 0.171359"


def test_a_factor_that_is_a_number_is_not_written_twice():
    x = Tensor(2.0, name="x")
    assert [text for *_, text in drawn(trace(x - 3 * x)).back] == [
        "× 3 → -3.000000",
        "× 1 → 1.000000",
        "× (−1) → -1.000000",
    ]


def test_a_factor_that_is_a_sum_or_negative_is_in_brackets():
    x = Tensor(0.5, name="x")
    (text,) = (text for *_, text in drawn(trace(np.cos(x))).back)
    assert text == "× (−sin(x)) = -0.479426 → -0.479426"
    (text,) = (text for *_, text in drawn(trace(3 - x)).back)
    assert text == "× (−1) → -1.000000"
    y = Tensor(2.0, name="y")
    texts = [text for *_, text in drawn(trace(np.sqrt(1 + y))).back]
    assert not any(re.match(r"× [^(]* [+−] ", text) for text in texts)


def test_a_value_that_is_used_twice_has_two_arrows_each_way():
    x = Tensor(2.0, name="x")
    found = drawn(trace(x + x))
    assert found.forward == [("n0", "n1")] * 2
    assert found.back == [("n0", "n1", "× 1 → 1.000000")] * 2


def test_however_often_one_operation_uses_a_value_each_edge_is_drawn():
    x = Tensor([2.0], name="x")
    assert len(drawn(traced(lambda: np.concatenate([x] * 7))).back) == 7


def test_of_arrays_there_are_the_lengths_only():
    text = traced(network).to_dot()
    assert "v3\\n" not in text
    assert "‖" in text
    assert "array(" not in text
    assert "g @ wᵀ → ‖" in text
    assert "× g @" not in text, "a linear map is no factor"
    assert max(map(len, text.split("\n"))) < 250


def test_what_underflowed_has_its_true_size_in_brackets_and_the_brackets_are_explained():
    steps = traced(GRAPHS["underflow"])
    found = drawn(steps)
    assert steps.gradient("x") == 0
    assert found.boxes["n1"][2] == f"dy/dx = {shown(0.0, *steps.magnitude('x'))}"
    assert re.fullmatch(r"dy/dx = \(\d\.\d\de-\d+\)", found.boxes["n1"][2])
    assert any(re.search(r"→ \(\d\.\d\de-\d+\)$", text) for *_, text in found.back)
    assert "in brackets: the true size of what float64 holds as 0 or inf" in steps.to_dot()
    assert "in brackets" not in traced(GRAPHS["chain"]).to_dot()
    assert "in brackets" in traced(GRAPHS["overflow"]).to_dot()


def test_a_named_constant_has_a_box_and_no_arrow_back():
    found = drawn(traced(constants))
    (t,) = (id for id, text in found.boxes.items() if text[0] == "t")
    assert found.boxes[t] == ["t", "5.000000", "gradient not computed"]
    assert sum(a == t for a, _ in found.forward) == 2
    assert not any(t in (a, b) for a, b, _ in found.back)


def test_a_box_shows_the_value_that_was_computed_with():
    x = Tensor(2.0, name="x")
    y = x * x
    x.data = 7.0
    assert drawn(trace(y)).boxes["n0"] == ["x", "2.000000", "dv1/dx = 4.000000"]


@pytest.mark.parametrize("name", NAMES, ids=ascii)
def test_any_name_is_shown_as_it_is(name):
    steps = trace(Tensor(2.0, name=name) * Tensor(3.0, name=f"{name}2"))
    boxes = drawn(steps).boxes
    assert boxes["n0"][0] == (name or "v1")
    assert boxes["n1"][0] == f"{name}2"
    assert boxes["n2"][0].startswith(f"v{2 - bool(name)} = {name or 'v1'}·{name[:8]}")


@pytest.mark.parametrize("name", BROKEN, ids=ascii)
def test_what_no_page_takes_is_a_space(name):
    (box,) = drawn(trace(Tensor(2.0, name=name))).boxes.values()
    assert box[0] == "".join(c if c.isprintable() else " " for c in name)
    assert len(box) == 3


def test_long_names_are_cut():
    y = Tensor(2.0, name="long " * 2000) * Tensor(3.0, name="ab" * 5000)
    text = trace(y).to_dot()
    assert len(text) < 3000
    boxes, _ = own_reader(text)
    assert sum("…" in box["label"] for box in boxes.values()) == 3


@pytest.mark.parametrize("biases", [False, True])
@pytest.mark.parametrize("depth", range(1, 9))
def test_a_short_chain_is_folded_only_where_that_saves_something(depth, biases):
    steps = trace(sigmoid_chain(1.0, [0.5] * depth, [0.1] * depth if biases else None))
    found = drawn(steps)
    blocks = depth - 5 if depth >= 8 - biases else 0  # the first layer, which has no layer before it, is another one
    assert ("fold1" in found.boxes) == bool(blocks)
    assert_nothing_is_lost(steps, found)
    if blocks:
        assert found.boxes["fold1"][0] == f"{blocks} more such blocks"
    if depth <= 5:
        assert len(found.boxes) == len(steps.names)


@pytest.mark.parametrize(("biases", "letter"), [(None, "z"), ([-4.0] * 50, "p")])
def test_a_chain_of_fifty_layers_fits_a_page(biases, letter):
    steps = trace(sigmoid_chain(1.0, [8.0] * 50, biases))
    found = drawn(steps)
    nodes = 45 * (3 if biases else 2)
    assert found.boxes["fold1"] == [
        "45 more such blocks",
        f"{letter}4 … a48",
        f"{nodes} operations, {nodes - 45} leaves",
    ]
    assert len(found.boxes) == len(steps.names) - 2 * nodes + 45 + 1
    assert "dashed" in found.styles["fold1"]
    names = named(found.boxes) | {"fold1": "fold"}
    assert [(names[a], names[b]) for a, b, _ in found.back if "fold1" in (a, b)] == [
        ("a3", "fold"),
        ("fold", f"{letter}49"),
    ]
    assert_nothing_is_lost(steps, found)


@samples(DEEP)
def test_a_fold_hides_no_edge_to_what_is_shown_and_counts_what_it_hides(build):
    steps = traced(build)
    found = drawn(steps)
    assert len(found.boxes) < 40
    assert_nothing_is_lost(steps, found)


def assert_nothing_is_lost(steps, found):
    """Of the tensors that no box names the folds count each; every edge to a fold is drawn, or counted on an arrow."""
    names = named(found.boxes)
    tensors = {name: tensor for tensor, name in steps.names.items()}
    visible = {tensors[name] for name in names.values()}
    hidden = steps.names.keys() - visible
    folds = [text for id, text in found.boxes.items() if id not in names]
    counts = [counted(text[2]) for text in folds]
    assert sum(operations for operations, _ in counts) == sum(bool(tensor.inputs) for tensor in hidden)
    assert sum(leaves for _, leaves in counts) == sum(not tensor.inputs for tensor in hidden)
    for text, (operations, _) in zip(folds, counts, strict=True):
        assert operations % int(text[0].removesuffix(" more such blocks").replace(",", "")) == 0

    def place(tensor):
        return steps.names[tensor] if tensor in visible else "fold"

    expected = Counter((place(step.input), place(step.output)) for step in steps)
    shown = Counter()
    for a, b, text in found.back:
        many = re.fullmatch(r"([\d,]+) edges", text)
        shown[names.get(a, "fold"), names.get(b, "fold")] += int(many[1].replace(",", "")) if many else 1
    expected.pop(("fold", "fold"), None)
    shown.pop(("fold", "fold"), None)
    assert shown == expected


def counted(line):
    """The operations and the leaves that the box of a fold tells of."""
    match = re.fullmatch(r"([\d,]+) operations(?:, ([\d,]+) leaves)?", line)
    return [int((number or "0").replace(",", "")) for number in match.groups()]


def test_what_leaves_a_fold_at_its_side_has_its_own_arrows():
    steps = trace(side_exits())
    found = drawn(steps)
    sides = [text for a, b, text in found.back if a == "fold1"]
    assert len(sides) == 4, "the next layer, the product of two activations, and a square with two edges"
    assert len({b for a, b, _ in found.back if a == "fold1"}) == 3


def test_two_repeated_stretches_are_two_folds():
    boxes = drawn(trace(two_stretches())).boxes
    assert [boxes[f"fold{i}"][0] for i in (1, 2)] == ["21 more such blocks", "20 more such blocks"]


def test_weights_that_two_folds_share_have_arrows_to_both():
    """Tied weights, as in an autoencoder: there and back through the same ones."""
    a, weights = Tensor(0.5, name="x"), [Tensor(1.1, name=f"w{i}") for i in range(20)]
    for w in weights:
        a = np.sin(w * a)
    for w in reversed(weights):
        a = sigmoid(w * a)
    steps = trace(a)
    found = drawn(steps)
    assert {"fold1", "fold2"} <= found.boxes.keys()
    (w10,) = (id for id, text in found.boxes.items() if text[0] == "w10")
    assert {b for a, b, _ in found.back if a == w10} == {"fold1", "fold2"}
    assert_nothing_is_lost(steps, found)


def test_blocks_with_a_constant_are_others_than_those_with_a_leaf():
    a = Tensor(0.5, name="x")
    for i in range(16):
        a = np.sin(Tensor(1.1, name=f"w{i}") * a)
    for _ in range(16):
        a = np.sin(Tensor(1.1, requires_grad=False) * a)
    steps = trace(a)
    found = drawn(steps)
    assert [found.boxes[f"fold{i}"][2] for i in (1, 2)] == ["24 operations", "22 operations, 11 leaves"]
    assert_nothing_is_lost(steps, found)


def test_many_arrows_between_a_box_and_a_fold_are_one_that_counts_them():
    steps = trace(tied())
    found = drawn(steps)
    texts = [text for a, b, text in found.back if b == "fold1" and found.boxes[a][0] == "w"]
    assert texts == ["25 edges"]
    assert_nothing_is_lost(steps, found)


def test_blocks_of_other_shapes_are_not_the_same():
    rng = np.random.default_rng(0)
    a = Tensor(np.ones((1, 2)), name="x")
    for i in range(2, 14):
        a = sigmoid(a @ Tensor(rng.normal(size=(i, i + 1)), name=f"w{i}"))
    assert "fold" not in trace(a.sum()).to_dot()


@settings(max_examples=30)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 3), st.integers(1, 12)), min_size=1, max_size=6), st.data())
def test_any_graph_of_repeated_blocks_is_drawn_whole(stretches, data):
    """Stretches of blocks, each a few operations on what lies one to three values back, and then uses of anything."""
    operations = [lambda a, b: a + b, lambda a, b: np.sin(a), lambda a, b: a * Tensor(1.1), lambda a, b: a - b]
    values = [Tensor(0.5, name="x"), Tensor(0.7, name="w"), Tensor(0.9, name="u")]
    for first, length, repeats in stretches:
        for _ in range(repeats):
            for i in range(length):
                values.append(operations[(first + i) % 4](values[-1], values[-1 - (first + i) % 3]))
    for _ in range(data.draw(st.integers(0, 3))):
        values.append(values[-1] + values[data.draw(st.integers(0, len(values) - 1))])
    steps = trace(values[-1] * values[0])
    assert_nothing_is_lost(steps, drawn(steps))


@PARSERS
@samples(GRAPHS, DEEP, ODD)
def test_the_reader_of_this_file_reads_as_the_parsers_do(build, read):
    steps = traced(build)
    one, other = drawn(steps), drawn(steps, read)
    assert (one.boxes, one.styles) == (other.boxes, other.styles)
    assert (sorted(one.forward), sorted(one.back)) == (sorted(other.forward), sorted(other.back))


def test_a_hundred_thousand_layers_are_a_short_text():
    a = Tensor(1.0, name="x")
    for _ in range(100_000):
        a = a + 1.0
    steps = trace(a)
    found = drawn(steps)
    assert found.boxes["fold1"] == ["99,995 more such blocks", "v4 … v99998", "99,995 operations"]
    assert len(found.boxes) == 7


# Mermaid

TEXT = r'"((?:[^"#;&<>`\[\]{}\\]|#\d+;|<br/>)*)"'
BOX = rf"  \w+(\[{TEXT}\]|\(\[{TEXT}\]\)|\[\[{TEXT}\]\])"
LINK = rf"  \w+ (-->|-\. {TEXT} \.-) \w+"
STYLE = r"  linkStyle \d+(,\d+)* stroke:firebrick,color:firebrick"


ALL = GRAPHS | DEEP | ODD


@samples(ALL)
def test_mermaid_has_only_what_its_grammar_has(build):
    first, *lines, last = traced(build).to_mermaid().split("\n")
    assert (first, last) == ("flowchart TB", "")
    kinds = [[bool(re.fullmatch(pattern, line)) for pattern in (BOX, LINK, STYLE)].index(True) for line in lines]
    assert kinds == sorted(kinds)
    assert kinds.count(2) <= 1
    assert all(map(str.isprintable, lines))


@samples(ALL)
def test_mermaid_has_the_boxes_and_arrows_of_dot(build):
    steps = traced(build)
    found, text = drawn(steps), steps.to_mermaid()
    assert re.findall(r"^  (\w+)[\[(]", text, re.MULTILINE) == list(found.boxes)
    assert re.findall(r"^  (\w+) --> (\w+)$", text, re.MULTILINE) == found.forward
    back = [(a, b, decoded(label)) for a, label, b in re.findall(r'^  (\w+) -\. "(.*)" \.- (\w+)$', text, re.MULTILINE)]
    assert back == [(a, b, f"↑ {label}") for a, b, label in found.back]
    links = [line for line in text.split("\n") if re.match(r"  \w+ -", line)]
    red = [str(i) for i, line in enumerate(links) if "-." in line]
    assert ("linkStyle" in text) == bool(red)
    assert not red or f"linkStyle {','.join(red)} stroke" in text


def decoded(text):
    return re.sub(r"#(\d+);", lambda match: chr(int(match[1])), text)


PARSE = """
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'
const require = createRequire(process.argv[1] + '/')
const { JSDOM } = require('jsdom')
globalThis.window = new JSDOM('').window
globalThis.document = window.document
const { default: mermaid } = await import(pathToFileURL(process.argv[1] + '/mermaid/dist/mermaid.core.mjs'))
const read = []
for (const text of JSON.parse(readFileSync(0, 'utf8'))) {
  await mermaid.parse(text)
  const { db } = await mermaid.mermaidAPI.getDiagramFromText(text)
  const boxes = [...db.getVertices().values()].map(box => [box.id, box.text])
  read.push([boxes, db.getEdges().map(edge => [edge.start, edge.end, edge.stroke, edge.type, edge.text])])
}
console.log(JSON.stringify(read))
"""


def node_modules():
    """Where Mermaid and jsdom, whose document it needs, are installed; skips the test where they are not."""
    if not NODE:
        pytest.skip("node, which runs Mermaid's parser, is not installed")
    places = [os.environ.get(MODULES)]
    if npm := shutil.which("npm"):
        places.append(subprocess.run([npm, "root", "-g"], capture_output=True, encoding="utf-8").stdout.strip())
    for place in filter(None, places):
        if all((Path(place) / name / "package.json").is_file() for name in ("mermaid", "jsdom")):
            return place
    pytest.skip(f"Mermaid's parser is missing; npm install mermaid jsdom, and set {MODULES} to their node_modules")


def test_mermaid_s_own_parser_reads_every_graph():
    place = node_modules()
    found = {name: traced(build) for name, build in ALL.items()}
    done = subprocess.run(
        [NODE, "--input-type=module", "-e", PARSE, "--", place],
        input=json.dumps([steps.to_mermaid() for steps in found.values()]),
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for (name, steps), (boxes, edges) in zip(found.items(), json.loads(done.stdout), strict=True):
        expected = drawn(steps)
        read = {id: [line.strip() for line in parsed(text).split("<br>")] for id, text in boxes}
        assert read == {id: [line.strip() for line in text] for id, text in expected.boxes.items()}, name
        kinds = {"normal": "arrow_point", "dotted": "arrow_open"}
        assert all(kinds[stroke] == kind for _, _, stroke, kind, _ in edges)
        assert [(a, b) for a, b, stroke, *_ in edges if stroke == "normal"] == expected.forward
        back = [(a, b, parsed(text)) for a, b, stroke, _, text in edges if stroke == "dotted"]
        assert back == [(a, b, f"↑ {text}") for a, b, text in expected.back]


def parsed(text):
    """A text as Mermaid keeps it until it draws: what was #35; is ﬂ°°35¶ß."""
    return re.sub(r"ﬂ°°(\d+)¶ß", lambda match: chr(int(match[1])), text)


@NEEDS_DOT
def test_a_graph_runs_from_left_to_right_on_request():
    steps = trace(sigmoid_chain(1.0, [0.5, -0.9, 0.8]))

    def size(svg):
        return [float(number) for number in re.search(r'viewBox="0.00 0.00 ([\d.]+) ([\d.]+)"', svg).groups()]

    (down_width, down_height), (width, height) = size(steps.to_svg()), size(steps.to_svg(direction="LR"))
    assert height < down_height < down_width < width
    assert steps.to_dot("LR") == steps.to_dot().replace("rankdir=TB", "rankdir=LR")


def test_a_direction_that_there_is_not_is_refused():
    steps = trace(Tensor(2.0) * 3)
    for form in (steps.to_dot, steps.to_svg):
        with pytest.raises(ValueError, match="'up' is no direction; give 'TB', top to bottom, or 'LR'"):
            form("up")


def widths(steps):
    """The thickness of the arrows back, by the text that stands at them."""
    found = re.findall(r'penwidth=([\d.]+), label=" (.*)"', steps.to_dot())
    return {text: float(width) for width, text in found}


def test_an_arrow_back_is_as_thick_as_the_logarithm_of_its_gradient():
    steps = trace(sigmoid_chain(1.0, [0.5, -0.9, 0.8, -0.6, 0.7]))
    by_size = {round(np.log10(abs(float(text.split(" → ")[1]))), 6): width for text, width in widths(steps).items()}
    (low, thin), *_, (high, thick) = sorted(by_size.items())
    assert (thin, thick) == (0.5, 6.0)
    for size, width in by_size.items():
        assert width == pytest.approx(0.5 + 5.5 * (size - low) / (high - low), abs=0.06)


def test_what_carries_0_or_inf_has_the_thinnest_and_the_thickest_arrow():
    x, w = Tensor(1.0, name="x"), Tensor(0.0, name="w")
    assert sorted(widths(trace((w * x) * 3 + x)).values())[0] == 0.5
    with np.errstate(all="ignore"):
        found = widths(trace(np.sqrt(w) + 2 * x))
    assert found["× 0.5 / sqrt(w) = inf → inf"] == 6.0
    assert set(widths(trace(x + x)).values()) == {1.9}


# SVG and HTML


@NEEDS_DOT
@samples(ALL)
def test_svg_is_xml_that_names_every_box(build):
    steps = traced(build)
    root = ET.fromstring(steps.to_svg())
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    texts = Counter(
        re.sub(r"\s+", " ", text.text or "").strip() for text in root.iter("{http://www.w3.org/2000/svg}text")
    )
    for box in drawn(steps).boxes.values():
        for line in box:
            assert texts[re.sub(r"\s+", " ", line).strip()] >= 1


def test_without_graphviz_one_sentence_says_so(monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(
        ValueError, match=r"^to_svg: .*Graphviz, which is not installed; install it, or use to_mermaid$"
    ):
        traced(shared).to_svg()


class Page(html.parser.HTMLParser):
    """The tables of a page: rows of cells, the captions, and every tag that was opened and closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.rows, self.captions, self.tags = [], [], [], set()
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.open.append(tag)
        self.tags.add(tag)
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1][-1] += data
        elif self.open and self.open[-1] == "caption":
            self.captions.append(data)


@samples(ALL)
def test_html_is_well_formed_and_has_every_step_and_leaf(build):
    steps = traced(build)
    text = steps.to_html(limit=None)
    ET.fromstring(f"<div>{text}</div>")
    page = Page(text)
    assert page.tags == {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert [row[0] for row in page.rows[1:] if row[0].isdigit()] == [str(step.number) for step in steps]
    assert page.rows[-1][0].endswith(f"/d{steps.names[steps.leaves[-1]]}") or build is odd_names


def test_html_shows_the_cells_of_the_text():
    steps = trace(sigmoid_chain(1.0, [0.5, -0.9]))
    page = Page(steps.to_html())
    assert page.captions == [f"y = {shown(steps.output.data)}"]
    columns = [re.split(r" {2,}", line.strip()) for line in steps.to_text().split("\n")[1:]]
    assert page.rows[0] == columns[0][:-1], "but the scale of the bars"
    assert page.rows[1 : len(steps) + 1] == [row[: len(page.rows[0])] for row in columns[1 : len(steps) + 1]]
    assert page.rows[len(steps) + 1 :] == columns[len(steps) + 1 :]


@pytest.mark.parametrize("name", ["<script>alert(1)</script>", '"><img src=x>', "a & b", "<!--"])
def test_names_are_escaped_in_html(name):
    page = Page(trace(Tensor(2.0, name=name) * 3).to_html())
    assert page.tags == {"table", "caption", "thead", "tbody", "tr", "th", "td"}
    assert page.rows[2][0] == f"dv1/d{name}"


def test_html_says_how_much_it_leaves_out():
    steps = trace(sigmoid_chain(1.0, [1.0] * 60))
    page = Page(steps.to_html())
    assert [row for row in page.rows if "left out" in row[0]] == [
        ["… 140 steps left out …"],
        ["… 21 leaves left out …"],
    ]
    numbers = [row[0] for row in page.rows if row[0].isdigit() or "steps" in row[0]]
    assert numbers == [*map(str, range(1, 21)), "… 140 steps left out …", *map(str, range(161, 181))]
    leaves = [row[0] for row in page.rows if re.match(r"dy/d|.*leaves", row[0])]
    assert leaves.index("… 21 leaves left out …") == 20
    assert len(leaves) == 41
    assert "left out" not in steps.to_html(limit=None)
    assert 'colspan="6"' in steps.to_html()


def test_html_has_words_and_brackets_for_what_underflowed():
    steps = traced(GRAPHS["underflow"])
    page = Page(steps.to_html())
    lines = steps.to_text().split("\n")
    assert ["in brackets: the true size of what float64 holds as 0 or inf"] in page.rows
    (x,) = (row for row in page.rows if row[0] == "dy/dx")
    assert x[1].startswith("0, underflowed from ")
    assert "  ".join(x) in {re.sub(r" {2,}", "  ", line) for line in lines}
    assert "in brackets" not in traced(GRAPHS["chain"]).to_html()


def test_of_stretches_that_overlap_the_one_that_hides_most_is_folded():
    """Of the twelve blocks of four nodes the first begins with a leaf; blocks of eight nodes would hide fewer."""
    a = Tensor(0.5, name="x")
    for _ in range(12):
        for _ in range(3):
            a = np.sin(a)
        a = np.exp(a)
    found = drawn(trace(a))
    assert found.boxes["fold1"][0] == "7 more such blocks"
    assert found.boxes["fold1"][2] == "28 operations"
