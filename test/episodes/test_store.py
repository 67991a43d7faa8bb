"""Recordings: what ROS tools read, what a crash leaves, what a full disk does."""

from __future__ import annotations

import errno
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import yaml
from mcap.reader import make_reader
from mcap_ros2.decoder import DecoderFactory
from recorded_streams import NANO, Streams, image_cdr, picture, twist_cdr
from rosbags.highlevel import AnyReader

from rig_ros.episodes import schema
from rig_ros.episodes.append_file import AppendFile
from rig_ros.episodes.reading import episode_file, find_episodes, read_messages
from rig_ros.episodes.recovery import recover
from rig_ros.episodes.store import EpisodeWriter
from rig_ros.errors import DataError, HardwareError


@pytest.mark.parametrize('as_folder', [True, False])
def test_rosbags_any_reader_opens_a_recording(tmp_path: Path, as_folder: bool):
    file = Streams(namespace='/rig').build().write(tmp_path)
    with AnyReader([file.path.parent if as_folder else file.path]) as reader:
        images = [reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages()
                  if c.topic == '/rig/camera/image']
        assert reader.message_count == sum(file.counts.values())
    assert [int(m.data[0]) for m in images] == list(range(6))
    assert images[0].header.stamp.sec == 100


def test_mcap_ros2_decoder_opens_a_recording(tmp_path: Path):
    file = Streams().build().write(tmp_path)
    with file.path.open('rb') as stream:
        reader = make_reader(stream, decoder_factories=[DecoderFactory()])
        assert reader.get_header().profile == 'ros2'
        decoded = list(reader.iter_decoded_messages(topics=['/cmd_twist']))
    speeds = [m.decoded_message.twist.linear.x for m in decoded]
    np.testing.assert_allclose(speeds, [0.02, 0.04, 0.06, 0.08, 0.1])


def test_metadata_is_what_rosbag2_writes(tmp_path: Path):
    file = Streams().build().write(tmp_path)
    facts = yaml.safe_load((file.path.parent / 'metadata.yaml').read_text())
    facts = facts['rosbag2_bagfile_information']
    assert facts['relative_file_paths'] == ['e1.mcap']
    assert facts['message_count'] == sum(file.counts.values())
    assert facts['custom_data'] == {'episode_id': 'e1', 'task': 'reach_xy', 'outcome': 'end'}
    topics = {t['topic_metadata']['name']: t['topic_metadata']
              for t in facts['topics_with_message_count']}
    assert topics['/estop']['offered_qos_profiles'][0]['durability'] == 'transient_local'
    assert topics['/cmd_twist']['offered_qos_profiles'][0]['durability'] == 'volatile'
    assert topics['/cmd_twist']['type_description_hash'] == schema.definition(
        'geometry_msgs/msg/TwistStamped').type_hash


def test_finished_file_tells_its_hash_and_counts(tmp_path: Path):
    file = Streams(steps=7).build().write(tmp_path)
    assert file.sha256 == hashlib.sha256(file.path.read_bytes()).hexdigest()
    assert file.size == file.path.stat().st_size
    assert (file.images, file.commands) == (8, 7)
    assert sorted(p.name for p in file.path.parent.iterdir()) == ['e1.mcap', 'metadata.yaml']


def test_bytes_come_back_as_they_went_in(tmp_path: Path):
    streams = Streams().build()
    file = streams.write(tmp_path)
    assert [(m.topic, m.cdr) for m in read_messages(file.path)] == streams.messages


def test_every_step_is_on_disk_before_the_next(tmp_path: Path):
    """A killed process loses at most the step in flight: nothing waits in this process."""
    writer = EpisodeWriter(tmp_path, 'e1')
    for step in range(3):
        writer.write('/camera/image', image_cdr(step * NANO, picture(step)), step)
        before = writer.partial.stat().st_size
        writer.write('/cmd_twist', twist_cdr(step * NANO, (0.1, 0, 0)), step)
        assert writer.partial.stat().st_size > before


def test_raises_error_if_the_episode_exists(tmp_path: Path):
    Streams().build().write(tmp_path)
    with pytest.raises(DataError, match='never overwritten'):
        EpisodeWriter(tmp_path, 'e1')


@pytest.mark.parametrize('episode_id', ['', '../up', '.hidden', 'a/b', 'a b'])
def test_raises_error_if_the_id_is_no_folder_name(tmp_path: Path, episode_id: str):
    with pytest.raises(DataError, match='episode_id'):
        EpisodeWriter(tmp_path, episode_id)


def test_raises_error_if_the_topic_is_foreign(tmp_path: Path):
    with pytest.raises(DataError, match='/other/topic'):
        EpisodeWriter(tmp_path, 'e1').write('/other/topic', b'', 0)


def test_an_error_inside_the_context_leaves_a_part_file(tmp_path: Path):
    def break_off() -> None:
        with EpisodeWriter(tmp_path, 'e1') as writer:
            writer.write('/cmd_twist', twist_cdr(0, (0, 0, 0)), 0)
            raise KeyError('x')
    with pytest.raises(KeyError):
        break_off()
    assert [p.name for p in (tmp_path / 'e1').iterdir()] == ['e1.mcap.part']


class _FullDisk:
    """Lets a number of bytes through, then behaves as a full disk: writes a part, then fails."""

    def __init__(self, room: int) -> None:
        self.room = room

    def write(self, file: AppendFile, view: memoryview) -> int:
        if self.room <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done = os.write(file._descriptor, view[:self.room])
        self.room -= done
        return done


def test_a_full_disk_keeps_all_whole_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    disk = _FullDisk(40_000)
    monkeypatch.setattr(AppendFile, '_write_some', lambda f, view: disk.write(f, view))
    rng = np.random.default_rng(0)
    writer = EpisodeWriter(tmp_path, 'e1')
    written = 0
    with pytest.raises(HardwareError, match=r'No space left.*rig_ros recover'):  # noqa: PT012
        while True:
            noise = rng.integers(0, 256, (84, 84, 3), dtype=np.uint8)
            writer.write('/camera/image', image_cdr(written * NANO, noise), written)
            writer.write('/cmd_twist', twist_cdr(written * NANO, (0.1, 0, 0)), written)
            written += 1
    assert written == 1
    with pytest.raises(HardwareError, match='nothing more'):
        writer.flush()
    writer.close()
    assert writer.partial.stat().st_size == writer.size
    disk.room = 1 << 30
    (report,) = recover(tmp_path)
    assert report.file is not None
    assert report.file.commands == written


@pytest.mark.parametrize('room', range(2000, 9000, 700))
def test_a_disk_full_at_finish_leaves_a_recoverable_part(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, room: int):
    streams = Streams(steps=3).build()
    reference = streams.write(tmp_path / 'whole')
    writer = streams.record(tmp_path / 'run')
    disk = _FullDisk(min(room, reference.size - writer.size - 1))
    monkeypatch.setattr(AppendFile, '_write_some', lambda f, view: disk.write(f, view))
    with pytest.raises(HardwareError):
        writer.finish()
    disk.room = 1 << 30
    with pytest.raises(DataError, match='rig_ros recover'):
        episode_file(writer.partial.parent)
    (report,) = recover(tmp_path / 'run')
    assert [(m.topic, m.cdr) for m in read_messages(report.target)] == streams.messages


def test_discard_leaves_nothing(tmp_path: Path):
    EpisodeWriter(tmp_path, 'e1').discard()
    assert list(tmp_path.iterdir()) == []


def test_find_episodes_lists_finished_ones_only(tmp_path: Path):
    first = Streams().build().write(tmp_path / 'run', 'e1')
    second = Streams().build().write(tmp_path / 'run', 'e2')
    Streams().build().record(tmp_path / 'run', 'e3').close()
    assert find_episodes(tmp_path) == [first.path, second.path]
    with pytest.raises(DataError, match='does not exist'):
        find_episodes(tmp_path / 'none')
