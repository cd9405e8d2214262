"""A Jetstream over a real firehose: what the servers of `servers.py` tell in CBOR, in Jetstream's JSON."""

import threading
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from atproto import CAR, FirehoseSubscribeReposClient, models, parse_subscribe_repos_message
from atproto_subscription import MessageFrame

from tests.fakes.jetstream_server import JetstreamServer

Commit = models.ComAtprotoSyncSubscribeRepos.Commit
Identity = models.ComAtprotoSyncSubscribeRepos.Identity
Account = models.ComAtprotoSyncSubscribeRepos.Account


class JetstreamBridge(JetstreamServer):
    """Everything since the server of accounts (`pds`) began, told on the wire of `version`."""

    def __init__(self, pds: str, version: int = 2) -> None:
        super().__init__(version)
        self.step_us = 1  # the firehose says when its events were
        address = pds.replace("http", "ws", 1) + "/xrpc"
        self._firehose = FirehoseSubscribeReposClient({"cursor": 0}, base_uri=address)
        self._reader = threading.Thread(target=self._firehose.start, args=[self._heard], daemon=True)

    def __enter__(self) -> Self:
        super().__enter__()
        self._reader.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._firehose.stop()
        self._reader.join(5)
        super().__exit__(kind, error, trace)

    def _heard(self, frame: MessageFrame) -> None:
        message = parse_subscribe_repos_message(frame)
        if isinstance(message, Commit | Identity | Account):
            at = datetime.fromisoformat(message.time)
            self.next_us = max(self.next_us, int(at.timestamp() * 1_000_000))
        if isinstance(message, Commit):
            self._commit_heard(message)
        elif isinstance(message, Identity):
            self.tell("identity", message.did, None, _said(handle=message.handle, did=message.did, seq=message.seq))
        elif isinstance(message, Account):
            body = _said(active=message.active, status=message.status, did=message.did, seq=message.seq)
            self.tell("account", message.did, None, body)

    def _commit_heard(self, commit: Any) -> None:
        blocks = CAR.from_bytes(commit.blocks).blocks if commit.blocks else {}
        for op in commit.ops:
            collection, _, rkey = op.path.partition("/")
            body = {"rev": commit.rev, "operation": op.action, "collection": collection, "rkey": rkey}
            if op.cid is not None:
                body |= {"record": blocks[op.cid], "cid": str(op.cid)}
            self.tell("commit", commit.repo, collection, body)


def _said(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
