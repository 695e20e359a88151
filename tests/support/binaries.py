"""Where the built functions are."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FUNCTIONS = ["router", "key-admin", "usage-rollups", "budget-alerts"]


def binary(name: str) -> Path:
    """A built program: `PORTUNUS_BIN` (a folder), else cargo's newest of release and debug."""
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    folders = [Path(os.environ["PORTUNUS_BIN"])] if "PORTUNUS_BIN" in os.environ else [target / "release", target / "debug"]
    built = [folder / name for folder in folders if (folder / name).is_file()]
    assert built, f"{name} is not built: cargo build {' '.join('-p ' + f for f in FUNCTIONS)}"
    return max(built, key=lambda path: path.stat().st_mtime)
