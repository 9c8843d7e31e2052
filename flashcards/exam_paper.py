"""A paper for one sitting, drawn from a bank of questions by a seed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from random import Random

from flashcards.model import Exam, ExamQuestion


def draw(exam: Exam, seed: int) -> Exam:
    """A paper with options in an order of its own; of a bank, one question about each fact that is drawn.

    The numbered facts, those of the lectures, come first, and others fill the paper up to its length. Since every question
    about a fact has the same weight, and what fills up weighs the same, papers of a bank are worth the same. Of the levels
    none is asked much more often than another. The questions stand in the order of the bank.
    """
    questions = _balanced(exam, Random(f"{exam.name} {seed}")) if exam.weights else exam.questions
    shuffled = tuple(replace(question, card=question.card.shuffled(seed)) for question in questions)
    return replace(exam, name=f"{exam.name}-{seed}", questions=shuffled)


def _balanced(exam: Exam, random: Random) -> list[ExamQuestion]:
    about: dict[str, list[ExamQuestion]] = {}
    for question in exam.questions:
        about.setdefault(question.card.fact, []).append(question)
    facts = random.sample(sorted(about), len(about))
    facts.sort(key=lambda fact: not fact.isdecimal())  # in the drawn order, the lectures' first
    asked: Counter[str] = Counter()
    drawn = []
    # Facts with little choice first: those with more can make up for them.
    for fact in sorted(facts[: exam.length or None], key=lambda fact: len({q.card.level for q in about[fact]})):
        least = min(asked[question.card.level] for question in about[fact])
        question = random.choice([question for question in about[fact] if asked[question.card.level] == least])
        asked[question.card.level] += 1
        drawn.append(question)
    return sorted(drawn, key=exam.questions.index)
