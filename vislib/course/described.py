"""A figure in words, for readers who cannot see it: read off what is drawn, so that it stays true of other data."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

PICTURE = "picture"
_MOST = 24  # panels; a longer text is not listened to
_PER_CLOUD = 2000  # points whose neighbours are looked for


def described(figure: "Figure") -> str:
    """Return what each panel of a figure shows: names, ends and extremes of curves, heights of bars, places of points.

    What all panels share is told once, before them, and pictures that follow each other are counted.
    """
    panels = [(_named(axis), list(_says(axis))) for axis in _all_axes(figure.axes)]
    panels = [panel for panel in panels if any(panel)]
    shared = [part for part in panels[0][1] if all(part in says for _, says in panels)] if len(panels) > 1 else []
    shared = [part for part in shared if part != PICTURE]
    panels = [(name, [part for part in says if part not in shared]) for name, says in panels]
    told = ["in each panel: " + "; ".join(shared)] if shared else []
    told.append(_listed(list(_rows_of_panels(panels)), ". "))
    scales = (("across", figure.get_supxlabel()), ("upwards", figure.get_supylabel()), ("colours", _colours(figure)))
    told += [f"{way}: {text}" for way, text in scales if text]
    text = ". ".join(part.replace("\n", " ").replace("\u200b", "") for part in told if part)
    return text[:1].upper() + text[1:] + "."


def peaks(heat: ArrayLike) -> str:
    """Return the largest value of a map (H, W) and its place, and the smallest where it is below 0."""
    values = np.asarray(heat, dtype=float)
    known = np.where(np.isfinite(values), values, np.nan)
    if np.isnan(known).all():
        return "no value is known"
    high, low = np.nanmax(known), np.nanmin(known)
    if high == low:
        return f"{number(high)} everywhere"

    def at(value: float) -> str:
        y, x = (
            np.median(way) / max(side - 1, 1) for way, side in zip(np.where(known == value), known.shape, strict=True)
        )
        return f"{number(value)} {place(x, 1 - y)}"  # the middle of the places, where several are as high

    return f"largest value {at(high)}" + (f", smallest {at(low)}" if low < 0 else "")


def place(x: float, y: float) -> str:
    """Return where a point lies in the unit square, from the lower left to the upper right, in words."""
    column = "left" if x < 1 / 3 else "right" if x > 2 / 3 else ""
    row = "bottom" if y < 1 / 3 else "top" if y > 2 / 3 else ""
    return f"at the {' '.join(filter(None, (row, column)))}" if row or column else "in the middle"


def number(value: float) -> str:
    """Return a number with two digits that count."""
    value = value or 0.0  # there is no -0
    return f"{value:.2g}" if abs(value) < 100 else f"{value:.0f}"


def _rows_of_panels(panels: Sequence[tuple[str, list[str]]]) -> Iterator[str]:
    """One entry per run of pictures, and one per named panel with those that follow it without a name."""
    for pictures, run in groupby(panels, key=lambda panel: panel[1] == [PICTURE]):
        if pictures:
            yield _album([name for name, _ in run])
            continue
        rows: list[tuple[str, list[str]]] = []
        for name, says in run:
            if name or not rows:
                rows.append((name, []))
            rows[-1][1].append("; ".join(says))
        yield from (": ".join(filter(None, (name, _listed(list(_counted(said)))))) for name, said in rows)


def _album(names: Sequence[str]) -> str:
    """Return how many pictures follow each other, and their names."""
    if len(names) == 1:
        return ": ".join(filter(None, (*names, PICTURE)))
    return ": ".join(filter(None, (f"{len(names)} {PICTURE}s", _listed(list(filter(None, names))))))


def _counted(parts: Sequence[str]) -> Iterator[str]:
    for part, same in groupby(filter(None, parts)):
        times = len(list(same))
        yield part if times == 1 else f"{times} times {part}"


def _listed(parts: Sequence[str], between: str = "; ") -> str:
    more = [f"and {len(parts) - _MOST} more"] if len(parts) > _MOST else []
    return between.join([*parts[:_MOST], *more])


def _all_axes(axes: Sequence[Any]) -> "Iterator[Axes]":
    for axis in axes:
        if axis.get_label() != "<colorbar>":
            yield axis
            yield from _all_axes(axis.child_axes)


def _named(axis: "Axes") -> str:
    """Return what is written round a panel: the name of its row, its title, what its axes mean."""
    inside = axis.transAxes
    written = [text.get_text() for text in axis.texts if text.get_transform() == inside]
    ways = [axis.get_xlabel(), axis.get_ylabel()]
    over = " over ".join(filter(None, reversed(ways)))
    return ", ".join(filter(None, [*written, axis.get_title(), over]))


def _colours(figure: "Figure") -> str:
    """Return what each colour bar measures, and its ends: as numbers, or in the words that stand there."""
    told = []
    for bar in (axis for axis in figure.axes if axis.get_label() == "<colorbar>"):
        way = "x" if bar.get_xlabel() else "y"
        words = list(_words(bar, way).values())
        low, high = getattr(bar, f"get_{way}lim")()
        ends = (words[0], words[-1]) if words else (number(low), number(high))
        told.append(f"{getattr(bar, f'get_{way}label')()} from {ends[0]} to {ends[1]}".strip())
    return "; ".join(told)


def _says(axis: "Axes") -> Iterator[str]:
    yield from (str(image.get_label()) for image in axis.images if not str(image.get_label()).startswith("_"))
    yield from _bars(axis)
    rows = _words(axis, "y")
    if any(set(np.asarray(line.get_ydata(), float)) == {at} for line in axis.lines for at in rows):
        yield from _rows(axis, rows)
    else:
        named = [line for line in axis.lines if not str(line.get_label()).startswith("_")]
        yield from (f"{line.get_label()} {_course(line, _words(axis, 'x'))}" for line in named)
        yield from _clouds(axis)
    yield from _written(axis)


def _words(axis: "Axes", way: str) -> dict[float, str]:
    """Return the words that stand at places of a scale; none where its ticks are numbers."""
    from matplotlib.ticker import FuncFormatter

    scale = getattr(axis, f"{way}axis")
    if not isinstance(scale.get_major_formatter(), FuncFormatter):
        return {}
    at = scale.get_ticklocs()
    return {float(x): text for x, text in zip(at, scale.get_major_formatter().format_ticks(at), strict=True) if text}


def _bars(axis: "Axes") -> Iterator[str]:
    for bars in axis.containers:
        sides = getattr(bars, "orientation", None) == "horizontal"
        words = _words(axis, "y" if sides else "x")
        parts = []
        for bar in bars:
            middle = bar.get_y() + bar.get_height() / 2 if sides else bar.get_x() + bar.get_width() / 2
            nearest = min(words, key=lambda at: abs(at - middle), default=middle)
            parts.append(
                f"{words.get(nearest, number(middle))} {number(bar.get_width() if sides else bar.get_height())}"
            )
        name = str(bars.get_label())
        yield (f"{name}: " if not name.startswith("_") else "") + ", ".join(parts)


def _rows(axis: "Axes", words: dict[float, str]) -> Iterator[str]:
    """One entry per row: its values, and from where to where they reach."""
    for at, name in words.items():
        lines = [line for line in axis.lines if set(np.asarray(line.get_ydata(), float)) == {at}]
        parts = []
        for line in lines:
            x = np.asarray(line.get_xdata(), float)
            if len(x) == 1:
                label = str(line.get_label())
                parts.append((f"{label} " if not label.startswith("_") else "") + number(x[0]))
            elif len(x) == 2:
                parts.append(f"from {number(x[0])} to {number(x[1])}")
        yield f"{name} {', '.join(parts)}"


def _course(line: "Line2D", words: dict[float, str]) -> str:
    """Return where a curve begins and ends, and its extremes where they lie between."""
    x, y = (np.asarray(values, float) for values in line.get_data())
    x, y = x[np.isfinite(y)], y[np.isfinite(y)]
    if not len(y):
        return "nowhere"
    if len(y) == 1 or np.ptp(y) == 0:
        return f"at {number(y[0])}"
    told = f"from {number(y[0])} to {number(y[-1])}"
    for name, peak in (("highest", y.argmax()), ("lowest", y.argmin())):
        if min(abs(y[peak] - y[0]), abs(y[peak] - y[-1])) > 0.05 * np.ptp(y):
            told += f", {name} {number(y[peak])} at {words.get(float(x[peak]), number(x[peak]))}"
    return told


def _clouds(axis: "Axes") -> Iterator[str]:
    """One entry per coloured group of points, and how often a point lies nearest to one of its own group."""
    from matplotlib.collections import PathCollection
    from scipy.spatial import KDTree

    clouds = [c for c in axis.collections if isinstance(c, PathCollection) and not str(c.get_label()).startswith("_")]
    points = [np.asarray(c.get_offsets(), float).reshape(-1, 2) for c in clouds]
    if sum(map(len, points)) < 2:
        return
    every, groups = np.concatenate(points), np.repeat(np.arange(len(points)), list(map(len, points)))
    low, high = every.min(0), every.max(0)
    flat, wide = high <= low, np.where(high > low, high - low, 1)  # points on one line lie in its middle
    middles = [place(*np.where(flat, 0.5, (np.median(p, 0) - low) / wide)) for p in points if len(p)]
    names = [f"{len(p)} {c.get_label()}" for c, p in zip(clouds, points, strict=True) if len(p)]
    yield ", ".join(f"{name} {middle}" for name, middle in zip(names, middles, strict=True))
    if len(points) > 1:
        _, pairs = KDTree(every).query(every[:_PER_CLOUD], k=2)
        own = (groups[pairs[:, 1]] == groups[pairs[:, 0]]).mean()
        yield f"the nearest point is of the same group for {own:.0%}"


def _written(axis: "Axes") -> Iterator[str]:
    """What is written at a place: in the fields of a table the row and the column, elsewhere the text and where it points."""
    from matplotlib.text import Annotation

    rows, columns = _words(axis, "y"), _words(axis, "x")
    texts = [text for text in axis.texts if text.get_transform() == axis.transData]
    for at, row in rows.items() if columns else ():
        inside = sorted((t for t in texts if abs(t.get_position()[1] - at) < 0.5), key=lambda t: t.get_position()[0])
        fields: dict[str, list[str]] = {}
        for text in inside:
            fields.setdefault(columns[min(columns, key=lambda x: abs(x - text.get_position()[0]))], []).append(
                text.get_text()
            )
        yield f"{row}: " + ", ".join(f"{column} {' '.join(parts)}" for column, parts in fields.items())
    if not rows:
        named = {str(line.get_label()) for line in axis.lines}
        for text in () if axis.containers else axis.texts:  # what is written on bars is their height
            if isinstance(text, Annotation) and text.get_text().strip() not in named:
                x, y = _unit(axis, text.xy)
                yield f"{text.get_text().strip()} {place(x, y)}"


def _unit(axis: "Axes", at: Any) -> tuple[float, float]:
    x, y = axis.transAxes.inverted().transform(axis.transData.transform(at))
    return float(x), float(y)
