"""The patch on the first page of the reading edition answers without a kernel: by mouse, by keys, for every fill."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from tools import site

pytestmark = pytest.mark.browser
TABLE = json.loads((site.vendor.ROOT / "docs/patch/answers.json").read_text())


def test_the_patch_answers_what_the_table_says(browser: Browser, tmp_path: Path) -> None:
    box = re.sub(r"^```.*\n", "", site.patch("A patch"), flags=re.MULTILINE)
    style, script = ((site.TEMPLATES / name).read_text() for name in ("course.css", "patch.js"))
    (tmp_path / "page.html").write_text(f"<style>{style}</style>{box}<script>{script}</script>")
    page = browser.new_page()
    failed: list[str] = []
    page.on("pageerror", lambda error: failed.append(str(error)))
    page.goto((tmp_path / "page.html").as_uri())
    said, patch = page.locator("output"), page.locator("button.patch")
    last = len(TABLE["fills"]["black"]["left"]) - 1

    def expected(fill: str, x: int, y: int) -> str:
        return f"tripod {TABLE['fills'][fill]['left'][y][x]:.2f}"

    expect(said).to_have_text(expected("black", last, 0))
    patch.focus()
    for _ in range(2 * last):  # the edge holds
        patch.press("ArrowDown")
    patch.press("ArrowLeft")
    expect(said).to_have_text(expected("black", last - 1, last))
    for fill in TABLE["fills"]:
        page.locator("select").select_option(fill)
        expect(said).to_have_text(expected(fill, last - 1, last))
    page.locator(".photo").evaluate("photo => photo.style.height = photo.style.width = '224px'")
    frame = page.locator(".photo").bounding_box()
    assert frame is not None
    middle = TABLE["patch"] / 2
    page.mouse.move(frame["x"] + 200, frame["y"] + 10)
    page.mouse.down()
    page.mouse.move(frame["x"] + middle + 10 * TABLE["step"], frame["y"] + middle + 5 * TABLE["step"])
    page.mouse.up()
    expect(said).to_have_text(expected("mean", 10, 5))
    assert failed == []
    page.close()
