"""A recipe: a grid, a function that computes one cell of it, and the data that the function opens."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from experiments.provenance import digest

Cell = dict[str, Any]


@dataclass(frozen=True)
class Recipe:
    """How a table comes about.

    Args:
        grid: name -> values; a cell of the table is one choice of each.
        cell: computes the values of one cell from that choice, passed by keyword; what else decides them, such as the
            explainers of the table, is bound to it by ``partial``.
        files: the data that it opens: photographs, digits, weights.
        tolerance: by how much a value may differ when it is computed again, on any machine.
        keep: further arguments of `cell` when it is computed for keeps, such as a folder for what it writes.
    """

    grid: Mapping[str, Sequence[Any]]
    cell: Callable[..., Mapping[str, Any]]
    files: Sequence[Path] = ()
    tolerance: float = 1e-6
    keep: Mapping[str, Any] = field(default_factory=dict)

    def keys(self) -> Iterator[Cell]:
        """Return the choices of all cells, in order."""
        for values in itertools.product(*self.grid.values()):
            yield dict(zip(self.grid, values, strict=True))

    def hash(self) -> str:
        """Return what decides the table, as sixteen hex digits, see :mod:`experiments.provenance`."""
        return digest(self.grid, self.cell, self.files)
