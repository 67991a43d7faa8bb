"""Bad input at a running graph: a clear error each time, and the hand does not move.

One graph of real processes (reach mode, real time) serves all cases; it must still reach a good
goal at the end.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip('rclpy')
pytest.importorskip('mujoco')

from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import TwistStamped
from sensor_msgs.msg import Image
from std_msgs.msg import MultiArrayDimension, UInt8MultiArray

from rig_ros.bringup import graph as graphs
from rig_ros.bringup.supervisor import Supervisor
from rig_ros.cli.local_graph import released_bundle
from rig_ros.control import task as tasks
from rig_ros.errors import HardwareError, RigError
from rig_ros.learning import bundle as bundles
from rig_ros.ros import topics
from rig_ros.ros.client import GraphClient
from rig_ros.ros.conversions import (
    array_to_image,
    latent_to_cloud,
    to_stamp,
    values_to_message,
    velocity_to_twist,
)
from rig_ros.ros.witness import Witness
from rig_ros.simulation.environment import SawyerEnv

pytestmark = [pytest.mark.ros, pytest.mark.render, pytest.mark.slow]

STILL_M = 0.002
WATCHED_S = 1.0


class Bench:
    """The running graph, a client, and what was reported on `/diagnostics`."""

    def __init__(self, client: GraphClient) -> None:
        self.client = client
        self.witness = Witness(client)
        self.problems: list[str] = []
        client.subscribe(topics.DIAGNOSTICS, self._on_diagnostics)

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        self.problems += [f'{status.name}: {status.message}' for status in message.status
                          if status.level > status.OK]

    def assert_refused(self, words: str) -> None:
        """Wait for a problem with these words; meanwhile and after it the hand rests."""
        self.client.spin_until(lambda: any(words in text for text in self.problems), 5.0,
                               f'a diagnostic with {words!r}; came: {set(self.problems)}')
        self.assert_still()

    def assert_still(self) -> None:
        self.client.spin_for(WATCHED_S)
        _, positions = self.witness.path
        assert len(positions) > 10, 'ee_pose does not arrive'
        assert np.ptp(positions, axis=0).max() < STILL_M

    def begin(self) -> None:
        """Forget what earlier cases left; diagnostics repeat at 1 Hz."""
        self.client.spin_for(1.2)
        self.problems.clear()
        self.witness.forget()


@pytest.fixture(scope='module')
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    run = tmp_path_factory.mktemp('graph')
    chosen = graphs.deployment('sim', {'task': 'reach_xy', 'clock': 'realtime', 'run': str(run),
                                       'bundle': str(released_bundle('reach_xy'))})
    with Supervisor(chosen, run / 'log'), GraphClient() as client:
        bench = Bench(client)
        bench.witness.wait_ready(90.0)
        yield bench


@pytest.fixture
def bench(running: Bench) -> Bench:
    running.begin()
    return running


@pytest.fixture(scope='module')
def good_goal() -> np.ndarray:
    env = SawyerEnv(tasks.load('reach_xy'))
    try:
        return env.picture_goal((0.70, 0.15, 0.055)).image_hwc_u8
    finally:
        env.close()


def _noise(size: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (size, size, 3), dtype=np.uint8)


def _picture(encoding: str) -> Image:
    message = array_to_image(_noise(84), to_stamp(time.time_ns()))
    message.encoding = encoding
    return message


@pytest.mark.parametrize(('image', 'words'), [
    (_noise(100), '100x100'), (np.zeros((84, 84, 3), np.uint8), 'one colour')])
def test_goal_of_wrong_size_or_all_black_is_refused(bench: Bench, image: np.ndarray,
                                                    words: str) -> None:
    with pytest.raises(RigError, match=words):
        bench.client.send_goal(image)
    bench.assert_still()


@pytest.mark.parametrize('encoding', ['bayer_rggb8', '32FC1'])
def test_goal_of_another_encoding_is_refused_by_name(bench: Bench, encoding: str) -> None:
    bench.client.publisher(topics.GOAL_IMAGE).publish(_picture(encoding))
    bench.assert_refused(encoding)


def test_goal_with_missing_bytes_is_refused(bench: Bench) -> None:
    message = _picture('rgb8')
    message.data = message.data[:1000]
    bench.client.publisher(topics.GOAL_IMAGE).publish(message)
    bench.assert_refused('truncated')


def test_two_goals_at_once_cancel_each_other(bench: Bench, good_goal: np.ndarray) -> None:
    publisher = bench.client.publisher(topics.GOAL_IMAGE)
    for image in (good_goal, np.ascontiguousarray(good_goal[:, ::-1])):
        publisher.publish(array_to_image(image, to_stamp(time.time_ns())))
    bench.assert_refused('two goals at once')


@pytest.mark.parametrize(('value', 'encoder_id', 'words'), [
    (float('nan'), '', 'NaN'), (0.0, 'of-another-encoder', 'of-another-encoder')])
def test_goal_latents_that_are_nan_or_foreign_move_nothing(
        bench: Bench, value: float, encoder_id: str, words: str) -> None:
    encoder_id = encoder_id or bench.witness.models['encoder']['active_encoder']
    mean = np.full(8, value, np.float32)
    bench.client.publisher(topics.GOAL_LATENT).publish(
        latent_to_cloud(mean, np.zeros(8, np.float32), encoder_id, to_stamp(time.time_ns())))
    bench.assert_refused(words)


@pytest.mark.parametrize(('velocity', 'frame', 'age_s', 'words'), [
    ((float('nan'), 0.0, 0.0), 'base', 0.0, 'finite'), ((0.1, 0.0, 0.0), 'world', 0.0, 'frame'),
    ((0.1, 0.0, 0.0), 'base', 1.0, 'age')])
def test_commands_past_the_policy_are_not_forwarded(
        bench: Bench, velocity: tuple[float, float, float], frame: str, age_s: float,
        words: str) -> None:
    publisher = bench.client.publisher(topics.POLICY_COMMAND)
    bench.client.spin_until(lambda: publisher.get_subscription_count() > 1, 5.0, 'guard')
    for _ in range(5):
        stamp = to_stamp(time.time_ns() - int(1e9 * age_s))
        message: TwistStamped = velocity_to_twist(np.array(velocity), stamp, frame)
        publisher.publish(message)
        bench.client.spin_for(0.05)
    bench.assert_refused(words)


def test_a_good_command_outside_an_episode_moves_nothing(bench: Bench) -> None:
    publisher = bench.client.publisher(topics.POLICY_COMMAND)
    for _ in range(10):
        publisher.publish(velocity_to_twist(np.array((0.1, 0.0, 0.0)), to_stamp(time.time_ns())))
        bench.client.spin_for(0.05)
    bench.assert_still()


def _announce(bench: Bench, content: bytes, bundle_id: str, task: str = 'reach_xy') -> None:
    payload = UInt8MultiArray(data=list(content))
    payload.layout.dim = [MultiArrayDimension(label=bundle_id, size=len(content), stride=1)]
    bench.client.publisher(topics.MODEL_PAYLOAD).publish(payload)
    bench.client.publisher(topics.MODEL_MANIFEST).publish(values_to_message('model', {
        'bundle_id': bundle_id, 'encoder_id': 'x', 'task': task, 'size': len(content), 'step': 0,
        'format_version': 1}, to_stamp(time.time_ns())))


def test_a_truncated_model_is_refused_and_the_old_one_stays(bench: Bench) -> None:
    import hashlib
    before = bench.witness.models['policy']['active']
    content = released_bundle('reach_xy').read_bytes()[:5000]
    _announce(bench, content, hashlib.sha256(content).hexdigest())
    bench.client.spin_until(lambda: bench.witness.models['policy']['refused'], 10.0, 'a refusal')
    assert bench.witness.models['policy']['active'] == before
    bench.assert_still()


def test_a_truncated_goal_file_never_leaves_the_command_line(tmp_path: Path) -> None:
    import cv2

    from rig_ros.vision.image import read_picture
    path = tmp_path / 'goal.png'
    cv2.imwrite(str(path), _noise(200))
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(RigError, match=r'goal\.png'):
        read_picture(path)


def _moves_for(bench: Bench, good_goal: np.ndarray) -> bool:
    """Send a goal; tell whether the hand moves, or a stalled machine aborted its episode."""
    bench.client.events.clear()
    goal_id, start = str(bench.client.send_goal(good_goal)), bench.witness.truth['hand'].copy()

    def gone() -> bool:
        return any(event['kind'] == 'abort' and event.get('goal_id') == goal_id
                   and event.get('reason', '').endswith('is gone')
                   for event in bench.client.events)

    def moved() -> bool:
        return bool(np.linalg.norm(bench.witness.truth['hand'] - start) > 0.05)

    bench.client.spin_until(lambda: moved() or gone(), 20.0, 'motion')
    return moved()


def test_after_all_this_a_good_goal_is_reached(bench: Bench, good_goal: np.ndarray) -> None:
    """A process that got no time for 150 ms counts as gone, so a few tries are allowed."""
    with contextlib.suppress(HardwareError):
        bench.client.wait_event('none', timeout_s=0.5)  # the past, which is latched
    assert any(_moves_for(bench, good_goal) for _ in range(4))


def test_bundle_of_another_task_is_refused_with_both_names() -> None:
    with pytest.raises(RigError, match='reach_xyz'):
        bundles.load(released_bundle('reach_xy'), 'reach_xyz')
