"""The recipes of everything in ``experiments/tables`` and of the shipped networks, one module per topic."""

from experiments import claims, leak, mystery, reconstruction, roar, sanity, scoreboard, taxonomy, transformers, weights
from experiments.recipe import Recipe

RECIPES: dict[str, Recipe] = {
    **weights.RECIPES,
    **taxonomy.RECIPES,
    **reconstruction.RECIPES,
    **sanity.RECIPES,
    **roar.RECIPES,
    **leak.RECIPES,
    **mystery.RECIPES,
    **scoreboard.RECIPES,
    **transformers.RECIPES,
    **{claim.name: claim.recipe for claim in claims.CLAIMS},
}
