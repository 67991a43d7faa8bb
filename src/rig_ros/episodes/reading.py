"""Finds recordings and reads their messages back, strictly: damage is an error, not a gap."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from mcap.records import Channel, Message, Metadata, Schema

from rig_ros.episodes import audit, bag_metadata, schema
from rig_ros.episodes.messages import header_stamp_ns
from rig_ros.episodes.scan import scan
from rig_ros.episodes.store import PART_SUFFIX, SUFFIX
from rig_ros.errors import DataError

BIN = '.bin'
"""Folder of deleted episodes, beside those that are not."""


@dataclass(frozen=True)
class RawMessage:
    """One recorded message; times in nanoseconds."""

    topic: str
    type: str
    log_ns: int
    publish_ns: int
    cdr: bytes


def episode_file(path: Path) -> Path:
    """Return the recording a path means: the file itself, or the one of an episode's folder.

    Raises:
        DataError: no such recording, or one that `rig_ros recover` must finish first.
    """
    if path.is_file():
        return path
    if not path.is_dir():
        raise DataError(f'{path}: does not exist; give an .mcap file or the folder of an episode')
    if (path / bag_metadata.FILE_NAME).is_file():
        return path / str(bag_metadata.read(path)['relative_file_paths'][0])
    finished = sorted(path.glob(f'*{SUFFIX}'))
    if len(finished) == 1:
        return finished[0]
    if list(path.glob(f'*{PART_SUFFIX}')):
        raise DataError(f'{path}: the recording was not finished; run `rig_ros recover {path}`')
    raise DataError(f'{path}: holds {len(finished)} recordings, allowed: one episode; give one of '
                    f'{[str(p) for p in finished] or "its sub-folders"}')


def visible(path: Path, root: Path) -> bool:
    """Return whether no name below the root begins with a dot, as bins and copies' do."""
    return not any(part.startswith('.') for part in path.relative_to(root).parts)


def find_episodes(root: Path) -> list[Path]:
    """Return the finished recordings below a folder (or the one file), oldest name first.

    Raises:
        DataError: when there is no such folder or file.
    """
    if root.is_file():
        return [root]
    if not root.is_dir():
        raise DataError(f'{root}: does not exist; give a recordings folder, an episode or a file')
    folders = sorted({p.parent for p in root.rglob(bag_metadata.FILE_NAME) if visible(p, root)})
    listed = [episode_file(folder) for folder in folders]
    loose = [p for p in sorted(root.rglob(f'*{SUFFIX}'))
             if p.parent not in folders and visible(p, root)]
    return listed + loose


def read_messages(path: Path) -> Iterator[RawMessage]:
    """Yield the messages of a finished recording in the order they were received.

    Args:
        path: an .mcap file or the folder of an episode.

    Raises:
        DataError: missing, truncated or damaged; the message names `rig_ros recover`.
    """
    file = episode_file(path)

    def refuse(finding: str) -> NoReturn:
        raise DataError(f'{file}: {finding}; run `rig_ros recover {file}` to get every whole '
                        'step back')

    types: dict[int, str] = {}
    channels: dict[int, Channel] = {}
    for record in scan(file, refuse):
        if isinstance(record, Schema):
            types[record.id] = record.name
        elif isinstance(record, Channel):
            channels[record.id] = record
        elif isinstance(record, Message):
            if record.channel_id not in channels:
                refuse(f'a message of channel {record.channel_id} has no definition')
            channel = channels[record.channel_id]
            yield RawMessage(channel.topic, types.get(channel.schema_id, ''), record.log_time,
                             record.publish_time, record.data)


def command_stamps(files: Iterable[Path]) -> set[int]:
    """Return the stamps [ns] of all executed commands in finished recordings.

    Raises:
        DataError: as `read_messages`.
    """
    return {header_stamp_ns(message.cdr) for file in files for message in read_messages(file)
            if schema.local_name(message.topic) == schema.COMMAND}


def read_audit(path: Path) -> audit.Audit:
    """Return what the recorder found while it made a recording; an empty audit where it did not.

    Raises:
        DataError: missing.
    """
    file = episode_file(path)
    for record in scan(file, lambda finding: None):
        if isinstance(record, Metadata) and record.name == audit.RECORD:
            try:
                return audit.from_record(record.metadata)
            except (ValueError, TypeError):
                break
    return audit.Audit()
