"""Between a function and the emulator: refuses requests, or does them and loses the answer."""

import http.client
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

REFUSED, LOST = "refused", "lost"
HOP = {"connection", "content-length", "date", "server", "transfer-encoding"}


class Faults:
    """`meets(what, kinds)`: the next requests that `what` recognises meet these faults, one each. Use as a context manager."""

    def __init__(self, emulator_url: str):
        self.emulator, self.waiting, self.met, self.lock = urlsplit(emulator_url), [], [], threading.Lock()
        faults = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_):
                pass

            def pass_on(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                fault = faults.next(self.command, self.path, self.headers.get("x-amz-target", ""), body)
                if fault == REFUSED:
                    return self.answer(503, [], b"")
                status, headers, answer = faults.ask(self.command, self.path, dict(self.headers), body)
                if fault == LOST:
                    self.close_connection = True
                    return self.connection.close()
                self.answer(status, headers, answer)

            def answer(self, status, headers, body):
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in HOP:
                        self.send_header(name, value)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_DELETE = do_GET = do_HEAD = do_POST = do_PUT = pass_on

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def meets(self, what, kinds: list[str]):
        self.waiting += [(what, kind) for kind in kinds]

    def next(self, *request):
        with self.lock:
            for fault in self.waiting:
                if fault[0](*request):
                    self.waiting.remove(fault)
                    self.met.append(fault[1])
                    return fault[1]

    def ask(self, method, path, headers, body):
        connection = http.client.HTTPConnection(self.emulator.hostname, self.emulator.port, timeout=30)
        kept = {name: value for name, value in headers.items() if name.lower() not in HOP | {"host"}}
        connection.request(method, path, body, kept | {"Host": self.emulator.netloc})
        answer = connection.getresponse()
        found = answer.status, answer.getheaders(), answer.read()
        connection.close()
        return found

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()
