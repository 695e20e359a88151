#!/usr/bin/env python3
"""Runs what README shows, as a reader would: the server's own banner lines and README's curl lines, as pasted.

usage: readme.py PORTUNUS

README's `cargo run` is the binary named on the command line (the same one `cargo run` builds), started in an empty
folder. Every ```bash block of README must be known here, so that none is left untried.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

# Blocks that other stages run, and which.
ELSEWHERE = {"cargo run": "here, as the server", "tests/run": "the whole run", "tests/bench.sh --quick": "stage bench"}


def blocks() -> list[str]:
    return [block.strip() for block in re.findall(r"```bash\n(.*?)```", (ROOT / "README.md").read_text(), re.S)]


def wait_for(banner: Path) -> str:
    """The banner, once its last line is there."""
    for _ in range(200):
        text = banner.read_text()
        if '"stream":true' in text:
            return text
        time.sleep(0.1)
    sys.exit(f"the banner never came:\n{banner.read_text()}")


def run(line: str, environment: dict[str, str], folder: str | None = None) -> str:
    done = subprocess.run(["bash", "-ec", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=60)
    if done.returncode != 0:
        sys.exit(f"failed: {line}\n{done.stderr}")
    return done.stdout


def main() -> None:
    portunus = Path(sys.argv[1]).resolve()
    tried = 0
    with tempfile.TemporaryDirectory() as folder:
        banner = Path(folder) / "banner"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI", "ANTHROPIC", "PORTUNUS_"))}
        with banner.open("w") as out:
            server = subprocess.Popen([portunus], cwd=folder, env=environment, stdout=out)
        try:
            text = wait_for(banner)
            exported = dict(re.findall(r"export (PORTUNUS_\w+)=(\S+)", text))
            assert set(exported) == {"PORTUNUS_ADMIN_KEY", "PORTUNUS_KEY"}, text
            for line in re.findall(r"^  (curl .*)$", text, re.M):
                answer = run(line, environment)
                assert "Hello, " in answer and "gate!" in answer, f"{line}\n{answer}"
                tried += 1
            for block in blocks():
                if block in ELSEWHERE:
                    continue
                # The README calls the binary by its name.
                path = {"PATH": f"{portunus.parent}:{environment['PATH']}"}
                answer = run(block, environment | exported | path, folder)
                assert "gate!" in answer or "sk-ptn-" in answer, f"{block}\n{answer}"
                tried += 1
            server.terminate()
            assert server.wait(30) == 0, "SIGTERM must end the server with status 0"
            again = Path(folder) / "again"
            with again.open("w") as out:
                server = subprocess.Popen([portunus], cwd=folder, env=environment, stdout=out)
            for _ in range(100):
                if "/admin/v1/keys" in again.read_text():
                    break
                time.sleep(0.1)
            assert "export" not in again.read_text(), "a second start shows no key"
            assert exported["PORTUNUS_KEY"] not in again.read_text()
        finally:
            server.kill()
            server.wait()
    assert tried >= 5, f"only {tried} lines were tried"
    print(f"{tried} passed, 0 failed")


if __name__ == "__main__":
    main()
