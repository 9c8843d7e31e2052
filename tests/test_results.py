"""Stored tables: they fit their recipes, they resume, a cell comes out again, and a recipe opens the data that it names."""

import json
import math
import os
import random
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from experiments import RECIPES, __main__, compute, provenance
from experiments.recipe import Recipe
from tests.drawn import day
from vislib.course.results import read, stored

ROOT = Path(__file__).resolve().parent.parent
SQUARES = [11, 21, 14, 24, 19, 29]


def square(x: int, y: int) -> dict[str, float]:
    return {"value": x**2 + y}


def wrong(x: int, y: int) -> dict[str, float]:
    return {"value": x**2 + y + (x == 2)}


@pytest.fixture
def recipes(monkeypatch: pytest.MonkeyPatch) -> dict[str, Recipe]:
    """Return the recipes that the commands know in this test: one, "squares", of code that lies here."""
    monkeypatch.setattr(provenance, "PACKAGES", (*provenance.PACKAGES, "tests"))
    known = {"squares": Recipe(grid={"x": [1, 2, 3], "y": [10, 20]}, cell=square)}
    monkeypatch.setattr(compute, "RECIPES", known)
    monkeypatch.setattr(__main__, "RECIPES", known)
    return known


# ---- computing, and going on ----


def test_a_table_has_every_cell(recipes: Any, tmp_path: Path) -> None:
    compute.compute("squares", tmp_path)
    table = stored("squares", tmp_path)
    assert table.columns.tolist() == ["x", "y", "value"]
    assert table["value"].tolist() == SQUARES
    assert read("squares", tmp_path)["hash"] == recipes["squares"].hash()


def test_an_interrupted_table_goes_on_where_it_stopped(recipes: Any, tmp_path: Path, monkeypatch: Any) -> None:
    calls: list[tuple[int, int]] = []

    def fragile(x: int, y: int) -> Mapping[str, float]:
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append((x, y))
        return square(x, y)

    monkeypatch.setattr(Recipe, "hash", lambda self: "same")
    whole, recipes["squares"] = recipes["squares"], Recipe(recipes["squares"].grid, fragile)
    with pytest.raises(KeyboardInterrupt):
        compute.compute("squares", tmp_path)
    assert len(read("squares", tmp_path)["rows"]) == 4
    with pytest.raises(KeyboardInterrupt):  # nothing that is there is computed again
        compute.compute("squares", tmp_path)
    recipes["squares"] = whole
    compute.compute("squares", tmp_path)
    assert calls == [(1, 10), (1, 20), (2, 10), (2, 20)]
    assert stored("squares", tmp_path)["value"].tolist() == SQUARES


def test_a_table_of_other_code_is_computed_anew(recipes: Any, tmp_path: Path) -> None:
    compute.compute("squares", tmp_path)
    recipes["squares"] = Recipe(recipes["squares"].grid, wrong)
    compute.compute("squares", tmp_path)
    assert stored("squares", tmp_path)["value"].tolist() == [11, 21, 15, 25, 19, 29]


def test_a_recipe_keeps_what_its_cells_write_only_when_it_is_computed_for_keeps(recipes: Any, tmp_path: Path) -> None:
    def writing(x: int, y: int, folder: Path | None = None) -> dict[str, float]:
        if folder is not None:
            (folder / f"{x} {y}").touch()
        return square(x, y)

    kept = tmp_path / "kept"
    kept.mkdir()
    recipes["squares"] = Recipe(recipes["squares"].grid, writing, keep={"folder": kept})
    compute.compute("squares", tmp_path)
    assert len(list(kept.iterdir())) == 6
    (kept / "2 10").unlink()
    assert compute.recompute("squares", {"x": 2, "y": 10}, tmp_path)[1]["value"] == 14
    assert not (kept / "2 10").exists()


def test_what_is_not_there_is_explained(recipes: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(FileNotFoundError, match="run: python -m experiments squares"):
        stored("squares", tmp_path)
    with pytest.raises(ValueError, match="expected one of squares"):
        compute.compute("cubes", tmp_path)
    compute.compute("squares", tmp_path)
    recipes["squares"] = Recipe(recipes["squares"].grid, lambda x, y: {"x": x, "value": y})
    with pytest.raises(ValueError, match="a cell gives x, as its choices are called"):
        compute.recompute("squares", {"x": 1, "y": 10}, tmp_path)
    with pytest.raises(KeyError, match="0 rows"):
        compute.recompute("squares", {"x": 9, "y": 10}, tmp_path)
    assert __main__.main(["cubes"]) == 1
    assert "expected one of squares" in capsys.readouterr().err


# ---- the same in other words ----


def test_a_table_that_comes_out_again_is_stamped_anew(recipes: Any, tmp_path: Path) -> None:
    compute.compute("squares", tmp_path)
    before = recipes["squares"].hash()
    recipes["squares"] = Recipe(recipes["squares"].grid, in_other_words)
    assert compute.confirm("squares", 2, tmp_path, day=date(2026, 1, 2)) == 0
    content = read("squares", tmp_path)
    assert content["hash"] == recipes["squares"].hash() != before
    assert content["computed at"] == before
    assert content["confirmed"] == {"cells": 2, "of": 6, "largest difference": 0.0, "day": "2026-01-02"}
    assert [row["value"] for row in content["rows"]] == SQUARES
    compute.confirm("squares", 100, tmp_path)
    assert read("squares", tmp_path)["confirmed"]["cells"] == 6
    assert (
        read("squares", tmp_path)["computed at"] == before
    )  # the code that computed it, however often it is confirmed


def in_other_words(x: int, y: int) -> dict[str, float]:
    return {"value": y + x * x}


def test_a_table_that_comes_out_otherwise_keeps_its_old_stamp(recipes: Any, tmp_path: Path) -> None:
    file = compute.compute("squares", tmp_path)
    before = file.read_text()
    recipes["squares"] = Recipe(recipes["squares"].grid, wrong)
    with pytest.raises(ValueError, match=r"'x': 2, 'y': .0\} of squares came out as .*within 1e-06"):
        compute.confirm("squares", 6, tmp_path)
    assert file.read_text() == before
    recipes["squares"] = Recipe(recipes["squares"].grid, wrong, tolerance=1.0)
    assert compute.confirm("squares", 6, tmp_path) == 1.0


def test_only_a_whole_table_can_be_confirmed(recipes: Any, tmp_path: Path) -> None:
    compute.compute("squares", tmp_path)
    recipes["squares"] = Recipe({"x": [1, 2, 3, 4], "y": [10, 20]}, square)
    with pytest.raises(ValueError, match=r"squares.json has other cells .* run: python -m experiments squares"):
        compute.confirm("squares", 1, tmp_path)


def test_a_difference_is_the_largest_of_a_list() -> None:
    assert compute.differs([1.0, [2, 5]], [1.5, [2, 3]]) == 2
    assert compute.differs([True, 1.0], [True, 1.0]) == 0
    assert compute.differs(True, False) == math.inf  # a tolerance of ten ranks does not forgive another verdict
    with pytest.raises(ValueError, match="shorter"):
        compute.differs([1, 2], [1])


# ---- the tables of the course ----


@pytest.mark.parametrize("name", RECIPES)
def test_no_table_is_stale_or_has_holes(name: str) -> None:
    recipe, content = RECIPES[name], read(name)
    assert content["hash"] == recipe.hash(), f"run: python -m experiments {name}"
    assert [{k: row[k] for k in recipe.grid} for row in content["rows"]] == list(recipe.keys())


def test_reading_imports_no_recipe_and_opens_nothing_but_the_table() -> None:
    script = """
    from vislib.course.results import stored
    opened.clear()
    assert len(stored("roar_digits")) > 100
    """
    opened, modules = _watched(script)
    ours = [file for file in opened if any(file.is_relative_to(ROOT / package) for package in provenance.PACKAGES)]
    assert [file.name for file in ours if file.suffix not in (".py", ".pyc")] == ["roar_digits.json"]
    assert [name for name in modules if name.startswith("experiments")] == []


def test_a_cell_comes_out_again() -> None:
    """One table after the other has its day; networks that are kept train for many minutes, and are left to `slow`."""
    names = [name for name, recipe in RECIPES.items() if not recipe.keep]
    _comes_out_again(names[day().toordinal() % len(names)])


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", RECIPES)
def test_a_cell_of_every_table_comes_out_again(name: str) -> None:
    _comes_out_again(name)


# The checkpoints are opened in Rust, where nobody hears it.
_RUST = """
import safetensors.torch
told = lambda opens: lambda file, *args, **kwargs: opened.append(str(file)) or opens(file, *args, **kwargs)
safetensors.safe_open, safetensors.torch.load_file = told(safetensors.safe_open), told(safetensors.torch.load_file)
"""


def _comes_out_again(name: str) -> None:
    recipe = RECIPES[name]
    key = random.Random(f"{name} {day()}").choice(list(recipe.keys()))
    script = f"""{_RUST}
    from experiments.compute import recompute
    from vislib import data, models  # what they open by themselves decides nothing
    opened.clear()
    said.append(recompute({name!r}, {key!r}))
    """
    said: list[Any] = []
    opened, _ = _watched(script, said)
    [(row, again)] = said
    for column in row.keys() - recipe.grid.keys():
        assert compute.differs(row[column], again[column]) <= recipe.tolerance, f"{column} of {key} on {day()}"
    assert {file for file in opened if _is_data(file)} <= {file.resolve() for file in recipe.files}


def test_a_file_that_a_recipe_does_not_name_is_noticed() -> None:
    script = """
    from vislib import data, models
    models.trained("digits")
    models.load("efficientnet_lite0")
    data.digits()
    data.photo("cat")
    """
    opened, _ = _watched(_RUST + script)
    assert {file.suffix for file in opened if _is_data(file)} == {".safetensors", ".pth", ".gz", ".png"}


def _is_data(file: Path) -> bool:
    """Whether a file is one that decides numbers: weights, digits or a photograph, not a table and not code."""
    places = ("site-packages", str(ROOT / "vislib"))
    return file.suffix in (".safetensors", ".pth", ".pt", ".gz", ".png", ".jpg", ".jpeg", ".tif", ".npz") and any(
        place in str(file) for place in places
    )


def _watched(script: str, said: list[Any] | None = None) -> tuple[set[Path], list[str]]:
    """Run lines in a fresh interpreter; return the files that they opened to read, and the modules that it then had."""
    lines = "\n".join(line.strip() for line in script.strip().splitlines())
    watch = (
        "import json, os, sys\n"
        "opened, said = [], []\n"
        "sys.addaudithook(lambda event, args: event == 'open' and isinstance(args[0], str) and opened.append(args[0]))\n"
        f"{lines}\n"
        "print(json.dumps([[os.path.realpath(file) for file in opened], list(sys.modules), said]))\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])}
    ran = subprocess.run([sys.executable, "-c", watch], capture_output=True, text=True, env=environment, cwd=ROOT)
    assert ran.returncode == 0, ran.stderr
    opened, modules, spoken = json.loads(ran.stdout.splitlines()[-1])
    if said is not None:
        said += spoken
    return {Path(file) for file in opened}, modules
