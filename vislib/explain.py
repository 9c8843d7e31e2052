"""The contract: what an explainer is, and what it explains.

An explainer takes a model, images (B, C, H, W) with pixels in [0, 1], and a target class (an int, or one int per
image), and returns a heatmap (B, H, W): the larger a value, the more that pixel counts *for* the target. Any function
of this form can be drawn and evaluated. Options are keyword-only, and bound with ``functools.partial``.
"""

from collections.abc import Callable

from torch import Tensor, nn

Explainer = Callable[[nn.Module, Tensor, int | Tensor], Tensor]
"""(model, images (B, C, H, W), target) -> heatmap (B, H, W)."""

Score = Callable[[Tensor, Tensor], Tensor]
"""(logits (B, K), target (B,)) -> score (B,): the number that a heatmap explains."""


def logit(logits: Tensor, target: Tensor) -> Tensor:
    """Score an answer by the target's logit: logits (B, K), target (B,) -> (B,), unbounded."""
    return logits.gather(1, target[:, None])[:, 0]


def probability(logits: Tensor, target: Tensor) -> Tensor:
    """Score an answer by the target's softmax probability: logits (B, K), target (B,) -> (B,), in [0, 1]."""
    return logit(logits.softmax(1), target)
