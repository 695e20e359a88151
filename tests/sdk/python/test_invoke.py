"""InvokeModel with Claude's body: boto3's `invoke_model`, and the Anthropic SDK's client for Bedrock."""

import json
import os

import boto3
import pytest
from anthropic import AnthropicBedrock
from botocore.config import Config

from cases import BASE, DIRECT, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams
from tls import https_front

endpoint, os.environ["AWS_CA_BUNDLE"] = https_front(BASE)
os.environ["AWS_BEARER_TOKEN_BEDROCK"] = KEY
once = Config(retries={"max_attempts": 0})
boto = boto3.client("bedrock-runtime", endpoint_url=endpoint, region_name="us-east-1", config=once)
sdk = AnthropicBedrock(base_url=BASE, api_key=KEY, aws_region="us-east-1", max_retries=0)
# The stand-in's own Claude has no recorded InvokeModel answers.
every_upstream = pytest.mark.parametrize("upstream", [] if DIRECT else upstreams("bedrock"))
both_modes = pytest.mark.parametrize("stream", [False, True])


def user(content):
    return {"role": "user", "content": content}


def tools(call):
    return [{"name": call["name"], "description": "A tool.", "input_schema": schema(call["arguments"])}]


def result_of(call):
    return user([{"type": "tool_result", "tool_use_id": call["id"], "content": RESULT}])


def text_of(message):
    return "".join(block["text"] for block in message["content"] if block["type"] == "text")


def by_boto3(upstream, stream, **body):
    """The message that InvokeModel answers, put together if it came in pieces."""
    body = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 1024, **body})
    if not stream:
        return json.loads(boto.invoke_model(modelId=MODELS[upstream], body=body)["body"].read())
    answer = boto.invoke_model_with_response_stream(modelId=MODELS[upstream], body=body)
    message, parts = None, {}
    for frame in answer["body"]:
        event = json.loads(frame["chunk"]["bytes"])
        if event["type"] == "message_start":
            message = event["message"]
        elif event["type"] == "content_block_start":
            message["content"].append(event["content_block"])
        elif event["type"] == "content_block_delta":
            delta, block = event["delta"], message["content"][event["index"]]
            if delta["type"] == "text_delta":
                block["text"] += delta["text"]
            else:
                parts[event["index"]] = parts.get(event["index"], "") + delta["partial_json"]
        elif event["type"] == "message_delta":
            message["stop_reason"] = event["delta"]["stop_reason"]
            message["usage"].update(event["usage"])
    for index, text in parts.items():
        message["content"][index]["input"] = json.loads(text or "{}")
    return message


def by_anthropic(upstream, stream, **body):
    request = {"model": MODELS[upstream], "max_tokens": 1024, **body}
    if not stream:
        return sdk.messages.create(**request).model_dump()
    with sdk.messages.create(stream=True, **request) as events:
        message, parts = None, {}
        for event in events:
            if event.type == "message_start":
                message = event.message.model_dump()
            elif event.type == "content_block_start":
                message["content"].append(event.content_block.model_dump())
            elif event.type == "content_block_delta" and event.delta.type == "text_delta":
                message["content"][event.index]["text"] += event.delta.text
            elif event.type == "content_block_delta":
                parts[event.index] = parts.get(event.index, "") + event.delta.partial_json
            elif event.type == "message_delta":
                message["stop_reason"] = event.delta.stop_reason
                message["usage"]["input_tokens"] = event.usage.input_tokens or message["usage"]["input_tokens"]
                message["usage"]["output_tokens"] = event.usage.output_tokens
        for index, text in parts.items():
            message["content"][index]["input"] = json.loads(text or "{}")
        return message


each_client = pytest.mark.parametrize("ask", [by_boto3, by_anthropic])


@each_client
@every_upstream
@both_modes
def test_chat(ask, upstream, stream):
    said = says(upstream, "plain", stream)
    message = ask(upstream, stream, messages=[user(PLAIN)])
    assert (text_of(message), message["stop_reason"]) == (said["text"], "end_turn")
    usage = message["usage"]
    assert (usage["input_tokens"], usage["output_tokens"]) == (said["input_tokens"], said["output_tokens"])


@each_client
@every_upstream
@both_modes
def test_tool_call_and_result(ask, upstream, stream):
    said = says(upstream, "tool-call", stream)
    request = {"tools": tools(said["tool"])}
    message = ask(upstream, stream, messages=[user(TOOL)], **request)
    call = next(block for block in message["content"] if block["type"] == "tool_use")
    assert message["stop_reason"] == "tool_use"
    assert (call["name"], call["input"]) == tuple(said["tool"].values())
    call = {key: call[key] for key in ("type", "id", "name", "input")}
    turns = [user(TOOL), {"role": "assistant", "content": [call]}, result_of(call)]
    assert text_of(ask(upstream, stream, messages=turns, **request)) == says(upstream, "tool-result", stream)["text"]
