"""The physical Sawyer as a node: the same topics, units, services and reset as the node `sim`.

It talks to the side process that owns the arm (`hardware.sawyer`), starts it or attaches to it,
and adds what only a real arm needs: `arm/enable`, `arm/disable`, `arm/reset`, `arm/stop`,
`arm/clear_fault`, `arm/home`, and `arm/status`, which names the cause and the remedy when nothing
moves. The socket is read by a timer of the node's one thread.
"""

from __future__ import annotations

import functools
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from geometry_msgs.msg import PoseStamped, TwistStamped
from sensor_msgs.msg import JointState

from rig_ros.arm_side.protocol import State
from rig_ros.control import task as tasks
from rig_ros.control.kinematics import JOINT_NAMES
from rig_ros.errors import DataError, RigError
from rig_ros.hardware import sawyer_camera, sawyer_process
from rig_ros.hardware.robot import rotation_to_quaternion
from rig_ros.hardware.sawyer import COMMAND_TIMEOUT_S, SawyerRobot
from rig_ros.hardware.sawyer_link import robot_state
from rig_ros.hardware.sawyer_process import SideProcess
from rig_ros.nodes.fake_robot import fake_path
from rig_ros.ros import topics
from rig_ros.ros.conversions import stamp_ns, to_stamp, twist_to_velocity, values_to_message
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run
from rig_ros.ros.wiring import Answer
from rig_ros.simulation.fake_robot import launch

POLL_S = 0.005
LOOK_AFTER_S = 0.1
PERIODS_VALID = 1.5
"""A command is valid for so many control periods: long enough for a picture that is late."""
CALM_MODES = ('IDLE', 'SERVO', 'HOMING')
SHOWN = ('enabled', 'ready', 'stopped', 'error', 'homed', 'estop_button', 'estop_source',
         'collided', 'connections', 'calibration_error')
OPERATOR_SERVICES = {
    topics.ARM_ENABLE: 'enable', topics.ARM_DISABLE: 'disable', topics.ARM_RESET: 'reset',
    topics.ARM_STOP: 'stop', topics.GRIPPER_OPEN: 'gripper_open',
    topics.GRIPPER_CLOSE: 'gripper_close'}


@dataclass(frozen=True)
class SawyerParameters(CommonParameters):
    """The arm's parameters."""

    side_command: str = param('', "Starts the side process; empty: the system's Python; "
                                  "'external': somebody else does. What it runs is appended.")
    socket: str = param('arm', 'Of the side process: a path, or a name in the runtime directory '
                               'of this user.')
    robot_host: str = param('', "The robot's host name, or a ROS_MASTER_URI; empty: as the "
                                'environment says.')
    ros_ip: str = param('', "This machine's address in the robot's network; empty: as the "
                            'environment says.')
    control_hz: float = param(0.0, "Commands per second to expect [Hz]; 0 for the task's.",
                              low=0.0, high=60.0)
    max_speed: float = param(0.10, 'Largest hand speed that the side process allows [m/s].',
                             low=0.001, high=0.30)
    state_hz: float = param(50.0, 'joint_states and ee_pose per second [Hz].',
                            low=10.0, high=100.0)
    side_settings: str = param('', 'More settings of the side process: a JSON object, names as in '
                                   'arm_side/settings.py.')
    camera: str = param('', "The robot's own camera to stream; empty for none.",
                        one_of=('', *sawyer_camera.NAMES))
    fake: bool = param(False, 'Talk to a fake robot instead of a real one.')
    dry_run: bool = param(False, 'Compute and log, but send the arm nothing.')


class SawyerNode(RigNode):
    """Wires `SawyerRobot` and its side process to the graph."""

    NAME = 'sawyer'
    PARAMETERS = SawyerParameters
    settings: SawyerParameters

    def configure(self) -> None:
        """Prepare the side process, wire."""
        settings, task = self.settings, tasks.load(self.settings.task)
        path = sawyer_process.socket_path(settings.socket)
        period_s = 1.0 / (settings.control_hz or task.control_hz)
        self._robot: SawyerRobot | None = SawyerRobot.at(
            path, np.array(task.reset_hand), min(PERIODS_VALID * period_s, COMMAND_TIMEOUT_S))
        self._side = self._side_process(path, task)
        self._camera_asked = False
        self._published_s = 0.0
        self._told: tuple[str, str, str] | None = None
        self._tripped_for = ''
        self._joints = self.publish_on(topics.JOINT_STATES)
        self._pose = self.publish_on(topics.EE_POSE)
        self._status = self.publish_on(topics.ARM_STATUS, always=True)
        self.listen(topics.COMMAND, self._on_command)
        self.offer_later(topics.RESET, self._on_reset)
        self.offer_later(topics.ARM_HOME, self._on_home)
        self.offer_later(topics.ARM_CLEAR_FAULT, self._on_clear_fault)
        for service, name in OPERATOR_SERVICES.items():
            self.offer_later(service, functools.partial(self._ask, name))
        self.every(LOOK_AFTER_S, self._look_after)
        self.every(POLL_S, self._poll)

    def _side_process(self, path: Path, task: tasks.TaskConfig) -> SideProcess:
        settings = self.settings
        variables = sawyer_process.environment(settings.robot_host, settings.ros_ip)
        command, more = settings.side_command, settings.side_settings
        if settings.fake:
            variables.update(launch.environment(fake_path(settings.socket)))
            command, more = command or sys.executable, more or json.dumps(launch.SIDE_SETTINGS)
        chosen = sawyer_process.side_settings(task, settings.max_speed, settings.dry_run, more)
        return SideProcess(sawyer_process.arm_side_command(command, path, chosen), path, variables,
                           lambda text: self.report(Level.WARN, text, part='side process'))

    def deactivate(self) -> None:
        """Stand still."""
        if self._robot is not None:
            self._robot.stop()

    def cleanup(self) -> None:
        """Hold the arm, leave, and end the side process that was started here."""
        robot: SawyerRobot | None = getattr(self, '_robot', None)
        if robot is not None:
            robot.close()
            self._side.stop()
        self._robot = None

    # Commands ----------------------------------------------------------------------------------
    def _on_command(self, message: TwistStamped) -> None:
        assert self._robot is not None
        age_s = 1e-9 * (self.now_ns() - stamp_ns(message.header.stamp))
        if age_s > COMMAND_TIMEOUT_S:
            raise DataError(f'command age: got {1e3 * age_s:.0f} ms, allowed: '
                            f'{1e3 * COMMAND_TIMEOUT_S:.0f} ms; it was not executed')
        if message.header.frame_id != 'base':
            raise DataError(f"command frame: got {message.header.frame_id!r}, allowed: 'base'; it "
                            'was not executed')
        self._robot.send_twist(twist_to_velocity(message))

    def _on_reset(self, answer: Answer) -> None:
        assert self._robot is not None
        self._robot.begin_reset(self._reported(topics.RESET, answer))

    def _on_clear_fault(self, answer: Answer) -> None:
        """Clear here and there; a fault that is still true comes back at once."""
        assert self._robot is not None
        robot = self._robot

        def finish(success: bool, message: str) -> None:
            if success:
                robot.clear()
                self._tripped_for = ''
            answer(success, message or 'cleared; call episode/start to move')

        robot.request('clear_fault', self._reported(topics.ARM_CLEAR_FAULT, finish))

    def _on_home(self, answer: Answer) -> None:
        assert self._robot is not None
        self._robot.home(self._reported(topics.ARM_HOME, answer))

    def _ask(self, name: str, answer: Answer) -> None:
        assert self._robot is not None
        if name in ('disable', 'stop') or (name == 'reset' and self._robot.serving):
            self._robot.latch(f'the operator called arm/{name}')
        self._robot.request(name, self._reported(name, answer))

    def _reported(self, part: str, answer: Answer) -> Answer:
        def finish(success: bool, message: str) -> None:
            self.report(Level.OK if success else Level.ERROR, message, part=part)
            answer(success, message)
        return finish

    # State -------------------------------------------------------------------------------------
    def _poll(self) -> None:
        assert self._robot is not None
        states = self._robot.poll()
        due_s = self._published_s + 0.9 / self.settings.state_hz
        if states and states[-1].mode != 'DISCONNECTED' and states[-1].time >= due_s:
            self._published_s = states[-1].time
            self._publish(states[-1])
        self._tell()

    def _look_after(self) -> None:
        assert self._robot is not None
        try:
            self._side.look_after(self._robot.hearing)
        except RigError as error:
            self.report(Level.ERROR, str(error), part='side process')
        else:
            if not self._robot.connected:
                self._camera_asked = False
            else:
                self._ask_for_pictures()
                self.report(Level.OK, 'runs', part='side process',
                            **(self._robot.welcome.versions if self._robot.welcome else {}))

    def _ask_for_pictures(self) -> None:
        assert self._robot is not None
        if self.settings.camera and not self._camera_asked:
            self._camera_asked = True
            self._robot.request('camera', self._reported('camera', lambda _ok, _message: None),
                                {'camera': self.settings.camera})

    def _tell(self) -> None:
        """Report mode, cause and remedy when they change; trip the e-stop when motion was cut."""
        assert self._robot is not None
        robot, state = self._robot, self._robot.newest
        cause, remedy = robot.obstacle()
        mode = state.mode if state is not None else 'DISCONNECTED'
        if robot.cut and robot.cut != self._tripped_for:
            self._tripped_for = robot.cut
            self.call(topics.ESTOP_TRIP, self._on_tripped)
        if (mode, cause, remedy) == self._told:
            return
        self._told = mode, cause, remedy
        calm = mode in CALM_MODES and not robot.cut
        self.report(Level.OK if calm else Level.ERROR, f'{mode}: {cause}; {remedy}' if cause
                    else mode, part='arm')
        values: dict[str, object] = {'mode': mode, 'cause': cause, 'remedy': remedy}
        if state is not None:
            values.update((name, getattr(state, name)) for name in SHOWN)
        self._status.publish(values_to_message('sawyer: arm', values, self.now_stamp()))

    def _on_tripped(self, success: bool, message: str) -> None:
        level = Level.OK if success else Level.WARN
        self.report(level, f'motion was cut, so estop/trip was called: {message}', part='estop')

    def _publish(self, state: State) -> None:
        """Publish joints and pose with the time at which the arm said them."""
        stamp = to_stamp(self.now_ns() - int(1e9 * (time.monotonic() - state.time)))
        robot = robot_state(state)
        pose = PoseStamped()
        pose.header.stamp, pose.header.frame_id = stamp, 'base'
        position, orientation = pose.pose.position, pose.pose.orientation
        position.x, position.y, position.z = robot.hand_position.tolist()
        (orientation.x, orientation.y, orientation.z,
         orientation.w) = rotation_to_quaternion(robot.hand_rotation)
        self._pose.publish(pose)
        joints = JointState(name=list(JOINT_NAMES), position=robot.joint_positions.tolist(),
                            velocity=robot.joint_velocities.tolist(),
                            effort=robot.joint_efforts.tolist())
        joints.header.stamp = stamp
        self._joints.publish(joints)


def main() -> None:
    """Run the node."""
    run(SawyerNode)


if __name__ == '__main__':
    main()
