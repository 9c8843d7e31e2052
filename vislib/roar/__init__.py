"""Remove and retrain: how much does a network still learn without the pixels that a method calls important?

A sweep trains one network per explainer, share of removed pixels, and seed. Networks of one seed begin with the same
weights and see the images in the same order, whatever the explainer, so that curves are compared in pairs. Random
pixels and edges are in the table unless `controls` says otherwise. One more thing must stand beside every curve: what
a network learns from the shape of the holes alone (``mask_only=True``).

The cells of a sweep run in processes of one thread each, and on a cluster by the same call inside
``joblib.parallel_config(backend="dask")``.
"""

from vislib.roar.benchmark import FRACTIONS, heatmaps, road, roar
from vislib.roar.explained import Maps
from vislib.roar.result import RoadResult, RoarResult

__all__ = ["FRACTIONS", "Maps", "RoadResult", "RoarResult", "heatmaps", "road", "roar"]
