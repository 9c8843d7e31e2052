"""Stored tables: they fit their recipes, they resume, and a random cell comes out again."""

import os
import random
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from experiments.recipe import Recipe, compute, recompute
from vislib.course import results
from vislib.course.results import read, stored
from vislib.explain import refuses


def _square(x: int, y: int) -> dict[str, float]:
    """Compute."""
    return {"value": x**2 + y}  # a comment


@pytest.fixture
def recipe(monkeypatch: pytest.MonkeyPatch) -> Recipe:
    made = Recipe(grid={"x": [1, 2, 3], "y": [10, 20]}, cell=_square)
    monkeypatch.setattr(results, "recipes", lambda: {"squares": made})
    return made


def test_a_table_has_every_cell(recipe: Recipe, tmp_path: Path) -> None:
    compute("squares", tmp_path)
    table = stored("squares", tmp_path)
    assert table.columns.tolist() == ["x", "y", "value"]
    assert table["value"].tolist() == [11, 21, 14, 24, 19, 29]


def test_an_interrupted_table_goes_on_where_it_stopped(recipe: Recipe, tmp_path: Path, monkeypatch: Any) -> None:
    calls: list[tuple[int, int]] = []

    def fragile(x: int, y: int) -> Mapping[str, float]:
        if len(calls) == 4:
            raise KeyboardInterrupt
        calls.append((x, y))
        return _square(x, y)

    monkeypatch.setattr(Recipe, "hash", lambda self: "same")
    monkeypatch.setattr(results, "recipes", lambda: {"squares": Recipe(recipe.grid, fragile)})
    with pytest.raises(KeyboardInterrupt):
        compute("squares", tmp_path)
    assert len(read("squares", tmp_path)["rows"]) == 4
    monkeypatch.setattr(results, "recipes", lambda: {"squares": recipe})
    compute("squares", tmp_path)
    assert len(calls) == 4
    assert stored("squares", tmp_path)["value"].tolist() == [11, 21, 14, 24, 19, 29]


def test_the_hash_sees_the_code_and_not_the_comments(tmp_path: Path) -> None:
    def one(x: int) -> dict[str, float]:
        return {"value": x}

    same = one

    def one(x: int) -> dict[str, float]:  # type: ignore[no-redef]
        """Say it in words."""
        # the same
        return {"value": x}

    commented = one

    def one(x: int) -> dict[str, float]:  # type: ignore[no-redef]
        return {"value": x + 1}

    changed = one

    @refuses(lambda x: None)
    def one(x: int) -> dict[str, float]:  # type: ignore[no-redef]
        return {"value": x}

    checked = one
    grid = {"x": [1]}
    assert Recipe(grid, same).hash() == Recipe(grid, checked).hash()
    assert Recipe(grid, same).hash() == Recipe(grid, commented).hash()
    assert Recipe(grid, same).hash() != Recipe(grid, changed).hash()
    assert Recipe(grid, same).hash() != Recipe({"x": [2]}, same).hash()
    file = tmp_path / "data"
    hashes = []
    for content in ("a", "b"):
        file.write_text(content)
        hashes.append(Recipe(grid, same, uses=[file]).hash())
    assert hashes[0] != hashes[1]
    assert Recipe(grid, same, uses=[{"epochs": 3}]).hash() != Recipe(grid, same, uses=[{"epochs": 4}]).hash()


def test_a_table_of_another_recipe_is_noticed(recipe: Recipe, tmp_path: Path, monkeypatch: Any) -> None:
    compute("squares", tmp_path)
    other = Recipe(grid=recipe.grid, cell=_square, uses=["changed"])
    monkeypatch.setattr(results, "recipes", lambda: {"squares": other})
    with pytest.warns(UserWarning, match="another version of its recipe; run: python -m vislib results squares"):
        stored("squares", tmp_path)


def test_what_is_not_there_is_explained(recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="run: python -m vislib results squares"):
        stored("squares", tmp_path)
    with pytest.raises(ValueError, match="expected one of squares"):
        stored("cubes", tmp_path)
    compute("squares", tmp_path)
    with pytest.raises(KeyError, match="0 rows"):
        recompute("squares", {"x": 9, "y": 10}, tmp_path)


@pytest.mark.parametrize("name", results.recipes())
def test_no_table_is_stale_or_has_holes(name: str) -> None:
    recipe, content = results.recipes()[name], read(name)
    assert content["hash"] == recipe.hash(), f"run: python -m vislib results {name}"
    assert [{k: row[k] for k in recipe.grid} for row in content["rows"]] == list(recipe.keys())


# Tables of which one cell takes about ten seconds or more; a run computes a cell of one of them.
HEAVY = (
    *("mystery", "patches", "price", "reconstruction_gallery", "reconstruction_ways", "roar_digits"),
    *("roar_digits_masks", "roar_keep", "roar_shapes", "roar_shapes_masks", "roar_twins", "roar_without"),
    *("sanity_edges", "sanity_known", "sanity_labels", "scoreboard", "shortcut"),
    *("weights", "weights_mystery", "weights_taxonomy"),
)


@cache
def _seed() -> int:
    """Return another number in every run, the same in all processes of one; VISLIB_CELL_SEED repeats one."""
    given = os.environ.get("VISLIB_CELL_SEED") or os.environ.get("PYTEST_XDIST_TESTRUNUID", "")
    return int(given, 16) if given else random.SystemRandom().randrange(16**8)


@pytest.mark.slow
@pytest.mark.parametrize("name", results.recipes())
def test_a_random_cell_comes_out_again(name: str) -> None:
    """Another cell in every run, and other tables among the heavy ones; VISLIB_ALL_CELLS=1 leaves none out."""
    seed, recipe = _seed(), results.recipes()[name]
    if name in HEAVY and not os.environ.get("VISLIB_ALL_CELLS") and name != random.Random(seed).choice(HEAVY):
        pytest.skip("a run computes a cell of one heavy table, and this is another; VISLIB_ALL_CELLS=1 leaves none out")
    key = random.Random(seed).choice(list(recipe.keys()))
    row, again = recompute(name, key)
    for column, value in row.items():
        if column not in recipe.grid:
            assert again[column] == pytest.approx(value, abs=recipe.tolerance), (
                f"{column} of {key}; VISLIB_CELL_SEED={seed:x}"
            )


def test_the_command_refuses_an_unknown_name(capsys: pytest.CaptureFixture[str]) -> None:
    from vislib.course.doctor import main

    assert main(["results", "nonsense"]) == 1
    assert "expected one of" in capsys.readouterr().err
