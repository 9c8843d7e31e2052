"""The data that recipes open, by what they are needed for; a test watches that no recipe opens others."""

from pathlib import Path

from vislib import models
from vislib.course import networks
from vislib.course.results import FOLDER
from vislib.data import PHOTOS, PhotoFile
from vislib.data.mnist import FILE
from vislib.models import checkpoints

DIGITS = [FILE.file()]
SHAPES = [PhotoFile("skimage", f"data/{texture}.png", "").file() for texture in ("brick", "grass", "gravel")]
PHOTOGRAPHS = [photograph.file() for photograph in PHOTOS.values()]


def pretrained(*names: str) -> list[Path]:
    """Return the weights of ImageNet networks."""
    return [models.weights_file(name) for name in names]


def table(name: str) -> Path:
    """Return a stored table, for claims that are read from it."""
    return FOLDER / f"{name}.json"


def trained(*names: str) -> list[Path]:
    """Return the checkpoints of the course's own networks."""
    folders = {
        name: folder for folder in (checkpoints.FOLDER, networks.FOLDER) for name in checkpoints.available(folder)
    }
    return [folders[name] / f"{name}.safetensors" for name in names]
