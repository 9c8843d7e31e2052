"""The lectures are made of tagged cells: what a tag says is on the slide, what it cannot show is an error, no fact is missing."""

import copy
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import lectures, pages
from tools.run_notebooks import NOTE

PIXEL = "iVBORw0KGgo="
PREDICTION = (
    "<p><em>Commit.</em></p>\n<p>Which <em>place</em>?</p>\n<p>A) the &lt;legs&gt;<br>\nB) the coat</p>\n"
    "<details><summary>Answer</summary>B: the coat. Because.</details>"
)


def _notebook(**tag: Any) -> Any:
    """A notebook whose one tagged cell predicts, prints, and shows a figure and a table."""
    source = 'predict("a.b", "Which *place*?", ["the <legs>", "the coat"], "the coat", explanation="Because.")'
    outputs = [
        new_output("display_data", data={"text/html": PREDICTION}),
        new_output("display_data", data={"image/png": PIXEL}, metadata={"image/png": {"alt": "a map"}}),
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
        ("figure", f'<img alt="a map" src="data:image/png;base64,{PIXEL}">', "predict"),
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
    [({"show": ["picture"]}, "expected some of figure, table, output, code, ask"), ({"minuets": 1}, "lecture says 'minuets'")],
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
