#!/usr/bin/env python3
"""The Debian package holds what it should, owned by root, with scripts and a unit that their interpreters accept."""
import os
import pathlib
import shutil
import subprocess
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = os.environ["VIRGA"]


def run(*command):
    return subprocess.run(command, check=True, text=True, capture_output=True).stdout


class DebTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.package = run(SOURCE / "packaging/build-deb", PROGRAM, cls.folder.name).strip()
        cls.listing = {}
        for line in run("dpkg-deb", "-c", cls.package).splitlines():
            mode, owner, *_, path = line.split(maxsplit=5)
            cls.listing[path.removeprefix(".")] = (mode, owner)
        cls.root = pathlib.Path(cls.folder.name, "root")
        run("dpkg-deb", "-x", cls.package, cls.root)
        cls.control = pathlib.Path(cls.folder.name, "control")
        run("dpkg-deb", "-e", cls.package, cls.control)

    def test_holds_the_program_the_runtimes_and_the_unit(self):
        self.assertEqual(self.listing["/usr/bin/virga"][0], "-rwxr-xr-x")
        for path in ["/usr/share/virga/runtimes/node/runtime.json", "/usr/share/virga/runtimes/python/runtime.json",
                     "/lib/systemd/system/virga.service", "/etc/default/virga", "/usr/share/doc/virga/copyright",
                     "/usr/share/doc/virga/examples/hello/virga.json"]:
            self.assertEqual(self.listing.get(path, ("missing",))[0], "-rw-r--r--", path)

    def test_holds_the_same_runtimes_as_the_checkout(self):
        wanted = {f"/usr/share/virga/{path.relative_to(SOURCE)}" for path in (SOURCE / "runtimes").rglob("*")
                  if path.is_file() and "__pycache__" not in path.parts and "_test." not in path.name}
        self.assertLessEqual(wanted, self.listing.keys())

    def test_gives_everything_to_root_and_nothing_to_others(self):
        for path, (mode, owner) in self.listing.items():
            self.assertEqual(owner, "root/root", path)
            self.assertNotIn("s", mode, path)
            self.assertTrue(mode.startswith("l") or mode[8] != "w", path)

    def test_leaves_out_what_is_only_for_developers(self):
        for path in self.listing:
            for unwanted in ["__pycache__", "node_modules", "_test."]:
                self.assertNotIn(unwanted, path)

    def test_names_the_libraries_it_needs(self):
        depends = run("dpkg-deb", "-f", self.package, "Depends").strip()
        for package in ["adduser", "libc6", "libstdc++6"]:
            self.assertIn(package, depends.split(", "))

    def test_has_a_program_that_runs(self):
        self.assertIn(run("dpkg-deb", "-f", self.package, "Version").strip(),
                      run(self.root / "usr/bin/virga", "--version"))

    def test_has_scripts_that_a_shell_accepts(self):
        for script in ["postinst", "prerm", "postrm"]:
            run("sh", "-n", self.control / script)
        self.assertEqual((self.control / "conffiles").read_text(), "/etc/default/virga\n")

    @unittest.skipUnless(shutil.which("systemd-analyze"), "systemd-analyze is not installed")
    def test_has_a_unit_that_systemd_accepts(self):
        unit = self.root / "lib/systemd/system/virga.service"
        here = pathlib.Path(self.folder.name, "virga.service")
        here.write_text(unit.read_text().replace("/usr/bin/virga", f"{self.root}/usr/bin/virga"))
        done = subprocess.run(["systemd-analyze", "verify", "--man=no", here], text=True, capture_output=True)
        complaints = [line for line in done.stderr.splitlines() if "virga" in line]
        self.assertEqual(complaints, [])

    def test_is_the_same_when_built_again(self):
        again = tempfile.TemporaryDirectory()
        self.addCleanup(again.cleanup)
        other = run(SOURCE / "packaging/build-deb", PROGRAM, again.name).strip()
        self.assertEqual(pathlib.Path(self.package).read_bytes(), pathlib.Path(other).read_bytes())


if __name__ == "__main__":
    unittest.main()
