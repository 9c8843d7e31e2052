"""From a file to its cards, one under every second-level heading.

Every mistake is told to `problem(line, message)` and reading goes on. How a deck is written stands in the decks' README.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from markdown_it.token import Token

from flashcards.model import LETTERS, Card, Deck, Kind, Option, Problem, Report, wrong_id
from flashcards.parsing import markdown
from flashcards.parsing.front_matter import read_front_matter

_ID = re.compile(r"\{#([^{}]*)\}$")
# Not mdit_py_plugins.tasklists: it turns the box into HTML, from which the state would have to be read again, does not
# know an empty option, and would put check boxes into ordinary answers.
_BOX = re.compile(r"\[([ xX])\](?:\s|$)")
_YES_NO = re.compile(
    r"(?:am|are|is|was|were|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must"
    r"|isn't|aren't|doesn't|don't|didn't|can't|won't)\b.*\?$",
    re.IGNORECASE,
)
_YES_NO_ANSWER = re.compile(r"(?:yes|no)(?=$|[.,:;!—–])", re.IGNORECASE)


@dataclass
class _Section:
    """A heading and the blocks below it."""

    line: int
    source: str
    body: list[Token]


def read_deck(path: Path) -> tuple[Deck, list[Problem]]:
    """The deck in a file, as far as it can be read, and every mistake found on the way."""
    problems: list[Problem] = []

    def problem(line: int, message: str) -> None:
        problems.append(Problem(path.name, line, message))

    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        problem(1, f"the file is not UTF-8 text: {error.reason} at byte {error.start}")
        text = ""
    meta, skipped = read_front_matter(text, problem) if text or not problems else ({}, 0)
    # Blank lines in place of the front matter keep every line number true.
    body = "\n" * skipped + "\n".join(text.split("\n")[skipped:])
    cards = read_cards(body, path.parent, problem)
    if not cards and not problems:
        problem(1, "the deck has no cards; expected headings '## question {#id}'")
    deck = Deck(
        path.stem, meta.get("title", path.stem), meta.get("notebook", ""), tuple(meta.get("tags", ())), cards, path
    )
    return deck, sorted(problems)


def read_cards(text: str, folder: Path, problem: Report) -> tuple[Card, ...]:
    """The cards of a deck's body."""
    cards: list[Card] = []
    taken: dict[str, int] = {}
    for section in _sections(markdown.blocks(text), problem):
        card = _card(section, folder, problem)
        if card is None:
            continue
        if card.id in taken:
            problem(card.line, f"the id {card.id!r} is already taken at line {taken[card.id]}")
        taken.setdefault(card.id, card.line)
        cards.append(card)
    return tuple(cards)


def _sections(tokens: list[Token], problem: Report) -> list[_Section]:
    sections: list[_Section] = []
    stray = False
    i = 0
    while i < len(tokens):
        token = tokens[i]
        line = (token.map or [0])[0] + 1
        if token.type == "heading_open" and token.tag == "h2":
            sections.append(_Section(line, tokens[i + 1].content, []))
            i += 3
            continue
        if token.type == "heading_open":
            problem(line, f"a heading of level {token.tag[1]}; expected only cards, '## question {{#id}}'")
            i += 3
            continue
        if sections:
            sections[-1].body.append(token)
        elif not stray:
            stray = True
            problem(line, "text before the first card; expected '## question {#id}'")
        i += 1
    return sections


def _card(section: _Section, folder: Path, problem: Report) -> Card | None:
    identity, source = _identity(section, problem)
    heading = markdown.inline(source)
    markdown.check_math(heading, section.line, problem)
    for token in section.body:
        if token.type == "inline" and token.map:
            markdown.check_math(token.children or [], token.map[0] + 1, problem)
        elif token.type == "math_block" and token.map:
            markdown.check_braces(token.content, token.map[0] + 1, problem)
    pictures = [_image(token, line, folder, problem) for line, token in _images(heading, section)]
    hidden = shown = heading
    kind: Kind = "basic"
    try:
        if (pair := markdown.clozes(heading)) is not None:
            kind, (hidden, shown) = "cloze", pair
    except markdown.ClozeError as error:
        problem(section.line, str(error))
        kind = "cloze"
    if not markdown.plain(heading):
        problem(section.line, "the card has no question")

    front, options, back = _split(section, problem)
    if options:
        kind = "choice"
    answer = markdown.plain_blocks(back)
    if options and not answer:
        problem(section.line, "the card has options but no explanation below them")
    elif kind == "basic" and not answer:
        problem(section.line, "the card has no answer")
    question_text = markdown.plain(hidden)
    _check_yes_no(question_text, answer, options, section.line, problem)
    if identity is None:
        return None
    lead = markdown.render(front)
    return Card(
        id=identity,
        kind=kind,
        question=_question(hidden, lead),
        solved=_question(shown, lead),
        answer=markdown.render(back),
        options=options,
        question_text=question_text,
        solved_text=markdown.plain(shown),
        answer_text=answer,
        images=tuple(picture for picture in pictures if picture is not None),
        folder=folder,
        line=section.line,
    )


def _question(heading: list[Token], lead: str) -> str:
    return f'<p class="fc-question">{markdown.render_inline(heading)}</p>' + ("\n" + lead if lead else "")


def _identity(section: _Section, problem: Report) -> tuple[str | None, str]:
    match = _ID.search(section.source)
    if match is None:
        problem(section.line, "the card has no id; expected '{#topic.name}' at the end of its heading")
        return None, section.source
    if wrong := wrong_id(match[1]):
        problem(section.line, wrong)
    return None if wrong else match[1], section.source[: match.start()]


def _split(section: _Section, problem: Report) -> tuple[list[Token], tuple[Option, ...], list[Token]]:
    """The blocks of a card before its options, the options, and the blocks after them.

    Without options the pictures right below the heading belong to the question, everything else to the answer.
    """
    body = section.body
    lists = [i for i, t in enumerate(body) if t.type == "bullet_list_open" and t.level == 0 and _has_box(body, i)]
    if not lists:
        i = 0
        while i + 2 < len(body) and body[i].type == "paragraph_open" and _only_images(body[i + 1]):
            i += 3
        return body[:i], (), body[i:]
    if len(lists) > 1:
        problem(_line(body[lists[1]], section), "a second list of options; expected one in a card")
    start = lists[0]
    end = next(i for i in range(start, len(body)) if body[i].type == "bullet_list_close" and body[i].level == 0)
    options = _options(body[start : end + 1], section, problem)
    right = sum(option.right for option in options)
    line = _line(body[start], section)
    if right != 1:
        problem(line, f"{right or 'no'} right option{'s' if right > 1 else ''}; expected exactly one '- [x]'")
    if len(options) < 2:
        problem(line, "a single option; expected at least two")
    if len(options) > len(LETTERS):
        problem(line, f"{len(options)} options; expected at most {len(LETTERS)}")
    return body[:start], options, body[end + 1 :]


def _options(tokens: list[Token], section: _Section, problem: Report) -> tuple[Option, ...]:
    options: list[Option] = []
    for token in tokens:
        if token.type != "inline":
            continue
        match = _BOX.match(token.content)
        text = token.content[match.end() :] if match else token.content
        if match is None:
            problem(_line(token, section), "an option without a box; expected '- [ ]' or '- [x]'")
        elif not text.strip():
            problem(_line(token, section), "an empty option")
        children = markdown.inline(text)
        words = markdown.plain(children)
        if words and words in [option.text for option in options]:
            problem(_line(token, section), f"the option {words!r} stands there twice")
        options.append(Option(markdown.render_inline(children), words, match is not None and match[1] in "xX"))
    return tuple(options)


def _has_box(body: list[Token], start: int) -> bool:
    for token in body[start:]:
        if token.type == "bullet_list_close" and token.level == 0:
            return False
        if token.type == "inline" and _BOX.match(token.content):
            return True
    return False


def _only_images(token: Token) -> bool:
    children = token.children or []
    return bool(children) and all(
        child.type in ("image", "softbreak") or (child.type == "text" and not child.content.strip())
        for child in children
    )


def _line(token: Token, section: _Section) -> int:
    return token.map[0] + 1 if token.map else section.line


def _images(heading: list[Token], section: _Section) -> list[tuple[int, Token]]:
    found = [(section.line, token) for token in heading if token.type == "image"]
    for block in section.body:
        line = _line(block, section)
        for token in (block.children or []) if block.type == "inline" else []:
            if token.type in ("softbreak", "hardbreak"):
                line += 1
            elif token.type == "image":
                found.append((line, token))
    return found


def _image(token: Token, line: int, folder: Path, problem: Report) -> str | None:
    source = str(token.attrGet("src") or "")
    if not token.content.strip():
        problem(line, f"the picture {source!r} has no alt text; expected '![what it shows]({source})'")
    if urlsplit(source).scheme or source.startswith("/") or ".." in source.split("/"):
        problem(
            line, f"the picture {source!r} is not a file of the decks; expected a relative path like 'img/name.png'"
        )
        return None
    if not (folder / unquote(source)).is_file():
        problem(line, f"the picture {source!r} does not exist")
        return None
    return source


def _check_yes_no(question: str, answer: str, options: tuple[Option, ...], line: int, problem: Report) -> None:
    last = re.split(r"(?<=[.!:;?])\s+", question)[-1]
    by_question = not options and _YES_NO.match(last)
    by_answer = not options and _YES_NO_ANSWER.match(answer)
    by_options = options and all(
        option.text.lower().rstrip(".") in ("yes", "no", "true", "false") for option in options
    )
    if by_question or by_answer or by_options:
        problem(line, "a yes/no question; expected one that asks what, why, when or how")
