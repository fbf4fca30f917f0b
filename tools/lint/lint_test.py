#!/usr/bin/env python3
"""Each lint finds what it is for, in a small checkout made for the purpose, and nothing where nothing is wrong."""
import pathlib
import shutil
import subprocess
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
TABLE = "| 0 | `base` | x |\n| 1 | `os` | x |\n| 1 | `model` | x |\n| 2 | `io` | x |\n"
CLEAN = {
    "docs/architecture.md": TABLE,
    "src/virga/os/CMakeLists.txt": "virga_module(NAME os SOURCES a.cc DEPENDS base)\n",
    "src/virga/os/a.h": '#pragma once\n#include "virga/base/b.h"\n',
    "src/virga/base/b.h": "#pragma once\n",
    "src/virga/base/problems.h":
        "#pragma once\nenum class ErrorCode { ResourceExhausted };\n"
        "struct Problem { int number; ErrorCode code; const char* title; };\n"
        'inline constexpr Problem kFull{1, ErrorCode::ResourceExhausted, "it is full"};\n',
    "src/virga/os/full.cc": "return fail(problem::kFull, text);\n",
    "docs/errors/README.md": "| [VIRGA0001](VIRGA0001.md) | it is full |\n",
    "docs/errors/VIRGA0001.md":
        "# VIRGA0001: it is full\n**You see**\nno room [VIRGA0001]\n**It means** that.\n**Do this**\n- this\n",
}


class LintTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        shutil.copytree(HERE, self.root / "tools/lint", ignore=shutil.ignore_patterns("__pycache__"))
        subprocess.run(["git", "init", "-q", self.root], check=True)
        self.write(CLEAN)

    def write(self, files):
        for name, text in files.items():
            path = self.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def expect(self, lint, *findings):
        done = subprocess.run([self.root / "tools/lint" / lint], text=True, capture_output=True)
        self.assertEqual(done.stderr, "")
        self.assertEqual(done.stdout.splitlines(), [f"{finding} [{lint}]" for finding in findings])
        self.assertEqual(done.returncode, 1 if findings else 0)

    def test_a_clean_checkout_passes(self):
        for lint in ["layers", "internal", "size", "words", "errors", "headers"]:
            with self.subTest(lint):
                self.expect(lint)

    def test_lints_work_without_git(self):
        shutil.rmtree(self.root / ".git")
        self.write({"src/virga/os/long.cc": "\n" * 501, "build/long.cc": "\n" * 501})
        self.expect("size", "src/virga/os/long.cc:501: 501 lines; 500 are the limit")

    def test_layers_finds_an_include_of_a_higher_floor(self):
        self.write({"src/virga/base/b.h": '#pragma once\n#include "virga/os/a.h"\n'})
        self.expect("layers", "src/virga/base/b.h:2: base (floor 0) includes os (floor 1)")

    def test_layers_finds_an_include_of_the_same_floor(self):
        self.write({"src/virga/os/a.h": '#include "virga/model/m.h"\n'})
        self.expect("layers", "src/virga/os/a.h:1: os (floor 1) includes model (floor 1)")

    def test_layers_finds_an_include_that_is_not_declared(self):
        self.write({"src/virga/io/CMakeLists.txt": "virga_module(NAME io\n  SOURCES i.cc\n  DEPENDS os)\n",
                    "src/virga/io/i.cc": '#include "virga/base/b.h"\n#include "virga/os/a.h"\n'})
        self.expect("layers", "src/virga/io/i.cc:1: io includes base, which its CMakeLists.txt does not name under DEPENDS")

    def test_layers_finds_a_dependency_on_a_higher_floor(self):
        self.write({"src/virga/os/CMakeLists.txt": "virga_module(NAME os SOURCES a.cc DEPENDS base io)\n"})
        self.expect("layers", "src/virga/os/CMakeLists.txt:1: os (floor 1) depends on io (floor 2)")

    def test_layers_finds_a_module_without_a_floor(self):
        self.write({"src/virga/attic/a.h": "#pragma once\n"})
        self.expect("layers", "src/virga/attic/a.h:1: the module 'attic' has no floor in docs/architecture.md")

    def test_internal_finds_a_foreign_include(self):
        self.write({"src/virga/io/i.cc": '#include "virga/os/internal/x.h"\n#include "virga/io/internal/y.h"\n'})
        self.expect("internal", "src/virga/io/i.cc:1: this header belongs to os alone")

    def test_size_finds_a_long_file(self):
        self.write({"src/virga/os/long.cc": "\n" * 501, "src/virga/os/full.cc": "\n" * 500})
        self.expect("size", "src/virga/os/long.cc:501: 501 lines; 500 are the limit")

    def test_words_finds_what_must_not_be_kept(self):
        todo = "TO" + "DO"
        self.write({"a.md": f"{todo}: later\n{todo}(#12): later\n/ho" + "me/ann/x\n" + "<" * 7 + " HEAD\n"})
        self.expect("words", f"a.md:1: {todo} without an issue number: {todo}(#123)", "a.md:3: a path of one machine",
                    "a.md:4: left over from a merge")

    def test_words_finds_the_path_of_the_checkout(self):
        self.write({"a.md": f"see {self.root}/a\n"})
        self.expect("words", "a.md:1: a path of one machine")

    def test_headers_finds_one_that_needs_another(self):
        self.write({"src/virga/os/a.h": "#pragma once\nstd::string name();\n", "src/virga/base/b.h": "// b\n"})
        self.expect("headers", "src/virga/base/b.h:1: the first line is #pragma once",
                    "src/virga/os/a.h:1: does not compile by itself: use of undeclared identifier 'std'")

    def test_errors_finds_a_problem_without_page_line_and_use(self):
        self.write({"src/virga/base/problems.h":
                    CLEAN["src/virga/base/problems.h"]
                    + 'inline constexpr Problem kGone{2, ErrorCode::NotFound, "it is gone"};\n'})
        self.expect("errors", "src/virga/base/problems.h:5: nothing reports kGone",
                    "src/virga/base/problems.h:5: kGone has no page docs/errors/VIRGA0002.md",
                    "docs/errors/README.md:1: VIRGA0002 has no line in the table")

    def test_errors_finds_pages_and_lines_without_a_problem(self):
        self.write({"docs/errors/VIRGA0003.md": "# VIRGA0003: what\n",
                    "docs/errors/README.md": CLEAN["docs/errors/README.md"] + "| [VIRGA0003](VIRGA0003.md) | what |\n"})
        self.expect("errors", "docs/errors/VIRGA0003.md:1: src/virga/base/problems.h has no problem with this number",
                    "docs/errors/README.md:2: src/virga/base/problems.h has no problem VIRGA0003")

    def test_errors_finds_a_page_of_another_form(self):
        self.write({"docs/errors/VIRGA0001.md": "# VIRGA0001: full\n**You see** no room\n**It means** that.\n"})
        self.expect("errors", "docs/errors/VIRGA0001.md:1: the heading is not '# VIRGA0001: it is full'",
                    "docs/errors/VIRGA0001.md:1: the part **Do this** is missing",
                    "docs/errors/VIRGA0001.md:1: no example of a message that ends in [VIRGA0001]")


if __name__ == "__main__":
    unittest.main()
