"""A local Prefect API for a run where none is configured.

Prefect's own ephemeral API imports the whole server into the client, costs 15 to 20 s, loses what was
not flushed at the end, and outlives a client that was killed. This one runs in a child process that
ends when its parent does, however that ends (its standard input closes), and starts while the parent
loads other things.
"""

import os
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

from domain.errors import Transient

SERVER_ENVIRONMENT = {
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_UI_ENABLED": "false",
    "PREFECT_LOGGING_SERVER_LEVEL": "ERROR",
    "PREFECT_LOGGING_LEVEL": "ERROR",
    "DO_NOT_TRACK": "1",
}


class LocalApi:
    """The child process. `scheduling` also runs the services that make scheduled runs."""

    def __init__(self, home: Path, scheduling: bool = False) -> None:
        home.mkdir(parents=True, exist_ok=True)
        mode = {} if scheduling else {"PREFECT__SERVER_EPHEMERAL": "1"}
        environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
        self._log = (home / "server.log").open("ab")
        self._child = subprocess.Popen(
            [sys.executable, "-m", "flows.server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=environment | SERVER_ENVIRONMENT | mode | {"PREFECT_HOME": str(home)},
            cwd=Path(__file__).parent.parent,
            start_new_session=True,
        )
        self._url = ""

    def wait(self, seconds: float) -> str:
        """The URL of the API, once it answers. Raises Transient if it does not within so many seconds."""
        deadline = time.monotonic() + seconds
        if not self._url:
            assert self._child.stdout is not None  # noqa: S101 - Popen was given a pipe
            port = self._child.stdout.readline().strip().decode()
            self._url = f"http://127.0.0.1:{port}/api"
        while time.monotonic() < deadline and self._child.poll() is None:
            try:
                with urllib.request.urlopen(f"{self._url}/health", timeout=5):  # noqa: S310 - our own loopback
                    return self._url
            except (urllib.error.URLError, OSError):
                time.sleep(0.05)
        self.stop()
        raise Transient(f"the local Prefect API did not start within {seconds:.0f} s (see {self._log.name})", 60)

    def stop(self) -> None:
        """End the child."""
        if self._child.stdin is not None:
            self._child.stdin.close()
        try:
            self._child.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()
        self._log.close()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def main() -> None:
    """Serve Prefect's API on a free port of the loopback, and tell the port on standard output."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    print(listening.getsockname()[1], flush=True)
    threading.Thread(target=_end_with_parent, daemon=True).start()

    import uvicorn
    from prefect.server.api.server import create_app

    config = uvicorn.Config(create_app(final=True), log_level="error", lifespan="on")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
