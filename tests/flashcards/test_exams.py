"""The exam: what counts as a question, one attempt at it, the card on screen, and what a page without a kernel shows."""

from __future__ import annotations

import re

import pytest

import flashcards
from flashcards import collection
from flashcards.cli import main
from flashcards.exam_attempt import Attempt, Mark
from flashcards.model import Criterion
from flashcards.parsing import pictures
from flashcards.parsing.exams import read_exam
from tests.flashcards.screen import Screen

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
def attempt(paper):
    return Attempt(collection.load_exam(paper))


def test_the_exam_of_the_course_has_no_mistakes_and_asks_about_every_chapter():
    assert collection.lint_exams() == []
    questions = collection.load_exam("course").questions
    asked = {collection.topics().get(question.card.topic) for question in questions}
    assert asked == {loaded.notebook for loaded in collection.load_all()} - {"00_start_here"}
    assert sum(bool(question.scheme) for question in questions) >= 6
    assert sum(bool(question.card.options) for question in questions) >= 4


def test_a_question_is_worth_its_scheme_or_one_point(attempt):
    one, two = attempt.questions
    assert (one.points, one.scheme, one.card.topic) == (1, (), "occlusion")
    assert [(c.points, c.html) for c in two.scheme] == [(2, "says <em>this</em>"), (1, "says \\(x_2\\)")]
    assert (two.points, two.card.topic) == (3, "gradients")


def test_a_mark_scheme_is_what_its_list_says(write_deck):
    path = write_deck(
        "## Why? {#t.one}\n\n- (12) says *a*,\n  or `b<c>`\n\n- (1) says & shows $x<1$\n\n"
        "## Which? {#t.two}\n\n- [x] a\n- [ ] b\n\nBecause:\n\n- (3) of this\n",
        name="paper.md",
    )
    exam, problems = read_exam(path)
    questions = exam.questions
    assert (exam.name, exam.title, exam.keyed, exam.points, problems) == ("paper", "T", True, 14, [])
    assert questions[0].scheme == (
        Criterion(12, "says <em>a</em>,\nor <code>b&lt;c&gt;</code>", "says a, or b<c>"),
        Criterion(1, "says &amp; shows \\(x&lt;1\\)", "says & shows $x<1$"),
    )
    assert (questions[0].points, questions[1].scheme, questions[1].points) == (13, (), 1)
    assert [question.card.id for question in questions] == ["t.one", "t.two"]


def test_all_mistakes_of_an_exam_are_told_in_their_order(write_deck):
    exam, problems = read_exam(
        write_deck(
            "## Why? {#t.one}\n\nSo.\n\n## It is {{so}}. {#t.two}\n\n- (1) says so\n\n## It is {{so}}. {#t.three}\n\n"
            "## Which?\n\n- [x] a\n- [ ] b\n\nSo.\n\n## When? {#t.five}\n\nNow.\n"
        )
    )
    scheme = "the question has neither options nor a mark scheme; expected '- (2) what earns two points'"
    cloze = "a cloze; expected a question without one, with options or a mark scheme"
    assert [str(problem) for problem in problems] == [
        f"deck.md:6: {scheme}",
        f"deck.md:10: {cloze}",
        f"deck.md:14: {cloze}",
        f"deck.md:14: {scheme}",
        "deck.md:16: the card has no id; expected '{#topic.name}' at the end of its heading",
        f"deck.md:23: {scheme}",
    ]
    assert len(exam.questions) == 4


@pytest.mark.parametrize(
    ("cards", "message"),
    [
        ("## Why? {#t.one}\n\nBecause of that.\n", "neither options nor a mark scheme"),
        ("## Why? {#t.one}\n\n- says that\n", "a criterion without points, 'says that'; expected a whole"),
        ("## Why? {#t.one}\n\n- (0) says that\n", "a criterion without points, '(0) says that'"),
        ("## Why? {#t.one}\n\n- (1)says that\n", "a criterion without points, '(1)says that'"),
        ("## It is {{so}}. {#t.one}\n\n- (1) says so\n", "a cloze; expected"),
        ("## Which? {#t.one}\n\n- [ ] a\n- [ ] b\n\nText.\n", "no right option"),
        (
            "## Why? {#t.one}\n\n- (1) says *so*\n- (2) says so\n",
            "paper.md:9: the criterion 'says so' stands there twice",
        ),
        ("## What? {#occlusion.what}\n\n- (1) says so\n", "already taken in 04_occlusion.md"),
    ],
)
def test_mistakes_are_told_with_file_and_line(cards, message, write_deck):
    [problem] = collection.lint_exams([write_deck(cards, name="paper.md")])
    assert re.match(r"paper\.md:\d+: ", str(problem))
    assert message in str(problem)


@pytest.mark.parametrize(
    ("items", "told"),
    [
        (["(2) one", "two", "(1) three"], {9: "a criterion without points, 'two'"}),
        (["(1.5) one", "(1) two"], {8: "a criterion without points, '(1.5) one'"}),
        (["(0,5) one", "(¼) two", "(1) three"], {8: "'(0,5) one'", 9: "'(¼) two'"}),
        (["(0) one", "(-1) two", "(1) three"], {8: "'(0) one'", 9: "'(-1) two'"}),
        (["(2)one", "(1)", "(1) three"], {8: "'(2)one'", 9: "'(1)'"}),
        (["(2 points) one", "**(2)** two", "( 2 ) three", "2 four"], {8: "", 9: "", 10: "", 11: ""}),
        (["(1000) one", "(٣) two", "(+3) three"], {8: "", 9: "", 10: ""}),
        (["(2) one\n  - two", "(1) three"], {9: "a criterion that goes on with a list; expected a single paragraph"}),
        (["(2) one\n\n  ```\n  two\n  ```"], {10: "a criterion that goes on with a code block"}),
        (["1. (2) one", "(2) two"], {8: "a criterion that begins with no text; expected a single paragraph"}),
        (["(2) one\n\nAnd two."], {10: "a paragraph beside the mark scheme; expected a single list"}),
        (["(2) one\n\n* (1) two\n\n1. (1) three"], {10: "a list beside", 12: "a numbered list beside"}),
    ],
)
def test_what_does_not_count_in_a_mark_scheme_is_told_at_its_line(items, told, write_deck):
    _, problems = read_exam(write_deck("## Why? {#t.one}\n\n" + "".join(f"- {item}\n" for item in items)))
    assert [problem.line for problem in problems] == list(told)
    for problem, words in zip(problems, told.values(), strict=True):
        assert words in problem.message
        if "criterion without" in problem.message:
            assert problem.message.endswith("; expected a whole number in front, '- (2) says …'")


def test_a_text_before_the_mark_scheme_is_told_and_not_lost(write_deck):
    exam, problems = read_exam(write_deck("## Why? {#t.one}\n\nLook closely.\n\n- (2) says so\n"))
    assert [str(problem) for problem in problems] == [
        "deck.md:8: a paragraph beside the mark scheme; expected a single list"
    ]
    assert exam.points == 2


def test_a_cloze_among_options_would_be_printed_in_plain_sight(write_deck):
    path = write_deck("## It is {{so}}. {#t.one}\n\n- [x] so\n- [ ] not\n\nText.\n")
    [problem] = collection.lint_exams([path])
    assert str(problem) == "deck.md:6: a cloze; expected a question without one, with options or a mark scheme"


def test_an_attempt_marks_options_itself_and_the_rest_by_ticks(attempt):
    assert attempt.open == 2
    attempt.answer(0)
    attempt.answer(1)  # the later answer counts
    attempt.go(1)
    attempt.answer("this")
    assert attempt.open == 0
    attempt.hand_in()
    assert attempt.question is attempt.questions[0]
    attempt.go(1)
    attempt.tick(0, True)
    attempt.tick(1, True)
    attempt.tick(1, False)
    assert [attempt.mark(i) for i in range(2)] == [Mark(1, 1), Mark(2, 3)]
    assert attempt.total() == Mark(3, 4)
    assert attempt.topics() == {"occlusion": Mark(1, 1), "gradients": Mark(2, 3)}


def test_a_wrong_or_missing_choice_earns_nothing(attempt):
    assert attempt.mark(0) == Mark(0, 1)
    attempt.answer(0)
    assert attempt.mark(0) == Mark(0, 1)


def test_an_attempt_refuses_what_does_not_fit(attempt):
    with pytest.raises(ValueError, match="the answer is option 2 of 2; expected one that exists"):
        attempt.answer(2)
    with pytest.raises(ValueError, match="expected the index of an option"):
        attempt.answer("right")
    with pytest.raises(RuntimeError, match="before the paper was handed in"):
        attempt.tick(0, True)
    attempt.hand_in()
    with pytest.raises(RuntimeError, match="can no longer change"):
        attempt.answer(1)
    with pytest.raises(ValueError, match="criterion 0 of 0; expected one that exists"):
        attempt.tick(0, True)
    attempt.go(5)
    with pytest.raises(RuntimeError, match="no question left"):
        attempt.tick(0, True)


@pytest.fixture
def desk(paper):
    return Screen(flashcards.exam(paper).widget())


def test_writing_shows_no_answer(desk):
    assert list(desk.buttons) == ["A", "B", "Next"]
    assert "Question 1 of 2 · 1 point" in desk.text
    desk.pick("right")
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


WRITTEN = """
## Say one. {#occlusion.one}

- (2) says one

## Say two. {#occlusion.two}

- (1) says two
- (4) says more

## Which? {#occlusion.three}

- [x] a
- [ ] b

So.

## Which of them? {#occlusion.four}

- [x] c
- [ ] d

So.
"""


@pytest.fixture
def slow(write_deck):
    """An exam whose kernel hears of a click before the text that was typed before it."""
    return Screen(flashcards.exam(write_deck(WRITTEN, name="paper.md")).widget())


def test_a_text_that_arrives_late_stays_with_its_question(slow):
    first = slow.paper
    first.set_state({"value": "f"})
    slow.press("Next")
    first.set_state({"value": "first, in full"})
    assert slow.paper.value == ""
    second = slow.paper
    slow.press("Next")
    second.set_state({"value": "second"})
    slow.press("Back")
    assert slow.paper.value == "second"
    slow.press("Back")
    assert slow.paper.value == "first, in full"


def test_a_text_that_arrives_after_the_handing_in_counts(slow):
    slow.press("Next")
    second = slow.paper
    for _ in range(3):
        slow.press("Next")
    slow.press("Hand in")
    assert "no answer" in slow.text
    slow.press("Next")
    second.set_state({"value": "$5 to $6"})
    assert "$5 to $6" in slow.text.replace(" ", "").replace("to", " to ")
    assert slow.html.count("<span>$</span>") == 2  # as it was typed, and no formula


def test_a_letter_or_a_tick_that_arrives_late_stays_with_its_question(slow):
    slow.press("Next")
    slow.press("Next")
    late = slow.buttons["A"]
    slow.press("Next")
    late.click()
    assert "your choice" not in slow.text
    slow.press("Next")
    assert "3 of 4 questions have no answer yet" in slow.text
    slow.press("Hand in")
    slow.press("Next")
    tick = slow.boxes[1]
    slow.press("Back")
    tick.value = True
    assert "0 of 2 points" in slow.text
    slow.press("Next")
    assert [box.value for box in slow.boxes] == [False, True]
    assert "4 of 5 points" in slow.text


def test_the_printed_exam_holds_all_that_is_asked(write_deck, tmp_path, capsys):
    (tmp_path / "m (1).png").write_bytes(b"dot")
    path = write_deck(
        "## Which *map* is it, $x_1<x_2$? {#t.one}\n\n![A left, B right](<m (1).png>)\n\nLook at the _background_:\n\n"
        "| a | b |\n|---|---|\n| 1 | 2 |\n\n- [ ] $x_1$\n- [x] `B*`\n  and more\n\nSo.\n\n"
        "## Say why. {#t.two}\n\n- (2) says $x_1<x_2$\n- (10) says `a_b`\n",
        '+++\ntitle = "A *starred* title of $5"\nnotebook = "04_occlusion"\ntags = ["t"]\n+++\n',
        name="paper.md",
    )
    assert main(["paper", str(path), "--key", "--seed", "1"]) == 0
    folder = pictures.address_of(tmp_path)
    boxes = ["- [ ] $x_1$", "- [x] `B*`\n  and more"]
    assert capsys.readouterr().out in [
        "# A \\*starred\\* title of \\$5\n\n2 questions, 13 points\n\n"
        "**1.** Which *map* is it, $x_1<x_2$? (1 point)\n\n"
        f"![A left, B right]({folder}/m%20%281%29.png)\n\nLook at the _background_:\n\n"
        f"| a | b |\n|---|---|\n| 1 | 2 |\n\n{first}\n{second}\n\n"
        "**2.** Say why. (12 points)\n\n- (2) says $x_1<x_2$\n- (10) says `a_b`\n"
        "- *or another valid reason: it earns the points of the one in whose place it stands*\n"
        for first, second in (boxes, boxes[::-1])
    ]
    shown = flashcards.exam(path).text().splitlines()
    assert shown[1:6] == [
        "1. Which map is it, $x_1<x_2$? (1 point)", "   A left, B right", "   Look at the background:", "   a", "   b"
    ]  # fmt: skip


def test_marking_and_the_result(desk, progress_file):
    desk.pick("right")
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
    assert list(desk.buttons) == ["Begin anew", "Back"]
    assert not progress_file.exists()


def test_an_unanswered_question_is_told_before_handing_in(desk):
    desk.press("Next")
    desk.press("Next")
    assert "2 of 2 questions have no answer yet" in desk.text
    desk.press("Back")
    desk.paper.value = "this"
    desk.press("Next")
    assert "1 of 2 questions has no answer yet" in desk.text
    desk.press("Back")
    desk.paper.value = ""
    desk.press("Next")
    assert list(desk.buttons) == ["Hand in", "Back"]
    desk.press("Hand in")
    desk.press("Next")
    assert "no answer" in desk.text


def test_a_page_without_a_kernel_has_questions_points_and_folded_marks(paper):
    shown = flashcards.exam(paper)
    lines = repr(shown).splitlines()
    assert [*lines[:2], lines[4]] == [
        "Exam: T (2 questions, 4 points)", "1. Which is right? (1 point)", "2. Say why. (3 points)"
    ]  # fmt: skip
    assert {line[6:] for line in lines[2:4]} == {"left", "right"}
    html = shown.html()
    assert html.count("<details") == html.count("<summary>Marks</summary>") == 2
    assert "<li>says <em>this</em> <em>(2 points)</em></li>" in html
    assert re.search("[AB]: right", html)
    assert "or another valid reason" in html
    assert shown._repr_mimebundle_() == {"text/plain": shown.text(), "text/html": html}


def test_a_paper_to_print_has_no_answer_and_its_key_has_them_all(paper, capsys):
    assert main(["paper", str(paper)]) == 0
    printed = capsys.readouterr().out
    assert printed.splitlines()[2] == "2 questions, 4 points"
    assert "**1.** Which is right? (1 point)\n\n- [ ] " in printed
    assert {"- [ ] left", "- [ ] right"} <= set(printed.splitlines())
    assert "**2.** Say why. (3 points)" in printed
    assert not any(told in printed for told in ("[x]", "says", "Because"))
    assert main(["paper", str(paper), "--key"]) == 0
    printed = capsys.readouterr().out
    assert "- [x] right" in printed
    assert "- (2) says *this*" in printed


def test_a_paper_of_an_unknown_exam(capsys):
    assert main(["paper", "finals"]) == 1
    assert "no exam named 'finals'" in capsys.readouterr().err
