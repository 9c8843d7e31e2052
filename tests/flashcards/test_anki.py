"""The export, read by the real Anki."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flashcards.collection import load, load_all
from flashcards.render import anki

pytest.importorskip("anki")


@pytest.fixture
def collection(tmp_path: Path) -> Iterator[Any]:
    from anki.collection import Collection

    opened = Collection(str(tmp_path / "collection.anki2"))
    yield opened
    opened.close()


def take_in(collection: Any, path: Path) -> None:
    from anki.collection import ImportAnkiPackageOptions, ImportAnkiPackageRequest

    options = ImportAnkiPackageOptions(with_scheduling=True, with_deck_configs=False)
    collection.import_anki_package(ImportAnkiPackageRequest(package_path=str(path), options=options))


def fields(collection: Any, card: str) -> list[str]:
    (note,) = collection.find_notes(f"Id:{card}")
    return list(collection.get_note(note).fields)


def test_the_course_arrives_with_decks_math_and_pictures(collection, tmp_path):
    decks = load_all()
    count = anki.export(decks, tmp_path / "out.apkg")
    take_in(collection, tmp_path / "out.apkg")
    assert count == sum(len(loaded.cards) for loaded in decks) == collection.note_count() == collection.card_count()
    names = {item.name for item in collection.decks.all_names_and_ids()}
    assert {f"{anki.COURSE}::{loaded.name[:2]} {loaded.title}" for loaded in decks} <= names
    question, answer, _ = fields(collection, "gradients.norm")
    assert "\\(\\lvert\\nabla_x f(x)\\rvert_1\\)" in answer
    assert next(card.section for loaded in decks for card in loaded.cards if card.id == "gradients.norm") in answer
    assert "nabla" not in question
    question, _, _ = fields(collection, "sanity.spot")
    assert 'src="sanity_spot.png"' in question
    assert (Path(collection.media.dir()) / "sanity_spot.png").exists()
    question, answer, _ = fields(collection, "activations.tsne")
    (hidden,) = next(card.terms for loaded in decks for card in loaded.cards if card.id == "activations.tsne")
    assert hidden not in question
    assert hidden in answer


def test_an_edited_card_is_updated_on_import_and_keeps_its_schedule(collection, write_deck, tmp_path):
    text = "\n## What? {#t.a}\n\nOld text.\n\n## Why? {#t.b}\n\nThe same.\n"
    path = write_deck(text)
    anki.export([load(path)], tmp_path / "1.apkg", timestamp=1_700_000_000)
    take_in(collection, tmp_path / "1.apkg")
    (known,) = collection.find_cards("Id:t.a")
    card = collection.get_card(known)
    card.ivl, card.due, card.queue, card.type, card.reps = 17, 42, 2, 2, 5
    collection.update_card(card)

    path.unlink()
    edited = write_deck(text.replace("Old text.", "New text, $x<1$."), name="deck.md")
    anki.export([load(edited)], tmp_path / "2.apkg", timestamp=1_700_000_100)
    take_in(collection, tmp_path / "2.apkg")
    assert collection.note_count() == 2
    assert "New text, \\(x&lt;1\\)." in fields(collection, "t.a")[1]
    assert "The same." in fields(collection, "t.b")[1]
    (same,) = collection.find_cards("Id:t.a")
    card = collection.get_card(same)
    assert same == known
    assert (card.ivl, card.due, card.queue, card.type, card.reps) == (17, 42, 2, 2, 5)


def test_by_itself_the_timestamp_rises(write_deck, tmp_path, monkeypatch, collection):
    path = write_deck("\n## What? {#t.a}\n\nOld.\n")
    moments = itertools.count(1_700_000_000.0, 50.0)
    monkeypatch.setattr(anki.time, "time", lambda: next(moments))
    anki.export([load(path)], tmp_path / "1.apkg")
    write_deck("\n## What? {#t.a}\n\nBrand new.\n")
    anki.export([load(path)], tmp_path / "2.apkg")
    take_in(collection, tmp_path / "1.apkg")
    take_in(collection, tmp_path / "2.apkg")
    assert "Brand new." in fields(collection, "t.a")[1]


def test_the_numbers_that_anki_knows_decks_by_never_change():
    assert anki.MODEL_ID == 1_702_358_411
    assert anki.deck_id("04_occlusion") == 1_943_800_880


def test_pictures_of_one_name_stay_apart_and_one_picture_is_sent_once(collection, tmp_path):
    names = {"a/dot.png": b"1", "b/dot.png": b"2", "c/DOT.png": b"3", "d/dot.png": b"1", "a/own%20[1].png": b"4"}
    cards = ""
    for i, (name, content) in enumerate(names.items()):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content)
        cards += f"\n## What? {{#t.c{i}}}\n\n![a dot]({name.replace('%', '%25')})\n\nThis.\n"
    path = tmp_path / "deck.md"
    path.write_text('+++\ntitle = "T"\nnotebook = "04_occlusion"\ntags = ["t"]\n+++\n' + cards)
    anki.export([load(path)], tmp_path / "out.apkg")
    take_in(collection, tmp_path / "out.apkg")
    media = Path(collection.media.dir())
    for i, content in enumerate(names.values()):
        (name,) = re.findall('src="([^"]*)"', fields(collection, f"t.c{i}")[0])
        assert (media / name).read_bytes() == content
    assert len(list(media.iterdir())) == 4
    report = collection.media.check()
    assert (list(report.missing), list(report.unused)) == ([], [])


def test_a_text_is_a_text_in_anki_too(collection, write_deck, tmp_path):
    front = '+++\ntitle = "Costs::of $5 and $6"\nnotebook = "04_occlusion"\ntags = ["t"]\n+++\n'
    path = write_deck(
        "\n## What? {#t.a}\n\n[sound:a.mp3], [latex]x[/latex], [\\$]y[/\\$] and \\{\\{Answer\\}\\}.\n", front
    )
    anki.export([load(path)], tmp_path / "out.apkg")
    take_in(collection, tmp_path / "out.apkg")
    (known,) = collection.find_cards("Id:t.a")
    card = collection.get_card(known)
    assert card.answer_av_tags() == []
    shown = re.sub("<style>.*?</style>|<[^>]*>", "", card.answer(), flags=re.DOTALL)
    assert "[sound:a.mp3], [latex]x[/latex], [$]y[/$] and {{Answer}}." in shown
    names = [item.name for item in collection.decks.all_names_and_ids()]
    assert f"{anki.COURSE}::de Costs:of $5 and $6" in names
