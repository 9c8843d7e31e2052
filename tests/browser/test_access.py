"""axe-core is there, and finds what it should."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Error, Page

from tests.browser.access import serious

pytestmark = pytest.mark.browser
RIGHT = '<html lang="en"><title>x</title><main><h1>x</h1><label>name <input></label></main></html>'
WRONG = {
    "label": "<input>",
    "color-contrast": '<p style="color: #bbb; background: #fff">pale</p>',
    "button-name": "<button></button>",
    "scrollable-region-focusable": '<div style="height: 20px; overflow: auto"><p style="height: 90px">x</p></div>',
}


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    page = browser.new_page()
    yield page
    page.close()


def test_a_page_that_everybody_can_use_has_no_finding(page: Page) -> None:
    page.set_content(RIGHT)
    assert serious(page) == []


@pytest.mark.parametrize("rule", WRONG)
def test_what_keeps_somebody_out_is_found_and_only_where_one_looks(page: Page, rule: str) -> None:
    page.set_content(RIGHT.replace("</main>", f'<div id="there">{WRONG[rule]}</div><p id="here">x</p></main>'))
    (found,) = serious(page)
    assert found.startswith(f"{rule}: ")
    assert serious(page, within="#there") == [found]
    assert serious(page, within="#here") == []


def test_a_part_that_is_not_there_is_an_error_and_not_a_pass(page: Page) -> None:
    page.set_content(RIGHT)
    with pytest.raises(Error, match="No elements found"):
        serious(page, within="#gone")
