"""The tools behind slides and site: what a page loads, where it leads, and what is left out. Nothing is fetched or built."""

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import nbformat
import pandas as pd
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from tools import handout, pages, run_notebooks, site, slides, vendor

REMOTE = {
    "script": '<script src="https://cdn.example/x.js"></script>',
    "module": '<script type="module">import m from "https://cdn.example/m.mjs"</script>',
    "style": '<link rel="stylesheet" href="//cdn.example/x.css">',
    "icon": '<link rel="icon" href="http://example.org/i.png">',
    "font": "<style>@font-face { src: url('https://example.org/f.woff2') }</style>",
    "import": '<style>@import "https://example.org/f.css";</style>',
    "attribute": '<p style="background: url(https://example.org/b.png)">x</p>',
    "picture": '<img alt="x" src="https://example.org/x.png">',
    "larger picture": '<img alt="x" src="x.png" srcset="x.png 1x, https://example.org/x2.png 2x">',
    "frame": '<iframe src="https://example.org"></iframe>',
}


@pytest.mark.parametrize("name", REMOTE)
def test_what_is_loaded_from_elsewhere_is_found(name: str, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(f"<html><body>{REMOTE[name]}</body></html>")
    assert len(pages.remote(tmp_path)) == 1


def test_a_link_in_prose_and_a_picture_inside_are_not_loaded_from_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<a href="https://arxiv.org/abs/1">paper</a><img alt="x" src="data:image/png;base64,AA=="><code>url(https://x)</code>'
        '<link rel="canonical" href="https://example.org"><script>const address = "https://example.org";</script>'
    )
    assert pages.remote(tmp_path) == []


def test_a_style_sheet_that_loads_from_elsewhere_is_found(tmp_path: Path) -> None:
    (tmp_path / "a.css").write_text("@import url(https://fonts.example/x.css); p { background: url(x.png) }")
    assert pages.remote(tmp_path) == ["a.css: https://fonts.example/x.css"]


def test_broken_links_are_found(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "index.html").write_text('<h1 id="here">x</h1>')
    right = ["folder/", "folder/index.html#here", "#top", "mailto:a@b", "https://example.org/#x", "a%20b.txt", "?q=1"]
    wrong = ["gone.html", "folder/index.html#gone", "#gone", "../nowhere"]
    (tmp_path / "a b.txt").write_text("")
    links = "".join(f'<a href="{address}">x</a>' for address in right + wrong)
    (tmp_path / "page.html").write_text(f'<p id="top">{links}<img alt="x" src="gone.png"></p>')
    assert pages.broken(tmp_path) == [f"page.html: {address}" for address in [*wrong, "gone.png"]]


def test_a_link_to_a_page_that_is_built_later_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        '<a href="next.html">x</a><a href="gone.html">x</a><img src="//a.example/b.png">'
    )
    assert pages.problems(tmp_path, later=("next.html",)) == [
        "loads from elsewhere: page.html: //a.example/b.png",
        "leads nowhere: page.html: gone.html",
        "has no alt text: page.html: //a.example/b.png",
    ]


def test_pictures_without_alt_text_are_found(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text('<img src="a.png"><img alt=" " src="b.png"><img alt="c" src="c.png">')
    assert pages.without_alt(tmp_path) == ["page.html: a.png", "page.html: b.png"]


# ---- packages ----


def test_the_lock_holds_a_hash_of_each_package_and_no_address() -> None:
    wanted = json.loads((vendor.TOOLS / "package.json").read_text())["dependencies"]
    lock = (vendor.TOOLS / "package-lock.json").read_text()
    packages = json.loads(lock)["packages"]
    assert packages.pop("")["dependencies"] == wanted
    assert {name.removeprefix("node_modules/"): package["version"] for name, package in packages.items()} == wanted
    assert all(package["integrity"].startswith("sha512-") for package in packages.values())
    assert "://" not in lock
    assert vendor.WANTED.keys() == wanted.keys()


def test_packages_are_fetched_once_for_each_lock_and_run_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[list[str]] = []

    def run(command: list[str], cwd: Path, **options: Any) -> subprocess.CompletedProcess[str]:
        calls.append(command)
        assert (cwd / "package.json").read_text() == "package.json"
        return subprocess.CompletedProcess(command, (cwd / "package-lock.json").read_text() == "down")

    monkeypatch.setattr(shutil, "which", lambda name: name)
    monkeypatch.setattr(subprocess, "run", run)
    (tmp_path / "package.json").write_text("package.json")
    lock = tmp_path / "package-lock.json"
    lock.write_text("first")
    assert vendor.fetched(lock, tmp_path / "npm") == vendor.fetched(lock, tmp_path / "npm")
    assert [call[:3] for call in calls] == [["npm", "ci", "--ignore-scripts"]]
    lock.write_text("down")
    for _ in range(2):
        with pytest.raises(SystemExit, match=r"npm could not fetch what package-lock\.json names"):
            vendor.fetched(lock, tmp_path / "npm")
    assert len(calls) == 3


def test_without_npm_one_sentence_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SystemExit, match="npm is not installed; install Node"):
        vendor.fetched(folder=tmp_path)


def test_only_the_wanted_files_are_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "modules" / "some"
    for name in ("LICENSE", "LICENSE.md", "dist/fonts/a.woff", "dist/x.js"):
        (package / name).parent.mkdir(parents=True, exist_ok=True)
        (package / name).write_text(name)
    monkeypatch.setattr(vendor, "fetched", lambda: tmp_path / "modules")
    monkeypatch.setattr(vendor, "WANTED", {"some": ("LICENSE", "dist/fonts")})
    vendor.copy("some", tmp_path / "out")
    written = [
        path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*") if path.is_file()
    ]
    assert sorted(written) == ["LICENSE", "dist/fonts/a.woff"]


# ---- slides ----


def _notebook() -> nbformat.NotebookNode:
    def typed(cell: nbformat.NotebookNode, kind: str) -> nbformat.NotebookNode:
        cell.metadata["slideshow"] = {"slide_type": kind}
        return cell

    figure = new_output("display_data", data={"image/png": "AAAA"}, metadata={"image/png": {"alt": 'a "map" of <b>'}})
    cards = new_output("display_data", data={"text/html": '<section class="cards"><p>1</p></section>'})
    page = "<p><em>Commit.</em></p>\n<p>asked</p>\n<p>A) x<br>\nB) y</p>\n<details>x: the legs</details>"
    asked = new_output("display_data", data={"text/html": page})
    notebook = new_notebook(
        cells=[
            typed(new_markdown_cell("# What is this?\n\n$x^2$"), "slide"),
            typed(new_code_cell("1", outputs=[figure, cards], execution_count=1), "subslide"),
            typed(new_markdown_cell("Ask the room."), "notes"),
            typed(new_markdown_cell("left out"), "skip"),
            typed(new_markdown_cell("[next](05_gradients.ipynb)"), "fragment"),
            typed(new_code_cell('predict("a.b", "?", ["x"], "x")', outputs=[asked]), "slide"),
        ],
        metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}},
    )
    run_notebooks.fold(notebook)
    return notebook


def test_a_notebook_becomes_slides_with_notes_and_alt_texts() -> None:
    notebook = _notebook()
    page = slides.rendered(notebook, "04_occlusion")
    assert page.count("<section") == 5  # a stack of two, and one of one
    assert "predict" not in page  # which holds the answer
    assert "asked" in page
    assert '<aside class="notes">' in page
    assert "Ask the room." in page
    assert "left out" not in page
    assert 'href="05_gradients.html"' in page
    assert pages.Page(page).alts == ['a "map" of <b>']
    assert '<div class="cards">' in page
    assert "<section" in notebook.cells[1].outputs[1].data["text/html"]  # the notebook itself stays as it is
    assert [address for address in pages.Page(page).loads if pages.is_remote(address)] == []
    assert "vendor/mathjax/es5/tex-svg.js" in page
    assert slides.title_of(notebook) == "What is this?"


def test_a_card_on_a_slide_leads_to_the_slides_of_its_notebook() -> None:
    card = '<a href="04_occlusion.ipynb#Ask-by-covering">x</a><a href="https://a.example/b.ipynb#c">y</a>'
    cell = new_code_cell("quiz()", outputs=[new_output("display_data", data={"text/html": card})])
    [shown] = slides.for_slides(new_notebook(cells=[cell])).cells[0].outputs
    assert re.findall('href="([^"]*)"', shown["data"]["text/html"]) == [
        "04_occlusion.html",
        "https://a.example/b.ipynb#c",
    ]


def test_everything_that_a_page_of_slides_loads_is_copied() -> None:
    loads = [
        address for address in pages.Page(slides.rendered(_notebook(), "x")).loads if not address.startswith("data:")
    ]
    wanted = [f"vendor/{package}/{path}" for package, paths in vendor.WANTED.items() for path in paths]
    assert set(loads) <= set(wanted)
    assert len(loads) >= 5


# ---- site ----


def test_the_page_of_claims_begins_with_the_weakest() -> None:
    table = pd.DataFrame(
        [
            ("a", "Sure | sure.", "x", "noise", 10, 10, 0, ""),
            ("b", "Nearly.", "y", "noise", 10, 9, 4, "seed 3: 4 of 5"),
        ],
        columns=["id", "says", "where", "rival", "n", "held", "rival_held", "weak"],
    )
    lines = site.claims(table).splitlines()
    assert lines[0] == "# What we claim, and how often it holds"
    assert lines[-2:] == [
        "| Nearly. | 9 of 10 | noise | 4 of 10 | seed 3: 4 of 5 | y |",
        "| Sure \\| sure. | 10 of 10 | noise | 0 of 10 |  | x |",
    ]


def test_a_notebook_for_readers_has_no_notes_and_tells_sphinx_the_alt_text() -> None:
    notebook = site.readable(_notebook(), "03_activation_tsne")
    first = "# What is this?\n\n*Notebook 03 · Activation t-SNE*\n\n$x^2$"
    assert [cell.source for cell in notebook.cells][:3] == [first, "1", "left out"]
    assert notebook.cells[1].metadata["mystnb"] == {"image": {"alt": 'a "map" of <b>'}}


def test_a_card_leads_to_its_section_on_the_page_of_this_site() -> None:
    cards = '<a href="04_occlusion.ipynb#Do-not-admire-it%3A-test-it">x</a><a href="https://a.example/b.ipynb#c">y</a>'
    assert site.leading_here(cards) == cards.replace(
        "04_occlusion.ipynb#Do-not-admire-it%3A-test-it", "04_occlusion.html#do-not-admire-it-test-it"
    )


FRONT = (
    "# A course\n\n![A patch](docs/moving.gif)\n\n## Start\n\nmake\n\n## The notebooks\n\n| [What if?](notebooks/04.ipynb) |\n\n"
    "## What is different\n\n- Audited.<!-- claims: a.b -->\n- Fast.\n\n"
    "<!-- headline: x -->\n\nMeasured.\n\n<!-- end -->\n\n## More\n\nrest\n"
)


def test_the_first_page_is_what_the_readme_says_of_the_course_and_a_list_of_all_pages() -> None:
    page = site.index(FRONT, ["04_occlusion"], {"course": "At a glance", "docs/learners": "For learners"})
    for part in (
        'alt="A patch" src="_static/moving.gif"',
        '"patch":64',
        '"columns":5',
        '"fractions":[0.1',
        "[What if?](notebooks/04.ipynb)",
        "- Audited.\n- Fast.\n",
        "Measured.",
        "- [For learners](docs/learners.md)",
        ":caption: The notebooks\n\n04 · Occlusion <notebooks/04_occlusion>\n```",
    ):
        assert part in page
    assert not any(part in page for part in ("make\n", "\nrest", "<!--", "{{"))
    assert page.index('data-explorer="patch"') < page.index('data-explorer="broken"') < page.index("## The notebooks")
    assert page.endswith("\ncourse\ndocs/learners\n```\n\n")


def test_binder_is_offered_where_the_repository_is_known() -> None:
    assert "mybinder" not in site.index(FRONT, [], {})
    assert "https://mybinder.org/v2/gh/a/b/HEAD?urlpath=lab" in site.index(FRONT, [], {}, "a/b")


def test_the_lectures_are_there_to_take_if_they_are_built_and_the_cards_always(tmp_path: Path) -> None:
    page = site.to_take(tmp_path / "lectures", tmp_path / "without")
    assert "`make lectures`" in page
    assert "lecture-" not in page
    (tmp_path / "lectures").mkdir()
    for name in ("lecture-1.html", "lecture-1.pdf", "lecture-2.html", "plan.md"):
        (tmp_path / "lectures" / name).write_text("x")
    page = site.to_take(tmp_path / "lectures", tmp_path / "extra")
    assert "`make lectures`" not in page
    assert "(plan.md)" in page
    links = [link for link in pages.Page(page).links if not link.startswith("http")]
    assert links == ["lectures/lecture-1.html", "lectures/lecture-1.pdf", "lectures/lecture-2.html", "cards.apkg"]
    assert all((tmp_path / "extra" / link).stat().st_size for link in links)
    assert not (tmp_path / "extra" / "lectures" / "plan.md").exists()  # a page of its own


# ---- handout ----

KEY = vendor.ROOT / "flashcards" / "keys" / "course.md"


def test_a_handout_has_no_solutions_no_notes_and_no_answers_and_keeps_what_was_put_out() -> None:
    folded = "<details>\n<summary>{}</summary>\n\nIt is 42.\n\n</details>"
    more = folded.format("On a cluster")
    solutions = ["Solution", "Solution of the other exercise", "How to solve it"]
    notebook = _notebook()
    notebook.cells += [new_markdown_cell(folded.format(words)) for words in solutions]
    notebook.cells += [new_markdown_cell(f"{more}\n\n{folded.format('Solution')}"), new_markdown_cell(more)]
    notebook.cells.append(new_markdown_cell("Try. The solution is folded below.\n\nGo on."))
    before = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    given = handout.for_students(notebook)
    texts = [cell.source for cell in given.cells if cell.cell_type == "markdown"]
    question = '**Predict.**\n\n<p>asked</p>\n<ol type="A">\n<li>x</li>\n<li>y</li>\n</ol>\n\nYour answer, and why:'
    assert texts[1:] == ["left out", "[next](05_gradients.ipynb)", question, more, more, "Try.\n\nGo on."]
    assert [cell.outputs for cell in given.cells if cell.cell_type == "code"] == before[:1]


def test_no_solution_of_the_course_is_handed_out_and_nothing_else_kept_back(tmp_path: Path) -> None:
    """Every exercise stays, and nothing stays folded but limits of what is said: a new word on a fold fails here."""
    written = handout.build([], tmp_path / "handout")
    assert len(written) == len([*(vendor.ROOT / "notebooks").glob("*.ipynb")])
    kept = sources = ""
    for path in written:
        whole, given = (
            "\n".join(cell.source for cell in nbformat.read(place, as_version=4).cells)
            for place in (run_notebooks.FOLDER / path.name, path)
        )
        assert "<summary>Solution" in whole or "<summary>How to solve it" in whole
        assert not [cell for cell in nbformat.read(path, as_version=4).cells if run_notebooks.prediction(cell)]
        for heading in re.findall("^## .*xercise.*", whole, flags=re.MULTILINE):
            assert heading in given
        kept, sources = kept + given, sources + whole
    limits = {"How far does this hold?", "Why do two dashed curves dip?", "And the dotted line?"}
    assert {*re.findall("<summary>(.*)</summary>", kept)} == limits
    folds = re.findall(r"<details>\n<summary>[^<]*(?:olution|solve it).*?</details>", sources, flags=re.DOTALL)
    bodies = [
        re.findall(r"^ +(\S.+)$", code, re.M) for code in re.findall(r"```python\n(.*?)```", "".join(folds), re.DOTALL)
    ]
    assert [lines for lines in bodies if all(line.removeprefix("return ") in kept for line in lines)] == []
    assert len(bodies) > 20  # or nothing would be looked for
    every = "".join(path.read_text(encoding="utf-8") for path in written)
    whole = "".join(path.read_text(encoding="utf-8") for path in run_notebooks.FOLDER.glob("*.ipynb"))
    schemes = re.findall(r"^- \(\d+\) ([\w ,:;.]{30,})$", KEY.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [line for line in schemes if line in every] == []
    assert len([line for line in schemes if line in whole]) > 5  # or nothing would be looked for
    assert (tmp_path / "handout" / "map" / "08.svg").exists()


def test_what_belongs_to_one_run_is_stripped() -> None:
    view = new_output("display_data", {run_notebooks.WIDGET_VIEW: {"model_id": "x"}, "text/html": "<p>plain</p>"})
    halves = [new_output("stream", name="stdout", text=text) for text in ("a", "b")]
    cell = new_code_cell("1", outputs=[view, *halves], metadata={"execution": {"started": "now"}})
    notebook = new_notebook(cells=[cell], metadata={"widgets": {"state": {}}})
    run_notebooks.strip(notebook)
    (cell,) = notebook.cells
    assert "widgets" not in notebook.metadata
    assert "execution" not in cell.metadata
    assert cell.id == "cell-00"
    assert [output.get("text") or list(output.data) for output in cell.outputs] == [["text/html"], "ab"]


# ---- pictures of the cards ----


def test_every_picture_of_a_card_can_be_made_again() -> None:
    from tools import make_card_pictures

    assert {path.stem for path in make_card_pictures.OUT.glob("*.png")} == make_card_pictures.PICTURES.keys()
