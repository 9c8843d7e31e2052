"""Reading decks: what a card becomes, and what is said about every mistake."""

from __future__ import annotations

from datetime import date

import pytest
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from flashcards import collection
from flashcards.model import DeckError
from flashcards.parsing.cards import read_deck

GOOD = '+++\ntitle = "T"\nnotebook = "04_occlusion"\ntags = ["t"]\n+++\n'
NOTEBOOKS = (
    "00_start_here, 01_explanation_taxonomy, 02_weight_pca, 03_activation_tsne, 04_occlusion, 05_gradients, "
    "06_input_reconstruction, 07_sanity_checks, 08_roar, 09_review"
)
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
            "7: a heading of level 1; expected only cards, '## question {#id}'",
            "13: a heading of level 3; expected only cards, '## question {#id}'",
        ],
    ),
    "missing id": (
        GOOD + "\n## What?\n\nThis.\n",
        ["7: the card has no id; expected '{#topic.name}' at the end of its heading"],
    ),
    "bad id": (
        GOOD + "\n## What? {#Sanity Spot}\n\nThis.\n",
        ["7: bad id 'Sanity Spot'; expected words of a-z, 0-9 and _ with a dot between, like 'topic.name'"],
    ),
    "repeated id": (GOOD + FINE + FINE, ["11: the id 't.fine' is already taken at line 7"]),
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
        ["14: a second list of options; expected one in a card"],
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
    "yes/no answer": (
        GOOD + "\n## What of it? {#t.a}\n\nNo, never.\n",
        ["7: a yes/no question; expected one that asks what, why, when or how"],
    ),
    "yes/no options": (
        GOOD + "\n## Which holds? {#t.a}\n\n- [ ] Yes\n- [x] No\n\nThis.\n",
        ["7: a yes/no question; expected one that asks what, why, when or how"],
    ),
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
    (tmp_path / "dot.png").write_bytes(b"dot")
    assert sorted(str(problem) for problem in collection.lint([path])) == sorted(f"bad.md:{line}" for line in expected)
    with pytest.raises(DeckError) as error:
        collection.load(path)
    assert str(error.value).splitlines() == [str(problem) for problem in collection.lint([path])]
    assert sorted(file.name for file in tmp_path.iterdir()) == ["bad.md", "dot.png"]  # nothing was written


def test_math_is_kept_from_markdown_and_html_is_escaped(write_deck):
    loaded = collection.load(
        write_deck(
            "\n## What of $a_{{1}}*b*c<d$ <b>now</b>, for \\$5? {#t.a}\n\n$$\nx < y\n$$\n\nIt costs `$1` *now*.\n"
        )
    )
    (card,) = loaded.cards
    assert card.kind == "basic"
    assert "\\(a_{{1}}*b*c&lt;d\\) &lt;b&gt;now&lt;/b&gt;, for $5?" in card.question
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
