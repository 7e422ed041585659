"""A difficult-customer simulator: rehearse a hard call against a local language model, and see how each turn landed."""

__version__ = "0.1.0"
