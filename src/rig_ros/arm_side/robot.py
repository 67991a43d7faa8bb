"""The only module that knows rospy and the SDK: what arrives, what is published, what blocks.

Callbacks of rospy run in its threads: each stores one tuple, which is atomic. Calls of the SDK
that block (enable, gripper, cameras: up to 5 s) run in one worker thread.
"""

from __future__ import annotations

import math
import queue
import threading
import time
from typing import TYPE_CHECKING, Any

import intera_interface
import rospy
from intera_core_msgs.msg import CollisionDetectionState, EndpointState, RobotAssemblyState
from sensor_msgs.msg import JointState

from .kinematics import JOINT_NAMES
from .picture import to_plain
from .sight import Sight

if TYPE_CHECKING:
    from collections.abc import Callable

    from .picture import PictureWriter

LIMB = '/robot/limb/right/'
TIMEOUT_S = 0.2
"""The robot's own: without a joint command for this long it holds [s]."""
MASTER_PERIOD_S = 0.15


class RobotError(RuntimeError):
    """Raised when the robot cannot be used; says what to do."""


class Robot:
    """One Sawyer."""

    def __init__(self, pictures: PictureWriter, wake: Callable[[], None],
                 log: Callable[[str], None]) -> None:
        """Connect; blocks until the robot answers.

        Args:
            pictures: takes the pictures of the robot's camera.
            wake: called from a thread when joint states or an outcome arrived.
            log: takes one line.

        Raises:
            RobotError: no robot description, or a limb that is only half there.
        """
        self._pictures, self._wake, self._log = pictures, wake, log
        self._joints: tuple[Any, ...] = (0.0, (0.0,) * 7, (0.0,) * 7, (0.0,) * 7)
        self._endpoint: tuple[Any, ...] = (0.0, (0.0,) * 3, (0.0, 0.0, 0.0, 1.0), (0.0,) * 3)
        self._assembly: tuple[Any, ...] = (0.0, False, False, False, False, False, 2, 2)
        self._collided = False
        self._counts = [0, 0, 0]
        self._counted = (time.monotonic(), (0, 0, 0))
        self._cameras: Any = None
        self._streaming = 'none'
        self._heard: set[str] = set()
        self.joints_arrived = False
        self.master_lost = False
        self.description = str(rospy.get_param('/robot_description', ''))
        if not self.description:
            raise RobotError('/robot_description is empty: the robot is still starting, or '
                             'ROS_MASTER_URI names another one')
        limb = intera_interface.Limb('right')
        try:
            names = tuple(limb.joint_names())
        except AttributeError:
            names = ()
        if names != JOINT_NAMES:
            raise RobotError(f'the SDK built half a limb (joints {list(names)}): '
                             '/robot_config/right_config/joint_names is missing; wait until the '
                             'robot has started and start again')
        self._limb = limb
        self._publisher = getattr(limb, '_pub_joint_cmd', None)
        self._enabler = intera_interface.RobotEnable(False)
        for name, kind, callback in (
                ('/robot/joint_states', JointState, self._on_joints),
                (LIMB + 'endpoint_state', EndpointState, self._on_endpoint),
                ('/robot/state', RobotAssemblyState, self._on_assembly),
                (LIMB + 'collision_detection_state', CollisionDetectionState, self._on_collision)):
            rospy.Subscriber(name, kind, callback, queue_size=1, tcp_nodelay=True)
        self._work: queue.Queue[Any] = queue.Queue()
        self.outcomes: queue.Queue[tuple[Any, bool, str]] = queue.Queue()
        threading.Thread(target=self._worker, daemon=True).start()
        threading.Thread(target=self._watch_master, daemon=True).start()

    # What arrives -----------------------------------------------------------------------------
    def sight(self) -> Sight:
        """Return what is known now."""
        at, q, v, effort = self._joints
        seen, position, quaternion, force = self._endpoint
        told, enabled, ready, stopped, error, homed, button, source = self._assembly
        return Sight(at, q, v, effort, seen, position, quaternion, force, told, enabled, ready,
                     stopped, error, homed, button, source, self._collided, self.connections())

    def connections(self) -> int:
        """Return how many nodes hear the joint command."""
        return 0 if self._publisher is None else int(self._publisher.get_num_connections())

    def rates(self) -> dict[str, float]:
        """Return the rates since the last call [Hz]."""
        now, counts = time.monotonic(), tuple(self._counts)
        before, last = self._counted
        self._counted = (now, counts)  # type: ignore[assignment]
        period = max(now - before, 1e-3)
        return {name: round((count - old) / period, 1)
                for name, count, old in zip(('joints', 'endpoint', 'robot'), counts, last)}

    def _on_joints(self, message: Any) -> None:
        index = {name: place for place, name in enumerate(message.name)}
        if not all(name in index for name in JOINT_NAMES):
            return  # another publisher: the gripper's or the head's joints
        places = [index[name] for name in JOINT_NAMES]
        if min(map(len, (message.position, message.velocity, message.effort))) <= max(places):
            return  # a publisher that tells angles only
        values = tuple(tuple(float(row[place]) for place in places) for row in
                       (message.position, message.velocity, message.effort))
        if all(math.isfinite(value) for row in values for value in row):
            self._joints = (time.monotonic(), *values)
            self._counts[0] += 1
            self.joints_arrived = True
            self._wake()

    def _on_endpoint(self, message: Any) -> None:
        at, turn, force = (message.pose.position, message.pose.orientation, message.wrench.force)
        values = ((at.x, at.y, at.z), (turn.x, turn.y, turn.z, turn.w),
                  (force.x, force.y, force.z))
        length = sum(part * part for part in values[1])
        if getattr(message, 'valid', True) and 0.9 < length < 1.1 and all(
                math.isfinite(value) for row in values for value in row):
            self._endpoint = (time.monotonic(), *values)
            self._counts[1] += 1

    def _on_assembly(self, message: Any) -> None:
        self._assembly = (time.monotonic(), bool(message.enabled), bool(message.ready),
                          bool(message.stopped), bool(message.error), bool(message.homed),
                          int(message.estop_button), int(message.estop_source))
        self._counts[2] += 1
        if message.stopped:
            self._wake()

    def _on_collision(self, message: Any) -> None:
        self._collided = bool(message.collision_state)
        if self._collided:
            self._wake()

    def _on_picture(self, message: Any) -> None:
        try:
            encoding, pixels = to_plain(message.height, message.width, message.encoding,
                                        message.step, bytes(message.data))
            self._pictures.write(time.monotonic(), message.height, message.width, encoding, pixels)
        except ValueError as error:
            self._log(str(error))

    # What is commanded ------------------------------------------------------------------------
    def begin_motion(self) -> None:
        """Set the robot's own time-out."""
        self._limb.set_command_timeout(TIMEOUT_S)

    def send(self, speeds: Any) -> None:
        """Publish joint speeds, shape (7,) [rad/s]."""
        self._limb.set_joint_velocities(dict(zip(JOINT_NAMES, speeds.tolist())))

    def do(self, ticket: Any, name: str, arguments: dict[str, Any]) -> None:
        """Do something that may block; its outcome comes with the ticket."""
        self._work.put((ticket, name, arguments))

    def _worker(self) -> None:
        while True:
            ticket, name, arguments = self._work.get()
            try:
                message = getattr(self, '_' + name)(**arguments) or 'done'
                ok = True
            except Exception as error:  # the SDK raises OSError, IOError, TimeoutError and others
                ok, message = False, f'{name}: {error}'
            self.outcomes.put((ticket, ok, message))
            self._wake()

    def _enable(self) -> None:
        if self._assembly[3]:  # the SDK would reset by itself
            raise RobotError('the robot is stopped; reset it first')
        self._enabler.enable()

    def _disable(self) -> None:
        self._enabler.disable()

    def _reset(self) -> None:
        self._enabler.reset()

    def _stop(self) -> str:
        self._enabler.stop()
        return 'the robot is stopped; reset and enable come next'

    def _gripper_open(self) -> None:
        self._grip('open')

    def _gripper_close(self) -> None:
        self._grip('close')

    def _grip(self, name: str) -> None:
        gripper = intera_interface.get_current_gripper_interface()
        if not hasattr(gripper, name):  # a ClickSmart plate
            gripper.set_ee_signal_value('grip', name == 'close')
        elif getattr(gripper, name)() is False:
            raise RobotError(f'the gripper did not {name}; is one attached and calibrated?')

    def _camera(self, camera: str) -> str:
        """Stream one camera; the robot streams one at a time."""
        if self._cameras is None:
            self._cameras = intera_interface.Cameras()
        if self._streaming != 'none':
            self._cameras.stop_streaming(self._streaming)
        self._streaming = camera
        if camera == 'none':
            return 'no camera streams'
        names = list(self._cameras.list_cameras())
        if camera not in names or self._cameras.start_streaming(camera) is False:
            self._streaming = 'none'
            raise RobotError(f'{camera} does not stream; this robot has {names}')
        if camera not in self._heard:
            self._heard.add(camera)  # the SDK would subscribe once more each time
            self._cameras.set_callback(camera, self._on_picture, queue_size=1, rectify_image=True)
        return f'{camera} streams'

    def _watch_master(self) -> None:
        """Notice a master that is gone or was restarted: rospy never recovers from that."""
        first, failures = None, 0
        while not self.master_lost:
            try:
                code, _, process = rospy.get_master().getPid()
                first = process if first is None else first
                failures = 0 if code == 1 else failures + 1
                self.master_lost = process != first
            except Exception:  # whatever xmlrpc raises: no answer
                failures += 1
            self.master_lost = self.master_lost or failures >= 2
            if not self.master_lost:
                time.sleep(MASTER_PERIOD_S)
        self._wake()
