"""LangChain's chat models for three vendors, and LangGraph's agent above each."""

import os

import boto3
import pytest
from botocore.config import Config
from langchain_anthropic import ChatAnthropic
from langchain_aws import ChatBedrockConverse
from langchain_core.messages import HumanMessage, ToolMessage
from langchain_core.tools import StructuredTool
from langchain_google_genai import ChatGoogleGenerativeAI
from langchain_openai import ChatOpenAI
from langgraph.prebuilt import create_react_agent

from cases import BASE, KEY, MODELS, PLAIN, RESULT, TOOL, says, schema, upstreams
from tls import https_front

endpoint, os.environ["AWS_CA_BUNDLE"] = https_front(BASE)
os.environ["AWS_BEARER_TOKEN_BEDROCK"] = KEY


def openai(model):
    return ChatOpenAI(model=model, base_url=f"{BASE}/v1", api_key=KEY, max_retries=0, stream_usage=True)


def anthropic(model):
    return ChatAnthropic(model=model, base_url=BASE, api_key=KEY, max_tokens=1024, max_retries=0)


def bedrock(model):
    once = Config(retries={"max_attempts": 0})
    client = boto3.client("bedrock-runtime", endpoint_url=endpoint, region_name="us-east-1", config=once)
    vendor = {"provider": "anthropic", "disable_streaming": False}  # else guessed from the model's name
    return ChatBedrockConverse(model=model, client=client, region_name="us-east-1", **vendor)


def gemini(model):
    return ChatGoogleGenerativeAI(model=model, base_url=BASE, google_api_key=KEY, vertexai=False, max_retries=1)


def responses(model):
    wire = {"use_responses_api": True, "output_version": "responses/v1"}
    return ChatOpenAI(model=model, base_url=f"{BASE}/v1", api_key=KEY, max_retries=0, store=False, **wire)


VENDORS = {"anthropic": anthropic, "bedrock": bedrock, "gemini": gemini, "openai": openai, "responses": responses}
PAIRS = [(vendor, upstream) for vendor in VENDORS for upstream in upstreams(vendor)]
each = pytest.mark.parametrize(("vendor", "upstream"), PAIRS)


def model(vendor, upstream):
    return VENDORS[vendor](MODELS[upstream])


def tool(call):
    given = schema(call["arguments"])
    return StructuredTool(name=call["name"], description="A tool.", args_schema=given, func=lambda **_: RESULT)


def said_by(message):
    """Its text; LangChain takes white space off the end of some vendors' texts."""
    return message.text.rstrip()


def assert_usage(message, said):
    usage = message.usage_metadata
    assert (usage["input_tokens"], usage["output_tokens"]) == (said["input_tokens"], said["output_tokens"])


def streamed(chat, messages):
    """The message that LangChain adds up from a stream."""
    whole = None
    for chunk in chat.stream(messages):
        whole = chunk if whole is None else whole + chunk
    return whole


@each
@pytest.mark.parametrize("stream", [False, True])
def test_chat(vendor, upstream, stream):
    said = says(upstream, "plain", stream)
    chat = model(vendor, upstream)
    message = streamed(chat, PLAIN) if stream else chat.invoke(PLAIN)
    assert said_by(message) == said["text"].rstrip()
    assert_usage(message, said)


@each
@pytest.mark.parametrize("stream", [False, True])
def test_tool_call_and_result(vendor, upstream, stream):
    said = says(upstream, "tool-call", stream)
    chat = model(vendor, upstream).bind_tools([tool(said["tool"])])
    ask = (lambda messages: streamed(chat, messages)) if stream else chat.invoke
    message = ask([HumanMessage(TOOL)])
    call = message.tool_calls[0]
    assert (call["name"], call["args"]) == tuple(said["tool"].values())
    assert_usage(message, said)
    turns = [HumanMessage(TOOL), message, ToolMessage(RESULT, tool_call_id=call["id"])]
    assert said_by(ask(turns)) == says(upstream, "tool-result", stream)["text"].rstrip()


@each
def test_langgraph_agent_runs_its_tool(vendor, upstream):
    used = tool(says(upstream, "tool-call")["tool"])
    agent = create_react_agent(model(vendor, upstream), [used])
    *_, asked, result, answer = agent.invoke({"messages": [("user", TOOL)]})["messages"]
    assert (asked.tool_calls[0]["name"], result.content) == (used.name, RESULT)
    assert said_by(answer) == says(upstream, "tool-result")["text"].rstrip()
