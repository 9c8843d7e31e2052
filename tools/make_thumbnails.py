"""The small pictures in the README's table, cut from the notebooks' stored figures: ``python -m tools.make_thumbnails``."""

import base64
import io
from collections.abc import Iterator

import nbformat
from PIL import Image

from tools.run_notebooks import FOLDER

OUT = FOLDER.parent / "docs" / "thumbnails"
SIZE = (240, 150)
# A word of the figure's alt text, and which part of the figure: left, top, right, bottom as shares.
PICTURES = {
    "00_start_here": ("Two heatmaps on one scale", (0.0, 0.0, 0.6, 1.0)),
    "01_explanation_taxonomy": ("with another die", (0.0, 0.0, 0.42, 1.0)),
    "02_weight_pca": ("A map of 1,000 classes", (0.0, 0.0, 1.0, 1.0)),
    "03_activation_tsne": ("Eight t-SNE maps", (0.5, 0.06, 1.0, 0.52)),
    "04_occlusion": ("Five handwritten digits", (0.0, 0.0, 0.88, 0.67)),
    "05_gradients": ("gradient: largest value", (0.0, 0.0, 0.455, 1.0)),
    "06_input_reconstruction": ("10 pictures: 1", (0.0, 0.0, 1.0, 0.66)),
    "07_sanity_checks": ("two heatmaps, A and B", (0.0, 0.0, 0.49, 0.98)),
    "08_roar": ("Six digits, and below each", (0.12, 0.0, 0.7, 0.76)),
    "09_review": ("A table of nine methods", (0.18, 0.0, 1.0, 1.0)),
}


def figures(name: str) -> Iterator[tuple[str, Image.Image]]:
    """Return alt text and picture of every stored figure of a notebook."""
    for cell in nbformat.read(FOLDER / f"{name}.ipynb", as_version=4).cells:
        for output in cell.get("outputs", []):
            for kind, content in output.get("data", {}).items():
                if kind.startswith("image/"):
                    yield output.metadata[kind]["alt"], Image.open(io.BytesIO(base64.b64decode(content)))


def thumbnail(name: str) -> Image.Image:
    """Return a figure's part on white, as large as `SIZE` allows."""
    word, part = PICTURES[name]
    picture = next(picture for alt, picture in figures(name) if word in alt).convert("RGB")
    box = tuple(round(share * side) for share, side in zip(part, picture.size * 2, strict=True))
    picture = picture.crop(box)  # type: ignore[arg-type]
    picture.thumbnail(SIZE, Image.Resampling.LANCZOS)
    card = Image.new("RGB", SIZE, "white")
    card.paste(picture, tuple((whole - side) // 2 for whole, side in zip(SIZE, picture.size, strict=True)))
    return card


def main() -> None:
    """Write all thumbnails."""
    OUT.mkdir(parents=True, exist_ok=True)
    for name in PICTURES:
        thumbnail(name).quantize(64).save(OUT / f"{name[:2]}.png", optimize=True)


if __name__ == "__main__":
    main()
