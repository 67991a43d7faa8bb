"""The robot behind the wire: MuJoCo's Sawyer with the real one's modes, time-out and ways to fail.

No sockets and no clock of its own: `advance` is given the time. What it does beyond the nominal
Sawyer is set by `Knobs`. Frame `base`, metres, radians, seconds.
"""

from __future__ import annotations

import collections
import math
from dataclasses import dataclass, replace
from typing import Any

import mujoco
import numpy as np

from rig_ros.control import kinematics
from rig_ros.control.kinematics import JOINT_NAMES, Array
from rig_ros.control.task import TaskConfig
from rig_ros.errors import ConfigError
from rig_ros.hardware.robot import rotation_to_quaternion
from rig_ros.settings import require
from rig_ros.simulation.fake_robot.description import urdf
from rig_ros.simulation.painter import PLAIN, Painter
from rig_ros.simulation.scene import build_model

LIMB = '/robot/limb/right/'
POSITION, VELOCITY = 1, 2
HOLD_GAIN = 8.0
"""Of the robot's position control [1/s]."""
MAX_TIMEOUT_S = 1.0
HEARD = 10000
CAMERA_SIZE = (168, 224)
"""Small: a picture must fit into the socket's buffer, or a late reader delays the robot."""
_ARM = slice(0, 7)


@dataclass(frozen=True)
class Knobs:
    """What goes wrong."""

    drop: tuple[str, ...] = ()
    """Topics that fall silent: joint_states, endpoint_state, tip_states, state."""
    estop: bool = False
    """The button is pressed."""
    collision: bool = False
    error: bool = False
    commands_lost: bool = False
    """Commands vanish although the connection looks well."""
    wrong_ip: bool = False
    """Commands vanish and nobody is connected: what a wrong ROS_IP does."""
    master: str = 'up'
    """up, down, or restarted."""
    half_built: bool = False
    """The parameters a limb is built from are missing."""
    gripper: bool = True
    command_lag_s: float = 0.0
    force: tuple[float, ...] = (0.0, 0.0, 0.0)
    """At the endpoint [N]."""

    def __post_init__(self) -> None:
        require(self.master in ('up', 'down', 'restarted'), 'master', self.master,
                'up, down or restarted')
        require(len(self.force) == 3, 'force', self.force, '3 numbers')


class FakeRobot:
    """Joint commands in; messages, parameters and the truth out."""

    def __init__(self, task: TaskConfig, calibration_m: float = 0.0) -> None:
        """Build the robot at the task's reset position: on, disabled.

        Args:
            task: what stands on the table, and the camera's view.
            calibration_m: how far its description differs from the nominal arm [m].
        """
        self.task = task
        self._model = build_model(task)
        self._state = mujoco.MjData(self._model)
        self._painter: Painter | None = None
        self._chain = kinematics.Chain()
        self._tool = kinematics.Chain(kinematics.TOOL_LENGTH)
        self._site = int(self._model.site('hand').id)
        self._description = urdf(calibration_m)
        self.knobs = Knobs()
        self.now = 0.0
        self._away_until = -math.inf
        self._enabled = False
        self._stopped = False
        self._timeout_s = 0.2
        self._pending: collections.deque[tuple[float, int, Array]] = collections.deque()
        self._commanded = -math.inf
        self._mode, self._target = POSITION, np.zeros(7)
        self.truth: collections.deque[tuple[float, ...]] = collections.deque(maxlen=12000)
        """Time, hand x, y, z [m], hand speed [m/s], once per step of the physics."""
        self.commands = 0
        """Joint commands that arrived."""
        self.heard: collections.deque[tuple[Any, ...]] = collections.deque(maxlen=HEARD)
        """Of the newest of them: when, joint angles, commanded values."""
        self._at = 0.0
        self.camera = 'none'
        self.gripper_open = True
        self.place(task.reset_hand)

    def place(self, hand: Any) -> None:
        """Put the hand somewhere at once, at rest, and everything on the table at its start."""
        centre = np.add(self.task.workspace_low, self.task.workspace_high) / 2
        posture = kinematics.solve_pose(self._tool, centre)
        joints = kinematics.solve_pose(self._tool, hand, seed=posture, posture=posture)
        mujoco.mj_resetData(self._model, self._state)
        self._state.qpos[_ARM] = joints
        mujoco.mj_forward(self._model, self._state)
        self._mode, self._target = POSITION, joints.copy()

    # What arrives -----------------------------------------------------------------------------
    def turn(self, **changes: Any) -> None:
        """Turn knobs; `restart` [s] takes the robot's node away and brings it back disabled.

        Raises:
            ConfigError: an unknown knob or value.
        """
        restart = changes.pop('restart', None)
        if 'place' in changes:
            self.place(changes.pop('place'))
        changes = {name: tuple(value) if isinstance(value, list) else value
                   for name, value in changes.items()}
        try:
            self.knobs = replace(self.knobs, **changes)
        except TypeError as error:
            raise ConfigError(f'knob: {error}') from None
        if self.knobs.estop:
            self._enabled, self._stopped = False, True
        if restart is not None:
            self._away_until, self._enabled = self.now + float(restart), False

    @property
    def away(self) -> bool:
        """The robot's node is restarting."""
        return self.now < self._away_until

    @property
    def connections(self) -> int:
        """Who hears the joint command."""
        return 0 if self.away or self.knobs.wrong_ip else 1

    def publish(self, topic: str, message: dict[str, Any]) -> None:
        """Take what a client published."""
        if self.connections == 0 or self.knobs.commands_lost:
            return
        if topic == LIMB + 'joint_command':
            self.commands += 1
            values = message['velocity' if message['mode'] == VELOCITY else 'position']
            by_name = dict(zip(message['names'], values))
            target = np.array([by_name[name] for name in JOINT_NAMES])
            self._pending.append((self.now + self.knobs.command_lag_s, message['mode'], target))
            self.heard.append((self._at, self._state.qpos[_ARM].tolist(), target.tolist()))
        elif topic == LIMB + 'joint_command_timeout':
            self._timeout_s = min(float(message['data']), MAX_TIMEOUT_S)
        elif topic == '/robot/set_super_enable':
            self._enabled = bool(message['data']) and not self._stopped and not self.knobs.error
        elif topic == '/robot/set_super_stop':
            self._enabled, self._stopped = False, True
        elif topic == '/robot/set_super_reset':
            self._stopped = self.knobs.estop
        elif topic == '/fake/camera':
            self.camera = str(message['data'])
        elif topic == '/fake/gripper':
            self.gripper_open = bool(message['data'])

    # What happens -----------------------------------------------------------------------------
    def advance(self, now: float) -> None:
        """Let the physics catch up with the time [s]; a long gap is not caught up."""
        self._at, timestep = now, self._model.opt.timestep
        if now - self.now > 0.5:
            self.now = now - timestep
        while self.now + timestep <= now:
            self.now += timestep
            self._step()

    def _step(self) -> None:
        state = self._state
        while self._pending and self._pending[0][0] <= self.now:
            _, self._mode, self._target = self._pending.popleft()
            self._commanded = self.now
        joints = state.qpos[_ARM]
        if self._mode == VELOCITY and (not self._enabled
                                       or self.now - self._commanded > self._timeout_s):
            self._mode, self._target = POSITION, joints.copy()
        if not self._enabled:
            state.ctrl[:] = 0.0
        elif self._mode == VELOCITY:
            state.ctrl[:] = self._target
        else:
            state.ctrl[:] = HOLD_GAIN * (self._target - joints)
        before = state.site_xpos[self._site].copy()
        mujoco.mj_step(self._model, state)
        mujoco.mj_kinematics(self._model, state)
        after = state.site_xpos[self._site]
        speed = float(np.linalg.norm(after - before)) / self._model.opt.timestep
        self.truth.append((self.now, *after.tolist(), speed))

    # What it tells ----------------------------------------------------------------------------
    def fast_messages(self) -> dict[str, dict[str, Any]]:
        """Return what is published at 100 Hz, by topic."""
        if self.away:
            return {}
        joints = self._state.qpos[_ARM]
        position, rotation = self._chain.forward(joints)
        x, y, z, w = rotation_to_quaternion(rotation)
        pose = {'position': dict(zip('xyz', position.tolist())),
                'orientation': {'x': x, 'y': y, 'z': z, 'w': w}}
        wrench = {'force': dict(zip('xyz', self.knobs.force)), 'torque': dict.fromkeys('xyz', 0.0)}
        tip = {'pose': pose, 'wrench': wrench, 'valid': True}
        messages: dict[str, tuple[str, dict[str, Any]]] = {
            'joint_states': ('/robot/joint_states', {
                'name': ['head_pan', *JOINT_NAMES, 'torso_t0'],
                'position': [0.0, *joints.tolist(), 0.0],
                'velocity': [0.0, *self._state.qvel[_ARM].tolist(), 0.0],
                'effort': [0.0, *self._state.qfrc_actuator[_ARM].tolist(), 0.0]}),
            'endpoint_state': (LIMB + 'endpoint_state', tip),
            'tip_states': (LIMB + 'tip_states', {'names': ['right_hand'], 'states': [tip]})}
        return {topic: message for name, (topic, message) in messages.items()
                if name not in self.knobs.drop}

    def collision(self) -> dict[str, Any]:
        """Return the collision detection's state."""
        return {'collision_state': self.knobs.collision}

    def assembly(self) -> dict[str, Any] | None:
        """Return the robot's state, or None if it does not tell."""
        if self.away or 'state' in self.knobs.drop:
            return None
        released = self._stopped and not self.knobs.estop
        return {'homed': True, 'ready': True, 'enabled': self._enabled, 'stopped': self._stopped,
                'error': self.knobs.error, 'lowVoltage': False,
                'estop_button': 1 if self.knobs.estop else 3 if released else 0,
                'estop_source': 1 if self._stopped else 0}

    def parameter(self, name: str) -> Any:
        """Return a parameter, or None."""
        if name in ('/robot_config/assembly_names', '/robot_config/right_config/joint_names'):
            if self.knobs.half_built:
                return None
            return list(JOINT_NAMES) if name.endswith('joint_names') else [
                'torso', 'head', 'right']
        return {'/robot_description': self._description, '/manifest/robot_class': 'sawyer',
                '/manifest/robot_software/version/HLR_VERSION_STRING': '5.3.0',
                '/robot_config/camera_config': {'head_camera': {}, 'right_hand_camera': {}},
                '/fake/gripper': self.knobs.gripper}.get(name)

    def picture(self) -> tuple[dict[str, Any], bytes]:
        """Return the streaming camera's picture: message without its data, and the data."""
        if self._painter is None:
            self._painter = Painter(self._model, PLAIN)
        height, width = CAMERA_SIZE
        image = self._painter.paint(self._state, self.task.camera, height, width)
        if self.camera == 'right_hand_camera':
            image = image.mean(axis=2).astype(np.uint8)
            return {'height': height, 'width': width, 'encoding': 'mono8',
                    'step': width}, image.tobytes()
        return {'height': height, 'width': width, 'encoding': 'bgr8',
                'step': 3 * width}, np.ascontiguousarray(image[:, :, ::-1]).tobytes()
