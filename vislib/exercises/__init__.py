"""Checkers for the exercises: each says *not attempted yet*, *wrong, and why*, or *right*."""

from vislib.exercises._verdict import NOT_YET, Verdict
from vislib.exercises.gradients import integrate, most
from vislib.exercises.maps import explained, kept, support, typical
from vislib.exercises.mystery import accuse
from vislib.exercises.occlusion import own_fill, spread
from vislib.exercises.reconstruction import roughness, survival
from vislib.exercises.roar import keep_top, paired
from vislib.exercises.sanity import destroyed, ground
from vislib.exercises.taxonomy import followed, inside

__all__ = [
    "NOT_YET",
    "Verdict",
    "accuse",
    "destroyed",
    "explained",
    "followed",
    "ground",
    "inside",
    "integrate",
    "keep_top",
    "kept",
    "most",
    "own_fill",
    "paired",
    "roughness",
    "spread",
    "support",
    "survival",
    "typical",
]
