"""What the Lambda binaries weigh and how fast they start: zipped size, exec to the first /invocation/next, memory.

    .venv/emu/bin/python tests/lambda/measure.py [router key-admin ...]

The start includes reading settings and secrets from the local emulator, so it is an upper bound of our own share;
the sandbox and the download of real Lambda cannot be measured here.
"""

import io
import statistics
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent), str(Path(__file__).resolve().parents[1] / "support")]

from binaries import FUNCTIONS, binary  # noqa: E402
from conftest import Stack  # noqa: E402
from ministack import Ministack  # noqa: E402

STARTS = 10


def zipped_mb(path: Path) -> float:
    """Megabytes of the deployment package: the stripped binary, deflated."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["strip", "-o", f"{folder}/bootstrap", path], check=True)
        stripped = Path(f"{folder}/bootstrap").read_bytes()
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        archive.writestr("bootstrap", stripped)
    return len(package.getvalue()) / 1e6


def resident_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1024


def main(names: list[str]):
    with Ministack() as emulator:
        stack = Stack(emulator)
        print(f"{'function':<14} {'zip MB':>7} {'start ms':>9} {'worst':>7} {'idle MiB':>9}   {STARTS} starts, {binary(names[0]).parent}")
        for name in names:
            starts, memory = [], []
            for _ in range(STARTS):
                with stack.start(name) as function:
                    starts.append(function.wait_until_ready() * 1000)
                    memory.append(resident_mb(function.process.pid))
            median, worst = statistics.median(starts), max(starts)
            print(f"{name:<14} {zipped_mb(binary(name)):>7.2f} {median:>9.1f} {worst:>7.1f} {statistics.median(memory):>9.1f}")


if __name__ == "__main__":
    main(sys.argv[1:] or FUNCTIONS)
