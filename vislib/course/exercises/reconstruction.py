"""Checkers of notebook 06."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from vislib.course.exercises._verdict import Verdict, attempt, number


class _Picky(nn.Module):
    """Two classes of a picture (1, C, 4, 4): its first pixel, and nothing."""

    def forward(self, images: Tensor) -> Tensor:
        first = 4 * images[:, 0, 0, 0] - 1
        return torch.stack([first, torch.zeros_like(first)], 1)


def survival(function: Callable[[nn.Module, Tensor, int, list[tuple[int, int]]], float | None]) -> Verdict:
    """Check `survival(model, picture, target, shifts)`: the mean probability over copies shifted (down, right)."""
    picture = torch.rand(1, 3, 4, 4, generator=torch.Generator().manual_seed(4))
    shifts = [(1, 0), (0, 2), (3, 1)]
    before = picture.clone()
    answer = number(attempt(function, _Picky().eval(), picture, 0, list(shifts)))
    if isinstance(answer, Verdict):
        return answer
    if not torch.equal(picture, before):
        return Verdict("wrong", "Your function changes the picture itself; work on a copy.")

    def each(sign: int = 1, swap: bool = False) -> Tensor:
        pairs = [(right, down) if swap else (down, right) for down, right in shifts]
        copies = torch.cat([picture.roll((sign * d, sign * r), (2, 3)) for d, r in pairs])
        logits: Tensor = _Picky()(copies)
        return logits

    def close(value: Tensor) -> bool:
        return abs(answer - float(value)) < 1e-5

    chances = each().softmax(1)[:, 0]
    if close(chances.mean()):
        return Verdict(
            "right", "Right: a picture that holds something keeps its probability, a key to one lock loses it."
        )
    if close(_Picky()(picture).softmax(1)[0, 0]):
        return Verdict("wrong", "You ask about the picture itself; ask about its shifted copies.")
    if close(each()[:, 0].mean()):
        return Verdict("wrong", "You average the logits; take the softmax first.")
    if close(chances.sum()):
        return Verdict("wrong", "You add the probabilities up; expected their mean.")
    if any(close(chance) for chance in chances):
        return Verdict("wrong", "You return the probability of one copy; expected the mean over all shifts.")
    if close(each(swap=True).softmax(1)[:, 0].mean()):
        return Verdict("wrong", "You exchange the directions: each shift is (down, right).")
    if close(each(-1).softmax(1)[:, 0].mean()):
        return Verdict("wrong", "You shift up and left; a shift is (down, right).")
    return Verdict("wrong", f"Expected {float(chances.mean()):.3f}, and yours is {answer:.3f}.")


def roughness(function: Callable[[Tensor], float | None]) -> Verdict:
    """Check `roughness(picture)` (C, H, W): mean absolute difference between neighbours, down plus across."""
    picture = torch.rand(3, 5, 7, generator=torch.Generator().manual_seed(5))
    down, across = picture[:, 1:] - picture[:, :-1], picture[:, :, 1:] - picture[:, :, :-1]
    expected = float(down.abs().mean() + across.abs().mean())
    answer = number(attempt(function, picture.clone()))
    if isinstance(answer, Verdict):
        return answer
    if abs(answer - expected) < 1e-5:
        return Verdict("right", "Right: 0 for a plain surface, and high for noise.")
    slips = {
        "You count one direction only; add the other one.": (down.abs().mean(), across.abs().mean()),
        "Without absolute values, rises and falls cancel.": (down.mean() + across.mean(),),
        "You add the differences up; expected means, so that the size of the picture does not matter.": (
            down.abs().sum() + across.abs().sum(),
        ),
        "You square the differences; expected absolute values.": (down.square().mean() + across.square().mean(),),
    }
    for message, values in slips.items():
        if any(abs(answer - float(value)) < 1e-4 for value in values):
            return Verdict("wrong", message)
    return Verdict("wrong", f"Expected {expected:.3f}, and yours is {answer:.3f}.")
