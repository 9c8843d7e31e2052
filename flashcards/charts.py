"""Two pictures of a learner's progress. matplotlib is imported only when one is drawn, and pyplot never."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from flashcards import collection, stats
from flashcards.model import counted
from flashcards.review_log import buffer
from flashcards.review_log.store import Prediction
from flashcards.scheduler import Review, utc_now

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BLUE, _ORANGE, _GREY = "#0072b2", "#e69f00", "#c9ced6"  # told apart also by the colour-blind


@dataclass(frozen=True)
class Chart:
    """A figure and what it says in words; shows itself in Jupyter with the words as its alt text."""

    figure: Figure
    alt: str

    def __repr__(self) -> str:
        return self.alt

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> tuple[dict[str, Any], dict[str, Any]]:
        file = io.BytesIO()
        self.figure.savefig(file, format="png", dpi=110, metadata={"Software": None})
        return {"text/plain": self.alt, "image/png": file.getvalue()}, {"image/png": {"alt": self.alt}, "alt": self.alt}


def calibration(predictions: Sequence[Prediction] | None = None) -> Chart:
    """How sure you were, and how often you were right, with 95 % intervals; from the log unless `predictions` are given."""
    predictions = buffer.current().predictions() if predictions is None else predictions
    levels = stats.calibration(predictions)
    figure = _figure(5.2, 4.6)
    axes = figure.subplots()
    axes.plot([0, 1], [0, 1], color=_GREY, linestyle="--", zorder=1)
    axes.annotate("as often right as sure", (0.06, 0.06), xytext=(0.09, 0.045), color="#59636e", fontsize=9)
    axes.set(xlim=(0, 1.12), ylim=(-0.04, 1.14), xlabel="how sure you were", ylabel="how often you were right")
    axes.xaxis.set_major_formatter(_percent())
    axes.yaxis.set_major_formatter(_percent())
    total, right = sum(level.total for level in levels), sum(level.right for level in levels)
    if not levels:
        axes.text(0.52, 0.5, "no predictions yet", ha="center", fontsize=12, color="#59636e", backgroundcolor="white")
        return Chart(figure, "Calibration: no predictions yet.")
    shares = [level.right / level.total for level in levels]
    sizes = [60 + 40 * level.total for level in levels]
    bounds = [level.interval for level in levels]
    axes.vlines([level.confidence for level in levels], *zip(*bounds, strict=True), color=_BLUE, alpha=0.45, zorder=2)
    axes.scatter([level.confidence for level in levels], shares, s=sizes, color=_BLUE, alpha=0.85, zorder=3)
    for level, share in zip(levels, shares, strict=True):
        axes.annotate(
            f"{level.right}/{level.total}",
            (level.confidence, share),
            xytext=(14, 0),
            va="center",
            textcoords="offset points",
            fontsize=9,
        )
    score = stats.brier(predictions)
    axes.set_title(
        f"{right} of {counted(total, 'prediction')} right; Brier score {score:.2f} (lower is better)", fontsize=10
    )
    said = ", ".join(
        f"{level.right} of {level.total} right at {level.confidence:.0%} (95 % interval {low:.0%} to {high:.0%})"
        for level, (low, high) in zip(levels, bounds, strict=True)
    )
    return Chart(
        figure, f"Calibration of {counted(total, 'prediction')}: {said}. Brier score {score:.2f}, lower is better."
    )


def learning(reviews: Sequence[Review] | None = None, now: datetime | None = None) -> Chart:
    """What is learned, deck by deck, and what comes back in the next two weeks; from the log unless given."""
    reviews = buffer.current().reviews() if reviews is None else reviews
    now = now or utc_now()
    decks = collection.load_all()
    states = stats.deck_states(decks, reviews, now)
    waits = stats.coming(decks, reviews, now)
    figure = _figure(10.5, 0.34 * len(states) + 1.4)
    left, right = figure.subplots(1, 2, width_ratios=(1.25, 1))
    rows = range(len(states))  # not the titles, of which two may be the same
    start = [0] * len(states)
    for label, colour, values in (
        ("learned (back in 3 weeks or more)", _BLUE, [state.learned for state in states]),
        ("learning", _ORANGE, [state.learning for state in states]),
        ("new", _GREY, [state.new for state in states]),
    ):
        left.barh(rows, values, left=start, color=colour, label=label, height=0.7)
        start = [a + b for a, b in zip(start, values, strict=True)]
    left.set_yticks(rows, [state.title for state in states], parse_math=False)
    left.invert_yaxis()
    left.set_xlabel("cards")
    left.set_title("What is learned", loc="left", fontsize=11)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3, fontsize=9, frameon=False)
    right.bar(range(len(waits)), waits, color=[_ORANGE] + [_BLUE] * (len(waits) - 1))
    right.set_xticks(range(0, len(waits), 2), ["now", *(f"{day} d" for day in range(2, len(waits), 2))])
    right.set_ylim(0, max(max(waits), 4) * 1.1)
    right.yaxis.get_major_locator().set_params(integer=True)
    right.set_ylabel("cards")
    right.set_title("What comes back, and when", loc="left", fontsize=11)
    learned, begun = sum(s.learned for s in states), sum(s.learning for s in states)
    total = sum(s.new + s.learning + s.learned for s in states)
    alt = (
        f"Of {counted(total, 'card')} {counted(learned, 'is', 'are')} learned and {counted(begun, 'is', 'are')} being learned; "
        f"{counted(waits[0], 'is', 'are')} due now and {sum(waits[1:])} in the next {counted(len(waits) - 1, 'day')}."
    )
    return Chart(figure, alt)


def _figure(width: float, height: float) -> Figure:
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained", facecolor="white")


def _percent() -> Any:
    from matplotlib.ticker import PercentFormatter

    return PercentFormatter(1, decimals=0)
