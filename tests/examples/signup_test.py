"""examples/signup: a sign-up becomes an event, the event a mail, and its link is good.

Runs in a network of its own, so that neither the machine's network nor its settings are touched.
"""

import ctypes
import os
import subprocess
import unittest

from e2e.virga import Virga, main, request, skip
from example import Example, need

CLONE_NEWNET = 0x40000000


def enter_own_network():
    """From here on this process and what it starts have a network without a way to the machine's."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        skip(f"no network namespace can be made: {os.strerror(ctypes.get_errno())}")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


class SignUp(unittest.TestCase):
    def test_the_readme(self):
        with Example("signup") as example:
            example.prepare()
            enter_own_network()
            with Virga("--egress-allow", "10.77.0.0/24") as virga:
                example.use(virga)
                try:
                    output = example.run()
                finally:
                    subprocess.run([example.folder / "mailbox", "stop"], capture_output=True, check=False)
                self.assertIn("A mail is on its way to ada@example.com.", output)
                self.assertIn("Please verify", next((example.folder / "mails").glob("*.eml")).read_text())
                self.assertIn("ada@example.com is verified.", output)
                self.assertEqual(len(list((example.folder / "mails").glob("*.eml"))), 1)
                link = (example.root / "mail.txt").read_text().split()[-1]
                self.assertEqual(request(link).status, 200)
                self.assertEqual(request(link[:-4] + "AAAA").status, 403)
                self.assertEqual(request(f"{virga.url}/fn/register/", "POST", b"email=nobody").status, 400)


if __name__ == "__main__":
    if os.geteuid() != 0:
        skip("functions have a way out only when Virga runs as root")
    need("node", "npm", "aws", "curl", "ip", "unshare", "nft")
    main()
