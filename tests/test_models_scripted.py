"""The scripted model: its words, its features, and an import that stays light."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import simulator.models
from simulator.errors import ModelError
from simulator.models import FeatureModel, Sampling, ScriptedModel


def test_it_says_its_lines_by_seed_up_to_the_stop() -> None:
    model = ScriptedModel(["  Where is my order? ", "No.\nNever."])
    assert isinstance(model, FeatureModel)
    assert "".join(model.stream(("x",), Sampling(seed=2))) == "  Where is my order? "
    assert list(model.stream(("x",), Sampling(seed=1))) == ["No."]
    assert "".join(model.stream(("x",), Sampling(seed=0, max_tokens=2))) == "  Where is"
    assert [seed.seed for _, seed in model.calls] == [2, 1, 0]
    model.close()
    with pytest.raises(ModelError):
        model.stream(("x",), Sampling())


def test_a_function_may_answer() -> None:
    model = ScriptedModel(lambda segments, sampling: f"{len(segments)} {sampling.seed}")
    assert "".join(model.stream(("a", "b"), Sampling(seed=7))) == "2 7"


def test_features_are_the_same_for_the_same_word() -> None:
    model = ScriptedModel(width=8)
    found = model.features(("before", "Sorry, I am sorry"), layers=(2, 4))
    assert found.states.shape == (2, 4, 8)
    assert found.states.dtype == np.float32
    assert found.offsets == ((0, 6), (6, 8), (8, 11), (11, 17))
    assert np.array_equal(found.states[:, 0], found.states[:, 3])
    assert not np.array_equal(found.states[0], found.states[1])
    assert np.abs(found.states).max() <= 1.0
    with pytest.raises(ModelError, match="layers 1 to 4"):
        model.features(("x",), layers=(5,))


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, simulator.models as m; [getattr(m, n) for n in m.__all__];"
        "sys.exit(' '.join(n for n in ('torch', 'transformers', 'openai', 'huggingface_hub') if n in sys.modules) or 0)"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


def test_every_public_name_is_there() -> None:
    assert all(getattr(simulator.models, name) is not None for name in simulator.models.__all__)
    with pytest.raises(AttributeError):
        _ = simulator.models.nothing
