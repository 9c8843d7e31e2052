"""The reading edition: ``make site`` turns the notebooks' stored outputs into ``build/site/html``, for readers without Python.

Nothing is executed, and nothing is loaded from another machine: it can be read from a disk.
"""

import html
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from experiments.audit import counted, weakest_first
from tools import course_page, pages, vendor
from tools.run_notebooks import is_note
from tools.slides import NOTEBOOKS

if TYPE_CHECKING:
    from pandas import DataFrame

CLAIMS = "What we claim, and how often it holds"
TEMPLATES = Path(__file__).resolve().parent / "templates" / "site"
SOURCE, OUT = vendor.BUILD / "site" / "source", vendor.BUILD / "site" / "html"


def readable(notebook: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Return a notebook for readers: without the lecturer's notes, and with each figure's alt text where Sphinx looks."""
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
        kept.append(cell)
    notebook.cells = kept
    return notebook


def index(readme: str, names: Sequence[str], guides: dict[str, str], repository: str = "") -> str:
    """Return the first page: what the README says of the course and its notebooks, and the other pages.

    Where the repository's name ("owner/name") is known, as in GitHub's workflows, a badge starts the course on Binder.

    Args:
        readme: the README; its links lead to the same places here.
        names: of the notebooks.
        guides: the pages of docs/ by their names, each with its title.
        repository: "owner/name".
    """
    parts = re.split(r"^(?=## )", re.sub(r"<!--.*?-->\n?", "", readme), flags=re.MULTILINE)
    parts[0] = re.sub(
        r"^!\[([^]]*)\]\(docs/moving\.gif\)$", lambda found: patch(found[1]), parts[0], flags=re.MULTILINE
    )
    told = [part for part in parts if part.startswith(("# ", "## The notebooks", "## What is different"))]
    badge = (
        "[![Run it on Binder](_static/binder.svg)]"
        f"(https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/notebooks/00_start_here.ipynb)\n\n"
        if repository
        else ""
    )
    more = "".join(f"- [{title}](docs/{name}.md)\n" for name, title in guides.items())
    entries = [*(f"notebooks/{name}" for name in names), "course", *(f"docs/{name}" for name in guides), "claims"]
    return (
        f"{''.join(told)}{badge}## More\n\n- [The course at a glance](course.md)\n{more}- [{CLAIMS}](claims.md)\n\n"
        f"```{{toctree}}\n:hidden:\n:maxdepth: 1\n\n{chr(10).join(entries)}\n```\n"
    )


def patch(alt: str) -> str:
    """Return the patch that can be dragged over the tripod, and the moving picture where no script runs."""
    table = (vendor.ROOT / "docs" / "patch" / "answers.json").read_text(encoding="utf-8").strip()
    return (
        (TEMPLATES / "patch.html")
        .read_text(encoding="utf-8")
        .replace("{{alt}}", html.escape(alt))
        .replace("{{table}}", table)
    )


def claims(table: "DataFrame") -> str:
    """Return the page of the claims audit, the weakest first, from a table of `experiments.audit.counted`."""
    rows = [
        "| {} | {} of {} | {} | {} of {} | {} |".format(
            *(
                row.says.replace("|", "\\|"),
                row.held,
                row.n,
                row.rival.replace("|", "\\|"),
                row.rival_held,
                row.n,
                row.where,
            )
        )
        for row in weakest_first(table).itertuples()
    ]
    return (
        f"# {CLAIMS}\n\nEach sentence that the course states as a finding was measured on everything that could stand in "
        "for its example: other photographs, seeds, fills, classes. Beside it stands a rival that must not pass the same "
        "test. Held in nearly all variations, the rival in fewer than half; the weakest come first. To measure them again: "
        "`python -m experiments claims`.\n\n| claim | held | rival | rival held | where |\n| --- | --- | --- | --- | --- |\n"
        + "\n".join(rows)
        + "\n"
    )


def prepare(source: Path = SOURCE) -> None:
    """Write what Sphinx reads, in the folders that it has in the repository, so that every link leads to the same place."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(NOTEBOOKS / "map", source / "notebooks" / "map")  # the pictures that the notebooks link to
    shutil.copytree(vendor.ROOT / "docs", source / "docs")
    for page in (vendor.ROOT / "benchmarks" / "tables").glob("*/*.md"):
        (source / page.relative_to(vendor.ROOT)).parent.mkdir(parents=True, exist_ok=True)
        text = page.read_text(encoding="utf-8")
        (source / page.relative_to(vendor.ROOT)).write_text(f"---\norphan: true\n---\n\n{text}", encoding="utf-8")
    shutil.copy(TEMPLATES / "conf.py", source)
    vendor.copy("mathjax", source / "_static" / "mathjax")
    for file in (*(TEMPLATES / n for n in ("course.css", "binder.svg", "patch.js")), source / "docs" / "moving.gif"):
        shutil.copy(file, source / "_static")
    shutil.copy(source / "docs" / "patch" / "photograph.jpg", source / "_static")
    paths = sorted(NOTEBOOKS.glob("*.ipynb"))
    for path in paths:
        nbformat.write(readable(nbformat.read(path, as_version=4)), source / "notebooks" / path.name)
    guides = {file.stem: _title(file) for file in sorted((source / "docs").glob("*.md"))}
    (source / "course.md").write_text(course_page.page(), encoding="utf-8")
    (source / "claims.md").write_text(claims(counted()), encoding="utf-8")
    readme = (vendor.ROOT / "README.md").read_text(encoding="utf-8")
    repository = os.environ.get("GITHUB_REPOSITORY", "")
    page = index(readme, [path.stem for path in paths], guides, repository)
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
