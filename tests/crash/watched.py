"""Daemons that disk_watch/ watches."""

import os
from pathlib import Path

from virga import SOURCE, Virga, skip

WATCH = Path(os.environ.get("DISK_WATCH") or SOURCE / "build" / "release" / "tests" / "disk_watch.so")


def require_watch():
    if not WATCH.exists():
        skip(f"{WATCH} is not built: tools/build release disk_watch")


def watched(folder, **settings):
    """A daemon in this new folder. `settings` are disk_watch/'s: journal=..., at=..., do=..., calls=..., always=..."""
    data = Path(folder) / "data"
    data.mkdir(exist_ok=True)
    environment = {f"DISK_WATCH_{name.upper()}": str(value) for name, value in settings.items() if value is not None}
    environment.update(LD_PRELOAD=str(WATCH), DISK_WATCH_FOLDER=str(data.resolve()))
    return Virga(data=data, environment=environment)
