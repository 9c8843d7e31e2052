"""No check of an exercise calls a changed solution right, unless the change makes no difference to anybody."""

import ast
import copy
import importlib
import json
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from vislib.course.verdict import Verdict

ROOT = Path(__file__).parents[1]
SLOW = {"mine", "own_fill", "fraud", "blind", "rival", "better"}
"""Open exercises: their checks measure what is reached, and many answers are right."""

METHODS = {"mean": ("sum", "median"), "sum": ("mean",), "argmin": ("argmax",), "argmax": ("argmin",), "all": ("any",)}
METHODS |= {"any": ("all",), "amax": ("amin",), "amin": ("amax",), "norm": ("sum",)}
OPERATORS: dict[type[ast.AST], type[ast.AST]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.Pow: ast.Mult,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
}

SAME = {
    "inside": {"return positive[mask].sum() / positive.sum()"},
    "kept": {"return (old[:, :, None] == new[:, None, :]).any(1).float().mean().item()"},  # counted from the other side
    "spread": {f"for {i} in range(drops.shape[{n}]):" for i in "ij" for n in (-1, 0, 1)},  # a square map
    "integrate": {"total = torch.zeros_like(start)"},
    "rolled": {"reached = torch.eye(shares.shape[-2])"},
}
"""Changed lines that compute the same, by the name of the function."""


def exercises() -> dict[str, tuple[Callable[[Any], Verdict], str]]:
    """Return, by the name of the function to be written, how it is checked and the solution that the notebook folds away."""
    found = {}
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        cells = ["".join(cell["source"]) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]]
        checks = dict(re.findall(r"^course\.(\w+)\((\w+)", "\n".join(cells), re.M))
        checks = {name: check for check, name in checks.items()}
        module = re.search(r"from vislib\.course import .*?(\w+) as course", "\n".join(cells))
        for code in re.findall(r"<details>.*?```python\n(.*?)```", "\n".join(cells), re.S):
            name = re.findall(r"^def (\w+)", code, re.M)[-1]
            if name in checks and name not in SLOW and module:
                course = importlib.import_module(f"vislib.course.{module[1]}")
                found[name] = getattr(course, checks[name]), code
    return found


def changed(node: ast.AST, names: list[str]) -> Iterator[ast.AST]:
    """Yield what could stand in place of a node: one slip each."""
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if name in names:
            yield from (ast.Name(other, ast.Load()) for other in names if other != name)
            yield from (ast.Constant(0), ast.Constant(1))  # the argument ignored
        case ast.Constant(value=bool() as value):
            yield ast.Constant(not value)
        case ast.Constant(value=int() | float() as value):
            yield from (ast.Constant(value + 1), ast.Constant(value - 1))
        case ast.Call(func=ast.Attribute(value=value, attr=attr)):
            if attr != "item":
                yield value  # the call left out
            for other in METHODS.get(attr, ()):
                call: ast.expr = ast.Call(ast.Attribute(value, other, ast.Load()), node.args, node.keywords)
                named = other == "median" and (node.args or node.keywords)  # which also says where it lies
                yield ast.Attribute(call, "values", ast.Load()) if named else call
        case ast.BinOp(left=left, op=op, right=right):
            yield from (left, right)
            yield from (ast.BinOp(left, OPERATORS[type(op)](), right) for _ in [0] if type(op) in OPERATORS)  # type: ignore[arg-type]
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in OPERATORS:
            yield ast.Compare(left, [OPERATORS[type(op)]()], [right])  # type: ignore[list-item]
        case ast.Subscript(value=value):
            yield value  # all of them


def mutants(code: str) -> Iterator[tuple[str, str]]:
    """Yield (the changed line, the code with it), for each slip at each place."""
    tree = ast.parse(code)
    function = next(node for node in tree.body if isinstance(node, ast.FunctionDef))
    names = [argument.arg for argument in function.args.args]
    whole = ast.unparse(tree).splitlines()
    places = [
        (parent, field, i)
        for parent in ast.walk(tree)
        for field, value in ast.iter_fields(parent)
        for i in (range(len(value)) if isinstance(value, list) else [None])
    ]
    for parent, field, i in places:
        held = getattr(parent, field)
        node = held if i is None else held[i]
        for other in changed(node, names) if isinstance(node, ast.AST) else ():
            setattr(parent, field, other) if i is None else held.__setitem__(i, other)
            new = ast.unparse(ast.fix_missing_locations(tree)).splitlines()
            yield next((line.strip() for line, was in zip(new, whole, strict=False) if line != was), ""), "\n".join(new)
            setattr(parent, field, node) if i is None else held.__setitem__(i, node)


def judged(check: Callable[[Any], Verdict], code: str, name: str) -> str:
    """Return the state that a check gives to some code."""
    space: dict[str, Any] = {"torch": torch, "copy": copy}
    with warnings.catch_warnings(action="ignore", category=SyntaxWarning):
        exec(code, space)
    return check(space[name]).state


EXERCISES = exercises()


def test_all_closed_exercises_are_here() -> None:
    assert len(EXERCISES) >= 16


@pytest.mark.parametrize("name", EXERCISES)
def test_a_slip_is_found(name: str) -> None:
    check, code = EXERCISES[name]
    assert judged(check, code, name) == "right"
    passed = {line for line, slip in mutants(code) if judged(check, slip, name) == "right"}
    assert passed <= SAME.get(name, set())
