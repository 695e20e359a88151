"""The official OpenAI SDK on the Responses API, unmodified but for its base URL and key."""

import json

import pytest
from openai import OpenAI

from cases import BASE, DIRECT, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams

client = OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0)
every_upstream = pytest.mark.parametrize("upstream", upstreams("responses"))
both_modes = pytest.mark.parametrize("stream", [False, True])


def tools(call):
    given = schema(call["arguments"])
    return [{"type": "function", "name": call["name"], "description": "A tool.", "parameters": given, "strict": False}]


def ask(upstream, stream, **request):
    """The response, for a stream the one that the SDK itself puts together."""
    request = {"model": MODELS[upstream], "store": False, **request}
    if not stream:
        return client.responses.create(**request)
    with client.responses.stream(**request) as events:
        for _ in events:
            pass
        return events.get_final_response()


def assert_usage(usage, said):
    assert (usage.input_tokens, usage.output_tokens) == (said["input_tokens"], said["output_tokens"])


@every_upstream
@both_modes
def test_response(upstream, stream):
    said = says(upstream, "plain", stream)
    answer = ask(upstream, stream, input=PLAIN)
    assert (answer.output_text, answer.status) == (said["text"], "completed")
    assert_usage(answer.usage, said)


@every_upstream
@both_modes
def test_tool_call_and_result(upstream, stream):
    said = says(upstream, "tool-call", stream)
    question = {"role": "user", "content": TOOL}
    request = {"tools": tools(said["tool"])}
    answer = ask(upstream, stream, input=[question], **request)
    call = next(item for item in answer.output if item.type == "function_call")
    assert (call.name, json.loads(call.arguments)) == tuple(said["tool"].values())
    assert_usage(answer.usage, said)
    called = {"type": "function_call", "call_id": call.call_id, "name": call.name, "arguments": call.arguments}
    result = {"type": "function_call_output", "call_id": call.call_id, "output": RESULT}
    answer = ask(upstream, stream, input=[question, called, result], **request)
    assert answer.output_text == says(upstream, "tool-result", stream)["text"]


@pytest.mark.skipif(DIRECT, reason="the stand-in keeps nothing")
@every_upstream
def test_stored_response_goes_on(upstream):
    said = says(upstream, "tool-call")
    request = {"model": MODELS[upstream], "tools": tools(said["tool"])}
    first = client.responses.create(input=TOOL, **request)
    call = next(item for item in first.output if item.type == "function_call")
    result = {"type": "function_call_output", "call_id": call.call_id, "output": RESULT}
    second = client.responses.create(input=[result], previous_response_id=first.id, **request)
    assert second.output_text == says(upstream, "tool-result")["text"]
    assert second.previous_response_id == first.id
    assert client.responses.retrieve(second.id).output_text == second.output_text
    client.responses.delete(second.id)
