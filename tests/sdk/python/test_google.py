"""The official Google Gen AI SDK, unmodified but for its base URL and key."""

import pytest
from google import genai
from google.genai import types

from cases import BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams

client = genai.Client(api_key=KEY, vertexai=False, http_options=types.HttpOptions(base_url=BASE))
every_upstream = pytest.mark.parametrize("upstream", upstreams("gemini"))
both_modes = pytest.mark.parametrize("stream", [False, True])


def user(*parts):
    return types.Content(role="user", parts=list(parts))


def config(call=None):
    if not call:
        return types.GenerateContentConfig()
    offered = types.FunctionDeclaration(
        name=call["name"], description="A tool.", parameters_json_schema=schema(call["arguments"])
    )
    return types.GenerateContentConfig(tools=[types.Tool(function_declarations=[offered])])


def ask(upstream, stream, contents, call=None):
    """Parts, finish reason and usage."""
    request = {"model": MODELS[upstream], "contents": contents, "config": config(call)}
    if not stream:
        answers = [client.models.generate_content(**request)]
    else:
        answers = list(client.models.generate_content_stream(**request))
    parts, finish, usage = [], None, None
    for answer in answers:
        usage = answer.usage_metadata or usage
        for candidate in answer.candidates or []:
            parts += candidate.content.parts or [] if candidate.content else []
            finish = candidate.finish_reason or finish
    return parts, finish, usage


def text_of(parts):
    return "".join(part.text for part in parts if part.text and not part.thought)


def assert_usage(usage, said):
    output = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    assert (usage.prompt_token_count, output) == (said["input_tokens"], said["output_tokens"])


@every_upstream
@both_modes
def test_chat(upstream, stream):
    said = says(upstream, "plain", stream)
    parts, finish, usage = ask(upstream, stream, PLAIN)
    assert (text_of(parts), finish) == (said["text"], types.FinishReason.STOP)
    assert_usage(usage, said)


@every_upstream
@both_modes
def test_tool_call_and_result(upstream, stream):
    said = says(upstream, "tool-call", stream)
    question = user(types.Part(text=TOOL))
    parts, finish, usage = ask(upstream, stream, [question], said["tool"])
    called = [part.function_call for part in parts if part.function_call]
    assert (called[0].name, called[0].args or {}) == tuple(said["tool"].values())
    assert finish == types.FinishReason.STOP
    assert_usage(usage, said)
    results = [types.FunctionResponse(id=c.id, name=c.name, response={"output": RESULT}) for c in called]
    answered = user(*[types.Part(function_response=result) for result in results])
    turns = [question, types.Content(role="model", parts=parts), answered]
    parts, finish, _ = ask(upstream, stream, turns, said["tool"])
    assert (text_of(parts), finish) == (says(upstream, "tool-result", stream)["text"], types.FinishReason.STOP)
