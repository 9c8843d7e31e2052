"""What a sweep asks for and what it reports, with the training replaced; and ROAD on a network that looks at one pixel."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from vislib.data import ImageSet
from vislib.roar import benchmark, heatmaps, road, roar, sweep
from vislib.roar.removal import Removal
from vislib.roar.sweep import Training


class Corner(nn.Module):
    """Says 1 if the upper left pixel is brighter than the middle."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor([1.0 + seed]))

    def forward(self, images: Tensor) -> Tensor:
        shade = (images[:, 0, 0, 0] - 0.5) * self.weight
        return torch.stack([-shade, shade], 1)


def corner(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    heat = torch.zeros_like(images[:, 0])
    heat[:, 0, 0] = 1
    return heat


def never(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    raise AssertionError("an explainer was asked before its images were looked at")


def drawn(corners: list[float], labels: list[int], rest: float) -> ImageSet:
    """Return images of 2 x 2 pixels whose corner differs from the rest."""
    images = torch.full((len(corners), 1, 2, 2), rest)
    images[:, 0, 0, 0] = torch.tensor(corners)
    return ImageSet(images, torch.tensor(labels), ("dark", "bright"))


TRAIN = drawn([0.1, 0.9], [0, 1], rest=0.9)  # the mean is bright
TEST = drawn([0.1, 0.9, 0.9, 0.9], [0, 1, 1, 1], rest=0.2)  # the mean is dark


@dataclass
class Asked:
    """What a training was asked for."""

    seed: int
    how: Removal
    training: Training


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Asked]:
    """Replace each training by an accuracy that tells fraction and seed, and note what it was asked for."""
    seen: list[Asked] = []

    def retrain(build_model: Any, seed: int, how: Removal, training: Training, *arrays: Any) -> float:
        seen.append(Asked(seed, how, training))
        return how.fraction / 2 + seed / 100

    monkeypatch.setattr(sweep, "retrain", retrain)
    return seen


# ---- the sweep ----


def test_the_table_has_a_row_per_explainer_fraction_and_seed(asked: list[Asked]) -> None:
    result = roar(
        {"mine": corner}, TRAIN, TEST, build_model=Corner, base=Corner(), fractions=(0.5, 0.25), seeds=2, jobs=1
    )
    rows = [
        (name, fraction, seed, fraction / 2 + seed / 100)
        for name in ("mine", "random", "sobel")
        for fraction in (0.5, 0.25)
        for seed in (0, 1)
    ]
    assert [tuple(row) for row in result.table.itertuples(index=False)] == rows
    assert list(result.table) == ["explainer", "fraction", "seed", "accuracy"]


def test_a_sweep_is_of_five_fractions_five_seeds_and_four_epochs_unless_told_otherwise(asked: list[Asked]) -> None:
    result = roar({}, TRAIN, TEST, build_model=Corner, base=Corner(), jobs=1)
    fractions = (0.1, 0.3, 0.5, 0.7, 0.9)
    one = [(seed, Removal(f, keep=False, fill="mean", mask_only=False)) for f in fractions for seed in range(5)]
    assert [(cell.seed, cell.how) for cell in asked] == one * 2  # random pixels, and edges
    assert {cell.training for cell in asked} == {Training(epochs=4, learning_rate=0.004, batch_size=64)}
    assert result.explainers == ["random", "sobel"]


def test_options_reach_every_cell_and_stand_beside_the_table(asked: list[Asked]) -> None:
    options: dict[str, Any] = {"epochs": 2, "learning_rate": 0.5, "batch_size": 3}
    how: dict[str, Any] = {"keep": True, "fill": "linear", "mask_only": True}
    result = roar(
        {},
        TRAIN,
        TEST,
        build_model=Corner,
        base=Corner(),
        controls=["disc"],
        fractions=[0.25],
        seeds=1,
        jobs=1,
        **options,
        **how,
    )
    assert asked == [Asked(0, Removal(0.25, **how), Training(**options))]
    assert result.setting == options | how
    assert result.before is None
    assert result.clean == 1.0


def test_the_base_network_is_asked_about_test_images_with_the_training_sets_mean_in_the_holes(
    asked: list[Asked],
) -> None:
    """Without its corner every image is bright, as the training set is in the mean, and three of four are called so."""
    given: dict[str, Any] = {"build_model": Corner, "base": Corner(), "controls": (), "seeds": 1, "jobs": 1}
    result = roar({"mine": corner}, TRAIN, TEST, fractions=(0.0, 0.25), **given)
    assert result.before is not None
    assert [tuple(row) for row in result.before.itertuples(index=False)] == [("mine", 0.0, 1.0), ("mine", 0.25, 0.75)]
    assert list(result.before) == ["explainer", "fraction", "accuracy"]
    kept = roar({"mine": corner}, TRAIN, TEST, fractions=(0.75,), keep=True, **given)
    assert kept.before is not None
    assert kept.before.accuracy.tolist() == [1.0]


def test_pixels_of_either_set_must_be_pixels(asked: list[Asked]) -> None:
    bad = ImageSet(TRAIN.images + 1, TRAIN.labels, TRAIN.classes)
    for train, test in ((bad, TEST), (TRAIN, bad)):
        with pytest.raises(ValueError, match=r"expected pixels in \[0, 1\]"):
            roar({"mine": never}, train, test, build_model=Corner, base=Corner(), controls=(), jobs=1)
        with pytest.raises(ValueError, match=r"expected pixels in \[0, 1\]"):
            heatmaps({"mine": never}, Corner(), train, test)


def test_the_base_network_has_a_seed_of_its_own_and_is_trained_once_for_a_folder(
    asked: list[Asked], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []
    seen: list[tuple[bool, list[float]]] = []
    threads: set[int] = set()

    class Watched(nn.Sequential):
        def forward(self, input: Tensor) -> Tensor:
            if self.training:
                threads.add(torch.get_num_threads())
            return super().forward(input)

    def build(seed: int) -> nn.Module:
        seeds.append(seed)
        return Watched(Corner(seed % 7), nn.Dropout())

    def spy(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
        seen.append((model.training, [p.item() for p in model.parameters()]))
        return images[:, 0]

    def ask() -> None:
        roar(
            {"mine": spy}, TRAIN, TEST, build_model=build, controls=(), seeds=2, epochs=3, folder=str(tmp_path), jobs=1
        )

    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        ask()
    finally:
        torch.set_num_threads(before)
    assert threads == {1}
    assert len(set(seeds)) == 3
    assert {0, 1} < set(seeds)
    monkeypatch.setattr(benchmark, "fit", None)  # from now on nothing can be trained
    ask()
    assert len({str(each) for each in seen}) == 1
    assert seen[0][0] is False
    assert seen[0][1] != [1.0 + max(seeds) % 7]  # it has learned something


def test_a_bar_is_shown_on_request(asked: list[Asked], monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[bool] = []
    bar = sweep.progress_bar
    monkeypatch.setattr(sweep, "progress_bar", lambda n, what, show: shown.append(show) or bar(n, what, False))
    for options in ({}, {"progress": True}):
        roar({}, TRAIN, TEST, build_model=Corner, base=Corner(), seeds=1, jobs=1, **options)
    assert shown == [False, True]


# ---- ROAD ----


def asked_road(**options: Any) -> list[tuple[Any, ...]]:
    given: dict[str, Any] = {"fill": "mean", "controls": (), "fractions": (0.25, 0.75)} | options
    explainers = given.pop("explainers", {"mine": corner})
    return [tuple(row) for row in road(Corner(), explainers, TEST, **given).table.itertuples(index=False)]


def test_road_removes_from_both_ends_and_puts_the_test_sets_mean_there() -> None:
    """The mean of the test set is dark: without its corner every image is called so, and one of four is."""
    most = [("mine", "most_first", 0.25, 0.25), ("mine", "most_first", 0.75, 0.25)]
    least = [("mine", "least_first", 0.25, 1.0), ("mine", "least_first", 0.75, 1.0)]
    assert asked_road() == most + least
    assert asked_road(order="both") == most + least
    assert asked_road(order="most_first") == most
    assert asked_road(order="least_first") == least


def test_road_puts_the_training_sets_colour_there() -> None:
    """With a bright colour in its corner every image is called bright, and three of four are."""
    bright = torch.full((1, 1, 1), 0.9)
    assert [row[3] for row in asked_road(order="most_first", colour=bright)] == [0.75, 0.75]


def test_road_takes_heatmaps_of_the_test_images_alone_or_as_the_second_of_a_pair() -> None:
    heat = corner(Corner(), TEST.images, 0)
    wrong = corner(Corner(), TRAIN.images, 0)
    assert asked_road(explainers={"mine": heat}) == asked_road(explainers={"mine": (wrong, heat)}) == asked_road()


@pytest.mark.parametrize(("options", "accuracy"), [({}, 1.0), ({"fill": "linear"}, 1.0), ({"fill": "mean"}, 0.0)])
def test_road_continues_the_surroundings_unless_told_otherwise(options: dict[str, Any], accuracy: float) -> None:
    """Beside and below the corner it is bright, 0.72 with the dark pixel across; the mean of the image is dark, 0.45."""
    image = torch.tensor([[0.0, 0.9], [0.9, 0.0]])[None, None]
    data = ImageSet(image, torch.tensor([1]), ("dark", "bright"))
    result = road(Corner(), {"mine": corner}, data, fractions=(0.25,), controls=(), order="most_first", **options)
    assert result.table.accuracy.tolist() == [accuracy]


def test_road_asks_for_five_fractions_and_two_controls_unless_told_otherwise() -> None:
    rows = road(Corner(), {"mine": corner}, TEST).table
    assert list(rows) == ["explainer", "order", "fraction", "accuracy"]
    assert list(rows.fraction.unique()) == [0.1, 0.3, 0.5, 0.7, 0.9]
    assert list(rows.explainer.unique()) == ["mine", "random", "sobel"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"order": "highest"}, "order is 'highest'; expected one of both, most_first, least_first"),
        ({"fill": "blur"}, "fill is 'blur'; expected one of mean, linear"),
        ({"fill": None}, "fill is NoneType; expected one of mean, linear"),
        ({"fractions": (0.5, -0.1)}, "expected different shares of removed pixels"),
        ({"fractions": (1.1,)}, "expected different shares of removed pixels"),
        ({"explainers": {}}, "there are no explainers"),
        ({"controls": ("chance",)}, "there is no control 'chance'"),
        ({"explainers": {"disc": corner}, "controls": ("disc",)}, "'disc' is an explainer and a control"),
        ({"colour": torch.zeros(3, 1, 1)}, r"colour has shape \(3, 1, 1\) on cpu; expected \(1, 1, 1\) on cpu"),
    ],
)
def test_road_refuses_what_a_sweep_refuses(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        asked_road(**options)


def test_road_takes_every_pixel_and_none_as_shares() -> None:
    assert [row[3] for row in asked_road(fractions=(0.0, 1.0), order="most_first")] == [1.0, 0.25]


def test_road_refuses_images_that_are_none() -> None:
    with pytest.raises(ValueError, match=r"expected pixels in \[0, 1\]"):
        road(Corner(), {"mine": never}, ImageSet(TEST.images + 1, TEST.labels, TEST.classes), controls=())


# ---- heatmaps ----


def test_heatmaps_of_many_images_are_asked_for_in_parts_and_come_back_whole() -> None:
    """The n-th image is n bright, and said to be bright from the middle on."""
    shades = (torch.arange(600) / 599)[:, None, None, None].expand(-1, 1, 2, 3)
    data, few = ImageSet(shades, torch.zeros(600, dtype=torch.int64), ("dark", "bright")), drawn([0.1], [0], 0.1)
    sizes: list[int] = []

    def told(model: nn.Module, images: Tensor, target: Any) -> Tensor:
        sizes.append(len(images))
        return (images[:, 0] + target[:, None, None]).requires_grad_()

    train, test = heatmaps({"mine": told}, Corner(), data, few)["mine"]
    expected = shades[:, 0] + (torch.arange(600) >= 300)[:, None, None]
    assert torch.equal(train, expected)
    assert test.shape == (1, 2, 2)
    assert not train.requires_grad
    assert max(sizes) < 600


def test_a_pair_of_heatmaps_is_of_the_training_and_of_the_test_images() -> None:
    given = (torch.rand(2, 2, 2), torch.rand(4, 2, 2))
    assert heatmaps({"mine": given}, Corner(), TRAIN, TEST)["mine"] == given
    with pytest.raises(
        ValueError, match=r"the heatmaps of 'mine' came as shape \(4, 2, 2\); expected shape \(2, 2, 2\)"
    ):
        heatmaps({"mine": given[::-1]}, Corner(), TRAIN, TEST)


def test_heatmaps_of_nobody_are_refused() -> None:
    with pytest.raises(ValueError, match="there are no explainers; expected at least one, or a control"):
        heatmaps({}, Corner(), TRAIN, TEST)
    with pytest.raises(TypeError, match="the explainer 'mine' is a int; expected a function, or heatmaps"):
        heatmaps({"mine": 3}, Corner(), TRAIN, TEST)  # type: ignore[dict-item]


def test_a_blurred_twin_follows_each_explainer_and_no_control() -> None:
    found = heatmaps({"a": corner, "b": corner}, Corner(), TRAIN, TEST, controls=("blurred", "disc"))
    assert list(found) == ["a", "a, blurred", "b", "b, blurred", "disc"]
    assert found["a, blurred"][1].shape == (4, 2, 2)
    assert list(heatmaps({"a": corner}, Corner(), TRAIN, TEST)) == ["a"]


@pytest.mark.parametrize(
    ("heat", "message"),
    [
        (torch.zeros(2, 3, 2), r"the heatmaps of 'mine' came as shape \(2, 3, 2\); expected shape \(2, 2, 2\)"),
        (
            torch.zeros(2, 2, 2, device="meta"),
            "the heatmaps of 'mine' are on meta and images on cpu; expected one device",
        ),
        (torch.tensor([[[0, 0], [0, torch.nan]]] * 2), "the heatmaps of 'mine' contain NaN"),
    ],
)
def test_heatmaps_that_do_not_fit_the_images_are_refused(heat: Tensor, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        heatmaps({"mine": (heat, heat)}, Corner(), TRAIN, TEST)


def test_a_network_that_gives_no_logits_is_refused() -> None:
    with pytest.raises(ValueError, match=r"expected logits of shape \(B, K\)"):
        heatmaps({"mine": corner}, nn.Sequential(nn.Conv2d(1, 1, 1)).eval(), TRAIN, TEST)
