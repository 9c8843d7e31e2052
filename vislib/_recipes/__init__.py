"""The recipes of everything in ``results/`` and ``weights/``, one module per topic."""

from vislib._recipes import mystery, reconstruction, roar, sanity, scoreboard, taxonomy, weights
from vislib.results import Recipe

RECIPES: dict[str, Recipe] = {
    **weights.RECIPES,
    **taxonomy.RECIPES,
    **reconstruction.RECIPES,
    **sanity.RECIPES,
    **roar.RECIPES,
    **mystery.RECIPES,
    **scoreboard.RECIPES,
}
