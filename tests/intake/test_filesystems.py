"""Which file systems are polled unasked."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.intake import filesystems, watch
from pipeline.intake.filesystems import is_remote, kind_of
from pipeline.intake.folder import Inbox
from pipeline.intake.hints import Hints
from pipeline.settings import Settings
from tests.scanning import serial, write_plainly

MOUNTS = """\
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt rw - tmpfs tmpfs rw
31 30 0:41 / /mnt/share rw,relatime shared:7 master:1 - cifs //server/scans rw,vers=3.0
32 22 0:42 / /home/office/My\\040Scans rw - nfs4 server:/scans rw
33 22 0:43 /x /over rw - ext4 /dev/vdb rw
34 33 0:44 / /over rw - fuse.sshfs me@server: rw
35 22 8:1 / /usb rw - fuseblk /dev/sda1 rw
"""


@pytest.mark.parametrize(
    ("folder", "kind"),
    [
        ("/home", "ext4"),
        ("/mnt", "tmpfs"),
        ("/mnt/shared", "tmpfs"),  # not below /mnt/share
        ("/mnt/share", "cifs"),
        ("/mnt/share/inbox", "cifs"),
        ("/home/office/My Scans/inbox", "nfs4"),
        ("/over/inbox", "fuse.sshfs"),  # the later mount covers the earlier
        ("/usb/inbox", "fuseblk"),
    ],
)
def test_the_nearest_mount_counts(folder: str, kind: str) -> None:
    assert kind_of(Path(folder), MOUNTS) == kind


def test_a_table_that_says_nothing() -> None:
    assert kind_of(Path("/home"), "") == ""
    assert kind_of(Path("/home"), "nonsense\n1 2 3 - \n") == ""


@pytest.mark.skipif(not Path("/proc/self/mountinfo").exists(), reason="needs Linux")
@pytest.mark.parametrize(("kind", "polls"), [("ext4", False), ("cifs", True), ("nfs", True), ("fuse.rclone", True)])
def test_a_watcher_polls_a_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str, polls: bool) -> None:
    table = tmp_path / "mountinfo"
    table.write_text(f"1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:9 / {tmp_path} rw - {kind} there rw\n")
    monkeypatch.setattr(filesystems, "_MOUNTS", table)
    (tmp_path / "inbox").mkdir()
    assert is_remote(tmp_path / "inbox") is polls
    asked = []

    def noted(inbox: Inbox, poll: bool) -> Hints:
        asked.append(poll)
        return Hints(inbox, poll)

    monkeypatch.setattr("pipeline.intake.service.Hints", noted)
    settings = Settings(inbox=tmp_path / "inbox", outbox=tmp_path / "out", settle=0.01)
    watch(settings, once=True, make_engine=serial, writer=write_plainly)
    assert asked == [polls]
