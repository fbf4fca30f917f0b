"""The official runtime clients, built by build_clients.py, against a small Lambda Runtime API: proves the packages, not Virga."""

import http.server
import json
import queue
import subprocess
import threading
import time
import unittest

import build_clients

PREFIX = "/2018-06-01/runtime"
PATIENCE = 20.0  # seconds


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Hands out events and collects what is posted."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), _Handler)
        self.events, self.posts = queue.Queue(), queue.Queue()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        pass  # a client that was ended leaves its connection as it is

    @property
    def address(self):
        return f"127.0.0.1:{self.server_address[1]}"


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def answer(self, status, body, **headers):
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path != f"{PREFIX}/invocation/next":
            self.server.posts.put((self.path, b""))
            self.answer(404, b"{}")
            return
        request_id, event = self.server.events.get()
        if request_id is None:
            return
        self.answer(200, json.dumps(event).encode(), Lambda_Runtime_Aws_Request_Id=request_id,
                    Lambda_Runtime_Deadline_Ms=str(int(time.time() * 1000) + 30_000),
                    Lambda_Runtime_Invoked_Function_Arn="arn:aws:lambda:eu-central-1:000000000000:function:hello",
                    Lambda_Runtime_Trace_Id="Root=1-67891233-abcdef012345678912345678;Parent=53995c3f42cd8ad8;Sampled=0")

    def do_POST(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            body = b""
            while size := int(self.rfile.readline().split(b";")[0], 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():  # trailers
                pass
        else:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.answer(202, b'{"status":"OK"}')
        self.server.posts.put((self.path, body))


class ClientsTest(unittest.TestCase):
    def check(self, name, event, expected):
        folder, reason = build_clients.build(name)
        if folder is None:
            self.skipTest(reason)
        api = RuntimeApi()
        self.addCleanup(api.server_close)
        self.addCleanup(api.shutdown)
        environment = {
            "PATH": "/usr/local/bin:/usr/bin/:/bin:/opt/bin", "LANG": "C.UTF-8", "TZ": ":UTC", "AWS_LAMBDA_RUNTIME_API": api.address,
            "_HANDLER": "app.handler", "LAMBDA_TASK_ROOT": str(folder), "AWS_LAMBDA_FUNCTION_NAME": "hello", "AWS_REGION": "eu-central-1",
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128", "AWS_LAMBDA_LOG_GROUP_NAME": "/aws/lambda/hello",
            "AWS_LAMBDA_LOG_STREAM_NAME": "2026/01/01/[$LATEST]0", "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        }
        process = subprocess.Popen([folder / "bootstrap"], cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            for number in range(3):
                request_id = f"00000000-0000-4000-8000-{number:012d}"
                api.events.put((request_id, event))
                try:
                    path, body = api.posts.get(timeout=PATIENCE)
                except queue.Empty:
                    process.kill()
                    self.fail(f"{name} answered nothing; it printed:\n{process.communicate()[0].decode(errors='replace')}")
                self.assertEqual(path, f"{PREFIX}/invocation/{request_id}/response", body)
                self.assertEqual(json.loads(body), expected)
        finally:
            process.kill()
            process.communicate()
            api.events.put((None, None))

    def test_node(self):
        self.check("node", {}, "Hello World!")

    def test_python(self):
        self.check("python", {}, "Hello World!")

    def test_go(self):
        self.check("go", {}, "Hello λ!")

    def test_rust(self):
        self.check("rust", {"firstName": "Ada"}, {"message": "Hello, Ada!"})


if __name__ == "__main__":
    unittest.main()
