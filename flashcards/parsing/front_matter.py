"""The TOML between the two `+++` lines at the beginning of a deck or an exam."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from pathlib import PurePosixPath
from typing import Any

from flashcards.course import NOTEBOOKS
from flashcards.model import Report


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value.strip())


def _is_tags(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(tag, str) and re.fullmatch(r"[\w-]+", tag) for tag in value)


def _is_file(value: Any) -> bool:
    return _is_text(value) and value.endswith(".md") and not PurePosixPath(value).is_absolute() and "\\" not in value


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _are_weights(value: Any) -> bool:
    return isinstance(value, dict) and bool(value) and all(map(_is_count, value.values()))


_Kind = tuple[str, Callable[[Any], bool]]
_OF_ALL: dict[str, _Kind] = {
    "title": ("a text", _is_text),
    "notebook": ("a text", _is_text),
    "tags": ("a list of words without blanks", _is_tags),
}
_OF_EXAMS: dict[str, _Kind] = {
    "key": ("the path of a Markdown file, relative to this one", _is_file),
    "weights": ("a table of facts with whole numbers of points", _are_weights),
    "length": ("the number of questions in a paper", _is_count),
}


def read_front_matter(text: str, problem: Report, *, exam: bool = False) -> tuple[dict[str, Any], int]:
    """What stands in the front matter, as far as it is right, and how many lines it takes.

    An exam may name its `key`, a file, and as a bank the `weights` of its facts and the `length` of a paper.
    """
    lines = text.split("\n")
    if lines[0].rstrip() != "+++":
        problem(1, "the file begins without front matter; expected '+++', then title, notebook and tags, then '+++'")
        return {}, 0
    end = next((i for i, line in enumerate(lines[1:], 1) if line.rstrip() == "+++"), None)
    if end is None:
        problem(1, "the front matter opened with '+++' is never closed with '+++'")
        # The cards are read all the same, so that their mistakes are found too.
        return {}, next((i for i, line in enumerate(lines) if line.startswith("## ")), len(lines))
    try:
        meta = tomllib.loads("\n".join(lines[1:end]))
    except tomllib.TOMLDecodeError as error:
        where = re.search(r"at line (\d+)", str(error))
        problem(1 + int(where[1]) if where else end + 1, f"the front matter is not TOML: {error}")
        return {}, end + 1

    def line_of(key: str) -> int:
        return next((i for i, line in enumerate(lines[:end], 1) if line.split("=")[0].strip(" []") == key), 1)

    kinds = _OF_ALL | (_OF_EXAMS if exam else {})
    names = f"{', '.join(list(kinds)[:-1])} and {list(kinds)[-1]}"
    for key in sorted(_OF_ALL.keys() - meta.keys()):
        problem(1, f"the front matter has no {key}")
    for key in list(meta):
        if key not in kinds:
            problem(line_of(key), f"unknown key {key!r} in the front matter; expected {names}")
        elif not kinds[key][1](meta[key]):
            verb = "are" if key.endswith("s") else "is"
            problem(line_of(key), f"the {key} {verb} {meta.pop(key)!r}; expected {kinds[key][0]}")
    if meta.get("notebook", NOTEBOOKS[0]) not in NOTEBOOKS:
        problem(line_of("notebook"), f"unknown notebook {meta['notebook']!r}; expected one of {', '.join(NOTEBOOKS)}")
    return meta, end + 1
