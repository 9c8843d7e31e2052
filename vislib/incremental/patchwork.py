"""Feature maps of covered images, put together: the clean map, with the rectangle that has changed pasted in."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from vislib.incremental.reach import Window
from vislib.incremental.rectangles import Box
from vislib.incremental.steps import Step
from vislib.memory import Ints


class CleanMaps:
    """The feature maps of some clean images, and how to take rectangles out of them."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self.steps = steps
        self._padded: dict[tuple[int, float], tuple[Tensor, int, int, int, int]] = {}
        self._overhang: dict[tuple[int, float], list[int]] = {}  # left, right, top and bottom, for all that read a map
        for step in steps:
            if isinstance(step.rule, Window):
                key = (step.maps[0], step.rule.pad)
                size, outputs = steps[step.maps[0]].value.shape, step.value.shape
                axes = (step.rule.cols, -1), (step.rule.rows, -2)
                sides = [side for axis, dim in axes for side in axis.overhang(size[dim], outputs[dim])]
                self._overhang[key] = [*map(max, sides, self._overhang.get(key, sides))]

    def see(self, images: Tensor) -> None:
        """Compute the maps of other images."""
        self._padded = {}
        self.steps[0].value = images
        for step in self.steps[1:]:
            step.value = step(lambda i: self.steps[i].value)

    def take(self, step: int, index: Ints, box: Box, pad: float) -> Tensor:
        """Return what the maps of images `index` (n,) show in rectangles, which may reach into the padding: (n, h, w, C)."""
        if (step, pad) not in self._padded:
            value: Tensor = self.steps[step].value
            left, right, top, bottom = self._overhang.get((step, pad), (0, 0, 0, 0))
            if left or right or top or bottom:
                value = F.pad(value, (left, right, top, bottom), value=pad)
            flat = value.permute(0, 2, 3, 1).reshape(-1, value.shape[1])
            self._padded[step, pad] = (flat, value.shape[-2], value.shape[-1], top, left)
        flat, rows, cols, above, before = self._padded[step, pad]
        first = torch.from_numpy((index * rows + box.top + above) * cols + box.left + before).to(flat.device)
        down, across = (torch.arange(side, device=flat.device) for side in box[2:])
        pixels = first[:, None] + (down[:, None] * cols + across).flatten()
        return flat.index_select(0, pixels.flatten()).view(len(index), box.height, box.width, -1)


class Chunk:
    """Some positions on their way through the network: rectangles while that pays, then whole maps."""

    def __init__(self, clean: CleanMaps, index: Ints, boxes: Sequence[Box | None], patches: Tensor) -> None:
        self.clean, self.steps, self.index, self.boxes = clean, clean.steps, index, boxes
        self.values: dict[int, Any] = {0: patches}  # rectangles where there is a box, else whole results
        self.whole: dict[int, Tensor] = {}  # rectangles pasted into whole maps

    def result(self, last: int) -> Tensor:
        """Carry the patches through the network, and return the whole result of its step `last`."""
        for i, step in enumerate(self.steps[1 : last + 1], 1):
            self.values[i] = self._compute(step, self.boxes[i])
            for r in step.frees:
                self.values.pop(r, None)
                self.whole.pop(r, None)
        result: Tensor = self._full(last)
        return result

    def _compute(self, step: Step, box: Box | None) -> Any:
        if step.shape_only:
            return step(self._stand_in)
        if box is None:
            return step(self._full)
        if not isinstance(rule := step.rule, Window):
            return step(lambda s: self._at(s, box))
        top, height = rule.rows.seen(box.top, box.height)
        left, width = rule.cols.seen(box.left, box.width)
        return step.activation.fn(rule.part(self._take(step.maps[0], Box(top, left, height, width), rule.pad)))

    def _stand_in(self, step: int) -> Any:
        """Return something with the shape, type and device of a whole result, and no memory."""
        if self.boxes[step] is None:
            return self.values[step]
        clean = self.steps[step].value
        return clean.new_empty(()).expand(len(self.index), *clean.shape[1:])

    def _full(self, step: int) -> Any:
        """Return a whole result."""
        if self.boxes[step] is None:
            return self.values[step]
        if step not in self.whole:
            zero = np.zeros(len(self.index), np.int64)
            self.whole[step] = self._take(step, Box(zero, zero, *self.steps[step].value.shape[-2:]))
        return self.whole[step]

    def _at(self, step: int, box: Box) -> Any:
        """Return the rectangle `box` of a map."""
        own = self.boxes[step]
        if own is None or (own[2:] == box[2:] and np.array_equal(own[:2], box[:2])):  # a plain number, or just this one
            return self.values[step]
        return self._take(step, box)

    def _take(self, step: int, box: Box, pad: float = 0.0) -> Tensor:
        """Return what a map shows in a rectangle (n, C, height, width): the clean map, with what has changed pasted in."""
        taken = self.clean.take(step, self.index, box, pad)
        own = self.boxes[step]
        assert own is not None
        changed = self.values[step].permute(0, 2, 3, 1)
        down, across = own.top - box.top, own.left - box.left
        ends = np.flatnonzero((np.diff(down) != 0) | (np.diff(across) != 0)) + 1
        for start, stop in zip([0, *ends], [*ends, len(down)], strict=True):  # runs of equal places
            y, x = int(down[start]), int(across[start])
            y0, y1 = max(y, 0), min(y + own.height, box.height)
            x0, x1 = max(x, 0), min(x + own.width, box.width)
            if y1 > y0 and x1 > x0:
                taken[start:stop, y0:y1, x0:x1] = changed[start:stop, y0 - y : y1 - y, x0 - x : x1 - x]
        return taken.permute(0, 3, 1, 2)
