"""What all explorers share, and with `patch` all that imports widgets at its top: a box with a plain page beside it."""

import base64
import html
from collections.abc import Sequence
from typing import Any

import anywidget
import ipywidgets as widgets
import traitlets
from torch import Tensor, nn

from vislib.explain import check_inputs

SIDE = 320  # pixels on the screen


class Keys(anywidget.AnyWidget):
    """Nothing to see: sliders get their names, and keys pressed in the box are no commands of JupyterLab ("x" cuts a cell).

    JupyterLab looks at the element that has the focus before it looks at what is around it.
    """

    _esm = """export default { render({ el }) {
      const quiet = ({ target }) => el.parentElement?.contains(target) && (target.dataset.lmSuppressShortcuts = "true");
      const name = () => el.parentElement?.querySelectorAll(".noUi-handle").forEach((handle) => {
        const label = handle.closest(":has(> .widget-label)")?.querySelector(":scope > .widget-label");
        if (label?.textContent) handle.ariaLabel = label.textContent;
      });
      document.addEventListener("focusin", quiet);
      const look = new MutationObserver(name); // a slider and its label come after the box, in any order
      requestAnimationFrame(function wait() {
        if (!el.parentElement) return requestAnimationFrame(wait);
        look.observe(el.parentElement, { childList: true, subtree: true });
        name();
      });
      return () => {
        document.removeEventListener("focusin", quiet);
        look.disconnect();
      };
    } };"""


class Image(anywidget.AnyWidget):
    """A PNG file on the page, with what it shows for those who do not see it; `ipywidgets.Image` has no place for that."""

    _esm = """export default { render({ model, el }) {
      const img = el.appendChild(document.createElement("img"));
      img.style.maxWidth = "100%";
      img.alt = model.get("alt");
      if (model.get("width")) img.width = model.get("width");
      const draw = () => {
        URL.revokeObjectURL(img.src);
        img.src = URL.createObjectURL(new Blob([model.get("value")], { type: "image/png" }));
      };
      model.on("change:value", draw);
      draw();
      return () => model.off("change:value", draw);
    } };"""
    value = traitlets.Bytes().tag(sync=True)
    alt = traitlets.Unicode().tag(sync=True)
    width = traitlets.Int().tag(sync=True)  # pixels on the screen; 0: its own


class Explorer(widgets.VBox):  # type: ignore[misc]
    """A box of widgets with a plain page beside it, for readers without a kernel."""

    def __init__(self, children: Sequence[widgets.Widget], name: str, page: str) -> None:
        super().__init__(children=[*children, Keys(layout=widgets.Layout(display="none"))])
        self._name, self._page = name, page

    def _repr_mimebundle_(self, **options: Any) -> Any:
        bundle = super()._repr_mimebundle_(**options)
        data = bundle[0] if isinstance(bundle, tuple) else bundle
        return {**(data or {}), "text/plain": f"{self._name}: run this cell in JupyterLab", "text/html": self._page}


def still(picture: bytes, words: str, *, alt: str, caption: str, width: int = SIDE) -> str:
    """Return the page of an explorer: a PNG or JPEG file, the HTML beside it, and how to get more."""
    kind = "png" if picture.startswith(b"\x89PNG") else "jpeg"
    return (
        f'<figure><img alt="{html.escape(alt)}" width="{width}" src="data:image/{kind};base64,{base64.b64encode(picture).decode()}">'
        f"{words}<figcaption>{caption}</figcaption></figure>"
    )


def check_one(model: nn.Module, image: Tensor, target: int) -> Tensor:
    """Return the target as an int64 tensor (1,); refuse what a model cannot be asked, and more than one image.

    Raises:
        TypeError, ValueError: as :func:`vislib.explain.check_inputs`, and for a batch that is not one image.
    """
    checked = check_inputs(model, image, target)
    if len(image) != 1:
        raise ValueError(f"image has shape {tuple(image.shape)}; expected one image (1, C, H, W).")
    return checked
