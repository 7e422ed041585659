"""Language models: open one with `open_model`, or script one for a test. Names are imported when first used, so that
importing this package loads neither torch nor openai."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.models.base import (
        DecidingModel,
        FeatureModel,
        Features,
        LanguageModel,
        ModelInfo,
        Sampling,
        Source,
    )
    from simulator.models.choose import Choice, choose_model, open_model
    from simulator.models.local import LocalModel
    from simulator.models.scripted import ScriptedModel
    from simulator.models.server import ServerModel
    from simulator.models.weights import MODELS, EmbeddedModel, Progress, ensure, ready

__all__ = [
    "MODELS",
    "Choice",
    "DecidingModel",
    "EmbeddedModel",
    "FeatureModel",
    "Features",
    "LanguageModel",
    "LocalModel",
    "ModelInfo",
    "Progress",
    "Sampling",
    "ScriptedModel",
    "ServerModel",
    "Source",
    "choose_model",
    "ensure",
    "open_model",
    "ready",
]

_HOMES = {
    "base": ("DecidingModel", "FeatureModel", "Features", "LanguageModel", "ModelInfo", "Sampling", "Source"),
    "choose": ("Choice", "choose_model", "open_model"),
    "local": ("LocalModel",),
    "scripted": ("ScriptedModel",),
    "server": ("ServerModel",),
    "weights": ("MODELS", "EmbeddedModel", "Progress", "ensure", "ready"),
}


def __getattr__(name: str) -> object:
    for home, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
