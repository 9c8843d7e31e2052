"""Checkers of notebook 01."""

from collections.abc import Callable

import torch
from torch import Tensor

from vislib.course.exercises._verdict import Verdict, attempt, number


def inside(function: Callable[[Tensor, Tensor], float | None]) -> Verdict:
    """Check `inside(heat, mask)`: the share of a heatmap's positive values (H, W) that lies inside a mask (H, W)."""
    heat = torch.tensor([[4.0, 1, -2], [0, 3, -1], [2, -2, 0]])
    mask = torch.tensor([[True, False, True], [False, True, False], [False, True, False]])
    answer = number(attempt(function, heat.clone(), mask.clone()))
    if isinstance(answer, Verdict):
        return answer
    if abs(answer - 0.7) < 1e-5:
        return Verdict("right", "Right: 7 of the 10 units of positive evidence lie inside.")
    if abs(answer - float(heat[mask].sum() / heat.sum())) < 1e-5:
        return Verdict("wrong", "You add up the negative values too; evidence against is no evidence for the place.")
    if abs(answer - float(heat[mask].abs().sum() / heat.abs().sum())) < 1e-5:
        return Verdict("wrong", "You drop the signs: evidence against counts as evidence for.")
    if abs(answer - float((heat[mask] > 0).sum() / (heat > 0).sum())) < 1e-5:
        return Verdict("wrong", "You count pixels; add up their values.")
    if abs(answer - 7) < 1e-5:
        return Verdict("wrong", "That is the evidence inside; divide it by all the positive evidence.")
    return Verdict("wrong", f"For the map of the checker expected 0.7, and yours is {answer:.3g}.")


def followed(function: Callable[[Tensor, Tensor, Tensor], float | None]) -> Verdict:
    """Check `followed(before, after, marks)`: of the answers that changed, the share that changed to what the mark says."""
    before, after = torch.tensor([0, 1, 2, 3, 4, 5]), torch.tensor([1, 1, 0, 5, 2, 5])
    marks = torch.tensor([1, 1, 0, 4, 2, 5])
    answer = number(attempt(function, before.clone(), after.clone(), marks.clone()))
    if isinstance(answer, Verdict):
        return answer
    changed, agrees = before != after, after == marks
    if abs(answer - 0.75) < 1e-5:
        return Verdict("right", "Right: three of the four that changed went where the mark points.")
    if abs(answer - float(agrees.float().mean())) < 1e-5:
        return Verdict("wrong", "You count every image; leave out those whose answer did not change.")
    if abs(answer - float(changed.float().mean())) < 1e-5:
        return Verdict("wrong", "That is how many changed; ask where they went.")
    if abs(answer - float((changed & agrees).float().mean())) < 1e-5:
        return Verdict("wrong", "You divide by all images; divide by those that changed.")
    return Verdict("wrong", f"For the answers of the checker expected 0.75, and yours is {answer:.3g}.")
