"""Every notebook in a real JupyterLab: its explorer moves, and its quiz asks and remembers.

nbval runs every cell; here run only the explorer's, what it needs, and the quiz. `make test-all` runs them all.
"""

from __future__ import annotations

import ast
import json
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from conftest import THEMES, until
from playwright.sync_api import expect

from flashcards.review_log.store import Store
from tests.browser.access import serious
from tests.browser.reach import moving, unreached
from tests.notebooks import FOLDER, PATHS, Names, read

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
# The later ones compute more; none of them shall be the last, with only one core at work.
LATER_FIRST = pytest.mark.parametrize("path", PATHS[::-1], ids=lambda path: path.stem)


@LATER_FIRST
def test_the_explorer_and_the_quiz(path: Path, open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(path, height=1400, warm=True)
    cells = read(path).cells
    explorers = [i for i, cell in enumerate(cells) if cell.cell_type == "code" and shows_explorer(cell.source)]
    quiz = [i for i, cell in enumerate(cells) if cell.cell_type == "code" and cell.source.startswith("quiz(")]
    assert len(explorers) >= 1
    assert len(quiz) == 1
    ran: set[int] = set()
    for number in (*explorers, *quiz):
        for needed in sorted(needs(cells, number) - ran):
            notebook.run_cell(needed)
            no_complaint(notebook, needed)
            ran.add(needed)
        if number in explorers:
            move_explorer(notebook, number)
            everybody_can_use(notebook, f"[data-windowed-list-index='{number}'] .jp-OutputArea-output")
    answer_quiz(notebook)
    everybody_can_use(notebook, ".fc-card")


def everybody_can_use(notebook: Any, part: str) -> None:
    """See that a part of the page keeps nobody out, in either theme: by axe-core, by Tab, and nothing moves."""
    found: dict[str, list[str]] = {}
    for theme in THEMES[::-1]:
        notebook.theme(theme)
        found[theme] = serious(notebook.page, within=part)
    for box in notebook.page.locator(part).all():
        if box.locator(".vlmap").count() == 0:  # a picture, with more to see under the mouse
            found["Tab"] = found.get("Tab", []) + unreached(box)
        found["motion"] = found.get("motion", []) + moving(box)
    assert {name: lines for name, lines in found.items() if lines} == {}


def shows_explorer(source: str) -> bool:
    return re.search(r"\bexplorer\(", source) is not None


def needs(cells: list[Any], number: int) -> set[int]:
    """Return a cell and those before it that bind, directly or through others, what it names."""
    wanted: set[str] = set()
    found: set[int] = set()
    for at in range(number, -1, -1):
        if cells[at].cell_type == "code":
            names = Names()
            names.visit(ast.parse(cells[at].source))
            if at == number or names.bound & wanted:
                found.add(at)
                wanted = wanted - names.bound | names.asked
    return found


def test_what_a_cell_needs() -> None:
    sources = [
        "import numpy as np",
        "x = a = np.ones(3)",
        "b = 1",
        "b = 2",
        "def f(x):\n    return x + b",
        "f(a)",
        "[x for x in b]",
    ]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    cells.insert(5, nbformat.v4.new_markdown_cell("f(a)"))
    assert needs(cells, 6) == {0, 1, 3, 4, 6}
    assert needs(cells, 7) == {3, 7}


def test_what_a_cell_binds_itself_it_needs_of_no_other() -> None:
    sources = [
        "few = name = net = 1",
        "nets = {}",
        "few = 3\nfor name, net in nets.items():\n    print(name, net, few)",
        "few = few + 1",
        "total = 0",
        "total += few",
    ]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    assert needs(cells, 2) == {1, 2}
    assert needs(cells, 3) == {1, 2, 3}
    assert needs(cells, 5) == {1, 2, 3, 4, 5}


@pytest.mark.slow
@LATER_FIRST
def test_runs_from_top_to_bottom(path: Path, open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(path, height=1400)
    sources = notebook.sources()
    notebook.run_all()
    code = [number for number, cell in enumerate(read(path).cells) if cell.cell_type == "code"]
    for number in code:
        no_complaint(notebook, number)
    answer_quiz(notebook)
    for number in code:
        if shows_explorer(sources[number]):
            move_explorer(notebook, number)
    if folder := os.environ.get("SCREENSHOTS"):
        notebook.page.screenshot(path=Path(folder) / f"{path.stem}.png")


def no_complaint(notebook: Any, number: int) -> None:
    """See that a cell has neither raised nor warned."""
    errors = [o for o in notebook.outputs(number) if o["output_type"] == "error" or o.get("name") == "stderr"]
    assert errors == [], f"cell {number}: {json.dumps(errors)[:500]}"


def answer_quiz(notebook: Any) -> None:
    """Turn over the first card of the quiz, grade it, and see that the next card comes and the answer is kept."""
    card, head = notebook.card(-1), notebook.card(-1).locator(".fc-head")
    before = head.inner_text()
    card.scroll_into_view_if_needed()
    card.focus()
    notebook.page.keyboard.press("1" if card.locator(".fc-choices:visible").count() else " ")
    expect(card.locator(".fc-answer")).to_be_visible()
    notebook.page.keyboard.press("3")
    expect(head).not_to_have_text(before)
    until(lambda: len(Store(notebook.lab.progress).reviews()) == 1)


def test_the_map_of_the_course_is_seen_and_leads_to_a_notebook(open_notebook: Callable[..., Any], lab: Any) -> None:
    shutil.copytree(FOLDER / "map", lab.folder / "map", dirs_exist_ok=True)
    shutil.copy(FOLDER / "02_weight_pca.ipynb", lab.folder)
    notebook = open_notebook(FOLDER / "00_start_here.ipynb", height=1400)
    page = notebook.page
    number = next(i for i, source in enumerate(notebook.sources()) if source.startswith("## The map"))
    page.evaluate("(i) => panel.content.scrollToItem(i)", number)
    tiles = page.locator(".jp-RenderedMarkdown img[alt^='0'], .jp-RenderedMarkdown img[alt^='10: ']")
    tiles.first.wait_for()
    assert tiles.evaluate_all("tiles => tiles.map(tile => tile.alt.slice(0, 2))") == [f"{n:02}" for n in range(11)]
    page.wait_for_function("() => [...document.querySelectorAll(\"img[alt^='0']\")].every((e) => e.naturalWidth > 100)")
    if folder := os.environ.get("SCREENSHOTS"):
        tiles.last.scroll_into_view_if_needed()
        page.screenshot(path=Path(folder) / "map.png")
    page.locator("a:has(img[alt^='02'])").click()
    page.wait_for_function("() => jupyterapp.shell.currentWidget?.context?.path === '02_weight_pca.ipynb'")


def move_explorer(notebook: Any, cell: int) -> None:
    """Do what a reader does first with the explorer of a cell, and see that the page answers."""
    page = notebook.page
    page.evaluate("(i) => { panel.content.activeCellIndex = i; }", cell)
    box = page.locator(".jp-Cell.jp-mod-active")
    box.scroll_into_view_if_needed()
    output = box.locator(".jp-OutputArea").first
    patch, slider, menu, search, dot, button = (
        box.locator(what)
        for what in (".patch", ".noUi-handle", ".widget-dropdown select", "input[list]", ".vlmap b", ".widget-button")
    )
    patch.or_(slider).or_(menu).or_(search).or_(dot).or_(button).first.wait_for()
    if folder := os.environ.get("SCREENSHOTS"):
        box.screenshot(path=Path(folder) / f"{Path(notebook.path).stem}_explorer.png")
    before = output.inner_html()
    if dot.count():
        dot.last.hover(force=True)  # the last one drawn lies on top, whichever places t-SNE finds
        dot.last.locator("i").wait_for(state="visible")
        return
    if patch.count():
        patch.focus()
        page.keyboard.press("ArrowUp")
        expect(box.locator("output")).to_have_attribute("aria-busy", "false")
    elif slider.count():
        slider.first.focus()
        page.keyboard.press("Home")  # a slider may start at its right end
    elif menu.count():
        menu.first.select_option(index=int(menu.first.evaluate("menu => menu.selectedIndex === 0")))
    elif button.count() and not search.count():
        button.first.click()
    else:
        search.first.fill("pizza")
        search.first.press("Enter")
    answered = "([element, before]) => element.innerHTML !== before"
    page.wait_for_function(answered, arg=[output.element_handle(), before])
