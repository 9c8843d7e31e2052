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
        new_output(
            "display_data", data={"image/png": PICTURE}, metadata={"image/png": {"alt": "a map", "letters": 12.5}}
        ),
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
        ("figure", f'<img alt="a map" data-letters="12.5" src="data:image/png;base64,{PICTURE}">', "predict"),
        ("output", "<td>0.95 &lt; 1</td>", "<pre>"),
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


def test_a_tag_without_a_title_adds_to_the_slide_before() -> None:
    notebook = _notebook(text="Look.", parts=[[0, 0, 0, 0.25, 1]], show=["figure"], credits=["cat"])
    notebook.cells.append(copy.deepcopy(notebook.cells[2]))
    notebook.cells[4].metadata["lecture"] = {"show": ["output"], "credits": ["digits"]}
    [slide] = lectures.slides(notebook, "x")
    assert (slide.title, slide.minutes, slide.credits) == ("What it says", 2.5, ("cat", "digits"))
    beside = slide.body.partition('<div class="pictures">')[0]
    assert "Look." in beside  # both words and table are beside the picture
    assert "0.95" in beside
    del notebook.cells[2]
    with pytest.raises(ValueError, match="no slide before it to add to"):
        list(lectures.slides(notebook, "x"))


def test_printed_lines_are_rows_and_their_groups_cells() -> None:
    notebook = _notebook(show=["output"], lines=r"^(\w+) (-?[\d.]+) <(.*)$", columns=["name", "a", "b"])
    notebook.cells[2].outputs[2].text = "heading\nfirst -0.2 <x>\nsecond 3 <y\nlast\n"
    [slide] = lectures.slides(notebook, "x")
    rows = re.findall("<tr>(.*?)</tr>", slide.body)
    assert [re.findall("<t[hd]>(.*?)</t", row) for row in rows] == [
        ["name", "a", "b"], ["first", "−0.2", "x&gt;"], ["second", "3", "y"],
    ]  # fmt: skip
    notebook.cells[2].outputs[2].text = "other\n"
    with pytest.raises(ValueError, match="has no output to show"):
        list(lectures.slides(notebook, "x"))


def test_credits_are_those_of_what_is_shown() -> None:
    told = lectures.credits([_slide(credits=["motorcycle"]), _slide(credits=["textures", "motorcycle"])])
    assert re.findall("<td>(.*?)</td>", told)[::2] == ["motorcycle", "textures"]
    assert "no licence stated" in told
    assert "coins" not in told
    with pytest.raises(ValueError, match="no credits for 'moon'"):
        lectures.credits([_slide(credits=["moon"])])


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


NUMBER = re.compile(r"(?<![\w.])\d+(?:[.,]\d+)*(?: ?%)?")


def _typed(tag: dict[str, Any]) -> set[str]:
    """The numbers that a slide types, code and years of papers left out."""
    text = re.sub(
        r"```.*?```|\$.*?\$|\(\D*et al\. \d{4}\)|^\d+\. ", "", tag.get("text", ""), flags=re.DOTALL | re.MULTILINE
    )
    return {number.replace(" ", "") for number in NUMBER.findall(f"{tag.get('title', '')}\n{text}")}


def _unfounded(notebook: Any) -> list[str]:
    """The numbers that slides type and the notebook neither prints, draws nor, if they are whole, states."""
    cells = notebook.cells
    outputs = "\n".join(str(output) for cell in cells for output in cell.get("outputs", []))
    stored = re.sub(r"[\w+/=]{200,}", "", outputs.replace("\\n", " "))  # without the pictures' data
    whole = "\n".join(cell.source for cell in cells)
    found = []
    for cell in cells:
        tags = cell.metadata.get("lecture", [])
        for tag in tags if isinstance(tags, list) else [tags]:
            for number in _typed(tag):
                known = stored if re.search(r"\.|%", number) else stored + whole
                if number not in NUMBER.findall(known.replace(" %", "%")):
                    found.append(f"{tag.get('title')}: {number}")
    return found


def test_a_number_that_a_slide_types_is_one_that_its_notebook_shows() -> None:
    assert _unfounded(_notebook(text="It is 0.95, and 7 (Ho et al. 2019).\n\n```\nx = 3\n```")) == []
    assert _unfounded(_notebook(text="It is 0.9, and 96 %.")) != []
    notebooks = [nbformat.read(path, as_version=4) for path in sorted(lectures.NOTEBOOKS.glob("0*.ipynb"))]
    assert [line for notebook in notebooks for line in _unfounded(notebook)] == []


@pytest.mark.parametrize("number", lectures.LECTURES)
def test_each_photograph_that_a_slide_opens_is_credited(number: int) -> None:
    for start in lectures.LECTURES[number][1]:
        for path in lectures.NOTEBOOKS.glob(f"{start}_*.ipynb"):
            for cell in nbformat.read(path, as_version=4).cells:
                tags = cell.metadata.get("lecture", [])
                told = {name for tag in (tags if isinstance(tags, list) else [tags]) for name in tag.get("credits", ())}
                if tags and "mage/" in str(cell.get("outputs")):
                    assert set(re.findall(r'photo\("(\w+)"', cell.source)) <= told


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
