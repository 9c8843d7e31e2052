"""The command line, and the figures that say the same in pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import timedelta

import pytest

import flashcards
from flashcards import figures, statistics
from flashcards.__main__ import main
from flashcards.deck import load_all
from flashcards.schedule import Grade, Review, utc_now
from flashcards.store import Prediction, Store

NOW = utc_now()


def fill(path) -> None:
    def ago(days: float):
        return NOW - timedelta(days=days)

    Store(path).write(
        [
            Review("occlusion.what", ago(40), Grade.GOOD),
            Review("start.pixels", ago(20), Grade.AGAIN),
            Review("start.pixels", ago(15), Grade.EASY),
            Review("start.grade", ago(1), Grade.EASY),
            Review("gone.card", ago(1), Grade.EASY),
            Prediction("t.a", ago(3), "x", 0.9, True),
            Prediction("t.a", ago(2), "y", 0.5, False),
            Prediction("t.b", ago(1), "x", 0.9, False),
        ]
    )


def test_due_lists_what_waits(progress_file, capsys):
    fill(progress_file)
    assert main(["due"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["occlusion.what", "start.pixels", "2"]
    assert "38 days late" in lines[0]


def test_stats_count(progress_file, capsys):
    fill(progress_file)
    assert main(["stats"]) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.startswith("00_start_here"))
    assert row.split()[1:] == ["4", "2", "0", "1"]
    assert "5 reviews; remembered on a later day: 1 of 1" in out
    assert "1 reviewed cards are no longer in the decks" in out
    assert "2 predictions, Brier score 0.41" in out
    assert str(progress_file) in out


def test_export_gives_everything_back(progress_file, tmp_path, capsys):
    fill(progress_file)
    assert main(["export", str(tmp_path / "out.json")]) == 0
    content = json.loads((tmp_path / "out.json").read_text())
    assert [r["grade"] for r in content["reviews"]] == ["good", "again", "easy", "easy", "easy"]
    assert content["predictions"][0]["confidence"] == 0.9
    capsys.readouterr()
    main(["export"])
    assert json.loads(capsys.readouterr().out) == content


def test_forget_asks_first(progress_file, capsys, monkeypatch):
    assert main(["forget", "--yes"]) == 0
    assert "no progress" in capsys.readouterr().out
    fill(progress_file)
    monkeypatch.setattr("builtins.input", lambda _: "no")
    assert main(["forget"]) == 1
    assert progress_file.exists()
    monkeypatch.setattr("builtins.input", lambda _: "yes")
    assert main(["forget"]) == 0
    assert not progress_file.exists()


def test_reading_commands_create_nothing_and_errors_are_one_line(progress_file, tmp_path, capsys):
    for command in ("due", "stats", "export"):
        assert main([command]) == 0
    assert not progress_file.parent.exists()
    assert main(["check", str(tmp_path / "none.md")]) == 1
    assert capsys.readouterr().err == f"{tmp_path / 'none.md'}: no such file; expected a Markdown file\n"
    assert main(["anki", str(tmp_path / "none" / "x.apkg")]) == 1
    progress_file.parent.mkdir()
    progress_file.write_bytes(b"not a database at all" * 50)
    assert main(["stats"]) == 1
    assert "Traceback" not in capsys.readouterr().err


def test_the_module_runs_as_a_program(tmp_path):
    command = [sys.executable, "-m", "flashcards", "anki", str(tmp_path / "x.apkg")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.endswith("x.apkg\n")
    assert (tmp_path / "x.apkg").stat().st_size > 100_000


def test_retention_counts_reviews_of_a_later_day_only():
    start = utc_now()
    days = [(0, Grade.GOOD), (0.1, Grade.GOOD), (2, Grade.AGAIN), (2.1, Grade.GOOD), (9, Grade.EASY)]
    assert statistics.retention(Review("t.a", start + timedelta(days=d), grade) for d, grade in days) == (1, 2)


def test_calibration_counts_first_answers_only(progress_file):
    fill(progress_file)
    levels = statistics.calibration(Store(progress_file).predictions())
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
def test_the_interval_of_a_share_is_wilsons(right, total, low, high):
    """The values are those of Newcombe 1998 (81 of 263) and of tables."""
    assert statistics.wilson(right, total) == pytest.approx((low, high), abs=5e-5)


def test_an_interval_needs_a_case():
    for right, total in ((0, 0), (3, 2), (-1, 2)):
        with pytest.raises(ValueError, match="expected at least one case"):
            statistics.wilson(right, total)


def test_the_interval_of_a_level_holds_its_share_and_stands_in_the_figure():
    predictions = [Prediction(f"t.p{i}", NOW, "x", 0.75, i < 6) for i in range(8)]
    [level] = statistics.calibration(predictions)
    low, high = level.interval
    assert low < 6 / 8 < high
    [lines] = [c for c in figures.calibration(predictions).figure.axes[0].collections if hasattr(c, "get_segments")]
    assert lines.get_segments()[0][:, 1].tolist() == [low, high]


def test_coming_and_learning(progress_file):
    reviews = [Review("occlusion.what", NOW, Grade.GOOD), Review("start.grade", NOW, Grade.EASY)]
    waits = statistics.coming(load_all(), reviews, NOW)
    assert {day: count for day, count in enumerate(waits) if count} == {2: 1, 8: 1}
    chart = figures.learning(reviews, NOW)
    total = sum(len(loaded.cards) for loaded in load_all())
    assert chart.alt == (
        f"Of {total} cards 0 are learned and 2 are being learned; 0 are due now and 2 in the next 14 days."
    )


def test_figures_of_an_empty_log_say_so(progress_file):
    assert "no predictions yet" in flashcards.calibration().alt
    assert flashcards.learning()._repr_mimebundle_()[0]["image/png"]
    assert not progress_file.exists()
