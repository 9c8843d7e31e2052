"""Side by side with the peers, and what a user waits for: ``make bench``, or one of them, ``python -m benchmarks.occlusion``.

A benchmark is a module with a ``BENCHMARK``. Its table is kept for each processor, see :mod:`benchmarks.table`.
"""
