"""The rubric as data: complete, versioned, and refused when a part is missing."""

from __future__ import annotations

from importlib.resources import files

import pytest

from simulator.errors import DataError
from simulator.rubric import LEVELS, Rubric, level_text, next_level_text, rubric
from simulator.vocabulary import Dimension, Fault, Technique
from simulator.yamlfile import parse_model


def test_every_dimension_has_five_different_level_texts() -> None:
    for dimension in Dimension:
        texts = [level_text(dimension, level) for level in LEVELS]
        assert len(set(texts)) == 5
        assert all(text[0].isupper() and text.endswith(".") for text in texts)


def test_only_empathy_and_solution_say_when_they_do_not_apply() -> None:
    said = {d for d, told in rubric().dimensions.items() if told.not_applicable}
    assert said == {Dimension.EMPATHY, Dimension.SOLUTION}


def test_every_tag_has_its_own_line() -> None:
    lines = [rubric().describe(tag) for tag in (*Technique, *Fault)]
    assert len(set(lines)) == len(Technique) + len(Fault)


def test_the_next_level_is_one_higher_and_five_is_the_last() -> None:
    assert next_level_text(Dimension.CLOSING, 3) == level_text(Dimension.CLOSING, 4)
    assert next_level_text(Dimension.CLOSING, 5) == level_text(Dimension.CLOSING, 5)
    with pytest.raises(KeyError):
        level_text(Dimension.CLOSING, 0)


@pytest.mark.parametrize("gone", ["      3: ", "  offers_options: ", "  argues: ", "version: "])
def test_a_rubric_with_a_line_missing_is_refused(gone: str) -> None:
    text = (files("personas") / "rubric.yaml").read_text(encoding="utf-8")
    lines = text.splitlines()
    lines.remove(next(line for line in lines if line.startswith(gone)))
    with pytest.raises(DataError, match=r"rubric\.yaml"):
        parse_model(Rubric, "\n".join(lines), "rubric.yaml")
