"""LlamaIndex through its OpenAI-like model: a chat, a stream, and an agent with a tool."""

import asyncio
import inspect

import pytest
from llama_index.core.agent.workflow import FunctionAgent
from llama_index.core.llms import ChatMessage
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike

from cases import BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, upstreams

every_upstream = pytest.mark.parametrize("upstream", upstreams("openai"))


def model(upstream):
    return OpenAILike(
        model=MODELS[upstream],
        api_base=f"{BASE}/v1",
        api_key=KEY,
        max_retries=0,
        is_chat_model=True,
        is_function_calling_model=True,
    )


def tool(call):
    """A function with the parameters of the recorded call."""

    def run(**_):
        return RESULT

    keyword = inspect.Parameter.KEYWORD_ONLY
    given = [inspect.Parameter(n, keyword, annotation=type(v)) for n, v in call["arguments"].items()]
    run.__signature__ = inspect.Signature(given, return_annotation=str)
    return FunctionTool.from_defaults(fn=run, name=call["name"], description="A tool.")


@every_upstream
def test_chat(upstream):
    answer = model(upstream).chat([ChatMessage(role="user", content=PLAIN)])
    assert answer.message.content == says(upstream, "plain")["text"]


@every_upstream
def test_stream(upstream):
    *_, last = model(upstream).stream_chat([ChatMessage(role="user", content=PLAIN)])
    assert last.message.content == says(upstream, "plain", stream=True)["text"]


@every_upstream
def test_agent_runs_its_tool(upstream):
    call = says(upstream, "tool-call", stream=True)["tool"]

    async def run():
        return await FunctionAgent(tools=[tool(call)], llm=model(upstream)).run(user_msg=TOOL)

    answer = asyncio.run(run())
    assert [(used.tool_name, used.tool_kwargs) for used in answer.tool_calls] == [tuple(call.values())]
    assert str(answer) == says(upstream, "tool-result", stream=True)["text"]
