"""The official OpenAI SDK, unmodified but for its base URL and key."""

import json

import pytest
from openai import OpenAI

from cases import BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams

client = OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0)
every_upstream = pytest.mark.parametrize("upstream", upstreams("openai"))


def user(text):
    return {"role": "user", "content": text}


def tools(call):
    function = {"name": call["name"], "description": "A tool.", "parameters": schema(call["arguments"])}
    return [{"type": "function", "function": function}]


def streamed(**request):
    """Text, tool calls, finish reason and usage of a stream."""
    text, calls, finish, usage = "", {}, None, None
    for chunk in client.chat.completions.create(stream=True, stream_options={"include_usage": True}, **request):
        usage = chunk.usage or usage
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for part in choice.delta.tool_calls or []:
                call = calls.setdefault(part.index, {"id": "", "name": "", "arguments": ""})
                call["id"] += part.id or ""
                call["name"] += part.function.name or ""
                call["arguments"] += part.function.arguments or ""
    return text, list(calls.values()), finish, usage


def assert_usage(usage, said):
    assert (usage.prompt_tokens, usage.completion_tokens) == (said["input_tokens"], said["output_tokens"])


@every_upstream
def test_chat(upstream):
    said = says(upstream, "plain")
    answer = client.chat.completions.create(model=MODELS[upstream], messages=[user(PLAIN)])
    assert answer.choices[0].message.content == said["text"]
    assert answer.choices[0].finish_reason == "stop"
    assert_usage(answer.usage, said)


@every_upstream
def test_stream(upstream):
    said = says(upstream, "plain", stream=True)
    text, calls, finish, usage = streamed(model=MODELS[upstream], messages=[user(PLAIN)])
    assert (text, calls, finish) == (said["text"], [], "stop")
    assert_usage(usage, said)


@every_upstream
def test_tool_call_and_result(upstream):
    said = says(upstream, "tool-call")
    request = {"model": MODELS[upstream], "tools": tools(said["tool"])}
    choice = client.chat.completions.create(messages=[user(TOOL)], **request).choices[0]
    call = choice.message.tool_calls[0]
    assert choice.finish_reason == "tool_calls"
    assert (call.function.name, json.loads(call.function.arguments)) == tuple(said["tool"].values())
    result = {"role": "tool", "tool_call_id": call.id, "content": RESULT}
    answer = client.chat.completions.create(messages=[user(TOOL), choice.message, result], **request)
    assert answer.choices[0].message.content == says(upstream, "tool-result")["text"]


@every_upstream
def test_streamed_tool_call_and_result(upstream):
    said = says(upstream, "tool-call", stream=True)
    request = {"model": MODELS[upstream], "tools": tools(said["tool"])}
    text, calls, finish, usage = streamed(messages=[user(TOOL)], **request)
    assert (text, finish) == (said["text"], "tool_calls")
    assert (calls[0]["name"], json.loads(calls[0]["arguments"])) == tuple(said["tool"].values())
    assert_usage(usage, said)
    function = {"name": calls[0]["name"], "arguments": calls[0]["arguments"]}
    asked = {"role": "assistant", "tool_calls": [{"id": calls[0]["id"], "type": "function", "function": function}]}
    result = {"role": "tool", "tool_call_id": calls[0]["id"], "content": RESULT}
    text, _, finish, _ = streamed(messages=[user(TOOL), asked, result], **request)
    assert (text, finish) == (says(upstream, "tool-result", stream=True)["text"], "stop")
