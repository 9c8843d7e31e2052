"""Pictures of cards, from the address in a deck to the file and on to a page: the one place that quotes and unquotes."""

from __future__ import annotations

import base64
import mimetypes
import os
import re
from collections.abc import Callable, Sequence
from html import escape, unescape
from pathlib import Path
from urllib.parse import quote, unquote

from markdown_it.helpers import parseLinkDestination
from markdown_it.token import Token

_IMAGE = re.compile(r'(<img src=")([^"]*)(")')  # as `markdown` renders it; in a text `<` and `"` are escaped
_OPENED = re.compile(r"\]\([ \t]*(?:\n[ \t>]*)?")  # before an address, which may begin the next line of a quotation
_SHOWN = ("image/png", "image/jpeg", "image/gif", "image/svg+xml", "image/webp")
_TYPES = mimetypes.MimeTypes()  # not the module's functions: on Windows they ask the registry


def name_of(address: str) -> str:
    """The path of a picture, relative to its deck, from its address in Markdown."""
    return unquote(address)


def address_of(path: Path) -> str:
    """The address of a file, for Markdown that may lie in any folder."""
    return quote(path.resolve().as_posix())


def portable(lines: str, texts: Sequence[Token], folder: Path) -> str:
    """Lines of Markdown with the addresses of their pictures, relative to `folder`, made to hold in any folder.

    `texts` are the inline blocks in these lines, in their order. A picture is found by how many `](` stand before its own:
    a text has as many as its lines, which differ from it by indentation, the signs of quotations and escaped bars.
    """
    opened = [match.end() for match in _OPENED.finditer(lines)]
    parts, done, before = [], 0, 0
    for text in texts:
        for token in text.children or []:
            if token.type == "image" and token.meta["source"].endswith(")"):  # not by reference
                end = token.meta["at"] + len(f"![{token.content}")
                start = opened[before + text.content.count("](", 0, end)]
                parts += [lines[done:start], address_of(folder / name_of(str(token.attrGet("src"))))]
                done = max(start, parseLinkDestination(lines, start, len(lines)).pos)
        before += text.content.count("](")
    return "".join([*parts, lines[done:]])


def wrong_picture(folder: Path, address: str) -> str:
    """What is wrong with a picture, in words; empty for one that shows."""
    name = name_of(address)
    if re.match(r"[A-Za-z][A-Za-z0-9+.-]*:|[/\\]", name) or ".." in re.split(r"[/\\]", name):
        return f"the picture {name!r} is not a file of the decks; expected a relative path like 'img/name.png'"
    if not os.path.isfile(folder / name):
        return f"the picture {name!r} does not exist"
    if _type(name) not in _SHOWN:
        return f"the picture {name!r} is of no kind that every page shows; expected .png, .jpg, .gif, .svg or .webp"
    return ""


def with_pictures(html: str, address: Callable[[str], str]) -> str:
    """The HTML with the address of every picture replaced by `address(path relative to the deck)`."""
    return _IMAGE.sub(lambda match: match[1] + escape(address(name_of(unescape(match[2])))) + match[3], html)


def data_address(path: Path) -> str:
    """A picture as an address that holds it."""
    return f"data:{_type(path.name)};base64,{base64.b64encode(path.read_bytes()).decode('ascii')}"


def _type(name: str) -> str | None:
    kind, packed = _TYPES.guess_type(Path(name).name, strict=False)
    return None if packed else kind
