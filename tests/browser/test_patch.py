"""The patch of notebook 04 in a real JupyterLab: by mouse, by keys, on other photographs, and on the reader's own."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import THEMES
from playwright.sync_api import Locator, expect

from tests.browser.access import serious
from tests.browser.reach import moving, unreached

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

IMPORTS, EXPLORER, DIRECT, KEEP, SLOW, ASKED = range(6)
CELLS = [
    "import time\nimport torch\nfrom PIL import Image\nfrom vislib import data, fills, models\n"
    "from vislib.course import occlusion as course, own\nmodel = models.load()",
    "explorer = course.explorer(model, 'cameraman', model.index('tripod'))\nexplorer",
    """asked = explorer.children[0].asked
image = model.preprocess(data.photo(asked["photo"]))
window = (..., *(slice(asked[edge], asked[edge] + asked["size"]) for edge in ("top", "left")))
covered = image.clone()
covered[window] = fills.canvas(asked["fill"], image)[window]
with torch.no_grad():
    now, before = model(torch.cat([covered, image])).softmax(1)
name = "tripod" if asked["photo"] == "cameraman" else model.classes[before.argmax()]
print(f"{name} {now[model.index(name)]:.2f}, without the patch {before[model.index(name)]:.2f}")""",
    "own.keep(data.PHOTOS['rocket'].file())",
    """places = []
explorer.children[0].observe(lambda change: (places.append(change["new"]), time.sleep(0.5)), "asked")""",
    "print(len(places))",
]


class Explorer:
    """The explorer on the page, and what the kernel computes for it by another way."""

    def __init__(self, notebook: Any) -> None:
        self.notebook, self.page = notebook, notebook.page
        self.box = self.page.locator(".patch-explorer")
        self.patch, self.said = self.box.locator(".patch"), self.box.locator("output")

    def run(self, *cells: int) -> None:
        for cell in cells:
            self.notebook.run_cell(cell)
            assert [o for o in self.notebook.outputs(cell) if o["output_type"] == "error"] == []
        if EXPLORER in cells:
            self.box.scroll_into_view_if_needed()
            expect(self.said).to_have_attribute("aria-busy", "false")

    def lies(self, row: int, column: int, size: int) -> None:
        """The patch lies there, and the kernel has answered."""
        expect(self.patch).to_have_attribute("aria-valuetext", f"row {row}, column {column}, {size} pixels each way")
        expect(self.said).to_have_attribute("aria-busy", "false")

    def answers(self, row: int, column: int, size: int) -> None:
        """The patch lies there, and the number is that of a direct computation. JupyterLab takes the focus to its cell."""
        self.lies(row, column, size)
        self.notebook.run_cell(DIRECT)
        (output,) = self.notebook.outputs(DIRECT)
        expect(self.said).to_have_text(output["text"].strip())

    def menu(self, label: str) -> Locator:
        return self.box.get_by_role("combobox", name=label)

    def choose(self, menu: str, name: str) -> None:
        self.menu(menu).select_option(name)

    def drag(self, start: Locator, right: int, down: int, steps: int = 5) -> None:
        """Drag an element by so many pixels of the image."""
        frame, box = self.box.locator("img").bounding_box(), start.bounding_box()
        assert frame
        assert box
        x, y, scale = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2, frame["width"] / 224
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + right * scale, y + down * scale, steps=steps)
        self.page.mouse.up()


@pytest.fixture
def explorer(open_notebook: Callable[..., Any]) -> Explorer:
    shown = Explorer(open_notebook(CELLS, width=1280, height=720, warm=True))
    shown.run(IMPORTS, EXPLORER)
    return shown


def test_by_mouse(explorer: Explorer) -> None:
    patch, corner = explorer.patch, explorer.patch.locator("span")
    explorer.answers(88, 88, 48)
    explorer.drag(patch, -40, 52)
    explorer.answers(140, 48, 48)
    explorer.drag(corner, 12, 5)
    explorer.answers(140, 48, 60)
    explorer.drag(corner, -200, -200)  # sizes are held in bounds
    explorer.answers(140, 48, 8)
    explorer.drag(corner, 300, 300)
    explorer.answers(140, 48, 84)  # as much as fits there
    explorer.drag(patch, 400, -400)  # and so are places
    explorer.answers(0, 140, 84)
    frame = explorer.box.locator("img").bounding_box()
    assert frame
    explorer.page.mouse.click(frame["x"] + frame["width"] / 2, frame["y"] + frame["height"] / 2)  # beside it: it comes
    expect(patch).to_be_focused()
    explorer.answers(70, 70, 84)


def test_by_keys(explorer: Explorer) -> None:
    keyboard, sources = explorer.page.keyboard, explorer.notebook.sources()
    explorer.patch.focus()
    for keys, place in {
        "ArrowDown ArrowDown ArrowLeft": (96, 84, 48),
        "+ +": (96, 84, 56),
        "-": (96, 84, 52),
        "Shift+ArrowRight Shift+ArrowDown": (96, 84, 60),
        "Shift+ArrowLeft Shift+ArrowUp Shift+ArrowUp": (96, 84, 48),
        "a b x d d m": (96, 84, 48),  # commands of JupyterLab
    }.items():
        for key in keys.split():
            keyboard.press(key)
        explorer.lies(*place)
    for _ in range(40):
        keyboard.press("ArrowDown")
    explorer.lies(176, 84, 48)
    keyboard.press("+")  # at the edge it grows inwards
    explorer.lies(172, 84, 52)
    expect(explorer.patch).to_be_focused()
    explorer.answers(172, 84, 52)
    for menu in ("class", "filled with"):
        explorer.menu(menu).focus()
        for key in "xdd":
            keyboard.press(key)
    explorer.lies(172, 84, 52)
    assert explorer.notebook.sources() == sources


def test_the_last_place_wins_and_the_kernel_is_not_asked_for_all(explorer: Explorer) -> None:
    explorer.run(SLOW)
    box = explorer.box
    box.evaluate("(box) => { box.places = new Set(); }")
    box.evaluate("""(box) => new MutationObserver(() => box.places.add(box.querySelector(".patch").style.top))
        .observe(box.querySelector(".patch"), { attributes: true, attributeFilter: ["style"] })""")
    explorer.drag(explorer.patch, 60, -80, steps=40)
    explorer.answers(8, 148, 48)
    explorer.notebook.run_cell(ASKED)
    (output,) = explorer.notebook.outputs(ASKED)
    assert 1 <= int(output["text"]) < box.evaluate("(box) => box.places.size") / 2


def test_fills_photographs_and_classes(explorer: Explorer) -> None:
    for fill in ("noise", "white", "blur"):
        explorer.choose("filled with", fill)
        explorer.answers(88, 88, 48)
    explorer.choose("photograph", "coffee")
    explorer.answers(88, 88, 48)
    expect(explorer.said).to_contain_text("espresso")
    expect(explorer.box.locator("img")).to_have_attribute("alt", "Photograph: coffee")
    explorer.choose("class", "cup")
    expect(explorer.said).to_contain_text("cup 0.")
    bar, mark = explorer.box.locator(".bar > div"), explorer.box.locator(".bar > i")
    now, before = (float(word) for word in explorer.said.inner_text().replace(",", "").split() if word[0] in "01")
    frame = explorer.box.locator(".bar").evaluate("(e) => e.clientWidth")
    assert bar.evaluate("(e) => e.offsetWidth") == pytest.approx(now * frame, abs=0.006 * frame + 1)
    assert mark.evaluate("(e) => e.offsetLeft + 1") == pytest.approx(before * frame, abs=0.006 * frame + 1)


def test_ones_own_picture(explorer: Explorer) -> None:
    menu = explorer.menu("photograph")
    assert "mine" not in menu.locator("option").all_inner_texts()
    explorer.run(KEEP, EXPLORER)
    expect(menu.locator("option").last).to_have_text("mine")
    explorer.choose("photograph", "mine")
    explorer.answers(88, 88, 48)
    expect(explorer.box.locator("img")).to_have_attribute("alt", "Photograph: mine")


@pytest.mark.parametrize("theme", THEMES)
def test_everybody_can_use_it(explorer: Explorer, theme: str) -> None:
    explorer.notebook.theme(theme)
    assert serious(explorer.page, within=".patch-explorer") == []
    assert unreached(explorer.box) == []
    assert moving(explorer.box) == []
    if folder := os.environ.get("SCREENSHOTS"):
        explorer.patch.focus()
        explorer.page.screenshot(path=Path(folder) / f"patch_{theme.split()[-1].lower()}.png")


def test_a_kernel_that_has_stopped_is_said(open_notebook: Callable[..., Any]) -> None:
    explorer = Explorer(open_notebook(CELLS, width=1280, height=720))  # the warm kernel belongs to other tests as well
    explorer.run(IMPORTS, EXPLORER)
    explorer.notebook.restart()
    expect(explorer.said).to_have_text("The kernel has stopped. Run this cell again.")
