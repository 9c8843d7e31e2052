"""Every finding that a notebook, a card, the exam or the README states, by topic; see :mod:`experiments.claims.claim`."""

from experiments.claims import (
    activations,
    gradients,
    occlusion,
    reconstruction,
    review,
    roar,
    sanity,
    start,
    taxonomy,
    transformers,
    weights,
)
from experiments.claims.claim import Claim, found

CLAIMS: list[Claim] = [
    *activations.CLAIMS,
    *gradients.CLAIMS,
    *occlusion.CLAIMS,
    *reconstruction.CLAIMS,
    *review.CLAIMS,
    *roar.CLAIMS,
    *sanity.CLAIMS,
    *start.CLAIMS,
    *taxonomy.CLAIMS,
    *transformers.CLAIMS,
    *weights.CLAIMS,
]

__all__ = ["CLAIMS", "Claim", "found"]
