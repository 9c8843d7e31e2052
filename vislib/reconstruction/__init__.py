"""Input reconstruction, or activation maximisation: what would the network most like to see? (Erhan et al. 2009)

The weights stay fixed, and a picture climbs the gradient. How the picture is written down, and that it is moved a little
at every step, decide whether the ascent ends in a picture or in noise that only this one network takes for anything.
"""

from vislib.reconstruction.ascent import History, Watch
from vislib.reconstruction.inversion import invert
from vislib.reconstruction.maximisation import reconstruct
from vislib.reconstruction.transformations import moved, resized

__all__ = ["History", "Watch", "invert", "moved", "reconstruct", "resized"]
