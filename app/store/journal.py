"""Which journal a database may use: WAL needs shared memory, which a network file system does not have."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import psutil

NETWORK = frozenset(
    {"nfs", "nfs4", "cifs", "smb", "smb2", "smb3", "smbfs", "afpfs", "webdav", "davfs", "9p", "fuse.sshfs", "fuse.davfs",
     "fuse.rclone", "fuse.gvfsd-fuse", "fuse.s3fs", "ceph", "fuse.ceph", "glusterfs", "fuse.glusterfs", "lustre", "afs",
     "ncpfs", "vboxsf", "prl_fs", "vmhgfs", "fuse.vmhgfs-fuse"}
)  # fmt: skip
_WAL_IN_HEADER = 2  # byte 18 of the file, https://www.sqlite.org/fileformat.html section 1.3


def journal_mode(folder: Path) -> str:
    """ "wal", or "delete" where `folder` lies on a network file system."""
    best, network, folder = "", False, folder.resolve()
    for part in psutil.disk_partitions(all=True):
        mount = Path(part.mountpoint)
        if len(part.mountpoint) >= len(best) and folder.is_relative_to(mount):
            best, network = part.mountpoint, part.fstype.lower() in NETWORK or "remote" in part.opts.split(",")
    return "delete" if network else "wal"


def uses_wal(database: Path) -> bool:
    """As the file's own header says; no connection is made, which could fail without shared memory."""
    with database.open("rb") as file:
        return file.read(19)[18:] == bytes([_WAL_IN_HEADER])


def set_journal(connection: sqlite3.Connection, mode: str) -> str:
    """Ask for `mode`; the answer is the one in use. WAL that cannot be had becomes "delete"."""
    if mode == "wal":
        try:
            got = str(connection.execute("PRAGMA journal_mode=WAL").fetchone()[0])
        except sqlite3.OperationalError:
            got = "delete"
        if got == "wal":
            return got
    connection.execute("PRAGMA locking_mode=EXCLUSIVE")  # leaving WAL this way needs no shared memory
    got = str(connection.execute("PRAGMA journal_mode=DELETE").fetchone()[0])
    connection.execute("PRAGMA locking_mode=NORMAL")
    return got
