"""Checkers of notebook 04."""

from collections.abc import Callable

import torch
from torch import Tensor

from vislib.course.exercises._verdict import Verdict, attempt, tensor_verdict


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
    answer = attempt(function, drops.clone(), size, patch, stride)
    if bad := tensor_verdict(answer, (size, size)):
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
    answer = attempt(function, images)
    if bad := tensor_verdict(answer, tuple(images.shape)):
        return bad
    if not torch.equal(images, before):
        return Verdict("wrong", "Your fill changes the images themselves; work on a copy.")
    if not answer.is_floating_point() or not 0 <= float(answer.min()) <= float(answer.max()) <= 1:
        return Verdict("wrong", "Your fill leaves the pixel range; expected floating point values in [0, 1].")
    if float((answer - images).abs().mean()) < 0.01:
        return Verdict("wrong", "Your fill is nearly the image itself, so the patch would hide nothing.")
    return Verdict("right", "Right: this fill can go straight into `occlusion(..., fill=...)`.")
