"""The pages around the call page: where facilitators run workshops, and where trainees join them.

Plain pages from the server, made of templates that escape everything, with forms that work without a script. `doors.py` is
the one table of who may go where; nothing is reached except through it.
"""

from simulator.app.room.doors import Turnstile, routes
from simulator.app.room.visit import Room

__all__ = ["Room", "Turnstile", "routes"]
