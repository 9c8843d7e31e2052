"""The reading edition: ``make site`` turns the notebooks' stored outputs into ``build/site/html``, for readers without Python.

Nothing is executed, and nothing is loaded from another machine: it can be read from a disk.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import nbformat

from experiments.audit import counted, weakest_first
from tools import pages, vendor
from tools.run_notebooks import is_note
from tools.slides import NOTEBOOKS, title_of

if TYPE_CHECKING:
    from pandas import DataFrame

CLAIMS = "What we claim, and how often it holds"
TEMPLATES = Path(__file__).resolve().parent / "templates" / "site"
DOCS = {"your_own_network": "Your own network in five lines", "lectures": "The course in two lectures, and alone"}
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


def index(titles: dict[str, str], repository: str = "") -> str:
    """Return the first page: what this is, and the notebooks by their questions.

    Where the repository's name ("owner/name") is known, as in GitHub's workflows, a badge starts the course on Binder.
    """
    entries = "\n".join(f"{title} <notebooks/{name}>" for name, title in titles.items())
    entries += "\nclaims\n" + "\n".join(f"docs/{name}" for name in DOCS)
    more = "".join(f"- [{title}](docs/{name}.md)\n" for name, title in DOCS.items())
    rows = "\n".join(f"- [{name[:2]}](notebooks/{name}.ipynb): {title}" for name, title in titles.items())
    badge = (
        "[![Run it on Binder](_static/binder.svg)]"
        f"(https://mybinder.org/v2/gh/{repository}/HEAD?urlpath=lab/tree/notebooks/00_start_here.ipynb)\n\n"
        if repository
        else ""
    )
    return (
        "# Interpreting Vision Models\n\nA course on asking a network *why*, to be read here and run on your machine. "
        "Each notebook asks one question; the outputs are those of a real run. Where a question to you appears, commit to an "
        f"answer before you open it.\n\n{badge}{rows}\n- [{CLAIMS}](claims.md)\n{more}\n```{{toctree}}\n:hidden:\n\n{entries}\n```\n"
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
    """Write what Sphinx reads."""
    shutil.rmtree(source, ignore_errors=True)
    shutil.copytree(NOTEBOOKS / "map", source / "notebooks" / "map")  # the pictures that the notebooks link to
    shutil.copy(TEMPLATES / "conf.py", source)
    vendor.copy("mathjax", source / "_static" / "mathjax")
    for name in ("course.css", "binder.svg"):
        shutil.copy(TEMPLATES / name, source / "_static")
    titles = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = readable(nbformat.read(path, as_version=4))
        titles[path.stem] = title_of(notebook)
        nbformat.write(notebook, source / "notebooks" / path.name)
    (source / "docs").mkdir()
    for name in DOCS:
        shutil.copy(vendor.ROOT / "docs" / f"{name}.md", source / "docs")
    (source / "claims.md").write_text(claims(counted()), encoding="utf-8")
    (source / "index.md").write_text(index(titles, os.environ.get("GITHUB_REPOSITORY", "")), encoding="utf-8")


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
