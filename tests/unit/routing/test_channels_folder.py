"""The folder: whole files or none, the same file for the same message, readable by nobody else."""

import errno
import os
from dataclasses import replace
from pathlib import Path

import pytest

from domain.errors import Misconfigured, Permanent, Transient
from domain.message import OutgoingMessage
from routing.channels.folder import FolderChannel, FolderOptions

MESSAGE = OutgoingMessage(
    id="m-1",
    brand_id="acme",
    case_id="1",
    channel="sms",
    address="+33612345678",
    language="fr",
    subject="",
    body="Acmé : bonjour.\r\nDossier V-1\u202e",
    sender_name="Acmé",
    headers=(("Date", "Mon, 16 Nov 2026 09:30:00 +0000"),),
)


@pytest.fixture
def folder(tmp_path: Path) -> FolderChannel:
    return FolderChannel(FolderOptions(tmp_path / "out"))


def hand_over(folder: FolderChannel, message: OutgoingMessage = MESSAGE) -> str:
    with folder.stage(message) as staged:
        return staged.hand_over().provider_id


def test_a_text_message_is_a_note_with_a_small_head(folder: FolderChannel, tmp_path: Path):
    assert hand_over(folder) == "sms-m-1.txt"
    assert (tmp_path / "out" / "sms-m-1.txt").read_text(encoding="utf-8") == (
        "Channel: sms\nFrom: Acmé\nTo: +33612345678\nLanguage: fr\nDate: Mon, 16 Nov 2026 09:30:00 +0000\n"
        "\nAcmé : bonjour.\nDossier V-1\n"
    )


def test_only_the_owner_reads_it(folder: FolderChannel, tmp_path: Path):
    hand_over(folder)
    assert (tmp_path / "out").stat().st_mode & 0o077 == 0
    assert (tmp_path / "out" / "sms-m-1.txt").stat().st_mode & 0o077 == 0


def test_a_draft_that_a_dead_process_left_is_removed_with_the_next_try(folder: FolderChannel, tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".sms-m-1.txt.abc.tmp").write_text("half")
    hand_over(folder)
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["sms-m-1.txt"]


def test_a_draft_proves_nothing_and_a_missing_folder_neither(folder: FolderChannel):
    assert folder.lookup("m-1") is None
    with folder.stage(MESSAGE):
        assert folder.lookup("m-1") is False
    hand_over(folder)
    assert folder.lookup("m-1") is True
    assert folder.lookup("m-2") is False


@pytest.mark.parametrize("channel", ["", "../sms", "SMS", "a b", "sms\n"])
def test_a_channel_whose_name_is_a_path_is_refused(folder: FolderChannel, channel: str):
    with pytest.raises(Permanent):
        hand_over(folder, replace(MESSAGE, channel=channel))


@pytest.mark.parametrize(("number", "kind"), [(errno.ENOSPC, Transient), (errno.EROFS, Misconfigured)])
def test_a_full_disk_passes_and_a_read_only_one_does_not(
    folder: FolderChannel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, kind: type[Exception]
):
    def fail(descriptor: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(kind):
        hand_over(folder)
    assert list((tmp_path / "out").iterdir()) == []
