"""How the shipped networks come about."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from experiments import files
from experiments.checkpoints import save
from experiments.recipe import Recipe
from vislib import data, nets, training
from vislib.data import ImageSet
from vislib.models import Classifier, checkpoints


@dataclass(frozen=True)
class Training:
    """How one shipped network comes about: its data (training, test), the network's arguments, and those of `fit`."""

    data: Callable[[], tuple[ImageSet, ...]]
    network: Mapping[str, Any]
    fit: Mapping[str, Any]

    def run(self, name: str) -> tuple[Classifier, float]:
        """Train on the CPU; return the network and its accuracy on the test set."""
        train, test = self.data()
        network = nets.SmallCNN(**self.network)
        model = Classifier(
            network, classes=train.classes, mean=0.5, std=0.25, input_size=train.images.shape[-1], name=name
        )
        training.fit(model, train, **self.fit)
        return model.requires_grad_(False), training.accuracy(model, test)


def _digits(invert: bool) -> tuple[ImageSet, ...]:
    digits = data.digits(device="cpu")
    return (replace(digits, images=1 - digits.images) if invert else digits).split(4000)


def _shape_images(label: str) -> tuple[ImageSet, ...]:
    return tuple(data.shapes(n, seed=seed, label=label, device="cpu") for n, seed in ((6480, 0), (2160, 1)))


_GREY = {"channels": 1, "classes": 10, "size": 28, "widths": [16, 32, 32]}

NETWORKS = {
    "digits": Training(lambda: _digits(False), _GREY, {"epochs": 8}),
    "digits_inverted": Training(lambda: _digits(True), _GREY, {"epochs": 8}),
    **{
        f"shapes_{label}": Training(
            lambda label=label: _shape_images(label),  # type: ignore[misc]
            {"classes": len(classes), "widths": [16, 32, 32, 32]},
            {"epochs": 6},
        )
        for label, classes in data.TASKS.items()
    },
}


def weights(network: str, folder: Path | None = None) -> dict[str, float]:
    """Train one network; with a folder, write its checkpoint there; return its accuracy on the test set."""
    model, share = NETWORKS[network].run(network)
    if folder is not None:
        recipe = f"python -m experiments weights, {NETWORKS[network].network}, {NETWORKS[network].fit}"
        facts = {"recipe": recipe, "accuracy": f"{share:.4f}"}
        save(model, NETWORKS[network].network, facts, folder)
    return {"accuracy": round(share, 4)}


RECIPES: dict[str, Recipe] = {
    "weights": Recipe(
        grid={"network": list(NETWORKS)},
        cell=weights,
        files=[*files.DIGITS, *files.SHAPES],
        tolerance=0.02,
        keep={"folder": checkpoints.FOLDER},
    ),
}
