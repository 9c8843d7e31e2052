"""What all explorers share: a box with a plain page beside it, and images as files."""

import io
from collections.abc import Sequence
from typing import Any

import ipywidgets as widgets
from PIL import Image
from torch import Tensor

SIDE = 320  # pixels on the screen


class Explorer(widgets.VBox):  # type: ignore[misc]
    """A box of widgets with a plain page beside it, for readers without a kernel."""

    def __init__(self, children: Sequence[widgets.Widget], name: str, page: str) -> None:
        super().__init__(children=list(children))
        self._name, self._page = name, page

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**(data or {}), "text/plain": f"{self._name}: run this cell in JupyterLab", "text/html": self._page}


class Page:
    """A page that needs no kernel: it reacts to the mouse by itself."""

    def __init__(self, name: str, page: str) -> None:
        self._name, self._page = name, page

    def _repr_mimebundle_(self, **options: Any) -> dict[str, str]:
        return {"text/plain": f"{self._name}: point at a dot to see its image", "text/html": self._page}


def encoded(image: Tensor, kind: str) -> bytes:
    """Return an image (C, H, W) as a file: PNG for the screen, JPEG for what is stored in a notebook."""
    pixels = (image.detach().cpu().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
    file = io.BytesIO()
    Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).save(
        file, kind, **({"compress_level": 1} if kind == "png" else {"quality": 80})
    )
    return file.getvalue()
