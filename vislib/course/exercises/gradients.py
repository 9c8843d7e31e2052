"""Checkers of notebook 05."""

from collections.abc import Callable

import torch
from torch import Tensor

from vislib.course.exercises._verdict import NOT_YET, Verdict, attempt, tensor_verdict


def integrate(function: Callable[[Callable[[Tensor], Tensor], Tensor, Tensor, int], Tensor | None]) -> Verdict:
    """Check `integrate(slope, x, start, steps)`: (x - start) times the mean of slope at the midpoints of `steps` pieces."""
    x, start, steps = torch.tensor([1.0, 2.0, -1.0]), torch.tensor([0.5, 0.0, 1.0]), 4

    def slope(at: Tensor) -> Tensor:
        return 3 * at.square() + 1

    def mean(shift: float, origin: Tensor) -> Tensor:
        return torch.stack([slope(origin + (k + shift) / steps * (x - origin)) for k in range(steps)]).mean(0)

    expected = (x - start) * mean(0.5, start)
    answer = attempt(function, slope, x.clone(), start.clone(), steps)
    if bad := tensor_verdict(answer, (3,)):
        return bad
    answer = answer.float()
    wrong = {
        "You return the mean gradient; multiply it by x - start.": mean(0.5, start),
        "You add the gradients up; divide by the number of steps.": steps * expected,
        "You multiply by x; the distance is x - start.": x * mean(0.5, start),
        "You take the beginning of each piece; take its middle, (k + 1/2) / steps.": (x - start) * mean(0.0, start),
        "You take the end of each piece; take its middle, (k + 1/2) / steps.": (x - start) * mean(1.0, start),
        "You start at 0; the way begins at `start`.": (x - start) * mean(0.5, torch.zeros(3)),
    }
    if torch.allclose(answer, expected, atol=1e-4):
        return Verdict("right", "Right: the distance times the mean slope on the way.")
    for message, value in wrong.items():
        if torch.allclose(answer, value, atol=1e-4):
            return Verdict("wrong", message)
    return Verdict("wrong", f"The first value is {float(expected[0]):.3f}, and yours is {float(answer[0]):.3f}.")


def most(function: Callable[[Tensor, float], Tensor | None]) -> Verdict:
    """Check `most(slope, eps)`: how far each score can fall, to first order, if each value moves by at most eps, (B,)."""
    slope = torch.tensor([[[[1.0, -2.0], [0.5, 0.0]]], [[[-3.0, 0.25], [1.0, -1.0]]]])
    answer = attempt(function, slope.clone(), 0.1)
    if isinstance(answer, float | int):
        return Verdict("wrong", "Your function returns one number; expected one per image.")
    if answer is None:
        return NOT_YET
    if bad := tensor_verdict(answer, (2,)):
        return bad
    flat = slope.flatten(1)
    if torch.allclose(answer.float(), 0.1 * flat.abs().sum(1), atol=1e-5):
        return Verdict("right", "Right: each value moves against its own slope, so the absolute values add up.")
    if torch.allclose(answer.float(), 0.1 * flat.norm(dim=1), atol=1e-5):
        return Verdict(
            "wrong", "You use the Euclidean norm: that is the worst case for a bound on the *length* of the step."
        )
    if torch.allclose(answer.float(), 0.1 * flat.sum(1), atol=1e-5):
        return Verdict("wrong", "You let slopes of different sign cancel; each value may choose its own direction.")
    if torch.allclose(answer.float(), flat.abs().sum(1), atol=1e-5):
        return Verdict("wrong", "You forgot eps.")
    return Verdict("wrong", f"For the first image expected {0.1 * 3.5:.3f}, and yours is {float(answer[0]):.3f}.")
