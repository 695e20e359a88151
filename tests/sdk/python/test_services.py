"""What is not a chat, by the official SDKs: embeddings, rerank, moderation, images, speech, and the older completions.

The stand-in makes a vector of nothing but its text, so every provider's is the same.
"""

import cohere
import pytest
from openai import AzureOpenAI, OpenAI

from cases import BASE, DIRECT, KEY, MODELS, PLAIN, says, upstreams

client = OpenAI(base_url=f"{BASE}/v1", api_key=KEY, max_retries=0)
azure = AzureOpenAI(azure_endpoint=BASE, api_key=KEY, api_version="2024-10-21", max_retries=0)
co = cohere.ClientV2(api_key=KEY, base_url=BASE)
EMBEDDERS = {
    "openai": "text-embedding-3-small",
    "cohere": "embed-v4.0",
    "bedrock": "amazon.titan-embed-text-v2:0",
}


def model(upstream, name):
    return name if DIRECT else f"up-{upstream}/{name}"


def embedders(own):
    return [(u, m) for u, m in EMBEDDERS.items() if u == own or not DIRECT]


def vector(text):
    answer = client.embeddings.create(model=model("openai", EMBEDDERS["openai"]), input=text, encoding_format="float")
    return answer.data[0].embedding


@pytest.mark.parametrize(("upstream", "name"), embedders("openai"))
@pytest.mark.parametrize("shown", [{}, {"encoding_format": "float"}])
def test_openai_embeddings(upstream, name, shown):
    answer = client.embeddings.create(model=model(upstream, name), input=["one", "two"], **shown)
    assert [entry.embedding for entry in answer.data] == [vector("one"), vector("two")]
    assert answer.usage.prompt_tokens == 2


@pytest.mark.parametrize(("upstream", "name"), embedders("cohere"))
def test_cohere_embed(upstream, name):
    request = {"texts": ["one", "two"], "input_type": "search_document", "embedding_types": ["float"]}
    answer = co.embed(model=model(upstream, name), **request)
    assert answer.embeddings.float_ == [vector("one"), vector("two")]


def test_cohere_rerank():
    request = {"query": "blue sea", "documents": ["red", "the blue sea", "blue"], "top_n": 2}
    answer = co.rerank(model=model("cohere", "rerank-v3.5"), **request)
    assert [(result.index, result.relevance_score) for result in answer.results] == [(1, 1.0), (2, 0.5)]


def test_moderation():
    answer = client.moderations.create(model=model("openai", "omni-moderation-latest"), input=["peace", "violence"])
    assert [result.flagged for result in answer.results] == [False, True]


def test_image():
    answer = client.images.generate(model=model("openai", "gpt-image-1"), prompt="a cat")
    assert answer.data[0].b64_json


def test_speech_and_transcription():
    spoken = client.audio.speech.create(model=model("openai", "gpt-4o-mini-tts"), voice="alloy", input="hi").read()
    heard = client.audio.transcriptions.create(model=model("openai", "gpt-4o-transcribe"), file=("a.mp3", spoken))
    assert heard.text == f"{len(spoken)} bytes of a.mp3"


@pytest.mark.parametrize("upstream", [] if DIRECT else upstreams("openai"))
@pytest.mark.parametrize("stream", [False, True])
def test_older_completions(upstream, stream):
    answer = client.completions.create(model=MODELS[upstream], prompt=PLAIN, max_tokens=512, stream=stream)
    pieces = answer if stream else [answer]
    text = "".join(choice.text for piece in pieces for choice in piece.choices)
    assert text == says(upstream, "plain", stream)["text"]


@pytest.mark.parametrize("upstream", [] if DIRECT else upstreams("openai"))
def test_azures_client(upstream):
    answer = azure.chat.completions.create(model=MODELS[upstream], messages=[{"role": "user", "content": PLAIN}])
    assert answer.choices[0].message.content == says(upstream, "plain")["text"]
