"""Maps: names do not overlap, every point is drawn once, and panels carry their own numbers."""

from collections.abc import Iterator
from itertools import combinations

import pytest
import torch
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Annotation
from torch import Tensor

from vislib import data, models
from vislib.course import activation_tsne, figures, maps, weight_pca
from vislib.embedding import class_weights, pca

pytestmark = pytest.mark.filterwarnings("error")


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    plt.switch_backend("agg")
    yield
    plt.close("all")


def _points(n: int, seed: int = 0) -> Tensor:
    return torch.randn(n, 2, generator=torch.Generator().manual_seed(seed))


def _labels(figure: Figure) -> list[Annotation]:
    return [child for child in figure.axes[0].get_children() if isinstance(child, Annotation)]


def _overlaps(figure: Figure) -> int:
    figure.canvas.draw()
    boxes = [maps.box(label) for label in _labels(figure)]
    return sum(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_names_that_would_lie_on_each_other_are_parted() -> None:
    groups = torch.arange(120) % 8
    names = [f"a rather long name {k}" for k in range(8)]  # all middles lie near the origin
    figure = weight_pca.scatter(_points(120), groups, names, words={i: f"word {i}" for i in range(5)})
    assert len(_labels(figure)) == 13
    assert _overlaps(figure) == 0
    frame = figure.axes[0].get_window_extent()
    for label in _labels(figure):
        box = maps.box(label)
        assert frame.x0 - 2 <= box.x0 < box.x1 <= frame.x1 + 2
        assert frame.y0 - 2 <= box.y0 < box.y1 <= frame.y1 + 2


def test_without_parting_they_would_overlap(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weight_pca, "spread_labels", lambda *arguments: None)
    names = [f"a rather long name {k}" for k in range(8)]
    assert _overlaps(weight_pca.scatter(_points(120), torch.arange(120) % 8, names)) > 5


def _covered(figure: Figure, points: Tensor) -> int:
    """How many points lie under a label."""
    figure.canvas.draw()
    places = figure.axes[0].transData.transform(points.numpy())
    return sum(bool(maps.box(label).contains(x, y)) for label in _labels(figure) for x, y in places)


def test_a_named_point_is_not_covered_by_a_name() -> None:
    points = _points(120)
    names = [f"a rather long name {k}" for k in range(8)]
    figure = weight_pca.scatter(points, torch.arange(120) % 8, names, words={i: f"word {i}" for i in range(5)})
    assert _covered(figure, points) > 0  # labels have to cover something
    assert _covered(figure, points[:5]) == 0


@pytest.mark.slow
def test_the_names_on_the_map_of_notebook_02_do_not_overlap() -> None:
    model = models.load()
    points = pca(class_weights(model).cpu()).points
    known = ["golden retriever", "timber wolf", "tabby", "pizza", "school bus", "violin", "castle", "goldfish"]
    figure = weight_pca.scatter(
        points, weight_pca.groups(), weight_pca.GROUPS, pale=weight_pca.OTHER, words={model.index(w): w for w in known}
    )
    assert len(_labels(figure)) == len(known) + len(weight_pca.GROUPS)
    assert _overlaps(figure) == 0
    assert _covered(figure, points[[model.index(word) for word in known]]) == 0


def test_every_point_is_drawn_once_in_the_look_of_its_group() -> None:
    groups = torch.tensor([0] * 5 + [1] * 7 + [2] * 9)
    points = _points(21)
    figure = weight_pca.scatter(points, groups, ["a", "b", "c"], pale="c")
    drawn = {dots.get_label(): dots for dots in figure.axes[0].collections}
    assert {name: len(dots.get_offsets()) for name, dots in drawn.items()} == {"a": 5, "b": 7, "c": 9}
    assert torch.allclose(torch.tensor(drawn["b"].get_offsets().data).float(), points[5:12])
    assert len({tuple(dots.get_facecolor()[0]) for dots in drawn.values()}) == 3
    assert drawn["c"].get_zorder() < drawn["a"].get_zorder()


def test_thirteen_groups_have_thirteen_looks() -> None:
    looks = {
        (
            maps.colour(k, name, weight_pca.GROUPS, weight_pca.OTHER),
            maps.MARKERS[k % 8 if k < 8 else (k + 3) % 8],
        )
        for k, name in enumerate(weight_pca.GROUPS)
    }
    assert len(looks) == 13


def test_panels_have_a_row_per_colouring_and_the_notes_below() -> None:
    drawn = {"one": _points(12), "two": _points(12, 1)}
    groups = [torch.arange(12) % 2, torch.arange(12) % 3]
    notes = {"one": ["0.1", "0.2"], "two": ["0.3", "0.4"]}
    figure = maps.panels(drawn, groups, [["a", "b"], ["c", "d", "e"]], rows=["by a", "by c"], notes=notes)
    assert [axis.get_xlabel() for axis in figure.axes] == ["0.1", "0.3", "0.2", "0.4"]
    assert [axis.get_title() for axis in figure.axes[:2]] == ["one", "two"]
    figure.canvas.draw()
    first, second = (legend.get_window_extent() for legend in figure.legends)
    assert not first.overlaps(second)
    for legend in (first, second):
        assert not any(legend.overlaps(axis.get_window_extent()) for axis in figure.axes)


def test_panels_may_colour_each_map_in_its_own_way() -> None:
    drawn = {"one": _points(4), "two": _points(4)}
    own = torch.tensor([[0, 0, 0, 0], [0, 0, 1, 1]])
    figure = maps.panels(drawn, [own], [["a", "b"]])
    sizes = [[len(dots.get_offsets()) for dots in axis.collections] for axis in figure.axes]
    assert sizes == [[4, 0], [2, 2]]


def test_a_gallery_shows_the_chosen_images_under_their_names() -> None:
    images = torch.rand(20, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    figure = activation_tsne.gallery(_points(20), images, [3, 7], groups=torch.arange(20) % 2, names=["a", "b"])
    boxes = figure.axes[1].child_axes
    assert [box.get_title() for box in boxes] == ["1: b", "2: b"]
    assert torch.allclose(torch.tensor(boxes[1].images[0].get_array().data), images[7].permute(1, 2, 0))
    assert _overlaps(figure) == 0


def test_a_gallery_names_what_it_missed() -> None:
    points, images = _points(20), torch.rand(20, 3, 8, 8)
    figure = activation_tsne.gallery(points, images, [3], groups=torch.zeros(20), names=["a"], missed=[7])
    places = {text.get_text(): list(text.xy) for text in _labels(figure)}
    assert places == {"1": pytest.approx(points[3].tolist()), "missed": pytest.approx(points[7].tolist())}
    assert len(figure.axes[1].child_axes) == 1


def test_of_two_points_at_one_place_the_lower_has_its_number_below() -> None:
    points = torch.tensor([[0.0, 0.0], [0.0, 0.03], [1.0, 1.0], [-1.0, -1.0]])
    figure = activation_tsne.gallery(points, torch.rand(4, 3, 8, 8), [0, 1], groups=torch.zeros(4), names=["a"])
    figure.canvas.draw()
    below, above = (maps.box(label) for label in _labels(figure))
    place = figure.axes[0].transData.transform((0.0, 0.015))
    assert below.y1 < place[1] < above.y0


def test_bars_carry_their_values() -> None:
    figure = figures.bars({"ours": [0.5, 0.25]}, ["a", "b"], ylabel="share", floor=0.1)
    written = [text.get_text() for text in figure.axes[0].texts]
    assert written == ["0.50", "0.25", " floor:\n 0.1"]
    assert [patch.get_height() for patch in figure.axes[0].patches] == [0.5, 0.25]


def test_bars_of_one_name_have_no_legend() -> None:
    assert not figures.bars({"ours": [0.5]}, ["a"], ylabel="share", floor=0.1).legends
    two = figures.bars({"ours": [0.5], "theirs": [0.4]}, ["a"], ylabel="share", floor=0.1)
    assert [text.get_text() for text in two.legends[0].get_texts()] == ["floor: 0.1", "ours", "theirs"]


def test_the_number_of_a_bar_stands_clear_of_the_floor() -> None:
    figure = figures.bars(
        {"a": [5.0, 0.8], "b": [0.1, 1.2]}, ["x", "y"], ylabel="times", floor=1.0, floor_name="chance"
    )
    feet = {text.get_text(): text.xy[1] for text in figure.axes[0].texts if isinstance(text, Annotation)}
    assert feet == {"5.00": 5.0, "0.80": 1.0, "0.10": 0.1, "1.20": 1.2}
    figure.canvas.draw()
    line = figure.axes[0].transData.transform((0, 1.0))[1]
    for text in figure.axes[0].texts:
        box = text.get_window_extent()
        assert not box.y0 < line < box.y1, text.get_text()
    assert "chance: 1" in figure.axes[0].get_legend_handles_labels()[1]


def test_ten_groups_have_ten_colours_and_more_differ_by_colour_or_marker() -> None:
    assert len({maps.colour(k, "", [], None) for k in range(10)}) == 10
    looks = {(maps.colour(k, "", [], None), maps.MARKERS[k % 8 if k < 8 else (k + 3) % 8]) for k in range(13)}
    assert len(looks) == 13


def test_groups_that_are_named_after_colours_have_them_and_ten_groups_ten_colours() -> None:
    named = {name: maps.colour(k, name, data.COLOURS, None) for k, name in enumerate(data.COLOURS)}
    shifted = {name: maps.colour(k + 3, name, data.COLOURS, None) for k, name in enumerate(data.COLOURS)}
    assert named == shifted
    assert len(set(named.values())) == len(data.COLOURS)
    for name, way in {"red": 0, "green": 1, "blue": 2}.items():
        parts = [int(named[name][i : i + 2], 16) for i in (1, 3, 5)]
        assert parts.index(max(parts)) == way, name
    assert len({maps.colour(k, str(k), list("0123456789"), None) for k in range(10)}) == 10
