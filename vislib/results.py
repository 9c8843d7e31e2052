"""Heavy results, computed once and kept: tables in ``results/``, each with a hash of all that it depends on.

A recipe is a grid and a function that computes one cell of it. ``python -m vislib results NAME`` computes the cells that
are missing; :func:`stored` opens the table; :func:`recompute` computes one cell again, so that tests can compare.
"""

import ast
import hashlib
import inspect
import itertools
import json
import textwrap
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vislib._check import refuses
from vislib._progress import progress_bar

if TYPE_CHECKING:
    from torch import Tensor

FOLDER = Path(__file__).resolve().parent.parent / "results"

Cell = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """How a table comes about.

    Args:
        grid: name -> values; a cell of the table is one choice of each.
        cell: computes the values of one cell from that choice, passed by keyword.
        uses: what else decides the values: functions, classes and modules by their code, files by their bytes, the rest
            as JSON.
        tolerance: by how much a value may differ when it is computed again, on any machine.
        keep: further arguments of `cell` when it is computed for keeps, such as a folder for what it writes.
    """

    grid: Mapping[str, Sequence[Any]]
    cell: Callable[..., Mapping[str, Any]]
    uses: Sequence[Any] = ()
    tolerance: float = 1e-6
    keep: Mapping[str, Any] = field(default_factory=dict)

    def keys(self) -> Iterator[Cell]:
        """Return the choices of all cells, in order."""
        for values in itertools.product(*self.grid.values()):
            yield dict(zip(self.grid, values, strict=True))

    def hash(self) -> str:
        """Return sixteen hex digits that change when the grid, the code or the data change; comments and checks do not count."""
        parts = [json.dumps({name: list(values) for name, values in self.grid.items()})]
        parts += [_content(thing) for thing in (self.cell, *self.uses)]
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def recipes() -> dict[str, Recipe]:
    """Return every recipe by its name."""
    from vislib import _recipes

    return _recipes.RECIPES


def stored(name: str, folder: Path = FOLDER) -> Any:
    """Return a stored table as a pandas DataFrame: one row per cell, its choices and its values.

    Warns where the code has changed since the table was computed.

    Raises:
        ValueError: for an unknown name, with the names that exist.
        FileNotFoundError: if it has not been computed, with the command that does it.
    """
    import pandas as pd

    recipe, content = _recipe(name), read(name, folder)
    if content["hash"] != recipe.hash():
        warnings.warn(
            f"results/{name}.json was computed by another version of its recipe; run: python -m vislib results {name}",
            stacklevel=2,
        )
    return pd.DataFrame(content["rows"])


def pictures(folder: str, names: Sequence[str]) -> "Tensor":
    """Return pictures that a recipe has kept, (N, 3, H, W), pixels in [0, 1], on the default device.

    Raises:
        FileNotFoundError: if one is not there.
    """
    import numpy as np
    import torch
    from PIL import Image

    from vislib._device import device

    files = [FOLDER / folder / f"{name}.jpg" for name in names]
    if missing := [file.name for file in files if not file.exists()]:
        raise FileNotFoundError(f"results/{folder}/{missing[0]} is not there; run: python -m vislib results")
    arrays = [np.asarray(Image.open(file).convert("RGB"), dtype=np.float32) / 255 for file in files]
    return torch.from_numpy(np.stack(arrays)).permute(0, 3, 1, 2).contiguous().to(device())


def read(name: str, folder: Path = FOLDER) -> dict[str, Any]:
    """Return a results file as it is: its hash and its rows."""
    file = folder / f"{name}.json"
    if not file.exists():
        raise FileNotFoundError(f"results/{name}.json is not there; run: python -m vislib results {name}")
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def compute(name: str, folder: Path = FOLDER, *, progress: bool = False) -> Path:
    """Compute the cells that are missing, all of them if the recipe has changed, and write each as soon as it is there."""
    recipe = _recipe(name)
    digest = recipe.hash()  # of the code that runs, whatever is edited meanwhile
    file = folder / f"{name}.json"
    rows: list[Cell] = []
    if file.exists() and (content := read(name, folder))["hash"] == digest:
        rows = content["rows"]
    keys = list(recipe.keys())
    done = {json.dumps({k: row[k] for k in recipe.grid}): row for row in rows}
    with progress_bar(len(keys), name, progress) as bar:
        for key in keys:
            if json.dumps(key) not in done:
                done[json.dumps(key)] = key | dict(recipe.cell(**key, **recipe.keep))
                _write(file, digest, [done[json.dumps(k)] for k in keys if json.dumps(k) in done])
            bar.update()
    return file


def recompute(name: str, key: Mapping[str, Any], folder: Path = FOLDER) -> tuple[Cell, Cell]:
    """Return one row as it is stored and as it comes out now.

    Raises:
        KeyError: if the table has no such cell.
    """
    recipe = _recipe(name)
    found = [row for row in read(name, folder)["rows"] if all(row[k] == v for k, v in key.items())]
    if len(found) != 1:
        raise KeyError(f"{len(found)} rows of {name} are {dict(key)}; expected one.")
    return found[0], dict(key) | dict(recipe.cell(**key))


def _recipe(name: str) -> Recipe:
    if name not in (known := recipes()):
        raise ValueError(f"there are no results {name!r}; expected one of {', '.join(known)}.")
    return known[name]


def _write(file: Path, digest: str, rows: Sequence[Cell]) -> None:
    """Write all or nothing: an interrupt leaves the old file."""
    file.parent.mkdir(exist_ok=True)
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    half = file.with_suffix(".part")
    half.write_text(f'{{"hash": "{digest}", "rows": [\n{lines}\n]}}\n')
    half.replace(file)


def _content(thing: Any) -> str:
    """Return what a recipe's hash sees of a thing: the bytes of a file, the code of a function, class or module."""
    if isinstance(thing, Path):
        return hashlib.sha256(thing.read_bytes()).hexdigest()
    if not (inspect.isroutine(thing) or inspect.isclass(thing) or inspect.ismodule(thing)):
        return json.dumps(thing, sort_keys=True)
    code = ast.parse(textwrap.dedent(inspect.getsource(thing)))
    for node in ast.walk(code):
        if isinstance(node, ast.FunctionDef):
            node.decorator_list = [decorator for decorator in node.decorator_list if not _is_check(decorator)]
    return repr(_canonical(code))


def _canonical(node: Any) -> Any:
    """Return code as nested tuples that are the same in every version of Python, without comments and docstrings."""
    if isinstance(node, list):
        return tuple(_canonical(n) for n in node if not _is_docstring(n))
    if isinstance(node, ast.AST):
        fields = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []) and name != "kind")
        return type(node).__name__, *((name, _canonical(value)) for name, value in fields)
    return repr(node)


def _is_check(node: ast.expr) -> bool:
    """Whether this is the decorator ``@refuses(...)``: it refuses what does not fit, and changes no result."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == refuses.__name__


def _is_docstring(node: Any) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
