"""A catalog of recordings in one SQLite file: an index to search, never a place where data lives.

`catalog.sqlite` can be deleted, damaged or out of date at any time: `refresh` makes it agree with
the recordings again, reading only those that are new or changed.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from rig_ros.episodes.inspection import inspect_episode
from rig_ros.episodes.reading import find_episodes
from rig_ros.errors import DataError, HardwareError, RigError
from rig_ros.settings import require

FILE_NAME = 'catalog.sqlite'
_TYPES = {'str': 'TEXT', 'int': 'INTEGER', 'float': 'REAL'}


@dataclass(frozen=True)
class Entry:
    """One recording; paths relative to the catalog's folder, times in ns or s as named."""

    path: str
    episode_id: str
    mode: str
    task: str
    outcome: str
    reason: str
    bundle_id: str
    start_ns: int
    """Stamp of the first picture, 0 where there is none."""
    duration_s: float
    steps: int
    segments: int
    has_goal: int
    dropped: int
    bytes: int
    changed_ns: int
    """Of the file, as the disk tells: with `bytes` it decides what is read again."""
    error: str = ''
    """Why the recording cannot be read; then the rest is empty."""


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did."""

    entries: int
    read: int
    removed: int
    unreadable: int


_COLUMNS = [f.name for f in fields(Entry)]
_MARKS = ', '.join('?' * len(_COLUMNS))


def _entry(root: Path, file: Path) -> Entry:
    status = file.stat()
    relative = str(file.relative_to(root))
    try:
        e = inspect_episode(file)
    except RigError as error:
        return Entry(relative, file.parent.name, '', '', '', '', '', 0, 0.0, 0, 0, 0, 0,
                     status.st_size, status.st_mtime_ns, str(error))
    return Entry(relative, e.episode_id, e.mode, e.task, e.outcome, e.reason, e.bundle_id,
                 e.start_ns, e.duration_s, e.steps, e.segments, int(e.has_goal),
                 sum(e.dropped.values()), status.st_size, status.st_mtime_ns)


class Catalog:
    """The catalog of one folder."""

    def __init__(self, root: Path) -> None:
        """Remember the folder.

        Raises:
            DataError: no such folder.
        """
        if not root.is_dir():
            raise DataError(f'{root}: does not exist; give a recordings folder')
        self.root = root
        self.path = root / FILE_NAME

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            with contextlib.closing(sqlite3.connect(self.path)) as connection, connection:
                yield connection
        except sqlite3.OperationalError as error:
            raise HardwareError(f'{self.path}: cannot be used ({error}); check the folder and '
                                'the disk') from error

    def _make(self) -> None:
        """Make the table; a file that is no such catalog is replaced."""
        columns = ', '.join(f'{f.name} {_TYPES[str(f.type)]}' for f in fields(Entry))
        try:
            with self._open() as connection:
                connection.execute(
                    f'CREATE TABLE IF NOT EXISTS episodes ({columns}, PRIMARY KEY (path))')
                held = [row[1] for row in connection.execute('PRAGMA table_info(episodes)')]
                if held == _COLUMNS:
                    return
        except sqlite3.DatabaseError:
            pass
        self.path.unlink()
        self._make()

    def refresh(self) -> Refreshed:
        """Read what is new or changed, forget what is gone.

        Raises:
            HardwareError: the disk does not take the file.
        """
        self._make()
        files = {str(f.relative_to(self.root)): f for f in find_episodes(self.root)}
        with self._open() as connection:
            held = {path: (size, changed) for path, size, changed in connection.execute(
                'SELECT path, bytes, changed_ns FROM episodes')}
            gone = held.keys() - files.keys()
            connection.executemany('DELETE FROM episodes WHERE path = ?', [(p,) for p in gone])
            read = 0
            for relative, file in files.items():
                status = file.stat()
                if held.get(relative) != (status.st_size, status.st_mtime_ns):
                    read += 1
                    connection.execute(
                        f'INSERT OR REPLACE INTO episodes VALUES ({_MARKS})',
                        list(asdict(_entry(self.root, file)).values()))
            (unreadable,) = connection.execute(
                "SELECT COUNT(*) FROM episodes WHERE error != ''").fetchone()
        return Refreshed(len(files), read, len(gone), unreadable)

    def find(self, min_steps: int = 0, **equal: str) -> list[Entry]:
        """Return readable recordings in order of time.

        Args:
            min_steps: with at least so many transitions.
            equal: wanted values by column, for example mode='reach'; '' for any.

        Raises:
            ConfigError: no such column.
        """
        for column in equal:
            require(column in _COLUMNS, 'column', column, f'one of {_COLUMNS}')
        wanted = {column: value for column, value in equal.items() if value}
        where = ' AND '.join(["error = ''", 'steps >= ?', *[f'{c} = ?' for c in wanted]])
        with self._open() as connection:
            rows = connection.execute(
                f'SELECT * FROM episodes WHERE {where} ORDER BY start_ns, path',
                [min_steps, *wanted.values()]).fetchall()
        return [Entry(*row) for row in rows]
