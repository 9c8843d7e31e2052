"""Interactive explorers, the one package with widgets. Each shows plain HTML where there is no kernel."""

from vislib.explore.maps import hover, neighbours
from vislib.explore.occlusion import occlusion
from vislib.explore.taxonomy import audience

__all__ = ["audience", "hover", "neighbours", "occlusion"]
