"""An append-only file whose every flush lands whole or not at all.

The stream under an MCAP writer. `write` only collects; `flush` hands everything to the operating
system, and when the disk is full it cuts the file back to the last whole flush.
"""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

from rig_ros.errors import HardwareError

MIB = 1 << 20


def free_bytes(folder: Path) -> int:
    """Return the bytes an ordinary user can still write to the disk that holds the folder."""
    status = os.statvfs(folder)
    return status.f_bavail * status.f_frsize


class AppendFile:
    """Collects writes; see the module."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            self._descriptor = os.open(path, flags, 0o644)
        except OSError as error:
            raise HardwareError(f'{path}: cannot be created ({error.strerror}); check the folder, '
                                'its owner and the disk') from error
        self._pending = bytearray()
        self._written = 0
        self._digest = hashlib.sha256()

    def write(self, content: bytes) -> int:
        """Collect bytes for the next flush."""
        self._pending += content
        return len(content)

    def tell(self) -> int:
        """Return the length of the file once everything collected is written."""
        return self._written + len(self._pending)

    def flush(self) -> None:
        """Write everything collected.

        Raises:
            HardwareError: the disk took only part of it; the file ends at the flush before.
        """
        view = memoryview(bytes(self._pending))
        self._pending.clear()
        done = 0
        try:
            while done < len(view):
                done += self._write_some(view[done:])
        except OSError as error:
            os.ftruncate(self._descriptor, self._written)
            os.lseek(self._descriptor, self._written, os.SEEK_SET)
            remedy = ('free space on this disk or record into another folder'
                      if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
                      else 'check the disk')
            raise HardwareError(
                f'{self.path}: cannot be written ({error.strerror}; {self._written} bytes are '
                f'safe, {free_bytes(self.path.parent) // MIB} MiB free); {remedy}, then '
                'run `rig_ros recover` on the folder') from error
        self._written += len(view)
        self._digest.update(view)

    def _write_some(self, view: memoryview) -> int:
        return os.write(self._descriptor, view)

    def close(self) -> None:
        """Sync what was flushed to the disk and close; what was only collected is dropped."""
        if self._descriptor >= 0:
            descriptor, self._descriptor = self._descriptor, -1
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    @property
    def size(self) -> int:
        """Bytes flushed so far."""
        return self._written

    @property
    def sha256(self) -> str:
        """Hash of the bytes flushed so far, hex."""
        return self._digest.hexdigest()


def sync_folder(folder: Path) -> None:
    """Make renames inside a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def replace_text(path: Path, text: str) -> None:
    """Write a small text file atomically.

    Raises:
        HardwareError: when the disk does not take it; an older file stays as it was.
    """
    temporary = path.with_name(f'.{path.name}.tmp')
    temporary.unlink(missing_ok=True)
    file = AppendFile(temporary)
    try:
        file.write(text.encode())
        file.flush()
        file.close()
        temporary.replace(path)
    except (OSError, HardwareError):
        file.close()
        temporary.unlink(missing_ok=True)
        raise
