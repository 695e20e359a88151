#!/usr/bin/env python3
"""Fills `corpus/` from the recorded exchanges in `tests/golden`: the smallest files that between them have every shape seen.

    fuzz/seed.py            # adds what is missing; what fuzzing found stays
    cargo +nightly fuzz cmin TARGET   # minimises by coverage afterwards

A shape is the set of paths, types and short words of a JSON text. `cargo test -p dialects --test corpus` replays the corpus.
"""

import base64
import hashlib
import json
import pathlib
import struct
import zlib

HERE = pathlib.Path(__file__).resolve().parent
GOLDEN = HERE.parent / "tests/golden"
# The largest file kept, and the most bytes of one target.
LARGEST, MOST = 12 << 10, 160 << 10
REQUESTS = {
    "request_anthropic": ["anthropic.messages", "anthropic.count_tokens"],
    "request_bedrock": ["bedrock.converse"],
    "request_cohere": ["cohere.chat"],
    "request_completions": ["openai.completions"],
    "request_gemini": ["gemini.generate"],
    "request_invoke": ["bedrock.invoke"],
    "request_openai": ["openai.chat"],
    "request_responses": ["openai.responses"],
    "service_embed": ["bedrock.embed", "cohere.embed", "gemini.batch_embed", "openai.embeddings", "voyage.embeddings"],
    "service_media": ["openai.image_edits", "openai.images", "openai.moderations", "openai.speech"],
    "service_rerank": ["bedrock.rerank", "cohere.rerank", "jina.rerank", "voyage.rerank"],
}
SERVICES = REQUESTS["service_embed"] + REQUESTS["service_media"] + REQUESTS["service_rerank"] + ["openai.transcriptions"]
WAV = struct.pack("<4sI4s4sIHHIIHH4sI", b"RIFF", 44, b"WAVE", b"fmt ", 16, 1, 1, 8000, 16000, 2, 16, b"data", 8) + bytes(8)
# No recording has a form's bytes: forms as clients send them.
FORMS = [
    {"file; filename=\"a.wav": WAV, "model": b"whisper-1"},
    {"file; filename=\"a.mp3": b"\xff\xfb\x90", "model": b"gpt-4o-transcribe", "stream": b"true", "prompt": b"Ruby"},
    {"model": b"whisper-1", "file; filename=\"b.wav": WAV[:40], "response_format": b"srt", "temperature": b"0.2"},
    {"model": b"voxtral", "file_url": b"https://a/b.mp3", "language": b"de", "timestamp_granularities[]": b"word"},
    {"model": b"gpt-image-1", "image[]; filename=\"a.png": b"\x89PNG", "prompt": b"cat", "n": b"2", "size": b"1024x1024"},
    {"image; filename=\"a.png": b"\x89PNG", "mask; filename=\"m.png": b"\x89PNG", "quality": b"high", "n": b"0"},
    {"model": b"", "stream": b"\xff", "n": b"many"},
    {},
]
# Services of which no recording has a request, or a whole answer.
REQUEST_TEXTS = {
    "service_embed": [
        b'{"model":"models/e","content":{"parts":[{"text":"a"}]},"taskType":"RETRIEVAL_QUERY","outputDimensionality":8}',
        b'{"inputText":"a","dimensions":256,"normalize":true,"embeddingTypes":["float","binary"]}',
        b'{"inputText":"a","inputImage":"iVBORw0KGgo=","embeddingConfig":{"outputEmbeddingLength":256}}',
        b'{"taskType":"SINGLE_EMBEDDING","singleEmbeddingParams":{"embeddingPurpose":"TEXT_RETRIEVAL",'
        b'"embeddingDimension":384,"text":{"truncationMode":"END","value":"a"}}}',
        b'{"model":"m","input":[[1,2],[3]],"encoding_format":"base64","dimensions":4,"user":"u"}',
        b'{"texts":["a"],"images":["data:image/png;base64,iVBORw0KGgo="],"input_type":"image","truncate":"START"}',
    ],
    "service_rerank": [
        b'{"model":"m","query":"q","documents":["a",{"text":"b","n":1},{"c":2}],"top_n":2,"return_documents":true}',
        b'{"query":"q","documents":["a"],"api_version":2,"top_n":1,"max_tokens_per_doc":9}',
        b'{"model":"rerank-2","query":"q","documents":["a","b"],"top_k":1,"truncation":false}',
    ],
}
ANSWER_TEXTS = [
    b'{"embedding":{"values":[0.5,-1e-8]}}',
    b'{"embeddings":[{"embeddingType":"TEXT","embedding":[0.1]}]}',
    b'{"data":[{"index":0,"embedding":"AAAAPw=="}],"usage":{"prompt_tokens":1,"total_tokens":1}}',
    b"1\n00:00:00,000 --> 00:01:04,600\nHi.\n",
    b"WEBVTT\n\n00:00.000 --> 00:04.600\nHi.\n",
]


def form(fields):
    parts = (b'--XX\r\ncontent-disposition: form-data; name="%s"\r\n\r\n%s\r\n' % (name(n), data) for n, data in fields.items())
    return b"".join(parts) + b"--XX--\r\n"


def name(said):
    return said.replace("; ", '"; ').encode()


def main():
    cases = {folder.name: read(folder) for folder in sorted(GOLDEN.iterdir()) if folder.is_dir()}
    every = [case for folder in cases.values() for case in folder]
    seeds = {target: [body(c.get("request")) for w in wires for c in cases.get(w, [])] for target, wires in REQUESTS.items()}
    seeds["json"] = seeds["request_openai"] + seeds["request_bedrock"]
    seeds["answer"] = [body(case.get("response")) for case in every]
    seeds["sse"] = [(case.get("response") or {}).get("sse", "").encode() for case in every]
    seeds["eventstream"] = [frames(case.get("response") or {}) for case in every]
    seeds["service_media"] += [form(fields) for fields in FORMS]
    for target, texts in REQUEST_TEXTS.items():
        seeds[target] += texts
    of_services = [case.get("response") or {} for wire in SERVICES for case in cases.get(wire, [])]
    seeds["service_answer"] = ANSWER_TEXTS + [body(said) or said.get("sse", "").encode() for said in of_services]
    total = sum(write(target, chosen(texts)) for target, texts in seeds.items())
    print(f"{total} bytes in all")


def read(folder):
    return [json.loads(path.read_text()) for path in sorted(folder.glob("*.json"))]


def body(message):
    said = (message or {}).get("body")
    if said is None:
        return b""
    return said.encode() if isinstance(said, str) else json.dumps(said, ensure_ascii=False, separators=(",", ":")).encode()


def frames(response):
    if raw := response.get("raw_base64"):
        return base64.b64decode(raw)
    return b"".join(frame(event) for event in response.get("events") or [])


def frame(event):
    payload = event.get("payload")
    payload = payload if isinstance(payload, str) else json.dumps(payload or {}, separators=(",", ":"))
    payload, headers = payload.encode(), b""
    for name, value in event.get("headers", {}).items():
        name, value = name.encode(), str(value).encode()
        headers += bytes([len(name)]) + name + b"\x07" + struct.pack(">H", len(value)) + value
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    whole = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return whole + struct.pack(">I", zlib.crc32(whole))


def chosen(texts):
    """The smallest first, as long as they bring something new."""
    kept, seen, size = [], set(), 0
    for text in sorted({text for text in texts if 0 < len(text) <= LARGEST}, key=lambda text: (len(text), text)):
        new = features(text) - seen
        if new and size + len(text) <= MOST:
            kept.append(text)
            seen |= new
            size += len(text)
    return kept


def features(text):
    if b"{" not in text:
        return {text}
    found = set()
    for piece in pieces(text):
        walk(piece, "", found)
    return found


def pieces(text):
    """The JSON texts of a body, a stream of events or of frames."""
    if text[:1] in (b"{", b"["):
        lines = [text]
    elif b"data:" in text:
        lines = [line[5:] for line in text.splitlines() if line.startswith(b"data:")]
    else:
        lines = [b"{" + part.split(b"}")[0] + b"}" for part in text.split(b"{")[1:]]
    for line in lines:
        try:
            yield json.loads(line)
        except ValueError:
            yield line[:8].decode(errors="replace")


def walk(value, at, found):
    found.add((at, type(value).__name__))
    if isinstance(value, dict):
        for key, inner in value.items():
            free = at.endswith((".properties", ".args", ".input", ".arguments", ".json", ".$defs"))
            walk(inner, f"{at}.{'*' if free else key}", found)
    elif isinstance(value, list):
        for inner in value:
            walk(inner, at + "[]", found)
    elif isinstance(value, str) and len(value) < 24 and at.rsplit(".", 1)[-1] in WORDS:
        found.add((at, value))


WORDS = {"type", "role", "stop_reason", "finish_reason", "finishReason", "stopReason", "status", "object", "mode"}


def write(target, texts):
    folder = HERE / "corpus" / target
    folder.mkdir(parents=True, exist_ok=True)
    for text in texts:
        (folder / hashlib.sha1(text).hexdigest()[:16]).write_bytes(text)
    size = sum(path.stat().st_size for path in folder.iterdir())
    print(f"{target}: {len(list(folder.iterdir()))} files, {size} bytes")
    return size


if __name__ == "__main__":
    main()
