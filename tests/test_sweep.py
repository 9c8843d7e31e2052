"""Cells of a sweep: their names by content, what is kept of them, and the order in which they come back."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
import tqdm.auto
from torch import Tensor, nn

from vislib import one_thread
from vislib.roar import sweep
from vislib.roar.removal import Removal
from vislib.roar.sweep import Cell, Sweep, Training, arrays, digest, read, run, state, tensors, write

CPU, ELSEWHERE = torch.device("cpu"), torch.device("meta")


# ---- names by content ----


def test_equal_content_has_one_name_and_different_content_another() -> None:
    grid = torch.arange(6.0).reshape(2, 3)
    assert digest(grid) == digest(grid.clone()) == digest(grid.numpy()) == digest(grid.t().contiguous().t())
    others: list[tuple[Any, ...]] = [
        (grid,),
        (grid.t(),),
        (grid.reshape(3, 2),),
        (grid.double(),),
        (grid.int(),),
        (grid + 1e-6,),
        (grid, grid),
        (),
        ("ab",),
        ("a", "b"),
        (["a", "b"],),
        (1, 2),
        (12,),
        ({"a": 1},),
        ({"a": 1.5},),
        (None,),
    ]
    assert len({digest(*parts) for parts in others}) == len(others)


def test_the_order_of_keys_is_no_part_of_a_name() -> None:
    assert digest({"a": 1, "b": 2}) == digest({"b": 2, "a": 1})
    assert digest(np.zeros((4, 6))[:, ::2]) == digest(np.zeros((4, 3)))


def test_a_network_is_named_by_its_kinds_of_layers_its_parameters_and_its_buffers() -> None:
    def made(last: nn.Module) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), last)

    first = state(made(nn.ReLU()))
    assert state(made(nn.ReLU())) == first
    assert state(made(nn.Tanh())) != first
    for change in ("0.weight", "1.running_mean"):
        other = made(nn.ReLU())
        other.state_dict()[change].add_(0.5)
        assert state(other) != first, change


# ---- on disk ----


def test_what_is_written_is_read_and_nothing_else_lies_there(tmp_path: Path) -> None:
    file = tmp_path / "deep" / "down" / "x.cell"
    assert read(file) is None
    for payload in (b"one\ntwo\n", b"", b"other"):
        write(file, payload)
        assert read(file) == payload
    assert [f.name for f in file.parent.iterdir()] == ["x.cell"]


def test_a_file_that_is_written_again_is_old_until_it_is_new(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "x.cell", b"old")

    def stopped(half: str, whole: Path) -> None:
        assert (Path(half).parent, Path(half).suffix) == (tmp_path, ".part")  # on the same disk, and no cell
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", stopped)
    with pytest.raises(KeyboardInterrupt):
        write(tmp_path / "x.cell", b"new")
    assert read(tmp_path / "x.cell") == b"old"


def test_a_broken_file_is_named_where_it_is_asked_for_and_counts_as_nothing(tmp_path: Path) -> None:
    write(tmp_path / "x", b"abc")
    (tmp_path / "x").write_bytes((tmp_path / "x").read_bytes() + b"d")
    with pytest.warns(UserWarning, match="x is corrupt; what it held is computed again"):
        assert read(tmp_path / "x") is None


# ---- running ----


def cells(n: int) -> list[Cell]:
    return [Cell("mine", Removal(number / 10), number, f"{number:064}"[::-1]) for number in range(n)]


@pytest.fixture
def retrained(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Replace the training by its number over ten, and note which numbers were trained."""
    done: list[int] = []

    def retrain(number: int) -> float:
        done.append(number)
        return number / 10

    monkeypatch.setattr(sweep, "retrain", retrain)
    return done


def ask(some: list[Cell], *, device: torch.device = CPU, folder: Path | None = None, **options: Any) -> list[float]:
    task: Callable[[Cell], tuple[Any, ...]] = options.pop("task", lambda cell: (cell.seed,))
    return accuracies(run(some, task, device, Sweep(folder=folder, jobs=1, **options)))


def accuracies(rows: list[dict[str, Any]]) -> list[float]:
    return [row["accuracy"] for row in rows]


@pytest.mark.parametrize("device", [CPU, ELSEWHERE])
def test_cells_come_back_in_their_order_and_those_that_are_kept_are_not_trained(
    device: torch.device, retrained: list[int], tmp_path: Path
) -> None:
    assert ask(cells(3), device=device, folder=tmp_path) == [0.0, 0.1, 0.2]
    assert retrained == [0, 1, 2]
    assert ask(cells(5)[::-1], device=device, folder=tmp_path) == [0.4, 0.3, 0.2, 0.1, 0.0]
    assert retrained[3:] == [4, 3]


def test_without_a_folder_nothing_is_kept(
    retrained: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ask(cells(2))
    ask(cells(2))
    assert retrained == [0, 1, 0, 1]
    assert not list(tmp_path.iterdir())


def test_on_an_accelerator_each_cell_is_kept_before_the_next_one_is_asked_for(
    retrained: list[int], tmp_path: Path
) -> None:
    kept: list[int] = []

    def task(cell: Cell) -> tuple[int]:
        kept.append(len(list(tmp_path.glob("*.cell"))))
        return (cell.seed,)

    ask(cells(3), device=ELSEWHERE, folder=tmp_path, task=task)
    assert kept == [0, 1, 2]


def test_joblib_is_given_the_jobs_on_the_cpu_and_nothing_on_an_accelerator(
    retrained: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    parallel = joblib.Parallel

    def spy(*, n_jobs: int, **options: Any) -> Any:
        asked.append(n_jobs)
        return parallel(n_jobs=1, **options)

    monkeypatch.setattr(joblib, "Parallel", spy)
    assert accuracies(run(cells(2), lambda cell: (cell.seed,), CPU, Sweep(jobs=7))) == [0.0, 0.1]
    assert accuracies(run(cells(2), lambda cell: (cell.seed,), ELSEWHERE, Sweep(jobs=5))) == [0.0, 0.1]
    assert asked == [7]


def test_processes_share_what_lies_in_main_memory_and_tensors_of_a_device_stay_there() -> None:
    near, far = torch.zeros(2), torch.zeros(2, device=ELSEWHERE)
    array, tensor = arrays(near, far)
    assert isinstance(array, np.ndarray)
    assert tensor is far
    back, same = tensors(array, far)
    back[0] = 1
    assert near[0] == 1
    assert same is far


def test_a_kept_cell_says_what_it_is(retrained: list[int], tmp_path: Path) -> None:
    how = Removal(0.3, keep=True, fill="linear")
    ask([Cell("mine", how, 4, "a" * 64)], folder=tmp_path)
    [file] = tmp_path.iterdir()
    facts = json.loads(read(file) or b"")
    assert facts == {
        "explainer": "mine",
        "fraction": 0.3,
        "keep": True,
        "fill": "linear",
        "mask_only": False,
        "seed": 4,
        "accuracy": 0.4,
    }


@pytest.mark.parametrize("shown", [True, False])
def test_the_bar_counts_what_is_kept_and_what_is_trained(
    shown: bool, retrained: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[Any] = []

    class Bar:
        def __init__(self, *, total: int, disable: bool, **options: Any) -> None:
            steps.append((total, disable))

        def update(self, by: int = 1) -> None:
            steps.append(by)

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *error: Any) -> None:
            pass

    ask(cells(3), folder=tmp_path)
    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    monkeypatch.delenv("CI", raising=False)
    ask(cells(5), folder=tmp_path, progress=shown)
    assert steps == [(5, not shown), 3, 1, 1]


# ---- one thread ----


def test_on_the_cpu_there_is_one_thread_and_afterwards_as_many_as_before() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with contextlib.suppress(KeyError), one_thread(CPU):
            assert torch.get_num_threads() == 1
            raise KeyError
        assert torch.get_num_threads() == 2
        with one_thread(ELSEWHERE):
            assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_network_is_trained_with_one_thread_from_its_seed_and_asked_about_the_test_images() -> None:
    """It answers with the brightness of one pixel, which is told from 0.5 on: of four unseen images, three rightly."""
    threads: list[int] = []

    class Bright(nn.Module):
        def __init__(self, seed: int) -> None:
            super().__init__()
            self.seed, self.weight = seed, nn.Parameter(torch.ones(1))

        def forward(self, images: Tensor) -> Tensor:
            threads.append(torch.get_num_threads())
            shade = images[:, 0, 0, 0] - 0.5
            return torch.stack([-shade, shade], 1) * self.weight

    train, unseen = torch.tensor([0.0, 1.0]), torch.tensor([0.1, 0.9, 0.2, 0.8])
    images = [shades[:, None, None, None].expand(-1, 1, 2, 2).numpy() for shades in (train, unseen)]
    labels = [np.array([0, 1]), np.array([0, 1, 1, 1])]
    ranks = [np.arange(4).reshape(1, 2, 2).repeat(n, 0) for n in (2, 4)]
    given = (images[0], labels[0], images[1], labels[1], *ranks)
    asked: list[int] = []
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        share = sweep.retrain(
            lambda seed: asked.append(seed) or Bright(seed), 7, Removal(0.0), Training(epochs=1), *given
        )
    finally:
        torch.set_num_threads(before)
    assert share == 0.75
    assert asked == [7]
    assert set(threads) == {1}


def test_trainings_are_of_four_epochs_unless_told_otherwise() -> None:
    assert Training() == Training(epochs=4, learning_rate=0.004, batch_size=64)


class _Bent(nn.Module):
    def __init__(self, bend: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.bend = bend

    def extra_repr(self) -> str:
        return f"bend={self.bend}"  # with an address

    def forward(self, images: Tensor) -> Tensor:
        return self.bend(images.flatten(1))


class _Other(_Bent):
    def forward(self, images: Tensor) -> Tensor:
        return self.bend(images.flatten(1)) + 1


_Other.__qualname__ = _Other.__name__ = "_Bent"  # as if its code had been edited


def test_networks_with_other_settings_or_other_code_have_other_names() -> None:
    made = [nn.Dropout(0.1), nn.Dropout(0.5), nn.LeakyReLU(0.1), nn.LeakyReLU(0.2), nn.MaxPool2d(2), nn.MaxPool2d(2, 1)]
    made += [_Bent(torch.relu), _Other(torch.relu)]
    assert len({state(layer) for layer in made}) == len(made)
    assert state(_Bent(lambda x: x)) == state(_Bent(lambda x: x))
