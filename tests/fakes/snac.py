"""snac2 on loopback: a real server of the Mastodon kind, of a few megabytes (https://codeberg.org/grunfink/snac2).

with Snac(folder, ["alice", "bob"]) as server:
    Mastodon(api_base_url=server.base_url, access_token=server.token("alice"))

The program is the one on the path, or Debian's package, which is taken apart in a folder without being
installed: it needs apt, and Debian's package index in reach. `unavailable` says why it cannot be had.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import httpx

RELEASE = "trixie"  # its snac2 2.75 runs on the C library of bookworm as well; that of later releases does not
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
_INDEX = re.compile(r"https?://[^\s\]]+/debian/?(?=\s|$)", re.MULTILINE)
_PASSWORD = re.compile(r"password is (\S+)")
_ACCESS_TOKEN = re.compile(r"[0-9a-f]{32}")


class Unavailable(Exception):
    """snac cannot be had on this machine; the message says why."""


def find_snac(folder: Path) -> Path:
    """The program: on the path, in the folder, or fetched into it. Raises `Unavailable`."""
    installed, unpacked = shutil.which("snac"), folder / "root/usr/bin/snac"
    if installed is not None:
        return Path(installed)
    if not unpacked.exists():
        _fetch(folder)
    return unpacked


def _fetch(folder: Path) -> None:
    lists, cache = folder / "apt/lists/partial", folder / "apt/cache/archives/partial"
    for made in (lists, cache):
        made.mkdir(parents=True, exist_ok=True)
    (folder / "apt/status").touch()
    (folder / "apt/sources.list").write_text(f"deb [signed-by={KEYRING}] {_debian_index()} {RELEASE} main\n")
    options = {
        "Dir::Etc::SourceList": folder / "apt/sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State": folder / "apt",
        "Dir::State::status": folder / "apt/status",
        "Dir::Cache": folder / "apt/cache",
        "APT::Sandbox::User": "root",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in options.items())]
    _run([*apt, "update"], folder)
    _run([*apt, "download", "snac2"], folder)
    [package] = folder.glob("snac2_*.deb")
    _run(["dpkg", "-x", package.name, "root"], folder)


def _debian_index() -> str:
    """Where this machine has its Debian packages from."""
    for file in (Path("/etc/apt/sources.list"), *sorted(Path("/etc/apt/sources.list.d").glob("*"))):
        found = _INDEX.search(file.read_text(errors="replace")) if file.is_file() else None
        if found is not None:
            return found[0]
    raise Unavailable("this machine has no Debian package index")


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=300)
    except (OSError, subprocess.SubprocessError) as error:
        raise Unavailable(f"{command[0]} {command[-1]}: {error}") from error


class Snac:
    """One server with some accounts, as long as the context lasts. Nothing outside of this machine reaches it."""

    def __init__(self, program: Path, folder: Path, users: list[str]) -> None:
        self._program, self._data, self._users = program, folder / "data", users
        self._log = folder / "snac.log"
        self._passwords: dict[str, str] = {}
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]

    @property
    def base_url(self) -> str:
        return f"http://localhost:{self.port}"

    def __enter__(self) -> Self:
        self._create()
        with self._log.open("wb") as log:
            environment = {**os.environ, "DEBUG": "0"}
            command = [str(self._program), "httpd", str(self._data)]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
        for _ in range(200):
            try:
                httpx.get(f"{self.base_url}/api/v1/instance", timeout=1)
            except httpx.HTTPError:
                time.sleep(0.05)
            else:
                return self
        self._process.kill()
        raise Unavailable(f"snac does not answer: {self._log.read_text(errors='replace')[-500:]}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()  # at a polite end it first sends what waits in its queues, for as long as that takes
        self._process.wait(10)

    def password(self, user: str) -> str:
        """What the server made up for an account."""
        return self._passwords[user]

    def token(self, user: str) -> str:
        """An access token for one of the accounts, by the server's own form."""
        login = {"login": user, "passwd": self._passwords[user]}
        page = httpx.post(f"{self.base_url}/oauth/x-snac-get-token", data=login)
        if not _ACCESS_TOKEN.fullmatch(page.text.strip()):
            raise Unavailable(f"snac gives no token: {page.status_code}")
        return page.text.strip()

    def _create(self) -> None:
        self._data.parent.mkdir(parents=True, exist_ok=True)
        answers = f"127.0.0.1\n{self.port}\nlocalhost:{self.port}\n\n\n"
        subprocess.run(
            [self._program, "init", self._data], input=answers.encode(), check=True, capture_output=True, timeout=30
        )
        settings = json.loads((self._data / "server.json").read_text())
        settings |= {"protocol": "http", "disable_email_notifications": True, "show_instance_timeline": True}
        settings |= {"max_public_entries": 400, "num_threads": 16}  # an open connection keeps a thread to itself
        (self._data / "server.json").write_text(json.dumps(settings))
        for user in self._users:
            made = subprocess.run(
                [self._program, "adduser", self._data, user], check=True, capture_output=True, timeout=30
            )
            found = _PASSWORD.search((made.stdout + made.stderr).decode())
            if found is None:
                raise Unavailable(f"snac made no account {user}")
            self._passwords[user] = found[1]
