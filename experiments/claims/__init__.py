"""Every finding that a notebook, a card, the exam or the README states, by topic; see :mod:`experiments.claims.claim`."""

from experiments.claims import activations, gradients, occlusion, sanity
from experiments.claims.claim import Claim, found

CLAIMS: list[Claim] = [*activations.CLAIMS, *gradients.CLAIMS, *occlusion.CLAIMS, *sanity.CLAIMS]

__all__ = ["CLAIMS", "Claim", "found"]
