"""The course on one page, for a syllabus: facts, outcomes, glossary; the reading edition has it as *The course at a glance*.

Everything comes from where it is kept: facts from the tags of lecture slides, cards and exam questions, outcomes and
minutes from the openings of the notebooks, definitions from the sentences in which a term stands in bold.
"""

import re
from collections.abc import Mapping, Sequence

import nbformat

from flashcards.collection import find_exams, load_all, load_exam
from tools import lectures
from tools.run_notebooks import is_note

FACTS = {
    1: "three aspects of an explanation",
    2: "three approaches to explainable models",
    3: "post-hoc analysis: pros and cons",
    4: "transparent models: pros and cons",
    5: "learned explanations: pros and cons",
    6: "the last layer as a map",
    7: "what a model does with its inputs",
    8: "t-SNE",
    9: "two sanity checks",
    10: "input reconstruction",
    11: "occlusion",
    12: "the black patch",
    13: "the gradient method",
    14: "ROAR",
}
LETTERS = 60  # of a sentence that defines: the shortest


def page() -> str:
    """Return the page as Markdown."""
    paths = sorted(lectures.NOTEBOOKS.glob("*.ipynb"))
    notebooks = {path.stem: nbformat.read(path, as_version=4) for path in paths}
    return "\n\n".join(["# The course at a glance", facts(), outcomes(notebooks), glossary(notebooks)]) + "\n"


def covered() -> dict[int, dict[str, list[str]]]:
    """Return for each fact the slides, the sections of notebooks, the cards and the exam questions that are about it."""
    found: dict[int, dict[str, list[str]]] = {
        fact: {k: [] for k in ("slides", "sections", "cards", "exam")} for fact in FACTS
    }
    for number in lectures.LECTURES:
        for place, slide in enumerate(lectures.lecture(number), 2):
            for fact in slide.facts:
                found[fact]["slides"].append(f"{number}.{place}")
                found[fact]["sections"].append(
                    f"[{slide.notebook[:2]}, {slide.section}](notebooks/{slide.notebook}.ipynb)"
                )
    for deck in load_all():
        for card in (card for card in deck.cards if card.fact.isdigit()):
            found[int(card.fact)]["cards"].append(card.id)
    for exam in map(load_exam, find_exams()):
        for question in (q for q in exam.questions if q.card.fact.isdigit()):
            found[int(question.card.fact)]["exam"].append(question.card.id.partition(".")[2].removeprefix("exam_"))
    return found


def facts() -> str:
    """Return the table of the fourteen facts."""
    rows = ["| | fact | slides | notebook, section | cards | exam |", "| --- | --- | --- | --- | --- | --- |"]
    for fact, by in covered().items():
        cells = [", ".join(dict.fromkeys(by[kind])) for kind in ("slides", "sections", "cards", "exam")]
        rows.append(f"| {fact} | {FACTS[fact]} | {' | '.join(cells)} |")
    return "## Fourteen facts\n\nSlides are numbered *lecture.slide*.\n\n" + "\n".join(rows)


def outcomes(notebooks: Mapping[str, nbformat.NotebookNode]) -> str:
    """Return what each notebook says that one can do after it, and how long it takes."""
    parts = []
    for name, notebook in notebooks.items():
        opening = notebook.cells[0].source
        goals = "\n".join(re.findall(r"^- .+$", opening, flags=re.MULTILINE))
        minutes = re.search(r"\*\*Time:\*\* (\d+) minutes", opening)
        parts.append(
            f"### {opening.splitlines()[0].lstrip('# ')}\n\n[{name}](notebooks/{name}.ipynb), {minutes and minutes[1]} minutes\n\n{goals}"
        )
    return "## Outcomes\n\n" + "\n\n".join(parts)


def glossary(notebooks: Mapping[str, nbformat.NotebookNode]) -> str:
    """Return the terms in alphabetical order, each with the sentence that defines it: the first in which it stands in bold."""
    found: dict[str, tuple[str, str]] = {}
    for name, notebook in notebooks.items():
        for term, sentence in definitions(
            [c.source for c in notebook.cells[1:] if c.cell_type == "markdown" and not is_note(c)]
        ):
            found.setdefault(term.lower(), (sentence, name))
    rows = [f"- {sentence} ([{name[:2]}](notebooks/{name}.ipynb))" for _, (sentence, name) in sorted(found.items())]
    return "## Glossary\n\n" + "\n".join(rows)


def definitions(texts: Sequence[str]) -> list[tuple[str, str]]:
    """Return each term that stands in bold inside of a sentence of running text, with the sentence."""
    found = []
    for text in texts:
        running = [line for line in text.splitlines() if not re.match(r"\s*([|#><]|[-*] |\d+\.|```|\$\$)", line)]
        for sentence in re.split(r"(?<=[.?!])\s+(?=[A-Z(*])", " ".join(running)):
            terms = re.findall(r"\*\*([A-Za-z][\w -]+)\*\*", sentence)
            defines = re.search(
                r"\*\*[^*]+\*\* (is|are|means?|adds?|gets?|averages?|changes?|takes?|\()|\bcalled\b|\bis the\b",
                sentence,
            )
            if terms and defines and len(sentence) >= LETTERS:
                found += [(term, sentence.strip()) for term in terms]
    return found


if __name__ == "__main__":
    print(page())
