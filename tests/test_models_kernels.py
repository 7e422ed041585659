"""Where compiled code is kept, and whose code it is."""

import os
import subprocess
import sys
from pathlib import Path

ASK = """
import numba
from pathlib import Path
from simulator.models.kernels import kept
before = kept()
folder = Path(numba.config.CACHE_DIR)
folder.mkdir(parents=True, exist_ok=True)
(folder / "passes.through-1.nbc").touch()
print(before, kept(), folder)
"""


def test_another_place_with_the_code_of_other_sources_is_not_taken_for_compiled(tmp_path: Path) -> None:
    other = tmp_path / "of-other-sources"
    other.mkdir()
    (other / "passes.through-1.nbc").touch()
    (tmp_path / "passes.through-1.nbc").touch()
    done = subprocess.run(
        [sys.executable, "-c", ASK],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    before, after, folder = done.stdout.split()
    assert (before, after) == ("False", "True")
    assert Path(folder).parent == tmp_path
