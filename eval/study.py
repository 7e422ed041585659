"""A study as a YAML file: which calls are played, and what is changed about them. Read strictly, turned into jobs.

A study crosses personas, difficulties, trainees, conditions and seeds. A *condition* is a named change: another model,
another grader, or other values in the persona's file. A *sweep* is a row of conditions that give one field one value after
another. A job's id is a hash of all that decides its call, so the same study has the same jobs on every machine, and
an edited persona has others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    model_validator,
)
from pydantic_core import InitErrorDetails, PydanticCustomError

from eval.playing import Setting, met
from eval.profiles import Profile, find_trainee
from eval.trainees import Policy, Script, scripts
from simulator.errors import DataError, UnknownNameError, near, shorten
from simulator.persona import Persona, Start, Traits, find_persona, personas
from simulator.scenario import scenarios
from simulator.settings import settings as current_settings
from simulator.vocabulary import Difficulty, Fault, Technique
from simulator.yamlfile import FROM_FILE, Strict, read_model

SHIPPED = "as shipped"
"""Name of the condition that changes nothing."""
FORMAT = 1
"""Part of every job's id; raised when the same job would be played differently."""
MAX_CALLS = 1_000_000
_BARE = {"traits": Traits, "start": Start}
"""Parts of a persona's file whose fields may be named without the part."""
_OPEN = frozenset({"triggers", "soothers", "leaves", "lines"})
"""Parts whose keys may be other ones than a persona happens to have."""


@lru_cache(maxsize=1)
def _example() -> Persona:
    return next(iter(personas().values()))


def field_path(name: str) -> tuple[str, ...]:
    """The place in a persona's file that `name` means: dotted from the top, or a trait or a starting feeling by its bare
    name (`patience` is `start.patience`). Raises ValueError with the nearest field."""
    parts = tuple(name.split("."))
    if len(parts) == 1 and name not in Persona.model_fields:
        parts = next(((part, name) for part, model in _BARE.items() if name in model.model_fields), parts)
    if parts[0] == "id":
        raise ValueError("'id' cannot be changed: it says whose call this is")
    here: Any = _example().model_dump(mode="json")
    for depth, part in enumerate(parts):
        known = list(here) if isinstance(here, dict) else []
        if depth == 1 and parts[0] in _OPEN:
            return parts
        if part not in known:
            bare = [f for model in _BARE.values() for f in model.model_fields] if len(parts) == 1 else []
            hint = near(part, [*known, *bare])
            place = f"{'.'.join(parts[:depth])!r}" if depth else "a persona's file"
            raise ValueError(f"{place} has no field {shorten(part)!r}" + (f"; did you mean {hint!r}?" if hint else ""))
        here = here[part]
    return parts


def changed(persona: Persona, values: Mapping[str, Any]) -> Persona:
    """That persona with other values in the fields that `values` names. Raises ValidationError, as a file would."""
    if not values:
        return persona
    data = deepcopy(persona.model_dump(mode="json"))
    for name, value in values.items():
        *above, last = field_path(name)
        here = data
        for part in above:
            here = here[part]
        here[last] = value
    return Persona.model_validate(data, context={FROM_FILE: True})


def _valid_values(values: dict[str, Any]) -> dict[str, Any]:
    """`values` if any persona could have them; an error stands at the field as it is written in the study."""
    _try([((name,), name, value) for name, value in values.items()])
    return values


def _valid_doses(sweeps: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
    _try([((name, n), name, value) for name, values in sweeps.items() for n, value in enumerate(values)])
    return sweeps


def _try(trials: Iterable[tuple[tuple[str | int, ...], str, Any]]) -> None:
    """Each (where it is written, field, value) on a persona. Raises ValidationError at that place for the first misfit."""
    for place, field, value in trials:
        try:
            changed(_example(), {field: value})
        except ValidationError as error:
            problem = PydanticCustomError("override", "{told}", {"told": _told(error)})
            raise ValidationError.from_exception_data(
                "persona", [InitErrorDetails(type=problem, loc=place, input=value)]
            ) from error


def _told(error: ValidationError) -> str:
    """The first thing that is wrong, with the nearest valid word where one of a list was meant."""
    first = error.errors(include_url=False)[0]
    if first["type"] == "enum":
        wanted = str(first["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
        hint = near(str(first["input"]), [*(t.value for t in (*Technique, *Fault)), *wanted])
        return f"{shorten(str(first['input']))!r} is not known" + (f"; did you mean {hint!r}?" if hint else "")
    said = first["msg"].removeprefix("Value error, ")
    return said[0].lower() + said[1:]


def _known_persona(name: str) -> str:
    if not name.endswith((".yaml", ".yml")):
        find_persona(name, current_settings().data_dir / "personas")
    return name


def _known_trainee(name: str) -> str:
    if not name.endswith((".yaml", ".yml")):
        find_trainee(name)
    return name


def _known(find: Callable[[str], str]) -> AfterValidator:
    """A name that `find` knows; its DataError as what pydantic understands."""

    def check(name: str) -> str:
        try:
            return find(name)
        except UnknownNameError as error:
            raise ValueError(str(error)) from error

    return AfterValidator(check)


def _known_scenario(name: str) -> str:
    if name not in scripts():
        raise UnknownNameError(
            "scenario with scripted trainees", name, scripts(), next_command="simulator scenarios list"
        )
    return name


def _counted(value: Any) -> Any:
    """`seeds: 5` is `seeds: [0, 1, 2, 3, 4]`."""
    if isinstance(value, int) and not isinstance(value, bool):
        if not 1 <= value <= 10_000:
            raise ValueError("is a count from 1 to 10,000, or a list of seeds")
        return list(range(value))
    if not isinstance(value, list | tuple):
        raise ValueError("is a count from 1 to 10,000, or a list of seeds")
    return value


def _all_of(names: Callable[[], Iterable[str]], kind: Any = str) -> BeforeValidator:
    """`all` is the list of all of `names()`."""

    def listed(value: Any) -> Any:
        if isinstance(value, str) and value != "all":
            raise ValueError("is a list in brackets, or the word all")
        return list(names()) if value == "all" else value

    return BeforeValidator(listed, json_schema_input_type=Literal["all"] | list[kind])


def _different(values: tuple[Any, ...]) -> tuple[Any, ...]:
    if not values:
        raise ValueError("is empty: name at least one")
    doubled = next((v for i, v in enumerate(values) if v in values[:i]), None)
    if doubled is not None:
        raise ValueError(f"{shorten(str(doubled))!r} is there twice")
    return values


_TOLD = ConfigDict(use_attribute_docstrings=True)
"""What is written under a field here stands in its JSON Schema, too."""
Label = Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^/|\n]+$")]
Words = Annotated[str, StringConstraints(min_length=1, max_length=300)]
FieldName = Annotated[str, AfterValidator(lambda name: (field_path(name), name)[1])]
Different = AfterValidator(_different)


_EveryPersona, _EveryScenario = _all_of(personas), _all_of(scenarios)
_EveryDifficulty, _EveryPolicy = _all_of(lambda: Difficulty, Difficulty), _all_of(lambda: [p.value for p in Policy])


class Condition(Strict):
    """A named change. What is not named stays as the study says."""

    model_config = _TOLD

    name: Label
    model: Words | None = None
    """Whose words: as the study's `model`."""
    evaluator: Literal["small", "standard"] | None = None
    """Who grades: as the study's `evaluator`."""
    persona: Annotated[dict[FieldName, Any], AfterValidator(_valid_values)] = {}
    """Other values in the persona's file: field → value. Fields are dotted from the top (`levels.hard.soothe`); a trait or
    a starting feeling may be named alone (`hostility`, `patience`)."""


class Study(Strict):
    """One study. All its fields may be written in the YAML file; only `name` must be."""

    model_config = _TOLD

    name: Label
    about: str = ""
    """What it asks; stands in the table."""
    model: Words = "written"
    """Whose words: `written` (the personas' own lines; no model), or whatever `simulator play --model` takes."""
    evaluator: Literal["small", "standard"] = "small"
    """Who grades."""
    personas: Annotated[tuple[Annotated[Words, _known(_known_persona)], ...], _EveryPersona, Different] = Field(
        default_factory=lambda: tuple(personas())
    )
    """Ids, or paths of YAML files from the study's folder; `all`: the shipped ones."""
    scenarios: Annotated[tuple[Annotated[str, _known(_known_scenario)], ...], _EveryScenario, Different] = Field(
        default_factory=lambda: tuple(scenarios())
    )
    pairing: Literal["rotate", "cross"] = "rotate"
    """rotate: a persona meets one scenario with each seed, another with the next; cross: all of them with every seed."""
    difficulties: Annotated[tuple[Difficulty, ...], _EveryDifficulty, Different] = (Difficulty.MEDIUM,)
    trainees: Annotated[tuple[Annotated[Words, _known(_known_trainee)], ...], _EveryPolicy, Different] = Field(
        default_factory=lambda: tuple(p.value for p in Policy)
    )
    """Scripted trainees by name; trainees that a model plays by a shipped profile's id, or the path of a YAML file
    (`eval/profiles.py`); `all`: the scripted ones."""
    seeds: Annotated[tuple[int, ...], BeforeValidator(_counted, json_schema_input_type=int | list[int]), Different] = (
        0,
    )
    """A list, or how many (from 0)."""
    turns: Annotated[int, Field(ge=1, le=30)] = 30
    """Trainee turns after which a call is left."""
    conditions: tuple[Condition, ...] = ()
    sweeps: Annotated[
        dict[FieldName, Annotated[tuple[float, ...], Field(min_length=2), Different]], AfterValidator(_valid_doses)
    ] = {}
    """Field of the persona's file → the values that it is given, one condition each."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        try:
            _different(tuple(c.name for c in self.every_condition))
        except ValueError as error:
            raise ValueError(f"conditions: {error}") from error
        per_seed = len(self.scenarios) if self.pairing == "cross" else 1
        sizes = (self.personas, self.difficulties, self.trainees, self.seeds, self.every_condition)
        calls = per_seed
        for size in sizes:
            calls *= len(size)
        if calls > MAX_CALLS:
            raise ValueError(f"these are {calls:,} calls; at most {MAX_CALLS:,} make a study")
        return self

    @property
    def named(self) -> tuple[Condition, ...]:
        """The conditions outside sweeps; where there is neither, the one that changes nothing."""
        return self.conditions or (() if self.sweeps else (Condition(name=SHIPPED),))

    @property
    def every_condition(self) -> tuple[Condition, ...]:
        """Those, and one for each value of each sweep. The first is what the other named ones are compared with."""
        swept = (
            Condition(name=dose_name(field, value), persona={field: value})
            for field, values in self.sweeps.items()
            for value in values
        )
        return (*self.named, *swept)

    @property
    def doses(self) -> dict[str, dict[str, float]]:
        """Field → condition → value, for every field that at least two conditions change and do nothing else."""
        found: dict[str, dict[str, float]] = {}
        for condition in self.every_condition:
            if len(condition.persona) == 1 and condition.model is None and condition.evaluator is None:
                ((name, value),) = condition.persona.items()
                if isinstance(value, int | float) and not isinstance(value, bool):
                    found.setdefault(".".join(field_path(name)), {})[condition.name] = float(value)
        return {field: values for field, values in found.items() if len(set(values.values())) > 1}


def dose_name(field: str, value: float) -> str:
    """What the condition of a sweep is called."""
    return f"{field} {value:g}"


@dataclass(frozen=True, slots=True)
class Job:
    """One call of a study. `id` is a hash of all that decides how it goes."""

    id: str
    model: str
    evaluator: str
    setting: Setting


def shown(name: str) -> str:
    """A model's or a persona's name as it may be published: of a path its last part, of a server's address the model."""
    if name.startswith(("http://", "https://")):
        return f"server#{name.partition('#')[2]}"
    return Path(name).name if "\\" in name or name.startswith(("/", ".", "~")) else name


def read_study(path: Path) -> Study:
    """The study in that file. Raises DataError naming file, line, key and the nearest valid name."""
    return read_model(Study, path)


def jobs(study: Study, folder: Path = Path()) -> list[Job]:
    """Every call of the study, conditions outermost. `folder`: where paths of persona files start. Raises DataError."""
    own = current_settings().data_dir / "personas"
    people = [_persona(name, folder, own) for name in study.personas]
    doubled = next((p.id for i, p in enumerate(people) if p.id in {q.id for q in people[:i]}), None)
    if doubled:
        raise DataError(f"two of the study's personas have the id {doubled!r}", key="personas")
    situations = [scenarios()[name] for name in study.scenarios]
    trainees = [find_trainee(name, folder) for name in study.trainees]
    ids = [t.id for t in trainees if isinstance(t, Profile)]
    if len(set(ids)) < len(ids):
        raise DataError(f"two of the study's trainees have one id: {', '.join(sorted(ids))}", key="trainees")
    found = []
    for condition in study.every_condition:
        for number, plain in enumerate(people):
            try:
                person = changed(plain, condition.persona)
            except ValidationError as error:
                raise DataError(
                    f"condition {condition.name!r} does not fit persona {plain.id!r}: {_told(error)}",
                    key=condition.name,
                ) from error
            for level in study.difficulties:
                for policy in trainees:
                    for seed in study.seeds:
                        crossed = situations if study.pairing == "cross" else [met(number, seed, situations)]
                        for about in crossed:
                            setting = Setting(person, about, level, policy, seed, condition=condition.name)
                            found.append(_job(setting, condition, study))
    return found


def _persona(name: str, folder: Path, own: Path) -> Persona:
    return find_persona(str(folder / name) if name.endswith((".yaml", ".yml")) else name, own)


def _job(setting: Setting, condition: Condition, study: Study) -> Job:
    model, evaluator = condition.model or study.model, condition.evaluator or study.evaluator
    decides = {
        "format": FORMAT,
        "condition": setting.condition,
        "model": model,
        "evaluator": evaluator,
        "persona": setting.persona.model_dump(mode="json"),
        "scenario": setting.scenario.model_dump(mode="json"),
        "script": _script(setting).model_dump(mode="json"),
        "trainee": setting.trainee,
        "difficulty": setting.difficulty.value,
        "medium": setting.medium.value,
        "seed": setting.seed,
        "turns": study.turns,
    }
    if isinstance(setting.policy, Profile):
        decides["profile"] = setting.policy.model_dump(mode="json")
    told = json.dumps(decides, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return Job(hashlib.sha256(told.encode()).hexdigest()[:16], model, evaluator, setting)


def _script(setting: Setting) -> Script:
    """The scripted trainee's lines; of one whom a model plays, the stand-in's."""
    policy = setting.policy.stand_in if isinstance(setting.policy, Profile) else setting.policy
    return scripts()[setting.scenario.id].scripts[policy]
