"""Personas and scenarios as data: `callers/*.yaml` and `scenarios/*.yaml`. No code."""
