"""Checkers for the exercises: each says *not attempted yet*, *wrong, and why*, or *right*."""

from vislib.course.exercises._verdict import NOT_YET, Verdict
from vislib.course.exercises.gradients import integrate, most
from vislib.course.exercises.maps import explained, kept, support, typical
from vislib.course.exercises.mystery import accuse
from vislib.course.exercises.occlusion import own_fill, spread
from vislib.course.exercises.reconstruction import roughness, survival
from vislib.course.exercises.roar import keep_top, paired
from vislib.course.exercises.sanity import destroyed, ground
from vislib.course.exercises.taxonomy import followed, inside

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
