"""The Markdown of the decks: CommonMark with dollar math, no raw HTML, and `{{clozes}}` in headings.

The HTML made here is the same for every use: math stands as `\\(…\\)`, which JupyterLab, exported pages and Anki all
typeset, and pictures keep their relative address.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.common.utils import escapeHtml
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from mdit_py_plugins.dollarmath import dollarmath_plugin

from flashcards.model import Report

HIDDEN = '<span class="fc-gap" aria-label="blank">[…]</span>'


def _math(opening: str, closing: str) -> Callable[..., str]:
    def render(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
        return opening + escapeHtml(tokens[index].content.strip()) + closing

    return render


@cache
def parser() -> MarkdownIt:
    """The one parser of the package, with its renderer."""
    md = MarkdownIt("commonmark", {"html": False})
    dollarmath_plugin(md, allow_labels=False, allow_space=False, allow_digits=False, double_inline=True)
    md.enable("table")
    # Escapes stay tokens of their own, so that a lone `$` can be told from an intended `\$`.
    md.core.ruler.disable("text_join")
    md.add_render_rule("text_special", lambda self, tokens, i, options, env: escapeHtml(tokens[i].content))
    md.add_render_rule("math_inline", _math("\\(", "\\)"))
    md.add_render_rule("math_inline_double", _math("\\[", "\\]"))
    md.add_render_rule("math_block", _math("<p>\\[", "\\]</p>\n"))
    md.add_render_rule("cloze_open", lambda *_: '<mark class="fc-cloze">')
    md.add_render_rule("cloze_close", lambda *_: "</mark>")
    md.add_render_rule("cloze_hidden", lambda *_: HIDDEN)
    md.add_render_rule("link_open", _link)
    return md


def _link(renderer: Any, tokens: Sequence[Token], index: int, options: Any, env: Any) -> str:
    token = tokens[index]
    token.attrSet("target", "_blank")
    token.attrSet("rel", "noopener")
    return str(renderer.renderToken(tokens, index, options, env))


def blocks(text: str) -> list[Token]:
    """The block tokens of a text."""
    return parser().parse(text)


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
        else:  # text, code, and pictures, whose content is their alt text
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
        pieces = re.split(r"(\{\{|\}\})", token.content) if token.type == "text" else [None]
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


def check_math(tokens: Sequence[Token], line: int, problem: Report) -> None:
    """Tell every lone dollar and unbalanced formula in the inline tokens that begin at `line`."""
    for token in tokens:
        if token.type in ("softbreak", "hardbreak"):
            line += 1
        elif token.type == "text" and "$" in token.content:
            problem(
                line, f"unbalanced math: a lone '$' in {token.content.strip()!r}; expected '$…$', or '\\$' for a dollar"
            )
        elif token.type.startswith("math"):
            check_braces(token.content, line, problem)
            line += token.content.count("\n")


def check_braces(latex: str, line: int, problem: Report) -> None:
    """Tell where a formula opens and closes braces, or `\\left` and `\\right`, unequally often."""
    bare = re.sub(r"\\.", "", latex)
    if (opened := bare.count("{")) != (closed := bare.count("}")):
        problem(line, f"unbalanced math: {opened} '{{' but {closed} '}}' in {latex.strip()!r}")
    left, right = len(re.findall(r"\\left\b", latex)), len(re.findall(r"\\right\b", latex))
    if left != right:
        problem(line, f"unbalanced math: {left} '\\left' but {right} '\\right' in {latex.strip()!r}")
