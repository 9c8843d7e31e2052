"""Interactive explorers, the one package with widgets. Each shows plain HTML where there is no kernel."""

from vislib.explore.maps import hover, neighbours
from vislib.explore.occlusion import occlusion
from vislib.explore.reconstruction import reconstruction

__all__ = ["hover", "neighbours", "occlusion", "reconstruction"]
