"""A figure that displays and describes itself, and whose texts are what they are: a dollar in a class's name begins no formula."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from matplotlib.text import Text

STYLE: Any = {
    "font.size": 12,
    "axes.titlesize": 12,
    "figure.labelsize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "white",
    "legend.frameon": False,
}


def _in_style(draw: Callable[..., Any]) -> Any:
    @wraps(draw)
    def styled(*args: Any, **kwargs: Any) -> Any:
        with rc_context(STYLE):
            return draw(*args, **kwargs)

    return styled


class Drawn(Figure):
    """A figure without formulas. Scales that matplotlib would number with some, logarithmic ones, need a formatter."""

    def draw(self, renderer: Any) -> None:
        for text in self.findobj(Text):
            text.set_parse_math(False)
        super().draw(renderer)

    colorbar, legend = _in_style(Figure.colorbar), _in_style(Figure.legend)
    supxlabel, supylabel = _in_style(Figure.supxlabel), _in_style(Figure.supylabel)

    def _ipython_display_(self) -> None:
        from IPython.display import Image, display

        from vislib.course.described import described
        from vislib.course.encoding import DPI, encoded_figure

        data = encoded_figure(self)
        kind = "png" if data.startswith(b"\x89PNG") else "jpeg"
        texts = {"alt": described(self), "letters": round(self.letters * DPI / 72, 1)}
        display(Image(data=data, format=kind, metadata=texts))  # alt= is unknown to Colab's IPython

    @property
    def letters(self) -> float:
        """The size of the smallest letters of a figure that was drawn, in points; 0 without any."""
        bare = [axis for axes in self.axes if not axes.axison for axis in (axes.xaxis, axes.yaxis)]
        ticks = {text for axis in bare for text in axis.findobj(Text)}
        texts = [text for text in self.findobj(Text) if text.get_visible() and text.get_text().strip()]
        return min((float(text.get_fontsize()) for text in texts if text not in ticks), default=0.0)
