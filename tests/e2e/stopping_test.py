"""The end of a daemon with many instances: quick, and nothing is left."""

import os
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from virga import ROLE, Virga, descendants, main, metric, wait_until, zip_of

INSTANCES = 200
# 0.4 to 0.7 s with the machine for itself; among others, the processes take longer to die.
MOST_SECONDS = 5
SOURCE = "import time\ndef handler(event, context):\n  time.sleep(event)\n"


class Stopping(unittest.TestCase):
    def test_two_hundred_instances_end_at_once(self):
        # A sandbox with two processes each; forks would have one.
        with Virga("--no-templates") as virga:
            api = virga.client("lambda", max_pool_connections=INSTANCES, read_timeout=120)
            # A disk each for /tmp: more than half of the memory.
            api.create_function(FunctionName="many", Runtime="python3.11", Handler="app.handler", Role=ROLE, MemorySize=256,
                                Timeout=100, Code={"ZipFile": zip_of({"app.py": SOURCE})})
            with ThreadPoolExecutor(INSTANCES) as callers:
                calls = [callers.submit(api.invoke, FunctionName="many", Payload=b"15") for _ in range(INSTANCES)]
                for call in calls:
                    self.assertNotIn("FunctionError", call.result())
            count = metric(virga, "virga_instances_idle")
            self.assertGreater(count, INSTANCES / 2)
            below = descendants(virga.process.pid)
            self.assertGreater(len(below), 2 * count)
            begin = time.monotonic()
            virga.stop()
            took = time.monotonic() - begin
            print(f"{len(below)} processes ended within {took:.2f} s", flush=True)
            self.assertLess(took, MOST_SECONDS)
            wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in below), 1, "the end of every process")

    def test_a_helper_with_nothing_to_do_uses_no_time(self):
        # Sandboxes that end while others are made: what the helper watched of the one must not keep it awake.
        with Virga() as virga:
            api = virga.client("lambda", max_pool_connections=16, read_timeout=60)
            api.create_function(FunctionName="ends", Runtime="python3.11", Handler="app.handler", Role=ROLE,
                                Code={"ZipFile": zip_of({"app.py": "import os\ndef handler(event, context):\n  os._exit(1)\n"})})
            with ThreadPoolExecutor(16) as callers:
                list(callers.map(lambda _: api.invoke(FunctionName="ends"), range(150)))
            keeper, helper, *_ = descendants(virga.process.pid)

            def used():
                fields = Path(f"/proc/{helper}/stat").read_text().rsplit(")", 1)[1].split()
                return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

            wait_until(lambda: metric(virga, "virga_instances_starting") == 0, 10, "the end of the starts")
            time.sleep(1)  # blanks are made again
            before = used()
            time.sleep(1)  # the span that is measured
            self.assertLess(used() - before, 0.3)


if __name__ == "__main__":
    main()
