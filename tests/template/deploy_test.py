"""`sam deploy` into the local emulator: the whole stack is made, and the router answers through it.

What this does not prove: IAM, quotas, throttling and API Gateway streaming, which the emulator does not model.
The functions are those that cargo built (see `binaries.py`); `sam build` makes the same ones, packed alone.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from binaries import FUNCTIONS, binary  # noqa: E402
from ministack import Ministack  # noqa: E402

SAM = Path(sys.executable).parent / "sam"


class Stack:
    """The deployed stack: its outputs, and its URLs as the emulator serves them."""

    def __init__(self, emulator: Ministack, outputs: dict):
        self.emulator, self.outputs = emulator, outputs

    @property
    def stream_url(self) -> str:
        url_id = re.match(r"https?://([^./]+)\.", self.outputs["StreamUrl"]).group(1)
        return f"{self.emulator.url}/_aws/lambda-url/{url_id}"

    def rest_url(self, output: str) -> str:
        api, stage = re.match(r"https://([^.]+)\..*/([^/]+)$", self.outputs[output]).groups()
        return f"{self.emulator.url}/restapis/{api}/{stage}/_user_request_"

    @property
    def admin_key(self) -> str:
        secrets = self.emulator.client("secretsmanager")
        return secrets.get_secret_value(SecretId=self.outputs["AdminKeySecret"])["SecretString"]


def ask(method: str, url: str, key: str | None = None, body: dict | None = None):
    """Status, headers and body of one request."""
    headers = {"content-type": "application/json"} | ({"authorization": f"Bearer {key}"} if key else {})
    data = json.dumps(body).encode() if body is not None else None
    request = urllib.request.Request(url, data=data, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def packed(folder: Path, root: Path) -> Path:
    """The template with each function's folder holding its stripped binary: what `sam build` would write."""
    template = (root / "template.yaml").read_text()
    shutil.copytree(root / "infra", folder / "infra")
    for name in FUNCTIONS:
        (folder / name).mkdir()
        subprocess.run(["strip", "-o", folder / name / "bootstrap", binary(name)], check=True)
        template, found = re.subn(rf"CodeUri: functions/{name}\b", f"CodeUri: ./{name}", template)
        assert found == 1, name
    (folder / "template.yaml").write_text(template)
    return folder / "template.yaml"


@pytest.fixture(scope="module")
def stack(tmp_path_factory, root):
    template = packed(tmp_path_factory.mktemp("stack"), root)
    with Ministack() as emulator:
        emulator.client("s3").create_bucket(
            Bucket="artifacts", CreateBucketConfiguration={"LocationConstraint": emulator.environment["AWS_REGION"]}
        )
        deploy = subprocess.run(
            [SAM, "deploy", "--template-file", template, "--stack-name", "portunus", "--s3-bucket", "artifacts"]
            + ["--capabilities", "CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND", "--no-confirm-changeset", "--no-progressbar"],
            env={**os.environ, **emulator.environment},
            cwd=template.parent,
            capture_output=True,
            text=True,
        )
        assert deploy.returncode == 0, deploy.stdout + deploy.stderr
        (described,) = emulator.client("cloudformation").describe_stacks(StackName="portunus")["Stacks"]
        yield Stack(emulator, {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]})


@pytest.fixture(scope="module")
def key(stack) -> str:
    status, _, body = ask("POST", stack.rest_url("AdminUrl") + "/admin/v1/keys", stack.admin_key, {"name": "deployed", "max_budget_usd": "1.00"})
    assert status in (200, 201), body
    return json.loads(body)["key"]


def test_every_output_of_the_contract_has_a_value(stack):
    for name in ("ApiUrl", "StreamUrl", "AdminUrl", "DashboardUrl", "AuditBucket", "KeysTable"):
        assert stack.outputs[name]


def test_the_router_is_healthy_through_both_front_doors(stack):
    for base in (stack.stream_url, stack.rest_url("ApiUrl")):
        status, _, body = ask("GET", base + "/health")
        assert status == 200, body


def test_an_echo_chat_is_answered_through_the_function_url(stack, key):
    chat = {"model": "echo", "messages": [{"role": "user", "content": "Good morning, gate keeper."}]}
    status, headers, body = ask("POST", stack.stream_url + "/v1/chat/completions", key, chat)
    assert status == 200, body
    assert json.loads(body)["choices"][0]["message"]["content"] == "Good morning, gate keeper."
    assert headers["x-request-id"]


def test_a_streamed_echo_ends_with_done(stack, key):
    chat = {"model": "echo", "stream": True, "messages": [{"role": "user", "content": "one two three"}]}
    status, headers, body = ask("POST", stack.stream_url + "/v1/chat/completions", key, chat)
    assert status == 200 and headers["content-type"].startswith("text/event-stream")
    assert body.rstrip().endswith("data: [DONE]")


def test_models_are_listed_through_rest(stack, key):
    status, _, body = ask("GET", stack.rest_url("ApiUrl") + "/v1/models", key)
    assert status == 200, body
    assert "echo" in {model["id"] for model in json.loads(body)["data"]}


def test_strangers_are_refused_on_both_planes(stack):
    assert ask("GET", stack.stream_url + "/v1/models", "sk-ptn-wrong")[0] == 401
    assert ask("GET", stack.rest_url("AdminUrl") + "/admin/v1/keys", "wrong")[0] == 401


def test_the_outbox_reaches_both_consumers(stack, key):
    chat = {"model": "echo", "messages": [{"role": "user", "content": "count me"}]}
    assert ask("POST", stack.stream_url + "/v1/chat/completions", key, chat)[0] == 200
    client = stack.emulator.client("lambda")
    end, results = time.monotonic() + 60, []
    while time.monotonic() < end:
        mappings = client.list_event_source_mappings()["EventSourceMappings"]
        streams = [m for m in mappings if ":dynamodb:" in m["EventSourceArn"]]
        results = [m.get("LastProcessingResult", "") for m in streams]
        if len(results) == 2 and all(result.startswith("OK") for result in results):
            return
        time.sleep(0.5)
    pytest.fail(f"stream consumers: {results}")
