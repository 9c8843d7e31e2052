"""Interactive explorers, the one package with widgets. Each shows plain HTML where there is no kernel."""

from vislib.course.explore.gradients import guess, step
from vislib.course.explore.maps import hover, neighbours
from vislib.course.explore.occlusion import occlusion
from vislib.course.explore.reconstruction import reconstruction
from vislib.course.explore.review import scoreboard
from vislib.course.explore.roar import roar
from vislib.course.explore.sanity import cascade
from vislib.course.explore.taxonomy import audience

__all__ = [
    "audience",
    "cascade",
    "guess",
    "hover",
    "neighbours",
    "occlusion",
    "reconstruction",
    "roar",
    "scoreboard",
    "step",
]
