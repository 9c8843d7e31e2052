"""What the log says about the learner, in numbers and in figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

import flashcards
from flashcards import charts, stats
from flashcards.collection import load_all
from flashcards.review_log.store import Prediction, Store
from flashcards.scheduler import Grade, Review, replay
from flashcards.stats import Level

NOW = datetime(2026, 3, 1, 9, tzinfo=UTC)


def test_retention_counts_reviews_of_a_later_day_only():
    days = [(0, Grade.GOOD), (0.1, Grade.GOOD), (2, Grade.AGAIN), (2.1, Grade.GOOD), (9, Grade.EASY)]
    assert stats.retention(Review("t.a", NOW + timedelta(days=d), grade) for d, grade in days) == (1, 2)


def test_calibration_counts_first_answers_only(filled, progress_file):
    levels = stats.calibration(Store(progress_file).predictions())
    assert [(level.confidence, level.right, level.total) for level in levels] == [(0.9, 1, 2)]
    chart = flashcards.calibration()
    assert chart.alt == (
        "Calibration of 2 predictions: 1 of 2 right at 90% (95 % interval 9% to 91%). Brier score 0.41, lower is better."
    )
    data, metadata = chart._repr_mimebundle_()
    assert data["image/png"].startswith(b"\x89PNG")
    assert metadata["image/png"]["alt"] == data["text/plain"] == chart.alt


@pytest.mark.parametrize(
    ("right", "total", "low", "high"),
    [
        (5, 10, 0.2366, 0.7634),
        (0, 10, 0.0, 0.2775),
        (10, 10, 0.7225, 1.0),
        (1, 1, 0.2065, 1.0),
        (81, 263, 0.2553, 0.3662),
    ],
)
def test_the_interval_of_a_level_is_wilsons(right, total, low, high):
    """The values are those of Newcombe 1998 (81 of 263) and of tables."""
    assert Level(0.9, right, total).interval == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_a_level_holds_its_share_and_stands_in_the_figure():
    predictions = [Prediction(f"t.p{i}", NOW, "x", 0.75, i < 6) for i in range(8)]
    [level] = stats.calibration(predictions)
    low, high = level.interval
    assert low < 6 / 8 < high
    [lines] = [c for c in charts.calibration(predictions).figure.axes[0].collections if hasattr(c, "get_segments")]
    assert lines.get_segments()[0][:, 1].tolist() == [low, high]


def test_coming_and_learning(progress_file):
    reviews = [Review("occlusion.what", NOW, Grade.GOOD), Review("start.rest", NOW, Grade.EASY)]
    waits = stats.coming(load_all(), reviews, NOW)
    assert {day: count for day, count in enumerate(waits) if count} == {2: 1, 8: 1}
    chart = charts.learning(reviews, NOW)
    total = sum(len(loaded.cards) for loaded in load_all())
    assert chart.alt == (
        f"Of {total} cards 0 are learned and 2 are being learned; 0 are due now and 2 in the next 14 days."
    )


def test_a_card_is_learned_when_it_comes_back_after_three_weeks():
    [start, *_] = load_all()
    reviews = [Review("start.heatmap", NOW, Grade.EASY), Review("start.heatmap", NOW + timedelta(days=8), Grade.GOOD)]
    assert replay(reviews)["start.heatmap"].interval >= timedelta(days=21)
    [state, *_] = stats.deck_states([start], reviews, NOW + timedelta(days=9))
    assert (state.learned, state.learning, state.new) == (1, 0, len(start.cards) - 1)
    [state, *_] = stats.deck_states([start], reviews[:1], NOW)
    assert (state.learned, state.learning) == (0, 1)


def test_decks_of_one_title_and_of_money_have_their_own_bars(monkeypatch):
    decks = [replace(loaded, title="Of $5 and $6") for loaded in load_all()[:3]]
    monkeypatch.setattr(charts.collection, "load_all", lambda: decks)
    chart = charts.learning([], NOW)
    chart._repr_mimebundle_()
    axes = chart.figure.axes[0]
    bars = [bar for bar in axes.patches if bar.get_width()]
    assert [round(bar.get_y() + bar.get_height() / 2) for bar in bars] == [0, 1, 2]
    assert [bar.get_width() for bar in bars] == [len(loaded.cards) for loaded in decks]
    assert [(label.get_text(), label.get_parse_math()) for label in axes.get_yticklabels()] == [
        ("Of $5 and $6", False)
    ] * 3


def test_a_later_day_begins_at_midnight():
    evening = NOW.replace(hour=23)
    reviews = [Review("t.a", evening, Grade.GOOD), Review("t.a", evening + timedelta(hours=2), Grade.GOOD)]
    assert stats.retention(reviews) == (1, 1)
    assert stats.retention([Review("t.a", NOW + timedelta(days=9000), Grade.GOOD), *reviews]) == (1, 1)


def test_how_sure_is_told_apart_to_the_percent():
    predictions = [Prediction(f"t.p{i}", NOW, "x", sure, True) for i, sure in enumerate((0.33, 1 / 3, 0.34, 0.3))]
    assert [(level.confidence, level.total) for level in stats.calibration(predictions)] == [
        (0.3, 1),
        (0.33, 2),
        (0.34, 1),
    ]


def test_figures_of_an_empty_log_say_so(progress_file):
    assert "no predictions yet" in flashcards.calibration().alt
    assert flashcards.learning()._repr_mimebundle_()[0]["image/png"]
    assert not progress_file.exists()
