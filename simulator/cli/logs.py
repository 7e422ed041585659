"""Where warnings and unexpected errors of a command go: one small file, never the screen.

No trainee's words are logged.
"""

from __future__ import annotations

import logging
import os
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

_KEPT = 1_000_000


def quiet_libraries() -> None:
    """Before anything heavy is imported: no progress bars, advice or telemetry of the libraries on our screen."""
    for name, value in {
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "GRADIO_ANALYTICS_ENABLED": "False",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",
    }.items():
        os.environ.setdefault(name, value)


def log_to_file() -> Path | None:
    """Send warnings and worse to `simulator.log` in the data folder from now on. None if it cannot be written."""
    from simulator.errors import SimulatorError
    from simulator.settings import settings

    root = logging.getLogger()
    old = next((h for h in root.handlers if isinstance(h, RotatingFileHandler)), None)
    if old is not None:
        return Path(old.baseFilename)
    try:
        folder = settings().data_dir
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handler = RotatingFileHandler(folder / "simulator.log", maxBytes=_KEPT, backupCount=1, encoding="utf-8")
    except (OSError, SimulatorError):
        return None
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    handler.setLevel(logging.WARNING)
    root.addHandler(handler)
    logging.captureWarnings(True)
    return Path(handler.baseFilename)


def log_unexpected(error: BaseException) -> str:
    """Log `error` with its trace; half a sentence on where."""
    file = log_to_file()
    if file is None or os.environ.get("SIMULATOR_TRACE"):
        import traceback

        traceback.print_exception(error, file=sys.stderr)
        return "the log could not be written, so the details are above" if file is None else f"the log is {file}"
    logging.getLogger("simulator").error("unexpected error", exc_info=error)
    return f"the details are in {file}"
