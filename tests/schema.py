#!/usr/bin/env python3
"""Schemathesis against the admin plane of the real binary: no fault of ours, and no answer that is not described [I10].

usage: schema.py PORTUNUS SCHEMATHESIS
"""

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "response_headers_conformance,unsupported_method"
)
# A key, a team and a call for what is asked by id; the first makes the second's answers.
THINGS = [("keys", {"name": "first"}), ("teams", {"id": "red"}), ("users", {"id": "ann", "team_id": "red"})]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_for(url: str) -> dict:
    for _ in range(200):
        try:
            with urllib.request.urlopen(f"{url}/openapi.json", timeout=5) as answer:
                return json.load(answer)
        except OSError:
            time.sleep(0.1)
    sys.exit("the server never answered")


def make(url: str, key: str, kind: str, body: dict) -> None:
    headers = {"authorization": f"Bearer {key}", "content-type": "application/json"}
    request = urllib.request.Request(f"{url}/admin/v1/{kind}", json.dumps(body).encode(), headers)
    urllib.request.urlopen(request, timeout=10).close()


def main() -> None:
    portunus, schemathesis = (Path(name).resolve() for name in sys.argv[1:3])
    key, url = f"root-{secrets.token_hex(24)}", f"http://127.0.0.1:{free_port()}"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("AWS_", "OPENAI", "ANTHROPIC", "PORTUNUS_"))}
    with tempfile.TemporaryDirectory() as folder, open(Path(folder) / "log", "wb") as log:
        command = [portunus, "serve", "--memory", "--listen", url.removeprefix("http://")]
        server = subprocess.Popen(command, cwd=folder, env=clean | {"PORTUNUS_ADMIN_KEY": key}, stdout=log, stderr=log)
        try:
            paths = wait_for(url)["paths"]
            assert "/v1/chat/completions" in paths and "/admin/v1/keys" in paths, "the document holds one plane only"
            for kind, body in THINGS:
                make(url, key, kind, body)
            asked = [
                schemathesis, "run", f"{url}/openapi.json", "--header", f"Authorization: Bearer {key}",
                "--include-path-regex", "^/admin/v1/", "--checks", CHECKS, "--max-examples", "15", "--seed", "1",
                "--generation-deterministic", "--phases", "examples,coverage,fuzzing", "--workers", "1", "--no-color",
                # Failed logins are throttled by address; other tests see to them.
                "--generation-with-security-parameters", "false",
            ]  # fmt: skip
            done = subprocess.run(asked, cwd=folder, env=clean, timeout=600)
            assert server.poll() is None, "the server ended"
        finally:
            server.kill()
            server.wait()
        assert b"panic" not in (Path(folder) / "log").read_bytes(), "the server panicked"
    sys.exit(done.returncode)


if __name__ == "__main__":
    main()
