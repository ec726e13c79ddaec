"""What kind of file system a folder is on: those of other machines tell nothing of what others do there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
_OCTAL = re.compile(r"\\(\d{3})")
#: Types of the Linux kernel that other machines, or the host of a virtual one, write to without our kernel's knowledge.
_REMOTE = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "smbfs",
        "ncpfs",
        "afs",
        "ceph",
        "glusterfs",
        "lustre",
        "gpfs",
        "beegfs",
        "orangefs",
        "coda",
        "gfs2",
        "ocfs2",
    }
    | {"9p", "virtiofs", "vboxsf", "vmhgfs", "prl_fs", "drvfs", "davfs", "fakeowner"}
)


def is_remote(folder: Path) -> bool:
    """Whether events can't be relied on in a folder, because it is on a network share or in a file system of a program's."""
    if sys.platform == "win32":
        return str(folder.resolve()).startswith("\\\\")
    try:
        mounts = _MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return False  # no Linux: --poll has to be said
    kind = kind_of(folder.resolve(), mounts)
    return kind in _REMOTE or kind.startswith("fuse.")  # sshfs, rclone and the like; a disk is fuseblk


def kind_of(folder: Path, mounts: str) -> str:
    """The type of the file system at an absolute path, by the table of mounts (proc(5), mountinfo); empty if not told."""
    found, longest = "", -1
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) < 5 or not after:
            continue
        point = Path(_OCTAL.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        if folder.is_relative_to(point) and len(point.parts) >= longest:  # of two at one place, the later covers the earlier
            found, longest = after.split(" ")[0], len(point.parts)
    return found
