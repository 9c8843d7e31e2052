"""Exams: files in the format of the decks, in which a written answer is given by its mark scheme.

The answer to a question without options is a list and nothing else, one criterion per item, with its points in front:
`- (2) says that …`. The answers may lie in a file of their own, the `key`; where that is missing, as in a student's copy,
there are questions alone. With `weights` the file is a bank: a question is worth the weight of the fact that it asks for.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from flashcards.model import Criterion, Exam, ExamQuestion, Problem, Report, counted
from flashcards.parsing import checks, markdown
from flashcards.parsing.cards import Answered, read_answers

_POINTS = re.compile(r"\(([1-9][0-9]{0,2})\)\s+(?=\S)")


def read_exam(path: Path) -> tuple[Exam, list[Problem]]:
    """The exam in a file, with its key if that is there, and every mistake in both files."""
    meta, answered, problems = read_answers(path, "exam")

    def problem(line: int, message: str) -> None:
        problems.append(Problem(path.name, line, message))

    key = path.parent / meta["key"] if "key" in meta else None
    keyed = key is None or key.is_file()
    weights = meta.get("weights", {})
    answers = _answers(key, problems) if key is not None and keyed else {}
    questions = []
    for found in answered:
        card = found.card
        if card.question != card.solved:
            problem(card.line, "a cloze; expected a question without one, with options or a mark scheme")
        question = ExamQuestion(card, ())
        if key is None and not card.options:
            question = ExamQuestion(card, _scheme(found, problem))
        elif card.id in answers:
            question = _joined(found, answers.pop(card.id))
        elif key is not None and keyed:
            problem(card.line, f"{card.id!r} has no answer; expected one in {key.name}")
        questions.append(_weighed(question, weights, problem) if weights else question)
    for name, left in answers.items():
        left.file.problem(left.card.line, f"an answer to {name!r}, which is no question; expected the id of one")
    if weights:
        _check_bank(questions, weights, meta.get("length", 0), problem)
    exam = Exam(path.stem, meta.get("title", path.stem), tuple(questions), keyed, weights, meta.get("length", 0))
    return exam, sorted(problems)


def _answers(key: Path, problems: list[Problem]) -> dict[str, Answered]:
    """What a key says of each question; its mistakes go to `problems`, also those that are found later."""
    name = f"{key.parent.name}/{key.name}"  # which often has the name of its exam
    _, answered, found = read_answers(key, "key")
    problems += [replace(problem, file=name) for problem in found]
    for answer in answered:
        answer.file.problem = lambda line, message: problems.append(Problem(name, line, message))
        if answer.card.images:
            answer.file.problem(answer.card.line, "a picture in a key; expected it in the question")
    return {answer.card.id: answer for answer in answered}


def _joined(asked: Answered, answer: Answered) -> ExamQuestion:
    """A question with the answer that the key has for it."""
    card, key, problem = asked.card, answer.card, answer.file.problem
    if not card.options:
        return ExamQuestion(replace(card, terms=key.terms), _scheme(answer, problem))
    right = [option.text for option in key.options if option.right]
    options = tuple(replace(option, right=option.text in right) for option in card.options)
    if not any(option.right for option in options):
        problem(key.line, f"no right option of {card.id!r}; expected '- [x]' with the text of one of its options")
    told = replace(card, options=options, answer=key.answer, answer_text=key.answer_text, terms=key.terms)
    return ExamQuestion(told, ())


def _weighed(question: ExamQuestion, weights: Mapping[str, int], problem: Report) -> ExamQuestion:
    """A question of a bank, worth the weight of its fact."""
    card = question.card
    if card.fact not in weights:
        problem(card.line, f"the fact is {card.fact!r}; expected one with a weight: {', '.join(weights)}")
    if not card.level:
        problem(card.line, "a question of a bank without a level; expected 'level=…' behind its id")
    worth = weights.get(card.fact, 1)
    if question.scheme and question.points != worth:
        problem(
            card.line, f"a mark scheme of {counted(question.points, 'point')}; expected {worth}, the weight of its fact"
        )
    return replace(question, worth=worth)


def _check_bank(questions: Sequence[ExamQuestion], weights: Mapping[str, int], length: int, problem: Report) -> None:
    """Tell why papers of a bank would not be worth the same, or would not ask about each numbered fact."""
    asked = {question.card.fact for question in questions} & weights.keys()
    numbered = {fact for fact in asked if fact.isdecimal()}
    for fact in sorted(weights.keys() - asked):
        problem(1, f"a weight for the fact {fact!r}, about which there is no question; expected one")
    if length and not len(numbered) <= length <= len(asked):
        message = "one about each numbered fact and no two about the same"
        problem(1, f"papers of {counted(length, 'question')}; expected {len(numbered)} to {len(asked)}, {message}")
    filling = {weights[fact] for fact in asked - numbered}
    if len(numbered) < length < len(asked) and len(filling) > 1:
        problem(1, f"facts that fill a paper up weigh {sorted(filling)}; expected one weight, so that papers are alike")


def _scheme(answered: Answered, problem: Report) -> tuple[Criterion, ...]:
    """The criteria in the blocks of an answer."""
    back = answered.back
    start = next((i for i, token in enumerate(back) if token.type == "bullet_list_open" and token.level == 0), None)
    if start is None:
        problem(
            answered.card.line,
            "the question has neither options nor a mark scheme; expected '- (2) what earns two points'",
        )
        return ()
    for i, token in enumerate(back):
        if i != start and token.level == 0 and token.nesting >= 0:
            problem(checks.line_of(token), f"{checks.kind(token)} beside the mark scheme; expected a single list")
    end = next(i for i in range(start, len(back)) if back[i].type == "bullet_list_close" and back[i].level == 0)
    criteria: list[Criterion] = []
    for token in checks.paragraphs(back[start : end + 1], "a criterion", problem):
        match = _POINTS.match(token.content)
        if match is None:
            message = f"a criterion without points, {token.content!r}; expected a whole number in front, '- (2) says …'"
            problem(checks.line_of(token), message)
            continue
        text = token.content[match.end() :]
        says = markdown.inline(text)
        plain = markdown.plain(says)
        if any(criterion.text == plain for criterion in criteria):
            problem(checks.line_of(token), f"the criterion {plain!r} stands there twice")
        criteria.append(Criterion(int(match[1]), markdown.render_item(says), plain, answered.file.portable(text, says)))
    return tuple(criteria)
