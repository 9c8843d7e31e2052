"""Occlusion: cover parts of the image, and see how far the score falls: one square at a time, or many at once."""

from vislib.occlusion.squares import occlusion, occlusion_grid, occlusion_logits
from vislib.occlusion.subsets import rise, shapley

__all__ = ["occlusion", "occlusion_grid", "occlusion_logits", "rise", "shapley"]
