"""The claims audit has a row for all that the course states, and every row holds, where its rival does not."""

import importlib
import pkgutil
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from experiments import audit, claims, provenance
from experiments.claims import CLAIMS, Claim, found
from experiments.compute import RECIPES
from flashcards import collection
from tests.notebooks import PATHS, read

README = Path(__file__).parent.parent / "README.md"
NOTEBOOKS = {path.stem for path in PATHS}
TOPICS = [importlib.import_module(f"experiments.claims.{m.name}") for m in pkgutil.iter_modules(claims.__path__)]
PLAIN = [card for topic in TOPICS for card in getattr(topic, "PLAIN", [])]  # cards that state no finding
CARDS = {card.id for deck in collection.load_all() for card in deck.cards}
QUESTIONS = {
    f"exam:{name}" for path in collection.find_exams() for name in re.findall(r"\{#([^\s}]+)", path.read_text())
}


@pytest.fixture(scope="module")
def table() -> pd.DataFrame:
    return audit.counted()


# ---- the form ----


def test_every_claim_stands_somewhere_and_has_an_id_of_its_own() -> None:
    assert len({claim.id for claim in CLAIMS}) == len(CLAIMS)
    for claim in CLAIMS:
        assert claim.where, claim.id
        for place in claim.where:
            assert place in NOTEBOOKS | {"README"} | QUESTIONS | {f"card:{card}" for card in CARDS}, (claim.id, place)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_claim_cell_names_its_claims(path: Path) -> None:
    stated = {claim.id for claim in CLAIMS if path.stem in claim.where}
    for number, cell in enumerate(read(path).cells):
        if "nbval-check-output" in cell.metadata.get("tags", []):
            named = set(cell.metadata.get("claims", []))
            assert named, f"cell {number} has no claims in its metadata"
            assert named <= stated, f"cell {number}: {named - stated}"


def test_every_card_states_a_claim_or_no_finding() -> None:
    stated = {place.removeprefix("card:") for claim in CLAIMS for place in claim.where if place.startswith("card:")}
    assert stated | {name for name in PLAIN if not name.startswith("exam:")} == CARDS
    assert not stated & set(PLAIN)


def test_every_exam_key_rests_on_a_claim_or_states_no_finding() -> None:
    stated = {place for claim in CLAIMS for place in claim.where if place.startswith("exam:")}
    assert stated | {name for name in PLAIN if name.startswith("exam:")} == QUESTIONS


def test_the_readme_names_the_claims_that_it_states() -> None:
    named = re.findall(r"<!-- claims: ([^>]*) -->", README.read_text())
    assert {name for names in named for name in names.split()} == {c.id for c in CLAIMS if "README" in c.where}


def test_every_claim_holds_and_its_rival_does_not(table: pd.DataFrame) -> None:
    assert audit.fails(table) == []


# ---- the machinery ----

FILLS = ["mean", "black"]


def tried(x: int) -> dict[str, object]:
    return found(x < 9, x < 5, third=x / 3)


def test_an_audit_counts_and_goes_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", (*provenance.PACKAGES, "tests"))
    claim = Claim("small", "Small numbers are small.", ["README"], {"x": list(range(10))}, tried, "tiny ones")
    monkeypatch.setitem(RECIPES, claim.name, claim.recipe)
    table = audit.audit([claim], tmp_path, jobs=1)
    assert table.loc[0, ["n", "held", "rival_held"]].tolist() == [10, 9, 5]
    assert audit.fails(table) == ["small"]  # the rival in half of them
    assert audit.fails(table.assign(rival_held=4)) == []
    assert audit.fails(table.assign(rival_held=4, held=8)) == ["small"]
    assert audit.told(table)[0].startswith("small: held 9 of 10, rival 5 of 10 (tiny ones)")
    halves = [
        {"fill": fill, "seed": seed, "held": fill == "mean", "rival": False} for fill in FILLS for seed in range(3)
    ]
    two = replace(claim, over={"fill": FILLS, "seed": [0, 1, 2]})
    assert audit.weak(two, halves) == ["fill black: 0 of 3, rival 0"]  # of each seed there are but two
    file = tmp_path / "claims" / "small.json"
    before = file.stat().st_mtime_ns
    audit.audit([claim], tmp_path, jobs=1)
    assert file.stat().st_mtime_ns == before
    audit.audit([claim], tmp_path, jobs=1, anew=True)
    assert file.stat().st_mtime_ns > before


def test_the_weakest_comes_first() -> None:
    table = pd.DataFrame(
        [("strong", 10, 0), ("weak", 9, 4), ("false", 2, 1)], columns=["id", "held", "rival_held"]
    ).assign(n=10, says="…", rival="…", weak="")
    assert [line.partition(":")[0] for line in audit.told(table)] == ["false", "weak", "strong"]
