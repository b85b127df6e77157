"""The plots: what stands in the Axes, and that they touch nothing but the Axes."""

import xml.etree.ElementTree as ET
from itertools import pairwise

import numpy as np
import pytest

from tinygrad_sig import layers, relu, sigmoid_chain, trace
from tinygrad_sig.show import figure, plots

pytest.importorskip("matplotlib", reason="matplotlib, which draws, is absent")
WEIGHTS = [0.5, -0.9, 0.8, -0.6, 0.7]
X = np.linspace(-2, 2, 9)


def five():
    return layers(sigmoid_chain(1.0, WEIGHTS))


PLOTS = {
    "lines": lambda axes=None: plots.lines(X, {"one": X, "two": X**2}, axes, marks=True, xlabel="x", ylabel="y"),
    "decay": lambda axes=None: plots.decay({"w = 1": [0, -1, -2], "w = 4": [0, -3]}, axes),
    "chain": lambda axes=None: plots.chain(five(), axes),
    "heat": lambda axes=None: plots.heat(X, X, np.outer(X, X), axes, outline=1.0, xlabel="w", ylabel="b", value="size"),
    "band": lambda axes=None: plots.band(X, np.outer([1, 2, 3], X), axes, xlabel="layer", ylabel="norm"),
}
EVERY = pytest.mark.parametrize("plot", PLOTS.values(), ids=PLOTS)
SIGNATURES = {".png": b"\x89PNG\r\n\x1a\n", ".svg": b"<?xml", ".pdf": b"%PDF-"}


def new_axes():
    return figure.new_figure(1, 1, size=(4, 3))[1]


@EVERY
def test_a_plot_is_drawn_into_the_axes_that_are_given(plot):
    axes = new_axes()
    assert plot(axes) is axes
    assert axes.has_data()


@EVERY
def test_without_axes_a_plot_makes_its_own_and_leaves_pyplot_alone(plot, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    monkeypatch.setattr(pyplot, "show", lambda *_, **__: pytest.fail("a plot was shown"))
    before = pyplot.get_fignums(), dict(pyplot.rcParams)
    axes = plot()
    assert axes.has_data()
    assert (pyplot.get_fignums(), dict(pyplot.rcParams)) == before
    assert plot().figure is not axes.figure


@EVERY
def test_both_axes_have_labels(plot):
    axes = plot()
    assert axes.get_xlabel()
    assert axes.get_ylabel()


@pytest.mark.parametrize("ending", SIGNATURES)
@EVERY
def test_a_picture_is_no_empty_file(plot, ending, tmp_path):
    path = tmp_path / f"picture{ending}"
    figure.draw(plot().figure, path)
    data = path.read_bytes()
    assert data.startswith(SIGNATURES[ending])
    assert len(data) > 4000
    assert list(tmp_path.iterdir()) == [path]
    if ending == ".svg":
        ET.fromstring(data)


def test_a_png_shows_more_than_one_colour(tmp_path):
    image = pytest.importorskip("matplotlib.image")
    figure.draw(PLOTS["chain"]().figure, tmp_path / "picture.png")
    pixels = image.imread(tmp_path / "picture.png")
    assert min(pixels.shape[:2]) >= 400
    assert len(np.unique(pixels.reshape(-1, pixels.shape[-1]), axis=0)) > 50


def looks(axes):
    return [(line.get_color(), line.get_linestyle(), line.get_marker()) for line in axes.get_lines()]


@pytest.mark.parametrize("count", [2, 5, 7])
def test_lines_are_told_apart_by_colour_and_also_in_grey(count):
    series = {f"number {i}": X + i for i in range(count)}
    for axes in (plots.lines(X, series, marks=True), plots.decay(series)):
        colours, dashes, marks = zip(*looks(axes), strict=True)
        assert len(set(colours)) == count
        assert len(set(marks)) == count
        assert all(one != other for one, other in pairwise(dashes))
    assert {mark for _, _, mark in looks(plots.lines(X, series))} == {"None"}
    grey = [np.dot(rgb(colour), [0.299, 0.587, 0.114]) for colour in plots.COLOURS]
    assert np.ptp(grey) > 0.5


def rgb(colour):
    return [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]


def test_more_lines_than_colours_are_told_apart_too():
    drawn = looks(plots.lines(X, {str(i): X + i for i in range(28)}, marks=True))
    assert len(set(drawn)) == 28


def test_the_legend_names_every_line_and_settings_reach_the_axes():
    axes = plots.lines(X, {"σ′": X, "bound": 2 * X}, xlabel="x", ylabel="σ′(x)", yscale="symlog", title="tails")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["σ′", "bound"]
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_yscale(), axes.get_title()) == (
        *("x", "σ′(x)"),
        *("symlog", "tails"),
    )
    for line, y in zip(axes.get_lines(), (X, 2 * X), strict=True):
        np.testing.assert_array_equal(line.get_ydata(), y)


def test_the_decay_of_a_chain_is_drawn_below_its_bound():
    axes = plots.chain(five())
    bound, walk, weights = (line.get_ydata() for line in axes.get_lines())
    assert walk.tolist() == pytest.approx([0.0, *(layer.running for layer in five())])
    steps = trace(sigmoid_chain(1.0, WEIGHTS))
    gradients = [np.log10(abs(steps.gradient(f"w{i}"))) for i in (5, 4, 3, 2, 1)]
    assert weights[1:].tolist() == pytest.approx(gradients)
    assert np.isnan(weights[0])
    np.testing.assert_allclose(bound, np.cumsum([0, *(np.log10(abs(w) / 4) for w in reversed(WEIGHTS))]))
    assert np.all(walk <= bound + 1e-12)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [*("bound ∏(0.25·|w|)", "∂y/∂a", "∂y/∂w")]
    assert axes.get_title() == "σ, 5 layers: the gradient vanishes, × 0.164 a layer"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("layers passed on the way back from y", "|gradient|")


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_layers_in_which_the_gradient_underflows_are_drawn_where_it_really_is(dtype):
    found = layers(sigmoid_chain(dtype(1), [dtype(40)] * 60))
    assert found[-1].gradient == 0
    axes = plots.chain(found)
    walk = axes.get_lines()[1].get_ydata()
    assert np.isfinite(walk).all()
    assert walk[-1] < -900
    low, high = axes.get_ylim()
    assert low < walk[-1] < 0 < high


def test_a_gradient_that_is_really_0_ends_the_line_and_the_title_says_so():
    axes = plots.chain(layers(sigmoid_chain(1.0, [1.0, 0.0, 2.0])))
    assert np.isfinite(axes.get_lines()[1].get_ydata()).tolist() == [True, True, False, False]
    assert axes.get_title() == "σ, 3 layers: the gradient is 0 from layer 2 back"
    assert np.isfinite(axes.get_ylim()).all()


@pytest.mark.parametrize(
    ("weights", "activation", "labels"),
    [
        ([0.1] * 6, None, {"$10^{0}$", "$10^{-8}$"}),
        ([1.0] * 3, relu, {"$10^{0}$"}),
        ([2.0], None, {"$10^{0}$", "$10^{-1}$"}),
    ],
)
def test_ticks_are_powers_of_ten_and_numbers_between_them_are_numbers(weights, activation, labels):
    chain = sigmoid_chain(1.0, weights, activation=activation) if activation else sigmoid_chain(1.0, weights)
    axes = plots.chain(layers(chain))
    axes.figure.canvas.draw()
    shown = [text.get_text() for text in axes.get_yticklabels()]
    assert labels <= set(shown)
    assert len(set(shown)) == len(shown), "no two ticks say the same"
    assert all(tick == round(tick) for tick in axes.get_xticks()), "there is no half layer"


@pytest.mark.parametrize(
    ("dtype", "weights", "biases", "title", "text", "inside"),
    [
        (np.float32, [1] * 100, None, "vanishes, × 0.224", "float32\nends at\n$10^{-45}$", True),
        (np.float64, [1] * 5, None, "vanishes, × 0.217", "float64\nends at\n$10^{-323}$ ↓", False),
        (np.float16, [8] * 30, [-4] * 30, "explodes, × 2", "float16\nends at\n$10^{5}$", True),
        (np.float64, [8] * 30, [-4] * 30, "explodes, × 2", "float64\nends at\n$10^{308}$ ↑", False),
        (np.float64, [4] * 3, [-2] * 3, "is steady, × 1", "float64\nends at\n$10^{-323}$ ↓", False),
    ],
)
def test_the_picture_of_a_chain_says_where_its_dtype_ends(dtype, weights, biases, title, text, inside):
    biases = biases and list(map(dtype, biases))
    chain = sigmoid_chain(dtype(0.5 if biases else 1), list(map(dtype, weights)), biases)
    with np.errstate(all="ignore"):
        axes = plots.chain(layers(chain))
    assert axes.get_title().endswith(f"the gradient {title} a layer")
    assert [found.get_text() for found in axes.texts] == [text]
    assert (len(axes.get_lines()) == 4) == inside


def contours(axes):
    from matplotlib.contour import ContourSet

    return [child for child in axes.get_children() if isinstance(child, ContourSet)]


def test_a_map_has_its_bar_and_an_outline_where_a_value_is_reached():
    axes = PLOTS["heat"]()
    (contour,) = contours(axes)
    assert list(contour.levels) == [1.0]
    points = np.concatenate([path.vertices for path in contour.get_paths()])
    np.testing.assert_allclose(points[:, 0] * points[:, 1], 1, atol=0.15)
    (bar,) = (other for other in axes.figure.axes if other is not axes)
    assert bar.get_ylabel() == "size"
    mesh = axes.collections[0]
    assert mesh.get_clim() == (-4, 4), "so that 0 is white"


@pytest.mark.parametrize("outline", [None, 5.0, -5.0])
def test_a_map_has_no_outline_where_the_value_is_never_reached(outline):
    assert contours(plots.heat(X, X, np.outer(X, X), outline=outline)) == []


def test_maps_may_share_one_bar():
    axes = plots.heat(X, X, np.outer(X, X), bar=False)
    assert axes.figure.axes == [axes]


def test_colours_of_a_map_may_end_before_its_values():
    axes = plots.heat(X, X, np.outer(X, X), limit=2.0)
    assert axes.collections[0].get_clim() == (-2, 2)


def test_a_band_holds_the_middle_nine_tenths():
    samples = np.outer(np.arange(101), np.ones(3))
    axes = plots.band([1, 2, 3], samples, xlabel="layer")
    assert axes.get_lines()[0].get_ydata().tolist() == [50, 50, 50]
    assert axes.get_legend_handles_labels()[1] == ["5 % to 95 %", "median"]
    assert axes.dataLim.intervaly.tolist() == [5, 95]


# Files


@pytest.mark.parametrize("name", ["picture", "picture.xyz", "picture.png.txt", ".png", "none/picture.png"])
def test_where_no_picture_can_be_drawn_a_sentence_says_so_at_once(name, tmp_path):
    with pytest.raises(ValueError, match=r"^cannot draw .*; give a file"):
        figure.check(tmp_path / name)


@pytest.mark.parametrize("name", ["a.png", "a.SVG", "a.b.pdf"])
def test_a_name_with_a_known_ending_will_do(name, tmp_path):
    figure.check(tmp_path / name)
    figure.draw(PLOTS["lines"]().figure, tmp_path / name)
    assert (tmp_path / name).stat().st_size > 1000


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path, monkeypatch):
    path = tmp_path / "picture.png"
    path.write_text("old")

    def replace(*paths):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("os.replace", replace)
    with pytest.raises(ValueError, match=r"picture\.png: Permission denied; give another file$"):
        figure.draw(PLOTS["lines"]().figure, path)
    assert [file.read_text() for file in tmp_path.iterdir()] == ["old"]


def test_a_program_ends_with_one_line_and_code_2(tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        figure.save(PLOTS["lines"]().figure, tmp_path / "none" / "picture.png")
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
