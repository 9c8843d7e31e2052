"""Training, as short as it can be: what the course's small networks need, and nothing else."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from vislib._check import check_eval, check_images
from vislib._progress import progress_bar
from vislib.data import ImageSet

Loss = Callable[[Tensor, Tensor], Tensor]
"""(logits (B, K), labels (B,)) -> a scalar."""


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

    Parameters that do not require a gradient stay as they are. The model is left in evaluation mode. The seed fixes the
    order of the images, and dropout; the global random state is left alone.

    Args:
        model: maps pixels (B, C, H, W) to logits (B, K); on the device of the data.
        data: the training set.
        epochs: how often every image is seen.
        learning_rate: at its highest.
        weight_decay: of AdamW.
        batch_size: images per step; the last step of an epoch may have fewer.
        loss: what is made small.
        seed: of the order of the images.
        progress: show a progress bar.

    Returns:
        The mean loss of each epoch.

    Raises:
        ValueError, TypeError: if the images do not fit the model, or nothing can be trained.

    Loshchilov & Hutter 2019, Decoupled Weight Decay Regularization, https://arxiv.org/abs/1711.05101
    Smith & Topin 2019, Super-Convergence, https://arxiv.org/abs/1708.07120
    """
    check_images(model, data.images[:1])
    trainable = [p for p in model.parameters() if p.requires_grad]
    if not trainable:
        raise ValueError(
            "no parameter of the model requires a gradient; expected one that can be trained: model.requires_grad_(True)."
        )
    optimizer = torch.optim.AdamW(trainable, lr=learning_rate, weight_decay=weight_decay)
    steps = epochs * -(-len(data) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, learning_rate, total_steps=max(steps, 1))
    order = torch.Generator().manual_seed(seed)
    history = []
    with _training(model, seed), progress_bar(steps, "training", progress) as bar:
        for _ in range(epochs):
            total = torch.zeros((), device=data.images.device)
            for index in torch.randperm(len(data), generator=order).split(batch_size):
                index = index.to(data.images.device)
                images = data.images[index].contiguous(memory_format=torch.channels_last)
                value = loss(model(images), data.labels[index])
                optimizer.zero_grad(set_to_none=True)
                value.backward()
                optimizer.step()
                schedule.step()
                total += value.detach() * len(index)
                bar.update()
            history.append(float(total.cpu()) / len(data))
    return history


@contextmanager
def _training(model: nn.Module, seed: int) -> Iterator[None]:
    """Put a model into training mode and its weights into the faster memory format; undo both, whatever happens."""
    device = next(model.parameters()).device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)  # for dropout
        model.train().to(memory_format=torch.channels_last)
        try:
            yield
        finally:
            model.eval().to(memory_format=torch.contiguous_format)
            for parameter in model.parameters():
                parameter.grad = None


@torch.no_grad()
def accuracy(model: nn.Module, data: ImageSet, *, batch_size: int = 512) -> float:
    """Return the share of images that the model classifies rightly, in [0, 1]."""
    check_images(model, data.images[:1])
    check_eval(model)
    parts = zip(data.images.split(batch_size), data.labels.split(batch_size), strict=True)
    return sum(int((model(images).argmax(1) == labels).sum()) for images, labels in parts) / len(data)
