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
