"""What a checker says of a reader's answer: *not attempted yet*, *wrong, and why*, or *right*; and its first looks at an answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor


@dataclass(frozen=True)
class Verdict:
    """What a checker says; it shows itself as one line."""

    state: Literal["not attempted", "wrong", "right"]
    message: str

    def __str__(self) -> str:
        sign = {"not attempted": "…", "wrong": "✗", "right": "✓"}[self.state]
        return f"{sign} {self.message}"

    __repr__ = __str__


NOT_YET = Verdict("not attempted", "Not attempted yet: replace the line `return None`, and run both cells again.")


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return the answer of the reader's function, or a verdict if it raises, or returns a tensor without plain numbers.

    Several Nones are None: no answer yet.
    """
    try:
        answer = function(*arguments)
    except Exception as error:  # whatever a reader's first try raises is an answer to be explained
        return Verdict("wrong", f"Your function raises {type(error).__name__}: {error}")
    if isinstance(answer, Tensor) and (answer.is_meta or answer.is_complex() or answer.layout != torch.strided):
        came = f"{answer.dtype}, {answer.layout}, on {answer.device}"
        return Verdict("wrong", f"Your function returns a tensor of {came}; expected plain numbers.")
    return None if isinstance(answer, tuple | list) and answer and {*map(type, answer)} == {type(None)} else answer


def tensor_verdict(answer: Any, shape: tuple[int, ...]) -> Verdict | None:
    """Return what is wrong with the form of an answer, or None."""
    if isinstance(answer, Verdict):
        return answer
    if answer is None:
        return NOT_YET
    if not isinstance(answer, Tensor):
        return Verdict("wrong", f"Your function returns a {type(answer).__name__}; expected a tensor.")
    if answer.shape != shape:
        return Verdict("wrong", f"Your result has shape {tuple(answer.shape)}; expected {shape}.")
    return None


def number(answer: Any) -> float | Verdict:
    """Return an answer as a plain number, or the verdict on what it is instead."""
    if answer is None or isinstance(answer, Verdict):
        return NOT_YET if answer is None else answer
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if isinstance(answer, bool) or not isinstance(answer, int | float):
        return Verdict("wrong", f"Your function returns a {type(answer).__name__}; expected one number.")
    return float(answer)
