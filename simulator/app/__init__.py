"""The trainee's web page: choose a call, take it, learn from it. `serve(rehearsals)` starts it."""

from simulator.app.lean import without_stubs

with without_stubs():
    from simulator.app.page import build
    from simulator.app.serve import serve

__all__ = ["build", "serve"]
