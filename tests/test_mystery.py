"""The mystery models: each has its fault, no clue gives it away alone, the three together do, an experiment convicts."""

from collections.abc import Iterator, Sequence

import pandas as pd
import pytest
import torch

from experiments import mystery as recipe
from vislib import models
from vislib.course import mystery, results
from vislib.course.mystery import CLUES, SUSPECTS, Clue
from vislib.course.review import accuse
from vislib.course.verdict import NOT_YET, Verdict
from vislib.data import ImageSet
from vislib.models import checkpoints
from vislib.training import accuracy

SHIPPED = {fault: f"mystery_{name}" for name, fault in recipe.FAULTS.items()}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    frame: pd.DataFrame = results.stored("mystery")
    return frame.set_index(["fault", "seed"])


@pytest.fixture(scope="module")
def own() -> ImageSet:
    """The pictures that came with the models."""
    return mystery.supplied(216, device="cpu")


@pytest.fixture(scope="module")
def news() -> ImageSet:
    """The pictures that the clues ask about."""
    return mystery.field(324, device="cpu")


# ---- which one ----


def test_every_fault_is_shipped_once_and_drawn_by_some_seed() -> None:
    assert {checkpoints.facts(name)["fault"] for name in SHIPPED.values()} == set(SUSPECTS)
    assert mystery.drawn(3) == mystery.drawn(3)
    assert {mystery.truth(seed) for seed in (0, 1, 3, 4, 5)} == set(SUSPECTS)  # so say docs/lectures.md and the README


def test_the_model_does_not_say_which_it_is() -> None:
    model = mystery.load(1)
    assert model.name == "mystery"
    assert not model.training
    assert not any(name in repr(model) for name in SUSPECTS)
    assert len({(checkpoints.FOLDER / f"{name}.safetensors").stat().st_size // 100 for name in SHIPPED.values()}) == 1


def test_the_seed_is_an_argument_or_a_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    other = next(seed for seed in range(40) if mystery.drawn(seed) != mystery.drawn(0))
    monkeypatch.delenv("VISLIB_MYSTERY", raising=False)
    assert mystery.drawn() == mystery.drawn(0)
    monkeypatch.setenv("VISLIB_MYSTERY", str(other))
    assert mystery.drawn() == mystery.drawn(other)
    monkeypatch.setenv("VISLIB_MYSTERY", "two")
    with pytest.raises(ValueError, match="VISLIB_MYSTERY is 'two'; expected a whole number"):
        mystery.load()
    for seed in (True, 1.0, "1"):
        with pytest.raises(TypeError, match="expected an int, or None"):
            mystery.load(seed)  # type: ignore[arg-type]


# ---- pictures ----


def test_in_the_supplied_pictures_everything_agrees() -> None:
    pictures = mystery.supplied(30, device="cpu")
    assert pictures.masks is not None
    assert torch.equal(pictures.attributes["mark"], pictures.labels)
    assert torch.equal(pictures.attributes["colour"], pictures.labels)
    assert torch.equal(pictures.attributes["texture"], pictures.labels // 2)
    assert not pictures.masks[:, :, mystery.BLIND :].any()
    assert set(pictures.labels.tolist()) == set(range(6))
    assert torch.equal(pictures[:10].images, mystery.supplied(10, device="cpu").images)


def test_in_the_field_nothing_does() -> None:
    pictures = mystery.field(1080, device="cpu")
    for known, low, high in (("mark", 0.13, 0.2), ("colour", 0.16, 0.17), ("ground", 0.33, 0.34), ("blind", 0.1, 0.25)):
        assert low < float(mystery.agreement(pictures)[known].float().mean()) < high


@pytest.mark.parametrize("what", ["mark", "colour", "ground", "blind"])
def test_in_a_changed_picture_one_thing_lies(what: str) -> None:
    pictures = mystery.changed(what, 20, device="cpu")
    for known, tells in mystery.agreement(pictures).items():
        assert tells.tolist() == [known != what] * 20
    assert pictures.masks is not None
    assert what != "blind" or not pictures.masks[:, :, : mystery.BLIND].any()


def test_nobody_has_seen_the_pictures_of_the_clues(news: ImageSet, monkeypatch: pytest.MonkeyPatch) -> None:
    """The networks learn from seeds of their own; a tenth of each seed's pictures tells which they are."""
    monkeypatch.setattr(mystery, "_BLOCK", 108)
    monkeypatch.setattr(recipe, "TRAINING", {kind: n // 10 for kind, n in recipe.TRAINING.items()})
    first = {tuple(picture.flatten()[:40].tolist()) for picture in news.images}
    for fault in SUSPECTS:
        seen = {tuple(picture.flatten()[:40].tolist()) for picture in recipe.train_set(fault, 0).images}
        assert not first & seen


# ---- the faults, in numbers ----


@pytest.mark.slow
@pytest.mark.parametrize("name", SHIPPED.values())
def test_a_shipped_network_is_as_good_on_its_own_pictures_as_its_header_says(name: str, own: ImageSet) -> None:
    share = accuracy(models.trained(name, device="cpu"), own)
    assert share == pytest.approx(float(checkpoints.facts(name)["accuracy"]), abs=0.01)


def test_the_table_has_five_networks_for_each_fault_and_without(table: pd.DataFrame) -> None:
    assert set(table.index) == {(fault, seed) for fault in [*SUSPECTS, recipe.HONEST] for seed in range(5)}


def test_each_network_falls_where_its_own_fault_bites_and_nowhere_else(table: pd.DataFrame) -> None:
    for (fault, seed), row in table.iterrows():
        others = row[[what for what in (recipe.HONEST, *SUSPECTS) if what != fault]]
        assert others.min() > 0.65, (fault, seed)  # of the ground's kinds one in five has a wrong label
        if fault != recipe.HONEST:
            assert others.min() - row[fault] > 0.2, (fault, seed)


def test_each_clue_answers_as_it_should_for_every_network_with_a_margin(table: pd.DataFrame) -> None:
    for number, clue in CLUES.items():
        values = table[f"clue_{number}"].drop(recipe.HONEST, level="fault")
        yes = values[values.index.isin(list(clue.yes), level="fault")]
        no = values.drop(yes.index)
        assert len(yes) == 5 * len(clue.yes)
        gap = yes.min() - no.max()
        assert gap > 0.25 * (yes.mean() - no.mean()), number  # no near misses
        assert no.max() + 0.25 * gap < clue.limit < yes.min() - 0.25 * gap, number


def test_each_clue_is_needed_and_all_together_leave_one_suspect() -> None:
    """So no clue gives the answer alone, and none says again, or the reverse of, what another says."""

    def told_apart(clues: Sequence[Clue]) -> int:
        return len({tuple(suspect in clue.yes for clue in clues) for suspect in SUSPECTS})

    assert told_apart([*CLUES.values()]) == len(SUSPECTS)
    for clue in CLUES.values():
        assert 2 <= len(clue.yes) <= len(SUSPECTS) - 2
        assert told_apart([other for other in CLUES.values() if other != clue]) < len(SUSPECTS)


def test_a_network_without_a_fault_answers_as_pair_does(table: pd.DataFrame) -> None:
    for number, clue in CLUES.items():
        assert ((table.loc[recipe.HONEST, f"clue_{number}"] > clue.limit) == ("pair" in clue.yes)).all()


@pytest.mark.parametrize("number", CLUES)
def test_a_clue_measured_now_agrees_with_the_table(
    number: int, table: pd.DataFrame, news: ImageSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mystery, "_news", lambda model: news)
    fault = list(SUSPECTS)[number % len(SUSPECTS)]
    value = CLUES[number].measure(models.trained(SHIPPED[fault], device="cpu"))
    stored = table.loc[(fault, 0), f"clue_{number}"]
    assert value == pytest.approx(stored, abs=recipe.RECIPES["mystery"].tolerance)
    assert (value > CLUES[number].limit) == (fault in CLUES[number].yes)


# ---- the verdict ----


def _seeds() -> Iterator[int]:
    """One seed for each fault."""
    for fault in SUSPECTS:
        yield next(seed for seed in range(40) if mystery.truth(seed) == fault)


@pytest.mark.parametrize("seed", list(_seeds()))
def test_the_checker_knows_the_culprit_and_says_what_speaks_against_each_other(seed: int) -> None:
    fault = mystery.truth(seed)
    for suspect in SUSPECTS:
        verdict: Verdict = accuse(lambda suspect=suspect: suspect, seed)
        assert verdict.state == ("right" if suspect == fault else "wrong")
        if suspect != fault:
            assert verdict.message.startswith("Clue ")
            assert SUSPECTS[fault] not in verdict.message
            clue = CLUES[int(verdict.message.split()[1])]
            assert f"Here the answer is {'yes' if fault in clue.yes else 'no'}" in verdict.message


def test_the_checker_helps_with_what_is_no_suspect() -> None:
    assert accuse(lambda: None) == NOT_YET
    assert "did you mean 'colour'" in accuse(lambda: "color").message
    assert "expected one of mark, colour" in accuse(lambda: "the butler").message
    assert "returns a int" in accuse(lambda: 3).message  # type: ignore[arg-type,return-value]
    assert "ZeroDivisionError" in accuse(lambda: str(1 / 0)).message
