"""An OpenAI-like upstream of three models: one slow, one that stalls in its stream, one that counts."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class SlowUpstream:
    """Answers `slow` after `seconds`, streams it in pieces, and never ends `stalling`."""

    seconds = 0.8

    def __init__(self):
        upstream = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                (self.stream if body.get("stream") else self.whole)(body["model"])

            def whole(self, model):
                time.sleep(upstream.seconds)
                answer = json.dumps(
                    {
                        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": model, "usage": USAGE,
                        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "late"}}],
                    }
                ).encode()
                self.send_response(200)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def stream(self, model):
                self.send_response(200)
                self.send_header("content-type", "text/event-stream")
                self.send_header("transfer-encoding", "chunked")
                self.end_headers()
                for number in range(8):
                    self.event({"choices": [{"index": 0, "delta": {"role": "assistant", "content": f"piece {number} "}, "finish_reason": None}]})
                    time.sleep(upstream.seconds / 8)
                if model == "stalling":
                    upstream.over.wait(30)
                    return
                self.event({"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
                self.event({"choices": [], "usage": USAGE})
                self.chunk(b"data: [DONE]\n\n")
                self.chunk(b"")

            def event(self, fields):
                whole = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"} | fields
                self.chunk(b"data: " + json.dumps(whole).encode() + b"\n\n")

            def chunk(self, data):
                try:
                    self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                except OSError:
                    self.close_connection = True

        self.over = threading.Event()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def configuration(self) -> str:
        """A `portunus.yaml` whose models `slow` and `stalling` lead here, beside `echo`."""
        address = f"127.0.0.1:{self.server.server_address[1]}"
        price = "price: { input: 1.00, output: 2.00 }"
        return f"""
providers:
  here: {{ kind: openai, api_key: none, base_url: "http://{address}/v1" }}
models:
  - {{ name: echo, targets: [{{ provider: echo, model: echo }}] }}
  - {{ name: slow, targets: [{{ provider: here, model: slow, {price} }}] }}
  - {{ name: stalling, targets: [{{ provider: here, model: stalling, {price} }}] }}
egress: {{ allow: ["{address}"] }}
"""

    def close(self):
        self.over.set()
        self.server.shutdown()
        self.server.server_close()


USAGE = {"prompt_tokens": 5, "completion_tokens": 8, "total_tokens": 13}
