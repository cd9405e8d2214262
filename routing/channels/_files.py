"""Files that are there whole or not at all, for channels that hand over into a folder."""

import errno
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from domain.errors import Misconfigured, Transient
from routing.channels.base import Handed

_PASSING = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE, errno.ENOENT})


@dataclass(frozen=True, slots=True)
class Draft:
    """A file that has everything but its name."""

    written: Path
    target: Path
    setting: str

    def hand_over(self) -> Handed:
        """Give the file its name."""
        with named_errors(self.target.parent, self.setting):
            self.written.replace(self.target)
            _sync_folder(self.target.parent)
        return Handed(self.target.name)


@contextmanager
def draft(target: Path, content: bytes, setting: str) -> Iterator[Draft]:
    """Write everything but the name; what was not handed over is gone at the end. `setting` names the folder."""
    with named_errors(target.parent, setting):
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        _remove_drafts(target)
        written = _write(target, content)
    try:
        yield Draft(written, target, setting)
    finally:
        written.unlink(missing_ok=True)


def check_folder(folder: Path, setting: str) -> None:
    """Write and remove a file. Raises Misconfigured, Transient."""
    with named_errors(folder, setting):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / "check", b"").unlink()


@contextmanager
def named_errors(folder: Path, setting: str) -> Iterator[None]:
    """An error of the file system as one of ours, naming the setting."""
    try:
        yield
    except OSError as error:
        words = f"{setting}: {folder}: {error.strerror}"
        if error.errno in _PASSING:
            raise Transient(words) from error
        raise Misconfigured(words) from error


def _write(target: Path, content: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return Path(name)


def _remove_drafts(target: Path) -> None:
    """What a process that died half-way left of this same message."""
    for draft in target.parent.glob(f".{target.name}.*.tmp"):
        draft.unlink(missing_ok=True)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
