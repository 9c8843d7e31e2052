"""Interactive explorers, the one package with widgets. Each shows plain HTML where there is no kernel."""

from vislib.explore.gradients import guess, step
from vislib.explore.maps import hover, neighbours
from vislib.explore.occlusion import occlusion
from vislib.explore.reconstruction import reconstruction
from vislib.explore.roar import roar
from vislib.explore.sanity import cascade
from vislib.explore.taxonomy import audience

__all__ = ["audience", "cascade", "guess", "hover", "neighbours", "occlusion", "reconstruction", "roar", "step"]
