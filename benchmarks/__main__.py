"""Run every benchmark; each prints a table in Markdown."""

import importlib
import pkgutil

import benchmarks

for module in pkgutil.iter_modules(benchmarks.__path__):
    if not module.name.startswith("_"):
        print(f"\n## {module.name}\n", flush=True)
        importlib.import_module(f"benchmarks.{module.name}").main()
