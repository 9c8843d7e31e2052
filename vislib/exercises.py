"""Checkers for the exercises: each says *not attempted yet*, *wrong, and why*, or *right*."""

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


def _attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Return the answer of the reader's function, or a verdict if it raises."""
    try:
        return function(*arguments)
    except Exception as error:  # whatever a reader's first try raises is an answer to be explained
        return Verdict("wrong", f"Your function raises {type(error).__name__}: {error}")


def _tensor_verdict(answer: Any, shape: tuple[int, ...]) -> Verdict | None:
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


def spread(function: Callable[[Tensor, int, int, int], Tensor | None]) -> Verdict:
    """Check `spread(drops, size, patch, stride)`: the mean drop of the patches that cover each pixel, (size, size)."""
    size, patch, stride = 7, 3, 2
    drops = torch.arange(9.0).reshape(3, 3)
    total, count = torch.zeros(size, size), torch.zeros(size, size)
    for i in range(3):
        for j in range(3):
            window = (slice(i * stride, i * stride + patch), slice(j * stride, j * stride + patch))
            total[window] += drops[i, j]
            count[window] += 1
    answer = _attempt(function, drops.clone(), size, patch, stride)
    if bad := _tensor_verdict(answer, (size, size)):
        return bad
    if torch.allclose(answer.float(), total / count, atol=1e-5):
        return Verdict("right", "Right: every pixel has the mean of the patches that cover it.")
    if torch.allclose(answer.float(), total, atol=1e-5):
        return Verdict(
            "wrong", "You add the drops up: a pixel under four patches then looks four times as important. Divide."
        )
    if torch.allclose(answer.float().T, total / count, atol=1e-5):
        return Verdict(
            "wrong", "Your map is mirrored at the diagonal: rows are the first index of `drops`, columns the second."
        )
    if not bool(answer[-1].any()):
        return Verdict("wrong", "Your last row of pixels is never covered: the last patch starts at size - patch.")
    expected = total / count
    off = (answer.float() - expected).abs().nan_to_num(nan=torch.inf)
    row, column = divmod(int(off.argmax()), size)
    return Verdict(
        "wrong",
        f"At pixel ({row}, {column}) expected {float(expected[row, column]):g}, and yours is {float(answer[row, column]):g}.",
    )


def own_fill(function: Callable[[Tensor], Tensor | None]) -> Verdict:
    """Check a reader's own fill: images (B, C, H, W) -> a canvas of the same shape, in [0, 1], that hides the image."""
    images = torch.rand(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    before = images.clone()
    answer = _attempt(function, images)
    if bad := _tensor_verdict(answer, tuple(images.shape)):
        return bad
    if not torch.equal(images, before):
        return Verdict("wrong", "Your fill changes the images themselves; work on a copy.")
    if not answer.is_floating_point() or not 0 <= float(answer.min()) <= float(answer.max()) <= 1:
        return Verdict("wrong", "Your fill leaves the pixel range; expected floating point values in [0, 1].")
    if float((answer - images).abs().mean()) < 0.01:
        return Verdict("wrong", "Your fill is nearly the image itself, so the patch would hide nothing.")
    return Verdict("right", "Right: this fill can go straight into `occlusion(..., fill=...)`.")


def explained(function: Callable[[Tensor], Tensor | None]) -> Verdict:
    """Check `explained(x)`: the share of the variance along each principal component of points (N, D), largest first."""
    x = torch.randn(40, 5, generator=torch.Generator().manual_seed(0)) * torch.tensor([3.0, 1, 2, 1, 1]) + 4

    def shares(values: Tensor) -> Tensor:
        return values / values.sum()

    centred = torch.linalg.svdvals(x - x.mean(0))
    expected = shares(centred**2)
    answer = _attempt(function, x.clone())
    if bad := _tensor_verdict(answer, (5,)):
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
    answer = _attempt(function, weights.clone(), members.clone())
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

    answer = _attempt(function, x.clone(), labels.clone(), 5)
    if bad := _tensor_verdict(answer, (20,)):
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

    answer = _attempt(function, before.clone(), after.clone(), 6)
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
