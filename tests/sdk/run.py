#!/usr/bin/env python3
"""Official SDKs through Portunus to recorded answers.

    tests/sdk/run.py --portunus target/debug/portunus --mock target/debug/mock-upstream
    tests/sdk/run.py --mock target/debug/mock-upstream --direct     # without Portunus: checks the tests themselves

Installs what it needs from the lock files: Python packages under --venvs (PORTUNUS_VENVS, else .venv in the checkout),
npm packages beside the Node tests. Starts both binaries on the loopback interface, runs pytest and node --test, checks
that the stand-in found nothing wrong with what it was sent, and prints the counts.
"""

import argparse
import concurrent.futures
import contextlib
import hashlib
import json
import os
import pathlib
import re
import secrets
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
UPSTREAM_MODELS = {
    "anthropic": "claude-sonnet-4-5-20250929",
    "bedrock": "amazon.nova-lite-v1:0",
    "cohere": "command-a-03-2025",
    "gemini": "gemini-2.5-flash",
    "openai": "gpt-4o",
    "responses": "gpt-4.1",
}
PATHS = {
    "anthropic": "/v1/messages",
    "bedrock": "/model/*",
    "cohere": "/v2/chat",
    "gemini": "/v1beta/models/*",
    "openai": "/v1/chat/completions",
    "responses": "/v1/responses",
}
# What the provider of chats speaks, which is all of OpenAI's but Responses: those are another provider's.
CHAT_ONLY = [f"openai.{w}" for w in ("chat", "completions", "embeddings", "moderations", "images", "speech", "transcriptions")]
# Where what is not a chat is answered as the stand-in does by itself.
SERVICES = ["/v1/embeddings", "/v1/moderations", "/v1/images/*", "/v1/audio/*", "/v2/embed", "/v2/rerank"]
EMBEDDERS = ["amazon.titan-embed-text-v2:0"]
# The texts of the tests that choose an answer; a conversation with a result also holds the request for the tool.
TEXTS = [("tool-result", "The tool says 18."), ("tool-call", "Please use the tool."), ("plain", "Say something plain.")]
# Suites of Python tests: the virtual environment of each, and the folder of its tests.
PYTHON = {
    "python SDKs": ("sdk", "python"),
    "python frameworks": ("sdk-frameworks", "frameworks"),
    "agents": ("sdk", "agents"),
}
# Texts that make an agent's own shell be called, its tool, and what it is to run.
SHELLS = [
    ("Use Bash, please.", "Bash", {"command": "echo The tool says 18.", "description": "Says it"}),
    ("Use exec_command, please.", "exec_command", {"cmd": "echo The tool says 18."}),
]
AWS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "us-east-1"}


def main():
    options = arguments()
    suites = {name: installed_python(options.venvs, *PYTHON[name]) for name in ("python SDKs", "python frameworks")}
    installed_node(HERE / "node")
    if options.agents:
        installed_node(HERE / "agents")
        suites["agents"] = suites["python SDKs"]
    with contextlib.ExitStack() as running, tempfile.TemporaryDirectory() as scratch:
        mock = running.enter_context(mock_upstream(options.mock))
        call(f"{mock}/_ctl/script", json.dumps(script()).encode(), "PUT")
        target = direct(mock) if options.direct else running.enter_context(portunus(options.portunus, mock, scratch))
        environment = {**clean_environment(), **target}
        runs = [lambda n=name, p=python: pytest(n, p, environment) for name, python in suites.items()]
        with concurrent.futures.ThreadPoolExecutor() as side_by_side:
            counts = list(side_by_side.map(lambda run: run(), [*runs, lambda: node(environment)]))
        counts.append(nothing_refused(mock))
    for line, _ in counts:
        print(line)
    return 0 if all(good for _, good in counts) else 1


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--portunus", default=os.environ.get("PORTUNUS_BIN", str(ROOT / "target/debug/portunus")))
    parser.add_argument("--mock", default=os.environ.get("MOCK_UPSTREAM_BIN", str(ROOT / "target/debug/mock-upstream")))
    parser.add_argument("--venvs", default=os.environ.get("PORTUNUS_VENVS", str(ROOT / ".venv")))
    parser.add_argument("--without-agents", dest="agents", action="store_false", help="leave out their large binaries")
    parser.add_argument("--direct", action="store_true", help="talk to the stand-in itself")
    return parser.parse_args()


def installed_python(venvs, name, folder):
    """The interpreter of a virtual environment that holds what the folder's lock file names."""
    venv, lock = pathlib.Path(venvs) / name, HERE / folder / "requirements.txt"
    python = venv / "bin/python"
    with unless_unchanged(lock, venv / ".lock-hash") as changed:
        if changed:
            subprocess.run([sys.executable, "-m", "venv", "--clear", venv], check=True)
            pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "-r", lock]
            subprocess.run(pip, check=True)
    return python


def installed_node(folder):
    """The packages of a lock file, beside it."""
    with unless_unchanged(folder / "package-lock.json", folder / "node_modules/.lock-hash") as changed:
        if changed:
            subprocess.run(["npm", "ci", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True)


@contextlib.contextmanager
def unless_unchanged(lock, mark):
    """Whether the lock file differs from what is installed; what is installed is marked when that is done."""
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    changed = not mark.exists() or mark.read_text().strip() != digest
    yield changed
    if changed:
        mark.write_text(digest + "\n")


@contextlib.contextmanager
def mock_upstream(binary):
    with process([binary]) as started:
        yield re.search(r"http://\S+", started.stdout.readline()).group()


@contextlib.contextmanager
def portunus(binary, mock, scratch):
    """Starts the gateway, makes a key, and gives what the tests need to know."""
    listen, admin = f"127.0.0.1:{free_port()}", secrets.token_urlsafe(32)
    config = pathlib.Path(scratch) / "portunus.yaml"
    config.write_text(configuration(mock))
    command = [binary, "serve", "--config", str(config), "--listen", listen, "--data-dir", f"{scratch}/data"]
    environment = {**clean_environment(), **AWS, "PORTUNUS_ADMIN_KEY": admin}
    with process(command, env=environment, stdout=open(f"{scratch}/log", "w"), stderr=subprocess.STDOUT) as gateway:
        try:
            key = made_key(f"http://{listen}", admin, gateway)
        except Exception:
            print(pathlib.Path(f"{scratch}/log").read_text(), file=sys.stderr)
            raise
        models = {upstream: f"up-{upstream}/{model}" for upstream, model in UPSTREAM_MODELS.items()}
        yield {"SDK_BASE": f"http://{listen}", "SDK_KEY": key, "SDK_MODELS": json.dumps(models)}


def direct(mock):
    return {"SDK_BASE": mock, "SDK_KEY": "any", "SDK_MODELS": json.dumps(UPSTREAM_MODELS), "SDK_DIRECT": "1"}


def configuration(mock):
    return f"""\
providers:
  up-openai: {{ kind: openai, speaks: [{", ".join(CHAT_ONLY)}], base_url: "{mock}/v1", api_key: "test-openai" }}
  up-anthropic: {{ kind: anthropic, base_url: "{mock}", api_key: "test-anthropic" }}
  up-cohere: {{ kind: cohere, base_url: "{mock}", api_key: "test-cohere" }}
  up-responses: {{ kind: openai, speaks: [openai.responses], base_url: "{mock}/v1", api_key: "test-openai" }}
  up-gemini: {{ kind: gemini, base_url: "{mock}/v1beta", api_key: "test-gemini" }}
  up-bedrock: {{ kind: bedrock, region: us-east-1, endpoint_url: "{mock}" }}
egress: {{ allow: ["{mock.removeprefix('http://')}"] }}
"""


def made_key(base, admin, gateway):
    """A virtual key, as soon as the gateway answers."""
    body, headers = json.dumps({"name": "sdk"}).encode(), {"authorization": f"Bearer {admin}"}
    for _ in range(200):
        if gateway.poll() is not None:
            raise RuntimeError(f"portunus ended with status {gateway.returncode}")
        try:
            return call(f"{base}/admin/v1/keys", body, "POST", headers)["key"]
        except urllib.error.HTTPError as refused:
            raise RuntimeError(f"no key: {refused.code} {refused.read().decode()}") from refused
        except OSError:
            time.sleep(0.1)
    raise RuntimeError("portunus does not answer")


def script():
    """A plan for each recorded answer: chosen by path, mode, and a text of the conversation."""
    plans = [{"name": path, "match": {"path": path}} for path in SERVICES]
    plans += [{"name": model, "match": {"model": model}} for model in EMBEDDERS]
    # Google's SDK asks for version 1; the gateway asks for the newer one.
    for upstream, path in [*PATHS.items(), ("gemini", "/v1/models/*")]:
        for kind, text in TEXTS:
            for stream in (False, True):
                name = f"{upstream}-{kind}{'-stream' if stream else ''}"
                recorded = json.loads((HERE / f"fixtures/{name}.json").read_text())["response"]
                match = {"path": path, "body": text, "stream": stream}
                plans.append({"name": name, "match": match, "answer": {"recorded": recorded}})
        for text, tool, arguments in SHELLS:
            call = {"tool": tool, "arguments": json.dumps(arguments)}
            plans.append({"name": f"{upstream}-{tool}", "match": {"path": path, "body": text}, "answer": {"generated": call}})
    return plans


def pytest(name, python, environment):
    command = [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-W", "ignore::DeprecationWarning"]
    environment = {**environment, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([*command, HERE / PYTHON[name][1]], env=environment, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        print(done.stdout)
    *_, counts = done.stdout.strip().splitlines() or ["no output"]
    return f"{name}: {counts}", done.returncode == 0


def node(environment):
    command = ["node", "--test", "--test-reporter=tap"]
    done = subprocess.run(command, cwd=HERE / "node", env=environment, stdout=subprocess.PIPE, text=True)
    count = {word: re.search(rf"^# {word} (\d+)", done.stdout, re.M) for word in ("pass", "fail")}
    if done.returncode != 0 or not all(count.values()) or count["pass"].group(1) == "0":
        print(done.stdout)
        return "node SDKs: FAILED", False
    return f"node SDKs: {count['pass'].group(1)} passed, {count['fail'].group(1)} failed", True


def nothing_refused(mock):
    """Every request the stand-in got kept its vendor's rules and met a plan."""
    seen = call(f"{mock}/_ctl/requests")
    wrong = [r for r in seen if r["refused"] or not r["plan"]]
    for request in wrong:
        print(f"upstream refused {request['method']} {request['target']}: {request['refused']}\n{request['body']}")
    return f"upstream: {len(seen)} requests, {len(wrong)} refused or unexpected", bool(seen) and not wrong


def call(url, body=None, method="GET", headers=None):
    headers = {"content-type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data=body, method=method, headers=headers)
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=10) as answer:
        return json.load(answer)


def clean_environment():
    """Nothing that would send an SDK or the gateway elsewhere."""
    unwanted = ("AWS_", "OPENAI_", "ANTHROPIC_", "COHERE_", "CO_API", "GEMINI_", "GOOGLE_", "PORTUNUS_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(unwanted)}
    return {**kept, "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1", "AWS_EC2_METADATA_DISABLED": "true"}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def process(command, **settings):
    started = subprocess.Popen(command, **{"stdout": subprocess.PIPE, "text": True, **settings})
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(timeout=10)
        except subprocess.TimeoutExpired:
            started.kill()


if __name__ == "__main__":
    sys.exit(main())
