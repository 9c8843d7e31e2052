"""Pictures by any name: found by `check`, and then shown on the page, on the live card, in Anki and on paper."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import flashcards
from flashcards import collection
from flashcards.cli import main
from flashcards.parsing import markdown, pictures
from flashcards.parsing.exams import read_exam
from flashcards.render.print import paper
from tests.flashcards.screen import Screen
from tests.flashcards.test_grammar import often

#: What an author writes: the file that is meant.
WRITTEN = {
    "img/one%20two.png": "img/one two.png",
    "<img/one two.png>": "img/one two.png",
    "img/größe.png": "img/größe.png",
    "img/gr%C3%B6%C3%9Fe.png": "img/größe.png",
    "img/5%25.png": "img/5%.png",
    "img/5%.png": "img/5%.png",
    "img/a%2520b.png": "img/a%20b.png",
    "img/Q&A.png": "img/Q&A.png",
    "img/Q&amp;A.png": "img/Q&A.png",
    "img/a+b=c,d;e.png": "img/a+b=c,d;e.png",
    "img/猫.png": "img/猫.png",
    "img/it's.png": "img/it's.png",
    "img/(1).png": "img/(1).png",
    "img/what%3F.png": "img/what?.png",
    "img/n%231.png": "img/n#1.png",
    "img/<b>.png": "img/<b>.png",
    'img/%22q%22.png "a title"': 'img/"q".png',
    "img/PLAIN.PNG": "img/PLAIN.PNG",
}
DECK = '+++\ntitle = "T"\nnotebook = "04_occlusion"\ntags = ["t"]\n+++\n'


@pytest.fixture
def shown(tmp_path: Path) -> dict[str, bytes]:
    """A file of its own content for every name."""
    (tmp_path / "img").mkdir()
    for i, name in enumerate(sorted(set(WRITTEN.values()))):
        Image.new("RGB", (3 + i, 2)).save(tmp_path / name, format="PNG")
    return {name: (tmp_path / name).read_bytes() for name in WRITTEN.values()}


def sources(html: str) -> list[bytes]:
    """What the pictures of a page hold; fails for one that lies elsewhere."""
    found = re.findall(r'<img src="([^"]*)"', html)
    assert all(address.startswith("data:image/png;base64,") for address in found), found
    return [base64.b64decode(address.partition(",")[2]) for address in found]


@pytest.mark.parametrize("written", WRITTEN)
def test_a_picture_shows_wherever_its_card_does(written, shown, tmp_path, capsys):
    name = WRITTEN[written]
    picture = f"![a dot]({written})"
    path = tmp_path / "d.md"
    path.write_text(
        DECK + f"\n## What {picture}? {{#t.a}}\n\n{picture}\n\n- [x] {picture}\n- [ ] B\n\nThis.\n\n> {picture}\n",
        encoding="utf-8",
    )
    assert collection.lint([path]) == []
    assert collection.load(path).cards[0].images == (name,) * 4
    quiz = flashcards.quiz(path)
    assert sources(quiz.html()) == [shown[name]] * 5  # the right option stands once more in the answer
    screen = Screen(quiz.widget())
    assert sources(screen.html) == [shown[name]] * 3
    screen.press("A")
    assert sources(screen.html) == [shown[name]] * 4
    asked = Screen(flashcards.exam(path).widget())
    assert sources(asked.html) == [shown[name]] * 3
    assert main(["paper", str(path)]) == 0
    for address in re.findall(r"!\[a dot\]\(([^ )]*)", capsys.readouterr().out):
        assert Path(pictures.name_of(address)).read_bytes() == shown[name]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("a.png", "image/png"), ("a.jpg", "image/jpeg"), ("A.JPEG", "image/jpeg"), ("a.gif", "image/gif"),
     ("a.webp", "image/webp"), ("a.svg", "image/svg+xml"), ("a.b.Svg", "image/svg+xml")],
)  # fmt: skip
def test_a_picture_has_the_type_that_browsers_know(name, kind, tmp_path):
    (tmp_path / name).write_bytes(b"dot")
    assert pictures.data_address(tmp_path / name) == f"data:{kind};base64,ZG90"
    assert pictures.wrong_picture(tmp_path, name) == ""


def test_criteria_and_their_key_show_pictures(shown, tmp_path, capsys):
    path = tmp_path / "e.md"
    path.write_text(DECK + "\n## Draw it. {#t.a}\n\n![a dot](img/Q&A.png)\n\n- (2) ![a dot](<img/one two.png>)\n")
    screen = Screen(flashcards.exam(path).widget())
    screen.press("Next")
    screen.press("Hand in")
    assert sorted(sources(screen.html)) == sorted([shown["img/Q&A.png"], shown["img/one two.png"]])
    assert main(["paper", str(path), "--key"]) == 0
    folder = pictures.address_of(tmp_path)
    assert f"![a dot]({folder}/img/Q%26A.png)" in (printed := capsys.readouterr().out)
    assert f"- (2) ![a dot]({folder}/img/one%20two.png)" in printed


#: Pictures, and what holds the very words of a picture or of its address and is none.
TEXTS = [
    "![a dot](img/dot.png)", "`![a dot](img/dot.png)`", "`` ![a dot](img/dot.png) ` ``", "$![a dot](img/dot.png)$",
    "\\![a dot](img/dot.png)", "!\\[a dot](img/dot.png)", "[![a dot](img/dot.png)](http://example.org)", "*![a dot](img/dot.png)*",
    "![a `](img/dot.png)` dot](img/dot.png)", "![![a dot](img/dot.png)](img/dot.png)", '![a dot](  img/dot.png "](img/dot.png)")',
    "![a dot](<img/dot.png>)", "[the dot](img/dot.png)", "img/dot.png", "`](` and ](", "<http://example.org/![a](img/dot.png)>",
]  # fmt: skip
BLOCKS = [
    "{}", "> {}\n> {}", "1. {}\n   {}", "> 1. {}\n>\n>    {}", "| {} | {} |\n|---|---|\n| {} | a \\| {} |\n| {} |",
    "```\n![a dot](img/dot.png)\n```", "    ![a dot](img/dot.png)", "> ~~~\n> ![a dot](img/dot.png)\n> ~~~",
    "$$\n![a dot](img/dot.png)\n$$", "> ![a\n> dot](img/dot.png) {}", "> ![a dot](\n> img/dot.png) {}",
    "| ![a \\| dot](img/dot.png) | {} |\n|---|---|\n| `a \\| ![a dot](img/dot.png)` | {} |",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("readdressed")
    (path / "img").mkdir()
    (path / "img" / "dot.png").write_bytes(b"dot")
    return path


@often
@given(st.data())
def test_on_paper_pictures_alone_have_another_address(folder, data):
    def line(text: str = "{}") -> str:
        drawn = iter(lambda: " ".join(["A", *data.draw(st.lists(st.sampled_from(TEXTS), max_size=3)), "so"]), None)
        return re.sub("{}", lambda _: next(drawn), text)

    blocks = [line(block) for block in data.draw(st.lists(st.sampled_from(BLOCKS), max_size=3))]
    cards = [
        "\n\n".join([f"## What of {line()}? {{#t.one}}", *(f"So:\n\n{block}" for block in blocks)]),
        f"- [x] {line()} left\n- [ ] {line()}\n  {line()} right\n\nSo it is.",
        f"## Why {line()}? {{#t.two}}\n\n- (1) {line()} left\n- (2) {line()}\n  {line()} right\n",
    ]
    (folder / "e.md").write_text(DECK + "\n" + "\n\n".join(cards), encoding="utf-8")
    exam, _ = read_exam(folder / "e.md")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pictures, "portable", lambda lines, *_: lines)
        meant = markdown.render(markdown.blocks(paper(read_exam(folder / "e.md")[0], key=True)))
    printed = markdown.render(markdown.blocks(paper(exam, key=True)))
    here = f'<img src="{pictures.address_of(folder)}/'
    assert printed.count(pictures.address_of(folder)) == printed.count(here) == printed.count("<img")
    assert printed.replace(here, '<img src="').splitlines() == meant.splitlines()
