"""The item bank: what is in it, the papers that are drawn from it, the key in a place of its own, and what is kept."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

import flashcards
from flashcards import collection
from flashcards.cli import main
from flashcards.exam_attempt import Attempt, Mark
from flashcards.exam_paper import draw
from flashcards.model import LEVELS, counted
from flashcards.parsing.exams import read_exam
from flashcards.render.html import OR_ANOTHER
from flashcards.review_log.drafts import Draft, draft_of, drafts
from tests.flashcards.screen import Screen

FACTS = [str(number) for number in range(1, 15)]
BANK = """+++
title = "Small"
notebook = "09_review"
tags = ["exam"]
key = "keys/small.md"
length = 3

[weights]
1 = 2
2 = 1
more = 1
+++

## Say one. {#t.one fact=1 level=recall}

## Say one again. {#t.again fact=1 level=apply}

## Which? {#t.which fact=2 level=understand}

- [ ] left
- [ ] right

## Say more. {#t.more fact=more level=recall}
"""
KEY = """+++
title = "Small: the key"
notebook = "09_review"
tags = ["key"]
+++

## {#t.which}

- [x] right

Because $x_1$.

## {#t.one}

- (1) says this
- (1) says that

## {#t.again}

- (2) says **both**

## {#t.more}

- (1) says $x_2$
"""


@pytest.fixture
def bank(tmp_path):
    """A small bank with its key; given texts take the place of the good ones."""

    def write(questions=BANK, key=KEY):
        path = tmp_path / "small.md"
        path.write_text(questions, encoding="utf-8")
        (tmp_path / "keys").mkdir(exist_ok=True)
        (tmp_path / "keys" / "small.md").write_text(key, encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="module")
def course():
    return collection.load_exam("course")


# ---- the bank of the course ----


def test_the_bank_asks_about_every_fact_at_every_level(course):
    asked = Counter((question.card.fact, question.card.level) for question in course.questions)
    assert len(course.questions) >= 40
    assert {(fact, level) for fact in FACTS for level in LEVELS} <= set(asked)
    assert {fact for fact, _ in asked} == set(course.weights)
    assert all(question.points == course.weights[question.card.fact] for question in course.questions)


def test_every_scheme_lets_another_valid_reason_count(course):
    assert OR_ANOTHER.startswith("or another valid reason")
    written = [question for question in course.questions if question.scheme]
    assert len(written) >= 30
    assert flashcards.exam("course").html().count(OR_ANOTHER) == sum(
        bool(question.scheme) for question in draw(course, 0).questions
    )


def test_what_a_student_gets_holds_no_answer():
    asked = (collection.EXAMS / "course.md").read_text(encoding="utf-8")
    assert "[x]" not in asked
    assert not re.search(r"^- \(\d", asked, re.MULTILINE)


# ---- drawing ----


@given(st.integers(0, 2**31))
def test_every_paper_asks_each_fact_once_and_is_worth_the_same(course, seed):
    paper = draw(course, seed)
    facts = [question.card.fact for question in paper.questions]
    assert len(facts) == len(set(facts)) == course.length
    assert set(FACTS) <= set(facts)
    assert paper.points == draw(course, 0).points
    levels = Counter(question.card.level for question in paper.questions)
    assert max(levels.values()) - min(levels.values()) <= 2
    places = [question.card.line for question in paper.questions]
    assert places == sorted(places)
    assert paper == draw(course, seed)


def test_other_seeds_draw_other_papers_and_every_question_comes_up(course):
    papers = [draw(course, seed) for seed in range(300)]
    assert len({tuple(question.card.id for question in paper.questions) for paper in papers}) > 250
    assert {question.card.id for paper in papers for question in paper.questions} == {
        question.card.id for question in course.questions
    }


def test_where_the_right_option_stands_says_nothing(course):
    places: Counter[int] = Counter()
    for seed in range(200):
        for question in draw(course, seed).questions:
            if question.card.options:
                places[[option.right for option in question.card.options].index(True)] += 1
    count = sum(places.values())
    assert set(places) == {0, 1, 2, 3}
    assert max(places.values()) < 0.32 * count  # a quarter, and five times what chance adds
    assert min(places.values()) > 0.18 * count


# ---- the key ----


def test_questions_and_key_make_an_exam(bank):
    exam, problems = read_exam(bank())
    assert problems == []
    one, again, which, more = exam.questions
    assert (exam.keyed, exam.length, dict(exam.weights)) == (True, 3, {"1": 2, "2": 1, "more": 1})
    assert [criterion.text for criterion in one.scheme] == ["says this", "says that"]
    assert again.card.terms == ("both",)
    assert [(option.text, option.right) for option in which.card.options] == [("left", False), ("right", True)]
    assert which.card.answer == "<p>Because \\(x_1\\).</p>"
    assert [question.points for question in exam.questions] == [2, 2, 1, 1]
    assert more.scheme[0].html == "says \\(x_2\\)"


def test_without_the_key_there_are_questions_and_no_answers(bank, tmp_path, capsys):
    path = bank()
    shutil.rmtree(tmp_path / "keys")
    exam, problems = read_exam(path)
    assert (exam.keyed, problems) == (False, [])
    assert exam.points == 6
    shown = flashcards.exam(path)
    assert "<details" not in shown.html()
    assert collection.exam_giveaways([path]) == []
    assert main(["paper", str(path)]) == 0
    assert "- [ ] right" in capsys.readouterr().out
    for command in (["paper", str(path), "--key"], ["bank", str(path), "--to", str(tmp_path / "x.xml")]):
        assert main(command) == 1
        assert "the key of small is not in this copy; expected the file that its 'key' names" in capsys.readouterr().err


def test_without_the_key_an_exam_is_written_and_not_marked(bank, tmp_path):
    path = bank()
    shutil.rmtree(tmp_path / "keys")
    desk = Screen(flashcards.exam(path).widget())
    while "Hand in" not in desk.buttons:
        if desk.paper is not None:
            desk.paper.value = "mine"
        else:
            desk.pick("left")
        desk.press("Next")
    assert "All are answered" in desk.text
    desk.press("Hand in")
    for _ in range(3):
        assert "the key is not in this copy" in desk.text
        assert ("mine" in desk.text) != ("your choice left" in desk.text)
        assert "✗" not in desk.text
        assert desk.boxes == []
        desk.press("Next")
    assert "Handed in. The key is not in this copy" in desk.text


@pytest.mark.parametrize(
    ("questions", "key", "message"),
    [
        (BANK + "\n- (1) says it\n", KEY, "small.md:23: an answer below the question; expected it in the key"),
        (BANK.replace("[ ] left", "[x] left"), KEY,
         "small.md:20: a right option beside the question; expected '- [ ]', and the right one in the key"),
        (BANK, KEY.replace("[x] right", "[x] wrong"),
         "keys/small.md:7: no right option of 't.which'; expected '- [x]' with the text of one of its options"),
        (BANK, KEY.replace("[x] right", "[ ] right"), "keys/small.md:9: no right option; expected exactly one"),
        (BANK, KEY.replace("{#t.more}", "{#t.less}"), "small.md:23: 't.more' has no answer; expected one in small.md"),
        (BANK, KEY.replace("{#t.more}", "{#t.less}"), "keys/small.md:22: an answer to 't.less', which is no question"),
        (BANK, KEY.replace("- (1) says $x_2$", "So."), "the question has neither options nor a mark scheme"),
        (BANK, KEY.replace("(2) says", "(3) says"), "small.md:16: a mark scheme of 3 points; expected 2, the weight of its fact"),
        (BANK.replace("fact=more", "fact=3"), KEY, "small.md:23: the fact is '3'; expected one with a weight: 1, 2, more"),
        (BANK.replace("more level=recall", "more"), KEY,
         "small.md:23: a question of a bank without a level; expected 'level=…' behind its id"),
        (BANK, KEY + "\n![a dot](dot.png)\n", "a picture in a key; expected it in the question"),
        (BANK.replace("1 = 2", "1 = 0"), KEY, "the weights are {'1': 0, '2': 1, 'more': 1}; expected a table of facts"),
        (BANK.replace("more = 1\n", "more = 1\nless = 2\n"), KEY,
         "small.md:1: a weight for the fact 'less', about which there is no question; expected one"),
        *((BANK.replace("length = 3", f"length = {length}"), KEY,
           f"small.md:1: papers of {counted(length, 'question')}; expected 2 to 3, one about each numbered fact and no two about the same")
          for length in (1, 4)),
        (BANK.replace("more = 1\n", "more = 1\nless = 2\n") + "\n## Say less. {#t.less fact=less level=apply}\n",
         KEY + "\n## {#t.less}\n\n- (2) says less\n",
         "small.md:1: facts that fill a paper up weigh [1, 2]; expected one weight, so that papers are alike"),
        (BANK.replace("length = 3", "length = true"), KEY, "small.md:6: the length is True; expected the number of"),
        (BANK.replace('"keys/small.md"', "7"), KEY, "small.md:5: the key is 7; expected the path of a Markdown file"),
        (BANK.replace("length", "width"), KEY, "unknown key 'width' in the front matter; expected title, notebook, tags"),
    ],
)  # fmt: skip
def test_mistakes_of_a_bank_and_its_key(questions, key, message, bank, tmp_path):
    path = bank(questions, key)
    (tmp_path / "keys" / "dot.png").write_bytes(b"dot")
    _, problems = read_exam(path)
    assert any(message in str(problem) for problem in problems), [str(problem) for problem in problems]


def test_facts_of_any_weight_may_fill_a_paper_that_takes_all_of_them_or_none(bank):
    more = BANK.replace("more = 1\n", "more = 1\nless = 2\n") + "\n## Say less. {#t.less fact=less level=apply}\n"
    for length in ("length = 2", "length = 4", ""):
        path = bank(more.replace("length = 3", length), KEY + "\n## {#t.less}\n\n- (2) says less\n")
        exam, problems = read_exam(path)
        assert problems == []
        assert len({draw(exam, seed).points for seed in range(20)}) == 1


def test_a_deck_has_no_key(write_deck):
    _, problems = collection.read_deck(
        write_deck("\n## What? {#t.a}\n\nSo.\n", BANK.partition("\n\n[")[0] + "\n+++", name="d.md")
    )
    assert [problem.line for problem in problems][:2] == [5, 6]


# ---- nothing is lost ----


@given(st.data())
def test_what_was_said_comes_back_whatever_was_said(course, data):
    attempt = Attempt(draw(course, data.draw(st.integers(0, 99))))
    for number, question in enumerate(attempt.questions):
        if question.card.options:
            if (picked := data.draw(st.none() | st.integers(0, len(question.card.options) - 1))) is not None:
                attempt.answer(picked, number)
        else:
            attempt.answer(data.draw(st.text(max_size=20)), number)
    if data.draw(st.booleans()):
        attempt.hand_in()
        for number, question in enumerate(attempt.questions):
            for criterion in range(len(question.scheme)):
                attempt.tick(criterion, data.draw(st.booleans()), number)
    attempt.go(data.draw(st.integers(0, 20)))
    other = Attempt(attempt.exam)
    other.resume(json.loads(json.dumps(attempt.state())))
    assert vars(other) == vars(attempt)


def test_what_is_no_longer_asked_is_left_out(course, bank):
    exam = collection.load_exam(bank())
    attempt = Attempt(exam)
    said = {"t.gone": {"written": "x"}, "t.which": {"picked": "up"}, "t.one": {"written": "y", "ticked": ["says no"]}}
    attempt.resume({"at": 99, "handed_in": False, "said": said})
    assert (attempt.at, attempt.written, attempt.picked[2], attempt.ticked[0]) == (4, ["y", "", "", ""], None, set())
    assert attempt.total() == Mark(0, 6)


def test_a_reload_goes_on_where_it_was(bank, progress_file):
    path = bank()
    desk = Screen(flashcards.exam(path, seed=4).widget())
    assert not progress_file.parent.exists()  # showing writes nothing
    typed = {}
    for number in range(3):
        if desk.paper is not None:
            typed[number] = f"answer {number} “<b>”"
            desk.paper.value = typed[number]
        else:
            desk.pick("right")
        again = Screen(flashcards.exam(path, seed=4).widget())
        if number in typed:
            assert again.paper.value == typed[number]
        else:
            assert "your choice right" in again.text
        desk.press("Next")
    desk.press("Hand in")
    again = Screen(flashcards.exam(path, seed=4).widget())
    assert "Hand in" not in again.buttons
    assert "says" in again.text or "Because" in again.text
    other = Screen(flashcards.exam(path, seed=5).widget())
    assert all(text not in other.html for text in typed.values())
    assert drafts() == [draft_of("small-4", path).path]


def test_exams_of_one_name_in_two_folders_keep_their_own_answers(bank, tmp_path):
    first = Screen(flashcards.exam(bank()).widget())
    first.paper.value = "about the first"
    shutil.copytree(tmp_path, elsewhere := tmp_path / "week2", ignore=shutil.ignore_patterns("week2"))
    second = Screen(flashcards.exam(elsewhere / "small.md").widget())
    assert second.paper.value == ""
    second.paper.value = "about the second"
    assert Screen(flashcards.exam(bank()).widget()).paper.value == "about the first"
    assert len(drafts()) == 2


def test_two_views_of_an_exam_lose_nothing_that_the_other_has_said(bank):
    path = bank()

    def kept():
        found = draft_of("small-0", path).read()
        return found["handed_in"], *found["said"].values()

    first, second = (Screen(flashcards.exam(path).widget()) for _ in range(2))
    first.paper.value = "of the first"
    second.press("Next")
    second.pick("right")
    second.press("Next")
    second.paper.value = "of the second"
    second.press("Next")
    second.press("Hand in")
    for _ in range(2):
        second.press("Next")
    second.boxes[0].value = True
    first.paper.value = "of the first, later"
    handed_in, one, which, more = kept()
    assert (handed_in, one["written"], which["picked"]) == (True, "of the first, later", "right")
    assert more == {"written": "of the second", "picked": None, "ticked": ["says $x_2$"]}
    first.press("Next")
    first.press("Next")
    first.paper.value = "of both"
    assert kept() == (True, one, which, more | {"written": "of both"})
    second.press("Next")
    second.press("Begin anew")
    second.paper.value = "anew"
    first.paper.value = "of the first again"
    assert [answer["written"] for answer in kept()[1:]] == ["anew", "", "of the first again"]
    assert not kept()[0]


@given(st.lists(st.tuples(st.integers(0, 15), st.text(max_size=3)), max_size=12))
def test_views_that_answer_different_questions_write_all_answers_into_one_file(course, steps):
    draft_of("course-0").forget()
    one, other, both = (Attempt(draw(course, 0)) for _ in range(3))
    drafts = {attempt: draft_of("course-0") for attempt in (one, other)}
    for attempt, draft in drafts.items():
        draft.known = attempt.state()
    for number, text in steps:
        view = (one, other)[number % 2]
        options = both.questions[number].card.options
        for attempt in (view, both):
            attempt.answer(len(text) % len(options) if options else text, number)
        drafts[view].write(view.state())
    assert (draft_of("course-0").read() or both.state())["said"] == both.state()["said"]


def test_what_no_longer_stands_in_the_exam_stays_in_the_file(bank, progress_file):
    progress_file.parent.mkdir()
    path = draft_of("small-0", bank()).path
    said = {"t.gone": {"written": "x"}, "t.which": {"picked": "up", "ticked": []}}
    kind = "answers to an exam of interpreting-vision"
    path.write_text(json.dumps({"kind": kind, "said": said, "at": 0, "handed_in": False}))
    Screen(flashcards.exam(bank()).widget()).paper.value = "mine"
    found = json.loads(path.read_text())
    assert (found["kind"], found["said"]["t.gone"], found["said"]["t.which"]["picked"]) == (kind, said["t.gone"], "up")
    assert "mine" in [answer["written"] for answer in found["said"].values()]


def test_half_a_character_is_kept_as_it_was_typed(bank):
    Screen(flashcards.exam(path := bank()).widget()).paper.value = "\ud83d and \U0001f642"
    assert Screen(flashcards.exam(path).widget()).paper.value == "\ud83d and \U0001f642"


def test_a_draft_that_the_system_refuses_is_told_and_never_raises(tmp_path, monkeypatch):
    state = {"at": 0, "handed_in": False, "said": {}}
    assert Draft(tmp_path / f"exam-{'x' * 300}.json").read() is None
    folder = Draft(tmp_path / "exam-folder.json")
    (tmp_path / "exam-folder.json").mkdir()
    folder.write(state)
    assert folder.notice.startswith("Not saved (")
    folder.forget()
    assert folder.notice.startswith("Not deleted (")
    assert folder.notice.endswith("). The next run of this cell shows these answers again.")
    full = Draft(tmp_path / "exam-full.json")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    full.write(state)
    assert full.notice.startswith(f"Not saved ({full.path}: No space left on device).")
    assert list(tmp_path.iterdir()) == [tmp_path / "exam-folder.json"]


def test_begin_anew_empties_the_paper_and_its_file(bank):
    desk = Screen(flashcards.exam(bank()).widget())
    for _ in range(3):
        if desk.paper is not None:
            desk.paper.value = "old"
        desk.press("Next")
    desk.press("Hand in")
    for _ in range(3):
        desk.press("Next")
    assert len(drafts()) == 1
    desk.press("Begin anew")
    assert drafts() == []
    assert "Question 1 of 3" in desk.text
    for _ in range(3):
        assert desk.paper is None or desk.paper.value == ""
        desk.press("Next")
    assert "3 of 3 questions have no answer yet" in desk.text


def test_what_could_not_be_deleted_gives_way_to_the_first_new_answer(bank, monkeypatch):
    desk = Screen(flashcards.exam(path := bank()).widget())
    for _ in range(3):
        desk.press("Next")
    desk.press("Hand in")
    for _ in range(3):
        desk.press("Next")
    with monkeypatch.context() as locked:
        locked.setattr(type(path), "unlink", lambda *_, **__: os.stat(path / "no folder"))
        desk.press("Begin anew")
    assert "Not deleted" in desk.text
    desk.paper.value = "new"
    again = Screen(flashcards.exam(path).widget())
    assert again.paper.value == "new"
    assert draft_of("small-0", path).read()["handed_in"] is False


def test_progress_that_is_off_keeps_no_answers(bank, monkeypatch, tmp_path):
    monkeypatch.setenv("VISLIB_PROGRESS", "off")
    before = set(tmp_path.rglob("*"))
    desk = Screen(flashcards.exam(path := bank()).widget())
    desk.paper.value = "mine"
    assert set(tmp_path.rglob("*")) - before == {path, path.parent / "keys", path.parent / "keys" / "small.md"}
    assert (draft_of("small-0").path, drafts()) == (None, [])


def test_a_file_that_is_no_draft_is_left_as_it_is_and_told(bank, progress_file, capsys):
    progress_file.parent.mkdir()
    foreign = draft_of("small-0", bank()).path
    foreign.write_text('{"kind": "something else", "said": {}}')
    desk = Screen(flashcards.exam(bank()).widget())
    assert "holds no answers that can be read; nothing is saved." in desk.text
    desk.paper.value = "mine"
    assert main(["forget", "--yes"]) == 0
    assert "there is no progress to forget" in capsys.readouterr().out
    assert foreign.read_text() == '{"kind": "something else", "said": {}}'


@pytest.mark.parametrize(
    "gap", [{"said": {}}, {"said": {"t.one": None}, "at": 0, "handed_in": False}, {"said": {}, "at": "x", "handed_in": 0},
            {"said": {"t.one": {"ticked": None}}, "at": 0, "handed_in": False}, {"said": []}],
)  # fmt: skip
def test_a_draft_with_gaps_does_not_stop_the_exam(bank, progress_file, gap):
    progress_file.parent.mkdir()
    path = draft_of("small-0", bank()).path
    path.write_text(json.dumps({"kind": "answers to an exam of interpreting-vision", **gap}))
    before = path.read_text()
    desk = Screen(flashcards.exam(bank()).widget())
    assert "holds no answers that can be read; nothing is saved." in desk.text
    desk.paper.value = "mine"
    assert path.read_text() == before


def test_forget_deletes_what_exams_have_kept(bank, progress_file, capsys):
    desk = Screen(flashcards.exam(bank()).widget())
    desk.paper.value = "mine"
    path = draft_of("small-0", bank()).path
    left = path.with_suffix(".77.tmp")  # by a process that was killed before it gave the file its name
    shutil.copy(path, left)
    notes = {progress_file.parent / name for name in ("exam-notes.json", "exam-notes.tmp")}
    for note in notes:
        note.write_text("[]")
    assert main(["forget", "--yes"]) == 0
    assert capsys.readouterr().out.splitlines() == [f"deleted {left}", f"deleted {path}"]
    assert set(progress_file.parent.iterdir()) == notes


def test_what_cannot_be_saved_is_said_and_the_exam_goes_on(bank, progress_file):
    progress_file.parent.write_text("in the way")
    desk = Screen(flashcards.exam(bank()).widget())
    desk.paper.value = "mine"
    assert "Not saved (" in desk.text
    assert "kept until the kernel stops" in desk.text
    progress_file.parent.unlink()
    desk.press("Next")
    desk.press("Back")
    assert desk.paper.value == "mine"
    desk.paper.value = "mine, and more"
    desk.press("Next")
    assert "Not saved" not in desk.text
    said = draft_of("small-0", bank()).read()["said"]
    assert "mine, and more" in [answer["written"] for answer in said.values()]
