"""Slides of the notebooks from their stored outputs: ``make slides`` [ONLY=04_occlusion]. They need no network.

Each notebook becomes ``build/slides/NAME.html``, in reveal.js; press C for the code, S for the speaker notes. Whatever a page
loads lies beside it in ``build/slides/vendor``. ``python -m tools.slides --measure`` opens every slide in Chromium at
1280 x 720 and lists those that do not fit on one screen.
"""

import argparse
import copy
import html
import os
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat

from tools import pages, vendor
from tools.run_notebooks import HIDDEN

NOTEBOOKS = vendor.ROOT / "notebooks"
TEMPLATES = Path(__file__).resolve().parent / "templates"
OUT = vendor.BUILD / "slides"


def rendered(notebook: nbformat.NotebookNode, title: str) -> str:
    """Return a notebook as one page of slides."""
    from nbconvert import SlidesExporter
    from traitlets.config import Config

    template = TEMPLATES / "slides"
    config = Config(
        SlidesExporter={
            "template_name": "slides",
            "extra_template_basedirs": [str(TEMPLATES)],
            "reveal_url_prefix": "vendor/reveal.js",
            "reveal_theme": "white",
            "exclude_anchor_links": True,
            "exclude_input_prompt": True,
            "exclude_output_prompt": True,
            "embed_images": True,
            "preprocessors": ["nbconvert.preprocessors.TagRemovePreprocessor"],
        },
        TagRemovePreprocessor={"enabled": True, "remove_input_tags": {HIDDEN}},
    )
    resources = {
        "metadata": {"name": title, "path": str(NOTEBOOKS)},
        "course": {
            name: (template / f"slides.{end}").read_text() for name, end in (("style", "css"), ("script", "js"))
        },
    }
    page: str = SlidesExporter(config=config).from_notebook_node(for_slides(notebook), resources=resources)[0]
    return page


def for_slides(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a copy that links to slides, asks nobody to run a cell, and has no <section>, reveal.js's word for a slide."""
    notebook = copy.deepcopy(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = re.sub(r"\]\((\w+)\.ipynb\)", r"](\1.html)", cell.source)
    for output in (output for cell in notebook.cells for output in cell.get("outputs", [])):
        if "text/html" in output.get("data", {}):
            page = re.sub(r"(</?)section\b", r"\1div", "".join(output.data["text/html"]))
            page = re.sub(r'href="(\w+)\.ipynb(?:#[^"]*)?"', r'href="\1.html"', page)  # a slide is no section
            output.data["text/html"] = re.sub(r"(?i)(?:a still[^<>:]*: )?run this cell[^<>]*", "", page)
    return notebook


def title_of(notebook: nbformat.NotebookNode) -> str:
    """Return the question that a notebook asks: its first heading."""
    return str(notebook.cells[0].source.splitlines()[0].lstrip("# "))


def build(names: Sequence[str], out: Path = OUT) -> list[Path]:
    """Write the slides of the named notebooks, or of all, with all that they load, and a page that lists them."""
    paths = [NOTEBOOKS / f"{name.removesuffix('.ipynb')}.ipynb" for name in names] or sorted(NOTEBOOKS.glob("*.ipynb"))
    out.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(out / "vendor", ignore_errors=True)
    for package in vendor.WANTED:
        vendor.copy(package, out / "vendor" / package)
    written, entries = [], []
    for path in paths:
        notebook = nbformat.read(path, as_version=4)
        page = out / f"{path.stem}.html"
        page.write_text(rendered(notebook, path.stem), encoding="utf-8")
        entries.append(f'<li><a href="{page.name}">{path.stem}: {html.escape(title_of(notebook))}</a></li>')
        written.append(page)
    (out / "index.html").write_text(
        '<!DOCTYPE html><html lang="en"><meta charset="utf-8"><title>Slides</title><h1>Interpreting Vision Models: slides</h1>'
        f"<p>Press C on a slide for the code, S for the speaker notes, O for an overview.</p><ul>{''.join(entries)}</ul></html>\n",
        encoding="utf-8",
    )
    return written


# ---- measured in a browser ----

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]
FLAGS += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]


@dataclass(frozen=True)
class Slide:
    """How a slide fits on the screen: its height in screens, how far it was made smaller, and whether it scrolls."""

    number: str
    words: str
    tall: float
    zoom: float
    scrolls: bool


def measured(page: Any, file: Path) -> Iterator[Slide]:
    """Go through the slides of a file in a browser."""
    page.goto(file.as_uri())
    page.evaluate("window.ready")
    leaves = "[...document.querySelectorAll('.slides section')].filter((s) => !s.querySelector('section'))"
    for number in range(page.evaluate(f"{leaves}.length")):
        found = page.evaluate(
            f"""(n) => {{ const slide = {leaves}[n], at = Reveal.getIndices(slide);
              Reveal.slide(at.h, at.v, 99);
              return {{number: `${{at.h}}/${{at.v || 0}}`, words: slide.innerText.trim().split('\\n')[0].slice(0, 60),
                tall: +slide.dataset.tall, zoom: +slide.dataset.zoom, scrolls: slide.classList.contains('scrolls')}} }}""",
            number,
        )
        yield Slide(**found)


def measure(files: Sequence[Path], pictures: Path | None = None) -> int:
    """Print which slides do not fit at 1280 x 720, and what was loaded from elsewhere or failed; return how many things."""
    from playwright.sync_api import sync_playwright

    wrong: list[str] = []
    with sync_playwright() as browsers:
        browser = browsers.chromium.launch(
            executable_path=os.environ.get("CHROMIUM", "/usr/bin/chromium"), args=FLAGS, headless=True
        )
        page = browser.new_page(viewport={"width": 1280, "height": 720})
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda said: wrong.append(f"error: {said.text}") if said.type == "error" else None)
        page.on("request", lambda request: wrong.append(request.url) if pages.is_remote(request.url) else None)
        for file in files:
            slides = []
            for slide in measured(page, file):
                slides.append(slide)
                if pictures is not None:
                    pictures.mkdir(parents=True, exist_ok=True)
                    page.screenshot(path=pictures / f"{file.stem}-{slide.number.replace('/', '-')}.png")
            smaller, scrolls = [s for s in slides if s.zoom < 1], [s for s in slides if s.scrolls]
            print(f"{file.stem:28} {len(slides):3} slides, {len(smaller):2} made smaller, {len(scrolls):2} scroll")
            for slide in scrolls:
                print(f"    {slide.number:>6}  {slide.tall:.1f} screens: {slide.words}")
        browser.close()
    for problem in wrong:
        print(problem)
    return len(wrong)


def main(arguments: Sequence[str]) -> int:
    """Build the slides, check that they load nothing from elsewhere, and measure them on request."""
    parser = argparse.ArgumentParser(prog="tools.slides", description=__doc__)
    parser.add_argument("names", nargs="*", help="notebooks; all if none is named")
    parser.add_argument(
        "--measure", action="store_true", help="open every slide in Chromium and list those that do not fit"
    )
    parser.add_argument("--pictures", type=Path, help="with --measure: a folder for a picture of every slide")
    options = parser.parse_args(arguments)
    written = build(options.names)
    problems = pages.problems(OUT, later=tuple(f"{path.stem}.html" for path in NOTEBOOKS.glob("*.ipynb")))
    print(
        "\n".join(problems)
        or f"{len(written)} notebooks as slides: open {(OUT / 'index.html').relative_to(vendor.ROOT)}"
    )
    wrong = measure(written, options.pictures) if options.measure and not problems else 0
    return 1 if problems or wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
