"""A deployed stack for tests, with the demo data; each run has a folder of its own."""

import json
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent.parent
OUTPUT = ROOT / "tests" / ".output"
#: Built with the cargo feature `rig`: a clock that tests can move, and the mutants.
BUILD = ROOT / "build" / "rig"
#: More patience than the tests' usual, so that a busy machine is not taken for a fault; the rig's clock does not wait.
PATIENT = {"CallTimeoutMilliseconds": "700", "ConsumerTimeoutSeconds": "10", "QueueVisibilitySeconds": "11", "LeaseSeconds": "11"}
sys.path.insert(0, str(ROOT / "infra" / "local"))


@contextmanager
def a_stack(name: str, **parameters: str) -> Iterator[Any]:
    """Started, deployed and seeded. The functions must be built; nothing here compiles."""
    import stack as local_stack

    # Two runs at once must not take each other's files away.
    for old in OUTPUT.glob("*-*"):
        process = old.name.rpartition("-")[2]
        if process.isdigit() and not Path(f"/proc/{process}").exists():
            shutil.rmtree(old, ignore_errors=True)
    settings = {**json.loads((ROOT / "infra" / "parameters" / "test.json").read_text()), **parameters}
    if os.uname().machine in ("arm64", "aarch64"):
        settings["Architecture"] = "arm64"
    work = OUTPUT / f"{name}-{os.getpid()}"
    with local_stack.LocalStack(local_stack.free_port(), settings, work, name=name, build=BUILD) as running:
        running.deploy()
        running.seed()
        yield running
