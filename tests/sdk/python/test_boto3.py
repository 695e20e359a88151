"""Unmodified boto3: endpoint_url, and the key in AWS_BEARER_TOKEN_BEDROCK.

botocore refuses to send a bearer token over plain HTTP, so an HTTPS forwarder stands where AWS's edge would.
"""

import json
import os

import boto3
import pytest
from botocore.config import Config

from cases import BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams
from tls import https_front

endpoint, os.environ["AWS_CA_BUNDLE"] = https_front(BASE)
os.environ["AWS_BEARER_TOKEN_BEDROCK"] = KEY
once = Config(retries={"max_attempts": 0})
client = boto3.client("bedrock-runtime", endpoint_url=endpoint, region_name="us-east-1", config=once)
every_upstream = pytest.mark.parametrize("upstream", upstreams("bedrock"))


def user(*content):
    return {"role": "user", "content": list(content)}


def asked(upstream, call=None):
    request = {"modelId": MODELS[upstream]}
    if call:
        spec = {"name": call["name"], "description": "A tool.", "inputSchema": {"json": schema(call["arguments"])}}
        request["toolConfig"] = {"tools": [{"toolSpec": spec}]}
    return request


def text_of(content):
    return "".join(block.get("text", "") for block in content)


def tool_use(content):
    return next(block["toolUse"] for block in content if "toolUse" in block)


def result_of(call):
    return user({"toolResult": {"toolUseId": call["toolUseId"], "content": [{"text": RESULT}]}})


def streamed(**request):
    """Content blocks, stop reason and usage of a stream."""
    blocks, stop, usage = {}, None, None
    for event in client.converse_stream(**request)["stream"]:
        if start := event.get("contentBlockStart"):
            if "toolUse" in start["start"]:
                blocks[start["contentBlockIndex"]] = {"toolUse": dict(start["start"]["toolUse"], input="")}
        if part := event.get("contentBlockDelta"):
            block = blocks.setdefault(part["contentBlockIndex"], {"text": ""})
            if "toolUse" in part["delta"]:
                block["toolUse"]["input"] += part["delta"]["toolUse"]["input"]
            else:
                block["text"] += part["delta"].get("text", "")
        stop = event.get("messageStop", {}).get("stopReason", stop)
        usage = event.get("metadata", {}).get("usage", usage)
    for block in blocks.values():
        if "toolUse" in block:
            block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
    return [blocks[index] for index in sorted(blocks)], stop, usage


def assert_usage(usage, said):
    assert (usage["inputTokens"], usage["outputTokens"]) == (said["input_tokens"], said["output_tokens"])


@every_upstream
def test_chat(upstream):
    said = says(upstream, "plain")
    answer = client.converse(messages=[user({"text": PLAIN})], **asked(upstream))
    content = answer["output"]["message"]["content"]
    assert (text_of(content), answer["stopReason"]) == (said["text"], "end_turn")
    assert_usage(answer["usage"], said)


@every_upstream
def test_stream(upstream):
    said = says(upstream, "plain", stream=True)
    content, stop, usage = streamed(messages=[user({"text": PLAIN})], **asked(upstream))
    assert (text_of(content), stop) == (said["text"], "end_turn")
    assert_usage(usage, said)


@every_upstream
def test_tool_call_and_result(upstream):
    said = says(upstream, "tool-call")
    request, question = asked(upstream, said["tool"]), user({"text": TOOL})
    answer = client.converse(messages=[question], **request)
    message = answer["output"]["message"]
    call = tool_use(message["content"])
    assert answer["stopReason"] == "tool_use"
    assert (call["name"], call["input"]) == tuple(said["tool"].values())
    answer = client.converse(messages=[question, message, result_of(call)], **request)
    assert text_of(answer["output"]["message"]["content"]) == says(upstream, "tool-result")["text"]


@every_upstream
def test_streamed_tool_call_and_result(upstream):
    said = says(upstream, "tool-call", stream=True)
    request, question = asked(upstream, said["tool"]), user({"text": TOOL})
    content, stop, usage = streamed(messages=[question], **request)
    call = tool_use(content)
    assert (text_of(content), stop) == (said["text"], "tool_use")
    assert (call["name"], call["input"]) == tuple(said["tool"].values())
    assert_usage(usage, said)
    turns = [question, {"role": "assistant", "content": content}, result_of(call)]
    content, _, _ = streamed(messages=turns, **request)
    assert text_of(content) == says(upstream, "tool-result", stream=True)["text"]
