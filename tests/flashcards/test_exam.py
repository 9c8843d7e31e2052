"""The exam: what counts as a question, one sitting, the card on screen, and what a page without a kernel shows."""

from __future__ import annotations

import re

import ipywidgets
import pytest

import flashcards
from flashcards import deck, examination
from flashcards.__main__ import main
from flashcards.deck import DeckError
from flashcards.examination import Mark, Sitting
from tests.flashcards.test_widgets import Screen

PAPER = """
## Which is right? {#occlusion.exam_one}

- [ ] left
- [x] right

Because $x_1$.

## Say why. {#gradients.exam_two}

- (2) says *this*
- (1) says $x_2$
"""


@pytest.fixture
def paper(write_deck):
    return write_deck(PAPER, name="paper.md")


@pytest.fixture
def sitting(paper):
    return Sitting(examination.load(paper)[1])


def test_the_exam_of_the_course_has_no_mistakes_and_asks_about_every_chapter():
    assert examination.check() == []
    _, questions = examination.load("course")
    asked = {examination.notebooks().get(question.topic) for question in questions}
    assert asked == {loaded.notebook for loaded in deck.load_all()} - {"00_start_here"}
    assert sum(bool(question.scheme) for question in questions) >= 6
    assert sum(bool(question.card.options) for question in questions) >= 4


def test_a_question_is_worth_its_scheme_or_one_point(sitting):
    one, two = sitting.questions
    assert (one.points, one.scheme, one.topic) == (1, (), "occlusion")
    assert [(c.points, c.html) for c in two.scheme] == [(2, "says <em>this</em>"), (1, "says \\(x_2\\)")]
    assert (two.points, two.topic) == (3, "gradients")


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ("## Why? {#t.one}\n\nBecause of that.\n", "neither options nor a mark scheme"),
        ("## Why? {#t.one}\n\n- says that\n", "neither options nor a mark scheme"),
        ("## Why? {#t.one}\n\n- (0) says that\n", "neither options nor a mark scheme"),
        ("## It is {{so}}. {#t.one}\n\n- (1) says so\n", "a cloze; expected"),
        ("## Which? {#t.one}\n\n- [ ] a\n- [ ] b\n\nText.\n", "no right option"),
        ("## What? {#occlusion.what}\n\n- (1) says so\n", "already taken in 04_occlusion.md"),
    ],
)
def test_mistakes_are_told_with_file_and_line(cards, message, write_deck):
    [problem] = examination.check([write_deck(cards, name="paper.md")])
    assert re.match(r"paper\.md:\d+: ", str(problem))
    assert message in str(problem)


def test_a_faulty_or_unknown_exam_is_refused(write_deck):
    with pytest.raises(DeckError, match="neither options"):
        flashcards.exam(write_deck("## Why? {#t.one}\n\nText.\n"))
    with pytest.raises(ValueError, match="no exam named 'corse'; expected one of course"):
        flashcards.exam("corse")


def test_the_check_command_looks_at_exams_too(capsys, monkeypatch, write_deck):
    path = write_deck("## Why? {#t.one}\n\nText.\n", name="paper.md")
    monkeypatch.setattr(examination, "EXAMS", path.parent)
    monkeypatch.setattr(examination, "files", lambda: [path])
    assert main(["check"]) == 1
    assert "paper.md:6: the question has neither" in capsys.readouterr().err


def test_a_sitting_marks_options_itself_and_the_rest_by_ticks(sitting):
    assert sitting.open == 2
    sitting.answer(0)
    sitting.answer(1)  # the later answer counts
    sitting.go(1)
    sitting.answer("this")
    assert sitting.open == 0
    sitting.hand_in()
    assert sitting.question is sitting.questions[0]
    sitting.go(1)
    sitting.tick(0, True)
    sitting.tick(1, True)
    sitting.tick(1, False)
    assert [sitting.mark(i) for i in range(2)] == [Mark(1, 1), Mark(2, 3)]
    assert sitting.total() == Mark(3, 4)
    assert sitting.topics() == {"occlusion": Mark(1, 1), "gradients": Mark(2, 3)}


def test_a_wrong_or_missing_choice_earns_nothing(sitting):
    assert sitting.mark(0) == Mark(0, 1)
    sitting.answer(0)
    assert sitting.mark(0) == Mark(0, 1)


def test_a_sitting_refuses_what_does_not_fit(sitting):
    with pytest.raises(ValueError, match="option 2 of 2"):
        sitting.answer(2)
    with pytest.raises(ValueError, match="expected the index of an option"):
        sitting.answer("right")
    with pytest.raises(RuntimeError, match="before the paper was handed in"):
        sitting.tick(0, True)
    sitting.hand_in()
    with pytest.raises(RuntimeError, match="can no longer change"):
        sitting.answer(1)
    with pytest.raises(ValueError, match="criterion 0 of 0"):
        sitting.tick(0, True)
    sitting.go(5)
    with pytest.raises(RuntimeError, match="no question left"):
        sitting.tick(0, True)


class Desk(Screen):
    """A screen with paper and boxes."""

    @property
    def paper(self):
        return next((w for w in self._visible() if isinstance(w, ipywidgets.Textarea)), None)

    @property
    def boxes(self):
        return [w for w in self._visible() if isinstance(w, ipywidgets.Checkbox)]


@pytest.fixture
def desk(paper):
    return Desk(flashcards.exam(paper).widget())


def test_writing_shows_no_answer(desk):
    assert list(desk.buttons) == ["A", "B", "Next"]
    assert "Question 1 of 2 · 1 point" in desk.text
    desk.press("B")
    assert "your choice right" in desk.text
    assert "✓" not in desk.text
    assert "Because" not in desk.text
    desk.press("Next")
    assert list(desk.buttons) == ["Next", "Back"]
    assert "says" not in desk.text
    assert desk.boxes == []


def test_what_was_written_is_still_there_after_going_back(desk):
    desk.press("Next")
    desk.paper.value = "this <b>"
    desk.press("Back")
    assert desk.paper is None
    desk.press("Next")
    assert desk.paper.value == "this <b>"


def test_marking_and_the_result(desk, progress_file):
    desk.press("B")
    desk.press("Next")
    desk.paper.value = "this <b>"
    desk.press("Next")
    assert "All are answered" in desk.text
    desk.press("Hand in")
    assert "✓ right · your choice" in desk.text
    assert "Because" in desk.text
    assert "1 of 1 point" in desk.text
    desk.press("Next")
    assert "this &lt;b&gt;" in desk.html
    assert [box.description for box in desk.boxes] == ["2 points", "1 point"]
    desk.boxes[0].value = True
    assert "2 of 3 points" in desk.text
    desk.press("Back")
    desk.press("Next")
    assert [box.value for box in desk.boxes] == [True, False]
    desk.press("Next")
    assert "3 of 4 points (75%)" in desk.text
    assert "04_occlusion 1 of 1 point" in desk.text
    assert "05_gradients 2 of 3 points" in desk.text
    assert list(desk.buttons) == ["Back"]
    assert not progress_file.exists()


def test_an_unanswered_question_is_told_before_handing_in(desk):
    desk.press("Next")
    desk.press("Next")
    assert "2 of 2 questions have no answer yet" in desk.text
    assert list(desk.buttons) == ["Hand in", "Back"]
    desk.press("Hand in")
    desk.press("Next")
    assert "no answer" in desk.text


def test_a_page_without_a_kernel_has_questions_points_and_folded_marks(paper):
    shown = flashcards.exam(paper)
    assert repr(shown) == (
        "Exam: T (2 questions, 4 points)\n1. Which is right? (1 point)\n   A) left\n   B) right\n2. Say why. (3 points)"
    )
    html = shown.html()
    assert html.count("<details") == html.count("<summary>Marks</summary>") == 2
    assert "<li>says <em>this</em> <em>(2 points)</em></li>" in html
    assert "B: right" in html
    assert shown._repr_mimebundle_() == {"text/plain": shown.text(), "text/html": html}


def test_a_paper_to_print_has_no_answer_and_its_key_has_them_all(paper, capsys):
    assert main(["paper", str(paper)]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[2] == "2 questions, 4 points"
    assert "**1.** Which is right? (1 point)\n\n- [ ] left\n- [ ] right" in printed
    assert "**2.** Say why. (3 points)" in printed
    assert not any(told in printed for told in ("[x]", "says", "Because"))
    assert main(["paper", str(paper), "--key"]) == 0
    printed = capsys.readouterr().out
    assert "- [x] right" in printed
    assert "- (2) says this" in printed


def test_a_paper_of_an_unknown_exam(capsys):
    assert main(["paper", "finals"]) == 1
    assert "no exam named 'finals'" in capsys.readouterr().err
