"""Names as they stand: whatever a reader calls a class, an image or a method is no markup, in a figure or on a page."""

import html
import re

_MOST = 48  # characters of a name beside an axis or in a legend, which would leave no room for the axes


def on_page(name: object) -> str:
    """Return HTML that shows a name as it stands: no tag, no formula of JupyterLab, and in its own direction."""
    plain = re.sub(r"[$\\]", r"<span>\g<0></span>", html.escape(str(name)))
    return f"<bdi>{plain}</bdi>"


def beside(name: object) -> str:
    """Return a name for a legend or a scale: each line cut if it is very long, and nothing left out for its first character.

    Matplotlib leaves what begins with an underscore out of a legend; a space without width stands before it.
    """
    lines = [line if len(line) <= _MOST else f"{line[: _MOST - 1]}…" for line in str(name).split("\n")]
    return "\u200b" * lines[0].startswith("_") + "\n".join(lines)
