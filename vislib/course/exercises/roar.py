"""Checkers of notebook 08."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from vislib.course.exercises._verdict import Verdict, attempt, tensor_verdict


def keep_top(function: Callable[[Tensor, Tensor, float, Tensor], Tensor | None]) -> Verdict:
    """Check `keep_top(images, heat, fraction, colour)`: what is ranked highest in each image stays, the rest is a colour."""
    generator = torch.Generator().manual_seed(0)
    images = torch.rand(2, 3, 4, 5, generator=generator)
    heat = torch.stack([torch.randperm(20, generator=generator).float().reshape(4, 5) for _ in images])
    heat[0] *= 10  # one threshold for the whole batch would keep pixels of one image alone
    colour, fraction = torch.tensor([0.1, 0.5, 0.9])[:, None, None], 0.3

    def only(stays: Tensor, fill: Tensor | float = colour) -> Tensor:
        return torch.where(stays[:, None], images, fill)

    def top(values: Tensor, share: float) -> Tensor:
        return values >= values.flatten(1).sort(descending=True).values[:, round(share * 20) - 1][:, None, None]

    best = top(heat, fraction)
    expected = only(best)
    answer = attempt(function, images.clone(), heat.clone(), fraction, colour.clone())
    if bad := tensor_verdict(answer, (2, 3, 4, 5)):
        return bad
    whole = heat >= heat.flatten().sort(descending=True).values[round(fraction * 40) - 1]
    wrong = {
        "You keep the pixels that are ranked lowest.": only(top(-heat, fraction)),
        "You remove the pixels that are ranked highest: that is ROAR. Keep them, and remove the others.": only(~best),
        "The fraction is what stays; in yours it is what goes.": only(top(heat, 1 - fraction)),
        "You use one threshold for the whole batch; each image has its own ranking.": only(whole),
        "You fill with black; fill with `colour`.": only(best, 0.0),
        "You fill with one number; `colour` has one for each channel.": only(best, colour.mean()),
        "You return the images as they were.": images,
    }
    if torch.allclose(answer.float(), expected, atol=1e-6):
        return Verdict("right", "Right: each image keeps its own highest pixels, in all channels at once.")
    for message, value in wrong.items():
        if torch.allclose(answer.float(), value, atol=1e-6):
            return Verdict("wrong", message)
    stay = [(answer[i] == images[i]).all(0).sum().item() for i in range(2)]
    return Verdict("wrong", f"You keep {stay[0]} and {stay[1]} pixels of two images; expected 6 of 20 in each.")


def paired(function: Callable[[Tensor, Tensor], Any]) -> Verdict:
    """Check `paired(mine, random)`: the mean of the differences of two methods over seeds, and its standard error."""
    mine, random = torch.tensor([0.70, 0.78, 0.74, 0.66]), torch.tensor([0.73, 0.80, 0.78, 0.69])
    difference = mine - random
    n = len(mine)
    answer = attempt(function, mine.clone(), random.clone())
    if isinstance(answer, tuple | list) and len(answer) == 2:
        answer = torch.tensor([float(part) for part in answer])
    if bad := tensor_verdict(answer, (2,)):
        return bad
    mean, error = difference.mean(), difference.std() / n**0.5
    wrong = {
        "You take random minus mine; take mine minus random.": (-mean, error),
        "Your error is that of two independent samples; take the differences first, seed by seed.": (
            mean,
            ((mine.var() + random.var()) / n).sqrt(),
        ),
        "You give the standard deviation of one difference; divide by the root of the number of seeds.": (
            mean,
            difference.std(),
        ),
        "You divide by n inside the standard deviation; with few seeds divide by n - 1 (torch.std does).": (
            mean,
            difference.std(correction=0) / n**0.5,
        ),
    }
    if torch.allclose(answer.float(), torch.stack([mean, error]), atol=1e-5):
        return Verdict("right", "Right: what both methods share with a seed cancels, and the error shrinks.")
    for message, values in wrong.items():
        if torch.allclose(answer.float(), torch.stack(values), atol=1e-5):
            return Verdict("wrong", message)
    return Verdict(
        "wrong",
        f"Expected {float(mean):.4f} and {float(error):.4f}; yours are {float(answer[0]):.4f} and {float(answer[1]):.4f}.",
    )
