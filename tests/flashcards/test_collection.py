"""The decks and exams as a whole: found by name, read again when they change, and compared with each other."""

from __future__ import annotations

import os

import pytest

import flashcards
from flashcards import collection
from flashcards.model import DeckError

FINE = "\n## What? {#t.fine}\n\nThis.\n"


def test_decks_are_compared_with_each_other_and_with_retired_ids(write_deck, tmp_path):
    first = write_deck(FINE + "\n## How? {#t.old}\n\nSo.\n", name="a.md")
    second = write_deck(FINE, name="b.md")
    retired = tmp_path / "retired.txt"
    retired.write_text("t.old\n")
    assert [str(problem) for problem in collection.lint([first, second], retired)] == [
        "a.md:11: the id 't.old' is retired; expected a new one",
        "b.md:1: notebook '04_occlusion' already has the deck a.md",
        "b.md:7: the id 't.fine' is already taken at a.md:7",
    ]


def test_an_unknown_deck_is_named_with_those_that_exist():
    with pytest.raises(ValueError, match=r"no deck named '99_none'; expected one of 00_start_here, 01_explanation"):
        collection.load("99_none")


def test_an_exam_shares_no_id_with_a_deck_or_another_exam(write_deck):
    scheme = "\n\n- (1) says so\n"
    one = write_deck(f"## Why? {{#t.one}}{scheme}", name="one.md")
    two = write_deck(f"## Why? {{#t.one}}{scheme}\n## What? {{#occlusion.what}}{scheme}", name="two.md")
    assert [str(problem) for problem in collection.lint_exams([one, two])] == [
        "two.md:6: the id 't.one' is already taken in one.md",
        "two.md:10: the id 'occlusion.what' is already taken in 04_occlusion.md",
    ]


def test_a_changed_deck_is_read_again(write_deck):
    path = write_deck(FINE)
    assert collection.load(path).cards[0].question_text == "What?"
    write_deck(FINE.replace("What?", "Why?"))
    os.utime(path, ns=(1, 1))
    assert collection.load(path).cards[0].question_text == "Why?"


def test_a_faulty_or_unknown_exam_is_refused(write_deck):
    with pytest.raises(DeckError, match="neither options"):
        flashcards.exam(write_deck("## Why? {#t.one}\n\nText.\n"))
    with pytest.raises(ValueError, match="no exam named 'corse'; expected one of course, or the path of a file"):
        flashcards.exam("corse")
