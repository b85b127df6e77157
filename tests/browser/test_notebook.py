"""The views in a notebook that is run by a kernel of its own, written as HTML in both themes, and shown by Chromium."""

import os
import re
import warnings
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
SLIDERS = README.partition("```py\n")[2].partition("```")[0]
CELLS = {
    "set up": """
        import numpy as np
        from tinygrad_sig import *
        from tinygrad_sig.nn import MLP, SGD, cross_entropy

        rng = np.random.default_rng(0)
        y = sigmoid_chain(1.0, [0.5, -0.9, 0.8, -0.6, 0.7])
        net = MLP([4, 6, 5, 3], rng, sigmoid)
        X, labels = rng.normal(size=(8, 4)), rng.integers(0, 3, 8)
        history, optimiser = GradientHistory(), SGD(net, 0.1)
        for _ in range(20):
            loss = cross_entropy(net(X), labels)
            loss.backward()
            history.record(trace(loss))
            optimiser.step()
        w = Tensor([[1.0, -2.0], [0.5, 0.0]], name="w")
        np.sum(w * w).backward()
    """,
    "trace": "trace(y)",
    "trace of arrays": "trace(loss)",
    "trace that underflows": "trace(sigmoid_chain(1.0, [60.0] * 12))",
    "layers": "layers(y)",
    "norms": "gradient_norms(trace(loss))",
    "history": "history",
    "report": "check_gradients(np.tanh, 0.5)",
    "program": "write_out(lambda x, w: sigmoid(w * x), 1.0, 0.5)",
    "tensor": "w",
    "steps": "trace(y).plot()",
    "chain": "layers(y).plot()",
    "norms by layer": "gradient_norms(trace(loss)).plot()",
    "over time": "history.plot()",
    "page": "trace(y).page()",
    "sliders": SLIDERS,
}
TABLES = ("trace", "trace of arrays", "trace that underflows", "layers", "norms", "history", "report", "tensor")
VIEWS = (*TABLES, "program")
PICTURES = ("steps", "chain", "norms by layer", "over time")
# What Jupyter's own packages warn of is theirs.
pytestmark = pytest.mark.filterwarnings("ignore")


def needed(*names):
    """The modules of these names; where one lacks, no notebook is run."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return [import_module(name) for name in names]
        except ImportError as error:
            why = f"{error.name} is missing, so no notebook is run; install the extra notebook"
            (pytest.fail if os.environ.get("TINYGRAD_SIG_BROWSER") == "required" else pytest.skip)(why)


def executed(notebook, home):
    """The notebook, run in order by a kernel that finds this package."""
    nbclient, *_ = needed("nbclient", "ipykernel", "ipywidgets", "matplotlib")
    variables = {"PYTHONPATH": str(ROOT), "JUPYTER_DATA_DIR": str(home), "IPYTHONDIR": str(home)}
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, value in variables.items():
            patch.setenv(name, value)
        nbclient.NotebookClient(notebook, timeout_func=patience, kernel_name="python3").execute()
    return notebook


@pytest.fixture(scope="module")
def notebook(tmp_path_factory):
    (nbformat,) = needed("nbformat")
    cells = [nbformat.v4.new_code_cell(re.sub(r"^ {8}", "", code, flags=re.MULTILINE)) for code in CELLS.values()]
    return executed(nbformat.v4.new_notebook(cells=cells), tmp_path_factory.mktemp("jupyter"))


def patience(cell):
    """Seconds for a cell. At times nbclient misses the end of one with widgets, and goes on when they are over."""
    return 10 if cell.source == SLIDERS else 60


@pytest.fixture(scope="module")
def outputs(notebook):
    """What each cell showed, by its name."""
    return {name: cell.outputs for name, cell in zip(CELLS, notebook.cells, strict=True)}


def test_every_cell_shows_one_thing_and_none_fails(outputs):
    assert not outputs.pop("set up")
    for name, shown in outputs.items():
        kinds = [output.output_type for output in shown]
        assert kinds == ["display_data" if name == "sliders" else "execute_result"], name


def test_each_view_comes_as_html_and_as_its_text(outputs):
    for name in VIEWS:
        (shown,) = outputs[name]
        assert "tinygrad-sig" in shown.data["text/html"], name
        assert "LayerHealth(" not in shown.data["text/plain"], name
    assert outputs["layers"][0].data["text/plain"].startswith("layer ")
    assert outputs["program"][0].data["text/plain"].startswith("def ")
    assert outputs["page"][0].data["text/html"].startswith("<iframe")


def test_axes_come_as_pictures(outputs):
    for name in PICTURES:
        (shown,) = outputs[name]
        assert {"image/png", "text/plain"} == set(shown.data), name
        assert shown.metadata["image/png"]["width"] > 400


def test_sliders_show_a_page(notebook, outputs):
    (shown,) = outputs["sliders"]
    state = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    models = [model["state"] for model in state.values()]
    assert shown.data["application/vnd.jupyter.widget-view+json"]["model_id"] in state
    assert {"FloatSliderModel", "IntSliderModel"} <= {model.get("_model_name") for model in models}
    (page,) = (output for model in models for output in model.get("outputs", ()))
    assert page["data"]["text/html"].startswith("<iframe")
    assert len(SLIDERS.replace("\n\n", "\n").splitlines()) == 3


@pytest.fixture(scope="module", params=["light", "dark"])
def exported(notebook, request, tmp_path_factory):
    """The notebook as nbconvert writes it in JupyterLab's themes, a file."""
    (nbconvert,) = needed("nbconvert")
    path = tmp_path_factory.mktemp("exported") / f"notebook-{request.param}.html"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        text, _ = nbconvert.HTMLExporter(theme=request.param).from_notebook_node(notebook)
    path.write_text(text, encoding="utf-8")
    return path


def test_chromium_shows_it_without_an_error(exported, browser, tmp_path):
    page = browser.new_page(viewport={"width": 1100, "height": 900})
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    # nbconvert's page asks for MathJax and RequireJS; it gets nothing.
    page.route(re.compile("^https?:"), lambda route: route.fulfill(body="", content_type="text/javascript"))
    page.goto(exported.as_uri())
    assert page.locator(".tinygrad-sig").count() == len(VIEWS)
    assert "downstream" in page.frame_locator("iframe").first.locator("#page").inner_text()
    for width in page.locator(".jp-OutputArea-output img").evaluate_all("all => all.map(x => x.naturalWidth)"):
        assert width > 400
    found = page.evaluate(LOOK)
    assert found["lines"] == [1], "no name and no number is broken"
    assert found["bars"] > 50
    assert found["contrast"] > 4.5
    assert found["outside"] == "normal", "the style of a view reaches no other table"
    pictures = Path(os.environ.get("TINYGRAD_SIG_PICTURES", tmp_path))
    page.screenshot(path=pictures / f"{exported.stem}.png", full_page=True)
    page.close()
    assert not errors


def test_the_handout_runs_from_a_fresh_kernel_and_is_stored_without_outputs(tmp_path):
    (nbformat,) = needed("nbformat")
    handout = nbformat.read(ROOT / "demos" / "handout.ipynb", as_version=4)
    nbformat.validate(handout)
    code = [cell for cell in handout.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    text = "".join(cell.source for cell in handout.cells)
    linked = {ROOT / "demos" / path for path in re.findall(r"exercises/exercise_\d\.py", text)}
    assert linked == {*(ROOT / "demos" / "exercises").glob("exercise_*.py")}
    executed(handout, tmp_path)
    kinds = [kind for cell in code for output in cell.outputs for kind in output.get("data", ())]
    assert kinds.count("image/png") >= 6
    assert kinds.count("text/html") >= 6
    assert all(cell.outputs for cell in code[1:])


LOOK = """() => {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    const light = colour => {
        canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        return [...canvas.getImageData(0, 0, 1, 1).data].slice(0, 3).map(x => x / 255)
            .map(x => x <= 0.04045 ? x / 12.92 : ((x + 0.055) / 1.055) ** 2.4)
            .reduce((sum, x, i) => sum + x * [0.2126, 0.7152, 0.0722][i], 0);
    };
    const view = document.querySelector(".tinygrad-sig");
    const colours = [getComputedStyle(view.querySelector("td")).color, getComputedStyle(document.body).backgroundColor];
    const [ink, paper] = colours.map(light);
    const lines = cell => Math.floor(cell.clientHeight / parseFloat(getComputedStyle(cell).lineHeight));
    const other = document.createElement("table");
    other.innerHTML = "<tr><td>x</td></tr>";
    view.after(other);
    const outside = getComputedStyle(other.querySelector("td")).whiteSpace;
    other.remove();
    return {
        lines: [...new Set([...document.querySelectorAll(".tinygrad-sig td:not(:has(svg, i))")].map(lines))],
        bars: [...document.querySelectorAll(".tinygrad-sig .axis i")].filter(bar => bar.clientWidth > 1).length,
        contrast: (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05),
        outside,
    };
}"""
