"""The cards as widgets, driven without a browser: what shows, what is written, and what is said when writing fails."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import numpy as np
import pytest

import flashcards
from flashcards import display
from flashcards.parsing.markdown import as_text
from flashcards.review_log.store import Prediction, Store
from flashcards.scheduler import Grade, Review, utc_now
from tests.flashcards.screen import Screen


def quiz(deck, **options) -> Screen:
    return Screen(flashcards.quiz(deck.path, **options).widget())


def test_a_quiz_reveals_grades_and_goes_on(small, progress_file):
    screen = quiz(small)
    assert "What is \\(x_1\\)?" in screen.text
    assert "The first" not in screen.text
    assert "Card 1 of 3" in screen.text
    assert list(screen.buttons) == ["Show answer"]
    screen.press("Show answer")
    assert "The first ." in screen.text
    assert list(screen.buttons) == ["Again\ntoday", "Hard\n1 day", "Good\n2 days", "Easy\n8 days"]
    assert not progress_file.exists()  # showing writes nothing
    screen.press("Good")
    assert "Cover a […]" in screen.text
    assert "Card 2 of 3" in screen.text
    assert [review.grade for review in Store(progress_file).reviews()] == [Grade.GOOD]


def test_options_are_picked_and_marked(small):
    screen = quiz(small)
    for _ in range(2):
        screen.press("Show answer")
        screen.press("Good")
    assert list(screen.buttons) == ["A", "B", "I don't know", "Undo"]
    screen.pick("left")
    assert "✗ · your choice left" in screen.text
    assert "✓ right right" in screen.text


def test_the_end_says_what_was_right_and_when_cards_return(small):
    screen = quiz(small)
    for grade in ("Again", "Good", "Easy", "Good"):
        screen.press("I don't" if "I don't know" in screen.buttons else "Show")
        screen.press(grade)
    assert "2 of 3 right at the first try." in screen.text
    assert "Worth a second look: What is \\(x_1\\)?" in screen.text
    assert "1 in 8 days" in screen.text
    assert list(screen.buttons) == ["Undo"]
    again = quiz(small)
    assert "Nothing to do" in again.text


def test_undo_brings_the_card_back(small, progress_file):
    screen = quiz(small)
    screen.press("Show")
    screen.press("Easy")
    screen.press("Undo")
    assert "What is" in screen.text
    assert Store(progress_file).reviews() == []


def test_a_late_click_on_a_hidden_button_does_nothing(small, progress_file):
    screen = quiz(small)
    screen.press("Show")
    good = screen.buttons["Good\n2 days"]
    good.click()
    good.click()
    assert len(Store(progress_file).reviews()) == 1
    assert "Card 2 of 3" in screen.text


def test_a_walkthrough_shows_all_cards_and_writes_nothing(small, progress_file):
    quiz(small)  # progress does not matter to a lecture
    screen = quiz(small, record=False)
    for _ in small.cards:
        screen.press("I don't" if "I don't know" in screen.buttons else "Show")
        assert "Next" in screen.buttons
        assert not {"Good", "Again"} & {name.split("\n")[0] for name in screen.buttons}
        screen.press("Next")
    assert "last card" in screen.text
    screen.press("Back")
    assert "Which one?" in screen.text
    assert not progress_file.exists()


def test_trouble_with_the_file_is_said_on_the_card_once_and_the_quiz_goes_on(small, progress_file):
    progress_file.parent.write_text("in the way")
    screen = quiz(small)
    for number in (2, 3):
        screen.press("Show")
        screen.press("Good")
        assert f"Card {number} of 3" in screen.text
        assert screen.text.count("Not saved (") == 1
    assert "kept until the kernel stops" in screen.text
    progress_file.parent.unlink()
    screen.press("B")
    screen.press("Good")
    assert "Not saved" not in screen.text
    assert len(Store(progress_file).reviews()) == 3


def test_a_review_shows_what_is_due_from_earlier_notebooks(monkeypatch, progress_file):
    old = utc_now() - timedelta(days=30)
    Store(progress_file).write([Review(name, old, Grade.GOOD) for name in ("start.control", "occlusion.what")])
    assert "Card 1 of 2" in Screen(flashcards.review().widget()).text
    screen = Screen(flashcards.review(5, before="04_occlusion").widget())
    assert "Card 1 of 1" in screen.text
    assert "One photograph" in screen.text
    assert "No card is due" in Screen(flashcards.review(before="00_start_here").widget()).text


def test_a_review_refuses_what_it_cannot_mean():
    with pytest.raises(ValueError, match=r"^limit is 0; expected at least 1$"):
        flashcards.review(0)
    with pytest.raises(ValueError, match=r"^unknown notebook '4'; expected one of 00_start_here"):
        flashcards.review(before="4")


def asked(**options: Any) -> Any:
    return flashcards.predict(
        "t.legs", "What matters for $y$?", ["the legs", "the **head**"], "the legs", explanation="See $x$.", **options
    )


def test_a_prediction_is_committed_with_a_confidence_and_kept(progress_file):
    screen = Screen(asked().widget())
    assert "See" not in screen.text
    assert list(screen.buttons) == ["A", "B", "Ask the room"]
    screen.press("B")
    assert "How sure are you?" in screen.text
    screen.press("Change")
    screen.press("B")
    assert [name.split("\n")[0] for name in screen.buttons][:5] == ["50%", "60%", "75%", "90%", "99%"]
    screen.press("90%")
    assert "Not this time, and you were 90% sure." in screen.text
    assert "See \\(x\\)." in screen.text
    (kept,) = Store(progress_file).predictions()
    assert (kept.prediction, kept.choice, kept.confidence, kept.correct) == ("t.legs", "the head", 0.9, False)
    again = Screen(asked().widget())  # after a restart the answer stands
    assert "you were 90% sure" in again.text


def test_only_the_first_answer_counts(progress_file):
    first, second = Screen(asked().widget()), Screen(asked().widget())
    for screen, option in ((first, "A"), (second, "B")):
        screen.press(option)
        screen.press("75%")
    assert [p.choice for p in Store(progress_file).predictions()] == ["the legs"]


def test_a_room_is_counted_and_nothing_is_kept(progress_file):
    screen = Screen(asked().widget())
    screen.press("Ask the room")
    for option in ("A", "A", "B", "B"):
        screen.press(option)
    screen.press("Undo")
    assert "3 hands" in screen.text
    screen.press("Show answer")
    assert "2 of 3 hands were right." in screen.text
    screen.press("Answer alone")
    assert list(screen.buttons) == ["A", "B", "Ask the room"]
    assert "the answer was shown · nothing is saved" in screen.text
    screen.press("A")
    screen.press("90%")
    assert "Right, and you were 90% sure." in screen.text
    assert not progress_file.exists()


def test_an_answer_alone_counts_after_a_room_that_has_not_seen_it(progress_file):
    screen = Screen(asked().widget())
    screen.press("Ask the room")
    screen.press("A")
    screen.press("Answer alone")
    assert "commit to an answer, then look" in screen.text
    screen.press("B")
    screen.press("90%")
    assert [p.choice for p in Store(progress_file).predictions()] == ["the head"]


@pytest.mark.parametrize("choice", ["the head", "the <b>tail</b> of $5"])
def test_an_answer_that_was_kept_is_judged_as_it_was_then(choice, progress_file):
    Store(progress_file).write([Prediction("t.legs", utc_now(), choice, 0.9, True)])
    screen = Screen(asked().widget())
    assert "Right, and you were 90% sure." in screen.text
    gone = f"Your answer, “{as_text(choice)}”, is no longer among the options."
    assert (gone in screen.html) == (choice != "the head")
    assert ("your choice" in screen.text) == (choice == "the head")


@pytest.mark.parametrize("options", [["yes", "no"], ["none", "one", "two", "three"]])
def test_who_guesses_is_as_sure_as_chance(options):
    assert flashcards.predict("t.sure", "What?", options, 0).prompt.levels[0] == ("guessing", 1 / len(options))


def test_a_prediction_without_record_keeps_nothing(progress_file):
    screen = Screen(asked(record=False).widget())
    screen.press("A")
    screen.press("99%")
    assert "Right, and you were 99% sure." in screen.text
    assert not progress_file.exists()


@pytest.mark.parametrize(
    ("id", "options", "answer", "message"),
    [
        (
            "Legs",
            ["a", "b"],
            "a",
            "bad id 'Legs'; expected words of a-z, 0-9 and _ with a dot between, like 'topic.name'",
        ),
        ("t.a", ["a"], "a", "the options are ['a']; expected 2 to 9 different texts or numbers"),
        ("t.a", ["a", "a"], "a", "the options are ['a', 'a']; expected 2 to 9 different texts or numbers"),
        ("t.a", ["a", "b"], "c", "the answer is 'c'; expected one of ['a', 'b'] or its index"),
        ("t.a", ["a", "*a*"], "a", "the options are ['a', '*a*']; expected 2 to 9 different texts or numbers"),
        ("t.a", ["a", " "], "a", "the options are ['a', ' ']; expected 2 to 9 different texts or numbers"),
        ("t.a", "ab", "a", "the options are ['ab']; expected 2 to 9 different texts or numbers"),
        ("t.a", [True, False], True, "the options are [True, False]; expected 2 to 9 different texts or numbers"),
        ("t.a", [1, "1"], 1, "the options are [1, '1']; expected 2 to 9 different texts or numbers"),
        ("t.a", [1, None], 1, "the options are [1, None]; expected 2 to 9 different texts or numbers"),
        ("t.a", ["yes", "no"], True, "the answer is True; expected one of ['yes', 'no'] or its index"),
        ("t.a", ["a", "b"], -1, "the answer is -1; expected one of ['a', 'b'] or its index"),
        ("t.a", ["a", "b"], 1.0, "the answer is 1.0; expected one of ['a', 'b'] or its index"),
        ("t.a", ["a", "b"], None, "the answer is None; expected one of ['a', 'b'] or its index"),
        ("t.a", [10, 20], 1, "the answer is 1; expected one of [10, 20]"),
        ("t.a", ["none", 1, 2], 0, "the answer is 0; expected one of ['none', 1, 2]"),
        ("t.a", [1, 2, 3], "2", "the answer is '2'; expected one of [1, 2, 3]"),
        (
            "t.a",
            ["a", "![b](c.png)"],
            0,
            "a prediction with the picture 'c.png'; expected text, and pictures beside it",
        ),
        (
            "t.a",
            ["0", "2", "1"],
            1,
            "the answer is 1, the index of one option and the text of another; expected a text",
        ),
        ("t.a", ["a", "b"], 2, "the answer is 2; expected one of ['a', 'b'] or its index"),
    ],
)
def test_a_prediction_that_makes_no_sense_is_refused(id, options, answer, message):
    with pytest.raises(ValueError, match=re.escape(message) + "$"):
        flashcards.predict(id, "What?", options, answer)


@pytest.mark.parametrize(
    "text", [{"question": "What of ![it](a.png)?"}, {"question": "What?", "explanation": "> ![](a.png)"}]
)
def test_a_prediction_has_no_folder_to_take_pictures_from(text):
    with pytest.raises(
        ValueError, match=r"^a prediction with the picture 'a\.png'; expected text, and pictures beside it$"
    ):
        flashcards.predict("t.a", text.pop("question"), ["a", "b"], 0, **text)


@pytest.mark.parametrize(
    ("options", "answer", "right"),
    [
        ([1, 2, 3], 2, "2"),
        ([3, 2, 1], 1, "1"),
        ((0.1, 0.25), 0.25, "0.25"),
        ([0, 1, 2], 0, "0"),
        (range(5, 8), 6, "6"),
        (np.array([4, 8]), np.int64(8), "8"),
        ([np.float32(0.5), "none"], 0.5, "0.5"),
        (["none", 10], "none", "none"),
        (["this", "that"], np.int64(1), "that"),
        (["7", "9"], 1, "9"),  # among texts a number is an index
        (["0", "1"], 1, "1"),
        (["1", "0"], "1", "1"),
    ],
)
def test_numbers_are_options_by_their_value(options, answer, right):
    prompt = flashcards.predict("t.n", "How many?", options, answer).prompt
    assert prompt.options[prompt.right].text == right
    assert [option.right for option in prompt.options].count(True) == 1


MONEY = "\\$5, \\$6 and \\\\(x\\\\)"


def test_dollars_that_are_meant_are_no_formula_anywhere(write_deck):
    front = '+++\ntitle = "Of $5 and $6"\nnotebook = "04_occlusion"\ntags = ["t"]\n+++\n'
    path = write_deck(f"## Why {MONEY}? {{#t.a}}\n\n- [x] {MONEY}\n- [ ] B\n\n{MONEY} and $y$\n", front)
    asked = flashcards.predict("t.m", MONEY, [MONEY, "b"], 0, explanation=MONEY)
    for shown in (flashcards.quiz(path), flashcards.exam(path), asked):
        pages = [shown.html(), Screen(shown.widget()).html]
        for page in pages:
            stretches = re.split(r"<[^>]*>", page)
            stretches = [stretch.replace("\\(y\\)", "") for stretch in stretches]
            assert [s for s in stretches if s.count("$") > 1 or "\\(" in s] == []
            assert page.count("<span>$</span>") >= 2
    assert "for $5, $6" in flashcards.predict("t.m", f"for {MONEY}", ["a", "b"], 0).text()


def test_what_is_shown_without_a_kernel_never_changes(small, progress_file, monkeypatch):
    shown = [flashcards.quiz(small.path), flashcards.review(5), asked()]
    before = [item._repr_mimebundle_() for item in shown]
    screen = quiz(small)
    screen.press("Show")
    screen.press("Good")
    assert [item._repr_mimebundle_() for item in shown] == before
    for bundle in before:
        assert bundle.keys() == {"text/plain", "text/html"}
        assert "<script" not in bundle["text/html"]
        assert "2026" not in bundle["text/html"]
    assert before[0]["text/html"].count("<details") == len(small.cards)
    assert "A) the legs" in before[2]["text/plain"]
    assert repr(shown[0]) == before[0]["text/plain"]


def test_in_jupyter_the_widget_comes_on_top(small, monkeypatch):
    monkeypatch.setattr(display, "in_jupyter", lambda: True)
    bundle = flashcards.quiz(small.path)._repr_mimebundle_()
    assert bundle.keys() == {"text/plain", "text/html", "application/vnd.jupyter.widget-view+json"}
    assert bundle["text/plain"].startswith("Quiz: T (3 cards)")


def test_pictures_travel_inside_the_card():
    bundle = flashcards.quiz("07_sanity_checks")._repr_mimebundle_()
    assert bundle["text/html"].count('src="data:image/png;base64,') == 3
    assert 'src="img/' not in bundle["text/html"]
    assert len(bundle["text/html"]) < 300_000  # a notebook must stay below 900 KB
