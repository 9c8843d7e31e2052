"""The command line."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from flashcards import collection
from flashcards.cli import main


def test_due_lists_what_waits(filled, capsys):
    assert main(["due"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["occlusion.what", "start.pixels", "2"]
    assert "38 days late" in lines[0]


def test_stats_count(filled, progress_file, capsys):
    assert main(["stats"]) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.startswith("00_start_here"))
    assert row.split()[1:] == ["4", "2", "0", "1"]
    assert "5 reviews; remembered on a later day: 1 of 1" in out
    assert "1 reviewed cards are no longer in the decks" in out
    assert "2 predictions, Brier score 0.41" in out
    assert str(progress_file) in out


def test_export_gives_everything_back(filled, tmp_path, capsys):
    assert main(["export", str(tmp_path / "out.json")]) == 0
    content = json.loads((tmp_path / "out.json").read_text())
    assert [r["grade"] for r in content["reviews"]] == ["good", "again", "easy", "easy", "easy"]
    assert content["predictions"][0]["confidence"] == 0.9
    capsys.readouterr()
    main(["export"])
    assert json.loads(capsys.readouterr().out) == content


def test_there_is_nothing_to_forget(capsys):
    assert main(["forget", "--yes"]) == 0
    assert "no progress" in capsys.readouterr().out


def test_forget_asks_first(filled, progress_file, monkeypatch):
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


@pytest.mark.parametrize(("deck", "status"), [("good", 0), ("bad", 1)])
def test_the_module_runs_as_a_program_and_gives_its_exit_status(deck, status, write_deck):
    path = write_deck("\n## What? {#t.fine}\n\nThis.\n" if deck == "good" else "\n## What?\n")
    done = subprocess.run([sys.executable, "-m", "flashcards", "check", str(path)], capture_output=True, check=False)
    assert done.returncode == status


def test_the_cards_are_written_for_anki(tmp_path, capsys):
    assert main(["anki", str(tmp_path / "x.apkg")]) == 0
    assert capsys.readouterr().out.endswith("x.apkg\n")
    assert (tmp_path / "x.apkg").stat().st_size > 100_000


def test_check_exits_1_and_names_every_mistake(write_deck, capsys):
    good = write_deck("\n## What? {#t.fine}\n\nThis.\n", name="good.md")
    assert main(["check", str(good)]) == 0
    assert capsys.readouterr() == ("1 decks, 1 cards, no mistakes\n", "")
    assert main(["check", str(write_deck("\n## What?\n", name="bad.md"))]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "bad.md:7: the card has no id; expected '{#topic.name}' at the end of its heading",
        "bad.md:7: the card has no answer",
    ]


def test_the_check_command_looks_at_exams_too(capsys, monkeypatch, write_deck):
    path = write_deck("## Why? {#t.one}\n\nText.\n", name="paper.md")
    monkeypatch.setattr(collection, "EXAMS", path.parent)
    assert main(["check"]) == 1
    assert "paper.md:6: the question has neither" in capsys.readouterr().err
