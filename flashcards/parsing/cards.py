"""From a file to its cards, one under every second-level heading.

Every mistake is told to `problem(line, message)` and reading goes on. How a deck is written stands in the decks' README.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

from markdown_it.token import Token

from flashcards.model import LETTERS, LEVELS, Card, Deck, Kind, Option, Problem, Report, counted, wrong_id
from flashcards.parsing import checks, markdown, pictures
from flashcards.parsing.front_matter import read_front_matter

# Not mdit_py_plugins.tasklists: it turns the box into HTML, from which the state would have to be read again, does not
# know an empty option, and would put check boxes into ordinary answers.
_BOX = re.compile(r"\[([ xX])\](?:\s|$)")
_YES_NO = re.compile(
    r"(?:am|are|is|was|were|do|does|did|has|have|had|can|could|will|would|shall|should|may|might|must"
    r"|isn't|aren't|doesn't|don't|didn't|can't|won't)\b(?!.*\bor\b(?! not\b)).*\?$",
    re.IGNORECASE,
)
# Not the "No." of a number.
_YES_NO_ANSWER = re.compile(r"(?:yes|no(?!\.\s*(?:\d|(?-i:[a-z]))))(?=$|[.,:;!—–])", re.IGNORECASE)


#: What a file holds: cards; questions with their answers; questions whose answers lie elsewhere; these answers.
Role = Literal["deck", "exam", "questions", "key"]
_FACT = re.compile(r"[1-9][0-9]*|[a-z][a-z_]*")


@dataclass
class _Entry:
    """A heading, the blocks below it, and the section that it stands in."""

    line: int
    source: str
    body: list[Token]
    section: str


@dataclass(frozen=True)
class Answered:
    """A card, the blocks of its answer, and the file that they stand in."""

    card: Card
    back: Sequence[Token]
    file: File


class File:
    """What is known of a file while its cards are read."""

    def __init__(self, path: Path, text: str, role: Role, problem: Report) -> None:
        self.folder = path.parent
        self.role = role
        self.lines = text.split("\n")
        self.problem = problem

    def source(self, tokens: Sequence[Token]) -> str:
        """The blocks as they stand in the file, their pictures by addresses that hold in any folder."""
        outer = [token.map for token in tokens if token.level == 0 and token.map]
        if not outer:
            return ""
        lines = list(self.lines)
        texts = [token for token in tokens if token.type == "inline" and token.map]
        for (start, end), row in groupby(texts, key=lambda token: token.map or []):  # cells of a table share a line
            text = pictures.portable("\n".join(lines[start:end]), list(row), self.folder)
            lines[start:end] = text.split("\n")
        return "\n".join(lines[outer[0][0] : outer[-1][1]]).rstrip()

    def portable(self, text: str, tokens: list[Token]) -> str:
        """A line of text, of which these are the inline tokens, in the same way."""
        return pictures.portable(text, [Token("inline", "", 0, content=text, children=tokens)], self.folder).strip()


def read_deck(path: Path) -> tuple[Deck, list[Problem]]:
    """The deck in a file, as far as it can be read, and every mistake found on the way."""
    meta, answered, problems = read_answers(path, "deck")
    notebook = meta.get("notebook", "")
    cards = tuple(replace(found.card, notebook=notebook) for found in answered)
    return Deck(path.stem, meta.get("title", path.stem), notebook, tuple(meta.get("tags", ())), cards, path), problems


def read_answers(path: Path, role: Role) -> tuple[dict[str, Any], list[Answered], list[Problem]]:
    """The front matter of a file, its cards with the blocks of their answers, and every mistake found on the way."""
    problems: list[Problem] = []

    def problem(line: int, message: str) -> None:
        problems.append(Problem(path.name, line, message))

    content = path.read_bytes()
    try:
        text = "\n".join(re.split("\r\n|\r|\n", content.decode("utf-8-sig")))
    except UnicodeDecodeError as error:
        problem(
            content[: error.start].count(b"\n") + 1, f"the file is not UTF-8 text: {error.reason} at byte {error.start}"
        )
        text = ""
    checks.check_characters(text, problem)
    meta, skipped = read_front_matter(text, problem, exam=role == "exam") if text or not problems else ({}, 0)
    if "key" in meta:
        role = "questions"
    # Blank lines in place of the front matter keep every line number true.
    body = "\n" * skipped + "\n".join(text.split("\n")[skipped:])
    answered = _answered(File(path, body, role, problem), body)
    if not answered and not problems:
        problem(1, "the deck has no cards; expected headings '## question {#id}'")
    return meta, answered, sorted(problems)


def _answered(file: File, text: str) -> list[Answered]:
    cards: list[Answered] = []
    taken: dict[str, int] = {}
    for entry in _entries(markdown.blocks(text), file):
        found = _card(entry, file)
        if found is None:
            continue
        card = found.card
        if card.id in taken:
            file.problem(card.line, f"the id {card.id!r} is already taken at line {taken[card.id]}")
        taken.setdefault(card.id, card.line)
        cards.append(found)
    return cards


def _entries(tokens: list[Token], file: File) -> list[_Entry]:
    entries: list[_Entry] = []
    section = ""
    body: list[Token] | None = None  # of the card that goes on; None before the first one of a section
    empty: int | None = None  # the line of a section that has no card yet
    stray = False
    i = 0
    while i < len(tokens):
        token = tokens[i]
        line = checks.line_of(token)
        outer = token.type == "heading_open" and token.level == 0
        if outer and token.tag == "h2":
            entries.append(_Entry(line, tokens[i + 1].content, [], section))
            body, empty, stray = entries[-1].body, None, False
        elif outer and token.tag == "h1" and file.role == "deck":
            if empty is not None:
                file.problem(empty, f"the section {section!r} has no cards; expected '## question {{#id}}' below it")
            section, body, empty, stray = _section(tokens[i + 1], line, file), None, line, False
        elif outer:
            file.problem(line, f"a heading of level {token.tag[1]}; expected only cards, '## question {{#id}}'")
        elif body is not None:
            body.append(token)
        elif not stray:
            stray = True
            what = "text before the first card" if not section else f"text below the section {section!r}"
            file.problem(line, f"{what}; expected '## question {{#id}}'")
        i += 3 if outer else 1
    if empty is not None:
        file.problem(empty, f"the section {section!r} has no cards; expected '## question {{#id}}' below it")
    return entries


def _section(token: Token, line: int, file: File) -> str:
    heading = markdown.inline(token.content)
    checks.check_text(heading, line, file.problem)
    if not (name := markdown.plain(heading)):
        file.problem(line, "a section without a name; expected a heading of the notebook")
    return name


def _card(entry: _Entry, file: File) -> Answered | None:
    identity, marks, source = _identity(entry, file.problem)
    heading = markdown.inline(source)
    checks.check_text(heading, entry.line, file.problem, heading=True)
    kind, hidden, shown = _sides(heading, entry.line, file.problem)
    front, listed, back = _split(entry)
    for part in (front, back):
        checks.check_blocks(part, file.problem)
    options = _options(listed, file)
    lead = markdown.render(front)
    card = Card(
        id=identity or "",
        kind="choice" if options else kind,
        question=_question(hidden, lead),
        solved=_question(shown, lead),
        answer=markdown.render(back),
        options=options,
        question_text=markdown.plain(hidden),
        solved_text=markdown.plain(shown),
        answer_text=markdown.plain_blocks(back),
        images=(),
        folder=file.folder,
        line=entry.line,
        lead_text=markdown.plain_blocks(front),
        source="\n\n".join(filter(None, [file.portable(source, heading), file.source(front)])),
        terms=_terms(shown, options, back),
        section=entry.section,
        **marks,
    )
    _check_card(card, file)
    card = replace(card, images=_images(heading, entry, file))
    return Answered(card, back, file) if identity is not None else None


def _sides(heading: list[Token], line: int, problem: Report) -> tuple[Kind, list[Token], list[Token]]:
    """The heading with its clozes hidden and shown, and whether it has any."""
    try:
        pair = markdown.clozes(heading)
    except markdown.ClozeError as error:
        problem(line, str(error))
        return "cloze", heading, heading
    return ("cloze", *pair) if pair is not None else ("basic", heading, heading)


def _check_card(card: Card, file: File) -> None:
    """Tell what a card lacks, and a question that yes or no would answer."""
    if not card.solved_text and file.role != "key":
        file.problem(card.line, "the card has no question")
    if file.role == "questions":
        if card.answer_text:
            file.problem(card.line, "an answer below the question; expected it in the key")
    elif card.options and not card.answer_text:
        file.problem(card.line, "the card has options but no explanation below them")
    elif card.kind == "basic" and not card.answer_text:
        file.problem(card.line, "the card has no answer")
    last = re.split(r"(?<=[.!:;?])\s+", card.question_text)[-1]
    if card.options:
        yes_no = all(option.text.lower().rstrip(".") in ("yes", "no", "true", "false") for option in card.options)
    else:
        yes_no = bool(_YES_NO.match(last) or _YES_NO_ANSWER.match(card.answer_text))
    if yes_no:
        file.problem(card.line, "a yes/no question; expected one that asks what, why, when or how")


def _question(heading: list[Token], lead: str) -> str:
    way = ' dir="rtl"' if markdown.direction(heading) == "rtl" else ""
    return f'<p class="fc-question"{way}>{markdown.render_inline(heading)}</p>' + ("\n" + lead if lead else "")


def _terms(heading: list[Token], options: tuple[Option, ...], back: list[Token]) -> tuple[str, ...]:
    """What an answer must say: the right option, what a cloze holds, and what is in bold."""
    terms = [option.text for option in options if option.right] + markdown.held(heading, "cloze")
    for token in back:
        terms += markdown.held(token.children or [], "strong")
    return tuple(filter(None, terms))


def _identity(entry: _Entry, problem: Report) -> tuple[str | None, dict[str, str], str]:
    """The id of a card, what else its braces say (fact and level), and its heading without them."""
    match = checks.ID.search(entry.source)
    if match is None:
        problem(entry.line, "the card has no id; expected '{#topic.name}' at the end of its heading")
        return None, {}, entry.source
    marked = re.fullmatch(r"(\S+)((?: \w+=\w*)+)", match[1])
    identity = marked[1] if marked else match[1]
    pairs = [item.split("=") for item in marked[2].split()] if marked else []
    marks = dict(pairs)
    if len(marks) < len(pairs):
        problem(entry.line, f"a mark is given twice behind the id, in {match[1]!r}; expected it once")
    if wrong := wrong_id(identity):
        problem(entry.line, wrong)
    for key in sorted(marks.keys() - {"fact", "level"}):
        problem(entry.line, f"unknown mark {key!r} behind the id; expected fact=… or level=…")
    if not _FACT.fullmatch(marks.get("fact", "1")):
        problem(entry.line, f"the fact is {marks['fact']!r}; expected a number or a word of a-z and _")
    if marks.get("level", LEVELS[0]) not in LEVELS:
        problem(entry.line, f"the level is {marks['level']!r}; expected one of {', '.join(LEVELS)}")
    marks = {key: value for key, value in marks.items() if key in ("fact", "level")}
    return None if wrong else identity, marks, entry.source[: match.start()]


def _split(entry: _Entry) -> tuple[list[Token], list[Token], list[Token]]:
    """The blocks of a card before its list of options, the list, and the blocks after it.

    Without options the pictures right below the heading belong to the question, everything else to the answer.
    """
    body = entry.body
    start = next(
        (i for i, t in enumerate(body) if t.type == "bullet_list_open" and t.level == 0 and _has_box(body, i)), -1
    )
    if start < 0:
        i = 0
        while i + 2 < len(body) and body[i].type == "paragraph_open" and _only_images(body[i + 1]):
            i += 3
        return body[:i], [], body[i:]
    end = next(i for i in range(start, len(body)) if body[i].type == "bullet_list_close" and body[i].level == 0)
    return body[:start], body[start : end + 1], body[end + 1 :]


def _options(listed: list[Token], file: File) -> tuple[Option, ...]:
    if not listed:
        return ()
    options: list[Option] = []
    for token in checks.paragraphs(listed, "an option", file.problem):
        line = checks.line_of(token)
        match = _BOX.match(token.content)
        text = token.content[match.end() :] if match else token.content
        if match is None:
            file.problem(line, "an option without a box; expected '- [ ]' or '- [x]'")
        elif not text.strip():
            file.problem(line, "an empty option")
        children = markdown.inline(text)
        checks.check_text(children, line, file.problem, begins=False)
        words = markdown.plain(children)
        if words and words in [option.text for option in options]:
            file.problem(line, f"the option {words!r} stands there twice")
        chosen = match is not None and match[1] in "xX"
        options.append(Option(markdown.render_item(children), words, chosen, file.portable(text, children)))
    line, right = checks.line_of(listed[0]), sum(option.right for option in options)
    if file.role == "questions":
        if right:
            file.problem(line, "a right option beside the question; expected '- [ ]', and the right one in the key")
    elif right != 1:
        file.problem(
            line, f"{counted(right, 'right option') if right else 'no right option'}; expected exactly one '- [x]'"
        )
    if len(options) == 1 and file.role != "key":
        file.problem(line, "a single option; expected at least two")
    if len(options) > len(LETTERS):
        file.problem(line, f"{counted(len(options), 'option')}; expected at most {len(LETTERS)}")
    return tuple(options)


def _has_box(body: list[Token], start: int) -> bool:
    """Whether an item of the list that starts there begins with a box."""
    for i in range(start, len(body)):
        if body[i].type == "bullet_list_close" and body[i].level == 0:
            return False
        if body[i].type == "list_item_open" and body[i].level == 1 and _BOX.match(body[i + 2].content):
            return True
    return False


def _only_images(token: Token) -> bool:
    children = token.children or []
    return bool(children) and all(
        child.type in ("image", "softbreak") or (child.type == "text" and not child.content.strip())
        for child in children
    )


def _images(heading: list[Token], entry: _Entry, file: File) -> tuple[str, ...]:
    """The files of the pictures that show; what is wrong with a picture is told."""
    found = checks.pictures(heading, entry.line)
    for block in entry.body:
        found += checks.pictures(block.children or [], checks.line_of(block))
    names = []
    for line, token in found:
        address = str(token.attrGet("src") or "")
        name = pictures.name_of(address)
        if not markdown.plain(token.children or []):
            file.problem(line, f"the picture {name!r} has no alt text; expected '![what it shows]({name})'")
        if wrong := pictures.wrong_picture(file.folder, address):
            file.problem(line, wrong)
        else:
            names.append(name)
    return tuple(names)
