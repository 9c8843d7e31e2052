"""Formulas as pictures, for paper: a page that is printed needs no script and no network."""

from __future__ import annotations

import base64
import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from html import escape, unescape
from html.parser import HTMLParser

_FORMULA = re.compile(r"\\\((.*?)\\\)|\\\[(.*?)\\\]", re.DOTALL)
_WORDS = {r"\lvert": r"\vert ", r"\rvert": r"\vert ", r"\lVert": r"\Vert ", r"\rVert": r"\Vert "}


def typeset(html: str) -> str:
    """The HTML of a card with a picture in the place of each formula; its LaTeX is what a screen reader says."""
    walk = _Walk()
    walk.feed(html)
    walk.close()
    return "".join(walk.parts)


class _Walk(HTMLParser):
    """Goes through a page and leaves all but the formulas as it is; in code there are none."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=False)
        self.parts: list[str] = []
        self.text = ""
        self.code = 0

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._flush()
        self.code += tag == "code"
        self.parts.append(self.get_starttag_text() or "")

    def handle_endtag(self, tag: str) -> None:
        self._flush()
        self.code -= tag == "code"
        self.parts.append(f"</{tag}>")

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self._flush()
        self.parts.append(self.get_starttag_text() or "")

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_entityref(self, name: str) -> None:
        self.text += f"&{name};"

    def handle_charref(self, name: str) -> None:
        self.text += f"&#{name};"

    def close(self) -> None:
        super().close()
        self._flush()

    def _flush(self) -> None:
        text, self.text = self.text, ""
        self.parts.append(text if self.code else _FORMULA.sub(_picture, text))


def _picture(match: re.Match[str]) -> str:
    latex = unescape(match[1] if match[1] is not None else match[2])
    try:
        svg, depth = _drawn(latex)
    except ValueError:  # beyond what can be drawn: as it stands in the deck
        return f"<code>{escape(latex)}</code>"
    image = (
        f'<img class="formula" alt="{escape(latex)}" style="vertical-align: {-depth:.2f}pt" '
        f'src="data:image/svg+xml;base64,{base64.b64encode(svg).decode("ascii")}">'
    )
    return image if match[1] is not None else f'<span class="display">{image}</span>'


@contextmanager
def _no_substitutes() -> Iterator[None]:
    """Within this a letter that the fonts do not have is a `ValueError`, where Matplotlib only warns of a substitute."""

    def refuse(record: logging.LogRecord) -> bool:
        raise ValueError(record.getMessage())

    log = logging.getLogger("matplotlib.mathtext")
    log.addFilter(refuse)
    try:
        yield
    finally:
        log.removeFilter(refuse)


@cache
def _drawn(latex: str) -> tuple[bytes, float]:
    """A formula as SVG, and how far it reaches below the line, in points; `ValueError` for one that cannot be drawn."""
    from matplotlib import mathtext, rc_context
    from matplotlib.font_manager import FontProperties

    words = re.sub(r"\\[lr][vV]ert(?![a-zA-Z])", lambda match: _WORDS[match[0]], " ".join(latex.split()))
    drawn = io.BytesIO()
    with rc_context({"mathtext.fontset": "stix", "svg.hashsalt": "flashcards"}), _no_substitutes():
        depth = mathtext.math_to_image(f"${words}$", drawn, prop=FontProperties(size=12), dpi=72, format="svg")
    return drawn.getvalue(), float(depth)
