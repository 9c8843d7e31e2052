"""The Markdown of the decks: CommonMark with tables, struck text and dollar math, no raw HTML, and `{{clozes}}` in headings.

The HTML made here is the same for every use: math stands as `\\(…\\)`, which JupyterLab, exported pages and Anki all
typeset, what is no math cannot be taken for it, and pictures keep their relative address. Text that runs from right to
left says so.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.rules_block import table
from markdown_it.rules_block.table import escapedSplit, getLine
from markdown_it.rules_inline import backtick, image
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin
from mdit_py_plugins.dollarmath.index import math_inline_dollar

from flashcards.model import counted

HIDDEN = '<span class="fc-gap" aria-label="blank">[…]</span>'
#: Deeper lists and quotations are left out by the parser.
DEEPEST = 20

_Rule = Callable[[Any, bool], bool]


@cache
def parser() -> MarkdownIt:
    """The one parser of the package, with its renderer."""
    md = MarkdownIt("commonmark", {"html": False, "maxNesting": DEEPEST, "inline_definitions": True})
    dollarmath_plugin(md, allow_labels=False, allow_space=False, allow_digits=False, double_inline=True)
    md.inline.ruler.at("math_inline", _dollars(math_inline_dollar(False, False, True)))
    md.inline.ruler.at("image", _with_source(image))
    md.inline.ruler.at("backticks", _with_source(backtick))
    md.block.ruler.at("table", _with_cells(table), {"alt": ["paragraph", "reference"]})
    md.enable(["table", "strikethrough"])
    # Escapes stay tokens of their own, so that a lone `$` can be told from an intended `\$`.
    md.core.ruler.disable("text_join")
    md.add_render_rule("text", lambda self, tokens, i, options, env: as_text(tokens[i].content))
    md.add_render_rule("text_special", lambda self, tokens, i, options, env: as_text(tokens[i].content))
    md.add_render_rule("math_inline", _math("\\(", "\\)"))
    md.add_render_rule("math_inline_double", _math("\\[", "\\]"))
    md.add_render_rule("math_block", _math("<p>\\[", "\\]</p>\n"))
    md.add_render_rule("cloze_open", lambda *_: '<mark class="fc-cloze">')
    md.add_render_rule("cloze_close", lambda *_: "</mark>")
    md.add_render_rule("cloze_hidden", lambda *_: HIDDEN)
    md.add_render_rule("definition", lambda *_: "")
    md.add_render_rule("link_open", _link)
    md.add_render_rule("image", _image)
    return md


def _dollars(rule: _Rule) -> _Rule:
    """The rule of the plugin, which takes the last character of a text for the one before the first."""

    def dollars(state: Any, silent: bool) -> bool:
        text = state.src
        state.src += " "
        try:
            return rule(state, silent)
        finally:
            state.src = text

    return dollars


def _with_source(rule: _Rule) -> _Rule:
    """A rule whose token knows what stood for it in the text, and where."""

    def noted(state: Any, silent: bool) -> bool:
        start = state.pos
        found = rule(state, silent)
        if found and not silent and state.tokens and not state.pending:
            state.tokens[-1].meta |= {"source": state.src[start : state.pos], "at": start}
        return found

    return noted


def _with_cells(rule: Callable[..., bool]) -> Callable[..., bool]:
    """The rule for tables, whose rows know how many cells they have in the file: those beyond the head are not shown."""

    def noted(state: Any, start: int, end: int, silent: bool) -> bool:
        known = len(state.tokens)
        found = rule(state, start, end, silent)
        for token in state.tokens[known:] if found and not silent else []:
            if token.type == "tr_open":
                cells = escapedSplit(getLine(state, token.map[0]).strip())
                token.meta["cells"] = len(cells) - (cells[0] == "") - (len(cells) > 1 and cells[-1] == "")
        return found

    return noted


def _math(opening: str, closing: str) -> Callable[..., str]:
    def render(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return opening + escapeHtml(tokens[index].content.strip()) + closing

    return render


def _link(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    token.attrSet("target", "_blank")
    token.attrSet("rel", "noopener")
    return str(renderer.renderToken(tokens, index, options, env))


def _image(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    tokens[index].attrSet("alt", plain(tokens[index].children or []))
    return str(renderer.renderToken(tokens, index, options, env))


def as_text(text: str) -> str:
    """HTML that shows a text as it stands: a dollar or a backslash in a span of its own begins no formula."""
    return re.sub(r"[$\\]", r"<span>\g<0></span>", escapeHtml(text))


def blocks(text: str) -> list[Token]:
    """The block tokens of a text."""
    tokens = parser().parse(text)
    _set_directions(tokens)
    return tokens


def inline(text: str) -> list[Token]:
    """The inline tokens of one line of text."""
    (token,) = parser().parseInline(text)
    return token.children or []


def render(tokens: Sequence[Token]) -> str:
    """HTML of block tokens."""
    return str(parser().renderer.render(tokens, parser().options, {})).strip()


def render_inline(tokens: Sequence[Token]) -> str:
    """HTML of inline tokens."""
    renderer = parser().renderer
    assert isinstance(renderer, RendererHTML)
    return renderer.renderInline(tokens, parser().options, {}).strip()


def render_item(tokens: Sequence[Token]) -> str:
    """HTML of inline tokens that stand in a list or a line of our own making."""
    html = render_inline(tokens)
    return f'<span dir="rtl">{html}</span>' if direction(tokens) == "rtl" else html


def direction(tokens: Iterable[Token]) -> str:
    """ "rtl" or "ltr", as the first letter of the inline tokens runs; empty without letters."""
    letters = (unicodedata.bidirectional(c) for token in tokens if token.type == "text" for c in token.content)
    return next(("ltr" if kind == "L" else "rtl" for kind in letters if kind in ("L", "R", "AL")), "")


def _set_directions(tokens: Sequence[Token]) -> None:
    """Say which way the text of a block runs where it is not the way of what is around it."""
    around = ["ltr"]
    for i, token in enumerate(tokens):
        if token.nesting == 1:
            here = direction(_letters(tokens, i)) or around[-1]
            if here != around[-1]:
                token.attrSet("dir", here)
            around.append(here)
        elif token.nesting == -1:
            around.pop()


def _letters(tokens: Sequence[Token], start: int) -> Iterable[Token]:
    for token in tokens[start + 1 :]:
        if token.nesting == -1 and token.level == tokens[start].level:
            return
        yield from token.children or []


def plain(tokens: Sequence[Token]) -> str:
    """Inline tokens as one line of plain text, math in dollars."""
    parts = []
    for token in tokens:
        if token.type.startswith("math"):
            parts.append(f"${token.content}$")
        elif token.type in ("softbreak", "hardbreak"):
            parts.append(" ")
        elif token.type == "cloze_hidden":
            parts.append("[…]")
        elif token.type == "image":
            parts.append(plain(token.children or []))
        else:  # text and code
            parts.append(token.content)
    return " ".join("".join(parts).split())


def plain_blocks(tokens: Sequence[Token]) -> str:
    """Block tokens as plain text, one line per paragraph or item."""
    lines = []
    for token in tokens:
        if token.type == "inline":
            lines.append(plain(token.children or []))
        elif token.type.startswith("math_block"):
            lines.append(f"$${token.content.strip()}$$")
        elif token.type in ("fence", "code_block"):
            lines.append(token.content.rstrip())
    return "\n".join(line for line in lines if line)


def held(tokens: Sequence[Token], kind: str) -> list[str]:
    """The plain texts between the tokens `kind` + "_open" and `kind` + "_close"."""
    found = []
    for i, token in enumerate(tokens):
        if token.type == f"{kind}_open":
            end = next(j for j in range(i, len(tokens)) if tokens[j].type == f"{kind}_close")
            found.append(plain(tokens[i + 1 : end]))
    return found


class ClozeError(ValueError):
    """A cloze that does not open, close or hold anything."""


def clozes(tokens: Sequence[Token]) -> tuple[list[Token], list[Token]] | None:
    """The tokens with every `{{cloze}}` hidden and shown, or None where there is none.

    Only text is searched: LaTeX and code use double braces for themselves.
    """
    hidden: list[Token] = []
    shown: list[Token] = []
    opened: Token | None = None
    held = ""
    found = False
    for token in tokens:
        pieces = re.split(r"(\{{2,}|\}{2,})", token.content) if token.type == "text" else [None]
        for piece in pieces:
            if piece == "{{":
                if opened is not None:
                    raise ClozeError("a cloze opens inside another cloze")
                opened, held, found = token, "", True
                shown.append(Token("cloze_open", "", 0))
                hidden.append(Token("cloze_hidden", "", 0))
            elif piece == "}}":
                if opened is None:
                    raise ClozeError("a cloze closes with '}}' that was never opened with '{{'")
                if not held.strip():
                    raise ClozeError("the cloze is empty")
                if opened.level != token.level:
                    raise ClozeError("a cloze begins inside an emphasis or a link and ends outside of it")
                opened = None
                shown.append(Token("cloze_close", "", 0))
            elif piece is not None and piece[:2] in ("{{", "}}"):
                raise ClozeError(
                    f"{counted(len(piece), 'brace')} in a row; expected two, or '\\{piece[0]}' for a brace"
                )
            else:
                part = token if piece is None else Token("text", "", 0, content=piece, level=token.level)
                shown.append(part)
                if opened is None:
                    hidden.append(part)
                else:
                    held += part.content
    if opened is not None:
        raise ClozeError("the cloze opened with '{{' is never closed with '}}'")
    return (hidden, shown) if found else None
