"""Calls in a database: a stream of events per call, and one listing row beside it. `open_store()` is the way in.

It knows how calls are kept, not how they are played: it takes and gives back the frozen records of `events.py`.
"""

from simulator.store.calls import CallRow, Store, open_store
from simulator.store.engine import is_made

__all__ = ["CallRow", "Store", "is_made", "open_store"]
