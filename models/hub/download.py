"""A model's folder: the one that is named, the hub's local cache, or a download into it.

What lies in the cache is used without asking the hub, so that a model changes when its revision is changed and not
by itself. The hub's own variables hold: HF_HOME, HF_TOKEN, HF_ENDPOINT, HF_HUB_OFFLINE.
"""

import re
from pathlib import Path

from domain.errors import Misconfigured
from models.hub.files import CONFIG_FILE, cannot_run, first, is_whole, line, runnable
from models.hub.spec import Source

TIMEOUT_SECONDS = 10.0
SMALL_FILES = ["*.json", "*.txt", "*.model", "*.jinja"]
_ON_THE_HUB = re.compile(r"[A-Za-z0-9][\w.-]{0,95}(/[A-Za-z0-9][\w.-]{0,95})?")
_COMMIT = re.compile(r"[0-9a-f]{40}")


def folder_of(source: Source) -> Path:
    """Where the files of a model lie. Raises Misconfigured, after TIMEOUT_SECONDS a request at most."""
    beside = (source.root / Path(source.name).expanduser()).absolute()
    if beside.is_dir():
        return beside.resolve()
    if not _ON_THE_HUB.fullmatch(source.name):
        raise Misconfigured(f"{beside}: no such folder")
    return _cached(source) or _downloaded(source)


def shown(source: Source, folder: Path) -> str:
    """The name that stands on readings: `NAME@REVISION`; the commit's first letters where no revision was asked."""
    commit = folder.name if _COMMIT.fullmatch(folder.name) else ""
    revision = source.revision or commit
    revision = revision[:8] if _COMMIT.fullmatch(revision) else revision
    name = source.name if _ON_THE_HUB.fullmatch(source.name) else folder.name
    return f"{name}@{revision}" if revision else name


def _cached(source: Source) -> Path | None:
    from huggingface_hub import snapshot_download
    from huggingface_hub.constants import HF_HUB_CACHE
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    try:
        found = snapshot_download(
            source.name, revision=source.revision or None, allow_patterns=[CONFIG_FILE], local_files_only=True
        )
    except LocalEntryNotFoundError:
        return None
    except HFValidationError as error:
        raise Misconfigured(f"{source.name}: no folder in {source.root.absolute()}, and no name on the hub") from error
    except OSError as error:
        raise Misconfigured(f"{HF_HUB_CACHE}: the cache of models cannot be read ({line(error)})") from error
    return Path(found) if is_whole(Path(found)) else None


def _downloaded(source: Source) -> Path:
    """The weights come last: a folder that has them has all."""
    from huggingface_hub import HfApi, snapshot_download

    revision = source.revision or None
    try:
        about = HfApi().model_info(source.name, revision=revision, timeout=TIMEOUT_SECONDS)
        names = [one.rfilename for one in about.siblings or ()]
        weights = _weights(source, names)
        for wanted in (SMALL_FILES, weights):
            folder = snapshot_download(
                source.name, revision=revision, allow_patterns=wanted, etag_timeout=TIMEOUT_SECONDS
            )
    except Misconfigured:
        raise
    except Exception as error:  # the hub's, the connection's and the disk's errors share no other base
        raise Misconfigured(_why(source, error)) from error
    return Path(folder)


def _weights(source: Source, names: list[str]) -> list[str]:
    """The patterns of the weights that will be run, with what they are continued in."""
    chosen = first(runnable(), names)
    if chosen is None:
        raise Misconfigured(cannot_run(source.name, names))
    stem = chosen.removesuffix(".index.json")
    return [stem, f"{stem}_data", f"{stem}.data", f"{Path(stem).stem}-*-of-*{Path(stem).suffix}"]


def _why(source: Source, error: Exception) -> str:
    from huggingface_hub.constants import ENDPOINT, HF_HUB_CACHE
    from huggingface_hub.errors import GatedRepoError, OfflineModeIsEnabled, RepositoryNotFoundError
    from huggingface_hub.errors import RevisionNotFoundError as NoRevision

    asked = source.name + (f" at revision {source.revision}" if source.revision else "")
    if isinstance(error, GatedRepoError):
        return f"{asked}: the hub wants its terms agreed to first, at {ENDPOINT}/{source.name}, and then HF_TOKEN"
    if isinstance(error, NoRevision):
        return f"{source.name}: the hub knows it, but no revision {source.revision!r} of it"
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"{asked}: no such folder in {source.root.absolute()}, and no such model on the hub ({ENDPOINT}) "
            "for this user; a private one needs HF_TOKEN"
        )
    reason = "HF_HUB_OFFLINE is set" if isinstance(error, OfflineModeIsEnabled) else line(error)
    revision = f" --revision {source.revision}" if source.revision else ""
    return (
        f"{asked}: no such folder in {source.root.absolute()}, not in the local cache ({HF_HUB_CACHE}), and the hub "
        f"({ENDPOINT}) gives nothing ({reason}). Where there is a network: `hf download {source.name}{revision}`; then "
        "set HF_HOME to that cache, or give a folder that holds the files"
    )
