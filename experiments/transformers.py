"""Notebook 10: the small transformers, one for each of two tasks on the same pictures."""

from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from experiments import files
from experiments.checkpoints import save
from experiments.recipe import Recipe
from vislib import controls, data, faithfulness, gradients, nets, training
from vislib.attention import attention, attention_relevance, rollout
from vislib.course import networks
from vislib.course import transformers as course
from vislib.data import ImageSet
from vislib.explain import Explainer
from vislib.models import Classifier, checkpoints

EPOCHS = {"object": 16, "texture": 4}
AGAIN = Path(__file__).parent / "weights"  # further trainings, which only claims are asked of
SEEDS = [1, 2, 3, 4]

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


def train(task: str, seed: int = 0, name: str = "", *, as_long_as: str | None = None) -> Classifier:
    """Return a transformer trained on a task; the seed is that of its first weights and of the order of the pictures.

    It sees the pictures as often as its task needs, or as another task does.
    """
    pictures = images(task)
    network = nets.SmallViT(classes=len(pictures.classes), seed=seed)
    model = Classifier(network, classes=pictures.classes, mean=0.5, std=0.25, input_size=64, name=name)
    training.fit(Turned(model), pictures, epochs=EPOCHS[as_long_as or task], learning_rate=2e-3, seed=seed)
    return model.requires_grad_(False)


def weights(network: str, folder: Path | None = None) -> dict[str, float]:
    """Train one of the shipped networks; with a folder, write its checkpoint there; return its accuracy on the test set."""
    task = network.removeprefix("vit_")
    model = train(task, name=network)
    share = training.accuracy(model, images(task, test=True))
    if folder is not None:
        arguments = {"classes": len(model.classes)}
        facts = {"recipe": "python -m experiments weights_transformers", "accuracy": f"{share:.4f}"}
        save(model, arguments, facts, folder)
    return {"accuracy": round(share, 4)}


def again(task: str, seed: int, folder: Path | None = None) -> dict[str, float]:
    """Train a network of the same task once more; with a folder, write its checkpoint there; return its accuracy."""
    model = train(task, seed, name=f"vit_{task}_{seed}")
    share = training.accuracy(model, images(task, test=True))
    if folder is not None:
        facts = {"recipe": "python -m experiments weights_transformers_again", "accuracy": f"{share:.4f}"}
        save(model, {"classes": len(model.classes), "seed": seed}, facts, folder)
    return {"accuracy": round(share, 4)}


@cache
def trained(task: str, seed: int) -> Classifier:
    """Return the transformer of a task by the seed of its training; 0 is the one that ships with the course."""
    if seed == 0:
        return networks.trained(f"vit_{task}", device="cpu")
    return checkpoints.read(f"vit_{task}_{seed}", AGAIN, nets.SmallViT)


def trainings() -> list[Path]:
    """Return the checkpoints that `trained` opens."""
    further = [AGAIN / f"vit_{task}_{seed}.safetensors" for task in EPOCHS for seed in SEEDS]
    return [*files.trained(*(f"vit_{task}" for task in EPOCHS)), *further]


METHODS: dict[str, Explainer] = {
    "attention": attention,
    "rollout": rollout,
    "relevance": attention_relevance,
    "gradient": gradients.gradient,
    "edges": controls.sobel,
    "disc": controls.disc,
}


def compared(training: int, method: str) -> dict[str, float]:
    """Compare a method with random maps on five sets of 36 new pictures.

    Returns:
        times, the share of its maps on the object, as a multiple of the object's share of the picture; random, the area of
        random maps under the curve of deletion; gain, by how much its own lies below that; all means over the sets; and
        better, in how many sets the gain was above 0.02.
    """
    model, times, gains, areas = trained("object", training), [], [], []
    for scenes in range(1, 6):
        pictures = data.shapes(36, seed=100 + scenes, device="cpu")
        assert pictures.masks is not None
        heat, asked = METHODS[method], (model, pictures.images, pictures.labels)
        inside = faithfulness.mass_inside(*asked, heat, pictures.masks).mean()
        times.append(float(inside / pictures.masks.float().mean()))
        own, random = (
            float(faithfulness.deletion(*asked, way, steps=course.STEPS).areas.mean())
            for way in (heat, controls.chance)
        )
        gains.append(random - own)
        areas.append(random)
    return {
        "times": round(sum(times) / 5, 3),
        "random": round(sum(areas) / 5, 4),
        "gain": round(sum(gains) / 5, 4),
        "better": sum(gain > 0.02 for gain in gains),
    }


def brief(seed: int) -> dict[str, float]:
    """Train a network of the object as briefly as those of the texture are trained.

    Returns:
        accuracy, on the test set; even, the object's share of the picture; and block_0 to block_3, the share of each block's
        attention on the object; means over the sets of `compared`.
    """
    model = train("object", seed, as_long_as="texture")
    found: dict[str, list[float]] = {}
    for scenes in range(1, 6):
        pictures = data.shapes(36, seed=100 + scenes, device="cpu")
        assert pictures.masks is not None
        maps = {f"block_{k}": attention(model, pictures.images, pictures.labels, block=k) for k in range(4)}
        maps["even"] = course.even(model, pictures.images, pictures.labels)
        for name, share in course.inside(maps, pictures.masks).items():
            found.setdefault(name, []).append(share)
    share = training.accuracy(model, images("object", test=True))
    return {"accuracy": round(share, 4)} | {name: round(sum(shares) / 5, 4) for name, shares in found.items()}


RECIPES: dict[str, Recipe] = {
    "weights_transformers": Recipe(
        grid={"network": [f"vit_{task}" for task in EPOCHS]},
        cell=weights,
        files=files.SHAPES,
        tolerance=0.02,
        keep={"folder": networks.FOLDER},
    ),
    "weights_transformers_again": Recipe(
        grid={"task": list(EPOCHS), "seed": SEEDS},
        cell=again,
        files=files.SHAPES,
        tolerance=0.02,
        keep={"folder": AGAIN},
    ),
    "transformers_brief": Recipe(grid={"seed": [0, *SEEDS]}, cell=brief, files=files.SHAPES, tolerance=0.1),
    "transformers_again": Recipe(
        grid={"training": [0, *SEEDS], "method": list(METHODS)},
        cell=compared,
        files=[
            *files.SHAPES,
            *files.trained("vit_object"),
            *(AGAIN / f"vit_object_{seed}.safetensors" for seed in SEEDS),
        ],
        tolerance=0.05,
    ),
}
