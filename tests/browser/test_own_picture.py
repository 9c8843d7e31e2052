"""A reader's own picture, through the button of notebook 00 in a real JupyterLab: two heatmaps, and one sentence."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from tests.browser.access import serious
from tests.browser.reach import unreached

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]

CELLS = [
    "from vislib import data, models\nfrom vislib.course import own\nown.upload(models.load())",
    'print(data.photo("mine").size, data.photo("mine").getpixel((3, 3)))',
]


def from_a_phone() -> bytes:
    """Twelve megapixels on their side, red on what is the upper edge for a viewer, and a tag that says so."""
    noise = np.random.default_rng().integers(60, 200, (378, 504, 3), dtype=np.uint8)
    noise[:, :80] = (200, 20, 20)
    picture, file = Image.fromarray(noise).resize((4032, 3024)), io.BytesIO()
    exif = picture.getexif()
    exif[0x0112] = 6
    picture.save(file, "JPEG", exif=exif, quality=92)
    return file.getvalue()


def cut_out() -> bytes:
    pixels, file = np.zeros((300, 240, 4), np.uint8), io.BytesIO()
    pixels[60:200, 60:180] = (30, 90, 200, 255)
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def test_two_pictures_and_a_text(open_notebook: Callable[..., Any]) -> None:
    notebook = open_notebook(CELLS, height=1200, warm=True)
    page = notebook.page
    notebook.run_cell(0)
    output = page.locator(".jp-OutputArea-output .widget-vbox")
    button, figure = output.get_by_role("button", name="your picture"), output.locator("figure")
    expect(figure).to_contain_text("coffee, until you choose yours")

    def choose(name: str, content: bytes) -> None:
        with page.expect_file_chooser() as asked:
            button.click()
        asked.value.set_files({"name": name, "mimeType": "image/jpeg", "buffer": content})

    def kept() -> str:
        notebook.run_cell(1)
        return str(notebook.outputs(1)[0]["text"])

    phone = from_a_phone()
    assert serious(page, within=".jp-OutputArea-output") == []
    assert unreached(output) == []
    assert 2**20 < len(phone) < 9 * 2**20
    choose("phone.jpg", phone)
    expect(figure).to_contain_text("phone.jpg: kept for the other notebooks.")
    page.wait_for_function("() => document.querySelector('.widget-vbox figure img').naturalWidth > 600")
    first = figure.locator("img").get_attribute("alt")
    size, red = kept().split(") (")
    assert size == "(512, 682"  # upright
    assert int(red.partition(",")[0]) > 150

    choose("logo.png", cut_out())
    expect(figure).to_contain_text("logo.png: kept for the other notebooks.")
    assert figure.locator("img").get_attribute("alt") != first
    assert kept() == "(240, 300) (255, 255, 255)\n"

    choose("holiday.jpg", b"Dear diary, today we went to the sea.")
    expect(output).to_contain_text("holiday.jpg is no picture that can be read; expected a JPEG, PNG or WebP file.")
    expect(figure).to_have_count(0)
    assert kept() == "(240, 300) (255, 255, 255)\n"
