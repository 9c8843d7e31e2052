"""What decides a number: a digest of everything of this project that a function can reach, and of the data it is given.

A stored number carries the digest of what made it. It is taken over the transitive closure of the project's own code,
found by following names from definition to definition, so that it cannot be forgotten and what is not reached does not
count. Formatting, comments, docstrings, annotations, imports, and the place and name of a function do not count either,
and neither does what only refuses: a ``raise``, and a call of a ``check_…`` whose result nobody takes.

Names are resolved as text, nothing is imported or run. What a reading cannot see is counted whole: a module that is used
as a value, as in ``getattr(module, name)``, stands for all of its definitions.
"""

import ast
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from inspect import isclass, isfunction
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("vislib", "experiments")

_SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_OUTSIDE = ("decorator_list", "bases", "defaults", "kw_defaults")  # of a definition, but not in its scope


def digest(*things: Any) -> str:
    """Return sixteen hex digits that change when one of these does, or the code that it reaches.

    Args:
        things: functions, classes and partials count by the code that they reach, paths by the bytes of their files,
            mappings and sequences by what is in them, anything else as JSON.

    Raises:
        TypeError: for a thing that is none of these.
    """
    return hashlib.sha256(json.dumps([_content(thing) for thing in things]).encode()).hexdigest()[:16]


def _content(thing: Any) -> Any:
    if isinstance(thing, partial):
        return [_content(thing.func), _content(thing.args), _content(thing.keywords)]
    if isfunction(thing) or isclass(thing):
        inner = [_content(cell.cell_contents) for cell in getattr(thing, "__closure__", None) or ()]
        root, key = _root_of(thing.__module__), Key(thing.__module__, thing.__qualname__.split(".")[0])
        if key.name not in (_module(root, key.module) or Module()).definitions:
            raise TypeError(
                f"{key.module}.{key.name} is not in {' or '.join(PACKAGES)}; expected code of this project."
            )
        return [_reached(root, key), inner]
    if isinstance(thing, Path):
        return hashlib.sha256(thing.read_bytes()).hexdigest()
    if isinstance(thing, Mapping):
        return [[name, _content(value)] for name, value in thing.items()]
    if isinstance(thing, list | tuple):
        return [_content(value) for value in thing]
    return thing


def _root_of(module: str) -> Path:
    """Return the folder that the top package of a module lies in: this project's, or that of a file beside it."""
    file = getattr(sys.modules.get(module), "__file__", None)
    if module.split(".")[0] in PACKAGES or file is None:
        return ROOT
    return Path(file).resolve().parents[module.count(".") + (Path(file).name == "__init__.py")]


class Key(NamedTuple):
    """A definition: the module that it is in, and its name there; no name for the module as a whole."""

    module: str
    name: str


@dataclass
class Module:
    """What a module's top level binds: names to statements of its own, or to what they are imported from."""

    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)


@cache
def _reached(root: Path, start: Key) -> str:
    """Return a digest of all code that is reached from a definition; where it lies and what it is called is left out."""
    met = [start]  # grows while it is walked through
    digested = hashlib.sha256()
    for key in met:
        digested.update(repr(_Reading(root, key, met).text()).encode())
    return digested.hexdigest()


class _Reading:
    """One definition as nested tuples, in which each definition that it refers to is a number."""

    def __init__(self, root: Path, key: Key, met: list[Key]) -> None:
        self.root, self.key, self.met = root, key, met
        self.home = _module(root, key.module) or Module()
        self.scopes: list[set[str]] = []
        self.imports: dict[str, str] = {}

    def text(self) -> Any:
        if not self.key.name:
            names = sorted({*self.home.definitions, *self.home.imports})
            return [(name, self._resolve(ast.Name(name))) for name in names]
        statements = self.home.definitions.get(self.key.name, [])
        self.imports = {k: v for s in statements for k, v in _imported(ast.walk(s), self.key.module)}
        return [self._read(statement) for statement in statements]

    def _number(self, key: Key) -> tuple[str, int]:
        if key not in self.met:
            self.met.append(key)
        return "@", self.met.index(key)

    def _read(self, node: Any) -> Any:
        if isinstance(node, list):
            return tuple(self._read(n) for n in node if not _counts_for_nothing(n))
        if not isinstance(node, ast.AST):
            return repr(node)
        if isinstance(node, ast.Name | ast.Attribute) and (found := self._resolve(node)) is not None:
            return found
        if isinstance(node, ast.Raise):
            return "Raise"
        if isinstance(node, (ast.ClassDef, *_SCOPES)):
            return self._scope(node)
        return self._fields(node)

    def _fields(self, node: ast.AST, *without: str) -> Any:
        left_out = {*_OUTSIDE, "annotation", "returns", "type_comment", "ctx", "kind", "type_params", *without}
        parts = (
            (name, value) for name, value in ast.iter_fields(node) if name not in left_out and value not in (None, [])
        )
        return type(node).__name__, *((name, self._read(value)) for name, value in parts)

    def _scope(self, node: ast.AST) -> Any:
        """Read a function, class or comprehension, in which names may hide those of the module."""
        outer = [node, *([node.args] if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) else [])]
        outside = [self._read(getattr(part, name, [])) for part in outer for name in _OUTSIDE]
        itself = not self.scopes and getattr(node, "name", None) == self.key.name
        self.scopes.append(_bound(node))
        inside = self._fields(node, "name") if itself else self._fields(node)
        self.scopes.pop()
        return outside, inside

    def _resolve(self, node: ast.expr) -> Any:
        """Return what a name, or a dotted one, stands for, if that is a definition, a module or an import."""
        attributes: list[str] = []
        base: ast.expr = node
        while isinstance(base, ast.Attribute):
            attributes.insert(0, base.attr)
            base = base.value
        if not isinstance(base, ast.Name) or any(
            base.id in scope for scope in self.scopes if base.id not in self.imports
        ):
            return None
        if base.id in self.imports:
            dotted = self.imports[base.id]
        elif base.id in self.home.definitions:
            dotted = f"{self.key.module}.{base.id}"
        elif base.id in self.home.imports:
            dotted = self.home.imports[base.id]
        else:
            return None
        found, rest = _find(self.root, ".".join([dotted, *attributes]))
        return (self._number(found), rest) if found is not None else ("outside", dotted, *attributes)


def _find(root: Path, dotted: str) -> tuple[Key | None, tuple[str, ...]]:
    """Return the definition or module that a dotted name leads to, through whatever re-exports it, and what is left of it."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        name, rest = ".".join(parts[:length]), parts[length:]
        if (module := _module(root, name)) is None:
            continue
        if not rest:
            return Key(name, ""), ()
        if rest[0] in module.definitions:
            return Key(name, rest[0]), tuple(rest[1:])
        if rest[0] in module.imports and module.imports[rest[0]] != f"{name}.{rest[0]}":
            return _find(root, ".".join([module.imports[rest[0]], *rest[1:]]))
        return None, ()
    return None, ()


@cache
def _module(root: Path, name: str) -> Module | None:
    """Read a module of the project; None if there is none of that name."""
    base = root.joinpath(*name.split("."))
    file = next((f for f in (base / "__init__.py", base.with_suffix(".py")) if f.is_file()), None)
    if file is None or (root == ROOT and name.split(".")[0] not in PACKAGES):
        return None
    module = Module()
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        module.imports |= dict(_imported([statement, *_inside(statement)], package))
        for bound in _stored(statement):
            module.definitions.setdefault(bound, []).append(statement)
    return module


def _inside(statement: ast.stmt) -> Iterable[ast.AST]:
    return ast.walk(statement) if isinstance(statement, ast.If | ast.Try | ast.With) else ()


def _imported(nodes: Iterable[ast.AST], package: str) -> Iterator[tuple[str, str]]:
    """Yield (name, dotted name of what it stands for) of all imports among these nodes."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], alias.name if alias.asname else alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *filter(None, [node.module])])
            for alias in node.names:
                yield alias.asname or alias.name, f"{base}.{alias.name}"


def _stored(statement: ast.stmt) -> set[str]:
    """Return the names of the module that a statement of its top level binds, or changes in place."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if isinstance(statement, ast.Import | ast.ImportFrom) or _counts_for_nothing(statement):
        return set()
    found = {n.id for n in ast.walk(statement) if isinstance(n, ast.Name) and isinstance(n.ctx, ast.Store)}
    found |= {n.name for n in ast.walk(statement) if isinstance(n, ast.FunctionDef | ast.ClassDef)}
    for node in ast.walk(statement):  # what is assigned into, or asked to change itself
        target = node.func if isinstance(node, ast.Call) and isinstance(statement, ast.Expr) else node
        changed = isinstance(target, ast.Attribute | ast.Subscript) and (
            target is not node or isinstance(target.ctx, ast.Store)
        )
        while changed and isinstance(target, ast.Attribute | ast.Subscript):
            target = target.value
        if changed and isinstance(target, ast.Name):
            found.add(target.id)
    return found


def _bound(scope: ast.AST) -> set[str]:
    """Return the names that a function, class or comprehension binds in its own scope; those of a class hide nothing in it."""
    if isinstance(scope, ast.ClassDef):
        return set()
    found: set[str] = set()
    waiting = list(ast.iter_child_nodes(scope))
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.arg):
            found.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef | ast.ExceptHandler) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.Global):
            return found - set(node.names)
        if not isinstance(node, (ast.ClassDef, *_SCOPES)):
            waiting += ast.iter_child_nodes(node)
    return found


def _counts_for_nothing(node: Any) -> bool:
    """Whether a statement or decorator changes no result: a docstring, an assertion, an import, or what only refuses."""
    if isinstance(node, ast.Import | ast.ImportFrom | ast.Assert):
        return True
    if not isinstance(node, ast.AST) or any(isinstance(n, ast.NamedExpr) for n in ast.walk(node)):
        return False
    if isinstance(node, ast.If):
        return not node.orelse and all(isinstance(n, ast.Raise) for n in node.body)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        return _called(node.value).lstrip("_").startswith("check_")
    if isinstance(node, ast.Expr):
        return isinstance(node.value, ast.Constant)
    return isinstance(node, ast.Call) and _called(node) == "refuses"


def _called(call: ast.Call) -> str:
    return getattr(call.func, "attr", getattr(call.func, "id", ""))
