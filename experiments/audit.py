"""What the claims audit says: how often each sentence of the course held, and its rival. ``python -m experiments claims``."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.claims import CLAIMS, Claim
from experiments.compute import compute
from vislib.course.results import FOLDER, read

if TYPE_CHECKING:
    from pandas import DataFrame

HOLDS = 0.9
"""The least share of variations in which a sentence must hold."""
RIVAL = 0.5
"""Below this share its rival must stay."""


def counted(claims: Sequence[Claim] = CLAIMS, folder: Path = FOLDER) -> "DataFrame":
    """Return a row per claim: id, says, where, rival (what it is), n, held, rival_held (how often), weak, from the tables.

    Raises:
        FileNotFoundError: if one was not computed, with the command that does it.
    """
    import pandas as pd

    rows = []
    for claim in claims:
        cells = read(claim.name, folder)["rows"]
        held, rival = (sum(cell[who] for cell in cells) for who in ("held", "rival"))
        where, below = ", ".join(claim.where), "; ".join(weak(claim, cells))
        rows.append((claim.id, claim.says, where, claim.rival, len(cells), held, rival, below))
    return pd.DataFrame(rows, columns=["id", "says", "where", "rival", "n", "held", "rival_held", "weak"])


def weak(claim: Claim, cells: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the choices with which alone, in three variations or more, a claim would fail: what a sum over all hides."""
    found = []
    for name, choices in claim.over.items():
        for choice in choices:
            some = [cell for cell in cells if cell[name] == choice]
            held, rival = (sum(cell[who] for cell in some) for who in ("held", "rival"))
            if 3 <= len(some) < len(cells) and (held < HOLDS * len(some) or rival >= RIVAL * len(some)):
                found.append(f"{name} {choice}: {held} of {len(some)}, rival {rival}")
    return found


def weakest_first(table: "DataFrame") -> "DataFrame":
    """Return the rows by how much more often a sentence held than its rival."""
    return table.iloc[((table.held - table.rival_held) / table.n).argsort(kind="stable")]


def told(table: "DataFrame") -> list[str]:
    """Return a line per claim, the weakest first: in how many variations it held, and its rival; and where it is `weak`."""
    return [
        f"{row.id}: held {row.held} of {row.n}, rival {row.rival_held} of {row.n} ({row.rival})  {row.says}"
        + (f"  [{row.weak}]" if row.weak else "")
        for row in weakest_first(table).itertuples()
    ]


def fails(table: "DataFrame") -> list[str]:
    """Return the ids of claims that do not hold in nearly all variations, or whose rival does not fail in most."""
    bad = (table.held < HOLDS * table.n) | (table.rival_held >= RIVAL * table.n)
    return list(table.id[bad])


def audit(
    claims: Sequence[Claim] = CLAIMS, folder: Path = FOLDER, *, anew: bool = False, jobs: int = -1
) -> "DataFrame":
    """Compute what is missing, a claim per core; each variation is on disk as soon as it is there. Return `counted`.

    Args:
        claims: which ones.
        folder: where the tables are.
        anew: forget what is stored.
        jobs: how many at a time; -1: as many as there are cores.
    """
    import joblib

    if anew:
        for claim in claims:
            (folder / f"{claim.name}.json").unlink(missing_ok=True)
    joblib.Parallel(n_jobs=jobs)(joblib.delayed(compute)(claim.name, folder) for claim in claims)
    return counted(claims, folder)
