"""Training, as short as it can be: what the course's small networks need, and nothing else."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from sys import float_info

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib import seeded
from vislib.data import ImageSet
from vislib.explain import answers, check_count, check_images, check_inputs, check_number, check_target, evaluating
from vislib.progress import progress_bar

Loss = Callable[[Tensor, Tensor], Tensor]
"""(logits (B, K), labels (B,)) -> a scalar."""


def _seen(data: ImageSet) -> Tensor:
    """Return the images that are checked: all, or the first of those that are only made when a batch is asked for."""
    return data.images if isinstance(data.images, Tensor) else data.images[:8]


def fit(
    model: nn.Module,
    data: ImageSet,
    *,
    epochs: int = 8,
    learning_rate: float = 4e-3,
    weight_decay: float = 0.01,
    batch_size: int = 64,
    loss: Loss = F.cross_entropy,
    seed: int = 0,
    progress: bool = False,
) -> list[float]:
    """Train a model on labelled images, in place: AdamW, its learning rate going up once and down once.

    Parameters that do not require a gradient stay as they are, and so do the statistics of BatchNorm in a part of the
    network that has no other parameters. The model is left in evaluation mode. The seed fixes the
    order of the images, and dropout; the global random state is left alone.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K); on the device of the data.
        data: the training set.
        epochs: how often every image is seen.
        learning_rate: at its highest.
        weight_decay: of AdamW.
        batch_size: images per step; the last step of an epoch may have fewer, or one more: no image stays alone.
        loss: what is made small.
        seed: of the order of the images.
        progress: show a progress bar.

    Returns:
        The mean loss of each epoch.

    Raises:
        ValueError, TypeError: if images, labels or options do not fit, nothing can be trained, or the loss is not finite.

    Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization, https://arxiv.org/abs/1711.05101
    Smith & Topin 2019, Super-Convergence, https://arxiv.org/abs/1708.07120
    """
    seen = _seen(data)
    check_images(model, seen)
    check_count(epochs, "epochs")
    check_count(batch_size, "batch_size")
    check_number(learning_rate, "learning_rate", "a finite number above 0", float_info.min, float_info.max)
    check_number(weight_decay, "weight_decay", "a finite number of 0 or more", 0, float_info.max)
    if loss is F.cross_entropy:  # which needs a class for every label; another loss may compare other things
        data = replace(data, labels=check_target(seen.new_empty(len(data)), data.labels))
        with torch.no_grad(), evaluating(model):
            answers(model, seen[:8], data.labels.max().expand(len(seen[:8])))
    if not any(p.requires_grad for p in model.parameters()):
        raise ValueError(
            "no parameter of the model requires a gradient; expected one that can be trained: model.requires_grad_(True)."
        )
    steps = int(epochs) * len(_batches(torch.empty(len(data), device="meta"), batch_size))
    order = torch.Generator().manual_seed(int(seed))
    history = []
    with _training(model, seed), progress_bar(steps, "training", progress) as bar:
        trainable = [p for p in model.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trainable, lr=learning_rate, weight_decay=weight_decay)
        cycle = max(steps, 2)  # one of a single step would begin at its end
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=cycle)
        for _ in range(epochs):
            total = torch.zeros((), device=data.images.device)
            for index in _batches(torch.randperm(len(data), generator=order, device="cpu"), batch_size):
                index = index.to(data.images.device)
                images = data.images[index].contiguous(memory_format=torch.channels_last)
                # not by `answers`: the images are copies, and the model may answer whatever the loss takes
                value = loss(model(images), data.labels[index])
                optimizer.zero_grad(set_to_none=True)
                value.backward()
                optimizer.step()
                schedule.step()
                total += value.detach() * len(index)
                bar.update()
            history.append(float(total.cpu()) / len(data))
            if not math.isfinite(history[-1]):
                raise ValueError(
                    f"the loss of epoch {len(history)} is {history[-1]}; expected a finite one: try a lower learning_rate."
                )
    return history


def _batches(order: Tensor, batch_size: int) -> list[Tensor]:
    """Cut an order into batches; an image that were alone in the last one, where BatchNorm cannot see it, joins another."""
    *whole, last = order.split(int(batch_size))
    return [*whole[:-1], torch.cat([whole[-1], last])] if whole and batch_size > len(last) == 1 else [*whole, last]


@contextmanager
def _training(model: nn.Module, seed: int) -> Iterator[None]:
    """Put a model into training mode and its weights into the faster memory format; undo both, whatever happens."""
    with seeded(seed, next(model.parameters()).device), torch.inference_mode(False), torch.enable_grad():
        try:
            model.train().to(memory_format=torch.channels_last)
            for part in model.modules():
                own = list(part.parameters())
                if own and not any(parameter.requires_grad for parameter in own):
                    for layer in part.modules():
                        layer.training = not isinstance(layer, nn.modules.batchnorm._NormBase)
            yield
        finally:
            model.eval().to(memory_format=torch.contiguous_format).zero_grad()


@torch.no_grad()
def accuracy(model: nn.Module, data: ImageSet, *, batch_size: int = 512) -> float:
    """Return the share of images that the model classifies rightly, in [0, 1].

    Raises:
        TypeError, ValueError: if images or labels do not fit the model.
    """
    seen = _seen(data)
    check_inputs(model, seen)
    labels = check_target(seen.new_empty(len(data)), data.labels)
    check_count(batch_size, "batch_size")
    parts = (slice(start, start + batch_size) for start in range(0, len(data), batch_size))
    return sum(int((answers(model, data.images[p]).argmax(1) == labels[p]).sum()) for p in parts) / len(data)
