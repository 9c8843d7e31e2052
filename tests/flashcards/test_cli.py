"""The command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from flashcards import collection
from flashcards.cli import main
from flashcards.course import sections_of

SECTION = (sections_of("04_occlusion") or ())[0]
FINE = f"\n# {SECTION}\n\n## What? {{#t.fine}}\n\n**This**.\n"


def test_due_lists_what_waits(filled, capsys):
    assert main(["due"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["occlusion.what", "start.heatmap", "2"]
    assert "38 days late" in lines[0]


def test_stats_count(filled, progress_file, capsys):
    assert main(["stats"]) == 0
    out = capsys.readouterr().out
    row = next(line for line in out.splitlines() if line.startswith("00_start_here"))
    assert row.split()[1:] == ["5", "2", "0", "1"]
    assert "5 reviews; remembered on a later day: 1 of 1" in out
    assert "1 reviewed card is in no deck of the course: of your own decks, or removed since" in out
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
    capsys.readouterr()
    for command in (["stats"], ["due"], ["export"], ["forget", "--yes"]):
        assert main(command) == 1
        assert capsys.readouterr() == ("", f"{progress_file} is no SQLite file; move it away, or set VISLIB_PROGRESS\n")
    assert progress_file.exists()


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1", "cp932"])
def test_what_goes_to_a_file_is_utf_8_whatever_the_console_of_windows_has(encoding, write_deck, tmp_path):
    path = write_deck("## Why → 猫? {#t.one}\n\n- (1) says “größer”, שלום\n\n## ∇ {#T}\n", name="paper.md")
    paper = write_deck("## Why → 猫? {#t.one}\n\n- (1) says “größer”, שלום\n", name="good.md")
    console = {**os.environ, "PYTHONIOENCODING": encoding, "PYTHONUTF8": "0"}
    for arguments, status, words in (
        (["paper", str(paper), "--key"], 0, ["Why → 猫?", "says “größer”, שלום"]),
        (["paper", str(path)], 1, ["paper.md:10: bad id 'T'"]),
        (["check", "--exam", str(path)], 1, ["paper.md:10: bad id 'T'"]),
    ):
        command = [sys.executable, "-m", "flashcards", *arguments]
        with (tmp_path / "out.txt").open("wb") as out:
            done = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, env=console, check=False)
        said = (tmp_path / "out.txt").read_text(encoding="utf-8")
        assert (done.returncode, [word for word in words if word not in said]) == (status, []), said


def test_check_says_what_a_path_is_and_takes_exams(write_deck, tmp_path, capsys):
    assert main(["check", str(tmp_path), str(tmp_path / "none.md")]) == 1
    assert capsys.readouterr().err.splitlines() == [
        f"{tmp_path}: a folder; expected a Markdown file",
        f"{tmp_path / 'none.md'}: no such file; expected a Markdown file",
    ]
    heading = f"# {SECTION}\n\n## Why? {{#t.one}}\n\n"
    assert main(["check", str(write_deck(f"{heading}- (1) says **so**\n- (½) says more\n"))]) == 0  # a good deck
    paper = write_deck("## Why? {#t.one}\n\n- (1) says so\n- (½) says more\n", name="paper.md")
    assert main(["check", "--exam", str(paper)]) == 1
    assert "paper.md:9: a criterion without points, '(½) says more'" in capsys.readouterr().err
    assert main(["check", "--exam"]) == 0
    assert capsys.readouterr().out == "1 exam, 54 questions, no mistakes\n"
    front = '+++\ntitle = "T"\nnotebook = "09_review"\ntags = ["t"]\nkey = "none.md"\n+++\n'
    paper = write_deck("## Why? {#t.one}\n", front, name="paper.md")
    assert main(["check", "--exam", str(paper)]) == 0
    said = "1 exam, 1 question, no mistakes; paper without its key, which is not here\n"
    assert capsys.readouterr().out == said


@pytest.mark.parametrize(("deck", "status"), [("good", 0), ("bad", 1)])
def test_the_module_runs_as_a_program_and_gives_its_exit_status(deck, status, write_deck):
    path = write_deck(FINE if deck == "good" else "\n## What?\n")
    done = subprocess.run([sys.executable, "-m", "flashcards", "check", str(path)], capture_output=True, check=False)
    assert done.returncode == status


def test_the_cards_are_written_for_anki(tmp_path, capsys):
    assert main(["anki", str(tmp_path / "x.apkg")]) == 0
    assert capsys.readouterr().out.endswith("x.apkg\n")
    assert (tmp_path / "x.apkg").stat().st_size > 100_000


def test_check_exits_1_and_names_every_mistake(write_deck, capsys):
    good = write_deck(FINE, name="good.md")
    assert main(["check", str(good)]) == 0
    assert capsys.readouterr() == ("1 deck, 1 card, no mistakes\n", "")
    assert main(["check", str(write_deck("\n## What?\n", name="bad.md"))]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "bad.md:7: the card has no id; expected '{#topic.name}' at the end of its heading",
        "bad.md:7: the card has no answer",
    ]
    known = write_deck("\n# Patches\n\n## What is this? {#t.a}\n\n**This**.\n\n## How? {#t.b}\n\nSo.\n", name="told.md")
    assert main(["check", str(known)]) == 1
    assert capsys.readouterr().err.splitlines() == [
        "told.md:9: the front contains 'This', a key term of its answer; expected it in the answer",
        "told.md:9: the section is 'Patches'; expected a heading of 04_occlusion",
        "told.md:13: an answer without key terms; expected the words that count in bold, '**so**'",
        "told.md:13: the section is 'Patches'; expected a heading of 04_occlusion",
    ]


def test_the_check_command_looks_at_exams_too(capsys, monkeypatch, write_deck):
    path = write_deck("## Why? {#t.one}\n\nText.\n", name="paper.md")
    monkeypatch.setattr(collection, "EXAMS", path.parent)
    assert main(["check"]) == 1
    assert "paper.md:6: the question has neither" in capsys.readouterr().err
