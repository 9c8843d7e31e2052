"""Questions as Moodle XML: https://docs.moodle.org/en/Moodle_XML_format

A written answer becomes an essay with its mark scheme for the grader, one with options a multiple choice. Formulas stay
LaTeX between `\\( \\)`, which Moodle's MathJax filter typesets; pictures travel inside.
"""

from __future__ import annotations

import base64
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from flashcards.model import Card, Exam, ExamQuestion
from flashcards.parsing.pictures import with_pictures
from flashcards.render.anki import media_names
from flashcards.render.html import marks


def xml(exam: Exam) -> str:
    """The questions of an exam for a question bank, tagged by fact and level; its key must be there."""
    root = Element("quiz")
    _text(SubElement(root, "question", type="category"), "category", category(exam))
    for question in exam.questions:
        root.append(_question(question))
    indent(root, " ")
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def category(exam: Exam) -> str:
    """The path of an exam in a question bank; slashes of its title are doubled, and a blank keeps the first off the path's."""
    title = " ".join(exam.title.split()).replace("/", "//")
    return f"$course$/top/{' ' if title.startswith('/') else ''}{title}"


def _question(question: ExamQuestion) -> Element:
    card = question.card
    item = Element("question", type="multichoice" if card.options else "essay")
    _text(item, "name", card.id)
    _html(item, "questiontext", card, card.question)
    _html(item, "generalfeedback", card, card.answer if card.options else "")
    _plain(item, defaultgrade=question.points, penalty=0, hidden=0, idnumber=card.id)
    if card.options:
        _plain(item, single="true", shuffleanswers="true", answernumbering="ABCD")
        for option in card.options:
            answer = _html(item, "answer", card, option.html)
            answer.set("fraction", "100" if option.right else "0")
            _html(answer, "feedback", card, "")
    else:
        _plain(item, responseformat="editor", responserequired=1, responsefieldlines=10, attachments=0)
        _plain(item, attachmentsrequired=0)
        _html(item, "graderinfo", card, marks(question))
        _html(item, "responsetemplate", card, "")
    tags = SubElement(item, "tags")
    for tag in filter(None, [card.fact and f"fact {card.fact}", card.level, card.topic]):
        _text(tags, "tag", tag)
    return item


def _plain(parent: Element, **values: object) -> None:
    for name, value in values.items():
        SubElement(parent, name).text = str(value)


def _text(parent: Element, name: str, text: str) -> Element:
    element = SubElement(parent, name)
    SubElement(element, "text").text = text
    return element


def _html(parent: Element, name: str, card: Card, html: str) -> Element:
    """An element of HTML with the pictures that it shows."""
    names = media_names([card.folder / image for image in card.images])
    shown: list[str] = []

    def address(image: str) -> str:
        shown.append(image)
        return f"@@PLUGINFILE@@/{names[card.folder / image]}"

    element = _text(parent, name, with_pictures(html, address))
    element.set("format", "html")
    for path in dict.fromkeys(card.folder / image for image in shown):
        file = SubElement(element, "file", name=names[path], path="/", encoding="base64")
        file.text = base64.b64encode(path.read_bytes()).decode("ascii")
    return element
