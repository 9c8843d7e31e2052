"""A figure whose texts are what they are: a dollar in the name of a class begins no formula."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.text import Text


class Verbatim(Figure):
    """A figure without formulas. Scales that matplotlib would number with some, logarithmic ones, need a formatter."""

    def draw(self, renderer: Any) -> None:
        for text in self.findobj(Text):
            text.set_parse_math(False)
        super().draw(renderer)
