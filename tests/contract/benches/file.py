"""Files before the file listener."""

import json
from pathlib import Path
from typing import Any

from listeners.files import BATCH_ROWS, FileListener
from tests.contract.benches.base import Bench, Make


class FileBench(Bench):
    network = "file"
    page = BATCH_ROWS

    def __init__(self, folder: Path) -> None:
        self.listener = FileListener()
        self.path = folder / "posts.jsonl"
        self.query = str(self.path)
        self.rows: list[str] = []
        self._write()

    def add(self, *ids: str) -> None:
        self.rows += [json.dumps(self.row(id_, f"post {id_}")) for id_ in ids]
        self._write()

    def add_bad(self) -> None:
        self.rows.append('{"network": "forum", "id": ')
        self._write()

    def edit(self, id_: str, text: str) -> None:
        self._replace(id_, {**self.row(id_, text), "edited_at": "2026-11-03T10:00:00Z"})

    def delete(self, id_: str) -> None:
        self._replace(id_, {**self.row(id_, ""), "deleted": True})

    @staticmethod
    def row(id_: str, text: str) -> dict[str, Any]:
        return {"network": "forum", "id": id_, "text": text, "created_at": "2026-11-02T10:00:00+01:00", "new": [1]}

    def _replace(self, id_: str, row: dict[str, Any]) -> None:
        self.rows = [json.dumps(row) if f'"id": "{id_}"' in old else old for old in self.rows]
        self._write()

    def _write(self) -> None:
        self.path.write_text("".join(f"{row}\n" for row in self.rows), encoding="utf-8")


BENCHES: dict[str, Make] = {"file": FileBench}
