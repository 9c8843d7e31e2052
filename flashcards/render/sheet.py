"""An exam as a page to print, and as PDF: pictures and formulas inside, nothing loaded from anywhere."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from flashcards.model import LETTERS, Exam, ExamQuestion, counted
from flashcards.parsing.markdown import as_text
from flashcards.render.formulas import typeset
from flashcards.render.html import embedded, marks
from flashcards.render.text import length

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "msedge")
_FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking")
_LINES = 4  # to write on, and two more for each point
_STYLE = """
@page { size: A4; margin: 20mm; }
body { font: 12pt/1.45 Georgia, "Times New Roman", serif; max-width: 170mm; margin: 0 auto; color: #000; }
h1 { font-size: 16pt; } .head { display: flex; justify-content: space-between; }
section { break-inside: avoid; margin: 1.6em 0; }
.fc-question { display: inline; } .points { float: right; font-style: italic; padding-left: 1em; }
ol { padding-left: 1.8em; } li { margin: .3em 0; } img { max-width: 100%; } .display { display: block; text-align: center; }
.lines div { border-bottom: 1px solid #999; height: 2em; } .marks { border-left: 3px solid #999; padding-left: 1em; }
"""


def sheet(paper: Exam, *, key: bool = False) -> str:
    """The questions with room to answer, or with `key` the right options and the mark schemes in its place."""
    title = as_text(paper.title) + (" · key" if key else "")
    questions = "\n".join(_question(number, question, key) for number, question in enumerate(paper.questions, 1))
    name = "" if key else "<span>Name: ______________________________</span>"
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title><style>{_STYLE}</style></head>\n'
        f'<body><h1>{title}</h1><p class="head"><span>{as_text(paper.name)}: {length(paper)}</span>{name}</p>\n'
        f"{questions}\n</body></html>\n"
    )


def _question(number: int, question: ExamQuestion, key: bool) -> str:
    card = question.card
    letters = "".join(f"<li>{option.html}</li>" for option in card.options)
    room = f'<ol type="{LETTERS[0]}">{letters}</ol>' if card.options else ""
    if key:
        room += f'<div class="marks">{marks(question)}</div>'
    elif not card.options:
        room = f'<div class="lines">{"<div></div>" * (_LINES + 2 * question.points)}</div>'
    worth = f'<span class="points">{counted(question.points, "point")}</span>'
    return typeset(embedded(card, f"<section>{worth}<strong>{number}.</strong> {card.question}\n{room}</section>"))


def write_pdf(page: str, path: Path) -> None:
    """Print a page to a PDF; `FileNotFoundError` without Chromium, `OSError` if it makes none."""
    browser = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None or shutil.which(browser) is None:
        raise FileNotFoundError(
            f"a PDF needs Chromium, and {browser or 'none'} was found; set CHROMIUM to its path, or write .html"
        )
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:  # a browser may go on writing to its profile
        source = Path(folder) / "paper.html"
        source.write_text(page, encoding="utf-8")
        made = source.with_suffix(".pdf")
        command = [browser, *_FLAGS, f"--user-data-dir={folder}/profile", "--no-pdf-header-footer"]
        try:
            done = subprocess.run(
                [*command, f"--print-to-pdf={made}", source.as_uri()], capture_output=True, check=False, timeout=120
            )
        except subprocess.TimeoutExpired as error:
            raise OSError(f"{browser} made no PDF of {path} within {error.timeout:.0f} seconds") from None
        if done.returncode or not made.is_file():
            raise OSError(f"{browser} made no PDF of {path}: {done.stderr.decode(errors='replace').strip()[-300:]}")
        shutil.copyfile(made, path)
