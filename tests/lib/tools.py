"""Programs and references that not every machine has. A test that misses one is skipped with the reason; where skips are
refused (`--strict-skips`, CI=true) conftest turns that into a failure."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
#: pagoPA's official files; they are not ours to copy (PAGO_SPECS names another place).
SPECS = Path(os.environ.get("PAGO_SPECS") or ROOT.parent / "shared" / "pagopa" / "specs")


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not on this machine (make doctor)")
    return found


def pdf_text(document: bytes) -> str:
    """The text of a PDF, as pdftotext reads it, blanks folded."""
    assert document.startswith(b"%PDF-"), document[:200]
    result = subprocess.run([program("pdftotext"), "-layout", "-", "-"], input=document, capture_output=True, check=True)
    return " ".join(result.stdout.decode().split())
