"""No sentence without its cause: every message of the package is expected by a test that brings it about."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import flashcards

TELLERS = {"problem", "Problem", "ValueError", "RuntimeError", "NewerFileError", "ForeignFileError", "DamagedFileError",
           "ClozeError", "_damaged", "NotADirectoryError"}  # fmt: skip


def _texts(node: ast.AST) -> Iterator[str]:
    """The pieces of a text that do not depend on what came."""
    for part in ast.walk(node):
        if isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def _messages() -> dict[str, str]:
    """The longest piece of every message, and where it is said."""
    found = {}
    for path in sorted(Path(flashcards.__file__).parent.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                name = getattr(node.func, "id", getattr(node.func, "attr", ""))
                pieces = [text for argument in node.args for text in _texts(argument)] if name in TELLERS else []
                if pieces and len(longest := max(pieces, key=len)) >= 8:
                    found[longest] = f"{path.name}:{node.lineno}"
    return found


def test_every_message_is_expected_somewhere():
    here = Path(__file__).parent
    expected = [
        text
        for path in here.glob("test_*.py")
        if path != Path(__file__)
        for text in _texts(ast.parse(path.read_text()))
    ]
    expected = [text.replace("\\", "") for text in expected if len(text) >= 10]
    said = _messages()
    assert len(said) > 50
    missing = {
        place: message
        for message, place in said.items()
        if not any(message.replace("\\", "") in text or text in message.replace("\\", "") for text in expected)
    }
    assert missing == {}
