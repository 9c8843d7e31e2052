"""The card in a real JupyterLab."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser


def test_a_card_shows_reveals_and_goes_on(open_notebook):
    notebook = open_notebook(["from flashcards import quiz", "quiz('04_occlusion')"])
    notebook.run_all()
    card = notebook.card()
    card.screenshot(path="/tmp/fc1.png")
    card.focus()
    notebook.page.keyboard.press(" ")
    card.locator(".fc-answer").wait_for()
    notebook.page.wait_for_timeout(500)
    card.screenshot(path="/tmp/fc2.png")
    assert notebook.focus_in_card()
    notebook.page.keyboard.press("3")
    notebook.page.wait_for_timeout(800)
    card.screenshot(path="/tmp/fc3.png")
    assert notebook.focus_in_card()
    notebook.theme("JupyterLab Dark")
    notebook.page.keyboard.press(" ")
    notebook.page.wait_for_timeout(800)
    notebook.page.screenshot(path="/tmp/fc4.png")
