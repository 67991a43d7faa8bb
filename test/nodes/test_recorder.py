"""The recorder as a real process: records raw bytes, survives kill and full disk, ends cleanly."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip('rclpy')

from geometry_msgs.msg import TwistStamped
from rclpy.serialization import deserialize_message, serialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from rig_ros.control import task as tasks
from rig_ros.episodes import messages
from rig_ros.episodes.assembler import assemble
from rig_ros.episodes.reading import find_episodes, read_messages
from rig_ros.episodes.recovery import recover
from rig_ros.ros import topics
from rig_ros.ros.client import GraphClient
from rig_ros.ros.conversions import (
    array_to_image,
    message_to_values,
    to_stamp,
    values_to_message,
    velocity_to_twist,
)

pytestmark = [pytest.mark.ros, pytest.mark.timeout(120)]

FIRST_NS = 100 * 10**9
PERIOD_NS = 10**8


class Recorder:
    """A recorder process and the graph around it, played by the test."""

    def __init__(self, folder: Path, namespace: str = '') -> None:
        self.folder = folder
        self.namespace = namespace
        self.graph = GraphClient('test_graph', namespace)
        self.segments: list[dict[str, str]] = []
        self.problems: list[str] = []
        self.step = 0
        self.spawned = 0
        self.graph.subscribe(topics.RECORDER_SEGMENT,
                             lambda m: self.segments.append(message_to_values(m)))
        self.graph.subscribe(topics.DIAGNOSTICS, self._diagnosed)
        for topic in (topics.CAMERA_IMAGE, topics.COMMAND, topics.EPISODE_EVENTS,
                      topics.JOINT_STATES, topics.ESTOP):
            self.graph.publisher(topic)
        self.process = self._spawn()

    def _diagnosed(self, message: Any) -> None:
        self.problems += [s.message for s in message.status
                          if s.name.startswith('recorder') and s.level == b'\x02']

    def _spawn(self) -> subprocess.Popen[bytes]:
        remap = ['-r', f'__ns:=/{self.namespace}'] if self.namespace else []
        process = subprocess.Popen([
            sys.executable, '-m', 'rig_ros.nodes.recorder', '--ros-args', *remap,
            '-p', f'directory:="{self.folder}"', '-p', 'min_free_mib:=1'])
        publishers = [self.graph.publisher(t) for t in (
            topics.CAMERA_IMAGE, topics.COMMAND, topics.EPISODE_EVENTS)]
        self.spawned += 1  # a killed one still counts: its lease runs for 20 s
        self.graph.spin_until(
            lambda: all(p.get_subscription_count() >= self.spawned for p in publishers),
            30.0, 'subscriptions of the recorder')
        # The recorder finds the publishers too, at a time nobody outside can see: without this
        # wait, the first command was once not recorded.
        self.graph.spin_for(1.0)
        return process

    def restart(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process = self._spawn()

    def event(self, kind: str, episode_id: str) -> None:
        self.graph.publisher(topics.EPISODE_EVENTS).publish(values_to_message(
            'episode', {'kind': kind, 'episode_id': episode_id, 'mode': 'practise',
                        'task': 'reach_xy', 'steps': 0}, to_stamp(self.now_ns)))

    @property
    def now_ns(self) -> int:
        return FIRST_NS + self.step * PERIOD_NS

    def picture(self, noise: bool = False) -> None:
        pixels = np.full((84, 84, 3), self.step % 256, np.uint8)
        if noise:
            pixels = np.random.default_rng(self.step).integers(0, 256, pixels.shape, np.uint8)
        self.graph.publisher(topics.CAMERA_IMAGE).publish(
            array_to_image(pixels, to_stamp(self.now_ns)))

    def steps(self, count: int, noise: bool = False) -> None:
        for _ in range(count):
            self.picture(noise)
            self.graph.publisher(topics.COMMAND).publish(
                velocity_to_twist(np.array([0.1, 0.0, 0.0]), to_stamp(self.now_ns)))
            self.step += 1
            self.graph.spin_for(0.01)

    def begin(self, episode_id: str) -> None:
        """Start an episode and send its first picture until it arrives."""
        self.event('reset', episode_id)
        self.event('start', episode_id)
        for _ in range(100):
            if self.part_size(episode_id) > 2500:
                return
            self.picture()
            self.graph.spin_for(0.1)
        raise AssertionError(f'{episode_id} is not recorded')

    def finish(self, episode_id: str) -> None:
        self.picture()
        self.graph.spin_for(0.05)
        self.event('end', episode_id)
        self.step += 1

    def wait_segments(self, count: int) -> None:
        self.graph.spin_until(lambda: len(self.segments) >= count, 15.0, f'segment {count}')

    def part_size(self, episode_id: str) -> int:
        path = self.folder / episode_id / f'{episode_id}.mcap.part'
        return path.stat().st_size if path.is_file() else 0

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.graph.close()


@pytest.fixture
def recorder(tmp_path: Path) -> Iterator[Recorder]:
    made = Recorder(tmp_path / 'run' / 'episodes', namespace='rig')
    yield made
    made.close()


def test_episode_is_recorded_as_sent_and_sigterm_ends_cleanly(recorder: Recorder):
    recorder.graph.publisher(topics.ESTOP).publish(Bool(data=False))
    joints = JointState(name=[f'right_j{i}' for i in range(7)], position=[0.5] * 7)
    recorder.begin('e1')
    recorder.graph.publisher(topics.JOINT_STATES).publish(joints)
    recorder.steps(10)
    recorder.finish('e1')
    recorder.wait_segments(1)
    (segment,) = recorder.segments
    episode = assemble(Path(segment['path']), tasks.load('reach'))
    assert set(episode.dropped) <= {'second picture of a stamp'}
    assert (episode.steps, episode.outcome) == (10, 'end')
    with AnyReader([Path(segment['path']).parent]) as reader:
        for connection, _, raw in reader.messages():
            reader.deserialize(raw, connection.msgtype)
        names = {c.topic for c in reader.connections}
    assert {'/rig/camera/image', '/rig/joint_states', '/rig/estop'} <= names
    recorder.begin('e2')
    recorder.steps(5)
    recorder.graph.spin_for(0.2)
    recorder.process.terminate()
    assert recorder.process.wait(15) == 0
    last = find_episodes(recorder.folder)[-1]
    assert assemble(last, tasks.load('reach')).steps == 4


def test_killed_in_an_episode_nothing_is_lost_and_it_goes_on(recorder: Recorder):
    recorder.begin('e1')
    recorder.steps(10)
    sent = recorder.step
    recorder.graph.spin_until(lambda: recorder.part_size('e1') > 0, 10.0, 'part file')
    size = -1
    while size != recorder.part_size('e1'):
        size = recorder.part_size('e1')
        recorder.graph.spin_for(0.3)
    recorder.restart()
    recorder.wait_segments(1)
    restored = recorder.segments[0]
    assert restored['recovered'] == 'true'
    assert int(restored['commands']) == sent
    for _ in range(120):  # its command subscription is found at a time nobody outside can see
        recorder.steps(1)
        recorder.graph.spin_for(0.1)
    last = [recorder.now_ns - (i + 1) * PERIOD_NS for i in range(10)]
    recorder.finish('e1')
    recorder.wait_segments(2)
    rest = recorder.segments[1]
    assert Path(rest['path']).name == 'e1-2.mcap'
    stamps = {messages.header_stamp_ns(m.cdr) for m in read_messages(Path(rest['path']))
              if m.topic.endswith('/cmd_twist')}
    assert stamps >= set(last)


def test_full_disk_is_an_error_and_costs_nothing_recorded(tmp_path: Path):
    disk = tmp_path / 'disk'
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=2m', 'tmpfs', disk]).returncode:
        pytest.skip('needs the right to mount a small disk')
    made = Recorder(disk / 'episodes')
    try:
        made.begin('e1')
        made.steps(20, noise=True)
        made.finish('e1')
        made.wait_segments(1)
        made.begin('e2')
        for _ in range(40):
            made.steps(5, noise=True)
            if any('No space left' in p for p in made.problems):
                break
        made.graph.spin_until(lambda: any('No space left' in p for p in made.problems), 5.0,
                              'report of the full disk')
        assert made.process.poll() is None
        first = find_episodes(disk)[0]
        assert assemble(first, tasks.load('reach')).steps == 20
        first.unlink()
        made.event('end', 'e2')
        shutil.move(disk / 'episodes' / 'e2', tmp_path / 'e2')
        made.begin('e3')
        made.steps(3)
        made.finish('e3')
        made.wait_segments(2)
        assert made.segments[-1]['episode_id'] == 'e3'
        (report,) = recover(tmp_path / 'e2')
        commands = sum(m.topic == '/cmd_twist' for m in read_messages(report.target))
        assert commands >= 30
    finally:
        made.close()
        subprocess.run(['umount', '-l', disk], check=True)


def test_message_on_disk_is_as_long_as_it_was_sent(recorder: Recorder):
    """Decoding and encoding again would add padding that other readers refuse."""
    sent = TwistStamped()
    recorder.begin('e1')
    recorder.picture()
    sent.header.stamp = to_stamp(recorder.now_ns)
    sent.header.frame_id = 'base'
    recorder.graph.publisher(topics.COMMAND).publish(sent)
    recorder.graph.spin_for(0.2)
    recorder.event('end', 'e1')
    recorder.wait_segments(1)
    path = Path(recorder.segments[0]['path'])
    (cdr,) = [m.cdr for m in read_messages(path) if m.topic == '/rig/cmd_twist']
    assert deserialize_message(cdr, TwistStamped) == sent
    assert len(cdr) == len(serialize_message(sent))
