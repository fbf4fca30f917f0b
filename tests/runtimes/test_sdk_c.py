"""sdk/c/virga.h: it compiles everywhere it promises to, and a program made with it speaks frames."""

import pathlib
import shutil
import subprocess
import tempfile
import threading
import unittest

from frames import END, ERROR, READY, REPOSITORY, RESULT, Process, frame, invoke_frame, request_id_of

SDK = REPOSITORY / "sdk" / "c"
CC, CXX = shutil.which("cc") or shutil.which("clang-19"), shutil.which("c++") or shutil.which("clang++-19")
STRICT = ["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O1", f"-I{SDK}"]


@unittest.skipUnless(CC, "no C compiler")
class CSdkTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.program = cls.folder / "shapes"
        sanitize = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
        subprocess.run([CC, "-std=c99", "-g", *sanitize, *STRICT, "-o", cls.program, SDK / "example" / "shapes.c"], check=True)

    def ready(self):
        process = Process([str(self.program)]).__enter__()
        self.addCleanup(process.__exit__, None, None, None)
        self.assertEqual(process.bind("/var/task", "unused").type, READY)
        return process

    def test_refuses_to_run_without_virga(self):
        ran = subprocess.run([self.program], env={}, capture_output=True, text=True, timeout=10)
        self.assertEqual(ran.returncode, 1)
        self.assertIn("VIRGA_FRAMES_FD", ran.stderr)

    def test_refuses_broken_frames(self):
        for broken in (b"\xff" * 16, frame(2, 1, b"short"), frame(2, 1, b"\0" * 8 + b"\xff" * 16)):
            process = self.ready()
            process.send(broken)
            self.assertIsNone(process.next_frame())
            self.assertEqual(process.wait(), 1, process.printed())

    def test_an_exit_closes_the_socket_without_an_answer(self):
        process = self.ready()
        process.start("exit")
        self.assertIsNone(process.next_frame())
        self.assertEqual(process.wait(), 3)

    def test_answers(self):
        process = self.ready()
        failed = process.invoke("fail")
        self.assertEqual((failed.type, failed.json), (ERROR, {"errorType": "Order.Refused", "errorMessage": 'no "stock"\n', "stackTrace": []}))
        self.assertEqual(process.invoke("nothing").body, b"null")
        self.assertEqual(process.invoke({"echo": "ü"}).json, {"echo": "ü"})
        logged = process.invoke("log")
        self.assertEqual((logged.json, logged.logs), (1, ["first", "second"]))
        context = process.invoke("context", trace="Root=1", tenant="blue", client_context='{"a":1}').json
        self.assertEqual(context, [request_id_of(5), "arn:aws:lambda:eu-central-1:000000000000:function:hello", "Root=1", "blue", 1, 5, {"a": 1}, True])

    def test_batches_and_large_events(self):
        process = self.ready()
        events = [*range(200), "x" * 3_000_000, "end"]
        data = b"".join(invoke_frame(n, event) for n, event in enumerate(events, 1)) + frame(END)
        sender = threading.Thread(target=process.send, args=(data,))
        sender.start()
        self.assertEqual([process.next_answer().json for _ in events], events)
        sender.join()
        self.assertEqual(process.wait(), 0, process.printed())

    def test_ends_when_virga_is_gone(self):
        process = self.ready()
        process.socket.close()
        self.assertEqual(process.wait(), 0)

    def test_the_hello_example_compiles_as_c99_and_as_cpp(self):
        source = SDK / "example" / "hello.c"
        subprocess.run([CC, "-std=c99", *STRICT, "-o", self.folder / "hello", source], check=True)
        if CXX:
            subprocess.run([CXX, "-x", "c++", "-std=c++17", *STRICT, "-o", self.folder / "hello++", source], check=True)


if __name__ == "__main__":
    unittest.main()
