"""Look into an explorer, which is a tree of widgets."""

from typing import Any

import ipywidgets as widgets


def controls(explorer: widgets.Widget) -> dict[str, Any]:
    """Return all widgets of an explorer by their description, or by their kind."""
    found: dict[str, Any] = {}
    todo = [explorer]
    while todo:
        widget = todo.pop()
        todo += getattr(widget, "children", ())
        found[getattr(widget, "description", "") or type(widget).__name__] = widget
    return found
