"""Figures: whatever the maps hold, a figure comes; it has alt text, one honest scale, and a small file."""

import base64
import io
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from IPython import display
from IPython.core.formatters import DisplayFormatter
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from vislib.course import figures, start_here
from vislib.course.encoding import encoded_figure

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    plt.switch_backend("agg")
    yield
    plt.close("all")


def _overlay(figure: Figure, panel: int) -> np.ndarray[Any, Any]:
    """Return the colours (H, W, 4) that lie over the picture of one panel."""
    return np.asarray(figure.axes[panel].images[-1].get_array())


def _scale(figure: Figure) -> tuple[float, float]:
    low, high = figure.axes[-1].get_ylim()
    return low, high


MAPS: dict[str, Tensor] = {
    "zero": torch.zeros(1, 16, 16),
    "positive": torch.rand(1, 16, 16),
    "negative": -torch.rand(1, 16, 16),
    "constant": torch.full((1, 16, 16), 0.3),
    "tiny": torch.rand(1, 16, 16) * 1e-30,
    "large": torch.rand(1, 16, 16) * 1e30,
    "NaN": torch.full((1, 16, 16), torch.nan),
    "some NaN": torch.rand(1, 16, 16).index_fill(1, torch.tensor([3]), torch.nan),
    "infinite": torch.rand(1, 16, 16).index_fill(1, torch.tensor([3]), torch.inf),
    "half": torch.rand(1, 16, 16).bfloat16(),
    "double": torch.rand(1, 16, 16).double(),
    "with a gradient": torch.rand(1, 16, 16, requires_grad=True),
}


@pytest.mark.parametrize(("signed", "shared"), [(True, True), (False, False)])
@pytest.mark.parametrize("name", MAPS)
def test_any_map_can_be_drawn(name: str, signed: bool, shared: bool, images: Tensor) -> None:
    figure = figures.heatmaps(images[:1], {"a": MAPS[name]}, signed=signed, shared=shared, label="drop")
    figure.set_layout_engine("none")  # where the panels lie is another matter, and takes most of the time
    figure.canvas.draw()
    low, high = _scale(figure)
    assert low == (-high if signed else 0)
    assert 0 < high < float("inf")
    assert np.isfinite(_overlay(figure, 1)).all()


def test_unknown_pixels_show_the_image_alone_and_leave_the_scale(images: Tensor) -> None:
    heat = torch.full((1, 16, 16), 0.25)
    heat[0, 2, 3], heat[0, 4, 5] = torch.nan, -0.5
    for signed in (True, False):
        figure = figures.heatmaps(images[:1], {"a": heat}, signed=signed)
        assert _scale(figure) == ((-0.5, 0.5) if signed else (0, 0.5))
        shown = _overlay(figure, 1)
        assert shown[2, 3, 3] == 0
        assert shown[0, 0, 3] > 0


def test_maps_that_are_compared_share_a_scale_that_is_symmetrical_about_zero(images: Tensor) -> None:
    small, large = torch.zeros(1, 16, 16), torch.zeros(1, 16, 16)
    small[0, 0, 0], large[0, 0, 0], large[0, 1, 1] = 0.2, 0.2, -0.8
    figure = figures.heatmaps(images[:1], {"small": small, "large": large})
    assert _scale(figure) == pytest.approx((-0.8, 0.8))
    assert np.array_equal(_overlay(figure, 1)[0, 0], _overlay(figure, 2)[0, 0])  # same value, same colour
    assert [axis.get_title() for axis in figure.axes[:3]] == ["image", "small", "large"]
    alone = figures.heatmaps(images[:1], {"small": small, "large": large}, shared=False, label="drop")
    assert not np.array_equal(_overlay(alone, 1)[0, 0], _overlay(alone, 2)[0, 0])
    assert [axis.get_title() for axis in alone.axes[1:3]] == ["small\n(to ± 0.2)", "large\n(to ± 0.8)"]
    above = figures.heatmaps(images[:1], {"small": small, "large": large.abs()}, shared=False, signed=False)
    assert [axis.get_title() for axis in above.axes[1:3]] == ["small\n(to 0.2)", "large\n(to 0.8)"]
    assert [t.get_text() for t in alone.axes[-1].get_yticklabels()] == ["− end", "0", "+ end"]
    assert [t.get_text() for t in above.axes[-1].get_yticklabels()] == ["0", "end"]


def test_evidence_for_is_red_against_is_blue_and_none_is_white() -> None:
    heat = torch.zeros(1, 16, 16)
    heat[0, 0, 0], heat[0, 1, 1] = 1, -1
    plain = torch.full((1, 3, 16, 16), 0.5)
    plain[..., 8:] = 1.0
    shown = _overlay(figures.heatmaps(plain, {"a": heat}), 1)
    assert shown[0, 0, 0] > shown[0, 0, 2]
    assert shown[1, 1, 2] > shown[1, 1, 0]
    assert (shown[..., 3] == 1).all()  # whatever the photograph is there, a value has the colour of the bar
    assert np.array_equal(shown[5, 1], shown[5, 14])
    assert shown[5, 1, :3].min() > 0.95
    assert shown[5, 7, :3].max() < 0.7  # but for the lines where the photograph changes


def test_with_an_outline_the_image_leaves_the_colours_alone(images: Tensor) -> None:
    disc = torch.zeros(1, 1, 16, 16)
    disc[..., 4:12, 4:12] = 1
    heat = torch.zeros(1, 16, 16)
    heat[0, 0, 0], heat[0, 8, 8], heat[0, 15, 15] = 0.2, 0.2, torch.nan
    panel = figures.heatmaps(disc, {"a": heat}, outline=True).axes[1]
    under, shown = (np.asarray(picture.get_array()) for picture in panel.images)
    assert under.min() == under.max()
    assert np.array_equal(shown[0, 0], shown[8, 8])  # the same value on black and on white: the same colour
    assert shown[5, 5, :3].min() > 0.95  # a 0 is white
    assert shown[..., 3].min() == shown[15, 15, 3] == 0  # and unknown is grey
    (edge,) = panel.collections
    assert sum(map(len, edge.get_paths())) > 0
    assert not figures.heatmaps(disc, {"a": heat}).axes[1].collections
    figures.heatmaps(torch.zeros(1, 3, 16, 16), {"a": heat}, outline=True)  # nothing bright, no outline


def test_several_images_have_a_column_each_and_maps_a_row(images: Tensor) -> None:
    each = torch.tensor([0.0, 0.5, 1.0])[:, None, None].expand(3, 16, 16)
    maps = {"one": each, "two": 1 - each}
    figure = figures.heatmaps(images, maps, titles=["a", "b", "c"], label="drop in probability")
    assert [axis.get_title() for axis in figure.axes[:9]] == ["a", "b", "c", *[""] * 6]
    named = [[text.get_text() for text in axis.texts] for axis in figure.axes[:9]]
    assert named == [[], [], [], ["one"], [], [], ["two"], [], []]
    for panel in range(9):
        assert len(figure.axes[panel].images) == (1 if panel < 3 else 2)
    none, half, all_, *two = (_overlay(figure, panel)[..., 1].max() for panel in range(3, 9))  # how green: 0 is white
    assert none > 0.95 > half + 0.2 > all_ + 0.4
    assert two == pytest.approx([all_, half, none], abs=0.01)  # each image has its own map
    assert figure.axes[9].get_ylabel() == "drop in probability"


def test_many_maps_of_one_image_run_on(images: Tensor) -> None:
    figure = figures.heatmaps(images[:1], {str(n): torch.rand(1, 16, 16) for n in range(6)}, columns=4)
    assert [axis.get_title() for axis in figure.axes[:8]] == ["image", "0", "1", "2", "3", "4", "5", ""]


def test_pictures_in_rows(images: Tensor) -> None:
    figure = figures.pictures(images, ["a", "b\nc", "d"], columns=2)
    assert [axis.get_title() for axis in figure.axes] == ["a", "b\nc", "d", ""]
    assert np.allclose(np.asarray(figure.axes[1].images[0].get_array()), images[1].permute(1, 2, 0))
    figures.pictures([images[0, :1]]).canvas.draw()  # grey
    named = figures.pictures(images, names=["first", "second"], columns=2)
    assert [[text.get_text() for text in axis.texts] for axis in named.axes] == [["first"], [], ["second"], []]


def test_an_answer_has_a_bar_per_class(images: Tensor) -> None:
    figure = figures.answer(images[0], [("cat", 0.75), ("dog", 0.25)], title="photo")
    assert [bar.get_width() for bar in figure.axes[1].patches] == [0.75, 0.25]
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["cat", "dog"]
    assert figure.axes[1].get_xlabel() == "probability"
    assert {text.get_text() for text in figure.axes[1].texts} == {"0.75", "0.25"}


def test_lines_are_labelled_at_their_ends() -> None:
    figure = figures.lines(
        [0, 1], {"up": [0, 1], "down": [1, 0]}, xlabel="removed", ylabel="accuracy (higher is better)"
    )
    [axis] = figure.axes
    assert [text.get_text().strip() for text in axis.texts] == ["up", "down"]
    assert (axis.get_xlabel(), axis.get_ylabel()) == ("removed", "accuracy (higher is better)")
    assert [list(line.get_ydata()) for line in axis.lines] == [[0, 1], [1, 0]]
    assert len({line.get_color() for line in axis.lines}) == 2
    [axis] = figures.lines([0, 1], {"up": [0, 1]}, xlabel="layer", ylabel="", ticks=["first", "last"]).axes
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["first", "last"]


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    objects: list[Any] = []
    monkeypatch.setattr("IPython.display.display", objects.append)
    return objects


@pytest.mark.parametrize("way", ["at the end of a cell", "in the middle"])
def test_a_figure_displays_itself_with_its_description_and_stays_out_of_pyplot(
    way: str, shown: list[Any], images: Tensor
) -> None:
    figure = figures.pictures(images[:2], ["a ring", "a star"])
    if way == "in the middle":
        figures.show(figure)
        [figure] = shown
        shown.clear()
    assert DisplayFormatter().format(figure) == ({}, {})  # it has displayed itself
    data, metadata = DisplayFormatter().format(shown[0])
    (kind,) = (k for k in data if k.startswith("image/"))
    assert metadata[kind]["alt"] == "2 pictures: a ring; a star."
    assert f"image/{Image.open(io.BytesIO(base64.b64decode(data[kind]))).format.lower()}" == kind
    assert plt.get_fignums() == []


def test_an_ipython_that_knows_no_alt_texts_shows_a_figure_with_its_own(
    shown: list[Any], images: Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Before8(display.Image):
        def __init__(self, data: bytes, format: str, metadata: dict[str, Any] | None = None) -> None:
            super().__init__(data=data, format=format, metadata=metadata)

    monkeypatch.setattr(display, "Image", Before8)
    DisplayFormatter().format(figures.pictures(images[:1], ["a comet"]))
    _, metadata = DisplayFormatter().format(shown[0])
    assert [texts["alt"] for texts in metadata.values()] == ["A comet: picture."]


def test_a_figure_tells_the_size_of_its_smallest_letters(images: Tensor) -> None:
    made, axes = figures.figure(1, 2, (4.0, 2.0))
    axes[0, 0].set_title("large", fontsize=14)
    axes[0, 0].tick_params(labelsize=6)
    axes[0, 1].axis("off")
    axes[0, 1].tick_params(labelsize=3)  # which nobody sees
    made.draw_without_rendering()
    assert made.letters == 6
    axes[0, 0].axis("off")
    assert made.letters == 14
    assert figures.pictures(images[:1]).letters == 0


def test_what_guessing_gives_is_a_dashed_line() -> None:
    figure = figures.lines([0, 1], {"a": [0, 1]}, xlabel="x", ylabel="y", chance=[0.25, 0.5])
    dashed = [line.get_ydata()[0] for line in figure.axes[0].lines if line.get_linestyle() == "--"]
    assert dashed == [0.25, 0.5]


def test_names_of_curves_that_end_at_one_place_do_not_overlap() -> None:
    figure = figures.lines([0, 1], {"a": [0, 1], "b": [0.5, 1], "c": [1, 1]}, xlabel="x", ylabel="y")
    figure.draw_without_rendering()
    boxes = sorted((t.get_window_extent() for t in figure.axes[0].texts), key=lambda box: box.y0)
    assert len(boxes) == 3
    assert all(below.y1 <= above.y0 + 1 for below, above in pairwise(boxes))


def test_a_figure_becomes_a_small_file() -> None:
    from vislib.data import photo

    pixels = (
        torch.from_numpy(np.array(photo("cameraman").convert("RGB").resize((224, 224))) / 255).permute(2, 0, 1).float()
    )
    heat = torch.linspace(-1, 1, 224).expand(1, 224, 224)

    def overlay() -> Figure:
        return figures.heatmaps(pixels[None], {"across": heat, "down": heat.mT}, label="x")

    def drawing() -> Figure:
        return figures.lines([0.0, 1.0], {"up": [0.0, 1.0]}, xlabel="x", ylabel="y")

    for draw, kind, mode in ((overlay, "JPEG", "RGB"), (drawing, "PNG", "P")):
        figure, raw = draw(), io.BytesIO()
        file = encoded_figure(figure)
        figure.savefig(raw, format="png", dpi=100, bbox_inches="tight")
        assert len(file) < 0.6 * raw.tell()
        assert len(file) < 100_000
        image = Image.open(io.BytesIO(file))
        assert (image.format, image.mode) == (kind, mode)
        assert file == encoded_figure(draw())  # the same figure is the same file, so that notebooks do not change


def test_drawing_leaves_the_style_of_others_alone(images: Tensor) -> None:
    before = dict(plt.rcParams)
    interactive = plt.isinteractive()
    figures.heatmaps(images[:1], {"a": torch.rand(1, 16, 16)})
    assert dict(plt.rcParams) == before
    assert plt.isinteractive() == interactive


def test_the_name_of_a_row_is_turned_and_a_letter_is_upright(images: Tensor) -> None:
    heat = torch.rand(3, 16, 16)
    figure = figures.heatmaps(images, {"a method": heat, "A": heat})
    turned, upright = (figure.axes[panel].texts[0] for panel in (3, 6))
    assert (turned.get_rotation(), upright.get_rotation()) == (90, 0)
    assert upright.get_fontsize() > turned.get_fontsize() == 12


def test_many_maps_of_one_image_stand_in_full_rows_with_their_bar(images: Tensor) -> None:
    figure = start_here.in_a_row(images[:1], {name: torch.rand(1, 16, 16) for name in ("gray", *"bcdef")}, label="drop")
    assert [axis.get_title() for axis in figure.axes[:8]] == ["grey", *"bcdef", "", ""]
    assert figure.axes[8].get_ylabel() == "drop"


@pytest.mark.parametrize(("count", "columns", "names"), [(9, 3, 3), (8, 4, 2), (3, 1, 0), (2, 2, 1), (12, 4, 3)])
def test_pictures_fit_a_screen_and_lie_close(count: int, columns: int, names: int) -> None:
    titles = ["one line\nand a second"] * count
    figure = figures.pictures(torch.rand(count, 3, 8, 8), titles, names=["a long name"] * names, columns=columns)
    figure.canvas.draw()
    assert figure.get_figheight() <= 6 or figure.get_figheight() < 2 * count / columns
    boxes = [axis.get_window_extent() for axis in figure.axes[:count]]
    assert min(box.width for box in boxes) > 95
    rows = sorted({round(box.y0) for box in boxes})
    for low, high in pairwise(rows):
        assert high - low < boxes[0].height + 65  # the two lines of a title, and no more


def test_a_title_that_nearly_fits_is_made_smaller_and_one_that_does_not_is_broken() -> None:
    nearly, long = "a cat of 17 chars", "a title that no size of letters makes fit above it"
    for text, size, lines in ((nearly, 10, 1), (long, 12, 4), ("short", 12, 1)):
        figure = figures.pictures(torch.rand(6, 3, 8, 8), [text] * 6, width=8.4)
        title = figure.axes[0].title
        assert (title.get_fontsize(), title.get_text().count("\n") + 1) == (size, lines)


def test_maps_of_few_columns_and_many_rows_fit_a_screen(images: Tensor) -> None:
    heats = {name: torch.rand(2, 16, 16) for name in ("a", "b")}
    assert figures.heatmaps(torch.cat([images[:1]] * 2), heats).get_figheight() < 6
