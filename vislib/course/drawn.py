"""A figure that displays and describes itself, and whose texts are what they are: a dollar in a class's name begins no formula."""

from typing import Any

from matplotlib.figure import Figure
from matplotlib.text import Text


class Drawn(Figure):
    """A figure without formulas. Scales that matplotlib would number with some, logarithmic ones, need a formatter."""

    def draw(self, renderer: Any) -> None:
        for text in self.findobj(Text):
            text.set_parse_math(False)
        super().draw(renderer)

    def _ipython_display_(self) -> None:
        from IPython.display import Image, display

        from vislib.course.described import described
        from vislib.course.encoding import encoded_figure

        data = encoded_figure(self)
        kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
        display(Image(data=data, format=kind, metadata={"alt": described(self)}))  # alt= is unknown to Colab's IPython
