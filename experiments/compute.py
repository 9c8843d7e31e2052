"""Computing tables: what is missing, one cell again, and a few cells again to see that a table still stands."""

import json
import math
import random
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from experiments import RECIPES
from experiments.recipe import Cell, Recipe
from vislib.course.results import FOLDER, read
from vislib.progress import progress_bar


def compute(name: str, folder: Path = FOLDER, *, progress: bool = False) -> Path:
    """Compute the cells that are missing, all of them if the recipe has changed, and write each as soon as it is there.

    Raises:
        ValueError: for an unknown name, with the names that exist.
    """
    recipe = recipe_of(name)
    stamp = recipe.hash()  # of the code that runs, whatever is edited meanwhile
    file = folder / f"{name}.json"
    rows: list[Cell] = []
    if file.exists() and (content := read(name, folder))["hash"] == stamp:
        rows = content["rows"]
    keys = list(recipe.keys())
    done = {json.dumps({k: row[k] for k in recipe.grid}): row for row in rows}
    with progress_bar(len(keys), name, progress) as bar:
        for key in keys:
            if json.dumps(key) not in done:
                done[json.dumps(key)] = _row(recipe, key, recipe.keep)
                write(file, {"hash": stamp}, [done[json.dumps(k)] for k in keys if json.dumps(k) in done])
            bar.update()
    return file


def recompute(name: str, key: Mapping[str, object], folder: Path = FOLDER) -> tuple[Cell, Cell]:
    """Return one row as it is stored and as it comes out now.

    Raises:
        KeyError: if the table has no such cell.
    """
    found = [row for row in read(name, folder)["rows"] if all(row[k] == v for k, v in key.items())]
    if len(found) != 1:
        raise KeyError(f"{len(found)} rows of {name} are {dict(key)}; expected one.")
    return found[0], _row(recipe_of(name), key)


def _row(recipe: Recipe, key: Mapping[str, object], keep: Mapping[str, object] = {}) -> Cell:
    values = recipe.cell(**key, **keep)
    if both := key.keys() & values.keys():
        raise ValueError(f"a cell gives {', '.join(sorted(both))}, as its choices are called; expected other names.")
    return dict(key) | dict(values)


def confirm(name: str, cells: int, folder: Path = FOLDER, *, day: date | None = None) -> float:
    """Compute some cells again, drawn by the date; if all come out as they are stored, stamp the table anew.

    For code that was written in another way and should compute the same. The table then says how many of its cells were
    computed by this code, and by how much they differed at most, which is also returned.

    Raises:
        ValueError: if a value differs by more than the recipe's tolerance, or the table has other cells than the recipe.
    """
    recipe, content, day = recipe_of(name), read(name, folder), day or date.today()
    keys = list(recipe.keys())
    if [{k: row[k] for k in recipe.grid} for row in content["rows"]] != keys:
        raise ValueError(f"{name}.json has other cells than its recipe; run: python -m experiments {name}")
    drawn, furthest = random.Random(f"{name} {day}").sample(keys, min(cells, len(keys))), 0.0
    for key in drawn:
        row, again = recompute(name, key, folder)
        furthest = max(furthest, *(differs(row[column], again[column]) for column in row.keys() - recipe.grid.keys()))
        if furthest > recipe.tolerance:
            raise ValueError(f"{key} of {name} came out as {again}; expected {row}, within {recipe.tolerance}.")
    seen = {"cells": len(drawn), "of": len(keys), "largest difference": furthest, "day": str(day)}
    write(
        folder / f"{name}.json",
        {"hash": recipe.hash(), "computed at": content.get("computed at", content["hash"]), "confirmed": seen},
        content["rows"],
    )
    return furthest


def differs(stored: object, again: object) -> float:
    """Return by how much a value differs from another, or a list of them at most; a verdict, True or False, by infinity."""
    if isinstance(stored, Sequence) and not isinstance(stored, str) and isinstance(again, Sequence):
        return max((differs(a, b) for a, b in zip(stored, again, strict=True)), default=0.0)
    if isinstance(stored, bool) and stored != again:
        return math.inf
    return abs(float(stored) - float(again))  # type: ignore[arg-type]


def recipe_of(name: str) -> Recipe:
    if name not in RECIPES:
        raise ValueError(f"there are no results {name!r}; expected one of {', '.join(RECIPES)}.")
    return RECIPES[name]


def write(file: Path, facts: Mapping[str, object], rows: Sequence[Cell]) -> None:
    """Write all or nothing: an interrupt leaves the old file."""
    file.parent.mkdir(parents=True, exist_ok=True)
    head = ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in facts.items())
    lines = ",\n".join(f"  {json.dumps(row)}" for row in rows)
    half = file.with_suffix(".part")
    half.write_text(f'{{{head}, "rows": [\n{lines}\n]}}\n')
    half.replace(file)
