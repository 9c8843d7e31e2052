"""The flashcards in a real JupyterLab: what a learner sees, presses and gets back.

Pictures of every view in both themes go to `build/screenshots` for the eye.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from conftest import ROOT, THEMES, Notebook, until
from playwright.sync_api import Locator, TimeoutError, expect

from flashcards.collection import load, load_exam
from flashcards.exam_paper import draw
from tests.browser.access import serious
from tests.browser.reach import moving, unreached

pytestmark = pytest.mark.browser
SHOTS = ROOT / "build" / "screenshots"
QUIZ = ["from flashcards import predict, quiz, review", "quiz('05_gradients')", "'the cell below'"]


def shoot(card: Locator, name: str) -> None:
    """Take a picture of a view, and let axe-core look at it."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    card.scroll_into_view_if_needed()
    expect(card).to_be_visible()
    box = card.bounding_box()
    assert box
    around = {"x": box["x"] - 8, "y": max(box["y"] - 8, 0), "width": box["width"] + 16, "height": box["height"] + 16}
    card.page.screenshot(path=SHOTS / f"{name}.png", clip=around)
    assert serious(card.page, within=".fc-card") == []


def rows(path: Path, table: str = "reviews") -> list[Any]:
    if not path.exists():
        return []
    with closing(sqlite3.connect(path)) as db:
        made = db.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone()  # a moment after the file
        return db.execute(f"SELECT * FROM {table} ORDER BY id").fetchall() if made else []


def start(notebook: Notebook, cell: int = 1) -> Locator:
    """The card, live and focused."""
    notebook.run_all()
    card = notebook.card()
    expect(card.locator(".fc-front")).to_be_visible()
    card.focus()
    return card


def size(deck: str) -> int:
    """How many cards a deck of the course has."""
    return len(load(deck).cards)


def press(card: Locator, key: str) -> None:
    """Press a key that the card answers, and wait until all of the answer shows: it comes in several messages."""
    before = card.get_attribute("data-step") or ""
    card.page.keyboard.press(key)
    expect(card).not_to_have_attribute("data-step", before)


def click(card: Locator, name: str) -> None:
    """The same by the mouse."""
    before = card.get_attribute("data-step") or ""
    card.get_by_role("button", name=name).click()
    expect(card).not_to_have_attribute("data-step", before)


def reveal(card: Locator) -> None:
    press(card, " ")
    expect(card.locator(".fc-answer")).to_be_visible()


def position(card: Locator, text: str) -> None:
    expect(card.locator(".fc-head")).to_contain_text(text)


def no_raw_math(card: Locator) -> None:
    for raw in ("$", "\\(", "\\nabla"):
        expect(card).not_to_contain_text(raw, use_inner_text=True)


def test_math_focus_keys_and_the_file(open_notebook):
    notebook = open_notebook(QUIZ)
    keyboard = notebook.page.keyboard
    card = start(notebook)
    before = notebook.sources()

    total = size("05_gradients")
    expect(card).to_have_attribute("aria-label", f"Gradients. Card 1 of {total}")
    expect(card.locator(".fc-front")).to_have_attribute("aria-live", "polite")
    assert not notebook.lab.progress.exists()  # showing writes nothing

    reveal(card)
    expect(card.locator(".fc-answer mjx-container")).to_have_count(1)
    no_raw_math(card)
    expect(card.locator(".fc-section a")).to_have_attribute("href", load("05_gradients").cards[0].address)
    notebook.expect_focus()
    for keys in ("a", "b", "x", "d", "d", "m", "y", "c", "v", "Shift+m", "0", " "):
        keyboard.press(keys)
    assert notebook.sources() == before
    position(card, f"Card 1 of {total}")  # neither a letter nor another Space has graded the card

    press(card, "3")
    position(card, f"Card 2 of {total}")
    until(lambda: [(row[1], row[3]) for row in rows(notebook.lab.progress)] == [("gradients.norm", 3)])
    notebook.expect_focus()
    expect(card.locator(".fc-front mjx-container")).to_have_count(2)
    no_raw_math(card)

    # The mouse: the button that was clicked is gone, and the focus is still here.
    click(card, "Show answer")
    expect(card.locator(".fc-answer")).to_be_visible()
    notebook.expect_focus()
    click(card, "Easy")
    position(card, f"Card 3 of {total}")
    notebook.expect_focus()
    for keys in ("a", "b", "x", "d", "d"):
        keyboard.press(keys)
    assert notebook.sources() == before

    press(card, "u")
    position(card, f"Card 2 of {total}")
    until(lambda: len(rows(notebook.lab.progress)) == 1)

    # The first card once more, missed: it goes to the end.
    press(card, "u")
    position(card, f"Card 1 of {total}")
    reveal(card)
    press(card, "1")
    position(card, f"Card 1 of {total} · 1 to repeat")

    # Tab goes through the buttons with a visible ring, and out of the card again: no trap.
    keyboard.press("Tab")
    expect(card.get_by_role("button", name="Show answer")).to_be_focused()
    ring = card.locator(":focus").evaluate("(e) => getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth")
    assert ring == "solid2px"
    for keys in ("a", "b", "x", "d", "d"):
        keyboard.press(keys)
    assert notebook.sources() == before

    # Space presses the button that has the focus, and not the one that it stands for on the card.
    keyboard.press("Tab")
    expect(card.get_by_role("button", name="Undo")).to_be_focused()
    press(card, " ")
    expect(card.locator(".fc-head")).not_to_contain_text("to repeat")
    expect(card.locator(".fc-answer")).to_be_hidden()
    notebook.expect_focus()
    for _ in range(4):
        keyboard.press("Tab")
    notebook.expect_focus(in_card=False)

    # The other way round: outside of the card the same key does cut a cell, so the test above can fail.
    notebook.page.locator(".jp-Notebook .jp-InputPrompt").last.click()
    keyboard.press("x")
    until(lambda: notebook.sources() != before)


def test_a_restart_is_said_and_a_second_run_goes_on(open_notebook):
    notebook = open_notebook(QUIZ)
    card = start(notebook)
    for number in (2, 3, 4):
        reveal(card)
        press(card, "1" if number == 2 else "3")
        position(card, f"Card {number - 1} of {size('05_gradients')} · 1 to repeat")
    notebook.restart()
    expect(notebook.page.locator(".fc-card.fc-lost")).to_be_visible()
    shoot(card, "lost_light")
    notebook.run_all()
    expect(notebook.page.locator(".fc-lost")).to_have_count(0)
    card = notebook.card()
    position(card, f"Card 3 of {size('05_gradients')}")
    expect(card.locator(".fc-front")).to_contain_text("If every value of an image may change")
    # The missed card is still asked for, as the last one.
    names = [row[1] for row in rows(notebook.lab.progress)]
    assert names == ["gradients.norm", "gradients.adversarial", "gradients.fgsm"]


_CONTRAST = """(card) => {
    const parse = (colour) => {
        const numbers = colour.match(/[\\d.]+/g).map(Number);
        return numbers.length < 4 ? [...numbers, 1] : numbers;
    };
    const linear = (v) => (v / 255 <= 0.04045 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    const luminance = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const behind = (element) => {
        const layers = [];
        for (let e = element; e && layers.at(-1)?.[3] !== 1; e = e.parentElement) {
            layers.push(parse(getComputedStyle(e).backgroundColor));
        }
        const over = (under, [r, g, b, a]) => [r, g, b].map((v, i) => v * a + under[i] * (1 - a));
        return layers.reverse().reduce(over, [255, 255, 255]);
    };
    const found = {};
    const walker = document.createTreeWalker(card, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
        const [text, e] = [walker.currentNode.data.trim(), walker.currentNode.parentElement];
        if (!text || !e.offsetParent || e.closest("mjx-container, style, script")) continue;
        const [a, b] = [luminance(parse(getComputedStyle(e).color)), luminance(behind(e))];
        found[text.slice(0, 40)] = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    }
    return found;
}"""


def contrast(card: Locator) -> None:
    """Every text on the card stands out from its background as WCAG AA asks."""
    expect(card).to_be_visible()
    legible = f"""(card) => {{
        const found = Object.values(({_CONTRAST})(card));
        return found.length >= 3 && found.every((ratio) => ratio >= 4.5);
    }}"""
    with suppress(TimeoutError):  # which says less than what comes now
        card.page.wait_for_function(legible, arg=card.element_handle(), timeout=20_000)
    found = card.evaluate(_CONTRAST)
    assert len(found) >= 3
    assert {text: round(ratio, 2) for text, ratio in found.items() if ratio < 4.5} == {}


class Eye:
    """Looks at a view in both themes: the contrast by a number, the rest in a picture."""

    def __init__(self, notebook: Notebook) -> None:
        self.notebook = notebook
        self.themes = list(THEMES)

    def look(self, card: Locator, name: str) -> None:
        for theme in self.themes:
            self.notebook.theme(theme)
            contrast(card)
            shoot(card, f"{name}_{theme.split()[-1].lower()}")
        assert unreached(card) == []
        assert moving(card) == []
        self.themes.reverse()  # the next view begins with the theme that is on
        card.focus()


def test_every_view_is_legible_in_both_themes(open_notebook):
    text = (
        "predict('t.legs', 'Which part makes it a $tripod$?', ['the legs', 'the camera', 'the man'], 0, "
        "explanation='With a black patch. A patch of *noise* says something else.')"
    )
    cells = ["from flashcards import *", "quiz('07_sanity_checks')", text, "quiz('08_roar', record=False)", "review(5)"]
    notebook = open_notebook(cells, height=1400)
    card = start(notebook)
    look = Eye(notebook).look
    look(card, "question")
    reveal(card)
    look(card, "answer")
    press(card, "3")
    position(card, f"Card 2 of {size('07_sanity_checks')}")
    image = card.locator(".fc-front img")
    expect(image).to_be_visible()
    notebook.page.wait_for_function("(image) => image.naturalWidth > 300", arg=image.element_handle())
    look(card, "choice")
    order = card.locator(".fc-choices li").all_inner_texts()
    card.locator(".fc-choices li", has_text="Map A: without training a map falls apart").click()
    expect(card.locator(".fc-answer")).to_be_visible()
    expect(card.locator(".fc-wrong")).to_contain_text("your choice")
    expect(card.locator(".fc-right")).to_contain_text("Map B: without training a map follows the edges")
    shown = card.locator(".fc-choices li").all_inner_texts()
    assert [text in more for text, more in zip(order, shown, strict=True)] == [True] * 4  # the order of the question
    for option in card.locator(".fc-choices li").all():
        option.click()
    look(card, "chosen")
    position(card, f"Card 2 of {size('07_sanity_checks')}")  # no click on a solved option has graded the card

    asked = notebook.card(1)
    asked.focus()
    press(asked, "2")
    expect(asked).to_contain_text("B. How sure are you?")
    for letter, option in (("C", "the man"), ("B", "the camera")):
        asked.locator(".fc-choices li", has_text=option).click()
        expect(asked).to_contain_text(f"{letter}. How sure are you?")
    look(asked, "confidence")
    press(asked, "3")
    expect(asked.locator(".fc-answer")).to_contain_text("you were 75% sure")
    look(asked, "predicted")
    until(lambda: [row[3:] for row in rows(notebook.lab.progress, "predictions")] == [("the camera", 0.75, 0)])
    click(asked, "Ask the room")
    expect(asked.locator(".fc-head")).to_contain_text("0 hands")
    for key in "1112233":
        press(asked, key)
    expect(asked.locator(".fc-head")).to_contain_text("7 hands")
    look(asked, "tally")

    lecture = notebook.card(2)
    lecture.focus()
    for number in (2, 3):
        reveal(lecture)
        press(lecture, " ")
        position(lecture, f"Card {number} of {size('08_roar')} · walkthrough")
    press(lecture, "ArrowLeft")
    position(lecture, f"Card 2 of {size('08_roar')} · walkthrough")
    reveal(lecture)
    look(lecture, "walkthrough")
    look(notebook.card(3), "nothing_due")
    assert len(rows(notebook.lab.progress)) == 1  # neither the lecture nor the room has written a grade


def test_a_whole_deck_with_trouble_on_the_way_ends_in_a_summary(open_notebook):
    cells = [
        "open('wall', 'w').close(); import os; os.environ['VISLIB_PROGRESS'] = 'wall/progress.sqlite'",
        "from flashcards import quiz; quiz('00_start_here')",
    ]
    notebook = open_notebook(cells)
    card = start(notebook)
    total = size("00_start_here")
    for number in range(1, total + 2):
        position(card, f"Card {number} of {total}" if number <= total else f"Card {total} of {total} · 1 to repeat")
        reveal(card)
        press(card, "1" if number == total else "3")
        if number == 1:
            expect(card.locator(".fc-notice")).to_contain_text("Not saved (")
            shoot(card, "notice_light")
        expect(card.locator(".fc-notice p")).to_have_count(1)
    expect(card.locator(".fc-end")).to_contain_text(f"{total - 1} of {total} right at the first try.")
    shoot(card, "end_light")
    notebook.expect_focus()
    assert [output["output_type"] for output in notebook.outputs(1)] == ["execute_result"]  # no traceback, no warning


def test_without_a_kernel_the_cards_open_on_a_click(open_notebook, tmp_path):
    import nbformat

    import flashcards

    bundle = flashcards.quiz("07_sanity_checks")._repr_mimebundle_()
    output = nbformat.v4.new_output("execute_result", data=bundle, execution_count=1)
    cell = nbformat.v4.new_code_cell("quiz('07_sanity_checks')", execution_count=1, outputs=[output])
    path = tmp_path / "stored.ipynb"
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=[cell], metadata=kernel), path)
    notebook = open_notebook(path)
    page = notebook.page
    summary = page.locator(".flashcards summary, section summary").first
    expect(summary).to_be_visible()
    answer = page.locator("details").first.locator(":scope > :not(summary)").first
    expect(answer).to_be_attached()
    expect(answer).to_be_hidden()
    summary.click()
    expect(answer).to_be_visible()
    expect(page.locator("details")).to_have_count(size("07_sanity_checks"))
    expect(page.locator(".jp-OutputArea-output").first).not_to_contain_text("\\(", use_inner_text=True)
    SHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SHOTS / "stored_light.png")


def test_two_notebooks_at_once_lose_nothing(open_notebook):
    first, second = open_notebook(QUIZ), open_notebook([QUIZ[0], "quiz('08_roar')"])
    cards = [start(first), start(second)]
    sizes = size("05_gradients"), size("08_roar")
    for number in (2, 3, 4):
        for card, cards_in_all in zip(cards, sizes, strict=True):
            card.page.bring_to_front()
            card.focus()
            reveal(card)
            press(card, "3")
            position(card, f"Card {number} of {cards_in_all}")
    until(lambda: len(rows(first.lab.progress)) == 6)
    names = [row[1].split(".")[0] for row in rows(first.lab.progress)]
    assert sorted(names) == ["gradients"] * 3 + ["roar"] * 3


def test_the_network_is_closed_and_an_attempt_is_noticed(open_notebook, lab, outside):
    page = open_notebook(["1"]).page  # its own rules forbid no address, as those of /api would
    attempt = "(url) => fetch(url, { mode: 'no-cors' }).then(() => 'reached', () => 'refused')"
    hosts = ["http://example.org/a.js", "http://192.0.2.1/a.js", "http://localhost.invalid/a.js"]
    assert [page.evaluate(attempt, url) for url in hosts] == ["refused"] * 3
    assert page.evaluate(attempt, f"{lab.url}/api") == "reached"
    assert outside == hosts
    outside.clear()


DRAWN = '''
from pathlib import Path
Path("a dot & more.svg").write_text(
    '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="40"><rect width="90" height="40" fill="teal"/></svg>'
)
Path("d.md").write_text(r"""+++
title = "Of $5 and $6"
notebook = "04_occlusion"
tags = ["t"]
+++

## What does the \\$5 run show that the \\$6 run, with $x_1$ and \\\\(y\\\\), does not? {#t.a}

![a rectangle](<a dot & more.svg>)

- [x] מפה (saliency map)?
- [ ] \\$5 or \\$6

See \\\\[z\\\\], \\\\begin{a}b\\\\end{a} and \\$7, \\$8.
""", encoding="utf-8")
'''


def test_what_is_no_formula_is_not_typeset_and_a_drawing_and_text_from_right_to_left_show(open_notebook):
    notebook = open_notebook([DRAWN, "from flashcards import quiz; quiz('d.md')", "'the cell below'"])
    card = start(notebook)
    expect(card.locator(".fc-front mjx-container")).to_have_count(1)
    expect(card.locator(".fc-question")).to_contain_text("the $5 run show that the $6 run, with")
    expect(card.locator(".fc-question")).to_contain_text("and \\(y\\), does not?")
    image = card.locator(".fc-front img")
    expect(image).to_be_visible()
    card.page.wait_for_function("(image) => image.naturalWidth === 90", arg=image.element_handle())
    way = "(e) => getComputedStyle(e).direction"
    options = card.locator(".fc-choices li")
    assert options.filter(has_text="saliency").locator("span").evaluate(way) == "rtl"
    plain = options.filter(has_not_text="saliency")
    assert plain.evaluate(way) == "ltr"
    expect(plain).to_have_text("$5 or $6")
    reveal(card)
    expect(card.locator(".fc-answer")).to_contain_text("See \\[z\\], \\begin{a}b\\end{a} and $7, $8.")
    expect(card.locator("mjx-container")).to_have_count(1)
    shoot(card, "no_formula_light")


EXAM = ["from flashcards import exam", "exam()", "'the cell below'"]


def through(card: Locator, first: int, last: int) -> None:
    """Go on by the right arrow, from question `first` to `last`, one after the other."""
    for number in range(first, last + 1):
        card.focus()
        press(card, "ArrowRight")
        if number <= 16:
            position(card, f"Question {number} of 16")


@pytest.mark.parametrize("theme", THEMES)
def test_an_exam_is_written_handed_in_and_marked(open_notebook, theme):
    notebook = open_notebook(EXAM)
    notebook.theme(theme)
    card = start(notebook)
    name = theme.split()[-1].lower()
    cells = notebook.sources()
    choice = next(i for i, q in enumerate(draw(load_exam("course"), 0).questions, 1) if q.card.options)
    card.locator("textarea").fill("It does not fit its recipient. x dd b a")  # commands of the notebook
    shoot(card, f"exam_write_{name}")
    through(card, 2, choice)
    press(card, "3")
    expect(card.locator(".fc-chosen")).to_contain_text("your choice")
    picked = card.locator(".fc-chosen").inner_text()
    shoot(card, f"exam_choose_{name}")

    # Neither a new page nor a new kernel loses what was said; the order of the options stays too.
    notebook.restart()
    notebook.run_all()
    card = notebook.card()
    expect(card.locator(".fc-chosen")).to_have_text(picked, use_inner_text=True)
    for _ in range(1, choice):
        card.focus()
        press(card, "ArrowLeft")
    expect(card.locator("textarea")).to_have_value("It does not fit its recipient. x dd b a")

    through(card, 2, 17)
    expect(card.locator(".fc-end")).to_contain_text("14 of 16 questions have no answer yet")
    click(card, "Hand in")
    expect(card.locator(".fc-own")).to_have_text("It does not fit its recipient. x dd b a")
    card.locator("input[type=checkbox]").first.check()
    expect(card.locator(".fc-head")).to_contain_text("1 of 3 points")
    shoot(card, f"exam_mark_{name}")
    through(card, 2, 17)
    expect(card.locator(".fc-end")).to_contain_text(re.compile(r"[13] of 43 points"))
    shoot(card, f"exam_end_{name}")
    assert notebook.sources() == cells
    click(card, "Begin anew")
    position(card, "Question 1 of 16")
    expect(card.locator("textarea")).to_have_value("")
