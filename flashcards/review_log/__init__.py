"""The log of everything the learner has said: grades and predictions, and nothing else."""
