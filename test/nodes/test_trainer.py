"""The trainer as a real process: recordings in, verified models out, nothing left behind."""

from __future__ import annotations

import hashlib
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from recorded_streams import Streams, write_recipe

pytest.importorskip('rclpy')

from rig_ros.learning import bundle as bundles
from rig_ros.ros import topics
from rig_ros.ros.client import GraphClient
from rig_ros.ros.conversions import message_to_values, to_stamp, values_to_message

pytestmark = [pytest.mark.ros, pytest.mark.timeout(180)]


class Trainer:
    """A trainer process, and what it publishes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.recipe = write_recipe(folder / 'tiny.yaml')
        self.graph = GraphClient('test_graph')
        self.manifests: list[dict[str, str]] = []
        self.payloads: dict[str, bytes] = {}
        self.metrics: dict[str, str] = {}
        self.graph.subscribe(topics.MODEL_MANIFEST,
                             lambda m: self.manifests.append(message_to_values(m)))
        self.graph.subscribe(topics.MODEL_PAYLOAD, self._payload)
        self.graph.subscribe(topics.TRAINER_METRICS,
                             lambda m: setattr(self, 'metrics', message_to_values(m)))
        self.process = self._spawn()

    def _payload(self, message: Any) -> None:
        self.payloads[message.layout.dim[0].label] = bytes(message.data)

    def _spawn(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen([
            sys.executable, '-m', 'rig_ros.nodes.trainer', '--ros-args',
            '-p', f'directory:="{self.folder / "run"}"', '-p', f'recipe:="{self.recipe}"',
            '-p', 'publish_every_s:=0.0'])

    def restart(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.manifests.clear()
        self.metrics = {}
        self.process = self._spawn()

    def record(self, number: int) -> Path:
        streams = Streams(steps=20, first_ns=(number + 1) * 10**11).build()
        return streams.write(self.folder / 'run' / 'episodes', f'e{number}').path

    def announce(self, path: Path) -> None:
        self.graph.publisher(topics.RECORDER_SEGMENT).publish(
            values_to_message('segment', {'path': path}, to_stamp(1)))

    def wait_metrics(self, **wanted: str) -> None:
        self.graph.spin_until(
            lambda: all(self.metrics.get(k) == v for k, v in wanted.items()), 60.0,
            f'trainer metrics {wanted}')

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.graph.close()


@pytest.fixture
def trainer(tmp_path: Path) -> Iterator[Trainer]:
    made = Trainer(tmp_path)
    yield made
    made.close()


def _gone(pid: int) -> bool:
    deadline = time.monotonic() + 10.0
    while time.monotonic() < deadline:
        try:
            if Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] == 'Z':
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_models_leave_verified_and_a_killed_trainer_goes_on(trainer: Trainer):
    # Announced by a recorder on another machine before the file is here: not refused for ever.
    trainer.announce(trainer.folder / 'run' / 'episodes' / 'e0' / 'e0.mcap')
    trainer.wait_metrics(phase='wait', episodes_known='0')
    trainer.announce(trainer.record(0))
    trainer.wait_metrics(env_steps='20', models='0')
    assert trainer.manifests == []
    trainer.announce(trainer.record(1))
    trainer.graph.spin_until(lambda: trainer.manifests and trainer.payloads, 60.0, 'a model')
    manifest = trainer.manifests[-1]
    content = trainer.payloads[manifest['bundle_id']]
    assert hashlib.sha256(content).hexdigest() == manifest['bundle_id']
    assert int(manifest['size']) == len(content)
    assert bundles.loads(content, 'reach_xy').manifest.encoder_id == manifest['encoder_id']
    trainer.wait_metrics(models='1')
    child = int(trainer.metrics['child_pid'])
    trainer.restart()
    assert _gone(child)
    trainer.graph.spin_until(lambda: trainer.manifests, 60.0, 'the model of before')
    assert trainer.manifests[-1]['bundle_id'] == manifest['bundle_id']
    trainer.record(2)
    trainer.wait_metrics(env_steps='60', episodes='3', lead_steps='0')
    child = int(trainer.metrics['child_pid'])
    trainer.process.terminate()
    assert trainer.process.wait(20) == 0
    assert _gone(child)


def test_an_unknown_recipe_is_refused_with_what_there_is(tmp_path: Path):
    done = subprocess.run([
        sys.executable, '-m', 'rig_ros.nodes.trainer', '--ros-args', '-p', 'recipe:=raech',
        '-p', f'directory:="{tmp_path}"'], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "'raech'" in done.stdout + done.stderr
    assert "'reach'" in done.stdout + done.stderr
