"""Checkers of the notebooks 02 and 03."""

from collections.abc import Callable

import torch
from torch import Tensor

from vislib.course.exercises._verdict import NOT_YET, Verdict, attempt, tensor_verdict


def explained(function: Callable[[Tensor], Tensor | None]) -> Verdict:
    """Check `explained(x)`: the share of the variance along each principal component of points (N, D), largest first."""
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1, 2, 1, 1]) + 4

    def shares(values: Tensor) -> Tensor:
        return values / values.sum()

    centred = torch.linalg.svdvals(x - x.mean(0))
    expected = shares(centred**2)
    answer = attempt(function, x.clone())
    if bad := tensor_verdict(answer, (5,)):
        return bad
    answer = answer.float()
    if torch.allclose(answer, expected, atol=1e-4):
        return Verdict(
            "right", "Right: the squares of the singular values of the centred points, divided by their sum."
        )
    if torch.allclose(answer, shares(torch.linalg.svdvals(x) ** 2), atol=1e-4):
        return Verdict("wrong", "You have not subtracted the mean: the first component then only points at it.")
    if torch.allclose(answer, shares(centred), atol=1e-4):
        return Verdict("wrong", "You use the singular values themselves; a variance is a square.")
    if torch.allclose(shares(answer), expected, atol=1e-4):
        return Verdict("wrong", "These are variances, not shares: divide by their sum.")
    return Verdict("wrong", f"The first share is {float(expected[0]):.3f}, and yours is {float(answer[0]):.3f}.")


def typical(function: Callable[[Tensor, Tensor], int | None]) -> Verdict:
    """Check `typical(weights, members)`: which of the members (indices) lies closest to the members' mean."""
    members = torch.tensor([4, 8, 11, 7, 2, 9, 5])
    weights = torch.full((12, 3), 12.0)
    weights[members] = torch.tensor([0, 1, 2, 3.2, 9, 10, 11])[:, None]
    weights[0] = 5.2  # no member, and closer to their mean than any of them
    inside = weights[members]
    place = int((inside - inside.mean(0)).norm(dim=1).argmin())
    answer = attempt(function, weights.clone(), members.clone())
    if answer is None or isinstance(answer, Verdict):
        return NOT_YET if answer is None else answer
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if not isinstance(answer, int):
        return Verdict("wrong", f"Your function returns a {type(answer).__name__}; expected one index, an int.")
    if answer == members[place]:
        return Verdict("right", "Right: the member closest to the mean of its group.")
    if answer == place:
        return Verdict("wrong", "You return the position within the members; look up which class that is.")
    if answer == int((weights - inside.mean(0)).norm(dim=1).argmin()):
        return Verdict("wrong", "The class you found is not a member; search among the members only.")
    if answer == members[int((inside - weights.mean(0)).norm(dim=1).argmin())]:
        return Verdict("wrong", "You compare with the mean of all classes; take the mean of the members.")
    return Verdict("wrong", f"Expected class {int(members[place])}, and yours is {answer}.")


def support(function: Callable[[Tensor, Tensor, int], Tensor | None]) -> Verdict:
    """Check `support(x, labels, k)`: for each point the share of its k nearest others that have its label, (N,)."""
    x = torch.randn(20, 3, generator=torch.Generator().manual_seed(2))
    labels = torch.arange(20) % 3
    order = torch.cdist(x, x).argsort(1)

    def shares(columns: slice) -> Tensor:
        return (labels[order[:, columns]] == labels[:, None]).float().mean(1)

    answer = attempt(function, x.clone(), labels.clone(), 5)
    if bad := tensor_verdict(answer, (20,)):
        return bad
    answer = answer.float()
    if torch.allclose(answer, shares(slice(1, 6)), atol=1e-5):
        return Verdict("right", "Right: a point with support 0 stands alone among strangers.")
    if torch.allclose(answer, shares(slice(0, 5)), atol=1e-5):
        return Verdict("wrong", "You count the point itself, which is its own nearest neighbour and always agrees.")
    if torch.allclose(answer, 5 * shares(slice(1, 6)), atol=1e-5):
        return Verdict("wrong", "You return how many neighbours agree; expected their share, from 0 to 1.")
    if torch.allclose(answer, shares(slice(-5, None)), atol=1e-5):
        return Verdict("wrong", "You take the farthest points: sort the distances upwards.")
    return Verdict(
        "wrong", f"The first point has support {float(shares(slice(1, 6))[0]):.2f}, and yours {float(answer[0]):.2f}."
    )


def kept(function: Callable[[Tensor, Tensor, int], float | None]) -> Verdict:
    """Check `kept(before, after, k)`: the share of the k nearest neighbours in `before` that are so in `after` too."""
    generator = torch.Generator().manual_seed(3)
    before = torch.randn(25, 6, generator=generator)
    after = before[:, :2] + 0.1 * torch.randn(25, 2, generator=generator)

    def share(first: int) -> float:
        old, new = (torch.cdist(p, p).argsort(1)[:, first : first + 6].tolist() for p in (before, after))
        return sum(len(set(a) & set(b)) for a, b in zip(old, new, strict=True)) / (25 * 6)

    answer = attempt(function, before.clone(), after.clone(), 6)
    if answer is None or isinstance(answer, Verdict):
        return NOT_YET if answer is None else answer
    if isinstance(answer, Tensor) and answer.numel() == 1:
        answer = answer.item()
    if not isinstance(answer, int | float):
        return Verdict("wrong", f"Your function returns a {type(answer).__name__}; expected one number.")
    if abs(answer - share(1)) < 1e-5:
        return Verdict("right", "Right: 1 would be a map that keeps every neighbour.")
    if abs(answer - share(0)) < 1e-5:
        return Verdict("wrong", "You count each point as its own neighbour, and that one is always kept.")
    if abs(answer - 6 * share(1)) < 1e-4 or abs(answer - 150 * share(1)) < 1e-3:
        return Verdict("wrong", "You return a count; divide by k and by the number of points.")
    return Verdict("wrong", f"Expected {share(1):.3f}, and yours is {answer:.3f}.")
