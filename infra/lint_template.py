"""Checks infra/template.yaml: SAM must understand it, and cfn-lint must like both it and what SAM makes of it.

cfn-lint sees more in the flattened template than in the SAM source: the source's functions hide roles, mappings and types.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from samtranslator.parser.parser import Parser
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse

TEMPLATE = Path(__file__).resolve().parent / "template.yaml"
REGION = "eu-south-1"
# Given values only to translate; what CloudFormation resolves later stays as it is.
IGNORED = ["W2001"]  # a parameter that only the SAM source uses


class NoManagedPolicies:
    """Our roles name their policies themselves; SAM needs none of AWS's."""

    def load(self) -> dict:
        return {}


def flatten() -> dict:
    import os

    os.environ.setdefault("AWS_DEFAULT_REGION", REGION)  # SAM asks for a region
    source = yaml_parse(TEMPLATE.read_text().replace("CodeUri: ../build/", "CodeUri: s3://bucket/"))
    defaults = {name: parameter.get("Default", "") for name, parameter in source.get("Parameters", {}).items()}
    return transform(source, defaults, NoManagedPolicies(), feature_toggle=None)


def lint(file: Path) -> list[str]:
    ignore = [argument for rule in IGNORED for argument in ("-i", rule)]
    command = [str(Path(sys.executable).parent / "cfn-lint"), "--regions", REGION, "--format", "parseable", *ignore, "-t", str(file)]
    result = subprocess.run(command, text=True, capture_output=True)
    lines = [line for line in (result.stdout + result.stderr).splitlines() if line.strip()]
    return lines if result.returncode else []


def main() -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        flat = Path(folder) / "flattened.json"
        flat.write_text(json.dumps(flatten(), indent=1, default=str))
        return lint(TEMPLATE) + lint(flat)


if __name__ == "__main__":
    found = main()
    print("\n".join(found) or "no complaint")
    sys.exit(1 if found else 0)
