"""The patch under the mouse: a widget that shows a photograph with a patch on it, and what a model answers to that."""

import base64
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import anywidget
import torch
import traitlets
from torch import Tensor

from vislib.course.encoding import encoded_image
from vislib.explain import answers
from vislib.fills import NAMES, Fill, canvas, patches
from vislib.models import Classifier

_STATIC = Path(__file__).parent / "static"
MOST = 5  # classes in the menu


class Patch(anywidget.AnyWidget):
    """A patch that is dragged over photographs: the page asks with `asked`, and the model's `answer` comes back.

    Args:
        model: what is asked.
        load: name of a photograph -> image (1, C, H, W).
        photos: the names in the menu.
        target: the class that comes first for the photograph at the start; None: the likeliest.
        asked: `photo`, `fill`, and the patch's `top`, `left` and `size` in pixels, at the start.
    """

    # Text and not paths: with paths anywidget would watch the files when it finds itself in a development install.
    _esm = (_STATIC / "patch.js").read_text(encoding="utf-8")
    _css = (_STATIC / "patch.css").read_text(encoding="utf-8")
    photos: Any = traitlets.List().tag(sync=True)
    fills = traitlets.List(list(NAMES)).tag(sync=True)
    asked = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)
    under = traitlets.Unicode().tag(sync=True)  # what the patch is a window onto
    answer = traitlets.Dict().tag(sync=True)

    def __init__(
        self,
        model: Classifier,
        load: Callable[[str], Tensor],
        photos: Sequence[str],
        target: int | None = None,
        **asked: Any,
    ) -> None:
        self._model, self._targets = model, {asked["photo"]: target}
        self._load = lru_cache(load)
        self._canvas = lru_cache(lambda name, fill: canvas(fill, load(name)))
        self._clean = lru_cache(lambda name: self._probabilities(load(name)))
        super().__init__(photos=list(photos), asked=asked)

    @traitlets.observe("asked")
    def _answered(self, change: Any) -> None:
        try:
            told = self._told(change["new"])
        except ValueError as error:
            told = {"answer": {**self.answer, "asked": change["new"], "refused": str(error)}}
        with self.hold_sync():
            for name, value in told.items():
                setattr(self, name, value)

    def _told(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the widget shows: the question, held within the image, the pictures, and the answer."""
        image = self._load(asked["photo"])
        height, width = image.shape[-2:]
        smallest, largest = bounds(image)
        size = min(max(asked["size"], smallest), largest)
        top, left = (min(max(asked[name], 0), side - size) for name, side in (("top", height), ("left", width)))
        held = {**asked, "top": top, "left": left, "size": size}
        # Inpainting depends on where the patch lies; every other fill is a canvas, which the patch shows at once.
        fixed = None if asked["fill"] == "inpaint" else self._canvas(asked["photo"], asked["fill"])
        covered = cover_at(image, "inpaint" if fixed is None else fixed, top, left, size)
        clean, now = self._clean(asked["photo"]), self._probabilities(covered)
        names = self._model.classes or [str(k) for k in range(len(now))]
        likeliest, target = clean.topk(min(MOST, len(clean))).indices.tolist(), self._targets.get(asked["photo"])
        shown = likeliest if target is None else [target, *(k for k in likeliest if k != target)][: len(likeliest)]
        first = int(now.argmax())
        answer = {
            "asked": held,
            "height": height,
            "width": width,
            "smallest": smallest,
            "largest": largest,
            "step": 4 if min(height, width) >= 64 else 1,
            "classes": [names[k] for k in shown],
            "now": now[shown].tolist(),
            "before": clean[shown].tolist(),
            "says": f"{names[first]} ({float(now[first]):.2f})",
        }
        under = covered if fixed is None else fixed
        return {"asked": held, "picture": _address(image), "under": _address(under), "answer": answer}

    @torch.no_grad()
    def _probabilities(self, image: Tensor) -> Tensor:
        return answers(self._model, image).softmax(1)[0].cpu()


def bounds(image: Tensor) -> tuple[int, int]:
    """Return the smallest and the largest side of a patch on an image (1, C, H, W), in pixels."""
    side = min(image.shape[-2:])
    smallest = max(min(8, side // 4), 1)
    return smallest, max(side // 2, smallest)


def cover_at(image: Tensor, fill: Fill, top: int, left: int, size: int) -> Tensor:
    """Return an image (1, C, H, W) with a square of `size` pixels filled, whose first row and column are given."""
    which, row, column = (torch.tensor([n], device=image.device) for n in (0, top, left))
    covered = image.clone()
    covered[..., top : top + size, left : left + size] = patches(fill, image, (size, size))(which, row, column)
    return covered


def _address(image: Tensor) -> str:
    return f"data:image/png;base64,{base64.b64encode(encoded_image(image[0], 'png')).decode()}"
