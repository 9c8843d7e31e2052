"""The shortest path through the package: a deck is found, checked and shown."""

import flashcards
from flashcards import deck


def test_the_decks_of_the_course_have_no_mistakes():
    assert [str(problem) for problem in deck.check()] == []


def test_outside_of_jupyter_a_quiz_is_text_and_html_and_always_the_same():
    first = flashcards.quiz("04_occlusion")._repr_mimebundle_()
    assert first.keys() == {"text/plain", "text/html"}
    assert first == flashcards.quiz("04_occlusion")._repr_mimebundle_()
    assert "black-box" in first["text/html"]
    assert "black-box" not in first["text/plain"]  # the answer of a cloze stays hidden
