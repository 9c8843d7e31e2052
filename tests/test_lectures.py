"""The lectures are made of tagged cells: what a tag says is on the slide, what it cannot show is an error, no fact is missing."""

import copy
import io
import re
from base64 import b64decode, b64encode
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
from PIL import Image

from tools import course_page, lectures, pages
from tools.run_notebooks import NOTE


def _png(wide: int, high: int) -> str:
    """A picture whose left half is black and whose right half is white."""
    image = Image.new("L", (wide, high))
    image.paste(255, (wide // 2, 0, wide, high))
    image.save(file := io.BytesIO(), "PNG")
    return b64encode(file.getvalue()).decode()


PICTURE = _png(40, 10)
PREDICTION = (
    "<p><em>Commit.</em></p>\n<p>Which <em>place</em>?</p>\n<p>A) the &lt;legs&gt;<br>\nB) the coat</p>\n"
    "<details><summary>Answer</summary>B: the coat. Because.</details>"
)


def _notebook(**tag: Any) -> Any:
    """A notebook whose one tagged cell predicts, prints, and shows a figure and a table."""
    source = 'predict("a.b", "Which *place*?", ["the <legs>", "the coat"], "the coat", explanation="Because.")'
    outputs = [
        new_output("display_data", data={"text/html": PREDICTION}),
        new_output("display_data", data={"image/png": PICTURE}, metadata={"image/png": {"alt": "a map"}}),
        new_output("stream", name="stdout", text="0.95 < 1\n"),
        new_output("execute_result", data={"text/html": "<style>td {}</style><table><tr><td>7</td></tr></table>"}),
    ]
    cell = new_code_cell(source, outputs=outputs, metadata={"lecture": {"title": "What it says", "minutes": 2.5} | tag})
    note = new_markdown_cell(f"{NOTE}\n> Ask the room.", metadata={"slideshow": {"slide_type": "notes"}})
    return new_notebook(cells=[new_markdown_cell("# Why?"), new_markdown_cell("## A section"), cell, note])


def _slide(**tag: Any) -> lectures.Slide:
    [slide] = lectures.slides(_notebook(**tag), "04_occlusion")
    return slide


@pytest.mark.parametrize(
    ("show", "seen", "unseen"),
    [
        ("figure", f'<img alt="a map" src="data:image/png;base64,{PICTURE}">', "predict"),
        ("output", "<pre>0.95 &lt; 1</pre>", "data:image"),
        ("table", "<td>7</td>", "<style>"),
        ("code", "predict(", "data:image"),
        ("ask", "the &lt;legs&gt;", "Because"),
    ],
)
def test_a_slide_shows_what_its_tag_names_and_no_more(show: str, seen: str, unseen: str) -> None:
    body = _slide(show=[show]).body
    assert seen in body
    assert unseen not in body


def test_a_question_has_a_place_for_hands_and_not_its_answer() -> None:
    body = _slide(show=["ask"]).body
    assert body.count('class="hands"') == 2
    assert "<em>place</em>" in body
    assert body.count("the coat") == 1  # as an option


def test_text_minutes_facts_and_the_notes_of_the_section_are_told() -> None:
    slide = _slide(text="- a **point**", facts=[3, 4])
    assert slide.body == "<ul>\n<li>a <strong>point</strong></li>\n</ul>\n"
    assert (slide.minutes, slide.facts, slide.section, slide.notes) == (2.5, (3, 4), "A section", "Ask the room.")
    text = lectures.page(1, [slide, slide])
    assert "2.5 min, from minute 2.5. Notebook 04_occlusion, 'A section'." in re.sub(r"&#x27;", "'", text)
    assert text.count("<section>") == 4
    assert "vultilion" in text
    assert [address for address in pages.Page(text).loads if pages.is_remote(address)] == []
    assert "| 3 | 2.5 | 2.5 | What it says | 3, 4 | 04_occlusion, A section |" in lectures.plan({1: [slide, slide]})


@pytest.mark.parametrize(
    ("tag", "message"),
    [({"show": ["picture"]}, "expected some of figure, table, output, code, ask"), ({"minuets": 1}, "cell 2: lecture says 'minuets'")],
)  # fmt: skip
def test_a_tag_that_says_what_is_unknown_is_refused(tag: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _slide(**tag)


@pytest.mark.parametrize("show", lectures.SHOWS)
def test_a_cell_without_what_it_should_show_is_refused(show: str) -> None:
    notebook = _notebook(show=[show])
    notebook.cells[2].update(source="" if show == "code" else "x", outputs=[])
    if show == "code":
        notebook.cells[2].cell_type = "markdown"
    with pytest.raises(ValueError, match=f"has no {show} to show"):
        list(lectures.slides(notebook, "x"))


def _images(body: str) -> list[Image.Image]:
    return [Image.open(io.BytesIO(b64decode(data))) for data in re.findall(r'base64,([^"]+)"', body)]


def test_parts_of_a_figure_are_cut_out() -> None:
    left, right = _images(_slide(show=["figure"], parts=[[0, 0, 0, 0.25, 1], [0, 0.5, 0.5, 1, 1]]).body)
    assert (left.size, left.getextrema()) == ((10, 10), (0, 0))
    assert (right.size, right.getextrema()) == ((20, 5), (255, 255))


def test_text_stands_beside_a_picture_that_is_not_wide_and_above_one_that_is() -> None:
    assert _slide(show=["figure"], text="Look.").body.startswith("<p>Look.</p>\n<div")
    narrow = _slide(show=["figure"], text="Look.", parts=[[0, 0, 0, 0.3, 1]]).body
    assert narrow.startswith('<div class="beside"><div><p>Look.</p>\n</div><div class="pictures')
    pair = _slide(show=["figure"], text="Look.", parts=[[0, 0, 0, 0.25, 1], [0, 0, 0, 0.25, 1]]).body
    assert 'class="pictures row"' in pair
    assert "beside" not in pair


def test_a_cell_makes_as_many_slides_as_it_has_tags() -> None:
    notebook = _notebook()
    notebook.cells[2].metadata["lecture"] = [{"title": "one"}, {"title": "two", "show": ["output"]}]
    assert [(slide.title, slide.notes) for slide in lectures.slides(notebook, "x")] == [
        ("one", "Ask the room."),
        ("two", ""),
    ]


def test_a_note_that_stands_first_in_its_section_is_for_the_next_slide() -> None:
    notebook = _notebook()
    notebook.cells.insert(2, notebook.cells.pop())
    assert [slide.notes for slide in lectures.slides(notebook, "x")] == ["Ask the room."]
    notebook.cells.insert(3, new_markdown_cell("Text.\n\n## Another section"))
    [slide] = lectures.slides(notebook, "x")
    assert (slide.section, slide.notes) == ("Another section", "")


def test_notes_of_another_slide_are_not_taken() -> None:
    notebook = _notebook()
    notebook.cells.insert(3, copy.deepcopy(notebook.cells[2]))
    assert [slide.notes for slide in lectures.slides(notebook, "x")] == ["", "Ask the room."]


def test_minutes_that_do_not_fit_and_facts_that_are_missing_are_told() -> None:
    all_facts = _slide(facts=list(lectures.FACTS))
    assert lectures.wrong({1: [all_facts], 2: [all_facts]}) == []
    long = _slide(minutes=91)
    assert lectures.wrong({1: [long], 2: [all_facts]}) == ["lecture 1 takes 91 minutes; expected at most 90"]
    assert "fact 14 is on no slide" in lectures.wrong({1: [long], 2: [long]})


def test_a_lecture_takes_its_notebooks_in_their_order(tmp_path: Path) -> None:
    for name in ("05_b", "06_c", "04_a"):
        notebook = _notebook(title=name)
        nbformat.write(notebook, tmp_path / f"{name}.ipynb")
    assert [slide.title for slide in lectures.lecture(2, tmp_path)] == ["05_b", "06_c"]


@pytest.mark.parametrize("number", lectures.LECTURES)
def test_the_lectures_of_the_course_can_be_given(number: int) -> None:
    made = lectures.lecture(number)
    assert 25 <= len(made) <= 40
    assert all(1 <= slide.minutes <= 4 for slide in made)
    assert all(len(slide.title) <= 70 for slide in made)
    assert 3 <= sum('class="ask"' in slide.body for slide in made) <= 5


def test_every_fact_has_slides_cards_and_exam_questions() -> None:
    assert lectures.wrong({number: lectures.lecture(number) for number in lectures.LECTURES}) == []
    gaps = [(fact, kind) for fact, by in course_page.covered().items() for kind, found in by.items() if not found]
    assert gaps == []
