"""Steps from one shape of the database to the next. Append only: a step that has been released is never edited.

A new step is a file `versions/NNNN_what.py` that says why; `HEAD` below and `tables.py` change with it, and a database
of the version before goes into `tests/fixtures`.
"""

HEAD = "0004"
"""The newest step: the version of database that this program reads and writes."""
