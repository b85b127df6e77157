"""The recorded page in a real browser: what it shows at each step is what the trace has."""

import os
from pathlib import Path

import numpy as np
import pytest

from tinygrad_sig import Tensor, sigmoid, sigmoid_chain, trace
from tinygrad_sig.show.page.content import page_data
from tinygrad_sig.show.text import shown

WEIGHTS = [0.5, -0.9, 0.8, -0.6, 0.7]
MODULES = "TINYGRAD_SIG_NODE_MODULES"


def five():
    return trace(sigmoid_chain(1.0, WEIGHTS))


def deep():
    return trace(sigmoid_chain(1.0, [1.0] * 12))


def twice():
    a = Tensor(3.0, name="a")
    b = a + a
    b.name = "b"
    return trace(b)


def arrays():
    rng = np.random.default_rng(0)
    X = Tensor(rng.normal(size=(16, 3)), name="X", requires_grad=False)
    W = Tensor(rng.normal(size=(3, 4)), name="W")
    loss = np.mean(sigmoid(X @ W) ** 2)
    loss.name = "loss"
    return trace(loss)


def states():
    """An underflowed gradient, a constant, and a leaf that no gradient reaches."""
    x, t = Tensor(800.0, name="x"), Tensor(5.0, name="t", requires_grad=False)
    return trace(sigmoid(sigmoid(-x)) * t)


def numbers(page):
    return page.locator(".panel .operand .number").all_inner_texts()


def position(page):
    return int(page.locator("input[type=range]").input_value())


@pytest.mark.parametrize("make", [five, deep, twice, arrays, states])
def test_by_key_every_step_shows_the_numbers_of_the_trace(show, make):
    steps = make()
    data = page_data(steps)["page"]
    page = show(steps.to_page())
    page.keyboard.press("Home")
    for node in data["forward"]:
        page.keyboard.press("ArrowRight")
        assert numbers(page) == [data["nodes"][node]["value"]]
        assert page.locator(".box.lit").count() == 1
    for i, step in enumerate(steps):
        page.keyboard.press("ArrowRight")
        upstream, local, downstream = numbers(page)
        if steps.scalar:
            assert upstream == shown(step.upstream, *steps.magnitudes[step.output])
            assert local == shown(step.factor, step.log10, step.sign)
            full = page.locator(".panel .operand .number").evaluate_all("all => all.map((e) => Number(e.title))")
            assert full[::2] == [float(step.upstream), float(step.downstream)]
        else:
            assert upstream == shown(step.upstream)
            assert downstream == shown(step.downstream)
        assert page.locator("tr.now td").nth(1).inner_text().replace("\n", "") == str(step)
        assert page.locator("tr.now td").nth(5).inner_text() == downstream
        assert page.locator(".lines li").count() == i + 1
        assert page.locator("#said").inner_text() == data["steps"][i]["sentence"]
        assert page.locator(".arrow.lit, .box.fold.near").count() >= 1
    page.keyboard.press("ArrowRight")
    assert position(page) == len(data["forward"]) + len(steps)


def test_the_parts_of_a_sum_are_shown_as_they_arrive(show):
    page = show(twice().to_page())
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    box = page.locator(".box.leaf")
    assert box.get_attribute("data-state") == "part"
    assert box.locator(".gradient").text_content() == "1 of 2: 1.000000"
    assert page.locator(".sum-numbers").inner_text() == "1.000000"
    assert "1 more to come" in page.locator(".sum").inner_text()
    page.keyboard.press("ArrowRight")
    assert box.locator(".gradient").text_content() == "2.000000"
    assert page.locator(".sum-numbers").inner_text() == "1.000000 + 1.000000 = 2.000000"
    assert page.locator(".dot.full").count() == 2


def test_a_click_on_an_edge_a_box_a_row_or_a_button_jumps(show):
    steps = five()
    page = show(steps.to_page())
    page.locator(".arrow").nth(0).locator(".reach").dispatch_event("click")
    assert page.locator("tr.now").count() == 1
    page.locator("tbody tr").nth(6).click()
    assert position(page) == 17
    assert numbers(page)[2] == shown(steps[6].downstream)
    page.locator(".box.computed").first.click()
    assert position(page) == 1
    for name, expected in [("last", 25), ("back", 24), ("next", 25), ("first", 0)]:
        page.locator(f"button.{name}").click()
        assert position(page) == expected
    page.locator("input[type=range]").focus()
    page.keyboard.press("ArrowRight")
    assert position(page) == 1


def test_rows_are_walked_with_the_keyboard_alone(show):
    page = show(five().to_page())
    page.keyboard.press("End")
    page.locator("tr.now button").focus()
    page.keyboard.press("ArrowUp")
    assert position(page) == 24
    assert page.evaluate("document.activeElement.closest('tr').className") == "now"


def test_space_plays_and_stops(show):
    page = show(twice().to_page())
    page.keyboard.press("Space")
    page.locator(".box.lit").wait_for()
    page.keyboard.press("Space")
    assert position(page) == 1
    assert page.locator("button.play").get_attribute("aria-label") == "play"


def test_the_four_states_look_different_and_say_what_they_are(show):
    page = show(states().to_page())
    page.keyboard.press("End")
    found = dict(page.locator(".box").evaluate_all("all => all.map((b) => [b.dataset.state, b.textContent])"))
    assert {"number", "underflowed", "not-computed"} <= found.keys()
    assert "(" in found["underflowed"]
    assert "not computed" in found["not-computed"]
    legend = page.locator(".legend").inner_text()
    assert all(word in legend for word in ("a number", "underflowed", "not connected", "not computed"))
    # The walk reaches whatever in its graph needs a gradient: only the legend shows one that is not connected.
    drawn = page.locator(".legend .swatch")
    looks = drawn.evaluate_all("all => all.map((s) => getComputedStyle(s)).map((s) => s.background + s.border)")
    assert len(set(looks)) == len(looks) == 3


def test_small_arrays_are_heat_maps_on_demand(show):
    steps = arrays()
    page = show(steps.to_page())
    page.keyboard.press("End")
    assert page.locator(".heat").count() == 0
    page.locator("button.maps").click()
    assert page.locator(".heat").count() == 2
    cells = page.locator(".heat").nth(1).locator("title").evaluate_all("all => all.map((t) => t.textContent)")
    assert len(cells) == steps.gradient("W").size
    assert cells[0] == f"[0, 0] {steps.gradient('W')[0, 0]}"


def test_the_axis_has_numbers_and_bars_are_logarithmic(show):
    page = show(five().to_page())
    page.keyboard.press("End")
    assert page.locator("th.bars .tick").all_inner_texts() == ["10−4", "10−3", "10−2", "10−1", "1"]
    widths = page.locator(".bar").evaluate_all("all => all.map((bar) => parseFloat(bar.style.width))")
    expected = [100 * (float(np.log10(abs(step.downstream))) + 4) / 4 for step in five()]
    assert widths == pytest.approx(expected, abs=0.01)


def test_the_chain_rule_is_copied_as_latex(show):
    steps = five()
    page = show(steps.to_page(), permissions=["clipboard-read", "clipboard-write"])
    assert page.locator("button.copy").is_disabled()
    page.locator("tbody tr").nth(1).click()
    page.locator("button.copy").click()
    page.get_by_text("copied", exact=True).wait_for()
    lines = page.evaluate("navigator.clipboard.readText()").splitlines()
    assert (lines[0], lines[-1]) == (r"\begin{aligned}", r"\end{aligned}")
    assert lines[1].startswith(
        r"\frac{\partial y}{\partial z_{5}} &= \frac{\partial y}{\partial y} \cdot \sigma'(z_{5})"
    )
    assert len(lines) == 4


@pytest.mark.parametrize("name", ["</script><img src=x onerror=alert(1)>", "<!--<script>", "\"&amp;'`${1}", "a\nb"])
def test_a_hostile_name_stays_text(show, name):
    x = Tensor(2.0, name=name)
    y = x * x + x
    y.name = name
    page = show(trace(y).to_page())
    page.keyboard.press("End")
    assert page.locator("img").count() == 0
    assert page.locator("script").count() == 2
    assert page.evaluate("JSON.parse(document.getElementById('data').textContent).output").startswith(name)


@pytest.mark.parametrize("make", [five, arrays, states])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(show, make, scheme):
    axe = Path(os.environ.get(MODULES, ""), "axe-core", "axe.min.js")
    if not axe.is_file():
        why = f"the npm package axe-core is not in the directory that {MODULES} names"
        pytest.fail(why) if os.environ.get("TINYGRAD_SIG_BROWSER") == "required" else pytest.skip(why)
    page = show(make().to_page(), color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(axe.read_text(encoding="utf-8"))
    for key in ("Home", "ArrowRight", "End") if make is five else ("End",):
        page.keyboard.press(key)
        violations = page.evaluate("axe.run()")["violations"]
        serious = [(v["id"], v["nodes"][0]["html"]) for v in violations if v["impact"] in ("serious", "critical")]
        assert serious == []


@pytest.mark.parametrize("make", [five, deep, arrays, twice])
def test_no_window_scrolls_sideways(show, make):
    """640 is what 200 % leaves of 1280."""
    page = show(make().to_page())
    for width in (320, 400, 640, 1024):
        page.set_viewport_size({"width": width, "height": 800})
        for key in ("Home", "ArrowRight", "End"):
            page.keyboard.press(key)
            assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_nothing_moves_for_those_who_want_none(show):
    moving = "document.getAnimations().length"
    page = show(five().to_page(), reduced_motion="reduce")
    page.keyboard.press("End")
    assert page.evaluate(moving) == 0
    page = show(five().to_page(), reduced_motion="no-preference")
    page.keyboard.press("End")
    assert page.evaluate(moving) == 1


def test_on_paper_there_are_no_buttons_and_nothing_is_cut(show):
    page = show(deep().to_page())
    page.keyboard.press("End")
    page.emulate_media(media="print")
    assert not page.locator(".controls").is_visible()
    assert page.evaluate("((e) => e.scrollHeight <= e.clientHeight + 1)(document.querySelector('.rows'))")


def test_in_a_frame_of_a_notebook_it_steps_too(show):
    page = show(f"<!doctype html><title>a notebook</title>{five().page()._repr_html_()}", ready="iframe")
    inner = page.frame_locator("iframe")
    inner.locator("button.last").click()
    assert inner.locator(".panel .operand .number").last.inner_text() == shown(five()[-1].downstream)
