"""The model that has seen some images: their maps are kept, and copies with a patch pasted in are computed from them."""

import copy
from collections.abc import Callable, Hashable, Iterator
from functools import partial
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor, nn

from vislib import HERE
from vislib.explain import answers, check_batch_size, check_inputs
from vislib.fills import windows
from vislib.incremental.graph import PixelNumberError, UntraceableError, trace
from vislib.incremental.half import warn_if_slower
from vislib.incremental.patchwork import Chunk, CleanMaps
from vislib.incremental.rectangles import Group, groups, ruled
from vislib.incremental.steps import Step, head, steps, version
from vislib.look import check_device, check_logits
from vislib.memory import KEPT, Ints, halving, in_flight, positions_in_flight

_TAIL = 64  # answers of the convolutional part that the rest of the network takes together

Compute = Callable[[Ints, Tensor], Tensor]
"""(which of some positions, their patches) -> what the head takes, or logits."""

_PROVEN: WeakKeyDictionary[nn.Module, dict[Hashable, Hashable]] = WeakKeyDictionary()
"""Models whose steps have given their own answers: size, device and type -> the graph, layers and weights that did."""


class IncrementalModel:
    """A network that has seen some images, and answers quickly for copies of them with a patch pasted in.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K); in evaluation mode. It stays as it is.
        images: the clean images (B, C, H, W), pixels in [0, 1].
        dtype: the floating-point type to compute in, such as ``torch.bfloat16``; None: the model's own. A warning tells
            where half precision takes longer.
        batch_size: copies in flight; None chooses by the size of the activations. Halved when memory runs out.
        incremental: False runs the network as it is, in plain batches; one copy at a time, where what else is in a batch
            has a part in its answer.
        dense_from: share of a map from which on all of it is computed, which is then as fast; 0 computes whole maps
            throughout.

    Attributes:
        exact_by: "increments"; "whole maps" where most of the work has no rule; "plain batches" for a network that cannot be traced.
        why: the reason, where it is not increments; else None.
        clean: the logits of the clean images (B, K).

    Raises:
        TypeError, ValueError: for images that do not fit, a model in training mode, or, later on, changed weights.

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
        dense_from: float = 0.7,
    ) -> None:
        check_inputs(model, images)
        check_batch_size(batch_size)
        if dtype is not None and not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
            raise TypeError(f"dtype is {dtype!r}; expected a floating-point type such as torch.bfloat16, or None.")
        self._dtype = dtype or images.dtype
        self._batch_size = batch_size
        self._dense_from = dense_from
        self._given, self._proven = model, _PROVEN.setdefault(model, {})
        self._kind = (images.shape[1:], images.device, self._dtype)
        self._model = model if self._dtype == images.dtype else _copy(model, self._dtype)
        self._images = images.detach().clone()  # what happens to the caller's later is none of our business
        self._wide = torch.promote_types(images.dtype, torch.float32)
        self._steps: list[Step] = []
        self._head = -1  # of no steps: logits are what there is
        self.why: str | None = None
        self._attempt(self._trace)
        if not incremental:
            self._steps, self.why = [], "incremental is False"
        self._ask()
        if self._steps:
            self._attempt(self._prove)
            if not self._steps:
                self._ask()
        if self._dtype.itemsize == 2 < images.element_size():
            some = self._images[:1].expand(min(self._batch_size or 4, 4), -1, -1, -1)
            warn_if_slower(model, self._model, some, self._dtype)
        self._weights = _versions(self._model)

    def _ask(self) -> None:
        """Ask about the clean images, alone if the answers to a batch depend on each other.

        The first says enough of a network whose steps surely treat each image by itself: they answer for the others.
        """
        apart = bool(self._steps) and all(step.apart for step in self._steps)
        if not apart and self._batch_size != 1 and self._mixes():
            self._batch_size = 1
        self._look = not apart or any(module.training for module in self._model.modules())
        if self._look or self._proven.get(self._kind) != self._decides:
            self.clean = self._plain_answer(self._images if self._look else self._images[:1], self._look)

    def _attempt(self, work: Callable[[], None]) -> None:
        """Do something towards increments; where it fails, there will be plain batches."""
        try:
            work()
        except Exception as error:  # the reader's own code runs while it is traced, and may raise anything
            self._steps, self.why = [], f"{type(error).__name__}: {error}".partition("\n")[0].partition(". ")[0]
            if isinstance(error, PixelNumberError):
                self._batch_size = 1

    def _trace(self) -> None:
        root, graph = trace(self._model)
        self._decides = (str(graph), str(self._model), *_versions(self._given))
        self._steps = steps(root, graph, self._input(self._images[:1]))

    @torch.no_grad()
    def _mixes(self) -> bool:
        """Tell whether one image's answer depends on the one beside it; batches of one size round alike.

        Two pairs are asked, since units that are dead for one of them may hide it.
        """
        one = self._images[:1].to(self._dtype)
        noise = torch.rand(one.shape, generator=torch.Generator().manual_seed(0), **HERE).to(one)
        for pair in ((one, 1 - one / 2), (noise, one)):
            try:
                both, ones, others = (
                    answers(self._model, torch.cat(two)) for two in (pair, 2 * pair[:1], 2 * pair[1:])
                )
            except ValueError:
                self._plain_answer(self._images, True)  # which says it of the images themselves, if it is true of them
                raise
            except RuntimeError:  # it takes one image at a time, or there is no memory for two
                return True
            apart, moved = torch.stack([ones[0], others[1]]), ones[0] - others[1]
            if not _agree(both, apart, moved, 16 * torch.finfo(one.dtype).eps):
                return True
        return False

    @torch.no_grad()
    def _prove(self) -> None:
        """Keep the maps of as many images as there is room for; raise unless they give the network's own answers."""
        self._head, self._maps = head(self._steps), CleanMaps(self._steps)
        self._seen: tuple[int, int] | None = (0, 1)  # from where and how many: the images whose maps these are
        values = [s.value for s in self._steps if isinstance(s.value, Tensor)]
        room = KEPT // max(sum(v.numel() * v.element_size() for v in values), 1)
        self._together = max(min(self._batch_size or len(self._images), room, len(self._images)), 1)
        if self._proven.get(self._kind) != self._decides:
            self._compare()
            self._proven[self._kind] = self._decides
        if not self._look:
            starts = range(0, len(self._images), self._together)
            self.clean = torch.cat([self._see(start) for start in starts[::-1]][::-1])  # the first stay, for a stream
            check_logits(self.clean, self._images)
        if (share := ruled(self._steps)) < 0.5:
            self.why = f"{share:.0%} of the work is done in rectangles; the other operations mix space, or have no rule"

    def _compare(self) -> None:
        """Raise unless the steps answer as the network for a clean image, and for two covered copies that go together."""
        sides = self._images.shape[-2:]
        (h, top), (w, left) = ((-(-side // 4), side // 3) for side in sides)
        patch = self._images[:1, :, top : top + h, left : left + w]
        patches = (patch < 0.5).to(patch).expand(2, -1, -1, -1)
        rows, cols, index = np.array([top, 0]), np.array([left, 0]), np.zeros(2, np.int64)
        own = [self._plain(patches[:1], rows[i, None], cols[i, None], index[:1], False) for i in (0, 1)]
        covered = self.run(patches, *map(torch.from_numpy, (rows, cols, index)))
        ours, theirs = torch.cat([self._steps[-1].value[:1].to(covered), covered]), torch.cat([self.clean[:1], *own])
        near = {torch.float64: 1e-6, torch.float32: 1e-2}.get(self._dtype, 1.0)
        if not _agree(ours, theirs, theirs - theirs[0], near, 64 * torch.finfo(self._dtype).eps):
            raise UntraceableError("the steps of the network give another answer than it does")

    @property
    def exact_by(self) -> str:
        return "increments" if self.why is None else "whole maps" if self._steps else "plain batches"

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
        result = self.clean.new_empty(len(patches), self.clean.shape[1])
        h, w = patches.shape[-2:]
        for positions, logits in self.stream(lambda chosen: patches[chosen], (h, w), top, left, which):
            result[positions] = logits
        return result

    @torch.no_grad()
    def stream(
        self, patches: Callable[[Tensor], Tensor], size: tuple[int, int], rows: Ints, cols: Ints, index: Ints
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield (positions (n,), logits (n, K)) in an order that is fast, with bounded memory.

        `patches` is asked for the patches (n, C, h, w) of some positions, an int tensor (n,) on the images' device.
        """
        if hasattr(self, "_weights") and self._weights != _versions(self._model):
            raise ValueError("the model's weights have changed meanwhile; expected a new IncrementalModel.")
        device = self._images.device
        at = [torch.from_numpy(a).to(device) for a in (index, rows, cols)]

        def attempt(some: Ints, positions: Ints, compute: Compute) -> list[tuple[Tensor, Tensor]]:
            chosen = torch.from_numpy(positions[some]).to(device)
            under = patches(chosen)
            which, top, left = (a[chosen] for a in at)
            changed = (under != windows(self._images, which, top, left, size)).flatten(1).any(1)
            where = changed.cpu().numpy()
            done = [(chosen[changed], compute(some[where], under[changed]))] if where.any() else []
            if not where.all():  # a patch that changes nothing leaves exactly the clean answer
                same.append(chosen[~changed])
            return done

        same: list[Tensor] = []
        waiting: list[tuple[Tensor, Tensor]] = []
        for positions, limit, compute in self._work(size, rows, cols, index):
            work = partial(attempt, positions=positions, compute=compute)
            for done in halving(np.arange(len(positions)), limit, work):
                waiting.append(done)
                if sum(len(p) for p, _ in waiting) >= min(_TAIL, self._batch_size or _TAIL):
                    yield self._finish(waiting)
                    waiting = []
        if waiting:
            yield self._finish(waiting)
        for unchanged in same:
            yield unchanged, self.clean[at[0][unchanged]]

    def _work(self, size: tuple[int, int], rows: Ints, cols: Ints, index: Ints) -> Iterator[tuple[Ints, int, Compute]]:
        """Yield positions that belong together, how many to take at once, and how to compute some of them."""
        if not self._steps:
            image = self._images[:1].to(self._dtype)
            limit = in_flight(self._model, image, len(rows), self._batch_size)
            yield np.arange(len(rows)), limit, lambda some, x: self._plain(x, rows[some], cols[some], index[some])
            return
        for start in range(0, len(self._images), self._together):
            here = np.flatnonzero((index >= start) & (index < start + self._together))
            if not len(here):
                continue
            self._see(start)
            for group in groups(self._steps, size, rows[here], cols[here], self._dense_from):
                positions = here[group.positions]
                limit = self._batch_size or positions_in_flight(group.largest_activation(self._steps))
                yield positions, limit, partial(self._part, group=group, start=start, index=index[positions] - start)

    def _see(self, start: int) -> Tensor:
        """Keep the clean maps of the images from `start` on, in place of others; return their logits."""
        images = self._images[start : start + self._together]
        if self._seen != (start, len(images)):
            self._seen = None  # until all are there
            self._maps.see(self._input(images))
            self._seen = (start, len(images))
        logits: Tensor = self._steps[-1].value
        return logits.to(self._wide)

    def _part(self, some: Ints, patches: Tensor, *, group: Group, start: int, index: Ints) -> Tensor:
        """Carry patches through the network up to the head: (n, C, h, w) -> (n, D)."""
        self._see(start)  # another stream may have looked at other images in between
        return Chunk(self._maps, index[some], group.at(some), self._input(patches)).result(self._head)

    def _finish(self, waiting: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
        """Run the head on what has come together."""
        positions, features = (torch.cat(parts) for parts in zip(*waiting, strict=True))
        values = {self._head: features}
        for i, step in enumerate(self._steps[self._head + 1 :], self._head + 1):
            values[i] = step(values.__getitem__)
        return positions, values[max(values)].to(self._wide)

    # ---- the network itself ----

    def _input(self, images: Tensor) -> Tensor:
        return images.to(self._dtype, copy=True, memory_format=torch.channels_last)

    @torch.no_grad()
    def _plain_answer(self, images: Tensor, twice: bool) -> Tensor:
        """Return the network's own logits for clean images (B, K)."""
        parts = images.split(in_flight(self._model, images[:1].to(self._dtype), len(images), self._batch_size))
        return torch.cat([answers(self._model, part.to(self._dtype), twice=twice).to(self._wide) for part in parts])

    def _plain(self, patches: Tensor, rows: Ints, cols: Ints, index: Ints, twice: bool = True) -> Tensor:
        """Run the network itself on covered copies."""
        copies = self._images[torch.from_numpy(index).to(self._images.device)]
        h, w = patches.shape[-2:]
        for copied, patch, top, left in zip(copies, patches, rows.tolist(), cols.tolist(), strict=True):
            copied[:, top : top + h, left : left + w] = patch
        return answers(self._model, copies.to(self._dtype), twice=twice).to(self._wide)

    def _check(self, patches: Tensor, rows: Tensor, cols: Tensor, index: Tensor | None) -> tuple[Ints, Ints, Ints]:
        """Check the arguments of `run`; return rows, cols and index as arrays."""
        seen = self._images
        fits = isinstance(patches, Tensor) and patches.ndim == 4 and patches.shape[1] == seen.shape[1]
        if not fits or any(p > side for p, side in zip(patches.shape[-2:], seen.shape[-2:], strict=True)):
            came = f"shape {tuple(patches.shape)}" if isinstance(patches, Tensor) else f"type {type(patches).__name__}"
            raise ValueError(f"patches has {came}; expected (N, {seen.shape[1]}, h, w), no larger than the images.")
        check_device(patches, seen, "patches")
        if index is None:
            if len(seen) != 1:
                raise ValueError(f"index is None for {len(seen)} images; expected an int tensor of shape (N,).")
            index = torch.zeros(len(patches), dtype=torch.int64, device="cpu")
        h, w = patches.shape[-2:]
        limits = {"rows": seen.shape[-2] - h, "cols": seen.shape[-1] - w, "index": len(seen) - 1}
        arrays = []
        for (name, limit), given in zip(limits.items(), (rows, cols, index), strict=True):
            array = torch.as_tensor(given, device="cpu").numpy()
            if array.shape != (len(patches),) or array.dtype.kind not in "iu":
                raise ValueError(
                    f"{name} has shape {array.shape} and type {array.dtype}; expected ints of shape ({len(patches)},)."
                )
            if len(array) and not 0 <= array.min() <= array.max() <= limit:
                raise ValueError(f"{name} has values from {array.min()} to {array.max()}; expected 0 to {limit}.")
            arrays.append(array.astype(np.int64))
        return arrays[0], arrays[1], arrays[2]


def _agree(ours: Tensor, theirs: Tensor, moved: Tensor, share: float, rounding: float = 0) -> bool:
    """Tell whether two answers differ by a share of how far logits move at most; a masked class does not move, or to NaN.

    Beyond that they may differ by a share for rounding, of the largest logit that is no mask.
    """
    eps, sizes = torch.finfo(theirs.dtype).eps, theirs.abs().nan_to_num(0, 0, 0)
    unmasked = sizes[sizes <= 1000 * sizes.quantile(0.25)]
    close = share * moved.abs().nan_to_num(0, 0, 0).max() + rounding * unmasked.max()
    return ours.shape == theirs.shape and bool(torch.isclose(ours, theirs, rtol=16 * eps, atol=float(close)).all())


def _copy(model: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Return a copy that computes in another type."""
    try:
        return copy.deepcopy(model).to(dtype)
    except Exception as error:  # the reader's own code
        raise TypeError(
            f"the {type(model).__name__} cannot be copied, which dtype={dtype} needs ({error}); expected dtype=None."
        ) from error


def _versions(model: nn.Module) -> list[tuple[int, int]]:
    """Return what tells whether weights or buffers have been replaced, or changed in place."""
    return [(id(t), version(t)) for t in (*model.parameters(), *model.buffers())]
