"""The official Cohere SDK, unmodified but for its base URL and key."""

import json

import cohere
import pytest

from cases import BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams

client = cohere.ClientV2(api_key=KEY, base_url=BASE)
every_upstream = pytest.mark.parametrize("upstream", upstreams("cohere"))


def user(text):
    return {"role": "user", "content": text}


def tools(call):
    function = {"name": call["name"], "description": "A tool.", "parameters": schema(call["arguments"])}
    return [{"type": "function", "function": function}]


def whole(**request):
    """Text, tool calls, finish reason and usage of an answer."""
    answer = client.chat(**request)
    message = answer.message
    text = "".join(part.text for part in message.content or [] if part.type == "text")
    calls = [{"id": c.id, "name": c.function.name, "arguments": c.function.arguments} for c in message.tool_calls or []]
    return text + (message.tool_plan or ""), calls, answer.finish_reason, answer.usage


def streamed(**request):
    """The same of a stream."""
    text, calls, finish, usage = "", {}, None, None
    for event in client.chat_stream(**request):
        if event.type == "content-delta":
            text += event.delta.message.content.text or ""
        elif event.type == "tool-plan-delta":
            text += event.delta.message.tool_plan
        elif event.type == "tool-call-start":
            call = event.delta.message.tool_calls
            calls[event.index] = {"id": call.id, "name": call.function.name, "arguments": call.function.arguments or ""}
        elif event.type == "tool-call-delta":
            calls[event.index]["arguments"] += event.delta.message.tool_calls.function.arguments
        elif event.type == "message-end":
            finish, usage = event.delta.finish_reason, event.delta.usage
    return text, list(calls.values()), finish, usage


def assert_usage(usage, said):
    tokens = usage.tokens
    assert (tokens.input_tokens, tokens.output_tokens) == (said["input_tokens"], said["output_tokens"])


@every_upstream
@pytest.mark.parametrize("stream", [False, True])
def test_chat(upstream, stream):
    said = says(upstream, "plain", stream)
    ask = streamed if stream else whole
    text, calls, finish, usage = ask(model=MODELS[upstream], messages=[user(PLAIN)])
    assert (text, calls, finish) == (said["text"], [], "COMPLETE")
    assert_usage(usage, said)


@every_upstream
@pytest.mark.parametrize("stream", [False, True])
def test_tool_call_and_result(upstream, stream):
    said = says(upstream, "tool-call", stream)
    ask = streamed if stream else whole
    request = {"model": MODELS[upstream], "tools": tools(said["tool"])}
    text, calls, finish, usage = ask(messages=[user(TOOL)], **request)
    assert (text, finish) == (said["text"], "TOOL_CALL")
    assert (calls[0]["name"], json.loads(calls[0]["arguments"])) == tuple(said["tool"].values())
    assert_usage(usage, said)
    function = {"name": calls[0]["name"], "arguments": calls[0]["arguments"]}
    asked = {"role": "assistant", "tool_calls": [{"id": calls[0]["id"], "type": "function", "function": function}]}
    result = {"role": "tool", "tool_call_id": calls[0]["id"], "content": RESULT}
    text, _, finish, _ = ask(messages=[user(TOOL), asked, result], **request)
    assert (text, finish) == (says(upstream, "tool-result", stream)["text"], "COMPLETE")
