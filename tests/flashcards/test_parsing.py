"""Reading decks: what a card becomes, and what is said about every mistake."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from flashcards import collection
from flashcards.model import Card, Deck, DeckError, Option
from flashcards.parsing.cards import read_deck
from flashcards.render import html

GOOD = '+++\ntitle = "T"\nnotebook = "04_occlusion"\ntags = ["t"]\n+++\n'
NOTEBOOKS = ", ".join(path.stem for path in sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb")))
FINE = "\n## What? {#t.fine}\n\nThis.\n"

# what is wrong: the whole file, and all that must be said about it
MALFORMED: dict[str, tuple[str, list[str]]] = {
    "no front matter": (
        "## What? {#t.a}\n\nThis.\n",
        ["1: the file begins without front matter; expected '+++', then title, notebook and tags, then '+++'"],
    ),
    "front matter not closed": (
        '+++\ntitle = "T"\n',
        ["1: the front matter opened with '+++' is never closed with '+++'"],
    ),
    "front matter not TOML": (
        '+++\ntitle = "T"\nnotebook = 04\n+++\n' + FINE,
        [
            "3: the front matter is not TOML: "
            "Expected newline or end of document after a statement (at line 2, column 13)"
        ],
    ),
    "front matter not TOML to its end": (
        '+++\ntitle = """T\nnotebook = "04_occlusion"\n+++\n' + FINE,
        ["4: the front matter is not TOML: Unterminated string (at end of document)"],
    ),
    "front matter not closed, and a card with a mistake": (
        '+++\ntitle = "T"\n' + FINE + "\n## What?\n\nThis.\n",
        [
            "1: the front matter opened with '+++' is never closed with '+++'",
            "8: the card has no id; expected '{#topic.name}' at the end of its heading",
        ],
    ),
    "front matter of the wrong kinds": (
        '+++\nnotebook = 4\ntitle = 1\ntags = ["a-b", "two words"]\n+++\n' + FINE,
        [
            "2: the notebook is 4; expected a text",
            "3: the title is 1; expected a text",
            "4: the tags are ['a-b', 'two words']; expected a list of words without blanks",
        ],
    ),
    "front matter with two unknown keys and tags that are numbers": (
        '+++\nz = 1\ntags = [1]\ntitle = " "\na = 1\nnotebook = "04_occlusion"\n+++\n' + FINE,
        [
            "2: unknown key 'z' in the front matter; expected title, notebook and tags",
            "3: the tags are [1]; expected a list of words without blanks",
            "4: the title is ' '; expected a text",
            "5: unknown key 'a' in the front matter; expected title, notebook and tags",
        ],
    ),
    "front matter incomplete": (
        '+++\ntitle = ""\ntag = ["t"]\n+++\n' + FINE,
        [
            "1: the front matter has no notebook",
            "1: the front matter has no tags",
            "2: the title is ''; expected a text",
            "3: unknown key 'tag' in the front matter; expected title, notebook and tags",
        ],
    ),
    "tags of the wrong kind": (
        '+++\ntitle = "T"\nnotebook = "04_occlusion"\ntags = "two words"\n+++\n' + FINE,
        ["4: the tags are 'two words'; expected a list of words without blanks"],
    ),
    "unknown notebook": (
        '+++\ntitle = "T"\nnotebook = "04_oclusion"\ntags = ["t"]\n+++\n' + FINE,
        [f"3: unknown notebook '04_oclusion'; expected one of {NOTEBOOKS}"],
    ),
    "no cards": (GOOD, ["1: the deck has no cards; expected headings '## question {#id}'"]),
    "text before the first card": (
        GOOD + "\nHello.\n\nAgain.\n" + FINE,
        ["7: text before the first card; expected '## question {#id}'"],
    ),
    "heading of another level": (
        GOOD + "\n# Title\n" + FINE + "\n### More\n",
        [
            "13: a heading of level 3; expected only cards, '## question {#id}'",
        ],
    ),
    "missing id": (
        GOOD + "\n## What?\n\nThis.\n",
        ["7: the card has no id; expected '{#topic.name}' at the end of its heading"],
    ),
    "id before the end": (
        GOOD + "\n## What {#t.a} is it?\n\nThis.\n",
        ["7: the card has no id; expected '{#topic.name}' at the end of its heading"],
    ),
    "bad id": (
        GOOD + "\n## What? {#Sanity Spot}\n\nThis.\n",
        ["7: bad id 'Sanity Spot'; expected words of a-z, 0-9 and _ with a dot between, like 'topic.name'"],
    ),
    "repeated id": (
        GOOD + FINE + FINE + FINE,
        ["11: the id 't.fine' is already taken at line 7", "15: the id 't.fine' is already taken at line 7"],
    ),
    "mistakes of a card without an id": (
        GOOD + "\n## What\n\n![](none.png)\n" + FINE,
        [
            "7: the card has no id; expected '{#topic.name}' at the end of its heading",
            "7: the card has no answer",
            "9: the picture 'none.png' does not exist",
            "9: the picture 'none.png' has no alt text; expected '![what it shows](none.png)'",
        ],
    ),
    "no question": (GOOD + "\n## {#t.a}\n\nThis.\n", ["7: the card has no question"]),
    "no answer": (GOOD + "\n## What? {#t.a}\n" + FINE, ["7: the card has no answer"]),
    "picture without an answer": (
        GOOD + "\n## What? {#t.a}\n\n![A dot](dot.png)\n",
        ["7: the card has no answer"],
    ),
    "unbalanced math in the question": (
        GOOD + "\n## What is $x_1? {#t.a}\n\nThis.\n",
        ["7: unbalanced math: a lone '$' in 'What is $x_1?'; expected '$…$', or '\\$' for a dollar"],
    ),
    "unbalanced math in the answer": (
        GOOD + "\n## What? {#t.a}\n\nThis,\nfor $5.\n",
        ["10: unbalanced math: a lone '$' in 'for $5.'; expected '$…$', or '\\$' for a dollar"],
    ),
    "unbalanced braces": (
        GOOD + "\n## What is $\\frac{1{2}$? {#t.a}\n\n$$\n\\left( x\n$$\n",
        [
            "7: unbalanced math: 2 '{' but 1 '}' in '\\\\frac{1{2}'",
            "9: unbalanced math: 1 '\\left' but 0 '\\right' in '\\\\left( x'",
        ],
    ),
    "missing picture": (
        GOOD + "\n## What? {#t.a}\n\n![A dot](img/none.png)\n\nThis.\n",
        ["9: the picture 'img/none.png' does not exist"],
    ),
    "no alt text": (
        GOOD + "\n## What? {#t.a}\n\nThis,\n![](dot.png)\n",
        ["10: the picture 'dot.png' has no alt text; expected '![what it shows](dot.png)'"],
    ),
    "pictures whose lines must be counted": (
        GOOD + "\n## What ![](dot.png)? {#t.a}\n\nThis,  \nthat,\n![](dot.png)\n\n> ![](dot.png)\n",
        [
            f"{line}: the picture 'dot.png' has no alt text; expected '![what it shows](dot.png)'"
            for line in (7, 11, 13)
        ],
    ),
    "picture with an empty address": (
        GOOD + "\n## What? {#t.a}\n\n![A dot]()\n\nThis.\n",
        ["9: the picture '' does not exist"],
    ),
    "pictures out of the folder": (
        GOOD + "\n## What? {#t.a}\n\n![A dot](/dot.png)\n![A dot](img/../dot.png)\n\nThis.\n",
        [
            "9: the picture '/dot.png' is not a file of the decks; expected a relative path like 'img/name.png'",
            "10: the picture 'img/../dot.png' is not a file of the decks; expected a relative path like 'img/name.png'",
        ],
    ),
    "picture elsewhere": (
        GOOD + "\n## What? {#t.a}\n\n![A dot](https://example.org/dot.png)\n\nThis.\n",
        [
            "9: the picture 'https://example.org/dot.png' is not a file of the decks; "
            "expected a relative path like 'img/name.png'"
        ],
    ),
    "no right option": (
        GOOD + "\n## Which? {#t.a}\n\n- [ ] A\n- [ ] B\n\nThis.\n",
        ["9: no right option; expected exactly one '- [x]'"],
    ),
    "two right options": (
        GOOD + "\n## Which? {#t.a}\n\n- [x] A\n- [x] B\n\nThis.\n",
        ["9: 2 right options; expected exactly one '- [x]'"],
    ),
    "a single option": (
        GOOD + "\n## Which? {#t.a}\n\n- [x] A\n\nThis.\n",
        ["9: a single option; expected at least two"],
    ),
    "option without a box": (
        GOOD + "\n## Which? {#t.a}\n\n- [x] A\n- B\n\nThis.\n",
        ["10: an option without a box; expected '- [ ]' or '- [x]'"],
    ),
    "options without a box, one of them in a list of its own": (
        GOOD + "\n## Which? {#t.a}\n\n- A\n  - B\n- [x] C\n\nThis.\n",
        [
            "9: an option without a box; expected '- [ ]' or '- [x]'",
            "10: an option that goes on with a list; expected a single paragraph",
        ],
    ),
    "a box that is something else": (
        GOOD + "\n## Which? {#t.a}\n\n- [x] A\n- [ ]B\n- [y] C\n\nThis.\n",
        [
            "10: an option without a box; expected '- [ ]' or '- [x]'",
            "11: an option without a box; expected '- [ ]' or '- [x]'",
        ],
    ),
    "the same option twice": (
        GOOD + "\n## Which? {#t.a}\n\n- [x] A\n- [ ] A\n- [ ]\n\nThis.\n",
        ["10: the option 'A' stands there twice", "11: an empty option"],
    ),
    "too many options": (
        GOOD + "\n## Which? {#t.a}\n\n- [x] right\n" + "".join(f"- [ ] {i}\n" for i in range(9)) + "\nThis.\n",
        ["9: 10 options; expected at most 9"],
    ),
    "options without an explanation": (
        GOOD + "\n## Which? {#t.a}\n\n- [x] A\n- [ ] B\n",
        ["7: the card has options but no explanation below them"],
    ),
    "two lists of options": (
        GOOD + "\n## Which? {#t.a}\n\n- [x] A\n- [ ] B\n\nOr\n\n- [x] C\n- [ ] D\n\nThis.\n",
        [
            "14: a box outside of a list of options in '[x] C'; expected '- [ ] …' or '- [x] …', or '\\['",
            "15: a box outside of a list of options in '[ ] D'; expected '- [ ] …' or '- [x] …', or '\\['",
        ],
    ),
    "cloze not closed": (
        GOOD + "\n## Cover a {{part. {#t.a}\n\nThis.\n",
        ["7: the cloze opened with '{{' is never closed with '}}'"],
    ),
    "cloze not opened": (
        GOOD + "\n## Cover a part}}. {#t.a}\n\nThis.\n",
        ["7: a cloze closes with '}}' that was never opened with '{{'"],
    ),
    "cloze in a cloze": (
        GOOD + "\n## Cover {{a {{part}}}}. {#t.a}\n\nThis.\n",
        ["7: a cloze opens inside another cloze"],
    ),
    "empty cloze": (GOOD + "\n## Cover a {{ }}. {#t.a}\n\nThis.\n", ["7: the cloze is empty"]),
    "cloze across an emphasis": (
        GOOD + "\n## Cover *a {{part* of}} it. {#t.a}\n\nThis.\n",
        ["7: a cloze begins inside an emphasis or a link and ends outside of it"],
    ),
    "yes/no question": (
        GOOD + "\n## A map is sharp. Is it right? {#t.a}\n\nNot needed.\n",
        ["7: a yes/no question; expected one that asks what, why, when or how"],
    ),
    "yes/no questions after something else and in capitals": (
        GOOD + "\n## Consider this: ISN'T it right? {#t.a}\n\nSo.\n\n## So; can it?\n",
        [
            "7: a yes/no question; expected one that asks what, why, when or how",
            "11: a yes/no question; expected one that asks what, why, when or how",
            "11: the card has no id; expected '{#topic.name}' at the end of its heading",
            "11: the card has no answer",
        ],
    ),
    "yes/no answers": (
        GOOD
        + "".join(f"\n## What of it? {{#t.a{i}}}\n\n{a}\n" for i, a in enumerate(["No", "yes!", "NO: it", "no– it"])),
        [f"{line}: a yes/no question; expected one that asks what, why, when or how" for line in (7, 11, 15, 19)],
    ),
    "yes/no answer": (
        GOOD + "\n## What of it? {#t.a}\n\nNo, never.\n",
        ["7: a yes/no question; expected one that asks what, why, when or how"],
    ),
    "yes/no question that only seems to offer a choice": (
        GOOD + "\n## Is it sharp or not? {#t.a}\n\nSharp.\n\n## What of it? {#t.b}\n\nNo. It is blurred.\n",
        [f"{line}: a yes/no question; expected one that asks what, why, when or how" for line in (7, 11)],
    ),
    "yes/no options": (
        GOOD + "\n## Which holds? {#t.a}\n\n- [ ] Yes\n- [x] No\n\nThis.\n",
        ["7: a yes/no question; expected one that asks what, why, when or how"],
    ),
    "what looks like a heading": (
        GOOD
        + "\n## What? {#t.a}\n\nThis.\n##How? {#t.b}\n\n\u00a0## Why? {#t.c}\n\n    ## When? {#t.d}\n\n> ## Who? {#t.e}\n",
        [
            "10: a heading that is none, '##How? {#t.b}'; expected '## ' at the left margin, or '\\#'",
            "12: a heading that is none, '## Why? {#t.c}'; expected '## ' at the left margin, or '\\#'",
            "14: a heading that is indented by four blanks or more, and so a code block",
            "16: a heading inside a list or a quotation; expected '## question {#id}' at the left margin",
            "16: an id outside of a heading in 'Who? {#t.e}'; expected '## question {#id}', or '\\{'",
        ],
    ),
    "an id without its heading": (
        GOOD + "\n## What? {#t.a}\n\nThis.\n\nHow? {#t.b}\n",
        ["11: an id outside of a heading in 'How? {#t.b}'; expected '## question {#id}', or '\\{'"],
    ),
    "an id that is escaped": (
        GOOD + "\n## What? \\{#t.a}\n\nThis.\n",
        ["7: the card has no id; expected '{#topic.name}' at the end of its heading"],
    ),
    "code that swallows the next card": (
        GOOD + "\n## What? {#t.a}\n\n~~~~ python\nx = 1\n~~~\n" + FINE,
        ["9: a code block that is never closed; expected a line '~~~~'"],
    ),
    "code that swallows the next card and ends with its code": (
        GOOD + "\n## What? {#t.a}\n\n```\nx = 1\n" + FINE + "\n```\n\nThis.\n",
        ["9: a code block with '## What? {#t.fine}' in it; expected a line '```' before"],
    ),
    "code that is left open by the last line of a file": (
        GOOD + "\n## What? {#t.a}\n\nThis.\n\n```\nx = 1",
        ["11: a code block that is never closed; expected a line '```'"],
    ),
    "tables that are none": (
        GOOD + "\n## What? {#t.a}\n\n| a | b |\n|---|\n\na | b\n:-: | - | -\n\nThis.\n|---|---|\n",
        [
            f"{line}: a table that is none at {rule!r}; expected as many cells above it, or '\\|' for a line"
            for line, rule in ((10, "|---|"), (13, ":-: | - | -"), (16, "|---|---|"))
        ],
    ),
    "footnotes": (
        GOOD + "\n## What[^a-b]? {#t.a}\n\n- [x] A[^1]\n- [ ] B\n\nThis[^1].\n\n[^1]: And that.\n",
        [
            f"{line}: the footnote {note!r}; expected what it says in the text, or '\\[' before the '^'"
            for line, note in ((9, "[^1]"), (12, "[^1]"), (14, "[^1]"))
        ],
    ),
    "marks that are given twice": (
        GOOD + "\n## What? {#t.a fact=1 level=apply fact=2}\n\nThis.\n",
        ["7: a mark is given twice behind the id, in 't.a fact=1 level=apply fact=2'; expected it once"],
    ),
    "a formula that swallows the next card": (
        GOOD + "\n## What? {#t.a}\n\n$$\nx\n" + FINE + "\n$$\nThis.\n",
        [
            "11: an empty line in a formula; expected '$$' before it",
            "13: an empty line in a formula; expected '$$' before it",
        ],
    ),
    "boxes that are no options": (
        GOOD + "\n## Which? {#t.a}\n\n1. [x] A\n2. [ ] B\n\n> - [X] C\n\n| [ ] D |\n|---|\n\nThis.\n[x] E\n",
        [
            f"{line}: a box outside of a list of options in '[{box}] {name}'; expected '- [ ] …' or '- [x] …', or '\\['"
            for line, box, name in ((9, "x", "A"), (10, " ", "B"), (12, "X", "C"), (14, " ", "D"), (18, "x", "E"))
        ],
    ),
    "an option of two lines, one of which is another's": (
        GOOD + "\n## Which? {#t.a}\n\n- [x] A\n- [ ] B\n[ ] C\n\nThis.\n",
        ["11: a box outside of a list of options in '[ ] C'; expected '- [ ] …' or '- [x] …', or '\\['"],
    ),
    "options of more than a line": (
        GOOD
        + "\n## Which? {#t.a}\n\n- [x] A\n\n  ```\n  a\n  ```\n- [ ] B\n\n      b\n- [ ] C\n\n  $$\n  c\n  $$\n- [ ] D\n\n  d\n"
        "- [ ] E\n  > e\n- [ ] F\n  1. f\n- [ ] G\n\n  | g |\n  |---|\n- [ ] H\n\n  ***\n- > [ ] I\n\nThis.\n",
        [
            "11: an option that goes on with a code block; expected a single paragraph",
            "16: an option that goes on with an indented code block; expected a single paragraph",
            "19: an option that goes on with a displayed formula; expected a single paragraph",
            "24: an option that goes on with a paragraph; expected a single paragraph",
            "26: an option that goes on with a quotation; expected a single paragraph",
            "28: an option that goes on with a numbered list; expected a single paragraph",
            "31: an option that goes on with a table; expected a single paragraph",
            "35: an option that goes on with a rule; expected a single paragraph",
            "36: an option that begins with no text; expected a single paragraph",
        ],
    ),
    "text that looks like a picture or a link": (
        GOOD + "\n## What ![a](b c.png)? {#t.a}\n\nSee\n[here](a b) and *![a][b]*.\n",
        [
            "7: a picture that is none in 'What ![a](b c.png)?'; expected '![what it shows](address)', or '!\\['",
            "10: a picture that is none in '![a][b]'; expected '![what it shows](address)', or '!\\['",
            "10: an address that is none in '[here](a b) and'; expected one without blanks ('%20'), or ']\\('",
        ],
    ),
    "addresses by themselves": (
        GOOD + "\n## What of [it]? {#t.a}\n\nThis.\n\n[it]: http://example.org\n\n- [^1]: note\n",
        [f"{line}: the address of a link by itself; expected it in the text, '[text](address)'" for line in (11, 13)],
    ),
    "a link that nobody can see": (
        GOOD + "\n## What? {#t.a}\n\nThis [](http://example.org).\n",
        ["9: a link without text; expected '[text](address)'"],
    ),
    "a row that is longer than its table": (
        GOOD + "\n## What? {#t.a}\n\n| a | b |\n|---|---|\n| 1 | 2 |\n1 | `2|3`\n",
        ["12: a row of 3 cells in a table of 2; expected as many, or '\\|' for a line"],
    ),
    "clozes outside of the heading": (
        GOOD + "\n## Which? {#t.a}\n\n- [x] {{A}}\n- [ ] B\n\nThis\n*and {{that*.\n",
        [
            "9: a cloze outside of a heading in '{{A}}'; expected it in the question, or '\\{'",
            "13: a cloze outside of a heading in 'and {{that'; expected it in the question, or '\\{'",
        ],
    ),
    "three braces": (
        GOOD + "\n## Cover {{{it}}}. {#t.a}\n",
        ["7: 3 braces in a row; expected two, or '\\{' for a brace"],
    ),
    "deeper than the parser looks": (
        GOOD + "\n## What? {#t.a}\n\nThis.\n\n" + ">" * 22 + " that\n",
        ["11: lists and quotations 20 levels deep; expected fewer"],
    ),
    "characters that show nothing": (
        GOOD + "\n## What? {#t.a}\n\nThis\x07\x07 and\x00.\n\ufeff## How? {#t.b}\n",
        [
            "9: the character U+0007, which shows nothing; expected text",
            "9: the character U+0000, which shows nothing; expected text",
            "10: the character U+FEFF, which shows nothing; expected text",
            "10: a heading that is none, '\\ufeff## How? {#t.b}'; expected '## ' at the left margin, or '\\#'",
        ],
    ),
    "pictures that no page shows": (
        GOOD
        + "\n## What? {#t.a}\n\nThis.\n\n![A dot](dot.tiff)\n![A dot](dot)\n![A dot](dot.svgz)\n![A dot](C:%5Cdot.png)\n",
        [
            *(
                f"{line}: the picture {name!r} is of no kind that every page shows; "
                "expected .png, .jpg, .gif, .svg or .webp"
                for line, name in ((11, "dot.tiff"), (12, "dot"), (13, "dot.svgz"))
            ),
            "14: the picture 'C:\\\\dot.png' is not a file of the decks; expected a relative path like 'img/name.png'",
        ],
    ),
    "not UTF-8, in its third line": (
        '+++\ntitle = "T"\n# \udce4\n+++\n',
        ["3: the file is not UTF-8 text: invalid continuation byte at byte 18"],
    ),
    "UTF-16": ("\udcff\udcfe+\0+\0+\0", ["1: the file is not UTF-8 text: invalid start byte at byte 0"]),
    "not UTF-8": ("\udcff", ["1: the file is not UTF-8 text: invalid start byte at byte 0"]),
    "everything at once": (
        '+++\ntitle = "T"\nnotebook = "12"\ntags = ["t"]\n+++\n\n## Is it? \n\n- [ ] A\n- [ ] B\n\n## b $ {#b}\n',
        [
            f"3: unknown notebook '12'; expected one of {NOTEBOOKS}",
            "7: the card has no id; expected '{#topic.name}' at the end of its heading",
            "7: the card has options but no explanation below them",
            "9: no right option; expected exactly one '- [x]'",
            "12: bad id 'b'; expected words of a-z, 0-9 and _ with a dot between, like 'topic.name'",
            "12: unbalanced math: a lone '$' in 'b $'; expected '$…$', or '\\$' for a dollar",
            "12: the card has no answer",
        ],
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_a_malformed_deck_is_told_all_its_mistakes_at_their_lines(case, tmp_path):
    text, expected = MALFORMED[case]
    path = tmp_path / "bad.md"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    dots = ["dot", "dot.png", "dot.svgz", "dot.tiff"]
    for dot in dots:
        (tmp_path / dot).write_bytes(b"dot")
    assert sorted(str(problem) for problem in collection.lint([path])) == sorted(f"bad.md:{line}" for line in expected)
    with pytest.raises(DeckError) as error:
        collection.load(path)
    assert str(error.value).splitlines() == [str(problem) for problem in collection.lint([path])]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.md", *dots]  # nothing was written


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_file_is_read_as_any_editor_writes_it(encoding, end, tmp_path):
    path = tmp_path / "x.md"
    path.write_bytes((GOOD + FINE + "\n## Ümläute?\n\nDots.\n").replace("\n", end).encode(encoding))
    deck, [problem] = read_deck(path)
    assert [card.id for card in deck.cards] == ["t.fine"]
    assert str(problem) == "x.md:11: the card has no id; expected '{#topic.name}' at the end of its heading"


def read(path: Path) -> Deck:
    deck, problems = read_deck(path)
    assert problems == []
    return deck


def test_a_deck_is_what_its_file_says(write_deck):
    front = '+++ \n tags = ["a-b", "c"]\nnotebook="05_gradients"\ntitle = "All *of* it"\n+++\t\n'
    path = write_deck("\n## What? {#t.a}\n\nThis.\n\n## Why? {#t.b_2.c}\n\nSo.\n", front, name="05_some.md")
    deck = read(path)
    assert (deck.name, deck.title, deck.notebook, deck.tags, deck.path) == (
        "05_some", "All *of* it", "05_gradients", ("a-b", "c"), path
    )  # fmt: skip
    assert [(card.id, card.line, card.topic) for card in deck.cards] == [("t.a", 7, "t"), ("t.b_2.c", 11, "t")]


def test_what_is_wrong_with_the_front_matter_leaves_the_rest_of_it(tmp_path):
    path = tmp_path / "x.md"
    path.write_text('+++\ntitle = 1\nnotebook = "04_occlusion"\ntags = "t"\n+++\n' + FINE)
    deck, problems = read_deck(path)
    assert (deck.title, deck.notebook, deck.tags) == ("x", "04_occlusion", ())
    assert (len(problems), len(deck.cards)) == (2, 1)
    path.write_text(FINE)
    assert (read_deck(path)[0].notebook, len(read_deck(path)[0].cards)) == ("", 1)


def test_a_basic_card_is_what_its_file_says(write_deck, tmp_path):
    (tmp_path / "dot.png").write_bytes(b"dot")
    (tmp_path / "a..b one.png").write_bytes(b"dot")
    (card,) = read(
        write_deck(
            "\n## What is *it*, $x<1$?  {#t.a}\n\n![One](dot.png)\n![Two](a..b%20one.png)\n\n![Three](dot.png) ![Four](dot.png)\n\n"
            "The *first*.\n\n- and\n- more\n"
        )
    ).cards
    question = (
        '<p class="fc-question">What is <em>it</em>, \\(x&lt;1\\)?</p>\n<p><img src="dot.png" alt="One" />\n'
        '<img src="a..b%20one.png" alt="Two" /></p>\n<p><img src="dot.png" alt="Three" /> <img src="dot.png" alt="Four" /></p>'
    )
    assert card == Card(
        id="t.a",
        kind="basic",
        question=question,
        solved=question,
        answer="<p>The <em>first</em>.</p>\n<ul>\n<li>and</li>\n<li>more</li>\n</ul>",
        options=(),
        question_text="What is it, $x<1$?",
        solved_text="What is it, $x<1$?",
        answer_text="The first.\nand\nmore",
        images=("dot.png", "a..b one.png", "dot.png", "dot.png"),
        folder=tmp_path,
        line=7,
        lead_text="One Two\nThree Four",
        notebook="04_occlusion",
    )


def test_a_cloze_is_what_its_file_says(write_deck, tmp_path):
    (card,) = read(write_deck("\n## Cover a {{part}}. {#t.a}\n")).cards  # an answer beyond the cloze is optional
    assert card == Card(
        id="t.a",
        kind="cloze",
        question='<p class="fc-question">Cover a <span class="fc-gap" aria-label="blank">[…]</span>.</p>',
        solved='<p class="fc-question">Cover a <mark class="fc-cloze">part</mark>.</p>',
        answer="",
        options=(),
        question_text="Cover a […].",
        solved_text="Cover a part.",
        answer_text="",
        images=(),
        folder=tmp_path,
        line=7,
        terms=("part",),
        notebook="04_occlusion",
    )


def test_a_choice_is_what_its_file_says(write_deck, tmp_path):
    boxes = "- [ ] *left*\n- [X]  $x$\n- [ ] [x] up\n" + "".join(f"- [ ] {i}\n" for i in range(6))
    (card,) = read(
        write_deck(f"\n## Which? {{#t.a}}\n\nBetween\n\n- these\n  - and those\n\nOf\n\n{boxes}\nBecause.\n\n- so\n")
    ).cards
    assert card == Card(
        id="t.a",
        kind="choice",
        question='<p class="fc-question">Which?</p>\n<p>Between</p>\n<ul>\n<li>these\n<ul>\n<li>and those</li>\n</ul>\n'
        "</li>\n</ul>\n<p>Of</p>",
        solved=card.question,
        answer="<p>Because.</p>\n<ul>\n<li>so</li>\n</ul>",
        options=(
            Option("<em>left</em>", "left", False),
            Option("\\(x\\)", "$x$", True),
            Option("[x] up", "[x] up", False),
            *(Option(str(i), str(i), False) for i in range(6)),
        ),
        question_text="Which?",
        solved_text="Which?",
        answer_text="Because.\nso",
        images=(),
        folder=tmp_path,
        line=7,
        lead_text="Between\nthese\nand those\nOf",
        terms=("$x$",),
        notebook="04_occlusion",
    )


def test_code_may_open_what_it_does_not_close(write_deck):
    (card,) = read(write_deck("\n## What? {#t.a}\n\n```\nf(x) {\n```\n")).cards
    assert card.answer_text == "f(x) {"


def test_a_card_with_a_wrong_id_is_no_card_and_one_with_a_wrong_cloze_is_a_cloze(write_deck):
    assert read_deck(write_deck("\n## What? {#a}\n\nThis.\n"))[0].cards == ()
    (card,) = read_deck(write_deck("\n## Cover {{it. {#t.a}\n"))[0].cards
    assert card.kind == "cloze"


def test_the_last_of_two_ids_counts(write_deck):
    (card,) = read(write_deck("\n## What is {#t.a}? {#t.b} \t\n\nThis.\n")).cards
    assert (card.id, card.question_text) == ("t.b", "What is {#t.a}?")


def test_a_cloze_with_options_is_a_choice(write_deck):
    (card,) = read(write_deck("\n## It is {{this}}. {#t.a}\n\n- [x] this\n- [ ] that\n\nSo.\n")).cards
    assert (card.kind, card.question_text) == ("choice", "It is […].")


@pytest.mark.parametrize(
    "card",
    [
        "## What? Is it? No: which is it? {#t.a}\n\nThis.\n",
        "## Is it sharp. {#t.a}\n\nThis.\n",
        "## Is it 'sharp?' to see {#t.a}\n\nThis.\n",
        "## Island or sea? {#t.a}\n\nThis.\n",
        "## What holds? {#t.a}\n\nNo one knows.\n",
        "## What holds? {#t.a}\n\nNothing.\n\nYes.\n",
        "## Is it? {#t.a}\n\n- [x] this\n- [ ] yes\n\nNo.\n",
        "## Which row is it? {#t.a}\n\nNo. 7, counted from the top.\n",
        "## What is counted? {#t.a}\n\nNo. of steps.\n",
        "## Is a map of the gradient signed, or absolute? {#t.a}\n\nSigned.\n",
    ],
)
def test_what_only_looks_like_a_yes_no_question(card, write_deck):
    assert read(write_deck("\n" + card)).cards


@pytest.mark.parametrize("words", [("yes", "NO."), ("True", "false"), ("Yes", "No", "true.")])
def test_options_that_only_say_yes_or_no(words, write_deck):
    boxes = "".join(f"- [{'x' if i == 0 else ' '}] {word}\n" for i, word in enumerate(words))
    _, [problem] = read_deck(write_deck(f"\n## Which holds? {{#t.a}}\n\n{boxes}\nThis.\n"))
    assert str(problem) == "deck.md:7: a yes/no question; expected one that asks what, why, when or how"


def test_math_is_kept_from_markdown_and_html_is_escaped(write_deck):
    loaded = collection.load(
        write_deck(
            "\n## What of $a_{{1}}*b*c<d$ <b>now</b>, for \\$5? {#t.a}\n\n$$\nx < y\n$$\n\nIt costs `$1` *now*.\n"
        )
    )
    (card,) = loaded.cards
    assert card.kind == "basic"
    assert "\\(a_{{1}}*b*c&lt;d\\) &lt;b&gt;now&lt;/b&gt;, for <span>$</span>5?" in card.question
    assert "<p>\\[x &lt; y\\]</p>" in card.answer
    assert "<code>$1</code> <em>now</em>" in card.answer


def test_clozes_hide_text_math_and_emphasis_and_leave_latex_alone(write_deck):
    loaded = collection.load(
        write_deck("\n## In $a_{{b}}$, {{the *norm* $\\frac{1}{{2}}$}} is {{small}}. {#t.a}\n\nSo.\n")
    )
    (card,) = loaded.cards
    assert card.kind == "cloze"
    assert card.question_text == "In $a_{{b}}$, […] is […]."
    assert card.question.count("fc-gap") == 2
    assert '<mark class="fc-cloze">the <em>norm</em> \\(\\frac{1}{{2}}\\)</mark>' in card.solved
    assert "norm" not in card.question


def test_pictures_below_the_heading_belong_to_the_question_later_ones_to_the_answer(write_deck, tmp_path):
    (tmp_path / "dot.png").write_bytes(b"dot")
    loaded = collection.load(write_deck("\n## Read. {#t.a}\n\n![First](dot.png)\n\nThis.\n\n![Second](dot.png)\n"))
    (card,) = loaded.cards
    assert "First" in card.question
    assert "Second" in card.answer
    assert "First" not in card.answer
    assert card.images == ("dot.png", "dot.png")


def test_a_choice_card_has_its_options_and_its_explanation(small):
    card = small.cards[2]
    assert [(option.text, option.right) for option in card.options] == [("left", False), ("right", True)]
    assert card.answer == "<p>It is right.</p>"


MEANT = {
    "\\#\\# and \\[x] and \\{\\{a\\}\\} and \\{\\#a}": "## and [x] and {{a}} and {#a}",
    "`{{a}}` `![a](b c)` `[x]` `##`": "{{a}} ![a](b c) [x] ##",
    "!\\[a]\\(b) and [a]\\(b c)": "![a](b) and [a](b c)",
    "#1 of a[i][j] and (x) [see]": "#1 of a[i][j] and (x) [see]",
    "- (2) \\[ ] a\n- [1] b": "(2) [ ] a\n[1] b",
    "a\\[^1]\n\\|---|": "a[^1] |---|",
    "```\na\u2028## b {#t.b}\n```": "a\u2028## b {#t.b}",
}


@pytest.mark.parametrize("source", MEANT)
def test_a_backslash_or_code_says_that_a_character_is_meant(source, write_deck):
    (card,) = read(write_deck(f"\n## What? {{#t.a}}\n\n{source}\n")).cards
    assert card.answer_text == MEANT[source]


def test_text_that_runs_from_right_to_left_says_so(write_deck):
    (card,) = read(
        write_deck(
            "\n## ما هي (saliency map)؟ {#t.a}\n\nBetween: نص\n\n- [ ] שלום (*map*)\n- [x] map שלום\n\n"
            "> پاسخ map\n>\n> map first\n\n- אחד\n- *two*\n- 3\n\n| x | שניים |\n|---|---|\n"
        )
    ).cards
    assert card.question == '<p class="fc-question" dir="rtl">ما هي (saliency map)؟</p>\n<p>Between: نص</p>'
    assert [option.html for option in card.options] == ['<span dir="rtl">שלום (<em>map</em>)</span>', "map שלום"]
    assert '<blockquote dir="rtl">\n<p>پاسخ map</p>\n<p dir="ltr">map first</p>' in card.answer
    assert '<ul dir="rtl">\n<li>אחד</li>\n<li dir="ltr"><em>two</em></li>\n<li>3</li>' in card.answer
    assert '<th>x</th>\n<th dir="rtl">שניים</th>' in card.answer


def test_text_from_right_to_left_keeps_its_number_on_the_page(write_deck):
    deck = read(write_deck("\n## שלום? {#t.a}\n\nאחד\n\n## שתיים? {#t.b}\n\n- [ ] א\n- [x] ב\n\nכן\n"))
    page = html.quiz(deck)
    assert '<summary><span dir="rtl">1. שלום?</span></summary>' in page
    assert '<p dir="rtl">2. שתיים?</p>' in page
    assert page.count("<p") - page.count("<pre") == page.count("</p>")


def test_an_ordinary_list_is_part_of_the_answer(write_deck):
    (card,) = collection.load(write_deck("\n## Which two? {#t.a}\n\n- one\n- two\n")).cards
    assert card.kind == "basic"
    assert card.answer_text == "one\ntwo"


_PIECES = st.sampled_from(
    ["## ", "# ", "\n", "\n\n", "{{", "}}", "{#", "}", "$", "$$", "\\", "- [x] ", "- [ ] ", "- ", "![", "](", ")", "*",
     "`", "+++", "a.b", "word", "<b>", "> ", "1. ", "    ", "---\n", "|", "\t", "?", "Is ", "é", "\x00"]
)  # fmt: skip


@seed(date.today().toordinal())  # other texts every day, and the same ones all day long
@settings(max_examples=100, database=None, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_PIECES, max_size=40).map("".join))
def test_whatever_stands_in_a_deck_it_is_read_or_refused_with_lines_that_exist(tmp_path, text):
    path = tmp_path / "fuzz.md"
    path.write_text(GOOD + text, encoding="utf-8")
    loaded, problems = read_deck(path)
    lines = (GOOD + text).count("\n") + 1
    assert all(1 <= problem.line <= lines for problem in problems)
    assert problems or loaded.cards
