"""Sanity checks: does an explanation change when what it explains is destroyed (Adebayo et al. 2018)?

`cascade` destroys the weights, block by block; `random_labels` what there was to learn. An explanation that stays the
same explains something else. One that changes has passed, which does not make it right.
"""

from vislib.sanity.cascades import Cascade, cascade, interval
from vislib.sanity.labels import RandomLabels, Twins, label_twins, random_labels
from vislib.sanity.randomisation import randomised
from vislib.sanity.similarity import Similarity, hog, spearman, ssim

__all__ = [
    "Cascade",
    "RandomLabels",
    "Similarity",
    "Twins",
    "cascade",
    "hog",
    "interval",
    "label_twins",
    "random_labels",
    "randomised",
    "spearman",
    "ssim",
]
