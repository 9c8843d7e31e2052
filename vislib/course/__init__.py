"""What belongs to the notebooks alone. The library does not import it, and it imports no experiments.

- One file for each notebook that has things of its own, named as the notebook is: its figures, its `explorer`, and the
  checkers of its exercises, `check_...`. `start_here`, `explanation_taxonomy`, `weight_pca`, `activation_tsne`, `occlusion`,
  `gradients`, `input_reconstruction`, `sanity_checks`, `roar`, `review`.
- `figures`: what several notebooks draw with; `maps`: points in a plane, for two of them; `encoding`: figures and images
  as small files.
- `own`: the reader's own picture, for 00, 04, 05 and 09.
- `frame`: what all explorers share, the one module with widgets; `verdict`: what all checkers share.
- `networks`: two networks of notebook 01 that explain themselves.
- `results`: the stored tables; `scoreboard`: all of them side by side; `mystery`: the network with a planted fault;
  `doctor`: whether this machine is ready.
"""
