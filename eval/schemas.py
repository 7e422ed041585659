"""JSON Schemas of the harness' formats, made from the code: `python -m eval.schemas` writes them into `eval/schemas/`.

They say what a row or a file must look like, for programs that write or check them; what cannot be said in a schema (a
persona's name, a field's range) is checked when the file is read. A test holds the files to the code.
"""

from __future__ import annotations

import json
from pathlib import Path

from pydantic import BaseModel

from eval.ratings import ColumnMap
from eval.study import Study
from eval.study_rows import CallRow, Manifest, TurnRow
from simulator.cli.rows import GradeRequest, GradeRow

FOLDER = Path(__file__).parent / "schemas"
SCHEMAS: dict[str, type[BaseModel]] = {
    "study": Study,
    "call": CallRow,
    "turn": TurnRow,
    "manifest": Manifest,
    "turn_to_grade": GradeRequest,
    "grade": GradeRow,
    "columns": ColumnMap,
}
"""Name of the file → what it describes."""


def texts() -> dict[str, str]:
    """Name → the schema as its file holds it."""
    return {name: json.dumps(_schema(model), indent=1, ensure_ascii=False) + "\n" for name, model in SCHEMAS.items()}


def _schema(model: type[BaseModel]) -> dict[str, object]:
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}


def main() -> None:
    """Write every schema."""
    FOLDER.mkdir(exist_ok=True)
    for name, text in texts().items():
        (FOLDER / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
