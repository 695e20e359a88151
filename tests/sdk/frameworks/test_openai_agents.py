"""OpenAI's Agents SDK: an agent with a tool, whole and streamed."""

import asyncio

import pytest
from agents import Agent, FunctionTool, ModelSettings, RunConfig, Runner
from agents import OpenAIChatCompletionsModel, OpenAIResponsesModel
from openai import AsyncOpenAI

from cases import BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams

config = RunConfig(tracing_disabled=True, model_settings=ModelSettings(include_usage=True))


KINDS = {"openai": OpenAIChatCompletionsModel, "responses": OpenAIResponsesModel}
PAIRS = [(kind, upstream) for own, kind in KINDS.items() for upstream in upstreams(own)]
each = pytest.mark.parametrize(("kind", "upstream"), PAIRS)


def agent(client, kind, upstream, call):
    model = kind(model=MODELS[upstream], openai_client=client)
    return Agent(name="tester", model=model, tools=[tool(call)] if call else [])


def tool(call):
    async def run(_context, _arguments):
        return RESULT

    return FunctionTool(
        name=call["name"],
        description="A tool.",
        params_json_schema=schema(call["arguments"]),
        on_invoke_tool=run,
        strict_json_schema=False,
    )


def run(kind, upstream, text, stream, call=None):
    async def whole(agent):
        return await Runner.run(agent, text, run_config=config)

    async def streamed(agent):
        running = Runner.run_streamed(agent, text, run_config=config)
        async for _ in running.stream_events():
            pass
        return running

    async def conversation():
        async with AsyncOpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0) as client:
            return await (streamed if stream else whole)(agent(client, kind, upstream, call))

    return asyncio.run(conversation())


@each
@pytest.mark.parametrize("stream", [False, True])
def test_agent_answers(kind, upstream, stream):
    said = says(upstream, "plain", stream)
    done = run(kind, upstream, PLAIN, stream)
    assert done.final_output == said["text"]
    usage = done.context_wrapper.usage
    assert (usage.input_tokens, usage.output_tokens) == (said["input_tokens"], said["output_tokens"])


@each
@pytest.mark.parametrize("stream", [False, True])
def test_agent_runs_its_tool(kind, upstream, stream):
    call = says(upstream, "tool-call", stream)["tool"]
    done = run(kind, upstream, TOOL, stream, call)
    assert done.final_output == says(upstream, "tool-result", stream)["text"]
    outputs = [item.output for item in done.new_items if item.type == "tool_call_output_item"]
    assert outputs == [RESULT]
