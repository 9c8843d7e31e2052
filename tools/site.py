"""The reading edition: ``make site`` turns the notebooks' stored outputs into ``build/site/html``, for readers without Python.

Nothing is executed, and nothing is loaded from another machine: it can be read from a disk.
"""

import html
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

import nbformat

from experiments.audit import counted, weakest_first
from flashcards.collection import load_all
from flashcards.render import anki
from tools import course_page, lectures, pages, vendor
from tools.run_notebooks import is_note
from tools.slides import NOTEBOOKS

if TYPE_CHECKING:
    from pandas import DataFrame

CLAIMS = "What we claim, and how often it holds"
TO_TAKE = "Lectures and cards to take along"
TERMS = {"pca": "PCA", "tsne": "t-SNE", "roar": "ROAR"}  # words of a notebook's name that are written otherwise
TEMPLATES = Path(__file__).resolve().parent / "templates" / "site"
SOURCE, OUT = vendor.BUILD / "site" / "source", vendor.BUILD / "site" / "html"


def readable(notebook: nbformat.NotebookNode, name: str) -> nbformat.NotebookNode:
    """Return a notebook for readers: without the lecturer's notes, with its topic below its title.

    Each figure's alt text stands where Sphinx looks, and each card's link to a section leads to the page of this site.
    """
    kept = []
    for cell in notebook.cells:
        if is_note(cell):
            continue
        alts = [
            values["alt"]
            for output in cell.get("outputs", [])
            for kind, values in output.get("metadata", {}).items()
            if kind.startswith("image/") and "alt" in values
        ]
        if alts:
            cell.metadata["mystnb"] = {"image": {"alt": " ".join(alts)}}
        for output in cell.get("outputs", []):
            if "text/html" in output.get("data", {}):
                output.data["text/html"] = leading_here("".join(output.data["text/html"]))
        kept.append(cell)
    title, _, rest = kept[0].source.partition("\n")
    kept[0].source = f"{title}\n\n*Notebook {topic(name)}*\n{rest}"
    notebook.cells = kept
    return notebook


def leading_here(page: str) -> str:
    """Return HTML whose links to sections of notebooks, as JupyterLab has them, lead to the pages of this site."""

    def here(found: re.Match[str]) -> str:
        place = re.sub("[^a-z0-9]+", "-", unquote(found[2]).lower()).strip("-")
        return f'href="{found[1]}.html#{place}"'

    return re.sub(r'href="(\w+)\.ipynb#([^"]+)"', here, page)


def topic(name: str) -> str:
    """Return number and topic of a notebook from its name: "04_occlusion" is "04 · Occlusion"."""
    number, *words = name.split("_")
    said = " ".join(TERMS.get(word, word) for word in words)
    return f"{number} · {said[0].upper()}{said[1:]}"


def index(readme: str, names: Sequence[str], others: Mapping[str, str], repository: str = "") -> str:
    """Return the first page: what the README says of the course and its notebooks, explorers, and the other pages.

    Where the repository's name ("owner/name") is known, as in GitHub's workflows, a badge starts the course on Binder.

    Args:
        readme: the README; its links lead to the same places here.
        names: of the notebooks.
        others: the other pages by their names, each with its title.
        repository: "owner/name".
    """
    said = re.sub(r"^<!--.*?-->\n|<!--.*?-->", "", readme, flags=re.MULTILINE)
    parts = re.split(r"^(?=## )", said, flags=re.MULTILINE)
    first = re.sub(r"^!\[([^]]*)\]\(docs/moving\.gif\)$", lambda found: patch(found[1]), parts[0], flags=re.MULTILINE)
    told = "".join(part for part in parts if part.startswith(("## The notebooks", "## What is different")))
    badge = (
        "[![Run it on Binder](_static/binder.svg)]"
        f"(https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/notebooks/00_start_here.ipynb)\n\n"
        if repository
        else ""
    )
    more = "".join(f"- [{title}]({name}.md)\n" for name, title in others.items())
    notebooks = [f"{topic(name)} <notebooks/{name}>" for name in names]
    return (
        f"{first}{badge}{more_explorers()}{told}## More\n\n{more}\n"
        f"{_contents('The notebooks', notebooks)}{_contents('Beside the notebooks', list(others))}"
    )


def _contents(caption: str, entries: Sequence[str]) -> str:
    return f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n:caption: {caption}\n\n{chr(10).join(entries)}\n```\n\n"


def patch(alt: str) -> str:
    """Return the patch that can be dragged over the tripod, and the moving picture where no script runs."""
    return _explorer("patch", vendor.ROOT / "docs" / "patch" / "answers.json").replace("{{alt}}", html.escape(alt))


def more_explorers() -> str:
    """Return the explorers below the first one: the broken network, and the removed pixels."""
    folder = vendor.ROOT / "docs" / "explorers"
    return (TEMPLATES / "explorers.md").read_text(encoding="utf-8").format(
        **{name: _explorer(name, folder / f"{name}.json") for name in ("broken", "holes")}
    )  # fmt: skip


def _explorer(name: str, answers: Path) -> str:
    template = (TEMPLATES / f"{name}.html").read_text(encoding="utf-8")
    table = answers.read_text(encoding="utf-8").strip()
    return f"```{{raw}} html\n{template.replace('{{table}}', table)}```"


def to_take(built: Path, out: Path) -> str:
    """Copy what is no page of Sphinx's, the lectures if they are built and the cards for Anki; return the page about it.

    Args:
        built: the folder of `make lectures`, which may not exist.
        out: what lies in it lies at the top of the site.
    """
    out.mkdir(parents=True)
    cards = anki.export(load_all(), out / "cards.apkg")
    rows = []
    if built.exists():
        shutil.copytree(built, out / "lectures", ignore=shutil.ignore_patterns("plan.md"))
    for number, (title, _) in lectures.LECTURES.items():
        if (built / f"lecture-{number}.html").exists():
            name = f"lectures/lecture-{number}"
            pdf = f', <a href="{name}.pdf">PDF</a>' if (built / f"lecture-{number}.pdf").exists() else ""
            rows.append(f'<li>Lecture {number}, {title}: <a href="{name}.html">slides</a>{pdf}</li>')
    told = f"<ul>{''.join(rows)}</ul><p>On a slide, S opens the speaker notes and O an overview.</p>"
    return (
        f"# {TO_TAKE}\n\n## Two lectures of 90 minutes\n\n"
        + (
            f"```{{raw}} html\n{told}\n```\n\n"
            if rows
            else "`make lectures` builds them, and `make site` then adds them here.\n\n"
        )
        + ("[Their plan](plan.md), slide by slide. " if (built / "plan.md").exists() else "")
        + "How to teach with them: [for lecturers](docs/lecturers.md).\n\n## Cards\n\n"
        f'```{{raw}} html\n<p><a href="cards.apkg">cards.apkg</a>: all {cards} cards of the course for Anki.</p>\n```\n\n'
        "In the notebooks the same cards are answered live: [for learners](docs/learners.md).\n"
    )


def claims(table: "DataFrame") -> str:
    """Return the page of the claims audit, the weakest first, from a table of `experiments.audit.counted`."""
    rows = [
        "| {} | {} of {} | {} | {} of {} | {} | {} |".format(
            row.says.replace("|", "\\|"),
            row.held,
            row.n,
            row.rival.replace("|", "\\|"),
            row.rival_held,
            row.n,
            row.weak,
            row.where,
        )
        for row in weakest_first(table).itertuples()
    ]
    return (
        f"# {CLAIMS}\n\nEach sentence that the course states as a finding was measured on everything that could stand in "
        "for its example: other photographs, seeds, fills, classes. Beside it stands a rival that must not pass the same "
        "test. Held in nearly all variations, the rival in fewer than half; the weakest come first. *Weak with* names each "
        "single choice on which a sentence would fail. To measure them again: `python -m experiments claims`.\n\n"
        "| claim | held | rival | rival held | weak with | where |\n| --- | --- | --- | --- | --- | --- |\n"
        + "\n".join(rows)
        + "\n"
    )


def prepare(source: Path = SOURCE) -> None:
    """Write what Sphinx reads, in the folders that it has in the repository, so that every link leads to the same place."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(NOTEBOOKS / "map", source / "notebooks" / "map")  # the pictures that the notebooks link to
    shutil.copytree(vendor.ROOT / "docs", source / "docs")
    for file in (vendor.ROOT / "benchmarks" / "tables").glob("*/*.md"):
        (target := source / file.relative_to(vendor.ROOT)).parent.mkdir(parents=True, exist_ok=True)
        target.write_text(f"---\norphan: true\n---\n\n{file.read_text(encoding='utf-8')}", encoding="utf-8")
    shutil.copy(TEMPLATES / "conf.py", source)
    vendor.copy("mathjax", source / "_static" / "mathjax")
    for file in (
        *(TEMPLATES / name for name in ("course.css", "binder.svg", "explorers.js")),
        *(source / "docs" / name for name in ("moving.gif", "patch/photograph.jpg")),
    ):
        shutil.copy(file, source / "_static")
    shutil.copytree(
        source / "docs" / "explorers", source / "_static" / "explorers", ignore=shutil.ignore_patterns("*.json")
    )
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in paths:
        nbformat.write(readable(nbformat.read(path, as_version=4), path.stem), source / "notebooks" / path.name)
    built = lectures.OUT
    texts = {"course": course_page.page(), "take": to_take(built, source / "extra"), "claims": claims(counted())}
    if (built / "plan.md").exists():
        texts["plan"] = (built / "plan.md").read_text(encoding="utf-8")
    for name, content in texts.items():
        (source / f"{name}.md").write_text(content, encoding="utf-8")
    guides = {f"docs/{file.stem}": _title(file) for file in sorted((source / "docs").glob("*.md"))}
    others = {name: _title(source / f"{name}.md") for name in texts} | guides
    readme = (vendor.ROOT / "README.md").read_text(encoding="utf-8")
    repository = os.environ.get("GITHUB_REPOSITORY", "")
    page = index(readme, [path.stem for path in paths], others, repository)
    (source / "index.md").write_text(page, encoding="utf-8")


def _title(file: Path) -> str:
    return file.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")


def main(arguments: Sequence[str]) -> int:
    """Build the site and look for links that lead nowhere, pictures without alt text, and what is loaded from elsewhere."""
    prepare()
    shutil.rmtree(OUT, ignore_errors=True)
    sphinx = [sys.executable, "-m", "sphinx", "-n", "-W", "--keep-going", "-q", "-b", "html", str(SOURCE), str(OUT)]
    if code := subprocess.run([*sphinx, *arguments]).returncode:
        return code
    for template in (OUT / "_static").glob("*macros.html"):  # of the theme's makers, no page of ours
        template.unlink()
    problems = pages.problems(OUT)
    print("\n".join(problems) or f"The reading edition: open {(OUT / 'index.html').relative_to(vendor.ROOT)}")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
