"""What belongs to the notebooks alone. The library does not import it, and it imports no experiments.

- One file for each notebook that has things of its own, named as the notebook is: its figures, its `explorer`, and the
  checkers of its exercises, `check_...`. `start_here`, `explanation_taxonomy`, `weight_pca`, `activation_tsne`, `occlusion`,
  `gradients`, `input_reconstruction`, `sanity_checks`, `roar`, `review`, `transformers`.
- `figures`: what several notebooks draw with; `maps`: points in a plane, for two of them; `encoding`: figures and images
  as small files.
- `own`: the reader's own picture, for 00, 04, 05 and 09.
- `frame`: what all explorers share, with `patch` the only one that imports widgets at its top; `verdict`: what all
  checkers share.
- `networks`: those of notebook 01 that explain themselves; its `trained` opens them, and those of 10.
- `results`: the stored tables; `scoreboard`: all of them side by side; `mystery`: the network with a planted fault;
  `doctor`: whether this machine is ready.
"""
