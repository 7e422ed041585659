"""Which models are opened for a caller and a grader."""

import clikit
import pytest

from simulator import opening
from simulator.errors import ModelFormatError, UnknownNameError
from simulator.models.base import ModelInfo, Source
from simulator.models.scripted import ScriptedModel


def test_the_evaluator_shares_an_embedded_caller_model(monkeypatch):
    class Embedded(ScriptedModel):
        info = ModelInfo("small", Source.EMBEDDED)

    opened = []
    monkeypatch.setattr(opening, "heads_ship", lambda base: base == "small")
    monkeypatch.setattr(opening.heads, "load", lambda _: clikit.random_heads())
    monkeypatch.setattr(opening, "open_model", lambda name, **_: opened.append(name) or Embedded())
    caller = Embedded()
    assert opening.open_evaluator("auto", caller=caller)[1] is caller
    assert opening.open_evaluator("auto", caller=ScriptedModel())[1] is not caller
    assert opened == ["small"]
    with pytest.raises(ModelFormatError, match="no grading heads for standard"):
        opening.open_evaluator("standard", caller=caller)
    with pytest.raises(UnknownNameError, match="Did you mean small"):
        opening.open_evaluator("smal")


def test_needed_models(monkeypatch):
    monkeypatch.setattr(opening, "heads_ship", lambda base: base == "small")
    assert opening.needed("standard", "auto") == ("standard", "small")
    assert opening.needed("small", "auto") == ("small",)
    assert opening.needed("http://x/v1", "auto") == ("small",)
    assert opening.needed("standard", "standard") == ("standard",)
