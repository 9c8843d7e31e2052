"""What `check` refuses although it can be shown: a card that its wording answers, or that leads to no section."""

from __future__ import annotations

import random
import re

import pytest
from hypothesis import given, seed, settings
from hypothesis import strategies as st

from flashcards import collection
from flashcards.course import NOTEBOOKS, sections_of
from flashcards.model import counted
from flashcards.parsing.cards import read_deck
from flashcards.parsing.exams import read_exam
from flashcards.parsing.quality import tells
from tests.conftest import THOROUGH
from tests.drawn import day

FRONT = '+++\ntitle = "T"\nnotebook = "04_occlusion"\ntags = ["t"]\n+++\n\n'
SECTION = (sections_of("04_occlusion") or ())[0]
WORDS = [
    "amber",
    "bridge",
    "cactus",
    "dagger",
    "ember",
    "falcon",
    "goblet",
    "harbour",
    "island",
    "jigsaw",
    "kettle",
    "lantern",
]
SHAPES = ["{}", "{}s", "{}ed", "{}ing", "{}.", "({})", "*{}*", "“{}”", "{}-like"]


def often(check):
    return settings(max_examples=500)(check) if THOROUGH else seed(day().toordinal())(settings(max_examples=25)(check))


def told(folder, text, *, exam=False):
    path = folder / "drawn.md"
    path.write_text(FRONT + text, encoding="utf-8")
    assert (read_exam(path) if exam else read_deck(path))[1] == []
    found = collection.exam_giveaways([path]) if exam else collection.giveaways([path])
    return [str(problem) for problem in found]


def told_from_half_on(problems, given_away, words):
    """Whether nothing is told while at most half of the cards are given away, and all that are by name, once more are."""
    if 2 * sum(given_away) <= len(given_away):
        return problems == []
    [problem] = problems
    named = all((f"t.c{i}" in problem) == gives for i, gives in enumerate(given_away))
    return named and f"{words} is right in {sum(given_away)} of {counted(len(given_away), 'card')} (t.c" in problem


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("drawn")


# ---- the longest option ----


@st.composite
def choices(draw):
    """Cards with options, and for each whether its longest option is the right one."""
    cards, longest = f"# {SECTION}\n", []
    for number in range(draw(st.integers(1, 8))):
        lengths = draw(st.lists(st.integers(1, 60), min_size=2, max_size=6))
        right = draw(st.integers(0, len(lengths) - 1))
        longest.append(all(lengths[right] > length for i, length in enumerate(lengths) if i != right))
        options = [f"- [{'x' if i == right else ' '}] {chr(97 + i) * length}" for i, length in enumerate(lengths)]
        cards += f"\n## Which of them? {{#t.c{number}}}\n\n" + "\n".join(options) + "\n\nSo it is.\n"
    return cards, longest


@often
@given(choices())
def test_the_longest_option_may_be_right_in_half_of_the_cards_and_no_more(folder, drawn):
    cards, longest = drawn
    for exam in (False, True):
        problems = told(folder, cards.partition("\n")[2] if exam else cards, exam=exam)
        assert told_from_half_on(problems, longest, "the longest option")


def test_a_deck_without_options_has_no_longest_one(folder):
    assert told(folder, f"# {SECTION}\n\n## What? {{#t.a}}\n\n**This**.\n") == []


# ---- the mildest option ----


@st.composite
def claims(draw):
    """Cards with options, and for each whether the one option without an absolute word is the right one."""
    cards, mildest = f"# {SECTION}\n", []
    for number in range(draw(st.integers(1, 8))):
        absolute = draw(st.lists(st.booleans(), min_size=2, max_size=5))
        right = draw(st.integers(0, len(absolute) - 1))
        mildest.append(absolute.count(False) == 1 and not absolute[right])
        cards += f"\n## Which of them? {{#t.c{number}}}\n\n"
        for i, is_absolute in enumerate(absolute):
            words = ["all", "always", "any", "cannot", "must", "never", "only", "whatever"]
            word = draw(st.sampled_from(words if is_absolute else ["ball", "anyone", "muster", "commonly"]))
            text = draw(st.sampled_from(["the {} hub", "{} hubs", "hubs, {}", "a *{}* hub"])).format(word)
            cards += f"- [{'x' if i == right else ' '}] {draw(st.sampled_from([text, text.upper()]))} {i}\n"
        cards += "\nSo it is.\n"
    return cards, mildest


@often
@given(claims())
def test_the_mildest_option_may_be_right_in_half_of_the_cards_and_no_more(folder, drawn):
    cards, mildest = drawn
    problems = [problem for problem in told(folder, cards) if "absolute" in problem]
    assert told_from_half_on(problems, mildest, "such as 'only' or 'never',")


@pytest.mark.parametrize("exam", [False, True])
def test_a_claim_that_is_never_true_gives_itself_away(folder, exam):
    options = (
        "- [ ] The layer must forget the ground\n"
        "- [x] The ground is left to the probe\n"
        "- [ ] Only objects are left, of whatever size\n"
    )
    card = f"## What has the layer kept? {{#t.a}}\n\n{options}\nSo it is.\n"
    [problem] = told(folder, card if exam else f"# {SECTION}\n\n{card}", exam=exam)
    assert (
        "the one option without an absolute word, such as 'only' or 'never', is right in 1 of 1 card (t.a)" in problem
    )
    evened = card.replace("is left to", "is only left to")
    assert told(folder, evened if exam else f"# {SECTION}\n\n{evened}", exam=exam) == []


# ---- the echo of the question ----


@st.composite
def echoes(draw):
    """Cards with options of three words, and for each whether the one that shares most with its question is the right one."""
    cards, echoed = f"# {SECTION}\n", []
    for number in range(draw(st.integers(1, 8))):
        words = draw(st.permutations(WORDS))
        asked, others = words[:3], words[3:]
        shared = draw(st.lists(st.integers(0, 3), min_size=2, max_size=3))
        right = draw(st.integers(0, len(shared) - 1))
        echoed.append(all(shared[right] > count for i, count in enumerate(shared) if i != right))
        cards += f"\n## Which {' '.join(asked)}? {{#t.c{number}}}\n\n"
        for i, count in enumerate(shared):
            text = " ".join(draw(st.permutations(asked[:count] + others[3 * i : 3 * i + 3 - count])))
            cards += f"- [{'x' if i == right else ' '}] {text} {chr(112 + i) * (30 - len(text))}\n"
        cards += "\nSo it is.\n"
    return cards, echoed


@often
@given(echoes())
def test_the_echo_of_the_question_may_be_right_in_half_of_the_cards_and_no_more(folder, drawn):
    cards, echoed = drawn
    problems = [problem for problem in told(folder, cards) if "shares most words" in problem]
    assert told_from_half_on(problems, echoed, "the option that shares most words with the question")


# ---- the front ----


@st.composite
def fronts(draw):
    """A card, and whether its front contains its term."""
    term = draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=3, unique=True))
    others = draw(st.lists(st.sampled_from(WORDS).filter(lambda word: word not in term), max_size=6))
    contained = draw(st.booleans())
    if contained:
        at = draw(st.integers(0, len(others)))
        others[at:at] = term
    front = " ".join(draw(st.sampled_from(SHAPES[:2] if len(term) > 1 else SHAPES)).format(word) for word in others)
    kind = draw(st.sampled_from(["bold", "cloze", "option", "picture"]))
    answer = " ".join(term)
    cards = {
        "bold": f"## What of {front}? {{#t.a}}\n\nIt is the **{answer}**, and more.\n",
        "cloze": f"## Of {front} it is {{{{{answer}}}}}. {{#t.a}}\n\nSo it is.\n",
        "option": f"## What of {front}? {{#t.a}}\n\n- [x] {answer}\n- [ ] {'z' * 60}\n\nSo it is.\n",
        "picture": f"## What? {{#t.a}}\n\n![A map: {front}](dot.png)\n\nIt is the **{answer}**.\n",
    }
    return cards[kind], contained


@often
@given(fronts())
def test_a_front_that_contains_a_key_term_of_its_answer_is_told(folder, drawn):
    (folder / "dot.png").write_bytes(b"dot")
    card, contained = drawn
    problems = [problem for problem in told(folder, f"# {SECTION}\n\n{card}") if "shares most words" not in problem]
    assert [bool(re.search("the front contains .*, a key term", problem)) for problem in problems] == [True] * contained


@pytest.mark.parametrize(
    ("front", "term"),
    [
        ("Why is a black square bad?", "black square"),
        ("A nonlinear map", "non-linear"),
        ("A non-linear map", "nonlinear"),
        ("It is a black box", "black-box"),
        ("ROAR retrains it", "retraining"),
        ("What does $\\lvert\\nabla_x f(x)\\rvert_1$ measure?", "$\\lvert\\nabla_x f(x)\\rvert_1$"),
        ("Two HUBS", "hub"),
        ("Two classes", "class"),
        ("One bias of many", "biases"),
    ],
)
def test_a_term_is_known_whatever_its_ending_and_hyphen(front, term):
    assert tells(front, term)


@pytest.mark.parametrize(
    ("front", "term"),
    [("The square is black", "black square"), ("A blackboard", "black"), ("It is the best", "bed"), ("What?", "…")],
)
def test_other_words_are_no_term(front, term):
    assert not tells(front, term)


def test_an_answer_that_marks_no_key_term_is_told(folder):
    assert told(folder, f"# {SECTION}\n\n## What? {{#t.a}}\n\nThis, *really*.\n") == [
        "drawn.md:9: an answer without key terms; expected the words that count in bold, '**so**'"
    ]


def test_the_scheme_of_an_exam_has_key_terms_too(folder):
    [problem] = told(folder, "## What is a hub? {#t.a}\n\n- (2) names a **hub**\n", exam=True)
    assert "the front contains 'hub', a key term of its answer" in problem


# ---- the section ----


@often
@given(st.randoms(use_true_random=False), st.sampled_from(NOTEBOOKS))
def test_a_card_stands_in_a_section_that_its_notebook_has(folder, chance: random.Random, notebook):
    known = sections_of(notebook)
    text, wrong, line, here = "", set(), 6, ""
    for number in range(chance.randint(1, 6)):
        section = chance.choice(["", "", *chance.sample(known, 2), " ".join(chance.sample(WORDS, 2))])
        if section:
            text += f"# {section}\n\n"
            line += 2
        here = section or here
        if here not in known:
            wrong.add(line + 1)
        text += f"## What? {{#t.c{number}}}\n\n**This**.\n\n"
        line += 4
    path = folder / "drawn.md"
    path.write_text(FRONT.replace("04_occlusion", notebook) + text, encoding="utf-8")
    assert collection.lint([path]) == []
    problems = collection.giveaways([path])
    assert {problem.line for problem in problems} == wrong
    for problem in problems:
        assert problem.message == "the card has no section; expected '# a heading of the notebook' above it" or (
            problem.message.endswith(f"; expected a heading of {notebook}")
        )


def test_without_the_notebooks_any_section_may_be_right(folder, monkeypatch):
    monkeypatch.setattr(collection, "sections_of", lambda notebook: None)
    assert told(folder, "# Somewhere\n\n## What? {#t.a}\n\n**This**.\n") == []
    assert sections_of("99_none") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "# One\n\n# Two\n\n## What? {#t.a}\n\nSo.\n",
            "7: the section 'One' has no cards; expected '## question {#id}' below it",
        ),
        (
            "# One\n\n## What? {#t.a}\n\nSo.\n\n# Two\n",
            "13: the section 'Two' has no cards; expected '## question {#id}' below it",
        ),
        (
            "# One\n\nText.\n\nMore.\n\n## What? {#t.a}\n\nSo.\n",
            "9: text below the section 'One'; expected '## question",
        ),
        ("#\n\n## What? {#t.a}\n\nSo.\n", "7: a section without a name; expected a heading of the notebook"),
        ("# One {#t.b}\n\n## What? {#t.a}\n\nSo.\n", "7: an id outside of a heading"),
    ],
)
def test_mistakes_of_sections(text, message, folder):
    path = folder / "drawn.md"
    path.write_text(FRONT + text)
    [problem] = collection.lint([path])
    assert message in str(problem)


def test_a_section_holds_for_all_cards_below_it_and_is_where_the_card_leads(write_deck):
    cards = collection.load(
        write_deck(
            "\n## What? {#t.a}\n\nSo.\n\n# A “dot”, & *more*\n\n## How? {#t.b}\n\nSo.\n\n## Why? {#t.c fact=12}\n\nSo.\n"
        )
    ).cards
    assert [card.section for card in cards] == ["", "A “dot”, & more", "A “dot”, & more"]
    assert cards[1].address == "04_occlusion.ipynb#A-%E2%80%9Cdot%E2%80%9D%2C-%26-more"
    assert [card.fact for card in cards] == ["", "", "12"]


@pytest.mark.parametrize(
    ("braces", "message"),
    [
        ("#t.a fact=0", "the fact is '0'; expected a number or a word of a-z and _"),
        ("#t.a fact=", "the fact is ''; expected a number"),
        ("#t.a level=hard", "the level is 'hard'; expected one of recall, understand, apply"),
        ("#t.a of=1", "unknown mark 'of' behind the id; expected fact=… or level=…"),
        ("#t.a 12", "bad id 't.a 12'"),
        ("#t.a  fact=1", "bad id 't.a  fact=1'"),
    ],
)
def test_what_stands_behind_an_id_is_known_or_told(braces, message, write_deck):
    [problem] = collection.lint([write_deck(f"\n## What? {{{braces}}}\n\nSo.\n")])
    assert message in str(problem)
