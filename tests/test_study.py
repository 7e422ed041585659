"""Studies: what the YAML may say, which calls that means, and that a run may be killed anywhere and still ends right."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import tomllib
from importlib.util import find_spec
from pathlib import Path

import jsonschema
import pytest
import studykit
from pydantic import BaseModel
from ruamel.yaml import YAML
from studykit import TEXT, study

from eval import bench_study, schemas, study_players, study_run
from eval.profiles import Profile
from eval.ratings import ColumnMap
from eval.study import Study, changed, field_path, jobs, read_study, shown
from eval.study_compare import compare, incompatible
from eval.study_rows import CALLS, CallRow, Manifest, TurnRow, claimed, mend, read_calls, read_manifest, write_manifest
from eval.study_run import run
from simulator.errors import DataError
from simulator.persona import find_persona
from simulator.yamlfile import FROM_FILE, parse_model

ROOT = Path(__file__).parent.parent


@pytest.fixture(autouse=True)
def scripted(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SIMULATOR_DATA_DIR", str(tmp_path / "data"))
    if "model" not in {mark.name for mark in request.node.iter_markers()}:
        monkeypatch.setattr(study_players, "open_parts", studykit.parts)


@pytest.mark.parametrize(
    ("line", "wrong", "where", "told"),
    [
        ("seeds: 2", "seds: 2", 6, "unknown key 'seds'; did you mean 'seeds'?"),
        ("seeds: 2", "seeds: many", 6, "'seeds': is a count"),
        ("seeds: 2", "seeds: [1, 1]", 6, "'1' is there twice"),
        ("[easy, hard]", "[easy, hrad]", 5, "did you mean 'hard'?"),
        ("anxious,", "anxous,", 3, "Did you mean anxious?"),
        ("[excellent, hostile]", "[]", 4, "is empty"),
        ("seeds: 2", "scenarios: [hotel]", 6, "Did you mean hotel_room?"),
        ("seeds: 2", "evaluator: large", 6, "'evaluator'"),
        ("seeds: 2", "sweeps: {patiense: [1, 2]}", 6, "has no field 'patiense'; did you mean 'patience'?"),
        ("seeds: 2", "sweeps:\n  patience:\n    - 1\n    - 20", 9, "less than or equal to 10"),
        (
            "seeds: 2",
            "conditions:\n  - name: x\n    persona:\n      hostility: 1\n      traits.calm: 2",
            10,
            "'traits' has no field",
        ),
        ("seeds: 2", "conditions:\n  - name: x\n    persona: {triggers.argue: 2}", 8, "did you mean 'argues'?"),
        ("seeds: 2", "conditions:\n  - name: x\n    persona: {id: mine}", 8, "'id' cannot be changed"),
        ("seeds: 2", "conditions: [{name: x}, {name: x}]", 1, "'x' is there twice"),
    ],
)
def test_a_broken_study_names_line_key_and_near_match(line: str, wrong: str, where: int, told: str) -> None:
    assert line in TEXT
    with pytest.raises(DataError) as caught:
        study(TEXT.replace(line, wrong))
    assert told in str(caught.value)
    assert caught.value.line == where


def test_a_persona_of_which_the_change_makes_no_sense_is_named() -> None:
    text = TEXT + "conditions: [{name: terse, persona: {voice.words: [40, 41]}}, {name: odd, persona: {opens: []}}]"
    with pytest.raises(DataError, match="opens"):
        study(text)


def test_a_field_is_named_dotted_or_bare() -> None:
    assert field_path("patience") == ("start", "patience")
    assert field_path("hostility") == field_path("traits.hostility") == ("traits", "hostility")
    plain = find_persona("anxious")
    other = changed(plain, {"patience": 2, "levels.easy.soothe": 0.5, "triggers.sarcasm": 3})
    assert (other.start.patience, other.levels["easy"].soothe, other.triggers["sarcasm"]) == (2, 0.5, 3)
    same = other.model_dump() | {key: plain.model_dump()[key] for key in ("start", "levels", "triggers")}
    assert type(plain).model_validate(same, context={FROM_FILE: True}) == plain


def test_a_study_is_every_combination_and_a_sweep_makes_conditions() -> None:
    small = jobs(study())
    assert len(small) == 3 * 2 * 2 * 2 == len({job.id for job in small})
    assert len(jobs(study(TEXT + "pairing: cross\nscenarios: all"))) == 24 * 12
    swept = study(
        TEXT + "conditions: [{name: plain}, {name: meek, persona: {patience: 4}}]\nsweeps: {patience: [2, 8]}"
    )
    assert [c.name for c in swept.every_condition] == ["plain", "meek", "patience 2", "patience 8"]
    assert swept.doses == {"start.patience": {"meek": 4.0, "patience 2": 2.0, "patience 8": 8.0}}
    assert {j.setting.persona.start.patience for j in jobs(swept) if j.setting.condition == "patience 8"} == {8.0}
    # The same calls otherwise: each condition meets the same persons, scenarios and seeds.
    met = {c: [j.setting.scenario.id for j in jobs(swept) if j.setting.condition == c] for c in ("plain", "patience 8")}
    assert met["plain"] == met["patience 8"]


def test_ids_hold_from_process_to_process_and_change_with_what_decides_the_call(tmp_path: Path) -> None:
    here = [job.id for job in jobs(study())]
    (tmp_path / "s.yaml").write_text(TEXT)
    code = "import sys; from pathlib import Path; from eval.study import *\n"
    code += "print(' '.join(j.id for j in jobs(read_study(Path(sys.argv[1])))))"
    env = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code, tmp_path / "s.yaml"], env=env, capture_output=True, text=True)
    assert done.stdout.split() == here
    longer = [job.id for job in jobs(study(TEXT.replace("seeds: 2", "seeds: 3")))]
    assert set(here) < set(longer)
    edited = study(TEXT + "conditions: [{name: as shipped, persona: {traits.hostility: 9.5}}]")
    assert not set(here) & {job.id for job in jobs(edited)}


def test_two_runs_give_the_same_calls_and_a_third_plays_nothing(tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run(study(), tmp_path / name).played == 24
    # Calls that are played at once end in any order; what happens in each does not depend on it.
    one, two = (
        sorted((r.model_copy(update={"seconds": 0.0}) for r in read_calls(tmp_path / n)), key=lambda r: r.id)
        for n in ("one", "two")
    )
    assert one == two
    assert any(len(row.turns) > 4 for row in one)
    again = run(study(), tmp_path / "one")
    assert (again.played, again.before, again.left) == (0, 24, 0)
    assert read_manifest(tmp_path / "one").finished


_SLOW = """
import sys; sys.path.insert(0, {tests!r})
from pathlib import Path
import studykit
from eval import study_players, study_run
study_players.open_parts = lambda *_, **__: studykit.parts(pause=0.01)
study_run.run(studykit.study(), Path(sys.argv[1]))
"""


def test_a_killed_run_goes_on_without_repeating_or_losing_a_call(tmp_path: Path) -> None:
    out, calls = tmp_path / "out", tmp_path / "out" / CALLS
    code = _SLOW.format(tests=str(ROOT / "tests"))
    command, env = [sys.executable, "-c", code, str(out)], os.environ | {"PYTHONPATH": str(ROOT)}
    for _ in range(2):  # killed twice, the second time in what is left
        before = calls.read_bytes().count(b"\n") if calls.exists() else 0
        running = subprocess.Popen(command, env=env, stdout=subprocess.DEVNULL)
        try:
            for _ in range(600):
                if calls.exists() and calls.read_bytes().count(b"\n") >= before + 2:
                    break
                time.sleep(0.05)
        finally:
            running.send_signal(signal.SIGKILL)
            running.wait()
        assert before + 2 <= calls.read_bytes().count(b"\n") < 24
    finished = [row.id for row in read_calls(out)] if mend(out) >= 0 else []
    with calls.open("ab") as file:
        file.write(b'{"format":1,"id":"torn')
    ran = run(study(), out)
    assert (ran.before, ran.played, ran.left) == (len(finished), 24 - len(finished), 0)
    rows = read_calls(out)
    assert [row.id for row in rows[: len(finished)]] == finished
    assert sorted(row.id for row in rows) == sorted(job.id for job in jobs(study()))
    whole = {row.id: row.states for row in studykit.played()}
    assert {row.id: row.states for row in rows} == whole


def test_a_torn_line_longer_than_a_block_is_cut_and_a_broken_one_inside_is_told(tmp_path: Path) -> None:
    (tmp_path / CALLS).write_bytes(b"{}\n" + b"x" * 200_000)
    assert mend(tmp_path) == 200_000
    assert (tmp_path / CALLS).read_bytes() == b"{}\n"
    (tmp_path / CALLS).write_bytes(b"x" * 70_000)
    assert mend(tmp_path) == 70_000
    (tmp_path / CALLS).write_bytes(b"nonsense\n")
    assert mend(tmp_path) == 0
    with pytest.raises(DataError, match="line 1"):
        read_calls(tmp_path)


def test_only_one_run_writes_into_a_folder(tmp_path: Path) -> None:
    with claimed(tmp_path), pytest.raises(DataError, match="another run is writing"):
        run(study(), tmp_path)
    assert not (tmp_path / CALLS).exists()


def test_a_folder_of_other_calls_or_another_program_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(study(), tmp_path, limit=3)
    with pytest.raises(DataError, match="3 calls that are none of this study"):
        run(study(TEXT.replace("seeds: 2", "turns: 9")), tmp_path)
    manifest = read_manifest(tmp_path)
    write_manifest(tmp_path, manifest.model_copy(update={"graders": {"small": "heads 0"}}))
    with pytest.raises(DataError, match="choose another --out"):
        run(study(), tmp_path)
    write_manifest(tmp_path, manifest)
    monkeypatch.setattr(study_run, "__version__", "9.0.0")
    with pytest.raises(DataError, match="begun with program"):
        run(study(), tmp_path)
    assert len(read_calls(tmp_path)) == 3


def test_the_command_writes_everything_and_says_how_long_the_rest_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, out = tmp_path / "s.yaml", tmp_path / "out"
    file.write_text(TEXT + "sweeps: {patience: [2, 8]}")
    command = {"folders": None, "processes": 1, "count": False, "output": None}
    bench_study.main(str(file), out=out, limit=6, **command)
    told = capsys.readouterr().out
    assert "6 calls in" in told
    assert "calls a minute. The 42 left will take about" in told
    bench_study.main(str(file), out=out, limit=0, **command)
    assert {p.name for p in out.iterdir()} >= {
        "calls.jsonl", "calls.parquet", "manifest.json", "summary.json", "table.md", "plots",
    }  # fmt: skip
    assert {p.suffix for p in (out / "plots").iterdir()} == {".svg"}
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["calls"], summary["of"]) == (48, 48)
    assert set(summary["conditions"]) == {"patience 2", "patience 8"}
    assert "start.patience" in (out / "table.md").read_text()
    svg = [p.read_bytes() for p in sorted((out / "plots").iterdir())]
    bench_study.tables(read_study(file), out)
    assert [p.read_bytes() for p in sorted((out / "plots").iterdir())] == svg
    from pyarrow import parquet

    rows = parquet.read_table(out / "calls.parquet").to_pylist()
    assert {CallRow.model_validate(row).id for row in rows} == {row.id for row in read_calls(out)}


def test_nothing_of_this_machine_is_written(tmp_path: Path) -> None:
    mine = tmp_path / "mine.yaml"
    mine.write_text(
        (ROOT / "personas" / "callers" / "anxious.yaml").read_text().replace("id: anxious", "id: my_caller")
    )
    file = tmp_path / "s.yaml"
    file.write_text(f"name: own\npersonas: [{mine}]\ntrainees: [good]\nmodel: http://10.0.0.7:8000/v1#tiny\n")
    run(read_study(file), tmp_path / "out", folder=tmp_path)
    kept = "".join((tmp_path / "out" / name).read_text() for name in ("manifest.json", CALLS))
    assert str(tmp_path) not in kept
    assert "10.0.0.7" not in kept
    assert '"persona":"my_caller"' in kept
    assert shown("small") == "small"
    assert shown("Qwen/Qwen3-0.6B") == "Qwen/Qwen3-0.6B"


def test_studies_that_do_not_fit_are_not_compared(tmp_path: Path) -> None:
    for name in ("one", "two"):
        run(
            study(TEXT + ("" if name == "one" else "conditions: [{name: tense, persona: {start.agitation: 9}}]")),
            tmp_path / name,
        )
    found, notes = compare(tmp_path / "one", tmp_path / "two")
    agitation = next(c for c in found if (c.part, c.measure) == ("all", "mean agitation"))
    assert agitation.difference.n == 24
    assert agitation.difference.value == pytest.approx(agitation.after - agitation.before)
    assert agitation.difference.low > 0
    assert all(c.p_holm >= c.difference.p for c in found if c.p_holm is not None)
    assert notes == []
    same, _ = compare(tmp_path / "one", tmp_path / "one")
    assert {c.difference.value for c in same} == {0.0}
    manifest = read_manifest(tmp_path / "two")
    for change, reason in (
        ({"rubric": 99}, "another rubric"),
        ({"program": "7.0.0"}, "another program"),
        ({"graders": {"small": "someone"}}, "another grader"),
    ):
        write_manifest(tmp_path / "two", manifest.model_copy(update=change))
        with pytest.raises(DataError, match=reason):
            compare(tmp_path / "one", tmp_path / "two")
    assert incompatible(manifest, manifest.model_copy(update={"program": manifest.program + ".1"})) == ""
    shutil.rmtree(tmp_path / "two")
    with pytest.raises(DataError, match="holds no study"):
        compare(tmp_path / "one", tmp_path / "two")


def test_every_benchmark_that_is_announced_exists() -> None:
    announced = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["simulator.bench"]
    assert announced["study"] == "eval.bench_study:main"
    for place in announced.values():
        module, _, name = place.partition(":")
        spec = find_spec(module)  # not imported: some of them import torch
        assert spec is not None
        assert f"def {name}(" in Path(spec.origin).read_text(encoding="utf-8")


def first_cells(title: str) -> set[str]:
    """The keys in the first column of that table of the harness' page."""
    page = (ROOT / "eval" / "README.md").read_text(encoding="utf-8")
    table = page.split(f"| {title} |", 1)[1].split("\n\n", 1)[0]
    return {name for line in table.splitlines()[2:] for name in re.findall(r"`(\w+)`", line.split("|")[1])}


@pytest.mark.parametrize(
    ("title", "model"),
    [
        ("key of a study", Study),
        ("key of a call", CallRow),
        ("key of a turn", TurnRow),
        ("key of a manifest", Manifest),
    ],
)
def test_the_page_tells_every_key(title: str, model: type[BaseModel]) -> None:
    assert first_cells(title) == set(model.model_fields)


def test_schemas_are_those_of_the_code() -> None:
    kept = {path.stem: path.read_text(encoding="utf-8") for path in schemas.FOLDER.iterdir()}
    assert kept == schemas.texts(), "run `python -m eval.schemas`"


def test_rows_and_files_fit_their_schemas() -> None:
    told = {name: json.loads(text) for name, text in schemas.texts().items()}
    row = json.loads(studykit.played()[0].model_dump_json())
    jsonschema.validate(row, told["call"])
    jsonschema.validate(row["turns"][0], told["turn"])
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(row | {"seed": "x"}, told["call"])
    yaml = YAML(typ="safe", pure=True)
    shipped = sorted((ROOT / "eval" / "studies").glob("*.yaml"))
    for path in shipped:
        jsonschema.validate(yaml.load(path), told["study"])
    page = (ROOT / "eval" / "README.md").read_text(encoding="utf-8")
    examples = re.findall(r"```yaml\n(.+?)```", page, re.DOTALL)
    jsonschema.validate(yaml.load(examples[0]), told["study"])
    assert parse_model(Profile, examples[1], "README.md").techniques
    jsonschema.validate(yaml.load(examples[2]), told["columns"])
    assert parse_model(ColumnMap, examples[2], "README.md").dimensions
    assert len(study(examples[0].replace(", my_caller.yaml", "")).every_condition) == 2


def test_the_shipped_studies_are_as_large_as_they_say() -> None:
    folder = ROOT / "eval" / "studies"
    assert {path.name: len(jobs(read_study(path))) for path in folder.glob("*.yaml")} == {
        "dial.yaml": 1200,
        "traits.yaml": 864,
    }


@pytest.mark.model
def test_processes_go_on_bit_for_bit_where_one_has_stopped(tmp_path: Path) -> None:
    few = study("name: few\npersonas: [anxious]\ntrainees: [excellent, hostile]\nseeds: 2\nturns: 2")
    run(few, tmp_path / "one")
    run(few, tmp_path / "two", limit=1)
    assert run(few, tmp_path / "two", processes=2).played == 3
    one, two = (
        sorted((r.model_copy(update={"seconds": 0.0}) for r in read_calls(tmp_path / name)), key=lambda r: r.id)
        for name in ("one", "two")
    )
    assert one == two
    here, there = (read_manifest(tmp_path / name) for name in ("one", "two"))
    assert (here.graders, here.voices, here.threads) == (there.graders, there.voices, there.threads)
