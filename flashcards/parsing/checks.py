"""What a deck may not hold: whatever Markdown leaves out, or takes for something else than its author.

A text that is shown as it stands is no mistake, unless it stands there because a heading, a picture, a box or a cloze
was not recognised as one. A backslash before the character says that it is meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from markdown_it.token import Token

from flashcards.model import Report, counted
from flashcards.parsing import markdown

#: The id at the end of a heading.
ID = re.compile(r"(?<!\\)\{#([^{}]*)\}$")
# Blanks and what is as good as invisible at the beginning of a line.
_BLANK = "[\\s\u200b-\u200f\u2060\ufeff]*"
_HEADING = re.compile(f"{_BLANK}##")
_BOX = re.compile(rf"{_BLANK}(?:[-*+•–—]|\d+[.)])?{_BLANK}\[[\sxX✓✔]?\](?![(\[])")
_RULE = re.compile(r"(?=.*\|)\|?\s*:?-+:?\s*(?:\|\s*:?-+:?\s*)*\|?")  # below the head of a table
_FOOTNOTE = re.compile(r"\[\^\d+\]|^\[\^[^\s\]]+\](?=:)")
_ENDS = ("softbreak", "hardbreak")  # of a line
_KINDS = {
    "paragraph_open": "a paragraph",
    "bullet_list_open": "a list",
    "ordered_list_open": "a numbered list",
    "blockquote_open": "a quotation",
    "table_open": "a table",
    "heading_open": "a heading",
    "fence": "a code block",
    "code_block": "an indented code block",
    "math_block": "a displayed formula",
    "hr": "a rule",
    "definition": "the address of a link",
}


def kind(token: Token) -> str:
    """What a block is called."""
    return _KINDS.get(token.type, "a block")


def line_of(token: Token) -> int:
    """Where a block begins."""
    return (token.map or [0])[0] + 1


def check_characters(text: str, problem: Report) -> None:
    """Tell every character that shows nothing and may hide a heading."""
    for number, line in enumerate(text.split("\n"), 1):
        for character in dict.fromkeys(line):
            if character == "\ufeff" or (unicodedata.category(character) == "Cc" and character != "\t"):
                problem(number, f"the character U+{ord(character):04X}, which shows nothing; expected text")


def check_blocks(tokens: Sequence[Token], problem: Report) -> None:
    """Tell what is wrong with blocks and the text in them."""
    for i, token in enumerate(tokens):
        line = line_of(token)
        if token.type == "inline":
            check_text(token.children or [], line, problem)
        elif token.type == "heading_open" and token.level > 0:
            problem(line, "a heading inside a list or a quotation; expected '## question {#id}' at the left margin")
        elif token.type == "definition":
            problem(line, "the address of a link by itself; expected it in the text, '[text](address)'")
        elif token.type == "math_block":
            check_braces(token.content, line, problem)
            formula = token.content.rstrip()
            for gap in re.finditer(r"(?<=\S)[^\S\n]*\n(?=[^\S\n]*\n)", formula):
                problem(line + formula[: gap.end()].count("\n"), "an empty line in a formula; expected '$$' before it")
        elif token.type == "fence" and token.map:
            inside = token.content.removesuffix("\n").split("\n") if token.content else []
            if token.map[1] - token.map[0] < len(inside) + 2:
                problem(line, f"a code block that is never closed; expected a line '{token.markup}'")
            elif swallowed := [t for t in inside if _HEADING.match(t) and ID.search(t.rstrip())]:
                problem(
                    line, f"a code block with {swallowed[0].strip()!r} in it; expected a line '{token.markup}' before"
                )
        elif token.type == "code_block":
            for number, text in enumerate(token.content.split("\n")):
                if ID.search(text.rstrip()):
                    problem(line + number, "a heading that is indented by four blanks or more, and so a code block")
        elif token.type == "tr_open":
            shown = sum(t.type in ("th_open", "td_open") for t in _inside(tokens, i))
            if (cells := token.meta.get("cells", 0)) > shown:
                problem(
                    line,
                    f"a row of {counted(cells, 'cell')} in a table of {shown}; expected as many, or '\\|' for a line",
                )
        if token.nesting == 1 and token.level == markdown.DEEPEST - 1:
            problem(line, f"lists and quotations {markdown.DEEPEST} levels deep; expected fewer")


def _inside(tokens: Sequence[Token], start: int) -> Sequence[Token]:
    end = next(i for i in range(start + 1, len(tokens)) if tokens[i].level == tokens[start].level)
    return tokens[start + 1 : end]


def check_text(
    tokens: Sequence[Token], line: int, problem: Report, *, heading: bool = False, begins: bool = True
) -> None:
    """Tell what is wrong with inline tokens that begin at `line`; `begins` is whether a line begins with them."""
    check_math(tokens, line, problem)
    previous: Token | None = None
    for token, after in zip(tokens, [*tokens, None][1:], strict=True):
        if token.type == "text":
            text = token.content
            if "![" in text:
                problem(
                    line, f"a picture that is none in {text.strip()!r}; expected '![what it shows](address)', or '!\\['"
                )
            elif "](" in text:
                problem(
                    line, f"an address that is none in {text.strip()!r}; expected one without blanks ('%20'), or ']\\('"
                )
            if note := _FOOTNOTE.search(text):
                problem(line, f"the footnote {note[0]!r}; expected what it says in the text, or '\\[' before the '^'")
            if not heading:
                _check_structure(text, begins, after is None or after.type in _ENDS, line, problem)
        elif token.type == "link_close" and previous is not None and previous.type == "link_open":
            problem(line, "a link without text; expected '[text](address)'")
        line += _breaks(token)
        begins = token.type in _ENDS
        previous = token


def _check_structure(text: str, begins: bool, ends: bool, line: int, problem: Report) -> None:
    if "{{" in text or "}}" in text:
        problem(line, f"a cloze outside of a heading in {text.strip()!r}; expected it in the question, or '\\{{'")
    if begins and _HEADING.match(text):
        problem(line, f"a heading that is none, {text.strip()!r}; expected '## ' at the left margin, or '\\#'")
    elif "{#" in text:
        problem(line, f"an id outside of a heading in {text.strip()!r}; expected '## question {{#id}}', or '\\{{'")
    if begins and ends and _RULE.fullmatch(text.strip()):
        problem(line, f"a table that is none at {text.strip()!r}; expected as many cells above it, or '\\|' for a line")
    if begins and _BOX.match(text):
        problem(
            line, f"a box outside of a list of options in {text.strip()!r}; expected '- [ ] …' or '- [x] …', or '\\['"
        )


def check_math(tokens: Sequence[Token], line: int, problem: Report) -> None:
    """Tell every lone dollar and unbalanced formula in the inline tokens that begin at `line`."""
    for token in tokens:
        if token.type == "text" and "$" in token.content:
            problem(
                line, f"unbalanced math: a lone '$' in {token.content.strip()!r}; expected '$…$', or '\\$' for a dollar"
            )
        elif token.type.startswith("math"):
            check_braces(token.content, line, problem)
        line += _breaks(token)


def _breaks(token: Token) -> int:
    """How many ends of lines stand in a token."""
    if token.type in _ENDS:
        return 1
    return str(token.meta.get("source", token.content)).count("\n")


def check_braces(latex: str, line: int, problem: Report) -> None:
    """Tell where a formula opens and closes braces, or `\\left` and `\\right`, unequally often."""
    bare = re.sub(r"\\.", "", latex)
    if (opened := bare.count("{")) != (closed := bare.count("}")):
        problem(line, f"unbalanced math: {opened} '{{' but {closed} '}}' in {latex.strip()!r}")
    left, right = len(re.findall(r"\\left\b", latex)), len(re.findall(r"\\right\b", latex))
    if left != right:
        problem(line, f"unbalanced math: {left} '\\left' but {right} '\\right' in {latex.strip()!r}")


def pictures(tokens: Sequence[Token], line: int) -> list[tuple[int, Token]]:
    """The pictures among inline tokens that begin at `line`, with their lines."""
    found = []
    for token in tokens:
        if token.type == "image":
            found.append((line, token))
        line += _breaks(token)
    return found


def paragraphs(tokens: Sequence[Token], what: str, problem: Report) -> list[Token]:
    """The text of each item of a list; `what` an item is may hold nothing else, and whatever else is there is told."""
    texts: list[Token] = []
    for i, token in enumerate(tokens):
        if token.type == "list_item_open" and token.level == 1:
            if tokens[i + 1].type == "paragraph_open":
                texts.append(tokens[i + 2])
            else:
                problem(line_of(token), f"{what} that begins with no text; expected a single paragraph")
        elif token.level == 2 and token.nesting >= 0 and tokens[i - 1].type != "list_item_open":
            problem(line_of(token), f"{what} that goes on with {kind(token)}; expected a single paragraph")
    return texts
