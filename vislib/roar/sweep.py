"""A sweep of retrained networks: independent cells, run by joblib, each kept on disk as soon as it is finished.

A cell is named by what decides its accuracy: the library's code, the bytes of the images and of the order of their
pixels, the fresh network's state, and the settings. So an interrupted sweep goes on where it stopped, and a changed one begins anew.
"""

import hashlib
import inspect
import json
import os
import re
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from torch import Tensor, nn

import vislib
from vislib import one_thread
from vislib.data import ImageSet
from vislib.progress import progress_bar
from vislib.roar.removal import Removal, Removed
from vislib.training import accuracy, fit

BuildModel = Callable[[int], nn.Module]
Array = Any  # a NumPy array, which joblib shares between processes, or a tensor on a device
_ONE_AT_A_TIME = threading.Lock()  # threads of one process share its random state and its number of threads


@dataclass(frozen=True)
class Training:
    """How a network is trained, see :func:`vislib.training.fit`."""

    epochs: int = 4
    learning_rate: float = 4e-3
    batch_size: int = 64


@dataclass(frozen=True)
class Sweep(Training):
    """How all networks are trained, and where the cells are computed and kept: the options of `roar`, see there."""

    folder: Path | str | None = None
    jobs: int = -1
    progress: bool = False


class Cell(NamedTuple):
    """One accuracy of the sweep: which network is trained on what."""

    explainer: str
    how: Removal
    seed: int
    key: str


def retrain(build_model: BuildModel, seed: int, how: Removal, training: Training, *data: Array) -> float:
    """Train a fresh network on images without some of their pixels; return its last accuracy on such test images.

    `data` are images and labels for training, those of the test, and the ranks of the pixels of both.
    """
    images, labels, unseen, answers, order, order_unseen = tensors(*data)
    colour = mean_colour(images)
    with _ONE_AT_A_TIME, one_thread(images.device):
        model = build_model(seed)
        fit(model, without(images, labels, order, how, colour), seed=seed, **asdict(training))
        return accuracy(model, without(unseen, answers, order_unseen, how, colour))


def without(images: Tensor, labels: Tensor, ranks: Tensor, how: Removal, colour: Tensor, seed: int = 0) -> ImageSet:
    """Return a labelled set whose images lose their pixels when they are asked for."""
    return ImageSet(cast(Tensor, Removed(images, ranks, how, colour, seed=seed)), labels, ())


def mean_colour(images: Tensor) -> Tensor:
    """Return the mean of each channel, (C, 1, 1)."""
    return images.mean((0, 2, 3))[:, None, None]


def tensors(*arrays: Array) -> tuple[Tensor, ...]:
    """Return tensors, which share the memory of NumPy arrays."""
    return tuple(torch.from_numpy(a) if isinstance(a, np.ndarray) else a for a in arrays)


def arrays(*values: Tensor) -> tuple[Array, ...]:
    """Return what a task is given: NumPy arrays of what is in main memory, and tensors of a device as they are."""
    return tuple(value.detach().numpy() if value.device.type == "cpu" else value for value in values)


# ---- running ----


def run(
    cells: Sequence[Cell], task: Callable[[Cell], tuple[Any, ...]], device: torch.device, how: Sweep
) -> list[dict[str, Any]]:
    """Return what each cell is and its accuracy, by name; those that the folder has are not computed again.

    Args:
        cells: what is asked.
        task: a cell -> the arguments of `retrain`; it is asked only shortly before they are needed.
        device: where the images are. On an accelerator the cells run one after another, with the data resident there.
        how: where the cells are computed and kept.
    """
    import joblib

    rows: list[dict[str, Any]] = [{"explainer": c.explainer, **asdict(c.how), "seed": c.seed} for c in cells]
    for cell, row in zip(cells, rows, strict=True):
        if (payload := read(file(how.folder, cell.key, "cell"))) is not None:
            row["accuracy"] = json.loads(payload)["accuracy"]
    missing = [i for i, row in enumerate(rows) if "accuracy" not in row]
    with progress_bar(len(cells), "retraining", how.progress) as bar:
        bar.update(len(cells) - len(missing))
        if device.type == "cpu":
            parallel = joblib.Parallel(n_jobs=how.jobs, return_as="generator_unordered", mmap_mode="c", batch_size=1)
            finished = parallel(joblib.delayed(_numbered)(i, *task(cells[i])) for i in missing)
        else:
            finished = (_numbered(i, *task(cells[i])) for i in missing)
        for i, value in finished:
            rows[i]["accuracy"] = value
            write(file(how.folder, cells[i].key, "cell"), json.dumps(rows[i]).encode())
            bar.update()
    return rows


def _numbered(number: int, *arguments: Any) -> tuple[int, float]:
    return number, retrain(*arguments)


# ---- names by content ----


def digest(*parts: Any) -> str:
    """Return a hash of tensors and arrays by their values, wherever and however they lie, and of everything else."""
    import joblib

    near = [part.detach().cpu().numpy() if isinstance(part, Tensor) else part for part in parts]
    plain = [np.asarray(part, order="C") if isinstance(part, np.ndarray) else part for part in near]
    return str(joblib.hash(plain, hash_name="sha1"))


@cache
def code() -> str:
    """Return a hash of the library's code: what another version has computed is computed anew."""
    return digest([file.read_text(encoding="utf-8") for file in sorted(Path(vislib.__file__).parent.rglob("*.py"))])


def state(model: nn.Module) -> str:
    """Return a hash of a network: its layers with their settings, how each kind works, its parameters and its buffers."""
    printed = re.sub(r" at 0x\w+", "", repr(model))  # an address is another one each time
    written = []
    for kind in {type(layer) for layer in model.modules()}:
        with suppress(OSError, TypeError):  # what has no source in reach
            written.append(inspect.getsource(kind.forward))
    values = sorted((*model.named_parameters(), *model.named_buffers()), key=lambda pair: pair[0])
    return digest(printed, sorted(written), *(part for name, value in values for part in (name, value)))


# ---- on disk: by hand, since joblib.Memory can neither name a network nor find a flipped bit ----


def write(file: Path | None, payload: bytes) -> None:
    """Write all or nothing, with a hash in the first line."""
    if file is None:
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=file.parent, suffix=".part", delete=False) as half:
        half.write(hashlib.sha256(payload).hexdigest().encode() + b"\n" + payload)
    os.replace(half.name, file)


def read(file: Path | None) -> bytes | None:
    """Return what `write` has written, None where there is nothing; a broken file is named, and counts as nothing."""
    if file is None or not file.exists():
        return None
    head, _, payload = file.read_bytes().partition(b"\n")
    if head != hashlib.sha256(payload).hexdigest().encode():
        warnings.warn(f"{file} is corrupt; what it held is computed again.", stacklevel=2)
        return None
    return payload


def file(folder: Path | str | None, key: str, kind: str) -> Path | None:
    """Return where something is kept that has this key, if anything is."""
    return None if folder is None else Path(folder) / f"{key[:32]}.{kind}"
