"""The decks of the course themselves, and what the package as a whole promises."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from flashcards import collection
from flashcards.course import NOTEBOOKS, notebooks_before

#: The words that count in the lecture's answers, fact by fact; a card must ask for all of them, with none on its front.
WORDS = {
    "1": ["Recipient", "Content", "Purpose"],
    "2": ["Post-hoc", "Transparent", "Learned"],
    "3": ["no impact on performance", "very difficult", "local"],
    "4": ["difficult analysis", "task-specific architecture", "trade-off"],
    "5": ["semantic", "meta-explanation", "cost performance"],
    "6": ["PCA", "down to two"],
    "7": ["activations", "PCA", "class labels"],
    "8": ["non-linear", "less interpretable"],
    "9": ["randomly initialised", "random labels", "compare"],
    "10": ["search for inputs", "class probabilities"],
    "11": ["black-box", "change of the response"],
    "12": ["black already", "no difference"],
    "13": ["$\\lvert\\nabla_x f(x)\\rvert_1$", "direction", "most"],
    "14": ["Remove and retrain", "delete X %", "retrain", "performance changes"],
}


def test_the_decks_have_no_mistakes():
    assert [str(problem) for problem in collection.lint() + collection.giveaways()] == []


def test_every_notebook_has_a_deck_of_6_to_12_cards():
    decks = {loaded.notebook: loaded for loaded in collection.load_all()}
    assert tuple(decks) == NOTEBOOKS
    assert {name: len(loaded.cards) for name, loaded in decks.items() if not 6 <= len(loaded.cards) <= 12} == {}
    assert [loaded.name for loaded in decks.values()] == list(NOTEBOOKS)  # quiz("04_occlusion") is the notebook's deck


def _cards():
    return [card for loaded in collection.load_all() for card in loaded.cards]


@pytest.mark.parametrize("fact", WORDS)
def test_every_fact_of_the_lectures_is_asked_for_in_its_words(fact):
    asked = [card for card in _cards() if card.fact == fact]
    assert len(asked) >= 2  # one asks for it, another applies it or shows where it fails
    assert [card.id for card in asked if set(WORDS[fact]) <= set(card.terms)]


def test_the_size_of_the_last_layer_is_recalled():
    [card] = [card for card in _cards() if card.id == "weights.shape"]
    assert card.terms == ("512 × 1000",)
    assert not re.search("512|1000|1,000", card.question_text)


def test_what_goes_beyond_the_lectures_has_its_cards_too():
    beyond = {card.fact for card in _cards()} - set(WORDS) - {""}
    assert beyond >= {"hubs", "probes", "grad_cam", "deletion", "controls", "fgsm"}


def test_no_card_is_about_the_course():
    told = [card.id for card in _cards() if re.search("this course|flashcard|grade|quiz", card.question_text)]
    assert told == []


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
