"""Images that arrive with pip packages or are drawn on the spot: nothing is downloaded unless you ask for it."""

from vislib.data.composites import TASKS, shapes
from vislib.data.drawing import COLOURS, OBJECTS, REACH, TEXTURES
from vislib.data.imageset import ImageSet
from vislib.data.mnist import digits, fashion_mnist
from vislib.data.photographs import PHOTOS, PhotoFile, photo

__all__ = [
    "COLOURS",
    "OBJECTS",
    "PHOTOS",
    "REACH",
    "TASKS",
    "TEXTURES",
    "ImageSet",
    "PhotoFile",
    "digits",
    "fashion_mnist",
    "photo",
    "shapes",
]
