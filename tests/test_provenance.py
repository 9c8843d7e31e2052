"""What made a stored number: a change of the code turns exactly the tables stale that depend on it, other words none."""

import ast
import functools
import importlib
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from experiments import RECIPES, provenance
from experiments.provenance import digest

ROOT = Path(__file__).resolve().parent.parent

# ---- the tables of the course, and changes of the code that makes them ----


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """Return a copy of the code that a recipe can reach."""
    for package in provenance.PACKAGES:
        shutil.copytree(
            ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__", "weights", "tables")
        )
    for weights in ("vislib/models/weights", "vislib/course/weights"):
        (tmp_path / weights).symlink_to(ROOT / weights)
    return tmp_path


def stale(root: Path) -> set[str]:
    """Return the tables that the code in a folder would compute anew: it is read there, by the same names, and not run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "ROOT", root)
        there = {name: recipe.hash() for name, recipe in RECIPES.items()}
    return {name for name, now in there.items() if now != RECIPES[name].hash()}


def change(root: Path, topic: str, before: str, after: str) -> None:
    """Replace one passage of a topic's code, which must be in it once."""
    files = {
        file: file.read_text() for file in (root / "vislib").glob(topic if topic.endswith(".py") else f"{topic}*.py")
    }
    [file] = [file for file, text in files.items() if before in text]
    assert files[file].count(before) == 1
    file.write_text(files[file].replace(before, after))


# What each recipe explains, written down by hand.
CASCADES = {"sanity", "sanity_floor", "sanity_edges"}  # the family with Grad-CAM, and occlusion by the logit
SWEEPS = {
    f"roar_{name}"
    for name in ("shapes", "shapes_masks", "digits", "digits_masks", "without", "asked", "swapped", "filled")
}
FEW = {"roar_keep", "roar_epochs"}  # gradient, SmoothGrad², integrated gradients or guided backprop
GRAD_CAM = CASCADES | SWEEPS | {"sanity_labels", "scoreboard"}
GRADIENTS = GRAD_CAM | FEW | {"transformers_again"}
# Occlusion and deletion by the probability, which is a softmax of logits; reconstructions climb a logit; attention shows
# the tokens that a logit is read from.
LOGITS = GRADIENTS | {"mystery", "price", "shortcut", "transformers_brief"}
LOGITS |= {"reconstruction_gallery", "reconstruction_ways", "reconstruction_units"}
# No score is explained in these: a layer is inverted, or networks are trained, and count how often they are right.
NOTHING = {
    "reconstruction_inverted",
    "weights",
    "weights_taxonomy",
    "weights_mystery",
    "weights_transformers",
    "weights_transformers_again",
    "patches",
    "sanity_known",
    "roar_without_truth",
    "roar_rim",
    "roar_rim_masks",
}

CHANGES = {
    "every gradient negated": (
        "differentiation.py",
        "    return grads\n",
        "    return -grads\n",
        GRADIENTS,
    ),
    "the logit negated": (
        "explain.py",
        "return logits.gather(1, target[:, None])",
        "return -logits.gather(1, target[:, None])",
        LOGITS,
    ),
    "Grad-CAM's negative part as well": (
        "gradients/",
        "* seen).sum(1).relu()",
        "* seen).sum(1).abs()",
        GRAD_CAM,
    ),
    "Grad-CAM's maps doubled": (
        "gradients/",
        "return name, output.detach()",
        "return name, 2 * output.detach()",
        GRAD_CAM,
    ),
    "ROAR explains the least likely class": ("roar/", ".argmax(1)", ".argmin(1)", SWEEPS | FEW),
}


def test_every_table_is_told_what_it_explains() -> None:
    assert {name for name in RECIPES if not name.startswith("claims/")} == LOGITS | NOTHING
    assert not LOGITS & NOTHING


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_the_code_is_seen_where_it_matters(name: str, copied: Path) -> None:
    topic, before, after, depending = CHANGES[name]
    change(copied, topic, before, after)
    found = stale(copied)
    assert {table for table in found if not table.startswith("claims/")} == depending
    asked = "claims/sanity.absurd"  # gradient and guided backprop, asked about a class's logit; no Grad-CAM, no ROAR
    assert (asked in found) == (name in ("every gradient negated", "the logit negated"))


def test_other_words_are_not_seen(copied: Path) -> None:
    """All at once: private functions renamed, a function moved, other comments, annotations and messages, more checks."""
    moved(copied, "vislib/explain.py", "logit", "vislib/scores.py")
    moved(copied, "vislib/gradients/sensitivity.py", "total_score", "vislib/gradients/batches.py")
    assert renamed(copied) >= 50
    for file in copied.rglob("*.py"):
        tree = _OtherWords().visit(ast.parse(file.read_text()))
        file.write_text("# Comments and line breaks are gone.\n" + ast.unparse(ast.fix_missing_locations(tree)))
    assert "never" in (copied / "vislib/explain.py").read_text()
    assert stale(copied) == set()


def moved(root: Path, file: str, name: str, to: str) -> None:
    """Move a function to a new module, with the imports that it needs, and import it from there."""
    text = (root / file).read_text()
    tree = ast.parse(text)
    [function] = [node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == name]
    imports = [node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)]
    aliases = [node for node in tree.body if isinstance(node, ast.Assign) and "Callable" in ast.unparse(node)]
    source = ast.get_source_segment(text, function)
    assert source is not None
    (root / to).write_text("\n".join([*map(ast.unparse, (*imports, *aliases)), "", source, ""]))
    module = to.removesuffix(".py").replace("/", ".")
    last = max(node.end_lineno or 0 for node in imports)
    lines = text.replace(source, "").splitlines()
    (root / file).write_text("\n".join([*lines[:last], f"from {module} import {name}", *lines[last:], ""]))


def renamed(root: Path) -> int:
    """Rename all private functions that one module alone names, never as an attribute or in a text; return how many."""
    texts = {file: file.read_text() for file in root.rglob("*.py")}
    count = 0
    for file, text in texts.items():
        private = {n.name for n in ast.parse(text).body if isinstance(n, ast.FunctionDef) and n.name.startswith("_")}
        for name in sorted(private):
            alone = sum(bool(re.search(rf"\b{name}\b", other)) for other in texts.values()) == 1
            if alone and not re.search(rf"[.\"'`]{name}\b", text) and not name.startswith("_check_"):
                text, count = re.sub(rf"\b{name}\b", f"{name}_by_another_name", text), count + 1
        file.write_text(text)
    return count


class _OtherWords(ast.NodeTransformer):
    """Changes what decides nothing: docstrings, annotations, messages; adds a check to every function."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        if isinstance(node.body[0], ast.Expr) and isinstance(node.body[0].value, ast.Constant):
            node.body[0].value = ast.Constant("In other words.")
        else:
            node.body.insert(0, ast.Expr(ast.Constant("Now in words.")))
        node.body[1:1] = ast.parse("check_that_is_new()\nif False:\n    raise ValueError('never')").body
        node.returns = None
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.annotation = None
        return node

    def visit_Raise(self, node: ast.Raise) -> ast.AST:
        if isinstance(node.exc, ast.Call) and ast.unparse(node.exc.func) in ("ValueError", "TypeError"):
            node.exc.args = [ast.Constant("what came and what was expected.")]
        return node

    def visit_Module(self, node: ast.Module) -> ast.AST:
        self.generic_visit(node)
        first = next((i for i, n in enumerate(node.body) if isinstance(n, ast.Import | ast.ImportFrom)), 0)
        last = first
        while last < len(node.body) and isinstance(node.body[last], ast.Import | ast.ImportFrom):
            last += 1
        node.body[first:last] = sorted(node.body[first:last], key=ast.unparse, reverse=True)
        node.body[last:last] = ast.parse("def check_that_is_new(): pass").body
        return node


def test_no_module_changes_another_one_while_it_is_imported() -> None:
    """Which a reading of names would not see."""
    for package in provenance.PACKAGES:
        for file in (file for file in (ROOT / package).rglob("*.py") if file.stem != "__main__"):
            for statement in ast.parse(file.read_text()).body:
                assert not _reaches_out(statement), f"{file}:{statement.lineno}"


def _reaches_out(statement: ast.stmt) -> bool:
    """Whether a statement of a module's top level calls for the sake of an effect, or assigns into something imported."""
    if isinstance(statement, ast.If | ast.Try):
        return "__main__" not in ast.unparse(statement) and any(map(_reaches_out, statement.body))
    if isinstance(statement, ast.Expr):
        return isinstance(statement.value, ast.Call)
    targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, "target", None)]
    return any(isinstance(target, ast.Attribute | ast.Subscript) for target in targets)


# ---- small packages ----


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Write modules of a package "tiny" and import one of them; each call begins anew."""

    def write(main: str, **others: str) -> Any:
        forget()
        shutil.rmtree(tmp_path / "tiny", ignore_errors=True)
        for name, text in {"__init__": "", "main": main, **others}.items():
            file = tmp_path / "tiny" / f"{name.replace('__in__', '/')}.py"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return importlib.import_module("tiny.main")

    def forget() -> None:
        importlib.invalidate_caches()
        for cached in (provenance._module, provenance._read, provenance._reached):
            cached.cache_clear()
        for name in [name for name in sys.modules if name.split(".")[0] == "tiny"]:
            del sys.modules[name]

    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield write
    forget()


Modules = str | dict[str, str]


def _beside(main: str, changed: str = "other", **others: str) -> tuple[Modules, Modules]:
    """Return a package twice, in which one module is different."""
    one, two = ({"main": main, **others, changed: f"def g(): return {n}"} for n in (1, 2))
    return one, two


# Name -> a package and another one that computes something else, `main.f`.
SEEN: dict[str, tuple[Modules, Modules]] = {
    "its own lines": ("def f(): return 1", "def f(): return 2"),
    "a constant": ("N = 1\ndef f(): return N", "N = 2\ndef f(): return N"),
    "a default": ("def f(n=1): return n", "def f(n=2): return n"),
    "a default that is a name": ("N = 1\ndef f(n=N): return n", "N = 2\ndef f(n=N): return n"),
    "a default of a lambda": ("N = 1\ndef f(): return lambda n=N: n", "N = 2\ndef f(): return lambda n=N: n"),
    "a decorator": (
        "def twice(g): return lambda: 2 * g()\n@twice\ndef g(): return 1\ndef f(): return g()",
        "def twice(g): return lambda: 3 * g()\n@twice\ndef g(): return 1\ndef f(): return g()",
    ),
    "a decorator that is there": (
        "import functools\ndef f(): return g()\ndef g(): return 1",
        "import functools\ndef f(): return g()\n@functools.cache\ndef g(): return 1",
    ),
    "a base class": (
        "class A:\n    n = 1\nclass B(A): pass\ndef f(): return B.n",
        "class A:\n    n = 2\nclass B(A): pass\ndef f(): return B.n",
    ),
    "a method": (
        "class A:\n    def n(self): return 1\ndef f(): return A().n()",
        "class A:\n    def n(self): return 2\ndef f(): return A().n()",
    ),
    "a field that becomes one": (
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    n = 1\ndef f(): return A()",
        "from dataclasses import dataclass\n@dataclass\nclass A:\n    n: int = 1\ndef f(): return A()",
    ),
    "another module": _beside("from tiny.other import g\ndef f(): return g()"),
    "an import in a function": _beside("def f():\n    from tiny.other import g\n    return g()"),
    "a relative import in a function": _beside("def f():\n    from .other import g\n    return g()"),
    "a re-export": _beside("import tiny\ndef f(): return tiny.g()", __init__="from tiny.other import g"),
    "a re-export under the name of its module": _beside(
        "from tiny import face\ndef f(): return face.g()", face__in____init__="from tiny.face.g import g", changed="face__in__g"
    ),
    "a module as a value": _beside("from tiny import other\ndef f(): return getattr(other, 'g')()"),
    "a dictionary that is filled later": ("D = {}\nD['n'] = 1\ndef f(): return D", "D = {}\nD['n'] = 2\ndef f(): return D"),
    "a dictionary that is updated": ("D = {}\nD.update(n=1)\ndef f(): return D", "D = {}\nD.update(n=2)\ndef f(): return D"),
    "a dictionary that grows": ("D = {}\nD |= {'n': 1}\ndef f(): return D", "D = {}\nD |= {'n': 2}\ndef f(): return D"),
    "an import that may fail": _beside("try:\n    from tiny.other import g\nexcept ImportError:\n    g = None\ndef f(): return g()"),
    "a loop over what it hides": (
        "def g(): return [1]\ndef f(): return [g for g in g()]",
        "def g(): return [2]\ndef f(): return [g for g in g()]",
    ),
    "a global that is set": (
        "n = 0\ndef g(): return 1\ndef f():\n    global n\n    n = g()\n    return n",
        "n = 0\ndef g(): return 2\ndef f():\n    global n\n    n = g()\n    return n",
    ),
    "functions that call each other": (
        "def f(n): return g(n - 1) if n else 1\ndef g(n): return f(n - 1) if n else 2",
        "def f(n): return g(n - 1) if n else 1\ndef g(n): return f(n - 1) if n else 3",
    ),
    "which of two is called": (
        "def g(): return 1\ndef h(): return 2\ndef f(): return g() - h()",
        "def g(): return 1\ndef h(): return 2\ndef f(): return h() - g()",
    ),
    "a check whose result is taken": (
        "def check_n(n): return n\ndef f(n):\n    n = check_n(n)\n    return n",
        "def check_n(n): return -n\ndef f(n):\n    n = check_n(n)\n    return n",
    ),
    "a name that is taken in a check": (
        "def f(n):\n    if (m := n + 1) < 0: raise ValueError\n    return m",
        "def f(n):\n    if (m := n + 2) < 0: raise ValueError\n    return m",
    ),
    "an exception of its own that decides the way": (
        "class No(Exception): pass\ndef g(n):\n    if n > 1: raise No\ndef f(n):\n    try: g(n)\n    except No: return 0",
        "class No(Exception): pass\ndef g(n):\n    if n > 2: raise No\ndef f(n):\n    try: g(n)\n    except No: return 0",
    ),
    "a function of another library": ("import math\ndef f(): return math.sin(1)", "import math\ndef f(): return math.cos(1)"),
    "another library under the same name": (
        "from math import sin as g\ndef f(): return g(1)",
        "from math import cos as g\ndef f(): return g(1)",
    ),
}  # fmt: skip

# Name -> a package and another one that computes the same.
NOT_SEEN: dict[str, tuple[Modules, Modules]] = {
    "comments and line breaks": ("def f(): return [1, 2]", "def f():\n    # two\n    return [\n        1,\n        2,\n    ]"),
    "docstrings": ("def f(): return 1", "'''Words.'''\ndef f():\n    '''Words.'''\n    return 1"),
    "annotations": ("def f(n=1):\n    m = n\n    return m", "def f(n: int = 1) -> int:\n    k: int\n    m: int = n\n    return m"),
    "the name of a function": ("def f(): return _g()\ndef _g(): return 1", "def f(): return _h()\ndef _h(): return 1"),
    "the name of a function that calls itself": (
        "def f(n): return _g(n)\ndef _g(n): return n and _g(n - 1)",
        "def f(n): return _h(n)\ndef _h(n): return n and _h(n - 1)",
    ),
    "the name of a constant": ("N = 1\ndef f(): return N", "M = 1\ndef f(): return M"),
    "the place of a function": (
        "N = 1\ndef g(): return N\ndef f(): return g()",
        {"main": "from tiny.other import g\ndef f(): return g()", "other": "N = 1\ndef g(): return N"},
    ),
    "the way of an import": (
        {"main": "from tiny.other import g\ndef f(): return g()", "other": "def g(): return 1"},
        {"main": "def f():\n    import tiny.other as o\n    return o.g()", "other": "def g(): return 1"},
    ),
    "the order of definitions": ("def g(): return 1\ndef f(): return g()", "def f(): return g()\ndef g(): return 1"),
    "what is not reached": ("def f(): return 1\ndef g(): return 1", "def f(): return 1\ndef g(): return 2"),
    "what a parameter hides": (
        "def g(): return 1\ndef f(g): return g",
        "def g(): return 2\ndef f(g): return g",
    ),
    "what a local name hides": (
        "def g(): return 1\ndef f():\n    for g in (1, 2): pass\n    return g",
        "def g(): return 2\ndef f():\n    for g in (1, 2): pass\n    return g",
    ),
    "what an exception's name hides": (
        "def g(): return 1\ndef f():\n    try: pass\n    except ValueError as g: return g",
        "def g(): return 2\ndef f():\n    try: pass\n    except ValueError as g: return g",
    ),
    "the name of an argument": (
        "def g(): return 1\ndef f(h): return h(g=1)",
        "def g(): return 2\ndef f(h): return h(g=1)",
    ),
    "a check": (
        "def check_n(n): pass\ndef f(n): return n",
        "def check_n(n): pass\ndef f(n):\n    check_n(n)\n    if n < 0:\n        raise ValueError(f'n is {n}')\n    assert n\n    return n",
    ),
    "an import that nobody uses": ("def f(): return 1", "import math\ndef f(): return 1"),
}  # fmt: skip


def _both(package: Callable[..., Any], two: tuple[Modules, Modules]) -> list[str]:
    found = []
    for modules in two:
        found.append(digest(package(**({"main": modules} if isinstance(modules, str) else modules)).f))
    return found


@pytest.mark.parametrize("name", SEEN)
def test_what_decides_a_number_is_seen(name: str, package: Callable[..., Any]) -> None:
    one, other = _both(package, SEEN[name])
    assert one != other


@pytest.mark.parametrize("name", NOT_SEEN)
def test_what_decides_nothing_is_not_seen(name: str, package: Callable[..., Any]) -> None:
    one, other = _both(package, NOT_SEEN[name])
    assert one == other


def test_what_is_bound_to_a_function_is_seen(package: Callable[..., Any]) -> None:
    tiny = package("def f(n): return n\ndef g(n): return -n\ndef made(n):\n    def inner(): return n\n    return inner")
    bound = [tiny.f, partial(tiny.f, 1), partial(tiny.f, 2), partial(tiny.f, n=1), partial(tiny.g, 1)]
    closed = [tiny.made(1), tiny.made(2), tiny.made(tiny.f), tiny.made(tiny.g)]
    assert len({digest(thing) for thing in (*bound, *closed)}) == 9
    assert digest(partial(tiny.f, 1)) == digest(partial(tiny.f, 1))
    assert digest(functools.wraps(tiny.f)(lambda n: tiny.f(n))) == digest(
        tiny.f
    )  # a wrapper is in the text of what it wraps


def test_settings_and_files_are_seen(tmp_path: Path) -> None:
    file, other = tmp_path / "a", tmp_path / "b"
    for path, content in ((file, "1"), (other, "1")):
        path.write_text(content)
    assert digest(file) == digest(other)
    other.write_text("2")
    assert digest(file) != digest(other)
    assert len({digest(x) for x in ({"n": 1}, {"n": 2}, {"m": 1}, {"n": [1]}, [1], "1", 1, None)}) == 8
    assert digest([1, 2]) == digest((1, 2))


def test_code_from_elsewhere_is_refused() -> None:
    with pytest.raises(TypeError, match="is not in vislib or experiments or benchmarks; expected code of this project"):
        digest(change)
    with pytest.raises(TypeError):
        digest(len)
