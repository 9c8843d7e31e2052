"""Which rectangle of each feature map changes, for many patches at once.

A patch's rows and its columns are followed through the network apart. Positions whose rectangles have about the same
sizes are sorted into groups, which are computed together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from vislib.incremental.reach import Window
from vislib.incremental.steps import Step
from vislib.memory import Ints

Reach = Sequence[tuple[Ints, Ints] | None]
"""For each step, which rows (or columns) change, start ... stop - 1 for each patch; None: any of them may."""


class Box(NamedTuple):
    """One rectangle per position, all of one size, in a feature map."""

    top: Ints
    left: Ints
    height: int
    width: int


@dataclass
class Group:
    """Positions whose rectangles have about the same sizes; the boxes are None where whole maps are computed."""

    positions: Ints
    boxes: list[Box | None]

    def at(self, chosen: Ints) -> list[Box | None]:
        """Return the rectangles of some of the positions."""
        return [b if b is None else Box(b.top[chosen], b.left[chosen], b.height, b.width) for b in self.boxes]

    def largest_activation(self, steps: Sequence[Step]) -> int:
        """Return the bytes of the largest activation of one position."""
        sizes = [
            step.value[0].numel() * (1.0 if box is None else box.height * box.width / _area(step))
            for step, box in zip(steps, self.boxes, strict=True)
            if isinstance(step.value, Tensor) and step.value.ndim > 0 and len(step.value)
        ]
        return int(max(sizes) * steps[0].value.element_size())


def groups(steps: Sequence[Step], size: tuple[int, int], rows: Ints, cols: Ints, dense_from: float) -> Iterator[Group]:
    """Yield positions sorted into groups, so that the common size of their rectangles wastes little.

    Args:
        steps: the network.
        size: height and width of the patches, in pixels.
        rows, cols: the patches' top left pixels (N,).
        dense_from: the share of a map from which on all of it is computed.
    """
    tops, row_of = np.unique(rows, return_inverse=True)
    lefts, col_of = np.unique(cols, return_inverse=True)
    vertical, horizontal = reach(steps, tops, size[0], -2), reach(steps, lefts, size[1], -1)
    weights = np.array([0.0 if s.rule is None else _cost(s) for s in steps])
    for row_bin in _bins(vertical, weights * _sizes(horizontal).mean(1)):
        for col_bin in _bins(horizontal, weights * _sizes(vertical).mean(1)):
            chosen = np.flatnonzero(np.isin(row_of, row_bin) & np.isin(col_of, col_bin))
            if len(chosen):
                yield Group(chosen, _boxes(steps, vertical, horizontal, row_of[chosen], col_of[chosen], dense_from))


def reach(steps: Sequence[Step], starts: Ints, length: int, dim: int) -> Reach:
    """Return which rows (`dim` -2) or columns (-1) of each step change, for patches of `length` that begin at `starts`."""
    found: list[tuple[Ints, Ints] | None] = [(starts, starts + length)]
    for step in steps[1:]:
        sources = [r for m in step.maps if (r := found[m]) is not None]
        if step.rule is None or len(sources) < len(step.maps):
            found.append(None)
            continue
        start = np.minimum.reduce([s for s, _ in sources])
        stop = np.maximum.reduce([s for _, s in sources])
        if isinstance(step.rule, Window):
            axis = step.rule.rows if dim == -2 else step.rule.cols
            start, stop = axis.spread(start, stop, step.value.shape[dim])
        found.append((start, stop))
    return found


def _boxes(
    steps: Sequence[Step], vertical: Reach, horizontal: Reach, row: Ints, col: Ints, dense_from: float
) -> list[Box | None]:
    """Return the rectangles of a group at every step, each as large as the largest of them."""
    boxes: list[Box | None] = []
    for step, down, across in zip(steps, vertical, horizontal, strict=True):
        if down is None or across is None or any(boxes[m] is None for m in step.maps):
            boxes.append(None)
            continue
        top, height = _common(down[0][row], down[1][row], step.value.shape[-2])
        left, width = _common(across[0][col], across[1][col], step.value.shape[-1])
        dense = height * width / _area(step) >= dense_from and len(boxes) > 0  # the patch itself is never dense
        boxes.append(None if dense else Box(top, left, height, width))
    return boxes


def _common(start: Ints, stop: Ints, size: int) -> tuple[Ints, int]:
    """Return ranges of one length that hold start ... stop - 1 and lie within the map."""
    length = max(int((stop - start).max()), 1)
    return np.minimum(start, size - length), length


def ruled(steps: Sequence[Step]) -> float:
    """Return the share of the work that operations with a rule have."""
    maps = [s for s in steps if isinstance(s.value, Tensor) and s.value.ndim > 1]
    costs = [_cost(s) * _area(s) for s in maps]
    return sum(c for s, c in zip(maps, costs, strict=True) if s.rule is not None) / sum(costs)


def _area(step: Step) -> int:
    return int(step.value.shape[-2] * step.value.shape[-1])


def _cost(step: Step) -> float:
    """Return roughly what one pixel of a step's output costs: multiply-adds, and the way through memory."""
    return float(step.value[0].numel() / _area(step) * (step.work + 40))


def _sizes(reach: Reach) -> NDArray[np.float64]:
    """Return how many rows (or columns) change: (steps, starts), 0 where any may."""
    assert reach[0] is not None
    return np.stack([np.zeros(len(reach[0][0])) if r is None else (r[1] - r[0]).astype(float) for r in reach])


def _bins(reach: Reach, weights: NDArray[np.float64], penalty: float = 0.01) -> list[Ints]:
    """Sort starts into bins of about equal sizes: the cheapest split, when each bin costs `penalty` of the whole."""
    sizes = _sizes(reach)
    order = np.argsort(weights @ sizes, kind="stable")
    sizes = sizes[:, order]
    n = sizes.shape[1]
    fixed = penalty * float(weights @ sizes.mean(1)) * n
    best, cut = np.full(n + 1, np.inf), np.zeros(n + 1, np.int64)
    best[0] = 0.0
    for start in range(n):
        largest = np.maximum.accumulate(sizes[:, start:], axis=1)
        cost = best[start] + (weights @ largest) * np.arange(1, n - start + 1) + fixed
        better = cost < best[start + 1 :]
        best[start + 1 :][better] = cost[better]
        cut[start + 1 :][better] = start
    bins, end = [], n
    while end > 0:
        bins.append(order[cut[end] : end])
        end = int(cut[end])
    return bins[::-1]
