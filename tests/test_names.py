"""Names as a reader may type them: no class, image or method is read as markup, in no figure and on no page."""

import re
from collections.abc import Callable, Collection, Sequence
from html.parser import HTMLParser
from typing import Any

import pandas as pd
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from matplotlib import cbook
from matplotlib import pyplot as plt
from matplotlib.figure import Figure
from matplotlib.text import Text
from torch import nn

from tests.explorers import controls
from vislib.course import (
    activation_tsne,
    explanation_taxonomy,
    figures,
    gradients,
    input_reconstruction,
    maps,
    occlusion,
    review,
    roar,
    sanity_checks,
    weight_pca,
)
from vislib.course.names import beside, on_page
from vislib.models import Classifier
from vislib.roar import RoarResult

Names = Sequence[str]

IMAGES = torch.rand(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
HEATS = IMAGES.mean(1)
POINTS, GROUPS = IMAGES[:, 0, 0, :2], torch.arange(3)


def _swept(names: Names) -> RoarResult:
    """Return a sweep of these explainers; of one name there can be only one."""
    rows = [
        {"explainer": name, "fraction": fraction, "seed": seed, "accuracy": 0.5 + seed / 10}
        for name in dict.fromkeys(names)
        for fraction in (0.1, 0.9)
        for seed in range(2)
    ]
    return RoarResult(pd.DataFrame(rows))


def _table(names: Names) -> pd.DataFrame:
    columns = {"value": 0.5, "low": 0.4, "high": 0.6, "verdict": "better"}
    return pd.DataFrame([{"explainer": a, "test": b, **columns} for a in set(names) for b in set(names)])


def _model(names: Names) -> Classifier:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.AvgPool2d(8), nn.Flatten(), nn.Linear(48, 3)).eval()
    return Classifier(network, classes=list(names), input_size=32)


def _differences(names: Names) -> pd.DataFrame:
    return _swept(names).area_differences(names[0]).assign(low=-1.0, high=1.0)


def _series(names: Names) -> Any:
    return pd.Series(range(len(set(names))), index=pd.Index(dict.fromkeys(names)), dtype=float)


FIGURES: dict[str, Callable[[Names], Figure]] = {
    "answer": lambda n: figures.answer(IMAGES[0], [(name, 0.3) for name in n], title=n[0]),
    "pictures": lambda n: figures.pictures(IMAGES, n, names=n),
    "heatmaps": lambda n: figures.heatmaps(IMAGES, dict.fromkeys(n, HEATS), titles=n, label=n[0][:20]),
    "lines": lambda n: figures.lines(
        [0, 1, 2], {name: [0, 1, 2] for name in n}, xlabel=n[0][:20], ylabel=n[1][:20], ticks=n
    ),
    "bars": lambda n: figures.bars({name: [1, 2, 3] for name in n}, n, ylabel=n[0][:20], floor=1, floor_name=n[1]),
    "panels": lambda n: maps.panels(dict.fromkeys(n, POINTS), [GROUPS], [n], rows=n[:1]),
    "scatter": lambda n: weight_pca.scatter(POINTS, GROUPS, n, words=dict(enumerate(n)), xlabel=n[0][:20]),
    "one_by_one": lambda n: weight_pca.one_by_one(POINTS, GROUPS, n, n),
    "spread": lambda n: weight_pca.spread(dict.fromkeys(n, POINTS[:, 0]), xlabel=n[0][:20]),
    "gallery": lambda n: activation_tsne.gallery(POINTS, IMAGES, [0, 1], groups=GROUPS, names=n),
    "told": lambda n: explanation_taxonomy.told(IMAGES, {n[0]: (HEATS, n)}, titles=n),
    "intervals": lambda n: explanation_taxonomy.intervals({n[0]: {name: [1, 2, 3] for name in n}}),
    "by_word": lambda n: gradients.by_word(IMAGES, {n[0]: dict.fromkeys(n, HEATS)}),
    "spectra": lambda n: input_reconstruction.spectra(dict.fromkeys(n, IMAGES)),
    "strips": lambda n: sanity_checks.strips(IMAGES[0], {n[0]: HEATS}, n),
    "cascades": lambda n: sanity_checks.cascades(
        dict.fromkeys(n, (torch.rand(3, 4, 2), torch.rand(3, 2))), ylabel=n[0][:20]
    ),
    "dots": lambda n: sanity_checks.dots({n[0]: dict.fromkeys(n, (POINTS[0], POINTS[1]))}, value=n[0], reference=n[1]),
    "curves": lambda n: roar.curves(_swept(n), against=n[0], masks=_swept(n), chance=0.1),
    "differences": lambda n: roar.differences({n[0]: _differences(n)}, xlabel=n[0][:20]),
    "agreement": lambda n: roar.agreement(_series(n), _series(n), xlabel=n[0][:20], ylabel=n[1][:20]),
    "board": lambda n: review.board(_table(n)),
}
PAGES: dict[str, Callable[[Names], Any]] = {
    "tsne": lambda n: activation_tsne.explorer(POINTS, IMAGES, GROUPS, n, known={1: POINTS}, title=n[0]),
    "taxonomy": lambda n: explanation_taxonomy.explorer(_model(n), IMAGES[:1], 0, patch=16, facts={n[0]: n[1]}),
    "gradients": lambda n: gradients.explorer(_model(n), IMAGES[:1], 0),
    "occlusion": lambda n: occlusion.explorer(_model(n), IMAGES[:1], 0),
    "review": lambda n: review.explorer(_table(n), {n[0]: n[1]}),
    "sanity": lambda n: sanity_checks.explorer(IMAGES, {n[0]: HEATS.expand(3, -1, -1, -1)}, n, n[:2]),
    "weights": lambda n: weight_pca.explorer(n, IMAGES[:, 0, 0], POINTS, k=2),
    "roar": lambda n: roar.explorer(IMAGES, dict.fromkeys(n, HEATS), _swept(n), colour=IMAGES.mean((0, 2, 3))[:, None, None]),
}  # fmt: skip

# What is read as markup by matplotlib, HTML, Markdown, MathJax or Python's formatting, and what fonts find hard.
PARTS = ("$", "$$", "\\", "{", "}", "_", "^", "%", "%s", "{0}", "&", "&lt;", "<b>", "</td>", '"', "'", "*", "`", "#", ";", "; ",
         "|", "\\(", "\\)", "x", "cat ", "Größe", "שלום", "\N{HORIZONTAL ELLIPSIS}", "long " * 40)  # fmt: skip
NAME = st.lists(st.sampled_from(PARTS), min_size=1, max_size=5).map("".join).filter(str.strip)
THREE = st.lists(NAME, min_size=3, max_size=3)
HARD = [
    ["Ba$$in", "$100 bill (not $50)", "A$_^$"],
    ["_hidden", "_hidden", "__init__"],
    ["retrained; random", "a" * 300, "100 %"],
]


def _each(functions: Collection[str], *quick: str) -> list[Any]:
    return [pytest.param(name, marks=() if name in quick else pytest.mark.slow) for name in functions]


def _hard(test: Any) -> Any:
    for names in HARD:
        test = example(names=names)(test)
    return test


@pytest.mark.filterwarnings("error", "ignore:Glyph", "ignore:constrained_layout")  # not every letter, nor room for all
@pytest.mark.parametrize("function", _each(FIGURES, "answer"))
@_hard
@given(names=THREE)
def test_no_name_is_a_formula_in_a_figure(function: str, names: list[str]) -> None:
    plt.switch_backend("agg")
    names = (
        names if function == "answer" else [f"{k} {name}" for k, name in enumerate(names)]
    )  # of one name there is one
    figure = FIGURES[function](names)
    try:
        figure.canvas.draw()
        texts = [text for text in figure.findobj(Text) if isinstance(text, Text) and text.get_text()]
        assert not [text for text in texts if text.get_parse_math() and cbook.is_math_text(text.get_text())]
        written = " ".join(text.get_text() for text in texts).replace("\u200b", "")
        assert names[0][:40].strip() in written
    finally:
        plt.close(figure)


@pytest.mark.parametrize("function", ["panels", "bars", "gallery", "dots"])
def test_no_name_is_missing_in_a_legend_or_hides_another(function: str) -> None:
    plt.switch_backend("agg")
    figure = FIGURES[function](["_one", "two", "_three"])
    texts = [t.get_text().strip("\u200b") for legend in (*figure.legends,) for t in legend.get_texts()]
    expected = ["_one", "two"] if function == "dots" else ["_one", "two", "_three"]
    assert {*expected} <= {*texts}
    plt.close(figure)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("function", ["answer", "bars", "intervals"])
def test_long_names_leave_room_for_the_axes(function: str) -> None:
    plt.switch_backend("agg")
    figure = FIGURES[function](["a" * 400, "b" * 400, "c"])
    figure.canvas.draw()
    plt.close(figure)


def test_two_classes_of_one_name_have_a_bar_each() -> None:
    figure = figures.answer(IMAGES[0], [("crane", 0.5), ("crane", 0.4), ("cat", 0.1)])
    assert len({bar.get_window_extent().y0 for bar in figure.axes[1].patches}) == 3
    assert [label.get_text() for label in figure.axes[1].get_yticklabels()] == ["crane", "crane", "cat"]
    plt.close(figure)


def test_two_images_of_one_name_are_two_in_the_cascade_explorer() -> None:
    explorer = sanity_checks.explorer(IMAGES, {"a": HEATS.expand(3, -1, -1, -1)}, ["x", "x", "y"], ["p", "q"])
    found = controls(explorer)
    seen = []
    for k in range(3):
        found["image"].index = k
        seen.append(bytes(found["Image"].value))
    assert len(set(seen)) == 3


class _Reader(HTMLParser):
    """Notes the tags of a page, and its texts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags += [tag] if tag not in ("bdi", "span") else []

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def _read(page: str) -> _Reader:
    reader = _Reader()
    reader.feed(re.sub(r"<style>.*?</style>", "", page))
    reader.close()
    return reader


@pytest.mark.parametrize("function", _each(PAGES, "occlusion", "tsne"))
@_hard
@given(names=THREE)
def test_no_name_is_markup_on_a_page(function: str, names: list[str]) -> None:
    names = [f"{name} {k}" for k, name in enumerate(names)]  # of one name there is one, as in the plain page
    plain = _read(PAGES[function](["a 0", "b 1", "c 2"])._repr_mimebundle_()["text/html"])
    seen = _read(PAGES[function](names)._repr_mimebundle_()["text/html"])
    assert sorted(seen.tags) == sorted(plain.tags)
    assert names[0] in "".join(seen.texts)
    for text in seen.texts:
        assert text in ("$", "\\") or not re.search(r"[$\\]", text), "JupyterLab reads a formula"


@given(NAME)
def test_a_page_shows_the_name_itself(name: str) -> None:
    assert "".join(_read(on_page(name)).texts) == name


def test_a_long_name_is_cut_beside_an_axis_and_an_underscore_is_kept() -> None:
    assert beside("a" * 48) == "a" * 48
    assert beside("a" * 49) == "a" * 47 + "…"
    assert beside("two\nlines") == "two\nlines"
    assert beside("_a").endswith("_a")
    assert not beside("_a").startswith("_")
