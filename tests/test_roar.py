"""ROAR on data whose informative pixels are known, and a sweep that survives whatever happens to it."""

import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import joblib
import pandas as pd
import pytest
import torch
from torch import Tensor, nn

from tests.state import unchanged
from vislib import controls, fills
from vislib.data import ImageSet
from vislib.roar import Maps, RoadResult, RoarResult, benchmark, heatmaps, imputation, removal, road, roar
from vislib.roar import sweep as sweeps
from vislib.roar.removal import Removal, Removed
from vislib.training import fit

ROOT = Path(__file__).resolve().parent.parent
SIDE, TOLD = 8, (slice(2, 4), slice(3, 5))  # four of 64 pixels tell the class


def drawn(n: int, seed: int) -> ImageSet:
    """Return noise in which four known pixels tell one of two classes, and nothing else does."""
    generator = torch.Generator().manual_seed(seed)
    images = 0.4 + 0.2 * torch.rand(n, 1, SIDE, SIDE, generator=generator)
    labels = torch.arange(n) % 2
    images[:, 0, *TOLD] = 0.1 + 0.8 * labels[:, None, None].float()
    return ImageSet(images, labels, ["dark", "light"])


def linear(seed: int) -> nn.Module:
    """Return a classifier without hidden layers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 2))


def oracle(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    heat = torch.zeros_like(images[:, 0])
    heat[:, *TOLD] = 1
    return heat


def blind(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
    return -oracle(model, images, target)


TRAIN, TEST = drawn(400, 0), drawn(200, 1)
OPTIONS: dict[str, Any] = {"build_model": linear, "epochs": 6, "learning_rate": 0.05, "jobs": 1, "seeds": 1}
sweep: Callable[..., RoarResult] = partial(roar, **OPTIONS)
EXPLAINERS = {"oracle": oracle, "blind": blind}
CHANCE = pytest.approx(0.5, abs=0.12)  # 200 test images: three standard deviations are 0.11


def mean(result: RoarResult, explainer: str, fraction: float) -> float:
    table = result.intervals()
    return float(table[(table["explainer"] == explainer) & (table["fraction"] == fraction)]["mean"].iloc[0])


# ---- the truth is known ----


def test_the_oracle_falls_to_chance_at_the_first_fraction_that_covers_the_pixels_and_random_does_not() -> None:
    result = sweep(EXPLAINERS, TRAIN, TEST, fractions=(0.047, 0.0625, 0.3))  # three pixels, four, nineteen
    assert mean(result, "oracle", 0.047) > 0.95
    assert mean(result, "oracle", 0.0625) == CHANCE
    assert mean(result, "oracle", 0.3) == CHANCE
    for other in ("random", "blind"):
        assert mean(result, other, 0.3) > 0.9
    assert result.clean == 1


def test_keep_and_retrain_mirrors_it() -> None:
    result = sweep(EXPLAINERS, TRAIN, TEST, fractions=(0.7, 0.9375), keep=True)  # the upper four pixels stay
    assert mean(result, "oracle", 0.9375) > 0.95
    assert mean(result, "blind", 0.9375) == CHANCE
    assert mean(result, "blind", 0.7) == CHANCE
    assert 0.5 < mean(result, "random", 0.9375) < 0.75


def test_all_pixels_gone_is_chance_and_none_is_the_whole_image() -> None:
    result = sweep({"oracle": oracle}, TRAIN, TEST, fractions=(0.0, 1.0))
    assert mean(result, "oracle", 0.0) == mean(result, "random", 0.0) == 1
    assert mean(result, "oracle", 1.0) == CHANCE
    assert result.before is not None
    assert result.before["accuracy"][0] == result.clean


def by_class(data: ImageSet) -> Tensor:
    """Return heatmaps whose highest row tells the class."""
    heat = torch.rand(len(data), SIDE, SIDE, generator=torch.Generator().manual_seed(3))
    heat[torch.arange(len(data)), 1 + data.labels] += 1
    return heat


def test_masks_alone_are_at_chance_unless_they_tell_the_class() -> None:
    explainers: dict[str, Any] = {
        "oracle": oracle,
        "disc of mine": controls.disc,
        "telling": (by_class(TRAIN), by_class(TEST)),
    }
    result = sweep(explainers, TRAIN, TEST, fractions=(0.125, 0.5), mask_only=True)
    for fraction in (0.125, 0.5):
        for name in ("oracle", "disc of mine", "random"):
            assert mean(result, name, fraction) == CHANCE, name
    assert mean(result, "telling", 0.125) > 0.95
    assert result.before is None


def test_a_hole_that_tells_the_class_hides_that_its_pixels_were_removed() -> None:
    """The four pixels that tell the class are gone for both; the shape of the hole gives it back."""
    train, test = (replace(data, images=data.images.clone()) for data in (TRAIN, TEST))
    heats: Maps = (by_class(train), by_class(test))
    for data, heat in zip((train, test), heats, strict=True):
        data.images[..., :2] += 0.3  # so that the mean colour can be told from what is around it
        heat[:, *TOLD] += 9
    result = sweep({"oracle": oracle, "telling": heats}, train, test, fractions=(0.1875,))
    assert mean(result, "oracle", 0.1875) == CHANCE
    assert mean(result, "telling", 0.1875) > 0.9


def test_with_linear_imputation_the_oracle_falls_as_well() -> None:
    result = sweep({"oracle": oracle}, TRAIN, TEST, fractions=(0.0625,), fill="linear")
    assert mean(result, "oracle", 0.0625) == CHANCE
    assert mean(result, "random", 0.0625) > 0.95


def test_road_finds_the_oracle_without_retraining() -> None:
    model = linear(0)
    fit(model, TRAIN, epochs=6, learning_rate=0.05)
    with unchanged(model):
        result = road(model, EXPLAINERS, TEST, fractions=(0.0625, 0.3))
    most, least = result.areas("most_first"), result.areas("least_first")
    assert most["oracle"] == CHANCE
    assert least["oracle"] > 0.95
    assert most["blind"] > 0.9
    assert most["random"] > most["oracle"]
    again = road(
        model,
        heatmaps(EXPLAINERS, model, TRAIN, TEST, controls=("random", "sobel")),
        TEST,
        fractions=(0.0625, 0.3),
        controls=(),
    )
    assert again.table.equals(result.table)


# ---- pairs ----


def test_all_explainers_have_the_same_weights_and_the_same_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with networks whose weights and dropout come from the global random state at other times."""
    seen: dict[tuple[str, int], list[str]] = {}

    def spy(model: nn.Module, data: ImageSet, *, seed: int, **options: Any) -> list[float]:
        start = sweeps.state(model)
        history = fit(model, data, seed=seed, **options)
        key = seed, data.images.how.fraction  # type: ignore[attr-defined]
        seen.setdefault(key, []).append(f"{start} {data.labels.tolist()}")  # type: ignore[arg-type]
        return history

    monkeypatch.setattr(sweeps, "fit", spy)
    result = sweep(EXPLAINERS, TRAIN, TEST, fractions=(0.0, 0.3), seeds=3)
    assert len(seen) == 6
    for starts in seen.values():
        assert len(starts) == 4
        assert len(set(starts)) == 1
    assert len({starts[0] for starts in seen.values()}) == 3
    whole = result.table[result.table["fraction"] == 0.0]
    assert (whole.groupby("seed")["accuracy"].nunique() == 1).all()  # nothing is removed: paired to the last digit


def test_the_random_state_of_the_caller_does_not_matter() -> None:
    torch.manual_seed(1)
    one = sweep({"oracle": oracle}, TRAIN, TEST, fractions=(0.03,))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    two = sweep({"oracle": oracle}, TRAIN, TEST, fractions=(0.03,))
    assert one.table.equals(two.table)
    assert torch.equal(torch.get_rng_state(), before)


# ---- the order of pixels ----


def test_ranks_are_the_order_of_the_heatmap_in_small_integers() -> None:
    heat = torch.tensor([[[0.1, 0.9], [0.5, -1.0]]])
    ranks = removal.ranks(heat, 0)
    assert ranks.tolist() == [[[2, 0], [1, 3]]]
    assert ranks.dtype == torch.int16
    assert removal.ranks(torch.rand(1, 200, 200), 0).dtype == torch.int32


def test_ties_are_broken_by_chance_in_each_image_and_by_the_seed() -> None:
    flat = torch.zeros(600, SIDE, SIDE)
    ranks = removal.ranks(flat, 0)
    assert torch.equal(ranks, removal.ranks(flat, 0))
    assert not torch.equal(ranks, removal.ranks(flat, 1))
    assert torch.equal(ranks.flatten(1).sort(1).values, torch.arange(SIDE**2, dtype=torch.int16).expand(600, -1))
    often = (ranks < 32).float().mean(0)  # each place is in the upper half of half the images
    assert float((often - 0.5).abs().max()) < 4.5 * 0.5 / 600**0.5
    flat[:, 0, 0] = 1
    assert (removal.ranks(flat, 0)[:, 0, 0] == 0).all()


@pytest.mark.parametrize(
    ("fraction", "keep", "gone"),
    [(0.25, False, [0, 1]), (0.25, True, [6, 7]), (0.0, True, []), (1.0, False, [*range(8)])],
)
def test_what_is_removed(fraction: float, keep: bool, gone: list[int]) -> None:
    ranks = torch.arange(8, dtype=torch.int16).reshape(1, 2, 4)
    assert ranks[Removal(fraction, keep=keep).removed(ranks)].tolist() == gone


def test_removed_pixels_get_the_mean_of_the_training_set_and_nothing_masked_is_stored() -> None:
    images = torch.rand(5, 3, 4, 4)
    ranks, colour = removal.ranks(images.mean(1), 0), sweeps.mean_colour(images)
    lost = Removed(images, ranks, Removal(0.5), colour)
    assert {t.data_ptr() for t in vars(lost).values() if isinstance(t, Tensor)} <= {
        images.data_ptr(),
        ranks.data_ptr(),
        colour.data_ptr(),
    }
    part = lost[torch.tensor([4, 1])]
    gone = (ranks[[4, 1]] < 8)[:, None].expand(-1, 3, -1, -1)
    assert torch.equal(part[~gone], images[[4, 1]][~gone])
    torch.testing.assert_close(part[gone], images.mean((0, 2, 3))[None, :, None, None].expand(2, -1, 4, 4)[gone])
    assert torch.equal(torch.cat([lost[:2], lost[2:4], lost[4:]]), lost[:5])
    only = Removed(images, ranks, Removal(0.5, mask_only=True), colour)[:5]
    assert torch.equal(only[:, 0], (ranks >= 8).float())
    assert only.shape == images.shape


# ---- linear imputation ----


def _dense(image: Tensor, removed: Tensor) -> Tensor:
    """Solve the system of one grey image (H, W), written down."""
    height, width = image.shape
    unknown = removed.nonzero().tolist()
    matrix, right = (
        torch.zeros(len(unknown), len(unknown), dtype=torch.float64),
        torch.zeros(len(unknown), dtype=torch.float64),
    )
    for i, (row, col) in enumerate(unknown):
        for down in (-1, 0, 1):
            for across in (-1, 0, 1):
                y, x = row + down, col + across
                if (down, across) == (0, 0) or not (0 <= y < height and 0 <= x < width):
                    continue
                weight = 1 / 12 if down and across else 1 / 6
                matrix[i, i] += weight
                if removed[y, x]:
                    matrix[i, unknown.index([y, x])] -= weight
                else:
                    right[i] += weight * float(image[y, x])
    filled = image.clone()
    filled[removed] = torch.linalg.solve(matrix, right).float()
    return filled


def test_imputation_solves_the_system() -> None:
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(4, 2, 9, 7, generator=generator)
    removed = torch.rand(4, 1, 9, 7, generator=generator) < torch.tensor([0.2, 0.5, 0.9, 0.0])[:, None, None, None]
    removed[1, :, 2:8, 1:6] = True
    filled = imputation.impute(images, removed, torch.full((2, 1, 1), 0.5))
    for image, mask, ours in zip(images, removed[:, 0], filled, strict=True):
        for channel, got in zip(image, ours, strict=True):
            torch.testing.assert_close(got, _dense(channel, mask), atol=1e-3, rtol=0)


def test_an_image_without_any_pixel_gets_the_colour() -> None:
    colour = torch.tensor([0.2, 0.7])[:, None, None]
    filled = imputation.impute(torch.rand(1, 2, 6, 6), torch.ones(1, 1, 6, 6, dtype=torch.bool), colour)
    torch.testing.assert_close(filled, colour.expand(1, 2, 6, 6))


def test_the_noise_belongs_to_the_image_and_not_to_the_batch() -> None:
    images = torch.full((6, 1, 16, 16), 0.5)
    lost = Removed(
        images, removal.ranks(torch.rand(6, 16, 16), 0), Removal(0.5, fill="linear"), torch.full((1, 1, 1), 0.5)
    )
    everything = lost[:6]
    torch.testing.assert_close(lost[torch.tensor([4, 2])], everything[[4, 2]])
    torch.testing.assert_close(lost[3:5], everything[3:5])
    assert not torch.allclose(everything[0], everything[1])
    assert float((everything - 0.5)[everything != 0.5].std()) == pytest.approx(0.01, rel=0.1)
    assert float((everything != 0.5).float().mean()) == pytest.approx(0.5, abs=0.01)


# ---- explainers and controls ----


def test_a_pair_of_heatmaps_and_controls_and_twins() -> None:
    made = heatmaps({"oracle": oracle}, linear(0), TRAIN, TEST, controls=("random", "disc", "blurred"))
    assert list(made) == ["oracle", "oracle, blurred", "random", "disc"]
    assert [len(heat) for heat in made["random"]] == [400, 200]
    soft = fills.gaussian(oracle(linear(0), TEST.images, 0)[:, None])[:, 0]
    torch.testing.assert_close(made["oracle, blurred"][1], soft)
    one = sweep({"oracle": oracle}, TRAIN, TEST, fractions=(0.047,), controls=("random",))
    two = sweep({name: made[name] for name in ("oracle", "random")}, TRAIN, TEST, fractions=(0.047,), controls=())
    assert one.table.equals(two.table)


def test_explainers_are_asked_about_what_the_network_says() -> None:
    asked = []

    def spy(model: nn.Module, images: Tensor, target: int | Tensor) -> Tensor:
        asked.append((model(images).argmax(1), target))
        return images[:, 0]

    wrong = replace(TEST, labels=1 - TEST.labels)
    heatmaps({"spy": spy}, linear(0), TRAIN, wrong)
    assert sum(len(said) for said, _ in asked) == 600
    for said, target in asked:
        assert torch.equal(said, torch.as_tensor(target))


# ---- kept on disk ----


def test_what_is_kept_is_not_computed_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = partial(sweep, EXPLAINERS, TRAIN, TEST, fractions=(0.047, 0.3), seeds=2, folder=tmp_path)
    first = ask()
    assert len(list(tmp_path.glob("*.cell"))) == 16
    assert len(list(tmp_path.glob("*.base"))) == 1
    assert not list(tmp_path.glob("*.part"))
    trained: list[int] = []
    monkeypatch.setattr(sweeps, "retrain", lambda *arguments: trained.append(1) or 0.25)
    assert ask().table.equals(first.table)
    assert trained == []
    for other in ({"epochs": 5}, {"keep": True}, {"mask_only": True}, {"fill": "linear"}, {"batch_size": 32}):
        trained.clear()
        assert (ask(**other).table["accuracy"] == 0.25).all()
        assert len(trained) == 16, other
    trained.clear()
    assert len(ask(seeds=3).table) == 24
    assert len(trained) == 8  # the new seed alone


def test_what_other_code_has_computed_is_computed_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = partial(sweep, {"oracle": oracle}, TRAIN, TEST, fractions=(0.3,), folder=tmp_path, seeds=1, controls=())
    ask()
    trained: list[str] = []
    monkeypatch.setattr(sweeps, "retrain", lambda *arguments: trained.append("a cell") or 0.25)
    monkeypatch.setattr(benchmark, "fit", lambda model, *_, **__: trained.append("the base"))
    ask()
    assert trained == []
    monkeypatch.setattr(sweeps, "code", lambda: "was changed")
    ask()
    assert trained == ["the base", "a cell"]


def test_another_network_or_other_data_are_other_cells(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = partial(sweep, {"oracle": oracle}, folder=tmp_path, fractions=(0.3,), seeds=1, controls=())
    ask(TRAIN, TEST)
    trained: list[int] = []
    monkeypatch.setattr(sweeps, "retrain", lambda *arguments: trained.append(1) or 0.25)
    ask(TRAIN, TEST, build_model=lambda seed: linear(seed))  # a function has no hash; the network has
    renamed = sweep({"another name": oracle}, TRAIN, TEST, folder=tmp_path, fractions=(0.3,), seeds=1, controls=())
    assert renamed.explainers == ["another name"]
    assert trained == []
    ask(TRAIN, TEST, build_model=lambda seed: linear(seed + 1))
    ask(TRAIN, TEST, build_model=lambda seed: nn.Sequential(*linear(seed), nn.Tanh()))
    ask(TRAIN, replace(TEST, labels=1 - TEST.labels))
    ask(replace(TRAIN, images=TRAIN.images * 0.99), TEST)
    assert len(trained) == 4


@pytest.mark.parametrize("kind", ["*.cell", "*.base"])
@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_corrupt_file_is_named_and_computed_again(kind: str, damage: str, tmp_path: Path) -> None:
    ask = partial(sweep, {"oracle": oracle}, TRAIN, TEST, fractions=(0.047,), seeds=1, folder=tmp_path)
    first = ask()
    file = sorted(tmp_path.glob(kind))[0]
    content = file.read_bytes()
    broken = {"cut": content[:-3], "flipped": content[:-2] + bytes([content[-2] ^ 1]) + content[-1:], "empty": b""}
    file.write_bytes(broken[damage])
    with pytest.warns(UserWarning, match=f"{file.name} is corrupt; what it held is computed again"):
        again = ask()
    assert again.table.equals(first.table)
    assert file.read_bytes() == content
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ask()


def test_an_interrupted_sweep_goes_on_where_it_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask = partial(sweep, {"oracle": oracle}, TRAIN, TEST, fractions=(0.047, 0.3), seeds=2, epochs=2)
    whole, retrain, begun = ask(), sweeps.retrain, list[int]()

    def interrupted(*arguments: Any) -> float:
        begun.append(1)
        if len(begun) == 4:
            raise KeyboardInterrupt
        return retrain(*arguments)

    monkeypatch.setattr(sweeps, "retrain", interrupted)
    with pytest.raises(KeyboardInterrupt):
        ask(folder=tmp_path)
    assert len(list(tmp_path.glob("*.cell"))) == 3
    pd.testing.assert_frame_equal(ask(folder=tmp_path).table, whole.table, check_exact=True)
    assert len(begun) == 1 + len(whole.table)  # all but the one that was interrupted, once


whole_sweep = partial(sweep, EXPLAINERS, TRAIN, TEST, fractions=(0.047, 0.3), seeds=3, epochs=2)
KILLED = """
import os, sys, time
from pathlib import Path
import joblib, pandas, safetensors.torch, tqdm.auto
from tests.test_roar import linear, whole_sweep

def slow(seed):
    time.sleep(0.02)
    return linear(seed)

folder = Path(sys.argv[1])
ask = lambda: whole_sweep(build_model=slow, folder=folder)
finished = lambda: len(list(folder.glob("*.cell")))
for wait in (0.0, 0.07, 0.13):  # in which some more are finished
    before = finished()
    child = os.fork()
    if not child:
        ask()
        os._exit(0)
    while finished() == before and finished() < 24:
        time.sleep(0.001)
    time.sleep(wait)
    os.kill(child, 9)
    os.waitpid(child, 0)
    print(finished(), flush=True)
ask().table.to_pickle(folder / "table.pkl")
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="this system has no SIGKILL")
def test_a_sweep_that_is_killed_three_times_gives_the_same_table(tmp_path: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(tmp_path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert run.returncode == 0, run.stderr
    finished = [int(line) for line in run.stdout.split()]
    assert finished == sorted(finished)
    assert 0 < finished[0] < 24, f"the sweep was not interrupted: {finished}"
    whole = whole_sweep()
    pd.testing.assert_frame_equal(pd.read_pickle(tmp_path / "table.pkl"), whole.table, check_exact=True)


# ---- scaling out ----


@pytest.mark.slow
def test_processes_and_a_cluster_give_the_same_table() -> None:
    ask = partial(
        sweep, EXPLAINERS, TRAIN, TEST, fractions=(0.047, 0.3), seeds=2, build_model=lambda seed: linear(seed + 7)
    )
    alone = ask(jobs=1)
    assert alone.table["accuracy"].nunique() > 3
    assert ask(jobs=2).table.equals(alone.table)
    distributed = pytest.importorskip("distributed")
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        distributed.Client(cluster),
        joblib.parallel_config(backend="dask"),
    ):
        assert ask(jobs=-1).table.equals(alone.table)


# ---- the result ----


def made(**curves: list[list[float]]) -> RoarResult:
    rows = [
        {"explainer": name, "fraction": f, "seed": s, "accuracy": value}
        for name, seeds in curves.items()
        for s, values in enumerate(seeds)
        for f, value in zip((0.1, 0.5, 0.9), values, strict=True)
    ]
    return RoarResult(pd.DataFrame(rows), clean=0.9, setting={"keep": False})


def test_areas_and_paired_differences() -> None:
    steps = [0.0, 0.02, 0.04, 0.01, 0.03]
    result = made(
        mine=[[0.8 + s, 0.4 + s, 0.2 + s] for s in steps],
        random=[[0.9 + s, 0.8 + s, 0.2 + s + (-1) ** i * 0.01] for i, s in enumerate(steps)],
    )
    area = result.areas().set_index("explainer")
    assert area["mean"]["mine"] == pytest.approx((0.6 + 0.3) / 2 + 0.02)
    assert area["low"]["mine"] < area["mean"]["mine"] < area["high"]["mine"]
    pairs = result.differences().set_index("fraction")
    assert pairs["mean"].tolist() == pytest.approx([-0.1, -0.4, -0.002])
    assert pairs["low"].tolist()[:2] == pytest.approx([-0.1, -0.4])  # what all seeds share cancels
    assert pairs["verdict"].tolist() == ["better", "better", "inconclusive"]
    assert result.area_differences()["verdict"].tolist() == ["better"]
    with pytest.raises(ValueError, match="there is no explainer 'chance'; expected one of mine, random"):
        result.differences("chance")


def test_one_seed_has_no_interval_and_no_verdict() -> None:
    result = made(mine=[[0.1, 0.1, 0.1]], random=[[0.9, 0.9, 0.9]])
    assert result.intervals()["low"].isna().all()
    assert set(result.differences()["verdict"]) == {"inconclusive"}


def test_road_areas() -> None:
    rows = [
        {"explainer": "mine", "order": "most_first", "fraction": f, "accuracy": a} for f, a in ((0.1, 0.9), (0.5, 0.1))
    ]
    result = RoadResult(pd.DataFrame(rows))
    assert result.areas()["mine"] == pytest.approx(0.5)
    with pytest.raises(ValueError, match="order is 'least_first'; expected one of most_first"):
        result.areas("least_first")


# ---- what is refused ----

REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "fraction": ({"fractions": (0.1, 1.2)}, ValueError, r"fractions is \[0.1, 1.2\]; expected different shares"),
    "fraction twice": ({"fractions": (0.1, 0.1)}, ValueError, r"fractions is \[0.1, 0.1\]; expected different shares"),
    "no fraction": ({"fractions": ()}, ValueError, r"fractions is \[\]"),
    "seeds": ({"seeds": 0}, ValueError, "seeds is 0; expected an int of at least 1"),
    "seeds float": ({"seeds": 2.0}, TypeError, "seeds is 2.0; expected an int"),
    "fill": ({"fill": "black"}, ValueError, "fill is 'black'; expected one of mean, linear"),
    "control": ({"controls": ("randm",)}, ValueError, "no control 'randm'; expected some of random, sobel, disc, blurred"),
    "one control": ({"controls": "random"}, TypeError, r"controls is 'random'; expected several names, such as \('random',\)"),
    "a name twice": ({"explainers": {"random": oracle}}, ValueError, "'random' is an explainer and a control"),
    "nothing": ({"explainers": {}, "controls": ()}, ValueError, "there are no explainers; expected at least one"),
    "no function": ({"explainers": {"x": 3}}, TypeError, "the explainer 'x' is a int; expected a function"),
    "shape": ({"explainers": {"x": lambda m, x, t: x}}, ValueError, r"'x' came as shape \(400, 1, 8, 8\); expected shape \(400, 8, 8\)"),
    "NaN": ({"explainers": {"x": lambda m, x, t: x[:, 0] * torch.nan}}, ValueError, "the heatmaps of 'x' contain NaN"),
    "no network": ({"build_model": lambda seed: "x"}, TypeError, r"build_model\(0\) gave a str; expected an untrained network"),
    "restless": ({"build_model": lambda seed: nn.Linear(64, 2)}, ValueError, r"build_model\(0\) gave two different networks"),
    "training mode": ({"base": nn.Sequential(nn.Dropout(), nn.Flatten(), nn.Linear(64, 2))}, ValueError, "call model.eval"),
    "pixels": ({"test": replace(TEST, images=TEST.images + 1)}, ValueError, r"expected pixels in \[0, 1\]"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_refused(name: str) -> None:
    changes, kind, message = REFUSED[name]
    given: dict[str, Any] = {"explainers": {"oracle": oracle}, "train": TRAIN, "test": TEST, "epochs": 1} | changes
    with pytest.raises(kind, match=message) as caught:
        sweep(**given)
    assert "\n" not in str(caught.value)


def test_an_unknown_order_is_refused() -> None:
    with pytest.raises(ValueError, match="order is 'morf'; expected one of both, most_first, least_first"):
        road(linear(0), {"oracle": oracle}, TEST, order="morf")


def test_one_tensor_is_not_taken_for_the_heatmaps_of_two_sets() -> None:
    train, test = drawn(16, 0), drawn(16, 1)
    heat = oracle(linear(0), train.images, 0)
    with pytest.raises(TypeError, match="the heatmaps of 'mine' are one tensor; expected two"):
        roar({"mine": heat}, train, test, build_model=linear, seeds=1, epochs=1, fractions=(0.1,))  # type: ignore[dict-item]


def shared(seed: int) -> nn.Module:
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.Linear(64, 64), nn.Linear(64, 2))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for layer in (model[1], model[3]):
            layer.reset_parameters()
    model[2].weight, model[2].bias = model[1].weight, model[1].bias
    return model


@pytest.mark.parametrize("keep", [False, True])
def test_networks_with_shared_weights_are_swept(keep: bool, tmp_path: Path) -> None:
    folder = tmp_path if keep else None
    found = [
        roar(
            {"mine": oracle},
            drawn(16, 0),
            drawn(16, 1),
            build_model=shared,
            seeds=1,
            epochs=1,
            fractions=(0.1,),
            folder=folder,
            jobs=1,
        )
        for _ in range(2)
    ]
    assert found[0].table.equals(found[1].table)
