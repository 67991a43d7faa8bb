"""A simulated Sawyer at a table: hand velocity in, pictures and true positions out. No ROS.

The world stands for the robot and everything around it: like the arm's own driver it caps the
velocity, keeps the hand in the workspace, holds the tool down, and stops when no command came for
200 ms of simulated time. Frame `base`, metres, radians, seconds.
"""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass

import mujoco
import numpy as np
import numpy.typing as npt

from rig_ros.control import kinematics
from rig_ros.control.kinematics import Array
from rig_ros.control.servo import SIMULATION_LIMITS, CartesianServo, ServoState
from rig_ros.control.task import CameraView, TaskConfig
from rig_ros.settings import require
from rig_ros.simulation.layout import Layout, draw_start
from rig_ros.simulation.painter import PLAIN, Looks, Painter, Picture
from rig_ros.simulation.props import Props, Truth
from rig_ros.simulation.scene import build_model
from rig_ros.simulation.variation import Variation

COMMAND_TIMEOUT_S = 0.2
"""Without a new command for this long the arm holds, as the robot does."""
SERVO_STEPS = 4
"""Physics steps (5 ms) of one servo tick."""
_AT_REST = np.zeros(3)
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION
_ARM = slice(0, 7)


@dataclass(frozen=True)
class WorldState:
    """Everything needed to go on exactly from a moment."""

    physics: Array
    servo: ServoState
    command_age: float
    layout: Layout
    owed: float
    """Time asked for and not yet simulated [s], below one physics step."""


class SawyerWorld:
    """The arm, the table and what is on the table in one task."""

    def __init__(self, task: TaskConfig, seed: int = 0,
                 camera_size: tuple[int, int] | None = None) -> None:
        """Build the world and put the arm at the task's reset position.

        Args:
            task: workspace, reset, camera and pucks.
            seed: of what `reset` draws: starts, and what the task randomises.
            camera_size: default (height, width) of `render`; the task's image size if not given.

        Raises:
            SafetyViolation: when the reset position cannot be reached.
        """
        self.task = task
        self._rng = np.random.default_rng(seed)
        self._size = camera_size or (task.image_size, task.image_size)
        self._model = build_model(task)
        self._state = mujoco.MjData(self._model)
        self._variation = Variation(task, self._model, seed)
        self._props = Props(task, self._model, self._state)
        self._chain = kinematics.Chain(kinematics.TOOL_LENGTH)
        centre = np.add(task.workspace_low, task.workspace_high) / 2
        self._posture = kinematics.solve_pose(self._chain, centre)
        self._reset_joints = self._joints_at(task.reset_hand)
        self._servo = CartesianServo(task.workspace_low, task.workspace_high, self._posture,
                                     SIMULATION_LIMITS)
        self._hand = int(self._model.site('hand').id)
        self._arm_root = int(self._model.body('base').id)
        self._jacobian = np.zeros((6, self._model.nv))
        # Views into MuJoCo's memory, always current: cheaper than taking them each tick.
        self._arm_jacobian = self._jacobian[:, _ARM]
        self._hand_at: Array = self._state.site_xpos[self._hand]
        self._hand_turned: Array = self._state.site_xmat[self._hand].reshape(3, 3)
        self._joints: Array = self._state.qpos[_ARM]
        self._owed = 0.0
        self._painters: dict[Looks, Painter] = {}
        self._command_age = math.inf
        self._started = False
        self.reset()

    def _joints_at(self, hand: npt.ArrayLike) -> Array:
        return kinematics.solve_pose(self._chain, hand, seed=self._posture, posture=self._posture)

    def seed(self, seed: int) -> None:
        """Start all random draws again."""
        self._rng = np.random.default_rng(seed)
        self._variation.seed(seed)

    def reset(self, start: Layout | None = None) -> None:
        """Put the arm at the task's reset position and the objects at their starts, at rest.

        What the task randomises is drawn anew.
        A task that is free of resets only stops the arm, unless a start is given.

        Args:
            start: where the objects are; drawn as the task says if left out.
        """
        self._variation.draw()
        if self.task.reset_free and start is None and self._started:
            self._servo.anchor(self._hand_at)
            self._command_age = math.inf
            return
        self._started = True
        self.put_at_start(start or draw_start(self.task, self._rng))

    def put_at_start(self, start: Layout) -> None:
        """Put everything to a start as `reset` does, drawing nothing."""
        self._place(self._reset_joints, start)

    def place(self, hand: npt.ArrayLike, layout: Layout | None = None) -> None:
        """Put hand and objects somewhere at once, at rest: for goal pictures and tests.

        Args:
            hand: hand position, shape (3,) [m].
            layout: where the objects are; may be left out where a task has none.

        Raises:
            SafetyViolation: when the hand cannot get there.
            ConfigError: when the layout is not one of the task, such as another number of pucks.
        """
        self._place(self._joints_at(hand), layout or Layout())

    def _place(self, joints: Array, layout: Layout) -> None:
        mujoco.mj_resetData(self._model, self._state)
        self._props.put(layout, self._chain.forward(joints)[0])
        self._place_arm(joints)

    def _place_arm(self, joints: Array) -> None:
        self._state.qpos[_ARM] = joints
        mujoco.mj_forward(self._model, self._state)
        self._servo.anchor(self._hand_at)
        self._command_age, self._owed = math.inf, 0.0

    def set_velocity(self, velocity: npt.ArrayLike) -> None:
        """Command a hand velocity; in force until the next one, 200 ms at most.

        Args:
            velocity: shape (3,) [m/s]; capped at 0.30 m/s.

        Raises:
            ConfigError: not three finite numbers.
        """
        self._servo.command(velocity, self._hand_at)
        self._command_age = 0.0

    def set_grip(self, value: float) -> None:
        """Command the gripper from -1 (open) to 1 (closed); it stays in force until the next one.

        Raises:
            ConfigError: the task has no gripper, or not a number from -1 to 1.
        """
        require(self.task.gripper, 'gripper', value, f'nothing, task {self.task.name} has none')
        require(-1.0 <= value <= 1.0, 'grip', value, '-1 (open) to 1 (closed)')
        self._props.grip(value)

    def advance(self, seconds: float) -> None:
        """Let simulated time pass; what is left over of a physics step is kept for the next call.

        Args:
            seconds: how long, at least 0.
        """
        timestep = self._model.opt.timestep
        self._owed += seconds
        steps = int(self._owed / timestep + 1e-6)
        self._owed -= steps * timestep
        while steps > 0:
            count = min(steps, SERVO_STEPS)
            self._tick(count, count * timestep)
            steps -= count

    def _tick(self, steps: int, period: float) -> None:
        model, state, jacobian = self._model, self._state, self._jacobian
        if self._command_age > COMMAND_TIMEOUT_S - 1e-6:
            self._servo.command(_AT_REST, self._hand_at)
        mujoco.mj_jacSite(model, state, jacobian[:3], jacobian[3:], self._hand)
        state.ctrl[_ARM] = self._servo.joint_speeds(
            self._hand_at, self._hand_turned, self._arm_jacobian, self._joints, period)
        mujoco.mj_step(model, state, nstep=steps)
        self._props.keep_in_reach()
        mujoco.mj_kinematics(model, state)
        mujoco.mj_comPos(model, state)
        self._command_age += period

    def render(self, height: int | None = None, width: int | None = None,
               looks: Looks = PLAIN, view: CameraView | None = None) -> Picture:
        """Return a picture, HWC RGB uint8, upright.

        Args:
            height: [pixel]; of the camera size given at the start if left out.
            width: [pixel]; likewise.
            looks: plain is what learning sees.
            view: from where; this episode's camera, with its noise, if left out.

        Raises:
            HardwareError: when no GL backend works; the message names the packages to install.
        """
        if looks not in self._painters:
            self._painters[looks] = Painter(self._model, looks)
        picture = self._painters[looks].paint(self._state, view or self._variation.view,
                                              height or self._size[0], width or self._size[1])
        return self._variation.spoil(picture) if view is None else picture

    def plain_looks(self) -> contextlib.AbstractContextManager[None]:
        """Return a context in which everything looks as the task says, nothing randomised."""
        return self._variation.suspended()

    @property
    def delay_steps(self) -> int:
        """By how many control steps actions shall be late in this episode."""
        return self._variation.delay_steps

    @property
    def time(self) -> float:
        """Simulated time since the reset [s]."""
        return float(self._state.time)

    @property
    def hand_position(self) -> Array:
        """Where the hand (the tool's point) is. Shape (3,) [m]."""
        return np.array(self._hand_at)

    @property
    def hand_rotation(self) -> Array:
        """How the hand is turned, base_R_hand. Shape (3, 3)."""
        return np.array(self._hand_turned)

    @property
    def joint_positions(self) -> Array:
        """Angles of right_j0 to right_j6. Shape (7,) [rad]."""
        return np.array(self._joints)

    @property
    def joint_velocities(self) -> Array:
        """Speeds of right_j0 to right_j6. Shape (7,) [rad/s]."""
        return np.array(self._state.qvel[_ARM])

    @property
    def joint_efforts(self) -> Array:
        """Torques of right_j0 to right_j6, without gravity compensation. Shape (7,) [N m]."""
        return np.array(self._state.qfrc_actuator[_ARM])

    def hand_is_clear(self) -> bool:
        """Return whether the hand touches nothing."""
        contacts = self._state.contact
        roots = self._model.body_rootid[self._model.geom_bodyid[contacts.geom]]
        return not ((roots == self._arm_root).any(axis=1) & (contacts.dist < 0.0)).any()

    @property
    def opening(self) -> float:
        """Mean distance of the gripper's fingers from the middle [m]; 0 without a gripper."""
        return self._props.opening

    @property
    def layout(self) -> Layout:
        """Where the objects were last put: by `reset`, the start of this episode."""
        return self._props.layout

    def ground_truth(self) -> Truth:
        """Return where 'hand', 'puck0'..., 'object' [m] and 'door' [rad] truly are.

        For evaluation only.
        """
        return {'hand': tuple(self._hand_at.tolist()), **self._props.truth()}

    def state(self) -> WorldState:
        """Return everything needed to come back to this moment with `restore`."""
        physics = np.empty(mujoco.mj_stateSize(self._model, _STATE))
        mujoco.mj_getState(self._model, self._state, physics, _STATE)
        return WorldState(physics, self._servo.state(), self._command_age, self._props.layout,
                          self._owed)

    def restore(self, state: WorldState) -> None:
        """Go back to a moment; what follows is the same as it was the first time."""
        mujoco.mj_setState(self._model, self._state, state.physics, _STATE)
        mujoco.mj_forward(self._model, self._state)
        mujoco.mj_setState(self._model, self._state, state.physics, _STATE)
        self._servo.restore(state.servo)
        self._props.layout = state.layout
        self._command_age, self._owed = state.command_age, state.owed

    def close(self) -> None:
        """Free the GL contexts."""
        for painter in self._painters.values():
            painter.close()
        self._painters.clear()
