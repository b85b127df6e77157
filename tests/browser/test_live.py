"""The live page in a real browser: what its sliders show is what Python computes, to the last digit shown."""

import json
import os
import threading
from pathlib import Path

import pytest

from tinygrad_sig.live.answer import answer
from tinygrad_sig.live.page import alone
from tinygrad_sig.live.server import HOST, Handler, Server
from tinygrad_sig.live.situations import SITUATIONS

PYODIDE = "TINYGRAD_SIG_PYODIDE"
WATCH = """
window.violations = [];
document.addEventListener("securitypolicyviolation", (event) => window.violations.push(event.violatedDirective));
"""


@pytest.fixture(scope="module")
def address():
    with Server((HOST, 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://{HOST}:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """The page that brings its own Python."""
    directory = os.environ.get(PYODIDE)
    if not directory:
        why = f"{PYODIDE} names no directory with Pyodide and NumPy for it; tests/pyodide_directory.py makes one"
        pytest.fail(why) if os.environ.get("TINYGRAD_SIG_BROWSER") == "required" else pytest.skip(why)
    page = tmp_path_factory.mktemp("pyodide") / "page.html"
    page.write_text(alone(directory, ""), encoding="utf-8")
    return page.as_uri()


@pytest.fixture
def visit(browser):
    """Open an address and wait for its first answer; at the end nothing may have gone wrong."""
    contexts, wrong, asked, homes = [], [], [], []

    def visit(url, width=1280, height=900, **settings):
        homes.append(url.partition("#")[0])
        context = browser.new_context(viewport={"width": width, "height": height}, **settings)
        context.add_init_script(WATCH)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda message: wrong.append(message.text))
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(url)
        page.wait_for_selector("#page[data-answered]")
        return page

    yield visit
    violations = [page.evaluate("window.violations") for context in contexts for page in context.pages]
    for context in contexts:
        context.close()
    # A refusal is an answer with status 400, which Chromium reports on its console whatever the page does.
    assert [text for text in wrong if "status of 400" not in text] == []
    assert [found for found in violations if found] == []
    assert [url for url in asked if not url.startswith((*homes, "data:", "blob:"))] == []


def settled(page):
    """Wait until the page has the answer to the query in its address."""
    for _ in range(1000):
        if page.evaluate("'#' + document.querySelector('#page').dataset.answered === location.hash"):
            return
        page.wait_for_timeout(20)
    pytest.fail("the page has no answer yet")


def agrees(page, query):
    """What stands on the page is what this Python answers to the query, each text of it."""
    settled(page)
    found = json.loads(answer(query))
    said, drawn = found["said"], found["show"]["page"]
    assert page.locator(".verdict").text_content() == said["verdict"]
    assert page.locator(".lost").text_content() == said["lost"]
    assert page.locator(".result .hint").text_content() == said["printed"]
    cells = page.locator(".compared tr").evaluate_all(
        "all => all.map((r) => [...r.children].map((c) => c.textContent))"
    )
    assert [row[:2] for row in cells] == [row[:2] for row in said["compared"]]
    if not page.url.startswith("file:"):  # How many digits agree depends on the last bit of the other machine's exp.
        assert cells == said["compared"]
    rows = page.locator(".steps tbody tr").evaluate_all(
        "all => all.map((r) => [...r.querySelectorAll('.number')].map((c) => c.textContent))"
    )
    assert rows == [[step[key] for key in ("upstream", "local", "downstream")] for step in drawn["steps"]]


def typed(page, label, text):
    page.get_by_label(label, exact=True).fill(text)


def turn(page):
    """Every control once, each move against Python."""
    agrees(page, "")
    typed(page, "weight of layer 2", "1.25")
    agrees(page, "weights=0.5,1.25,0.8,-0.6,0.7")
    page.get_by_label("weight of layer 2, slider").press("ArrowRight")
    settled(page)
    agrees(page, page.url.partition("#")[2])
    page.get_by_label("one weight for all").check()
    typed(page, "layers", "12")
    typed(page, "weight of all layers", "-3.5")
    agrees(page, "depth=12&weight=-3.5")
    page.get_by_label("biases").check()
    page.get_by_label("bias of all layers, slider").fill("1.7")
    agrees(page, "depth=12&weight=-3.5&bias=1.7")
    page.get_by_label("activation").select_option("tanh")
    typed(page, "x", "0.3")
    agrees(page, "x=0.3&depth=12&weight=-3.5&bias=1.7&activation=tanh")
    for dtype in ("float32", "float16", "float64"):
        page.get_by_label("dtype").select_option(dtype)
        agrees(page, f"x=0.3&depth=12&weight=-3.5&bias=1.7&activation=tanh&dtype={dtype}")
    page.get_by_label("one weight for all").uncheck()
    typed(page, "bias of layer 12", "0")
    typed(page, "layers", "3")
    agrees(page, "x=0.3&weights=-3.5,-3.5,-3.5&biases=1.7,1.7,1.7&activation=tanh")


def situations(page):
    for each in SITUATIONS:
        page.get_by_role("button", name=each["name"], exact=True).click()
        agrees(page, each["query"])
        assert page.locator(".look").text_content() == each["look"]
        assert page.locator(".situations [aria-pressed=true]").all_inner_texts() == [each["name"]]


def refusals(page):
    for label, text in [
        ("x", "abc"),
        ("x", "1e999"),
        ("weight of all layers", "nan"),
        ("layers", "51"),
        ("layers", "0"),
    ]:
        page.get_by_role("button", name=SITUATIONS[0]["name"], exact=True).click()
        agrees(page, SITUATIONS[0]["query"])
        typed(page, label, text)
        settled(page)
        with pytest.raises(ValueError, match=r".") as refused:
            answer(page.url.partition("#")[2])
        assert page.get_by_role("alert").text_content() == str(refused.value)
    typed(page, "layers", "2")
    agrees(page, "depth=2&weight=1")
    assert page.get_by_role("alert").text_content() == ""


def test_sliders_on_the_served_page_show_what_python_computes(visit, address):
    turn(visit(address))


def test_six_situations_open_with_a_click(visit, address):
    situations(visit(address))


def test_a_refusal_stands_on_the_page_in_the_commands_sentence(visit, address):
    refusals(visit(address))


def test_the_address_holds_the_state(visit, address):
    query = "x=-0.5&weights=2,3,-1&biases=0,1,0.25&activation=relu&dtype=float32"
    page = visit(f"{address}#{query}")
    agrees(page, query)
    assert page.get_by_label("bias of layer 3", exact=True).input_value() == "0.25"
    typed(page, "x", "2")
    settled(page)
    link = page.url
    agrees(visit(link), query.replace("x=-0.5", "x=2"))
    page.evaluate("location.hash = 'depth=4&weight=2'")
    page.wait_for_selector("#page[data-answered*='depth=4']")
    agrees(page, "depth=4&weight=2")


def test_the_step_stays_while_one_turns(visit, address):
    page = visit(f"{address}#depth=5&weight=1")
    page.locator(".steps tbody tr").nth(3).locator("button").click()
    before = page.locator(".count").inner_text()
    typed(page, "weight of all layers", "2")
    settled(page)
    assert page.locator(".count").inner_text() == before


def test_a_server_that_has_ended_is_told_of(visit, address, browser):
    page = visit(address)
    page.context.route("**/answer*", lambda route: route.fulfill(status=400, json={"error": "said <b>so</b>"}))
    typed(page, "x", "2")
    settled(page)
    assert page.get_by_role("alert").text_content() == "said <b>so</b>"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("query", ["", "depth=30&weight=4&bias=-2"])
def test_axe_finds_nothing_serious(visit, address, scheme, query):
    axe = Path(os.environ.get("TINYGRAD_SIG_NODE_MODULES", ""), "axe-core", "axe.min.js")
    if not axe.is_file():
        why = "the npm package axe-core is not in the directory that TINYGRAD_SIG_NODE_MODULES names"
        pytest.fail(why) if os.environ.get("TINYGRAD_SIG_BROWSER") == "required" else pytest.skip(why)
    page = visit(f"{address}#{query}", color_scheme=scheme, reduced_motion="reduce")
    page.evaluate(axe.read_text(encoding="utf-8"))
    violations = page.evaluate("axe.run()")["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in violations if v["impact"] in ("serious", "critical")] == []


@pytest.mark.parametrize("width", [400, 768, 1024])
def test_no_window_scrolls_sideways(visit, address, width):
    for query in ("", "depth=30&weight=4&bias=-2"):
        page = visit(f"{address}#{query}", width=width)
        assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_page_on_its_own_shows_what_python_computes(visit, file):
    page = visit(file, offline=True)
    turn(page)
    situations(page)
    refusals(page)
