"""What every template test reads: the expanded template and its nested one."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
os.environ.setdefault("SAM_CLI_TELEMETRY", "0")

ROOT = Path(__file__).resolve().parents[2]


class Template:
    """An expanded template with short ways to its parts."""

    def __init__(self, body: dict):
        self.body = body
        self.resources = body["Resources"]
        self.outputs = body.get("Outputs", {})

    def properties(self, name: str) -> dict:
        return self.resources[name]["Properties"]

    def of_type(self, kind: str) -> dict:
        """Logical id to properties of every resource of this type."""
        return {name: r.get("Properties", {}) for name, r in self.resources.items() if r["Type"] == kind}


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def template() -> Template:
    from expand import expand

    return Template(expand(ROOT / "template.yaml"))


@pytest.fixture(scope="session")
def observability() -> Template:
    from samcli.yamlhelper import yaml_parse

    return Template(yaml_parse((ROOT / "infra/observability.yaml").read_text()))
