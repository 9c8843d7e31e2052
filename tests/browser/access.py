"""What axe-core finds on a page that keeps somebody from reading it or using it; axe-core comes with a Python package."""

from functools import cache
from importlib.resources import files

from playwright.sync_api import Page

RUN = """async (within) => (await axe.run(within || document, { resultTypes: ['violations'] })).violations
  .filter((found) => ['serious', 'critical'].includes(found.impact))
  .flatMap((found) => found.nodes.map((node) => [found.id, node.target.join(' '), node.failureSummary]))"""


def serious(page: Page, within: str | None = None) -> list[str]:
    """Return axe-core's serious and critical findings, a line each: rule, element, what would mend it.

    Args:
        page: as it is now, in its theme and at its width.
        within: a CSS selector; only what lies inside of it is looked at.

    Raises:
        playwright.sync_api.Error: if nothing on the page is `within`.
    """
    page.evaluate(_axe())
    return [f"{rule}: {where}: {' '.join(said.split())}" for rule, where, said in page.evaluate(RUN, within)]


@cache
def _axe() -> str:
    return files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
