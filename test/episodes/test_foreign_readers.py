"""Recordings and exports, opened by readers that others wrote: message for message."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from recorded_streams import Streams

from rig_ros.episodes import messages, schema
from rig_ros.episodes.export import to_lerobot
from rig_ros.episodes.reading import RawMessage, read_messages
from rig_ros.episodes.recovery import recover_file


@pytest.fixture(params=['recorded', 'recovered'])
def recording(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, list[RawMessage]]:
    """A file, and what is in it."""
    streams = Streams(steps=6).build()
    if request.param == 'recorded':
        path = streams.write(tmp_path).path
    else:
        writer = streams.record(tmp_path)
        writer.close()
        restored = recover_file(writer.partial).target
        assert restored is not None
        path = restored
    held = list(read_messages(path))
    assert [(m.topic, m.cdr) for m in held] == [(t, bytes(c)) for t, c in streams.messages]
    return path, held


def test_rosbags(recording: tuple[Path, list[RawMessage]]):
    from rosbags.highlevel import AnyReader

    path, held = recording
    if not (path.parent / 'metadata.yaml').is_file():
        pytest.fail('no metadata.yaml')
    with AnyReader([path.parent]) as reader:
        read = [(c.topic, c.msgtype, t, bytes(raw)) for c, t, raw in reader.messages()]
        stamps = [reader.deserialize(raw, c.msgtype).header.stamp.sec
                  for c, _, raw in reader.messages() if c.topic == '/camera/image']
    assert sorted(read) == sorted((m.topic, m.type, m.log_ns, m.cdr) for m in held)
    assert stamps == [100] * 7


def test_mcap_ros2_support(recording: tuple[Path, list[RawMessage]]):
    from mcap.reader import make_reader
    from mcap_ros2.decoder import DecoderFactory

    path, held = recording
    with path.open('rb') as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        read = [(s.name, c.topic, m.log_time, m.publish_time, m.data, decoded)
                for s, c, m, decoded in reader.iter_decoded_messages()]
    assert [r[:5] for r in read] == [(m.type, m.topic, m.log_ns, m.publish_ns, m.cdr)
                                     for m in held]
    for (_, topic, _, _, cdr, decoded) in read:
        if schema.local_name(topic) == schema.COMMAND:
            own = messages.decode_twist(cdr)
            assert decoded.twist.linear.x == own.velocity[0]
        elif schema.local_name(topic) == schema.IMAGE:
            assert np.array_equal(np.frombuffer(decoded.data, np.uint8),
                                  messages.decode_image(cdr)[1].reshape(-1))


@pytest.mark.extras
def test_rerun(recording: tuple[Path, list[RawMessage]]):
    chunk = pytest.importorskip('rerun.chunk')
    path, held = recording
    read: dict[str, list[bytes]] = {}
    for part in chunk.McapReader(path, decoders=['raw']).stream():
        rows = part.to_record_batch().column('McapMessage:data').to_pylist()
        read.setdefault(part.entity_path, []).extend(bytes(row[0]) for row in rows)
    expected: dict[str, list[bytes]] = {}
    for message in held:
        expected.setdefault(message.topic, []).append(message.cdr)
    assert read == expected
    tables = [part.to_record_batch() for part in chunk.McapReader(path).stream()
              if part.entity_path == '/camera/image']
    shown = [row[0] for table in tables if 'Image:buffer' in table.schema.names
             for row in table.column('Image:buffer').to_pylist()]
    assert [bytes(pixels) for pixels in shown] == [
        messages.decode_image(m.cdr)[1].tobytes() for m in held if m.topic == '/camera/image']


@pytest.mark.extras
def test_exported_dataset_in_rerun(tmp_path: Path):
    pytest.importorskip('pyarrow')
    experimental = pytest.importorskip('rerun.experimental')
    if not hasattr(experimental, 'LeRobotReader'):
        pytest.skip('this rerun reads no LeRobot datasets')
    for name in ('a', 'b'):
        Streams(steps=6).build().write(tmp_path / 'in', name)
    to_lerobot([tmp_path / 'in'], tmp_path / 'set', 'reach_xy')
    reader = experimental.LeRobotReader(tmp_path / 'set')
    assert (reader.version, reader.episodes()) == ('v3', [0, 1])
    rows: dict[str, int] = {}
    for part in reader.stream(1):
        if not part.is_static:
            rows[part.entity_path] = rows.get(part.entity_path, 0) + part.num_rows
    assert max(rows.values()) == 7, rows
    assert any('observation.image' in path for path in rows)
