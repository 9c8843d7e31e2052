"""Notebook 10: the small transformers, one for each of two tasks on the same pictures."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from experiments import files
from experiments.recipe import Recipe
from vislib import data, nets, training
from vislib.course import networks
from vislib.data import ImageSet
from vislib.models import Classifier, checkpoints

EPOCHS = {"object": 16, "texture": 4}

_TURNS: Sequence[Callable[[Tensor], Tensor]] = (lambda x: x.flip(2), lambda x: x.flip(3), lambda x: x.mT)


class Turned(nn.Module):
    """Shows a network every picture mirrored and turned by right angles at random, while it is trained."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Any:
        """Map pixels (B, C, S, S) to the model's answer to one of their eight positions each."""
        for turned in _TURNS if self.training else ():
            chosen = torch.rand(len(images), 1, 1, 1, device=images.device) < 0.5
            images = torch.where(chosen, turned(images), images)
        return self.model(images)


@cache
def images(task: str, *, test: bool = False) -> ImageSet:
    """Return the training or the test set of a task: those of the convolutional networks."""
    n, seed = (2160, 1) if test else (6480, 0)
    return data.shapes(n, seed=seed, label=task, device="cpu")


def train(task: str, seed: int = 0, name: str = "") -> Classifier:
    """Return a transformer trained on a task; the seed is that of its first weights and of the order of the pictures."""
    pictures = images(task)
    network = nets.SmallViT(classes=len(pictures.classes), seed=seed)
    model = Classifier(network, classes=pictures.classes, mean=0.5, std=0.25, input_size=64, name=name)
    training.fit(Turned(model), pictures, epochs=EPOCHS[task], learning_rate=2e-3, seed=seed)
    return model.requires_grad_(False)


def weights(network: str, folder: Path | None = None) -> dict[str, float]:
    """Train one of the shipped networks; with a folder, write its checkpoint there; return its accuracy on the test set."""
    task = network.removeprefix("vit_")
    model = train(task, name=network)
    share = training.accuracy(model, images(task, test=True))
    if folder is not None:
        arguments = {"classes": len(model.classes)}
        facts = {"recipe": "python -m experiments weights_transformers", "accuracy": f"{share:.4f}"}
        checkpoints.save(model, arguments, facts, folder)
    return {"accuracy": round(share, 4)}


RECIPES: dict[str, Recipe] = {
    "weights_transformers": Recipe(
        grid={"network": [f"vit_{task}" for task in EPOCHS]},
        cell=weights,
        files=files.SHAPES,
        tolerance=0.02,
        keep={"folder": networks.FOLDER},
    ),
}
