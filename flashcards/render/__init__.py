"""Cards on everything that is not a live notebook: pages, plain text, paper, and Anki."""
