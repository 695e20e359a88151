"""Coding agents' own clients: Claude Code (Anthropic's wire and Bedrock's) and Codex, each running one command."""

import os
import pathlib
import subprocess

import pytest

from cases import BASE, KEY, MODELS, PLAIN, says, upstreams

BIN = pathlib.Path(__file__).parent / "node_modules/.bin"


def ran(arguments, home, **environment):
    """What a client prints, with a home of its own and nothing of ours but the path."""
    kept = {"PATH": os.environ["PATH"], "HOME": str(home), "NO_PROXY": "127.0.0.1", **environment}
    asked = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True, "timeout": 60}
    done = subprocess.run([str(word) for word in arguments], cwd=home, env=kept, **asked)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


def claude(upstream, text, home, **environment):
    quiet = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1", "DISABLE_TELEMETRY": "1"}
    arguments = [BIN / "claude", "-p", text, "--model", MODELS[upstream], "--allowedTools", "Bash"]
    return ran(arguments, home, **quiet, **environment)


def by_claude_code(upstream, text, home):
    return claude(upstream, text, home, ANTHROPIC_BASE_URL=BASE, ANTHROPIC_AUTH_TOKEN=KEY)


def by_claude_code_for_bedrock(upstream, text, home):
    bedrock = {"CLAUDE_CODE_USE_BEDROCK": "1", "ANTHROPIC_BEDROCK_BASE_URL": BASE, "AWS_REGION": "us-east-1"}
    return claude(upstream, text, home, AWS_BEARER_TOKEN_BEDROCK=KEY, **bedrock)


def by_codex(upstream, text, home):
    provider = f'name = "here"\nbase_url = "{BASE}/v1"\nenv_key = "HERE_KEY"\nwire_api = "responses"\n'
    (home / "config.toml").write_text(f'model_provider = "here"\n[model_providers.here]\n{provider}')
    free = ["--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox"]
    return ran([BIN / "codex", "exec", *free, "-m", MODELS[upstream], text], home, CODEX_HOME=str(home), HERE_KEY=KEY)


# Each with the text that makes the stand-in call its shell (see run.py); what the shell says chooses the next answer.
CLIENTS = {
    "anthropic": (by_claude_code, "Use Bash, please."),
    "bedrock": (by_claude_code_for_bedrock, "Use Bash, please."),
    "responses": (by_codex, "Use exec_command, please."),
}
PAIRS = [(*CLIENTS[own], upstream) for own in CLIENTS if own in MODELS for upstream in upstreams(own)]
each = pytest.mark.parametrize(("ask", "command", "upstream"), PAIRS)


@each
def test_answers(ask, command, upstream, tmp_path):
    assert ask(upstream, PLAIN, tmp_path).endswith(says(upstream, "plain", stream=True)["text"].strip())


@each
def test_runs_a_command_and_goes_on(ask, command, upstream, tmp_path):
    said = says(upstream, "tool-result", stream=True)["text"].strip()
    assert ask(upstream, command, tmp_path).endswith(said)
