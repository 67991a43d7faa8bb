"""Restores what a crash left behind: every whole message of an unfinished or damaged recording.

The original is only read. The restored recording is written beside it, complete or not at all:
`x.mcap.part` becomes `x.mcap`; a damaged `x.mcap` becomes `x.recovered.mcap`. `metadata.yaml` then
names the restored file.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from mcap.records import Channel, Message, Metadata, Schema

from rig_ros.episodes import audit, bag_metadata, schema
from rig_ros.episodes.reading import visible
from rig_ros.episodes.scan import scan
from rig_ros.episodes.store import PART_SUFFIX, SUFFIX, BagWriter, EpisodeFile
from rig_ros.errors import DataError

RECOVERED_SUFFIX = f'.recovered{SUFFIX}'
_NOTHING = 'nothing to restore'
_FLUSH_BYTES = 1 << 20


@dataclass(frozen=True)
class RecoveryReport:
    """What became of one recording."""

    source: Path
    outcome: str
    """intact, restored, restored before, or nothing to restore."""
    target: Path | None = None
    """The whole recording there is now."""
    file: EpisodeFile | None = None
    """Its figures, when this call made it."""
    findings: tuple[str, ...] = ()
    """The damage met."""


def _intact(path: Path) -> bool:
    findings: list[str] = []
    for _ in scan(path, findings.append):
        pass
    return not findings


def _episode_id(path: Path) -> str:
    name = path.name
    for suffix in (PART_SUFFIX, RECOVERED_SUFFIX, SUFFIX):
        if name.endswith(suffix):
            return name[:-len(suffix)]
    raise DataError(f'{path}: got a file named {name!r}, allowed: *{PART_SUFFIX} or *{SUFFIX}')


def _definition(record: Schema, channel: Channel) -> schema.Definition:
    return schema.Definition(record.name, record.data.decode(errors='replace'),
                             channel.metadata.get('topic_type_hash', ''), record.encoding)


def _copy(source: Path, writer: BagWriter, findings: list[str]) -> int:
    schemas: dict[int, Schema] = {}
    channels: dict[int, Channel] = {}
    messages = pending = 0
    for record in scan(source, findings.append):
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel):
            channels[record.id] = record
        elif isinstance(record, Metadata) and record.name == audit.RECORD:
            writer.note(record.name, dict(record.metadata))
        elif isinstance(record, Message):
            channel = channels.get(record.channel_id)
            if channel is None or channel.schema_id not in schemas:
                findings.append(f'a message of channel {record.channel_id} has no definition')
                continue
            writer.declare(channel.topic, _definition(schemas[channel.schema_id], channel))
            writer.add(channel.topic, record.data, record.log_time, record.publish_time)
            messages += 1
            pending += len(record.data)
            if pending > _FLUSH_BYTES:
                writer.flush()
                pending = 0
    return messages


def recover_file(source: Path) -> RecoveryReport:
    """Restore one recording; see the module.

    Raises:
        DataError: the file cannot be read or is not named like a recording.
        HardwareError: the disk has no room for the restored copy; nothing was changed.
    """
    episode_id = _episode_id(source)
    unfinished = source.name.endswith(PART_SUFFIX)
    if not unfinished and _intact(source):
        return RecoveryReport(source, 'intact', source)
    final = source.with_name(episode_id + (SUFFIX if unfinished else RECOVERED_SUFFIX))
    if final.exists():
        return RecoveryReport(source, 'restored before', final)
    partial = source.with_name(f'.{final.name}.tmp')
    partial.unlink(missing_ok=True)
    findings: list[str] = []
    writer = BagWriter(partial, final)
    try:
        if _copy(source, writer, findings) == 0:
            return RecoveryReport(source, _NOTHING, findings=tuple(findings))
        file = writer.finish(episode_id,
                             {'recovered': 'true', 'recovered_from': source.name})
    finally:
        writer.close()
        partial.unlink(missing_ok=True)
    return RecoveryReport(source, 'restored', final, file, tuple(findings))


def free_name(folder: Path, name: str) -> str:
    """Return the name, or the name with the first number that is free in the folder."""
    candidate, number = name, 1
    while (folder / candidate).exists():
        number += 1
        candidate = f'{name}-{number}'
    return candidate


def describe(file: Path) -> None:
    """Write `metadata.yaml` anew from a whole recording."""
    facts = bag_metadata.BagFacts(file.name, custom={'episode_id': _episode_id(file)})
    schemas: dict[int, Schema] = {}
    counts: dict[int, bag_metadata.ChannelCount] = {}
    for record in scan(file, lambda finding: None):
        if isinstance(record, Schema):
            schemas[record.id] = record
        elif isinstance(record, Channel) and record.id not in counts:
            counts[record.id] = bag_metadata.ChannelCount(
                record.topic, _definition(schemas[record.schema_id], record))
        elif isinstance(record, Metadata):
            facts.custom = {**bag_metadata.custom_of(record.metadata), **facts.custom}
        elif isinstance(record, Message):
            facts.start_ns = min(facts.start_ns or record.log_time, record.log_time)
            facts.end_ns = max(facts.end_ns, record.log_time)
            counts[record.channel_id].count += 1
    facts.channels = list(counts.values())
    bag_metadata.write(file.parent, facts)


def _readable_metadata(folder: Path) -> bool:
    try:
        return (folder / str(bag_metadata.read(folder)['relative_file_paths'][0])).is_file()
    except DataError:
        return False


def recover(path: Path) -> list[RecoveryReport]:
    """Restore a recording, or all of them below a folder; intact ones are left alone.

    Raises:
        DataError: no such path.
        HardwareError: the disk has no room for a restored copy.
    """
    if path.is_file():
        return [recover_file(path)]
    if not path.is_dir():
        raise DataError(f'{path}: does not exist; give a recordings folder, an episode or a file')
    sources = [p for p in sorted(path.rglob('*'))
               if p.is_file() and p.name.endswith((SUFFIX, PART_SUFFIX))
               and not p.name.endswith(RECOVERED_SUFFIX) and visible(p, path)]
    reports = [recover_file(source) for source in sources]
    for report in reports:
        if report.target is not None and not _readable_metadata(report.target.parent):
            describe(report.target)
    return reports


def recover_unfinished(run_folder: Path) -> list[RecoveryReport]:
    """Restore only `.part` files below a folder that no earlier call restored."""
    if not run_folder.is_dir():
        return []
    sources = [p for p in sorted(run_folder.rglob(f'*{PART_SUFFIX}')) if visible(p, run_folder)]
    return [recover_file(source) for source in sources
            if not source.with_name(_episode_id(source) + SUFFIX).exists()]
