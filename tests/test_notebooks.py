"""Notebooks have the form of the course, each rule of form can fail, and the command that runs them can fail."""

import ast
import builtins
import copy
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

import flashcards
from tests.notebooks import FOLDER, PATHS, Names, problems, read
from tools.run_notebooks import CLAIM, HIDDEN, fold

ROOT = FOLDER.parent
FIXTURES = Path(__file__).parent / "fixtures"
MODULES = {path.stem for path in (ROOT / "vislib").iterdir()}


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_form(path: Path) -> None:
    assert problems(read(path), path.stem, path.stat().st_size) == []


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_links_to_files_lead_somewhere(path: Path) -> None:
    for cell in read(path).cells:
        if cell.cell_type == "markdown":
            for target in re.findall(r"\]\(([^)#]+)\)", cell.source):
                assert target.startswith("https://") or (path.parent / target).exists(), target


def test_the_readme_says_of_each_notebook_what_it_says_itself() -> None:
    rows = [
        line for line in (ROOT / "README.md").read_text(encoding="utf-8").splitlines() if "(docs/thumbnails/" in line
    ]
    assert len(rows) == len(PATHS)
    for path, row in zip(PATHS, rows, strict=True):
        opening = read(path).cells[0].source
        question, minutes = opening.splitlines()[0].lstrip("# "), re.search(r"\*\*Time:\*\* (\d+) minutes", opening)
        assert minutes is not None
        assert f"[{question}](notebooks/{path.name}) | {minutes[1]} |" in row
        assert (ROOT / f"docs/thumbnails/{path.stem[:2]}.png").exists()


def test_the_readme_is_one_page() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 120
    assert len(text.split()) <= 900
    hours = sum(int(m) for m in re.findall(r"^\|.*\| (\d+) \|$", text, flags=re.M)) / 60
    assert f"about {hours:.0f} hours" in text


def _asks(source: str) -> ast.Call | None:
    """Return the call of a cell that is nothing but a quiz, an exam or a prediction, of texts that it writes out."""
    match ast.parse(source).body:
        case [ast.Expr(ast.Call(ast.Name("quiz" | "exam" | "predict")) as call)]:
            written = (ast.Constant, ast.List, ast.keyword)
            given = [part for argument in (*call.args, *call.keywords) for part in ast.walk(argument)]
            return call if all(isinstance(part, (*written, ast.Load)) for part in given) else None
    return None


def _stale(notebook: nbformat.NotebookNode) -> list[str]:
    """Return which stored quiz, exam or prediction is not what its cards or its cell say now."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type == "code" and (call := _asks(cell.source)):
            now = eval(compile(ast.Expression(call), "cell", "eval"), vars(flashcards).copy())
            stored = "".join(o.get("data", {}).get("text/html", "") for o in cell.get("outputs", []))
            found += [cell.source] if stored != now._repr_mimebundle_()["text/html"] else []
    return found


def test_nearly_all_predictions_write_out_what_they_ask() -> None:
    sources = [c.source for path in PATHS for c in read(path).cells if re.search(r"^predict\(", c.source, flags=re.M)]
    computed = [source for source in sources if _asks(source) is None]  # their options or answers, while they run
    assert len(computed) <= 6 < 20 < len(sources)


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_stored_quizzes_predictions_and_the_stored_exam_are_up_to_date(path: Path) -> None:
    notebook = read(path)
    assert _stale(notebook) == [], f"run: make notebooks ONLY={path.stem}"
    asked = [cell for cell in notebook.cells if cell.cell_type == "code" and _asks(cell.source)]
    kinds = [cell.source.partition("(")[0] for cell in asked]
    assert kinds.count("quiz") == 1
    assert kinds.count("exam") == (path.stem == "09_review")
    for cell in asked:  # the test can tell
        page = cell.outputs[0].data
        page["text/html"] = page["text/html"].replace("?", "!", 1)
    assert _stale(notebook) == [cell.source for cell in asked]


def test_the_tiles_of_the_map_are_what_their_tool_draws() -> None:
    from tools import make_map

    for name in make_map.TILES:
        drawn = (make_map.FOLDER / f"{name[:2]}.svg").read_text(encoding="utf-8")
        assert drawn == make_map.tile(name), "run: python tools/make_map.py"
        for line in make_map.TILES[name][1]:
            assert line in drawn
            assert len(line) <= 23  # a longer one would leave its tile


def _good() -> nbformat.NotebookNode:
    """Return a notebook of the right form, as short as the rules allow."""
    goals = "\n".join(f"- do {word}" for word in ("this", "that", "more"))
    opening = f"# What is this?\n\n{goals}\n\n**Time:** 30 minutes. **Before you start:** nothing."
    text = [new_markdown_cell("text") for _ in range(28)]
    code = [
        new_code_cell("from flashcards import quiz"),
        new_code_cell('review(5, before="04_occlusion")'),
        *[new_code_cell("print(1)", metadata={"tags": ["nbval-check-output"]}) for _ in range(3)],
        new_code_cell('predict("a.b", "?", ["x", "y"], "x")'),
        new_code_cell('predict("a.c", "?", ["x", "y"], "x")'),
        new_code_cell("course.explorer(model, image, 1)"),
    ]
    cells = [new_markdown_cell(opening)]
    for one, other in zip(text, [*code, *[None] * len(text)], strict=False):
        cells += [one] if other is None else [one, other]
    cells.append(new_markdown_cell("<details>solution</details>"))
    cells.append(new_code_cell('quiz("04_occlusion")'))
    for cell in cells:
        cell.metadata["slideshow"] = {"slide_type": "slide"}
    cells[1].metadata["slideshow"] = {"slide_type": "notes"}
    cells[1].source = "> **For the lecturer.** Ask."
    notebook = new_notebook(
        cells=cells, metadata={"kernelspec": {"name": "python3", "display_name": "", "language": "python"}}
    )
    fold(notebook)
    for count, cell in enumerate((c for c in cells if c.cell_type == "code"), 1):
        cell.execution_count = count
        cell.outputs = [new_output("stream", name="stdout", text="1\n")]
    return notebook


def _code(notebook: Any, number: int) -> Any:
    return [c for c in notebook.cells if c.cell_type == "code"][number]


def _figure(alt: str) -> Any:
    return new_output("display_data", data={"image/png": "AAAA"}, metadata={"image/png": {"alt": alt}})


def _append(output: Any) -> Callable[[Any], None]:
    return lambda notebook: _code(notebook, 5).outputs.append(output)


def _source(number: int, source: str) -> Callable[[Any], None]:
    return lambda notebook: _code(notebook, number).update(source=source)


def _opening(old: str, new: str) -> Callable[[Any], None]:
    return lambda notebook: notebook.cells[0].update(source=notebook.cells[0].source.replace(old, new))


def _gather(notebook: Any) -> None:
    """Put three code cells beside each other."""
    notebook.cells = [*notebook.cells[:1], *[_code(notebook, n) for n in (4, 5, 6)], *notebook.cells[1:]]


BREAKS: dict[str, tuple[Callable[[Any], Any], str]] = {
    "stripped claim": (lambda n: _code(n, 2).update(outputs=[]), "has no output"),
    "not executed": (lambda n: _code(n, 3).update(execution_count=None), "execution counts"),
    "stored error": (_append(new_output("error", ename="E", evalue="", traceback=[])), "stored an error"),
    "stored stderr": (_append(new_output("stream", name="stderr", text="warning")), "stored stderr"),
    "widget view": (
        _append(new_output("display_data", data={"application/vnd.jupyter.widget-view+json": {}})),
        "stored a widget view",
    ),
    "widget state": (lambda n: n.metadata.update(widgets={}), "widget state"),
    "figure in a claim": (lambda n: _code(n, 2).outputs.append(_figure("a")), "draws a figure"),
    "no alt text": (_append(_figure(" ")), "without alt text"),
    "no alt text in Markdown": (lambda n: n.cells[2].update(cell_type="markdown", source="![](x.png)"), "picture without alt text"),
    "kernel": (lambda n: n.metadata.kernelspec.update(name="ir"), "kernel"),
    "slide type": (lambda n: n.cells[5].metadata.pop("slideshow"), "cell 5 has no slide type"),
    "no question": (_opening("this?", "this"), "H1 that is a question"),
    "two titles": (lambda n: n.cells[1].update(source="# Another?"), "exactly one H1"),
    "goals": (_opening("- do this\n- do that\n", ""), "goals"),
    "minutes": (_opening("30 minutes", "long"), "minutes"),
    "before": (_opening("Before you start", "Needs"), "what to know before"),
    "imports": (_source(0, "1"), "does not import"),
    "due cards": (_source(1, "1"), "cards that are due"),
    "long cell": (_source(5, "x = 1\n" * 26), "26 lines"),
    "semicolon": (_source(5, "x;"), "semicolon"),
    "warnings": (_source(5, "import warnings\nwarnings.filterwarnings('ignore')"), "silences warnings"),
    "magic": (_source(5, "%timeit x"), "magic"),
    "shell": (_source(5, "!ls"), "magic or a shell"),
    "install": (_source(5, "# pip install x"), "installs"),
    "download": (_source(5, "x = get('https://example.org')"), "downloads"),
    "plotting": (_source(5, "plt.plot(x)"), "plotting code"),
    "path": (_source(5, "open('/home/me/x')"), "absolute path"),
    "path in an output": (_append(new_output("stream", name="stdout", text="/tmp/x")), "absolute path"),
    "no quiz": (_source(8, "1"), 'not quiz("04_occlusion")'),
    "another quiz": (_source(8, 'quiz("05_gradients")'), 'not quiz("04_occlusion")'),
    "few cells": (lambda n: n.update(cells=[*n.cells[:17], *n.cells[-2:]]), "cells beside"),
    "much code": (lambda n: [c.update(cell_type="code", outputs=[], execution_count=None) for c in n.cells[18:32]], "more code than text"),
    "few claims": (lambda n: _code(n, 2).metadata.pop("tags"), "2 claim cells"),
    "few predictions": (_source(5, "1"), "fewer than two predictions"),
    "no explorer": (_source(7, "1"), "no explorer"),
    "no solution": (lambda n: n.cells[-2].update(source="text"), "solution"),
    "no notes": (lambda n: n.cells[1].metadata.update(slideshow={"slide_type": "slide"}), "speaker notes"),
    "answer in sight": (lambda n: _code(n, 5).metadata.pop("jupyter"), "a prediction's answer"),
    "notes in sight": (lambda n: n.cells[1].metadata.pop("jupyter"), "speaker notes"),
    "a note without its first line": (lambda n: n.cells[1].update(source="Ask."), "'> **For the lecturer.**'"),
    "long lines": (lambda n: [c.update(source=c.source + "\n1" * 7) for c in n.cells if c.cell_type == "code"], "median"),
    "a caption in the code": (_source(7, "show(\n    figure,\n    caption='x',\n)"), "a line of caption"),
    "an assertion in sight": (_source(7, "assert x"), "a line of caption"),
    "a paragraph in the code": (_source(7, 'print(\n    f"{x} and so on"\n)'), "a line of caption"),
    "a wide line": (_source(7, "x = " + "1 + " * 25 + "1"), "more than 100 characters"),
    "much to see": (lambda n: [_code(n, 7).update(source="\n".join(map(str, range(130))))], "expected fewer than 130"),
    "a bare verdict": (_append(new_output("stream", name="stdout", text="they agree: True")), "True or False"),
    "a number that nothing holds": (_append(new_output("stream", name="stdout", text="~0.7")), "asserts nothing"),
    "code in a row": (_gather, "three code cells"),
}  # fmt: skip


def test_a_good_notebook_has_no_problems() -> None:
    assert problems(_good(), "04_occlusion", 1000) == []


def test_what_tells_too_early_is_folded_and_nothing_else() -> None:
    notebook = _good()
    folded = [cell for cell in notebook.cells if cell.metadata.get("jupyter", {}).get("source_hidden")]
    claims = [cell for cell in folded if CLAIM in cell.metadata.get("tags", [])]
    assert [cell.cell_type for cell in folded if cell not in claims] == ["markdown", "code", "code"]
    assert len(claims) == sum(CLAIM in cell.metadata.get("tags", []) for cell in notebook.cells) >= 3
    assert all(HIDDEN in cell.metadata.get("tags", []) for cell in folded if cell.cell_type == "code")


@pytest.mark.parametrize("name", BREAKS)
def test_each_rule_can_fail(name: str) -> None:
    break_it, message = BREAKS[name]
    notebook = copy.deepcopy(_good())
    break_it(notebook)
    assert any(message in problem for problem in problems(notebook, "04_occlusion", 1000))


def test_a_large_notebook_is_a_problem() -> None:
    assert any("expected less than 900" in problem for problem in problems(_good(), "04_occlusion", 1_000_000))


def test_the_gate_is_alive() -> None:
    """The command of `make nbval` passes a right notebook and fails one whose stored claim is wrong."""
    flags = re.search(r"^NBVAL := (.+)$", (ROOT / "Makefile").read_text(), flags=re.M)
    assert flags is not None
    both = [str(FIXTURES / name) for name in ("right.ipynb", "wrong.ipynb")]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rf", *flags[1].split(), *both],
        cwd=ROOT,
        env={**os.environ, "VISLIB_PROGRESS": "off"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 1, result.stdout
    assert "1 failed, 1 passed" in result.stdout
    assert re.search(r"^FAILED .*wrong\.ipynb", result.stdout, flags=re.M)


# ---- the code in the text ----


def names(code: str) -> Names:
    found = Names()
    found.visit(ast.parse(code))
    return found


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.stem)
def test_every_name_in_a_solution_is_one_that_the_reader_has(path: Path) -> None:
    known, solutions = set(dir(builtins)), 0
    for cell in read(path).cells:
        if cell.cell_type == "code":
            known |= names(cell.source).bound
            continue
        for code in re.findall(r"```python\n(.*?)```", cell.source, re.DOTALL):
            assert names(code).asked <= known, code
            solutions += 1
        if cell.source.startswith("## Exercise"):  # a hint may name a module of the library
            known |= names("\n".join(re.findall(r"`(from [^`]*)`", cell.source))).bound
            assert set(re.findall(r"`([a-z]+)\.\w+\(", cell.source)) & MODULES <= known
    assert solutions


def test_a_name_that_nobody_binds_is_seen() -> None:
    code = "import a\n\ndef f(x, *, y=b):\n    return [a.z(c, i) for i in range(x)] + [d, e]\n"
    assert names(code).asked == {"range", "b", "c", "d", "e"}
    assert names("from a import b as c, d\ne, f = c(g)\ndef h(): pass").bound == {"c", "d", "e", "f", "h"}
