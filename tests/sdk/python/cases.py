"""What the recorded answers say, and what the environment tells about this run."""

import json
import os
import pathlib

FIXTURES = pathlib.Path(__file__).parent.parent / "fixtures"
BASE = os.environ["SDK_BASE"]
KEY = os.environ["SDK_KEY"]
MODELS = json.loads(os.environ["SDK_MODELS"])
# Without a gateway in between, each SDK can only reach the upstream that speaks its own dialect.
DIRECT = os.environ.get("SDK_DIRECT") == "1"

# These texts choose the recorded answer (see run.py).
PLAIN = "Say something plain."
TOOL = "Please use the tool."
RESULT = "The tool says 18."


def upstreams(own):
    return [own] if DIRECT else sorted(MODELS)


def says(upstream, kind, stream=False):
    """Text, tool call and usage of one recorded answer."""
    name = f"{upstream}-{kind}{'-stream' if stream else ''}.json"
    return json.loads((FIXTURES / name).read_text())["says"]


def schema(arguments):
    """A JSON Schema that fits these arguments."""
    kinds = {str: "string", int: "integer", float: "number", bool: "boolean", list: "array", dict: "object"}
    properties = {name: {"type": kinds[type(value)]} for name, value in arguments.items()}
    return {"type": "object", "properties": properties, "required": list(arguments)}
