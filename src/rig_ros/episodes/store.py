"""Writes one episode as one crash-safe MCAP file that rosbag2 reads.

`recordings/<run>/<episode_id>/<episode_id>.mcap` with `metadata.yaml` beside it. While it grows
the file is called `.mcap.part`; every step is handed to the operating system as a whole chunk, so
a killed process loses at most the step in flight. Messages are the raw CDR bytes of subscriptions;
nothing is decoded or encoded again. Times in nanoseconds.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, cast

from mcap.writer import CompressionType, Writer

from rig_ros.episodes import bag_metadata, schema
from rig_ros.episodes.append_file import AppendFile, sync_folder
from rig_ros.episodes.bag_metadata import BagFacts, ChannelCount
from rig_ros.errors import DataError, HardwareError

SUFFIX = '.mcap'
PART_SUFFIX = '.mcap.part'
LIBRARY = 'rig_ros'


@dataclass(frozen=True)
class EpisodeFile:
    """A finished recording."""

    path: Path
    episode_id: str
    sha256: str
    size: int
    """Bytes."""
    counts: dict[str, int]
    """Messages by recorded topic name."""
    start_ns: int
    end_ns: int

    def count(self, name: str) -> int:
        """Return the messages of a topic of `schema.TOPICS`, whatever the namespace."""
        return sum(n for topic, n in self.counts.items() if schema.local_name(topic) == name)

    @property
    def images(self) -> int:
        """Camera pictures in the file."""
        return self.count(schema.IMAGE)

    @property
    def commands(self) -> int:
        """Executed commands in the file."""
        return self.count(schema.COMMAND)


class BagWriter:
    """An MCAP file in the making, under a temporary name until `finish`."""

    def __init__(self, partial: Path, final: Path) -> None:
        if final.exists():
            raise DataError(f'{final}: exists already and is never overwritten; move it away or '
                            'record under another episode id')
        self._final = final
        self._file = AppendFile(partial)
        self._writer: Any = Writer(cast(Any, self._file), compression=CompressionType.ZSTD)
        self._schemas: dict[schema.Definition, int] = {}
        self._channels: dict[str, int] = {}
        self._facts = BagFacts(final.name)
        self._counts: dict[str, ChannelCount] = {}
        self._sequence = 0
        self.failed = False
        self._writer.start(profile=schema.PROFILE, library=LIBRARY)
        self._file.flush()

    @property
    def partial(self) -> Path:
        """The temporary name."""
        return self._file.path

    @property
    def size(self) -> int:
        """Bytes handed to the operating system so far."""
        return self._file.size

    @property
    def counts(self) -> dict[str, int]:
        """Messages by topic so far."""
        return {topic: channel.count for topic, channel in self._counts.items()}

    def declare(self, topic: str, definition: schema.Definition) -> None:
        """Announce a topic; a second call changes nothing."""
        if topic in self._channels:
            return
        if definition not in self._schemas:
            self._schemas[definition] = self._writer.register_schema(
                definition.type, definition.encoding, definition.text.encode())
        self._channels[topic] = self._writer.register_channel(
            topic, schema.MESSAGE_ENCODING, self._schemas[definition],
            {'offered_qos_profiles': bag_metadata.qos_text(topic),
             'topic_type_hash': definition.type_hash})
        self._counts[topic] = ChannelCount(topic, definition)
        self._facts.channels.append(self._counts[topic])

    def add(self, topic: str, cdr: bytes, log_ns: int, publish_ns: int) -> None:
        """Collect one message for the next flush; times before 1970 count as 1970."""
        log_ns, publish_ns = max(0, log_ns), max(0, publish_ns)
        self._sequence += 1
        self._writer.add_message(self._channels[topic], log_ns, cdr, publish_ns, self._sequence)
        self._counts[topic].count += 1
        facts = self._facts
        facts.start_ns = log_ns if facts.messages == 1 else min(facts.start_ns, log_ns)
        facts.end_ns = max(facts.end_ns, log_ns)

    def flush(self) -> None:
        """Hand everything collected to the operating system as one chunk.

        Raises:
            HardwareError: the disk is full or failing; the file ends at the flush before.
        """
        if self.failed:
            raise HardwareError(f'{self.partial}: nothing more can be written after the first '
                                'failure; run `rig_ros recover` on the folder')
        try:
            self._writer.flush()
        except HardwareError:
            self.failed = True
            raise

    def note(self, name: str, values: dict[str, str]) -> None:
        """Collect a metadata record for the next flush."""
        self._writer.add_metadata(name, values)

    def finish(self, episode_id: str, custom: dict[str, str]) -> EpisodeFile:
        """Write the index, sync, give the file its final name and write `metadata.yaml`.

        Raises:
            HardwareError: the disk is full or failing; the `.part` file keeps all whole steps.
        """
        self.flush()
        self._facts.custom = {'episode_id': episode_id, **custom}
        try:
            self._writer.add_metadata(
                'rosbag2', {'serialized_metadata': bag_metadata.record_text(self._facts)})
            self._writer.finish()
            self._file.flush()
        except HardwareError:
            self.failed = True
            raise
        finally:
            self._file.close()
        self.partial.rename(self._final)
        sync_folder(self._final.parent)
        bag_metadata.write(self._final.parent, self._facts)
        return EpisodeFile(self._final, episode_id, self._file.sha256, self._file.size,
                           self.counts, self._facts.start_ns, self._facts.end_ns)

    def close(self) -> None:
        """Close without finishing; what was flushed stays under the temporary name."""
        self._file.close()


class EpisodeWriter:
    """Records one episode; use as a context manager or call `finish`."""

    def __init__(self, run_folder: Path, episode_id: str, custom: dict[str, str] | None = None,
                 ) -> None:
        """Open `run_folder/<episode_id>/<episode_id>.mcap.part`.

        Args:
            run_folder: folder of the run, made when missing.
            episode_id: letters, digits, '-', '_' and '.', not starting with '.'.
            custom: what else `metadata.yaml` should tell, for example the task.

        Raises:
            DataError: an id that is no file name, or an episode that exists already.
            HardwareError: the disk does not take it.
        """
        if not re.fullmatch(r'[A-Za-z0-9_-][A-Za-z0-9_.-]*', episode_id):
            raise DataError(f"episode_id: got {episode_id!r}, allowed: letters, digits, '-', '_' "
                            "and '.'; it names a folder")
        self.episode_id = episode_id
        self.custom = dict(custom or {})
        folder = run_folder / episode_id
        self._bag = BagWriter(folder / f'{episode_id}{PART_SUFFIX}',
                              folder / f'{episode_id}{SUFFIX}')

    @property
    def partial(self) -> Path:
        """The file's name while it grows."""
        return self._bag.partial

    @property
    def size(self) -> int:
        """Bytes safe from a crash of this process."""
        return self._bag.size

    @property
    def counts(self) -> dict[str, int]:
        """Messages by topic so far."""
        return self._bag.counts

    def count(self, name: str) -> int:
        """Return the messages of a topic of `schema.TOPICS` so far."""
        return sum(n for topic, n in self.counts.items() if schema.local_name(topic) == name)

    def write(self, topic: str, cdr: bytes, log_ns: int, publish_ns: int | None = None) -> None:
        """Record one message; a message that completes a step flushes.

        Args:
            topic: resolved name; its last parts must be in `schema.TOPICS`.
            cdr: the serialised message with its 4-byte CDR header.
            log_ns: when it was received.
            publish_ns: when it was sent, where known.

        Raises:
            DataError: a topic that recordings do not have.
            HardwareError: the disk is full or failing; everything flushed before is safe.
        """
        name = schema.local_name(topic)
        if not name:
            raise DataError(f'topic: got {topic!r}, allowed: {sorted(schema.BY_NAME)} in any '
                            'namespace')
        self._bag.declare(topic, schema.definition(schema.BY_NAME[name].type))
        self._bag.add(topic, cdr, log_ns, log_ns if publish_ns is None else publish_ns)
        if name in schema.STEP_TOPICS:
            self._bag.flush()

    def flush(self) -> None:
        """Make what was written so far safe from a crash of this process."""
        self._bag.flush()

    def note(self, name: str, values: dict[str, str]) -> None:
        """Add a metadata record; it is safe after the next flush."""
        self._bag.note(name, values)

    def finish(self, **custom: str) -> EpisodeFile:
        """Finish the file; see `BagWriter.finish`."""
        return self._bag.finish(self.episode_id, {**self.custom, **custom})

    def close(self) -> None:
        """Leave the file as `.part`, with all whole steps, for `rig_ros recover`."""
        self._bag.close()

    def discard(self) -> None:
        """Delete the unfinished file and its folder; for episodes with nothing in them."""
        self._bag.close()
        self.partial.unlink(missing_ok=True)
        folder = self.partial.parent
        if not any(folder.iterdir()):
            folder.rmdir()

    def __enter__(self) -> EpisodeWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        else:
            self.close()
