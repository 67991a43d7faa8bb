"""The simulated Sawyer as a node: what `sawyer` and a camera are in a lab.

In real time the world follows the wall clock; in lockstep it advances by one control period when
the command for its last picture arrives, and publishes `/clock`. Like the robot it stops by itself
when commands stop.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import JointState

from rig_ros.control import task as tasks
from rig_ros.control.kinematics import JOINT_NAMES
from rig_ros.errors import DataError
from rig_ros.hardware.robot import rotation_to_quaternion
from rig_ros.ros import topics
from rig_ros.ros.camera_info import intrinsics_to_info
from rig_ros.ros.conversions import (
    array_to_image,
    stamp_ns,
    to_stamp,
    twist_to_velocity,
    values_to_message,
)
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run
from rig_ros.simulation.pacing import Lockstep, RealTime
from rig_ros.simulation.robot import SimulatedRobot
from rig_ros.simulation.world import SawyerWorld
from rig_ros.vision.image import Intrinsics

RAW_SIZE = (480, 640)
COMMAND_TIMEOUT_S = 0.2
IDLE_CHECK_S = 0.02
CAMERA_FRAME = 'camera_optical_frame'


@dataclass(frozen=True)
class SimParameters(CommonParameters):
    """The simulation's parameters."""

    clock: str = param('lockstep', 'Who drives time: the graph, or the wall clock.',
                       one_of=('lockstep', 'realtime'))
    control_hz: float = param(0.0, "Pictures per second [Hz]; 0 for the task's.",
                              low=0.0, high=60.0)
    servo_hz: float = param(50.0, 'Ticks of the world per second in real time [Hz].',
                            low=10.0, high=200.0)
    lockstep_idle_s: float = param(0.4, 'Wall time after which a lockstep world goes on without '
                                        'a command [s].', low=0.05, high=10.0)
    raw_camera: bool = param(False, 'Publish camera/image_raw (640x480) for the camera node, '
                                    'instead of camera/image.')
    seed: int = param(0, 'Of the world.', low=0)


class SimNode(RigNode):
    """Wires `SimulatedRobot` and its camera to the graph."""

    NAME = 'sim'
    PARAMETERS = SimParameters
    settings: SimParameters

    def configure(self) -> None:
        """Build the world and wire."""
        settings, task = self.settings, tasks.load(self.settings.task)
        hz = settings.control_hz or task.control_hz
        self._size = RAW_SIZE if settings.raw_camera else (task.image_size, task.image_size)
        self._fovy_deg = task.camera.fovy_deg
        self._world: SawyerWorld | None = SawyerWorld(task, settings.seed, self._size)
        self._world.render()  # opens the GL context now, not with the first picture
        self._robot = SimulatedRobot(self._world)
        self._period_s = 1.0 / hz
        self._lockstep = Lockstep(self._period_s, settings.lockstep_idle_s, time.time_ns())
        self._real_time = RealTime(hz, settings.servo_hz, COMMAND_TIMEOUT_S)
        self._image = self.publish_on(
            topics.CAMERA_RAW if settings.raw_camera else topics.CAMERA_IMAGE)
        self._camera_info = self.publish_on(topics.CAMERA_INFO)
        self._joints = self.publish_on(topics.JOINT_STATES)
        self._pose = self.publish_on(topics.EE_POSE)
        self._truth = self.publish_on(topics.GROUND_TRUTH)
        self._truth_owed: DiagnosticArray | None = None
        self.offer(topics.RESET, self._on_reset)
        if settings.clock == 'lockstep':
            self._time = self.publish_on(topics.CLOCK)
            self.listen(topics.COMMAND, self._on_lockstep_command)
            self.every(IDLE_CHECK_S, self._on_idle_check)
        else:
            self.listen(topics.COMMAND, self._on_command)
            self.every(self._real_time.period_s, self._on_tick)

    def activate(self) -> None:
        """Describe the camera."""
        if not self.settings.raw_camera:
            intrinsics = Intrinsics.from_fovy(self._fovy_deg, self._size[1], self._size[0])
            self._camera_info.publish(
                intrinsics_to_info(intrinsics, self.now_stamp(), CAMERA_FRAME))
        self.report(Level.OK, f'world runs in {self.settings.clock}', part='world')

    def deactivate(self) -> None:
        """Stand still."""
        self._robot.stop()

    def cleanup(self) -> None:
        """Free the GL context."""
        world: SawyerWorld | None = getattr(self, '_world', None)
        if world is not None:
            world.close()
        self._world = None

    def now_ns(self) -> int:
        """Return the clock of the stamps this node makes [ns]."""
        return self._lockstep.now_ns if self.settings.clock == 'lockstep' else super().now_ns()

    # Lockstep ----------------------------------------------------------------------------------
    def _on_lockstep_command(self, message: TwistStamped) -> None:
        if self._lockstep.is_answer(stamp_ns(message.header.stamp)):
            try:
                self._robot.send_twist(_velocity(message))
            finally:
                self._step()

    def _on_idle_check(self) -> None:
        if self._lockstep.is_idle(time.monotonic()):
            self._robot.stop()
            self._step()

    def _step(self) -> None:
        self._robot.advance(self._period_s)
        self._publish_lockstep()

    def _publish_lockstep(self) -> None:
        now_ns = self._lockstep.step(time.monotonic())
        self._time.publish(Clock(clock=to_stamp(now_ns)))
        self._publish_pose(now_ns)  # before the picture: the guard has it when the answer comes
        self._publish_picture(now_ns)
        self._truth.publish(self._truth_at(now_ns))
        self._publish_joints(now_ns)

    # Real time ---------------------------------------------------------------------------------
    def _on_command(self, message: TwistStamped) -> None:
        age_s = 1e-9 * (self.now_ns() - stamp_ns(message.header.stamp))
        if age_s > COMMAND_TIMEOUT_S:
            raise DataError(f'command age: got {1e3 * age_s:.0f} ms, allowed: '
                            f'{1e3 * COMMAND_TIMEOUT_S:.0f} ms; it was not executed')
        self._robot.send_twist(_velocity(message))

    def _on_tick(self) -> None:
        tick = self._real_time.tick(time.monotonic())
        if tick.stalled:
            self._robot.stop()
        self._robot.advance(tick.advance_s)
        self._publish_real_time(tick.picture)

    def _publish_real_time(self, picture: bool) -> None:
        if self._truth_owed is not None:
            self._truth.publish(self._truth_owed)
            self._truth_owed = None
        now_ns = time.time_ns()
        self._publish_pose(now_ns)
        self._publish_joints(now_ns)
        if picture:  # last, so that its answer is not delayed; where all was follows a tick later
            now_ns = time.time_ns()
            self._publish_picture(now_ns)
            self._truth_owed = self._truth_at(now_ns)

    # Both --------------------------------------------------------------------------------------
    def _on_reset(self) -> str:
        self._robot.reset()
        if self.settings.clock == 'lockstep':
            self._publish_lockstep()
        else:
            self._publish_real_time(picture=True)
        return 'the hand is at the reset position'

    def _publish_joints(self, now_ns: int) -> None:
        state = self._robot.state()
        joints = JointState(name=list(JOINT_NAMES), position=state.joint_positions.tolist(),
                            velocity=state.joint_velocities.tolist(),
                            effort=state.joint_efforts.tolist())
        joints.header.stamp = to_stamp(now_ns)
        self._joints.publish(joints)

    def _publish_pose(self, now_ns: int) -> None:
        state, message = self._robot.state(), PoseStamped()
        message.header.stamp = to_stamp(now_ns)
        message.header.frame_id = 'base'
        position, orientation = message.pose.position, message.pose.orientation
        position.x, position.y, position.z = state.hand_position.tolist()
        (orientation.x, orientation.y, orientation.z,
         orientation.w) = rotation_to_quaternion(state.hand_rotation)
        self._pose.publish(message)

    def _publish_picture(self, now_ns: int) -> None:
        """Publish what the camera sees."""
        assert self._world is not None
        self._image.publish(array_to_image(self._world.render(), to_stamp(now_ns), CAMERA_FRAME))

    def _truth_at(self, now_ns: int) -> DiagnosticArray:
        """Return where everything truly is in the picture of that stamp."""
        assert self._world is not None
        truth = {name: ' '.join(f'{v:.6f}' for v in place)
                 for name, place in self._world.ground_truth().items()}
        return values_to_message('sim: ground truth', truth, to_stamp(now_ns))


def _velocity(message: TwistStamped) -> np.ndarray:
    """Return a command's velocity (3,) [m/s].

    Raises:
        DataError: another frame than `base`.
    """
    if message.header.frame_id != 'base':
        raise DataError(f"command frame: got {message.header.frame_id!r}, allowed: 'base'; it was "
                        'not executed')
    return twist_to_velocity(message)


def main() -> None:
    """Run the node."""
    run(SimNode)


if __name__ == '__main__':
    main()
