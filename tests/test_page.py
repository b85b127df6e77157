"""The page as text and data: what is in it, its policy, its size, and the command that writes it."""

import json
import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from tinygrad_sig import Tensor, sigmoid, sigmoid_chain, trace
from tinygrad_sig.__main__ import main
from tinygrad_sig.show import page
from tinygrad_sig.show.page.content import MOST, page_data
from tinygrad_sig.show.page.layout import apart, layout

FOLDER = Path(page.__file__).parent


def five():
    return trace(sigmoid_chain(1.0, [0.5, -0.9, 0.8, -0.6, 0.7]))


def shared():
    x, w = Tensor(2.0, name="x"), Tensor(-1.5, name="w")
    return trace(sigmoid(w * x) * x + x)


def arrays():
    rng = np.random.default_rng(0)
    X, W = Tensor(rng.normal(size=(40, 30)), name="X", requires_grad=False), Tensor(rng.normal(size=(30, 4)), name="W")
    return trace(np.mean(sigmoid(X @ W)))


def under():
    return trace(sigmoid_chain(1.0, [10.0] * 200))


def exploding():
    with np.errstate(over="ignore"):
        return trace(sigmoid_chain(np.float16(0.5), [np.float16(8)] * 40, [np.float16(-4)] * 40))


def unreached():
    x, n = Tensor(2.0, name="x"), Tensor(3.0, name="n")
    return trace(x * np.floor(n * 1.0) + 0 * x)


def leaf():
    return trace(Tensor(1.0, name="x"))


TRACES = [five, shared, arrays, under, exploding, unreached, leaf]


def data_in(text):
    return json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)[1])


@pytest.mark.parametrize("make", TRACES)
def test_the_data_in_the_page_is_the_trace_and_its_drawing(make):
    steps = make()
    data = data_in(steps.to_page())
    assert data == page_data(steps)
    if steps.scalar:
        drawn = data.pop("page")
        assert data == steps.to_dict()
    else:
        drawn = data["page"]
    assert [drawn["nodes"][i]["name"] for i in drawn["forward"]] == list(
        dict.fromkeys(steps.names[step.output] for step in reversed(steps))
    )
    drawn_steps = [number for arrow in drawn["arrows"] for number in arrow["steps"]]
    assert len(set(drawn_steps)) == len(drawn_steps)
    assert {box["id"] for box in drawn["boxes"]} == {node["box"] for node in drawn["nodes"]}
    for step, shown in zip(steps, drawn["steps"], strict=True):
        assert drawn["nodes"][shown["output"]]["name"] == steps.names[step.output]
        assert drawn["nodes"][shown["input"]]["name"] == steps.names[step.input]
        assert str(step.number) in shown["sentence"]


@pytest.mark.parametrize("make", TRACES)
def test_the_last_sum_at_a_node_is_its_gradient_bit_for_bit(make):
    steps = make()
    drawn = page_data(steps)["page"]
    last = {shown["input"]: shown["sum"] for shown in drawn["steps"]}
    for i, sum in last.items():
        node = drawn["nodes"][i]
        assert sum["arrived"] == sum["of"]
        assert (sum["exact"], sum["after"]) == (node["gradient_exact"], node["gradient"])


def test_the_sums_at_a_node_with_several_uses():
    a = Tensor(3.0, name="a")
    steps = page_data(trace(a + a))["page"]["steps"]
    sums = [(step["sum"]["before"], step["sum"]["after"], step["sum"]["arrived"], step["sum"]["of"]) for step in steps]
    assert sums == [(None, "1.000000", 1, 2), ("1.000000", "2.000000", 2, 2)]
    assert steps[1]["latex"].endswith(
        r"\mathrel{+}= \frac{\partial v_{1}}{\partial v_{1}} \cdot 1 = 1 \cdot 1 = 1 \quad \text{in all } 2"
    )


def test_the_states_of_a_gradient():
    x, t = Tensor(800.0, name="x"), Tensor(5.0, name="t", requires_grad=False)
    nodes = page_data(trace(sigmoid(sigmoid(-x)) * t))["page"]["nodes"]
    assert {node["name"]: node["state"] for node in nodes} == {
        "x": "underflowed", "v1": "underflowed", "v2": "number", "v3": "number", "t": "not computed", "v4": "number",
    }  # fmt: skip


def test_large_arrays_are_shown_by_shape_and_norm():
    data = page_data(arrays())
    (weight,) = (node for node in data["page"]["nodes"] if node["name"] == "W")
    assert weight["shape"] == "30×4"
    assert np.shape(weight["gradient_exact"]) == (30, 4)
    (inputs,) = (node for node in data["page"]["nodes"] if node["name"] == "X")
    assert (inputs["exact"], inputs["state"]) == (None, "not computed")


def test_the_axis_has_few_whole_powers_of_ten():
    for make in TRACES:
        axis = page_data(make())["page"]["axis"]
        assert 2 <= len(axis["ticks"]) <= 5
        assert (axis["ticks"][0], axis["ticks"][-1]) == (axis["low"], axis["high"])


def test_a_deep_chain_folds():
    drawn = page_data(trace(sigmoid_chain(1.0, [1.0] * 300)))["page"]
    assert len(drawn["boxes"]) < 20
    assert [box["fold"][0] for box in drawn["boxes"] if box["fold"]] == ["295 more such blocks"]
    assert len(drawn["steps"]) == 900


def test_the_policy_allows_the_script_and_the_style_of_the_page_and_nothing_else():
    text = five().to_page()
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', text)[1]
    hashes = []
    for tag in ('script type="module"', "style"):
        inside = re.search(rf"<{tag}>(.*?)</{tag.split()[0]}>", text, re.DOTALL)[1]
        hashes.append(f"'sha256-{b64encode(sha256(inside.encode()).digest()).decode()}'")
    assert policy == (
        f"default-src 'none'; script-src {hashes[0]}; style-src {hashes[1]}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert not re.search(r"(src|href)=\"(?!data:)", text)


def test_a_live_page_may_widen_the_policy_and_carry_more_data():
    text = page.assemble(
        {}, "t", allowed={"connect-src": "'self'", "script-src": "blob:"}, blocks={"more": "</script>"}
    )
    policy = re.search(r'content="(default-src[^"]*)"', text)[1]
    assert "; connect-src 'self'" in policy
    assert re.search(r"script-src 'sha256-[^']*' blob:;", policy)
    assert r'<script type="application/json" id="more">"\u003c/script>"</script>' in text


@pytest.mark.parametrize(
    "name", ["</script><img onerror=alert(1)>", "<!--<script>", "$title ${data}", "\u2028 \x00 \ud800"]
)
def test_a_name_cannot_leave_the_data(name):
    x = Tensor(2.0, name=name)
    y = x * x
    y.name = name
    text = trace(y).to_page()
    assert text.count("<script") == text.count("</script>") == 2
    assert "<img" not in text
    assert data_in(text)["output"].startswith(name.replace("\ud800", "\ud800"))


def test_the_page_is_small():
    text = five().to_page()
    assert len(text.encode()) - len(json.dumps(page_data(five()))) < 200_000
    assert sum(file.stat().st_size for file in FOLDER.iterdir() if file.is_file()) < 200_000


def test_no_two_modules_give_one_name_and_none_reaches_out():
    given = []
    for file in FOLDER.glob("*.js"):
        text = file.read_text(encoding="utf-8")
        given += re.findall(r"^(?:export )?(?:async )?(?:function|class|const|let) ([\w$]+)", text, re.MULTILINE)
        assert not re.search(
            r"\beval\b|innerHTML|insertAdjacentHTML|document\.write|https?://(?!www\.w3\.org)", text
        ), file
    assert len(given) == len(set(given))


def test_too_many_steps_are_refused():
    deep = trace(sigmoid_chain(1.0, [1.0] * (MOST // 3 + 1)))
    with pytest.raises(
        ValueError, match=r"^page: 3,003 steps are too many for a page, which shows 3,000; use to_json$"
    ):
        deep.to_page()


def test_the_layout_is_forward_apart_and_straight():
    drawn = page_data(five())["page"]
    column = {box["id"]: box["column"] for box in drawn["boxes"]}
    assert all(column[arrow["source"]] < column[arrow["target"]] for arrow in drawn["arrows"])
    names = {node["box"]: node["name"] for node in drawn["nodes"]}
    line = {box["down"] for box in drawn["boxes"] if names[box["id"]][0] in "zay"}
    assert len(line) == 1
    for make in TRACES:
        boxes = page_data(make())["page"]["boxes"]
        for a in boxes:
            assert all(abs(a["down"] - b["down"]) > 0.99 for b in boxes if b is not a and b["column"] == a["column"])


def test_long_arrows_go_around_boxes():
    spots, routes = layout(["x", "a", "b", "c"], {"x"}, [("x", "a"), ("a", "b"), ("b", "c"), ("x", "c")])
    middle = routes[3][1:-1]
    assert [place.column for place in middle] == [1, 2]
    assert all(abs(place.down - spot.down) >= 0.99 for place, spot in zip(middle, spots[1:3], strict=True))


def test_what_collides_is_moved_as_little_as_can_be():
    assert apart([0.0, 0.0], [1.0, 1.0]) == [-0.5, 0.5]
    assert apart([0.0, 3.0], [1.0, 1.0]) == [0.0, 3.0]
    assert apart([2.0, 0.0, 0.0], [1.0, 1.0, 1.0]) == pytest.approx([-1 / 3, 2 / 3, 5 / 3])


def test_in_a_notebook_the_page_is_in_a_frame_of_its_own():
    frame = five().page()
    assert "to_page()" in repr(frame)
    html = frame._repr_html_()
    assert html.startswith('<iframe sandbox="allow-scripts"')
    assert "<script" not in html


def run(*arguments):
    try:
        return main(arguments) or 0
    except SystemExit as exit:
        return exit.code


def test_the_command_writes_the_page_beside_what_it_prints(tmp_path, capsys):
    assert run("--page", str(tmp_path / "page.html")) == 0
    assert capsys.readouterr().out.startswith("Forward: ")
    assert (tmp_path / "page.html").read_text(encoding="utf-8") == five().to_page()
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]
    assert run("--format", "python", "--page", str(tmp_path / "again.html")) == 0
    assert capsys.readouterr().out.startswith("def chain")
    assert (tmp_path / "again.html").read_text(encoding="utf-8") == five().to_page()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--page", "no/page.html"], "cannot write no/page.html: No such file or directory; give another --page"),
        (["--page", "."], "cannot write .: Is a directory; give another --page"),
        (["--page", "a", "--output", "a"], "--page and --output both name a; give two files"),
        (["--plot", "a.png", "--output", "./a.png"], "--plot and --output both name a.png; give two files"),
        (
            ["--page", "a", "--depth", "2000", "--weight", "1"],
            "page: 6,000 steps are too many for a page, which shows 3,000; use to_json",
        ),
    ],
)
def test_where_it_cannot_it_says_so_in_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run(*arguments) == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", f"tinygrad-sig: {message}\n")
    assert list(tmp_path.iterdir()) == []
