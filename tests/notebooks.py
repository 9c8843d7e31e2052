"""The form of a notebook, as a list of what is wrong with it. nbval runs the cells; this looks at what is stored.

A stripped notebook passes nbval in silence, since there is nothing to compare with; so the form is checked apart.
"""

import ast
import re
import statistics
from pathlib import Path
from symtable import SymbolTable, symtable
from typing import Any

import nbformat

from tools.run_notebooks import CLAIM, NOTE, is_claim, is_note, tells_too_early

FOLDER = Path(__file__).resolve().parent.parent / "notebooks"
PATHS = sorted(FOLDER.glob("*.ipynb"))
SLIDE_TYPES = {"slide", "subslide", "fragment", "skip", "notes"}
EXERCISE = "exercise"


def read(path: Path) -> nbformat.NotebookNode:
    """Read a notebook and validate it against the format."""
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    return notebook


def problems(notebook: nbformat.NotebookNode, name: str, size: int = 0) -> list[str]:
    """Return one sentence for each rule of form that a notebook breaks; `name` is its file name without the ending."""
    cells = notebook.cells
    parts = (_outputs(cells), _opening(cells, name), _figures(cells), _code(cells), _seen(cells), _ending(cells, name))
    found = [sentence for part in parts for sentence in part]
    if notebook.metadata.get("kernelspec", {}).get("name") != "python3":
        found.append("the kernel is not python3")
    if "widgets" in notebook.metadata:
        found.append("widget state is stored")
    if size > 900 * 1024:
        found.append(f"{size // 1024} KB; expected less than 900")
    for number, cell in enumerate(cells):
        if cell.metadata.get("slideshow", {}).get("slide_type") not in SLIDE_TYPES:
            found.append(f"cell {number} has no slide type")
        if (tells_too_early(cell) or is_claim(cell)) and not cell.metadata.get("jupyter", {}).get("source_hidden"):
            found.append(
                f"cell {number} shows a prediction's answer, or speaker notes; run: make notebooks, which folds them"
            )
        if is_note(cell) and cell.source.partition("\n")[0] != NOTE:
            found.append(
                f"cell {number} has speaker notes that do not begin with the line {NOTE!r}, which shows when folded"
            )
    if is_chapter(name):
        found += _shape(cells)
    return found


def is_chapter(name: str) -> bool:
    """Whether a notebook teaches one idea; the start and the review may be shorter."""
    return name[:2].isdigit() and int(name[:2]) not in (0, 9)


def tags(cell: nbformat.NotebookNode) -> list[str]:
    """Return the tags of a cell."""
    return list(cell.metadata.get("tags", []))


def _code_cells(cells: list[Any]) -> list[Any]:
    return [c for c in cells if c.cell_type == "code"]


def _outputs(cells: list[Any]) -> list[str]:
    found = []
    code = _code_cells(cells)
    if [c.execution_count for c in code] != list(range(1, len(code) + 1)):
        found.append("execution counts do not run 1 to n")
    for number, cell in enumerate(cells):
        if cell.cell_type != "code":
            continue
        if CLAIM in tags(cell) and not cell.outputs:
            found.append(f"claim cell {number} has no output")
        for output in cell.outputs:
            if output.output_type == "error":
                found.append(f"cell {number} has stored an error")
            if output.get("name") == "stderr":
                found.append(f"cell {number} has stored stderr")
            if "application/vnd.jupyter.widget-view+json" in output.get("data", {}):
                found.append(f"cell {number} has stored a widget view")
            if CLAIM in tags(cell) and any(kind.startswith("image/") for kind in output.get("data", {})):
                found.append(f"claim cell {number} draws a figure; expected short text")
    return found


def _opening(cells: list[Any], name: str) -> list[str]:
    found = []
    first = cells[0].source if cells and cells[0].cell_type == "markdown" else ""
    if not re.match(r"# [^\n]+\?\n", first):
        found.append("the first cell has no H1 that is a question")
    if (
        sum(bool(re.match(r"# ", line)) for c in cells if c.cell_type == "markdown" for line in c.source.splitlines())
        != 1
    ):
        found.append("there is not exactly one H1")
    if not 3 <= len(re.findall(r"^- ", first, flags=re.M)) <= 5:
        found.append("the opening does not list three to five goals")
    if not re.search(r"\b\d+ minutes\b", first):
        found.append("the opening does not say how many minutes")
    if not re.search(r"\bBefore you start\b", first):
        found.append("the opening does not say what to know before")
    code = _code_cells(cells)
    if not code or "import " not in code[0].source:
        found.append("the first code cell does not import")
    if is_chapter(name) and (len(code) < 2 or f'review(5, before="{name}")' not in code[1].source):
        found.append("the second code cell does not offer the cards that are due")
    return found


def _figures(cells: list[Any]) -> list[str]:
    found = []
    for number, cell in enumerate(cells):
        if cell.cell_type == "markdown":
            found += [f"cell {number} has a picture without alt text" for _ in re.findall(r"!\[\s*\]\(", cell.source)]
            continue
        for output in cell.outputs:
            for kind in ("image/png", "image/jpeg"):
                if kind in output.get("data", {}) and not output.metadata.get(kind, {}).get("alt", "").strip():
                    found.append(f"cell {number} has a figure without alt text")
    return found


def _code(cells: list[Any]) -> list[str]:
    found = []
    for number, cell in enumerate(cells):
        source = cell.source
        if cell.cell_type == "code":
            lines = [line for line in source.splitlines() if line.strip()]
            if len(lines) > 25:
                found.append(f"cell {number} has {len(lines)} lines of code; expected at most 25")
            if lines and lines[-1].rstrip().endswith(";"):
                found.append(f"cell {number} ends with a semicolon")
            if "filterwarnings" in source:
                found.append(f"cell {number} silences warnings")
            if re.search(r"^\s*[%!]", source, flags=re.M) and not re.fullmatch(r"%matplotlib inline\n?", source):
                found.append(f"cell {number} uses a magic or a shell command")
            if re.search(r"pip install|conda install", source):
                found.append(f"cell {number} installs something")
            if re.search(r"https?://|urlopen|urlretrieve|requests\.get|download=True", source):
                found.append(f"cell {number} downloads something")
            if re.search(r"matplotlib|\bplt\.|\.imshow\(", source):
                found.append(f"cell {number} has plotting code; expected a function of vislib.course.figures")
        stored = source + "".join(_text(o) for o in cell.get("outputs", []))
        if re.search(r"/home/|/root/|/tmp/|/Users/|[A-Z]:\\\\", stored):
            found.append(f"cell {number} has an absolute path")
    return found


def _text(output: Any) -> str:
    data = output.get("data", {})
    return str(output.get("text", "")) + "".join(str(v) for k, v in data.items() if not k.startswith("image/"))


def _seen(cells: list[Any]) -> list[str]:
    """What a reader sees is the method: it computes and shows, on lines that fit a page."""
    found, count = [], 0
    for number, cell in enumerate(cells):
        if cell.cell_type == "code" and not cell.metadata.get("jupyter", {}).get("source_hidden"):
            lines = [line for line in cell.source.splitlines() if line.strip()]
            count += len(lines)
            if any(re.match(r'\s*(alt=|caption=|assert\b|f?")', line) for line in lines):
                found.append(f"cell {number} shows a line of caption, alt text, assertion or mere text")
            if any(len(line) > 100 for line in lines):
                found.append(f"cell {number} shows a line of more than 100 characters")
        said = "".join(str(output.get("text", "")) for output in cell.get("outputs", []))
        if re.search(r": (?:True|False)\b", said):
            found.append(f"cell {number} prints True or False where a number would tell more")
        if re.search(r"~\d", said) and not re.search(r"^\s*assert\b", cell.source, flags=re.M):
            found.append(f"cell {number} prints a number after ~, which is not compared, and asserts nothing")
    if count >= 130:
        found.append(f"a reader sees {count} lines of code; expected fewer than 130")
    return found


def _ending(cells: list[Any], name: str) -> list[str]:
    last = cells[-1]
    if last.cell_type != "code" or not last.source.strip().startswith(f'quiz("{name}"'):
        return [f'the last cell is not quiz("{name}")']
    return []


def _shape(cells: list[Any]) -> list[str]:
    found = []
    code = _code_cells(cells)
    claims = sum(CLAIM in tags(c) for c in code)
    sources = "\n".join(c.source for c in code)
    read = [c for c in cells if not is_note(c)]
    lengths = [len([line for line in c.source.splitlines() if line.strip()]) for c in code]
    if not 35 <= len(read) <= 60:
        found.append(f"{len(read)} cells beside speaker notes; expected 35 to 60")
    if 2 * len(code) > len(cells):
        found.append("there is more code than text")
    if statistics.median(lengths) > 6:
        found.append(f"the median code cell has {statistics.median(lengths):g} lines; expected at most 6")
    if not 3 <= claims <= 6:
        found.append(f"{claims} claim cells; expected three to six")
    if len(re.findall(r"\bpredict\(", sources)) < 2:
        found.append("fewer than two predictions")
    if not re.search(r"\bcourse\.explorer\(", sources):
        found.append("there is no explorer")
    if not any("<details>" in c.source for c in cells if c.cell_type == "markdown"):
        found.append("no solution is folded below an exercise")
    if not any(is_note(c) for c in cells):
        found.append("there are no speaker notes")
    run = 0
    for cell in cells:
        run = run + 1 if cell.cell_type == "code" and EXERCISE not in tags(cell) else 0
        if run == 3:
            found.append("three code cells in a row outside exercises")
    return found


class Names(ast.NodeVisitor):
    """What a cell binds, and what it asks of the cells before: names that it reads and has not bound by then."""

    def __init__(self) -> None:
        self.bound: set[str] = set()
        self.asked: set[str] = set()

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self.asked |= {node.id} - self.bound
        else:
            self.bound.add(node.id)

    def visit_alias(self, node: ast.alias) -> None:
        self.bound.add((node.asname or node.name).partition(".")[0])

    def visit_Assign(self, node: ast.Assign) -> None:
        for part in (node.value, *node.targets):  # as it is carried out; AST has the targets first
            self.visit(part)

    def visit_For(self, node: ast.For) -> None:
        for part in (node.iter, node.target, *node.body, *node.orelse):
            self.visit(part)

    def visit_AugAssign(self, node: ast.AugAssign) -> None:
        self.asked |= {n.id for n in ast.walk(node.target) if isinstance(n, ast.Name)} - self.bound
        self.generic_visit(node)

    def visit(self, node: ast.AST) -> None:
        """Leave functions and comprehensions, with names of their own, to Python's table of symbols."""
        if isinstance(
            node, ast.FunctionDef | ast.Lambda | ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
        ):
            self.asked |= _looked_up(symtable(ast.unparse(node), "cell", "exec")) - self.bound
            self.bound |= {getattr(node, "name", "")}
        else:
            super().visit(node)


def _looked_up(scope: SymbolTable) -> set[str]:
    """Return the names that a piece of code, or a function in it, looks up among those of the notebook."""
    top = scope.get_type() == "module"
    used = {s.get_name() for s in scope.get_symbols() if s.is_referenced() and (top or s.is_global())}
    return used.union(*map(_looked_up, scope.get_children()))
