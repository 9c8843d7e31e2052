"""What decides a number: a digest of everything of this project that a function can reach, and of the data it is given.

A stored number carries the digest of what made it. It is taken over the transitive closure of the project's own code,
found by following names from definition to definition, so that it cannot be forgotten and what is not reached does not
count. Formatting, comments, docstrings, annotations, imports, and the place and name of a function do not count either,
and neither does what only refuses: a ``raise``, and a call of a ``check_…`` whose result nobody takes. (A ``raise`` of an
exception of the project's own counts, since it may be caught and decide the way.)

Names are resolved as text, nothing is imported or run. A module that is used as a value, as in ``getattr(module, name)``,
stands for all of its definitions. What a module does to another one while it is imported is not seen; a test says that
none does.
"""

import ast
import builtins
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from inspect import isclass, isfunction, unwrap
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("vislib", "experiments", "benchmarks")

_SCOPES = (ast.FunctionDef, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_OUTSIDE = {"decorator_list", "bases", "defaults", "kw_defaults"}  # of a definition, but not in its scope
_NOTHING = {"annotation", "returns", "type_comment", "ctx", "kind", "type_params"}


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
    if isfunction(thing := unwrap(thing)) or isclass(thing):  # a decorator is in the text of what it decorates
        inner = [_content(cell.cell_contents) for cell in getattr(thing, "__closure__", None) or ()]
        root, names = _root_of(thing.__module__), thing.__qualname__.split(".")[:1]
        key, _ = _find(root, thing.__module__, names)
        if not isinstance(key, Key):
            raise TypeError(f"{key} is not in {' or '.join(PACKAGES)}; expected code of this project.")
        return [_reached(root, key), inner]
    if isinstance(thing, Path):
        return _bytes(thing, thing.stat().st_mtime_ns)
    if isinstance(thing, Mapping):
        return [[name, _content(value)] for name, value in thing.items()]
    if isinstance(thing, list | tuple):
        return [_content(value) for value in thing]
    return thing


@cache
def _bytes(file: Path, _changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


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
    """What a module's top level binds: names to statements of its own, or to what they are imported from, "module:name"."""

    package: str | None = None
    definitions: dict[str, list[ast.stmt]] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)


@cache
def _reached(root: Path, start: Key) -> str:
    """Return a digest of all code that is reached from a definition; where it lies and what it is called is left out."""
    met, digested = [start], hashlib.sha256()  # met grows while it is walked through
    numbers = {start: 0}
    for key in met:
        text, keys = _read(root, key)
        for other in keys:
            if numbers.setdefault(other, len(met)) == len(met):
                met.append(other)
        digested.update(f"{text}{[numbers[other] for other in keys]}".encode())
    return digested.hexdigest()


@cache
def _read(root: Path, key: Key) -> tuple[str, list[Key]]:
    """Return a definition as text, and the definitions that it refers to, in their order in it."""
    reading = _Reading(root, key)
    return repr(reading.whole()), reading.keys


class _Reading:
    """One definition as nested tuples, in which ``@`` stands for each definition that it refers to."""

    def __init__(self, root: Path, key: Key) -> None:
        self.root, self.key = root, key
        self.keys: list[Key] = []
        self.home = _module(root, key.module)
        self.scopes: list[set[str]] = []
        self.imports: dict[str, str] = {}

    def whole(self) -> Any:
        if not self.key.name:
            names = sorted({*self.home.definitions, *self.home.imports})
            return [(name, self._resolve(ast.Name(name))) for name in names]
        statements = self.home.definitions.get(self.key.name, [])
        self.imports = dict(_imported(chain.from_iterable(map(ast.walk, statements)), self.home.package))
        also = self.home.imports.get(self.key.name)  # of an import that is changed, or replaced where it fails
        return [self._found(also, []) if also else None, *map(self._text, statements)]

    def _text(self, node: Any) -> Any:
        if isinstance(node, list):
            return tuple(self._text(n) for n in node if not _counts_for_nothing(n))
        if not isinstance(node, ast.AST):
            return repr(node)
        if isinstance(node, ast.Name | ast.Attribute) and (found := self._resolve(node)) is not None:
            return found
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            node = ast.Assign([node.target], node.value)
        if isinstance(node, (ast.ClassDef, *_SCOPES)):
            return self._scope(node)
        return "Raise" if isinstance(node, ast.Raise) and _refuses(node) else self._fields(node)

    def _fields(self, node: ast.AST, *without: str) -> Any:
        parts = [(n, v) for n, v in ast.iter_fields(node) if n not in {*_OUTSIDE, *_NOTHING, *without}]
        return type(node).__name__, *((name, self._text(value)) for name, value in parts if value not in (None, []))

    def _scope(self, node: Any) -> Any:
        """Read a function, class or comprehension, in which names may hide those of the module."""
        parts = node, getattr(node, "args", None)
        outside = [self._text(getattr(part, name, [])) for part in parts for name in sorted(_OUTSIDE)]
        outside += [self._text(first.iter) for first in getattr(node, "generators", [])[:1]]
        if isinstance(node, ast.ClassDef):  # the fields of a data class
            outside += [ast.unparse(n.target) for n in node.body if isinstance(n, ast.AnnAssign)]
        itself = not self.scopes and getattr(node, "name", None) == self.key.name
        self.scopes.append(_bound(node))
        inside = self._fields(node, "name") if itself else self._fields(node)
        self.scopes.pop()
        return outside, inside

    def _resolve(self, node: ast.expr) -> Any:
        """Return what a name, or a dotted one, stands for, if that is a definition, a module or an import."""
        first, *rest = ast.unparse(node).split(".")
        if not all(map(str.isidentifier, [first, *rest])):
            return None
        if first in self.imports:
            return self._found(self.imports[first], rest)
        if any(first in scope for scope in self.scopes) or first not in {**self.home.definitions, **self.home.imports}:
            return None
        return self._found(self.key.module, [first, *rest])

    def _found(self, start: str, names: list[str]) -> Any:
        key, rest = _find(self.root, start, names)
        self.keys += [key] if isinstance(key, Key) else []
        return ("@", rest) if isinstance(key, Key) else ("outside", key)


def _find(root: Path, start: str, names: list[str]) -> tuple[Key | str, list[str]]:
    """Follow names from a module on, or from "module:name", through all re-exports.

    Returns:
        The definition or module that they lead to, or the dotted name of what lies outside, and the names that are left.
    """
    name, _, first = start.partition(":")
    names = [first, *names] if first else names
    while names:
        module, (part, *names) = _module(root, name), names
        if part in module.definitions:
            return Key(name, part), names
        if module.imports.get(part, f"{name}:{part}") != f"{name}:{part}":
            return _find(root, module.imports[part], names)
        name = f"{name}.{part}"
    return name if _module(root, name).package is None else Key(name, ""), []


@cache
def _module(root: Path, name: str) -> Module:
    """Read a module of the project; one without anything, of no package, if there is none of that name."""
    base = root.joinpath(*name.split("."))
    file = next((f for f in (base / "__init__.py", base.with_suffix(".py")) if f.is_file()), None)
    if file is None or (root == ROOT and name.split(".")[0] not in PACKAGES):
        return Module()
    module = Module(name if file.name == "__init__.py" else name.rpartition(".")[0])
    for statement in ast.parse(file.read_text(encoding="utf-8")).body:
        parts = ast.walk(statement) if isinstance(statement, ast.If | ast.Try | ast.With) else [statement]
        module.imports |= dict(_imported(parts, module.package))
        for bound in _stored(statement):
            module.definitions.setdefault(bound, []).append(statement)
    return module


def _imported(nodes: Iterable[ast.AST], package: str | None) -> Iterator[tuple[str, str]]:
    """Yield (name, what it stands for, as "module:name") of all imports among these nodes."""
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name.split(".")[0], alias.name if alias.asname else alias.name.split(".")[0]
        elif isinstance(node, ast.ImportFrom):
            parents = (package or "").split(".")[: -node.level + 1 or None] if node.level else []
            for alias in node.names:
                yield alias.asname or alias.name, ".".join([*parents, *filter(None, [node.module])]) + f":{alias.name}"


def _stored(statement: ast.stmt) -> set[str]:
    """Return the names of the module that a statement of its top level binds, or changes in place."""
    if isinstance(statement, ast.FunctionDef | ast.ClassDef):
        return {statement.name}
    found: set[str] = set()
    for node in () if _counts_for_nothing(statement) else ast.walk(statement):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        called = isinstance(node, ast.Call) and isinstance(statement, ast.Expr)  # such as table.update(...)
        if called or isinstance(getattr(node, "ctx", None), ast.Store):
            target: Any = getattr(node, "func", node)
            while isinstance(target, ast.Attribute | ast.Subscript):
                target = target.value
            found |= {target.id} if isinstance(target, ast.Name) else set()
    return found


def _bound(scope: ast.AST) -> set[str]:
    """Return the names that a function, class or comprehension binds in its own scope; those of a class hide nothing in it."""
    found, of_the_module = set[str](), set[str]()
    waiting = [] if isinstance(scope, ast.ClassDef) else list(ast.iter_child_nodes(scope))
    while waiting:
        match node := waiting.pop():
            case ast.arg(name) | ast.Name(name, ast.Store()) | ast.FunctionDef(name) | ast.ClassDef(name):
                found.add(name)
            case ast.ExceptHandler(_, str(name)) | ast.MatchAs(_, str(name)):
                found.add(name)
            case ast.Global(names):
                of_the_module |= set(names)
        if not isinstance(node, (ast.ClassDef, *_SCOPES)):
            waiting += ast.iter_child_nodes(node)
    return found - of_the_module


def _counts_for_nothing(node: Any) -> bool:
    """Whether a statement changes no result: a docstring, an assertion, an import, or what only refuses."""
    match node:
        case ast.Import() | ast.ImportFrom() | ast.Assert() | ast.AnnAssign(value=None) | ast.Expr(ast.Constant()):
            nothing = True
        case ast.If(orelse=[]):
            nothing = all(isinstance(n, ast.Raise) and _refuses(n) for n in node.body)
        case ast.Expr(ast.Call(called)):
            nothing = ast.unparse(called).rpartition(".")[2].lstrip("_").startswith("check_")
        case _:
            nothing = False
    return nothing and not any(isinstance(n, ast.NamedExpr) for n in ast.walk(node))


def _refuses(node: ast.Raise) -> bool:
    """Whether what is raised is no exception of the project's own, which its code might catch."""
    return getattr(getattr(node.exc, "func", node.exc), "id", None) in {None, *vars(builtins)}
