"""The checkers, the explorer, the figures and the stored tables of notebook 07."""

import copy
from collections.abc import Callable, Iterator
from itertools import combinations
from typing import Any

import pytest
import torch
from matplotlib import pyplot as plt
from torch import Tensor, nn

from experiments import sanity as recipes
from vislib import controls, sanity
from vislib.course import results, sanity_checks
from vislib.course.encoding import encoded_figure
from vislib.course.sanity_checks import cascades, columns_of, dots, kept, strips, twins


@pytest.fixture(autouse=True)
def _no_window() -> Iterator[None]:
    plt.switch_backend("agg")
    yield
    plt.close("all")


# ---- exercises ----


def _reset(network: nn.Module, seed: int, *, inside: bool = False, once: bool = True, skip: int = -1) -> nn.Module:
    other = network if inside else copy.deepcopy(network)
    if once:
        torch.manual_seed(seed)
    for k, layer in enumerate(other.modules()):
        if hasattr(layer, "reset_parameters") and k != skip:
            if not once:
                torch.manual_seed(seed)
            layer.reset_parameters()
    return other


def _drawn(network: nn.Module, seed: int, draw: Callable[[Tensor], Any]) -> nn.Module:
    other = copy.deepcopy(network)
    torch.manual_seed(seed)
    for parameter in other.parameters():
        draw(parameter.data)
    return other


DESTROYED: dict[str, tuple[Callable[..., Any], str, str]] = {
    "nothing": (lambda *a: None, "not attempted", "Not attempted yet"),
    "right": (_reset, "right", "Right"),
    "the network itself": (lambda n, s: _reset(n, s, inside=True), "wrong", "work on copy.deepcopy"),
    "one seed each": (lambda n, s: _reset(n, s, once=False), "wrong", "set the seed once"),
    "a layer left out": (lambda n, s: _reset(n, s, skip=6), "wrong", "still has its old weights"),
    "biases kept": (
        lambda n, s: _drawn(n, s, lambda p: p.ndim > 1 and nn.init.kaiming_uniform_(p, a=5**0.5)),
        "wrong",
        "biases",
    ),
    "only a copy": (lambda n, s: copy.deepcopy(n), "wrong", "still has its old weights"),
    "uniform from 0": (lambda n, s: _drawn(n, s, lambda p: p.uniform_(0, 0.1)), "wrong", "leave them to"),
    "normal": (lambda n, s: _drawn(n, s, lambda p: p.normal_()), "wrong", "leave them to"),
    "no seed": (lambda n, s: _reset(n, torch.seed()), "wrong", "The same seed gives other weights"),
    "always one seed": (lambda n, s: _reset(n, 0), "wrong", "Another seed gives the same weights"),
    "another network": (lambda n, s: nn.Linear(2, 2), "wrong", "other layers"),
    "raises later": (lambda n, s: 1 / 0 if s else _reset(n, s), "wrong", "ZeroDivisionError"),
    "a tensor": (lambda n, s: torch.zeros(3), "wrong", "returns a Tensor; expected a network"),
    "raises": (lambda *a: 1 / 0, "wrong", "ZeroDivisionError"),
}


def _mean(pairs: list[tuple[int, int]]) -> Callable[..., float]:
    return lambda maps, alike: sum(float(alike(maps[i], maps[j])) for i, j in pairs) / len(pairs)


_ALL = list(combinations(range(4), 2))
GROUND: dict[str, tuple[Callable[..., Any], str, str]] = {
    "nothing": (lambda *a: None, "not attempted", "Not attempted yet"),
    "right": (_mean(_ALL), "right", "Right"),
    "both ways": (_mean([*_ALL, *[(j, i) for i, j in _ALL]]), "right", "Right"),
    "itself": (_mean([(i, j) for i in range(4) for j in range(4)]), "wrong", "with itself"),
    "first": (_mean([(0, 1), (0, 2), (0, 3)]), "wrong", "the first map only"),
    "neighbours": (_mean([(0, 1), (1, 2), (2, 3)]), "wrong", "neighbours only"),
    "sum": (lambda m, a: 6 * _mean(_ALL)(m, a), "wrong", "divide it by the number of pairs"),
    "other": (lambda m, a: 0.5, "wrong", "expected 0.617, and yours is 0.500"),
    "a list": (lambda m, a: [1], "wrong", "returns a list"),
    "raises": (lambda *a: 1 / 0, "wrong", "ZeroDivisionError"),
}


def _like_edges(noise: float) -> Callable[..., Tensor]:
    """Return maps that are the ranks of the edges, and noise that the weights seed."""

    def method(model: nn.Module, images: Tensor, target: Tensor) -> Tensor:
        edges = controls.sobel(model, images, target).flatten(1)
        seed = int(1e6 * sum(float(p.detach().double().abs().sum()) for p in model.parameters())) % 2**31
        drawn = torch.rand(edges.shape, generator=torch.Generator().manual_seed(seed))
        return (edges.argsort(1).argsort(1) / edges.shape[1] + noise * drawn).reshape(images[:, 0].shape)

    return method


FRAUDS: dict[str, tuple[Callable[..., Any], str, str]] = {
    "nothing": (lambda *a: None, "not attempted", "Not attempted yet"),
    "right": (_like_edges(1.1), "right", "Right"),
    "edges alone": (controls.sobel, "wrong", "expected below 0.5"),
    "noise alone": (_like_edges(1e3), "wrong", "expected 0.6 or more"),
    "no seed": (lambda m, x, t: torch.rand(x[:, 0].shape), "wrong", "gives two maps"),
    "channels": (lambda m, x, t: x, "wrong", "expected"),
    "raises": (lambda *a: 1 / 0, "wrong", "ZeroDivisionError"),
}


@pytest.mark.parametrize(
    ("checker", "answer", "state", "part"),
    [
        *(
            pytest.param(sanity_checks.check_destroyed, *case, id=f"destroyed: {name}")
            for name, case in DESTROYED.items()
        ),
        *(pytest.param(sanity_checks.check_ground, *case, id=f"ground: {name}") for name, case in GROUND.items()),
        *(pytest.param(sanity_checks.check_fraud, *case, id=f"fraud: {name}") for name, case in FRAUDS.items()),
    ],
)
def test_checkers(checker: Callable[..., Any], answer: Callable[..., Any], state: str, part: str) -> None:
    before = torch.get_rng_state()
    verdict = checker(answer)
    assert verdict.state == state
    assert part in verdict.message
    assert torch.equal(torch.get_rng_state(), before)


# ---- the explorer ----


def test_the_cascade_explorer_shows_the_map_of_its_depth() -> None:
    images, maps = torch.rand(2, 3, 24, 24), torch.rand(4, 2, 24, 24)
    explorer = sanity_checks.explorer(
        images, {"one": maps, "two": maps.flip(0)}, ["cat", "<cup>"], ["head", "mid<dle>", "stem"]
    )
    (method, name), depth, (photograph, left, right), words = (
        explorer.children[0].children,
        explorer.children[1],
        explorer.children[2].children,
        explorer.children[3],
    )
    assert (depth.min, depth.max, depth.value) == (0, 3, 1)
    depth.value = 0
    assert left.value == right.value
    assert "nothing" in words.value
    assert "<strong>1.00</strong>" in words.value
    trained = left.value
    for k in (2, 3):
        depth.value = k
        assert left.value == trained != right.value
        expected = float(sanity.spearman(maps[:1, 0], maps[k : k + 1, 0]))
        assert f"<strong>{expected:.2f}</strong>" in words.value
    depth.value = 2
    assert "mid&lt;dle&gt;" in words.value
    before = right.value
    method.value = "two"
    assert right.value != before
    before = right.value
    plain = photograph.value
    name.value = "<cup>"
    assert right.value != before
    assert photograph.value != plain


def test_no_photograph_shines_through_the_maps_of_the_cascade_explorer() -> None:
    maps = torch.rand(2, 1, 12, 12, generator=torch.Generator().manual_seed(6))
    drawn = [
        [
            picture.value
            for picture in sanity_checks.explorer(image, {"one": maps}, ["a"], ["b"]).children[2].children[1:]
        ]
        for image in (torch.zeros(1, 3, 12, 12), torch.ones(1, 1, 12, 12))
    ]
    assert drawn[0] == drawn[1]


def test_the_cascade_explorer_is_a_page_without_a_kernel() -> None:
    explorer = sanity_checks.explorer(
        torch.rand(1, 3, 24, 24), {"one": torch.rand(3, 1, 24, 24)}, ["cat"], ["head", "stem"]
    )
    bundle = explorer._repr_mimebundle_()
    assert bundle["text/plain"] == "Cascade explorer: run this cell in JupyterLab"
    assert 'alt="A picture and two heatmaps' in bundle["text/html"]
    assert "down to <code><bdi>head</bdi></code>" in bundle["text/html"]


@pytest.mark.parametrize(
    ("shape", "names"), [((3, 2, 24, 24), 2), ((4, 2, 24, 23), 2), ((4, 2, 24, 24), 1), ((4, 1, 24, 24), 2)]
)
def test_maps_that_do_not_fit_the_explorer_are_refused(shape: tuple[int, ...], names: int) -> None:
    with pytest.raises(
        ValueError, match=r"the maps of one have shape .*; expected \(4, 2, 24, 24\) and a name for each"
    ):
        sanity_checks.explorer(torch.rand(2, 3, 24, 24), {"one": torch.rand(shape)}, ["cat"] * names, ["a", "b", "c"])


# ---- figures ----


@pytest.mark.filterwarnings("error")
def test_strips_bear_maps_of_zeros() -> None:
    maps = [torch.rand(2, 20, 20), torch.zeros(2, 20, 20)]
    figure = strips(
        torch.rand(3, 20, 20), {"one": columns_of(maps, 1), "two": columns_of(maps, 0)}, ["trained", "random"]
    )
    assert [axis.get_title() for axis in figure.axes[:3]] == ["", "trained", "random"]
    assert len(figure.axes) == 7  # and a colour bar
    assert figure.axes[6].get_ylabel() == "share of the map's 99th percentile"
    assert encoded_figure(figure)


@pytest.mark.filterwarnings("error")
def test_cascades_draw_the_means_and_the_trained_network_apart() -> None:
    values, floor = torch.rand(3, 5, 4), torch.rand(3, 4)
    figure = cascades({"one": (values, floor), "two": (values, floor), "three": (values, floor)}, columns=2)
    for axis in figure.axes[:3]:
        dashed, dotted, line, dot = axis.get_lines()
        assert dashed.get_ydata() == pytest.approx([float(values[:, -1].mean())] * 2)
        assert dotted.get_ydata() == pytest.approx([float(floor.mean())] * 2)
        assert list(line.get_xdata()) == [1, 2, 3, 4, 5]
        assert line.get_ydata() == pytest.approx(values.mean((0, 2)).numpy())
        assert (list(dot.get_xdata()), list(dot.get_ydata())) == ([0], [1])
    assert encoded_figure(figure)
    assert len(cascades({"one": (values, floor), "two": (values, floor)}, columns=4).axes) == 2  # no empty panel beside


@pytest.mark.filterwarnings("error")
def test_dots_draw_means_and_all_values() -> None:
    one, other = torch.tensor([0.1, 0.3]), torch.tensor([0.5, 0.7])
    panel = {"gradient": (one, other), "Sobel": (other, one)}
    figure = dots({"left": panel, "right": panel}, value="v", reference="r")
    ticks, diamond, dot, *_ = figure.axes[1].get_lines()
    assert ticks.get_xdata() == pytest.approx([0.1, 0.3])
    assert diamond.get_xdata() == pytest.approx([0.6])
    assert dot.get_xdata() == pytest.approx([0.2])
    assert [text.get_text() for text in figure.axes[0].get_yticklabels()] == ["gradient", "Sobel"]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["v", "r"]  # as they are read
    assert encoded_figure(figure)


@pytest.mark.filterwarnings("error")
def test_maps_of_twins_stand_side_by_side_digit_after_digit() -> None:
    maps = {"true": torch.rand(2, 9, 9), "shuffled": torch.rand(2, 9, 9)}
    figure = sanity_checks.twin_maps(
        torch.rand(2, 1, 9, 9), {"one": maps, "signed": {name: heat - 0.5 for name, heat in maps.items()}}
    )
    panels = [axis for axis in figure.axes if axis.images and axis.get_label() != "<colorbar>"]
    assert [axis.get_title() for axis in panels] == ["true", "shuffled"] * 2 + [""] * 4
    bars = [axis.get_ylim() for axis in figure.axes if axis.get_label() == "<colorbar>"]
    assert bars == [(0, 1), (-1, 1)]
    assert encoded_figure(figure)


# ---- the tables ----


def test_the_photographs_and_methods_are_those_of_the_tables() -> None:
    assert sanity_checks.PHOTOS == recipes.PHOTOS
    assert list(sanity_checks.NAMES) == list(recipes.EXPLAINERS)
    assert list(recipes.FOR_LABELS) == sanity_checks.FOR_LABELS


def test_what_is_left_lies_in_its_interval_and_so_does_the_verdict() -> None:
    for method in sanity_checks.METHODS:
        for depth in (1, 10):
            share, low, high, said = sanity_checks.left(method, depth)
            assert low <= share <= high
            assert said == ("fails" if low > 0.5 else "passes" if high < 0.5 else "inconclusive")
    values, _ = kept("gradient")
    share, *_ = sanity_checks.left("gradient", 10)
    assert share == pytest.approx(
        float((values[:, 9].mean() - values[:, -1].mean()) / (1 - values[:, -1].mean())), abs=1e-3
    )


def test_a_control_that_asks_no_network_fails_both_checks() -> None:
    table = sanity_checks.checks().set_index("explainer")
    assert set(table.verdict["Sobel (control)"]) == {"worse"}
    assert set(table.verdict["guided backprop"]) == {"worse"}
    assert set(table.verdict["Grad-CAM"]) == {"better"}


def test_the_tables_have_a_value_for_each_network_and_photograph() -> None:
    values, floor = kept("gradient")
    assert values.shape == (len(recipes.SEEDS), len(recipes.DEPTHS), len(recipes.PHOTOS))
    assert floor.shape == (10, 10)
    row = results.stored("sanity").query("method == 'gradient' and seed == 1 and depth == 3").iloc[0]
    assert values[1, 2].tolist() == pytest.approx(row.spearman)
    assert [part.shape for part in twins("grad_cam", "ink")] == [(10,), (10,)]


def test_guided_backprop_lies_above_the_gradient_for_the_upper_half_of_the_blocks() -> None:
    (plain, plain_floor), (guided, guided_floor) = kept("gradient"), kept("guided_backprop")
    low, _ = sanity.interval(guided - plain, guided_floor - plain_floor)
    assert len(low) == 19
    assert (low[:10] > 0).all()


def test_the_edge_detector_fails_by_every_measure() -> None:
    for measure in ("spearman", "absolute", "ssim", "hog"):
        values, floor = kept("sobel", measure)
        assert values.eq(1).all()
        assert floor.eq(1).all()


def test_every_cell_is_a_similarity_for_each_photograph() -> None:
    for method in results.stored("sanity_floor").method.unique():
        for measure in ("spearman", "absolute", "ssim", "hog"):
            values, floor = kept(method, measure)
            assert floor.shape == (10, 10)
            assert values.abs().max() <= 1
            assert floor.abs().max() <= 1
