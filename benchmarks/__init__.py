"""Side by side with the peers, in one run: ``make bench``, or one of them, ``python -m benchmarks.imports``."""
