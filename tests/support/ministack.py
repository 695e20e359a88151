"""The local AWS emulator, on a port of its own, for as long as a test session lasts."""

import os
import socket
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
VENVS = Path(os.environ.get("PORTUNUS_VENVS", ROOT / ".venv"))
REGION = "eu-west-2"


class Ministack:
    """Starts the emulator and waits until it answers. Use as a context manager."""

    def __init__(self):
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.home = tempfile.TemporaryDirectory(prefix="ministack-")
        self.log = open(Path(self.home.name) / "log", "wb")
        settings = {
            "BIND_HOST": "127.0.0.1",
            "GATEWAY_PORT": str(self.port),
            "IOT_MTLS_ENABLED": "0",  # or it opens a port on every interface
            "MINISTACK_REGION": REGION,
            **self.environment,
        }
        self.process = subprocess.Popen(
            [VENVS / "emu/bin/ministack"], env={**os.environ, **settings}, stdout=self.log, stderr=self.log, cwd=self.home.name
        )

    @property
    def environment(self) -> dict:
        """What sends an AWS client, or a function, to the emulator."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }

    def client(self, service: str):
        import boto3

        return boto3.client(
            service, endpoint_url=self.url, region_name=REGION, aws_access_key_id="test", aws_secret_access_key="test"
        )

    def __enter__(self):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                urllib.request.urlopen(self.url + "/_ministack/health", timeout=2)
                return self
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("ministack did not start: " + (Path(self.home.name) / "log").read_text())

    def __exit__(self, *_):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.log.close()
        self.home.cleanup()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
