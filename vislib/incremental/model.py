"""The model that has seen some images: their maps are kept, and copies with a patch pasted in are computed from them."""

import copy
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from vislib.explain import check_batch_size, check_eval, check_images, check_logits
from vislib.fills import windows
from vislib.incremental.graph import Step, refs, steps, trace
from vislib.incremental.rules import Axis, Ints, Local, Move, Window
from vislib.memory import KEPT, halving, largest_activation, pixels_in_flight, positions_in_flight

DENSE_FROM = 0.7  # from this share of a map on, computing all of it is as fast
_TAIL = 64  # answers of the convolutional part that the rest of the network takes together


Compute = Callable[[Ints, Tensor], Tensor]
"""(positions, patches) -> what the head takes, or logits."""


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


class IncrementalModel:
    """A network that has seen some images, and answers quickly for copies of them with a patch pasted in.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K); in evaluation mode. It stays as it is.
        images: the clean images (B, C, H, W), pixels in [0, 1].
        dtype: the floating-point type to compute in, such as ``torch.bfloat16``; None: the model's own.
        batch_size: copies in flight; None chooses by the size of the activations. Halved when memory runs out.
        incremental: False runs the network as it is, in plain batches.
        dense_from: share of a map from which on all of it is computed (None: 0.7); 0 computes whole maps throughout.

    Attributes:
        exact_by: "increments", or "plain batches" for a network that cannot be traced.
        clean: the logits of the clean images (B, K).

    Raises:
        TypeError, ValueError: for images that do not fit, or a model in training mode.

    Nakandala, Kumar & Papakonstantinou 2019, https://doi.org/10.1145/3299869.3319874
    """

    def __init__(
        self,
        model: nn.Module,
        images: Tensor,
        *,
        dtype: torch.dtype | None = None,
        batch_size: int | None = None,
        incremental: bool = True,
        dense_from: float | None = None,
    ) -> None:
        check_images(model, images)
        check_eval(model)
        check_batch_size(batch_size)
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise TypeError(f"dtype is {dtype!r}; expected a floating-point type such as torch.bfloat16, or None.")
        self._dtype = None if dtype == images.dtype else dtype
        self._batch_size = batch_size
        self._dense_from = DENSE_FROM if dense_from is None else dense_from
        self._model = model if self._dtype is None else copy.deepcopy(model).to(self._dtype)
        self._images = images.detach()
        self._steps: list[Step] = []
        self._offsets: dict[tuple[int, int, int], Tensor] = {}
        self._kept: dict[tuple[int, float], tuple[Tensor, int, int, int, int]] = {}
        self.clean = self._plain_answer(self._images)
        if incremental:
            with suppress(Exception):  # the reader's own code runs while it is traced, and may raise anything
                self._steps = steps(*trace(model, self._dtype), self._input(self._images[:1]))
        if self._steps and not _agree(self._steps[-1].value, self.clean[:1], self._dtype):
            self._steps = []
        if self._steps:
            self._kept_for = (0, 1)  # the images, from where and how many, whose maps are kept at present
            self._plan()
        else:
            with torch.no_grad():
                self._largest = largest_activation(self._model, self._cast(self._images[:1]))

    @property
    def exact_by(self) -> str:
        return "increments" if self._steps else "plain batches"

    def run(self, patches: Tensor, rows: Tensor, cols: Tensor, index: Tensor | None = None) -> Tensor:
        """Return the logits (N, K) for N copies, each with a patch pasted in.

        Args:
            patches: what to put in (N, C, h, w), pixels.
            rows, cols: int (N,), the row and column of each patch's top left pixel.
            index: int (N,), which image each patch goes into; None: the only one.

        Raises:
            TypeError, ValueError: for patches that do not fit the images, or positions outside of them.
        """
        top, left, which = self._check(patches, rows, cols, index)
        answers = self.clean.new_empty(len(patches), self.clean.shape[1])
        size = patches.shape[-2:]
        for positions, logits in self.stream(lambda chosen: patches[chosen], (size[0], size[1]), top, left, which):
            answers[positions] = logits
        return answers

    @torch.no_grad()
    def stream(
        self, patches: Callable[[Tensor], Tensor], size: tuple[int, int], rows: Ints, cols: Ints, index: Ints
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (positions (n,), logits (n, K)) in an order that is fast, with bounded memory.

        `patches` is asked for the patches (n, C, h, w) of some positions, an int tensor (n,) on the images' device.
        """

        device = self._images.device
        at = [torch.from_numpy(a).to(device) for a in (index, rows, cols)]

        def attempt(positions: Ints, compute: Compute) -> list[tuple[Tensor, Tensor]]:
            chosen = torch.from_numpy(positions).to(device)
            under = patches(chosen)
            b, top, left = (a[chosen] for a in at)
            changed = (under != windows(self._images, b, top, left, size)).flatten(1).any(1)
            where = changed.cpu().numpy()
            if not where.all():  # a patch that changes nothing leaves exactly the clean answer
                same.append(chosen[~changed])
            if not where.any():
                return []
            return [(chosen[changed], compute(positions[where], under[changed]))]

        same: list[Tensor] = []
        waiting: list[tuple[Tensor, Tensor]] = []
        for positions, limit, compute in self._work(size, rows, cols, index):
            for done in halving(positions, limit, partial(attempt, compute=compute)):
                waiting.append(done)
                if sum(len(p) for p, _ in waiting) >= _TAIL:
                    yield self._finish(waiting)
                    waiting = []
        if waiting:
            yield self._finish(waiting)
        for unchanged in same:
            yield unchanged, self.clean[at[0][unchanged]]

    def _work(self, size: tuple[int, int], rows: Ints, cols: Ints, index: Ints) -> Iterator[tuple[Ints, int, Compute]]:
        """Yield positions that belong together, how many to take at once, and how to compute (positions, patches)."""
        if not self._steps:
            limit = self._batch_size or positions_in_flight(self._largest)
            yield np.arange(len(rows)), limit, lambda p, under: self._plain(under, rows[p], cols[p], index[p])
            return
        together = self._images_at_once()
        for start in range(0, len(self._images), together):
            here = np.flatnonzero((index >= start) & (index < start + together))
            if len(here):
                self._see(start, together)
                for group in self._groups(size, rows[here], cols[here]):
                    limit = self._batch_size or positions_in_flight(self._bytes(group))
                    within = np.empty(len(rows), np.int64)
                    within[here[group.positions]] = np.arange(len(group.positions))
                    compute = partial(self._part, group=group, within=within, index=index - start)
                    yield here[group.positions], limit, compute

    # ------------------------------------------------------------------------------------------------ preparation

    def _cast(self, images: Tensor) -> Tensor:
        return images if self._dtype is None else images.to(self._dtype)

    def _input(self, images: Tensor) -> Tensor:
        return self._cast(images).contiguous(memory_format=torch.channels_last)

    def _see(self, start: int, count: int) -> None:
        """Keep the clean maps of images[start : start + count], in place of others."""
        images = self._images[start : start + count]
        if (start, len(images)) == self._kept_for:
            return
        self._kept, self._kept_for = {}, (start, len(images))
        self._steps[0].value = self._input(images)
        for step in self._steps[1:]:
            step.value = step(lambda i: self._steps[i].value)

    def _images_at_once(self) -> int:
        """Return how many images to look at together, so that what is kept of them stays small."""
        values = [s.value for s in self._steps if isinstance(s.value, Tensor)]
        kept = sum(v.numel() * v.element_size() for v in values) // self._kept_for[1]
        return max(min(self._batch_size or len(self._images), KEPT // max(kept, 1), len(self._images)), 1)

    def _plan(self) -> None:
        """Find out once what depends on nothing but the network and the size of the images."""
        self._maps = [
            [r.step for r in refs((s.rule.args, s.rule.kwargs)) if r.is_map]
            if isinstance(s.rule, Local)
            else ([] if s.rule is None else [s.rule.x.step])
            for s in self._steps
        ]
        self._overhang: dict[tuple[int, float], tuple[int, int, int, int]] = {}
        for step in self._steps:
            if isinstance(step.rule, Window):
                key, rule = (step.rule.x.step, step.rule.pad), step.rule
                sides = []
                for axis, dim in ((rule.rows, -2), (rule.cols, -1)):
                    first, length = axis.seen(np.zeros(1, np.int64), step.value.shape[dim])
                    behind = int(first[0]) + length - self._steps[key[0]].value.shape[dim]
                    sides += [axis.before, max(behind, 0)]
                before = self._overhang.get(key, (0, 0, 0, 0))
                top, bottom, left, right = (max(a, b) for a, b in zip(sides, before, strict=True))
                self._overhang[key] = (top, bottom, left, right)
        # Behind this step a single matrix (B, D) is all that is left: the head, which likes large batches.
        self._cut = len(self._steps) - 1
        for i in range(len(self._steps) - 1, 0, -1):
            value, later = self._steps[i].value, {r for s in self._steps[i + 1 :] for r in s.reads if r <= i}
            if later <= {i} and isinstance(value, Tensor) and value.ndim == 2 and len(value) == 1:
                self._cut = i

    def _groups(self, size: tuple[int, int], rows: Ints, cols: Ints) -> list[Group]:
        """Sort positions into groups, so that the common size of their rectangles wastes little."""
        tops, row_of = np.unique(rows, return_inverse=True)
        lefts, col_of = np.unique(cols, return_inverse=True)
        vertical, horizontal = self._reach(tops, size[0], -2), self._reach(lefts, size[1], -1)
        weights = np.array([0.0 if s.rule is None else _cost(s) for s in self._steps])
        groups = []
        for row_bin in _bins(vertical, weights * _mean_size(horizontal)):
            for col_bin in _bins(horizontal, weights * _mean_size(vertical)):
                chosen = np.flatnonzero(np.isin(row_of, row_bin) & np.isin(col_of, col_bin))
                if len(chosen):
                    boxes = self._boxes(vertical, horizontal, row_of[chosen], col_of[chosen])
                    groups.append(Group(chosen, boxes))
        return groups

    def _reach(self, starts: Ints, length: int, dim: int) -> list[tuple[Ints, Ints] | None]:
        """Return for each step which rows (or columns) change, for patches that begin at `starts`."""
        reach: list[tuple[Ints, Ints] | None] = [(starts, starts + length)]
        for step, maps in zip(self._steps[1:], self._maps[1:], strict=True):
            sources = [reach[m] for m in maps]
            if step.rule is None or any(s is None for s in sources):
                reach.append(None)
                continue
            start = np.minimum.reduce([s[0] for s in sources if s])
            stop = np.maximum.reduce([s[1] for s in sources if s])
            if isinstance(step.rule, Window):
                axis: Axis = step.rule.rows if dim == -2 else step.rule.cols
                start, stop = axis.spread(start, stop, step.value.shape[dim])
            elif isinstance(step.rule, Move):
                start, stop = Move.spread(step.rule.rows if dim == -2 else step.rule.cols, start, stop)
            reach.append((start, stop))
        return reach

    def _boxes(self, vertical: Any, horizontal: Any, row: Ints, col: Ints) -> list[Box | None]:
        """Return the rectangles of a group at every step, each as large as the largest of them."""
        boxes: list[Box | None] = []
        for step, maps, down, across in zip(self._steps, self._maps, vertical, horizontal, strict=True):
            if down is None or across is None or any(boxes[m] is None for m in maps):
                boxes.append(None)
                continue
            (top, height), (left, width) = (
                _fit(start[at], stop[at], int(step.value.shape[dim]))
                for (start, stop), at, dim in ((down, row, -2), (across, col, -1))
            )
            share = height * width / (step.value.shape[-2] * step.value.shape[-1])
            dense = share >= self._dense_from and len(boxes) > 0  # the patch itself is never dense
            boxes.append(None if dense else Box(top, left, height, width))
        return boxes

    def _bytes(self, group: Group) -> int:
        """Return the size of the largest activation of one position."""
        sizes = [
            s.value[0].numel() / (1 if b is None else s.value.shape[-2] * s.value.shape[-1] / (b.height * b.width))
            for s, b in zip(self._steps, group.boxes, strict=True)
            if isinstance(s.value, Tensor) and s.value.ndim > 0 and len(s.value)
        ]
        element: int = self._steps[0].value.element_size()
        return int(max(sizes)) * element

    # ------------------------------------------------------------------------------------------------- computation

    def _part(self, positions: Ints, patches: Tensor, *, group: Group, within: Ints, index: Ints) -> Tensor:
        """Carry patches through the network up to the head: (n, C, h, w) -> (n, D)."""
        at = within[positions]
        boxes = [b if b is None else Box(b.top[at], b.left[at], b.height, b.width) for b in group.boxes]
        chunk = _Chunk(self, index[positions], boxes)
        chunk.values[0] = self._input(patches)
        for i, step in enumerate(self._steps[1 : self._cut + 1], 1):
            chunk.values[i] = chunk.compute(step, i)
            for r in step.frees:
                chunk.values.pop(r, None)
                chunk.whole.pop(r, None)
        features: Tensor = chunk.full(self._cut)
        return features

    def _finish(self, waiting: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Run the head on what has come together."""
        positions, features = (torch.cat(parts) for parts in zip(*waiting, strict=True))
        if not self._steps:
            return positions, features.to(self._images.dtype)
        values = {self._cut: features}
        for i, step in enumerate(self._steps[self._cut + 1 :], self._cut + 1):
            values[i] = step(values.__getitem__)
        return positions, values[len(self._steps) - 1].to(self._images.dtype)

    @torch.no_grad()
    def _plain_answer(self, images: Tensor) -> Tensor:
        """Return the network's own logits for clean images (B, K)."""
        answers = []
        for part in images.split(self._batch_size or pixels_in_flight(images[0, 0].numel())):
            logits = self._model(self._cast(part).clone())  # a copy, since some networks change their input
            check_logits(logits, part)
            answers.append(logits.to(images.dtype))
        return torch.cat(answers)

    def _plain(self, patches: Tensor, rows: Ints, cols: Ints, index: Ints) -> Tensor:
        """Run the network itself on covered copies."""
        copies = self._images[torch.from_numpy(index).to(self._images.device)]
        h, w = patches.shape[-2:]
        for copied, patch, top, left in zip(copies, patches, rows.tolist(), cols.tolist(), strict=True):
            copied[:, top : top + h, left : left + w] = patch
        answer: Tensor = self._model(self._cast(copies))
        return answer

    def kept(self, step: int, pad: float) -> tuple[Tensor, int, int, int, int]:
        """Return a clean map, padded for those who read it, as rows of channels (B * H * W, C), with H, W and padding."""
        if (step, pad) not in self._kept:
            value: Tensor = self._steps[step].value
            value = value.flatten(1, -3)
            top, bottom, left, right = self._overhang.get((step, pad), (0, 0, 0, 0))
            if top or bottom or left or right:
                value = F.pad(value, (left, right, top, bottom), value=pad)
            flat = value.permute(0, 2, 3, 1).reshape(-1, value.shape[1])
            self._kept[step, pad] = (flat, value.shape[-2], value.shape[-1], top, left)
        return self._kept[step, pad]

    def offsets(self, height: int, width: int, row: int) -> Tensor:
        """Return where the pixels of a rectangle lie from its first one, (height * width,), in a map with `row` columns."""
        key = (height, width, row)
        if key not in self._offsets:
            within = np.arange(height)[:, None] * row + np.arange(width)
            self._offsets[key] = torch.from_numpy(within.ravel()).to(self._images.device)
        return self._offsets[key]

    def _check(self, patches: Tensor, rows: Tensor, cols: Tensor, index: Tensor | None) -> tuple[Ints, Ints, Ints]:
        """Check the arguments of `run`; return rows, cols and index as arrays."""
        seen = self._images
        if not isinstance(patches, Tensor) or patches.ndim != 4 or patches.shape[1] != seen.shape[1]:
            came = f"shape {tuple(patches.shape)}" if isinstance(patches, Tensor) else f"type {type(patches).__name__}"
            raise ValueError(f"patches has {came}; expected (N, {seen.shape[1]}, h, w).")
        if patches.device != seen.device:
            raise ValueError(
                f"patches is on {patches.device} and images on {seen.device}; expected both on one device."
            )
        if index is None:
            if len(seen) != 1:
                raise ValueError(f"index is None for {len(seen)} images; expected an int tensor of shape (N,).")
            index = torch.zeros(len(patches), dtype=torch.int64)
        h, w = patches.shape[-2:]
        limits = {"rows": seen.shape[-2] - h, "cols": seen.shape[-1] - w, "index": len(seen) - 1}
        arrays = []
        for (name, limit), given in zip(limits.items(), (rows, cols, index), strict=True):
            array = torch.as_tensor(given).cpu().numpy()
            if array.shape != (len(patches),) or array.dtype.kind not in "iu":
                raise ValueError(
                    f"{name} has shape {array.shape} and type {array.dtype}; expected ints of shape ({len(patches)},)."
                )
            if len(array) and not 0 <= array.min() <= array.max() <= limit:
                raise ValueError(f"{name} has values from {array.min()} to {array.max()}; expected 0 to {limit}.")
            arrays.append(array.astype(np.int64))
        return arrays[0], arrays[1], arrays[2]


class _Chunk:
    """Some positions on their way through the network: rectangles while that pays, then whole maps."""

    def __init__(self, model: IncrementalModel, index: Ints, boxes: list[Box | None]) -> None:
        self.model, self.index, self.boxes = model, index, boxes
        self.values: dict[int, Any] = {}  # rectangles where there is a box, else whole results
        self.whole: dict[int, Tensor] = {}  # rectangles pasted into whole maps

    def compute(self, step: Step, i: int) -> Any:
        box = self.boxes[i]
        if step.shape_only:
            return step(self.stand_in)
        if box is None:
            return step(self.full)
        rule = step.rule
        if isinstance(rule, Local):
            return step(lambda s: self.at(s, box))
        if isinstance(rule, Move):
            y, x = (
                rule.rows[box.top[:, None] + np.arange(box.height)],
                rule.cols[box.left[:, None] + np.arange(box.width)],
            )
            result = self.moved(rule.x.step, y, x, rule.pad)
        else:
            assert isinstance(rule, Window)
            top, height = rule.rows.seen(box.top, box.height)
            left, width = rule.cols.seen(box.left, box.width)
            result = rule.part(self.take(rule.x.step, Box(top, left, height, width), rule.pad))
            if rule.scale is not None:
                y, x = box.top[:, None] + np.arange(box.height), box.left[:, None] + np.arange(box.width)
                shares = rule.scale[torch.from_numpy(y[:, :, None]), torch.from_numpy(x[:, None, :])]
                result = result * shares[:, None].to(result)
        return result if step.activation is None else step.activation.fn(result)

    def stand_in(self, step: int) -> Any:
        """Return something with the shape, type and device of a whole result, and no memory."""
        clean = self.model._steps[step].value
        if self.boxes[step] is None or not isinstance(clean, Tensor):
            return self.values[step]
        return clean.new_empty(()).expand(len(self.index), *clean.shape[1:])

    def full(self, step: int) -> Any:
        """Return a whole result."""
        if self.boxes[step] is None:
            return self.values[step]
        if step not in self.whole:
            shape = self.model._steps[step].value.shape[1:]
            zero = np.zeros(len(self.index), np.int64)
            self.whole[step] = self.take(step, Box(zero, zero, shape[-2], shape[-1])).reshape(-1, *shape)
        return self.whole[step]

    def at(self, step: int, box: Box) -> Any:
        """Return the rectangle `box` of a map."""
        own = self.boxes[step]
        if own is None:
            return self.values[step]  # a plain number
        if own[2:] == box[2:] and np.array_equal(own.top, box.top) and np.array_equal(own.left, box.left):
            return self.values[step]
        part = self.take(step, box)
        shape = self.model._steps[step].value.shape
        return part if len(shape) == 4 else part.unflatten(1, shape[1:-2])

    def take(self, step: int, box: Box, pad: float = 0.0) -> Tensor:
        """Return what a map shows in a rectangle (n, C, height, width): the clean map, with what has changed pasted in."""
        flat, rows, cols, before, left = self.model.kept(step, pad)
        first = (self.index * rows + box.top + before) * cols + box.left + left
        offsets = self.model.offsets(box.height, box.width, cols)
        pixels = torch.from_numpy(first).to(flat.device)[:, None] + offsets
        taken = flat.index_select(0, pixels.flatten()).view(len(first), box.height, box.width, -1)
        own = self.boxes[step]
        assert own is not None
        changed = self.values[step].flatten(1, -3).permute(0, 2, 3, 1)
        down, across = own.top - box.top, own.left - box.left
        ends = np.flatnonzero((np.diff(down) != 0) | (np.diff(across) != 0)) + 1
        for start, stop in zip([0, *ends], [*ends, len(first)], strict=True):  # runs of equal places
            y, x = int(down[start]), int(across[start])
            y0, y1 = max(y, 0), min(y + own.height, box.height)
            x0, x1 = max(x, 0), min(x + own.width, box.width)
            if y1 > y0 and x1 > x0:
                taken[start:stop, y0:y1, x0:x1] = changed[start:stop, y0 - y : y1 - y, x0 - x : x1 - x]
        return taken.permute(0, 3, 1, 2)

    def moved(self, step: int, y: Ints, x: Ints, pad: float) -> Tensor:
        """Return the pixels of a map at rows y (n, height) and columns x (n, width), and `pad` where either is -1."""
        flat, rows, cols, before, left = self.model.kept(step, 0.0)
        device = flat.device
        pixel = ((self.index[:, None] * rows + y + before)[:, :, None]) * cols + (x + left)[:, None, :]
        inside = (y >= 0)[:, :, None] & (x >= 0)[:, None, :]
        pixels = torch.from_numpy(np.where(inside, pixel, 0).ravel()).to(device)
        taken = flat.index_select(0, pixels).view(*pixel.shape, -1)
        own = self.boxes[step]
        assert own is not None
        down, across = y - own.top[:, None], x - own.left[:, None]
        fresh = (
            inside & ((down >= 0) & (down < own.height))[:, :, None] & ((across >= 0) & (across < own.width))[:, None]
        )
        n, i, j = np.nonzero(fresh)

        def to(array: NDArray[Any]) -> Tensor:
            return torch.from_numpy(array).to(device)

        changed = self.values[step].permute(0, 2, 3, 1)
        taken[to(n), to(i), to(j)] = changed[to(n), to(down[n, i]), to(across[n, j])]
        taken[to(~inside)] = pad
        return taken.permute(0, 3, 1, 2)


def _fit(start: Ints, stop: Ints, size: int) -> tuple[Ints, int]:
    """Return ranges of one length that hold start ... stop - 1 and lie within the map."""
    length = max(int((stop - start).max()), 1)
    return np.minimum(start, size - length), length


def _cost(step: Step) -> float:
    """Return roughly what one pixel of a step's output costs: multiply-adds, and the way through memory."""
    channels = step.value[0].numel() / (step.value.shape[-2] * step.value.shape[-1])
    work = step.rule.work if isinstance(step.rule, Window) else getattr(step.fn, "work", 1.0)
    return float(channels * (work + 40))


def _mean_size(reach: list[tuple[Ints, Ints] | None]) -> Any:
    return np.array([0.0 if r is None else float((r[1] - r[0]).mean()) for r in reach])


def _bins(reach: list[tuple[Ints, Ints] | None], weights: Any, penalty: float = 0.01) -> list[Ints]:
    """Sort starts into bins of about equal sizes: the cheapest split, when each bin costs `penalty` of the whole."""
    sizes = np.stack([np.zeros(len(reach[0][0])) if r is None else r[1] - r[0] for r in reach])  # type: ignore[index]
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


def _agree(ours: Tensor, theirs: Tensor, dtype: torch.dtype | None) -> bool:
    """Tell whether the steps give the model's own answer; if not, the trace missed something."""
    if ours.shape != theirs.shape:
        return False
    ours = ours.to(theirs.dtype)
    tolerance = {torch.float64: 1e-9, torch.float32: 1e-3}.get(dtype or theirs.dtype, 0.1)
    scale = float(theirs.abs().max().nan_to_num(0.0)) + 1e-30
    return bool(torch.isclose(ours, theirs, rtol=0, atol=tolerance * scale, equal_nan=True).all())
