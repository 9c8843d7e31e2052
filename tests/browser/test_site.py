"""The reading edition in a browser without a network: explorers answer from their tables, every page opens, and all can use it.

The whole site is looked at where `make site` has built it; without npm it cannot be built, and that test is skipped.
"""

import io
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser.access import serious
from tools import lectures, pages, site, vendor

pytestmark = pytest.mark.browser
WIDTHS = (390, 1280, 1920)
THEMES = ("light", "dark")
DOCS = vendor.ROOT / "docs"
PATCH, BROKEN, HOLES = (
    json.loads((DOCS / name).read_text(encoding="utf-8"))
    for name in ("patch/answers.json", "explorers/broken.json", "explorers/holes.json")
)


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Open a file in a browser that has no network; a page that fails, or asks for something outside, fails the test."""
    wrong: list[str] = []
    opened: list[Page] = []

    def refuse(route: Route) -> None:
        wrong.append(f"asked for {route.request.url}")
        route.abort()

    def open_(file: Path, width: int = 1280, theme: Any = "light") -> Page:
        page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme=theme, reduced_motion="reduce", offline=True
        )
        opened.append(page)
        page.route(re.compile("^(?!file:|data:|blob:)"), refuse)
        page.on("pageerror", lambda error: wrong.append(f"{file.name}: {error}"))
        page.on("console", lambda said: wrong.append(f"{file.name}: {said.text}") if said.type == "error" else None)
        page.on("requestfailed", lambda asked: wrong.append(f"{file.name}: {asked.url} {asked.failure}"))
        page.goto(file.as_uri())
        return page

    yield open_
    for page in opened:
        page.close()
    assert wrong == []


# ---- the explorers, without building anything ----


@pytest.fixture
def explorers(tmp_path: Path, open_page: Callable[..., Page]) -> Callable[..., Page]:
    """Open a page that has the three explorers and nothing else."""
    style, script = ((site.TEMPLATES / name).read_text(encoding="utf-8") for name in ("course.css", "explorers.js"))
    boxes = re.sub(r"^```.*\n?|^#.*\n|^\w.*\n", "", site.patch("A patch") + site.more_explorers(), flags=re.MULTILINE)
    (tmp_path / "_static" / "explorers").mkdir(parents=True)
    for file in (DOCS / "patch" / "photograph.jpg", DOCS / "moving.gif", *(DOCS / "explorers").iterdir()):
        folder = "explorers" if file.parent.name == "explorers" else ""
        (tmp_path / "_static" / folder / file.name).write_bytes(file.read_bytes())
    (tmp_path / "page.html").write_text(
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">'
        f"<title>x</title><style>{style}</style><main><h1>x</h1>{boxes}</main><script>{script}</script></html>",
        encoding="utf-8",
    )
    return lambda *at: open_page(tmp_path / "page.html", *at)


def test_the_patch_answers_what_the_table_says(explorers: Callable[..., Page]) -> None:
    page = explorers()
    box = page.locator("[data-explorer=patch]")
    said, patch = box.locator("output"), box.locator("button")
    last = len(PATCH["fills"]["black"]["left"]) - 1

    def expected(fill: str, x: int, y: int) -> str:
        return f"tripod {PATCH['fills'][fill]['left'][y][x]:.2f}"

    expect(said).to_have_text(expected("black", last, 0))
    patch.focus()
    for _ in range(2 * last):  # the edge holds
        patch.press("ArrowDown")
    patch.press("ArrowLeft")
    expect(said).to_have_text(expected("black", last - 1, last))
    for fill in PATCH["fills"]:
        box.locator("select").select_option(fill)
        expect(said).to_have_text(expected(fill, last - 1, last))
    box.locator(".photo").evaluate("photo => photo.style.height = photo.style.width = '224px'")
    frame = box.locator(".photo").bounding_box()
    assert frame is not None
    middle = PATCH["patch"] / 2
    page.mouse.move(frame["x"] + 200, frame["y"] + 10)
    page.mouse.down()
    page.mouse.move(frame["x"] + middle + 10 * PATCH["step"], frame["y"] + middle + 5 * PATCH["step"])
    page.mouse.up()
    expect(said).to_have_text(expected("mean", 10, 5))


def test_the_broken_network_answers_what_the_table_says(explorers: Callable[..., Page]) -> None:
    box = explorers().locator("[data-explorer=broken]")
    said, now, depth = box.locator("output"), box.locator(".map").nth(1), box.get_by_label("random blocks")
    place = int(depth.input_value())
    depth.focus()
    depth.press("ArrowRight")
    for method, told in BROKEN["methods"].items():
        box.get_by_label("method").select_option(method)
        expect(said).to_contain_text(f"{told['here'][place + 1]:.2f} is".replace("-0.00", "0.00").replace("-", "−"))
        expect(now).to_have_attribute("aria-label", f"Map of {told['name']}, {place + 1} of 19 blocks random")
        expect(now).to_have_css("background-image", re.compile(rf"explorers/{method}\.webp"))
    for key, words in (("Home", "nothing random"), ("End", "19 of 19 blocks random")):
        depth.press(key)
        expect(depth).to_have_attribute("aria-valuetext", words)
        expect(box.locator(".now")).to_have_text(words)


def test_the_holes_answer_what_the_tables_say(explorers: Callable[..., Page]) -> None:
    box = explorers().locator("[data-explorer=holes]")
    share, canvas = box.get_by_label("share removed"), box.locator("canvas")
    share.focus()
    share.press("End")
    for method, told in HOLES["methods"].items():
        box.get_by_role("combobox").select_option(method)
        values = [told["retrained"][-1], told["alone"][-1], HOLES["methods"]["random"]["retrained"][-1]]
        words = [str(round(100 * value + 1e-9)) for value in values]
        expect(box.locator("output strong")).to_have_text(["90 % removed.", *words])
    box.get_by_label("the holes alone").check()
    expect(canvas).to_have_attribute("aria-label", re.compile("^Digits 0, 1, 2, 3, 4. Black holes where 90 %"))
    black = canvas.evaluate(
        "c => { const d = c.getContext('2d').getImageData(0, 0, 28, 28).data; return d.filter((v, i) => i % 4 === 0 && v === 0).length }"
    )
    assert black == round(0.9 * 28 * 28)


@pytest.mark.parametrize("width", WIDTHS)
def test_everybody_can_use_the_explorers(explorers: Callable[..., Page], width: int) -> None:
    page = explorers(width)
    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for control in page.locator(":is(button, select, input)").all():
        control.focus()
        page.keyboard.press("Shift")  # a focus by keys is shown
        assert control.evaluate("e => parseFloat(getComputedStyle(e).outlineWidth)") >= 2


# ---- the whole site ----


@pytest.fixture(scope="session")
def built() -> Path:
    """The folder of the site, built if need be."""
    if not (site.OUT / "index.html").exists():
        try:
            vendor.fetched()
        except SystemExit as reason:
            pytest.skip(str(reason))
        assert site.main([]) == 0
    return site.OUT


@pytest.mark.slow
def test_no_link_leads_nowhere_and_nothing_is_loaded_from_elsewhere(built: Path) -> None:
    assert pages.problems(built) == []


@pytest.mark.slow
@pytest.mark.timeout(3600)  # axe-core looks at every word of thirty long pages
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_opens_from_a_folder_and_everybody_can_read_it(
    built: Path, open_page: Callable[..., Page], width: int, theme: str
) -> None:
    found = []
    for file in sorted(file for file in built.rglob("*.html") if "lectures" not in file.parts):
        page = open_page(file, width, theme)
        assert page.locator("html").get_attribute("data-theme") == theme
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(f"{file.relative_to(built)} is wider than {width} pixels")
        found += [f"{file.relative_to(built)}: {line}" for line in serious(page)]
        page.close()
    assert found == []


@pytest.mark.parametrize(
    ("shown", "told"), [("width: 120px; height: 60px", []), ("width: 120px; height: 50px", ["15.0 px"])]
)
def test_letters_of_a_picture_are_measured_as_a_slide_shows_them(browser: Browser, shown: str, told: list[str]) -> None:
    Image.new("L", (100, 50)).save(file := io.BytesIO(), "PNG")
    picture = lectures.Picture(
        "a map", f"data:image/png;base64,{b64encode(file.getvalue()).decode()}", Image.open(file), 15
    )
    page = browser.new_page()
    page.set_content(
        f"<style>img {{ {shown} }}</style><div class='slides'><section>{lectures._figures([picture])}</section></div>"
    )
    found = page.evaluate(lectures.FINE_PRINT, 0)
    page.close()
    assert [line.partition("have ")[2] for line in found] == told


@pytest.mark.slow
def test_every_deck_of_the_lectures_opens_from_the_folder(built: Path, open_page: Callable[..., Page]) -> None:
    decks = sorted((built / "lectures").glob("*.html"))
    if not decks:
        pytest.skip("make lectures has not been called")
    for file in decks:
        page = open_page(file)
        page.wait_for_function("Reveal.isReady()")
        page.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", WIDTHS)
def test_the_first_page_answers_and_its_search_finds_a_notebook(
    built: Path, open_page: Callable[..., Page], width: int
) -> None:
    page = open_page(built / "index.html", width)
    expect(page.locator("[data-explorer=patch] output")).to_have_text(re.compile(r"^tripod 0\.\d\d$"))
    for name in ("broken", "holes"):
        before = page.locator(f"[data-explorer={name}] output").inner_text()
        page.locator(f"[data-explorer={name}] input[type=range]").press("ArrowRight")
        expect(page.locator(f"[data-explorer={name}] output")).not_to_have_text(before)
    (button,) = [b for b in page.locator("button.search-button, button.search-button-field").all() if b.is_visible()]
    button.click()
    page.keyboard.type("guided backprop")
    page.keyboard.press("Enter")
    expect(page.locator("#search-results a").first).to_be_visible(timeout=20_000)
    assert page.locator("#search-results a[href*='07_sanity_checks']").count()
