"""The live cards in a notebook."""
