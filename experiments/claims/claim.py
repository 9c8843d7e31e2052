"""The claims audit: each sentence that a reader may repeat, over all that could stand in for its example, beside a rival.

A claim is measured on one *variation* at a time: another photograph, seed, fill, class. On each it is seen whether the
sentence held, and whether it held for the rival too: a random map, noise, an untrained network. A general sentence holds
in nearly all variations and its rival in few; a sentence whose rival passes as well says nothing.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments.recipe import Recipe

Found = dict[str, Any]


@dataclass(frozen=True)
class Claim:
    """A sentence of the course, and what it is measured on.

    Args:
        id: of the cell's metadata, and of the table ``claims/<id>.json``.
        says: the sentence; where it has a scope, the scope stands in it.
        where: a notebook, such as "01_explanation_taxonomy", "card:<id>", "exam:<id>", or "README".
        over: name -> values; a variation is one choice of each.
        measure: variation -> what `found` returns.
        rival: what must not pass the same test.
        files: the data that is opened.
        tolerance: by how much a number may differ on another machine.
    """

    id: str
    says: str
    where: Sequence[str]
    over: Mapping[str, Sequence[Any]]
    measure: Callable[..., Found]
    rival: str
    files: Sequence[Path] = ()
    tolerance: float = 0.02

    @property
    def name(self) -> str:
        """The name of the table."""
        return f"claims/{self.id}"

    @property
    def recipe(self) -> Recipe:
        """How the table comes about: a cell per variation."""
        return Recipe(self.over, self.measure, self.files, self.tolerance)


def found(held: object, rival: object, **numbers: float) -> Found:
    """Return whether the sentence held in a variation, whether it held for the rival, and the numbers that say so."""
    return {"held": bool(held), "rival": bool(rival), **{name: round(float(n), 4) for name, n in numbers.items()}}
