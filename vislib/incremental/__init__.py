"""Exact incremental inference: recompute only what a patch can reach.

The clean image passes through the network once, and every feature map is kept. For a covered image only a rectangle of
each map changes: it is computed from its surroundings in the kept map and pasted back where it is needed, for many
positions at once. Where most of a map has changed, or an operation mixes all of space, the network goes on with whole
maps. The logits are those of the covered image, up to the rounding of floating-point sums.

Nakandala, Kumar & Papakonstantinou 2019, Incremental and Approximate Inference for Faster Occlusion-based Deep CNN
Explanations, SIGMOD, https://doi.org/10.1145/3299869.3319874
"""

from vislib.incremental.model import IncrementalModel

__all__ = ["IncrementalModel"]
