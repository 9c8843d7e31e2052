"""Figures and images as small files, for the outputs of notebooks and for widgets."""

import io
from typing import TYPE_CHECKING

import numpy as np
from torch import Tensor

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL.Image import Image as Picture

DPI = 100


def encoded_figure(figure: "Figure") -> bytes:
    """Return the figure as a small file: PNG with 256 colours, dithered, or JPEG where photographs make that much smaller."""
    from PIL import Image

    raw = io.BytesIO()
    figure.savefig(raw, format="png", dpi=DPI, bbox_inches="tight", pad_inches=0.05)
    raw.seek(0)
    colours = Image.open(raw).convert("RGB")
    jpeg = io.BytesIO()
    colours.save(jpeg, "JPEG", quality=75, optimize=True)
    few = _few_colours(colours)
    return jpeg.getvalue() if jpeg.tell() < 0.75 * len(few) else few


def _few_colours(colours: "Picture") -> bytes:
    from PIL import Image

    width, height = (max(side // 3, 1) for side in colours.size)  # as good a palette, in a sixth of the time
    some = colours.resize((width, height), Image.Resampling.NEAREST)
    palette = some.quantize(256, method=Image.Quantize.MEDIANCUT, kmeans=3)
    indices = np.array(colours.quantize(palette=palette, dither=Image.Dither.FLOYDSTEINBERG))
    entries = np.array(palette.getpalette()).reshape(-1, 3)
    paper = entries.sum(1).argmax()  # the paper is pure white, which the dither alone would miss
    entries[paper], indices[(np.array(colours) == 255).all(2)] = 255, paper
    reduced, file = Image.fromarray(indices), io.BytesIO()
    reduced.putpalette(entries.ravel().tolist())
    reduced.save(file, "PNG", optimize=True)
    return file.getvalue()


def encoded_image(image: Tensor, kind: str) -> bytes:
    """Return an image (C, H, W) as a file: PNG for the screen, JPEG for what is stored in a notebook."""
    from PIL import Image

    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(
        file, kind, **({"compress_level": 1} if kind == "png" else {"quality": 75})
    )
    return file.getvalue()
