"""The picture that moves on the front page: a black patch goes over the tripod, the bar falls: ``python -m tools.make_moving``."""

import io
from itertools import pairwise

import torch
from PIL import Image

from tools.run_notebooks import FOLDER
from vislib import data, models
from vislib.course.figures import BLUE, draw_image, figure

OUT = FOLDER.parent / "docs" / "moving.gif"
PATCH = 72
WAY = [(0, 150), (60, 110), (30, 60), (100, 20), (150, 20), (152, 80), (150, 140), (90, 120), (20, 152), (0, 150)]
"""Where the patch's upper left corner goes, as (row, column): sky, camera, face, coat, the left foot, the legs, and back."""
STEPS, PAUSE = 5, 110  # pictures from one place to the next, and milliseconds for each


def places() -> list[tuple[int, int]]:
    """Return the patch's places, in even steps from corner to corner of its way."""
    shares = torch.linspace(0, 1, STEPS + 1)[:-1].tolist()
    return [
        (round(a[0] + s * (b[0] - a[0])), round(a[1] + s * (b[1] - a[1]))) for a, b in pairwise(WAY) for s in shares
    ]


def frames() -> list[Image.Image]:
    """Return a picture for each place: the covered photograph, and the probability of *tripod*."""
    model = models.load("efficientnet_lite0", device="cpu")
    image = model.preprocess(data.photo("cameraman"))
    covered = image.repeat(len(places()), 1, 1, 1)
    for one, (row, column) in zip(covered, places(), strict=True):
        one[:, row : row + PATCH, column : column + PATCH] = 0
    with torch.no_grad():
        left = model(covered).softmax(1)[:, model.index("tripod")].tolist()
    return [_frame(one, probability) for one, probability in zip(covered, left, strict=True)]


def _frame(image: torch.Tensor, probability: float) -> Image.Image:
    made, axes = figure(1, 2, (6.0, 3.4), width_ratios=(2.2, 1))
    draw_image(axes[0, 0], image)
    bar = axes[0, 1]
    bar.bar([0], [probability], color=BLUE, width=0.5)
    bar.text(0, probability + 0.02, f"{probability:.2f}", ha="center", fontsize=16)
    bar.set(ylim=(0, 1.1), xlim=(-0.6, 0.6), xticks=[0], xticklabels=["tripod"], yticks=[0, 0.5, 1])
    bar.tick_params(axis="x", labelsize=16, length=0)
    file = io.BytesIO()
    made.savefig(file, format="png", dpi=100)
    return Image.open(file).convert("RGB")


def main() -> None:
    """Write the picture."""
    first, *others = (frame.quantize(48, dither=Image.Dither.NONE) for frame in frames())
    first.save(OUT, save_all=True, append_images=others, duration=PAUSE, loop=0, optimize=True)
    print(f"{OUT.relative_to(FOLDER.parent)}: {1 + len(others)} pictures, {OUT.stat().st_size // 1024} KB")


if __name__ == "__main__":
    main()
