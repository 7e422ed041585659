"""The `simulator` command. `main` is its entry point; each command lives in its own small module.

Nothing heavy is imported here: `simulator --help` and the listings must answer at once, so commands import models,
store and web page when they run.
"""

from simulator.cli.main import main

__all__ = ["main"]
