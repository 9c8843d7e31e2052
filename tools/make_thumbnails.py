"""The small pictures in the README's table, cut from the notebooks' stored figures: ``python -m tools.make_thumbnails``.

A cell whose figure is taken says so in its metadata: ``"thumbnail": [left, top, right, bottom]``, as shares of the figure.
"""

import base64
import io

import nbformat
from PIL import Image

from tools.run_notebooks import FOLDER

OUT = FOLDER.parent / "docs" / "thumbnails"
SIZE = (240, 150)


def thumbnail(notebook: nbformat.NotebookNode, name: str) -> Image.Image:
    """Return the part of a figure that its cell names, on white, as large as `SIZE` allows.

    Raises:
        ValueError: if no cell, or more than one, is marked, or it has no figure.
    """
    marked = [cell for cell in notebook.cells if "thumbnail" in cell.metadata]
    if len(marked) != 1:
        raise ValueError(f"{name} has {len(marked)} cells with a thumbnail; expected one.")
    [cell] = marked
    pictures = [v for o in cell.outputs for k, v in o.get("data", {}).items() if k.startswith("image/")]
    if not pictures:
        raise ValueError(f"the cell of {name} with a thumbnail has no figure.")
    picture = Image.open(io.BytesIO(base64.b64decode(pictures[-1]))).convert("RGB")
    box = tuple(round(share * side) for share, side in zip(cell.metadata["thumbnail"], picture.size * 2, strict=True))
    picture = picture.crop(box)  # type: ignore[arg-type]
    picture.thumbnail(SIZE, Image.Resampling.LANCZOS)
    card = Image.new("RGB", SIZE, "white")
    card.paste(picture, tuple((whole - side) // 2 for whole, side in zip(SIZE, picture.size, strict=True)))
    return card


def main() -> None:
    """Write all thumbnails."""
    OUT.mkdir(parents=True, exist_ok=True)
    for path in sorted(FOLDER.glob("*.ipynb")):
        card = thumbnail(nbformat.read(path, as_version=4), path.stem)
        card.quantize(64).save(OUT / f"{path.stem[:2]}.png", optimize=True)


if __name__ == "__main__":
    main()
