"""The official Anthropic SDK, unmodified but for its base URL and key."""

import pytest
from anthropic import Anthropic

from cases import BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams

client = Anthropic(base_url=BASE, api_key=KEY, max_retries=0)
every_upstream = pytest.mark.parametrize("upstream", upstreams("anthropic"))


def user(content):
    return {"role": "user", "content": content}


def asked(upstream, call=None):
    request = {"model": MODELS[upstream], "max_tokens": 1024}
    if call:
        tool = {"name": call["name"], "description": "A tool.", "input_schema": schema(call["arguments"])}
        request["tools"] = [tool]
    return request


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def tool_use(message):
    return next(block for block in message.content if block.type == "tool_use")


def result_of(call):
    return user([{"type": "tool_result", "tool_use_id": call.id, "content": RESULT}])


def streamed(**request):
    """The final message, and the text as it came."""
    with client.messages.stream(**request) as stream:
        text = "".join(stream.text_stream)
        return stream.get_final_message(), text


def assert_usage(message, said):
    usage = message.usage
    assert (usage.input_tokens, usage.output_tokens) == (said["input_tokens"], said["output_tokens"])


@every_upstream
def test_chat(upstream):
    said = says(upstream, "plain")
    message = client.messages.create(messages=[user(PLAIN)], **asked(upstream))
    assert (text_of(message), message.stop_reason) == (said["text"], "end_turn")
    assert_usage(message, said)


@every_upstream
def test_stream(upstream):
    said = says(upstream, "plain", stream=True)
    message, text = streamed(messages=[user(PLAIN)], **asked(upstream))
    assert (text, text_of(message), message.stop_reason) == (said["text"], said["text"], "end_turn")
    assert_usage(message, said)


@every_upstream
def test_tool_call_and_result(upstream):
    said = says(upstream, "tool-call")
    request = asked(upstream, said["tool"])
    message = client.messages.create(messages=[user(TOOL)], **request)
    call = tool_use(message)
    assert message.stop_reason == "tool_use"
    assert (call.name, call.input) == tuple(said["tool"].values())
    turns = [user(TOOL), {"role": "assistant", "content": message.content}, result_of(call)]
    answer = client.messages.create(messages=turns, **request)
    assert text_of(answer) == says(upstream, "tool-result")["text"]


@every_upstream
def test_streamed_tool_call_and_result(upstream):
    said = says(upstream, "tool-call", stream=True)
    request = asked(upstream, said["tool"])
    message, text = streamed(messages=[user(TOOL)], **request)
    call = tool_use(message)
    assert (text, message.stop_reason) == (said["text"], "tool_use")
    assert (call.name, call.input) == tuple(said["tool"].values())
    assert_usage(message, said)
    turns = [user(TOOL), {"role": "assistant", "content": message.content}, result_of(call)]
    _, text = streamed(messages=turns, **request)
    assert text == says(upstream, "tool-result", stream=True)["text"]
