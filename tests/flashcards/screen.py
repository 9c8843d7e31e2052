"""A card without a browser: what a reader sees of it, and what can be pressed."""

from __future__ import annotations

import re
from typing import Any

import ipywidgets


class Screen:
    """What a reader of a card sees and can press."""

    def __init__(self, box: Any) -> None:
        self.box = box

    def _visible(self, widget: Any = None) -> list[Any]:
        widget = self.box if widget is None else widget
        if widget.layout.display == "none":
            return []
        return [widget, *(inner for child in getattr(widget, "children", ()) for inner in self._visible(child))]

    @property
    def html(self) -> str:
        return " ".join(w.value for w in self._visible() if isinstance(w, ipywidgets.HTML | ipywidgets.HTMLMath))

    @property
    def text(self) -> str:
        return " ".join(re.sub("<[^>]*>", " ", self.html).split())

    @property
    def buttons(self) -> dict[str, Any]:
        return {w.description: w for w in self._visible() if isinstance(w, ipywidgets.Button)}

    def press(self, start: str) -> None:
        next(button for name, button in self.buttons.items() if name.startswith(start)).click()

    def pick(self, text: str) -> None:
        """Press the letter of an option, wherever it stands."""
        items = re.findall("<li[^>]*>(.*?)</li>", self.html)
        self.press("ABCDEFGHI"[next(i for i, item in enumerate(items) if text in re.sub("<[^>]*>", "", item))])

    @property
    def paper(self) -> Any:
        """The field to write into, or None."""
        return next((w for w in self._visible() if isinstance(w, ipywidgets.Textarea)), None)

    @property
    def boxes(self) -> list[Any]:
        """The boxes to tick."""
        return [w for w in self._visible() if isinstance(w, ipywidgets.Checkbox)]
