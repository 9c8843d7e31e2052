"""The decks of the course themselves, and what the package as a whole promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flashcards import collection
from flashcards.course import NOTEBOOKS, notebooks_before

#: What the lectures rest on: for each fact the card that asks for it, then those that apply it or show where it fails.
FACTS = {
    "recipient, content, purpose": ["taxonomy.aspects", "taxonomy.applicant"],
    "three routes": ["taxonomy.routes"],
    "post-hoc": ["taxonomy.posthoc", "taxonomy.local"],
    "transparent": ["taxonomy.transparent", "taxonomy.patches"],
    "learned": ["taxonomy.learned", "taxonomy.shortcut", "taxonomy.gated"],
    "512 features, 1000 classes, PCA of the weights": ["weights.shape", "weights.how", "weights.dogs"],
    "activations, reduced and coloured": ["activations.how", "activations.twonets"],
    "t-SNE": ["activations.tsne", "activations.distances", "activations.choose"],
    "two sanity checks": ["sanity.two", "sanity.spot", "sanity.labels"],
    "input reconstruction": ["reconstruction.what", "reconstruction.naive"],
    "occlusion": ["occlusion.what", "occlusion.sign"],
    "black patch": ["occlusion.black", "occlusion.digits"],
    "gradient": ["gradients.norm", "gradients.read", "gradients.saturated"],
    "ROAR": ["roar.what", "roar.why", "roar.mask"],
}


def test_the_decks_have_no_mistakes():
    assert [str(problem) for problem in collection.lint()] == []


def test_every_notebook_has_a_deck_of_6_to_12_cards():
    decks = {loaded.notebook: loaded for loaded in collection.load_all()}
    assert tuple(decks) == NOTEBOOKS
    assert {name: len(loaded.cards) for name, loaded in decks.items() if not 6 <= len(loaded.cards) <= 12} == {}
    assert [loaded.name for loaded in decks.values()] == list(NOTEBOOKS)  # quiz("04_occlusion") is the notebook's deck


def test_every_fact_of_the_lectures_has_its_card():
    ids = {card.id for loaded in collection.load_all() for card in loaded.cards}
    assert len(FACTS) == 14
    assert [card for cards in FACTS.values() for card in cards if card not in ids] == []


def test_every_card_is_explained():
    cards = [card for loaded in collection.load_all() for card in loaded.cards]
    assert [card.id for card in cards if len(card.answer_text) < 40] == []


def test_at_least_four_cards_show_a_picture_small_enough_and_made_by_the_tool():
    cards = [card for loaded in collection.load_all() for card in loaded.cards if card.images]
    used = {Path(image).name for card in cards for image in card.images}
    assert len(cards) >= 4
    assert used == {path.name for path in (collection.DECKS / "img").iterdir()}
    assert all((collection.DECKS / "img" / name).stat().st_size < 60 * 1024 for name in used)
    tool = Path(__file__).parents[2] / "tools" / "make_card_pictures.py"
    made = set(re.findall(r"def (\w+)\(\) -> None:", tool.read_text(encoding="utf-8")))
    assert {name.removesuffix(".png") for name in used} <= made


def test_the_notebooks_before_one():
    assert notebooks_before("02_weight_pca") == ("00_start_here", "01_explanation_taxonomy")
    with pytest.raises(ValueError, match=r"unknown notebook '2'; expected one of 00_start_here, "):
        notebooks_before("2")


def _modules_after(code: str) -> set[str]:
    command = [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"]
    return set(subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())


def test_the_import_brings_in_nothing_heavy_and_no_quiz_needs_torch():
    heavy = {
        "ipywidgets",
        "anywidget",
        "genanki",
        "fsrs",
        "markdown_it",
        "matplotlib",
        "scipy",
        "sqlite3",
        "torch",
        "vislib",
    }
    assert _modules_after("import flashcards") & heavy == set()
    shown = _modules_after("import flashcards; flashcards.quiz('04_occlusion').widget(); flashcards.learning()")
    assert shown & {"torch", "vislib", "matplotlib.pyplot", "genanki", "scipy"} == set()
    assert shown >= {"ipywidgets", "matplotlib"}  # the test can tell
