"""The course at a glance: definitions are sentences, and every fact has what it needs."""

import pytest

from tools import course_page


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("Such a point is called a **hub**: it is the neighbour of many others, though it resembles none.", ["hub"]),
        ("The map is **better** than its sum.", []),
        ("- **heatmap**: one number for each pixel, in a list and not in running text, so it is none.", []),
        ("**Occlusion** (Zeiler & Fergus 2014) covers a part of the image and measures the drop of the score.", ["Occlusion"]),
        ("## **Title** is a heading and defines nothing at all, however long the line may be.", []),
    ],
)  # fmt: skip
def test_a_definition_is_a_sentence_of_running_text_that_defines(text: str, terms: list[str]) -> None:
    assert [term for term, _ in course_page.definitions([text])] == terms


def test_every_fact_has_cards_and_exam_questions() -> None:
    covered = course_page.covered()
    assert list(covered) == list(range(1, 15))
    assert [fact for fact, by in covered.items() if not by["cards"] or not by["exam"]] == []


def test_the_page_has_every_notebook_and_every_fact() -> None:
    page = course_page.page()
    for name in sorted(path.stem for path in course_page.lectures.NOTEBOOKS.glob("*.ipynb")):
        assert f"(notebooks/{name}.ipynb)" in page
    assert all(f"| {number} | {fact} |" in page for number, fact in course_page.FACTS.items())
