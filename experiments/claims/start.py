"""Notebook 00: the tripod, covered with every fill, in squares of several sizes and whole."""

from collections.abc import Callable
from functools import cache, partial

import torch
from torch import Tensor

from experiments.claims.claim import Claim, Found, found
from experiments.files import PHOTOGRAPHS, pretrained
from vislib import fills, models
from vislib.data.photographs import packaged
from vislib.models import Classifier
from vislib.occlusion import occlusion, occlusion_grid, occlusion_logits

WHERE = "00_start_here"
FILES = [*PHOTOGRAPHS, *pretrained("efficientnet_lite0")]
COVERS = {"legs": (140, 90), "camera and face": (14, 66), "camera and skyline": (0, 124), "coat": (140, 0)}
HEIGHT, WIDTH = 84, 100
PLAIN = [
    "start.plausible",
    "start.control",
    "start.heatmap",
    "start.alibi",
]


@cache
def _photograph() -> tuple[Classifier, Tensor, int]:
    model = models.load(device="cpu")
    return model, model.preprocess(packaged("cameraman")), model.index("tripod")


def _fill(name: str) -> str | Callable[[Tensor], Tensor]:
    """Return a fill by its name; "noise 3" is noise of seed 3."""
    return partial(fills.noise, seed=int(name.split()[1])) if name.startswith("noise ") else name


@cache
def _place(fill: str, patch: int) -> str:
    """At which of the four rectangles the mean drop is largest."""
    model, image, tripod = _photograph()
    heat = occlusion(model, image, tripod, patch=patch, stride=16, fill=_fill(fill))[0]
    means = {
        name: float(heat[row : row + HEIGHT, column : column + WIDTH].mean()) for name, (row, column) in COVERS.items()
    }
    return max(means, key=lambda name: means[name])


@cache
def _left(fill: str) -> dict[str, float]:
    """The probability of tripod with each rectangle covered as a whole."""
    model, image, tripod = _photograph()
    canvas, copies = fills.canvas(_fill(fill), image)[0], image.repeat(len(COVERS), 1, 1, 1)
    for copy, (row, column) in zip(copies, COVERS.values(), strict=True):
        copy[:, row : row + HEIGHT, column : column + WIDTH] = canvas[:, row : row + HEIGHT, column : column + WIDTH]
    with torch.no_grad():
        return dict(zip(COVERS, model(copies).softmax(1)[:, tripod].tolist(), strict=True))


def legs(fill: str, patch: int) -> Found:
    """The largest drop is at the legs."""
    return found(_place(fill, patch) == "legs", _place("noise", patch) == "legs")


def covers(fill: str) -> Found:
    """Without its legs the tripod is gone, without any of the others it stays."""
    left = _left(fill)
    others = min(value for name, value in left.items() if name != "legs")
    face = left["camera and face"]
    return found(left["legs"] < 0.25 and others > 0.75, face < 0.25, legs=left["legs"], others=others, face=face)


def noise(seed: int, patch: int) -> Found:
    """The map points at the camera and the face, and the rectangle over them shows that the network can do without."""
    fill, wanted = f"noise {seed}", "camera and face"
    kept = _left(fill)[wanted]
    return found(_place(fill, patch) == wanted and kept > 0.85, _place("black", patch) == wanted, kept=kept)


def piece(fill: str) -> Found:
    """No square of 32 pixels at any eighth row and column costs half of the probability; the rectangle over the legs does."""
    model, image, tripod = _photograph()
    most = float(occlusion_grid(model, image, tripod, patch=32, stride=8, fill=_fill(fill)).max())
    with torch.no_grad():
        half = float(model(image).softmax(1)[0, tripod]) / 2
    legs = 2 * half - _left(fill)["legs"]
    return found(most < half, legs < half, square=most, legs=legs)


def small(size: str, stride: int) -> Found:
    """A black rectangle of an area below 8 % changes the answer nowhere but on the legs."""
    model, image, tripod = _photograph()
    height, width = map(int, size.split())
    _, covered = occlusion_logits(model, image, patch=(height, width), stride=stride, fill="black")
    changed, (rows, columns) = covered[0].argmax(-1) != tripod, covered.shape[1:3]
    legs = torch.zeros(image.shape[2:])
    top, left = COVERS["legs"]
    legs[top : top + HEIGHT, left : left + WIDTH] = 1
    corners = [
        [(min(r * stride, 224 - height), min(c * stride, 224 - width)) for c in range(columns)] for r in range(rows)
    ]
    inside = torch.tensor([[float(legs[r : r + height, c : c + width].mean()) for r, c in row] for row in corners])
    on, off = changed[inside > 0.7].sum(), changed[inside <= 0.7].sum()
    return found(off == 0, on == 0, on_the_legs=int(on), elsewhere=int(off))


CLAIMS = [
    Claim(
        "start.legs",
        "Six fills, in squares of 32, 48 and 64 pixels, put the largest drop of tripod on its legs.",
        [WHERE],
        {"fill": ["black", "white", "gray", "mean", "blur", "inpaint"], "patch": [32, 48, 64]},
        legs,
        rival="noise, the odd one out",
        files=FILES,
    ),
    Claim(
        "start.covers",
        "Whatever hides the four rectangles, noise included: tripod keeps less than 0.25 without the legs, and more than "
        "0.75 without each of the others.",
        [WHERE, "card:start.rival"],
        {"fill": ["black", "white", "gray", "mean", "blur", *(f"noise {seed}" for seed in range(5))]},
        covers,
        rival="the rectangle over camera and face in place of the legs",
        files=FILES,
    ),
    Claim(
        "start.noise",
        "Noise in squares of up to 48 pixels points at the camera and the face, which the network can do without.",
        [WHERE, "card:start.noise"],
        {"seed": [0, 1, 2, 3, 4], "patch": [24, 32, 48]},
        noise,
        rival="black squares",
        files=FILES,
    ),
    Claim(
        "start.piece",
        "No square of 32 pixels costs *tripod* half of its probability, under five plain fills and one draw of noise.",
        [WHERE, "card:start.rest"],
        {"fill": ["black", "white", "gray", "mean", "blur", "noise 0"]},
        piece,
        rival="the rectangle over all of the legs",
        files=FILES,
    ),
    Claim(
        "start.small",
        "A black rectangle that hides 7 % of the picture changes the answer nowhere but on the legs of the tripod.",
        [WHERE],
        {"size": ["50 70", "60 58", "54 66"], "stride": [10, 14]},
        small,
        rival="nowhere on the legs",
        files=FILES,
        tolerance=1,
    ),
]
