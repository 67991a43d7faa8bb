"""What a task is: axes, rate, workspace, reset, goals, camera. Read from `config/tasks/*.yaml`.

Lengths in metres, angles in degrees where named so, frame `base` (x forward, y left, z up, the
table top at z = 0). The same file configures simulation, guard, policy and training, so that they
cannot disagree.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from rig_ros import resources, settings
from rig_ros.control.objects import Block, Door, Puck, Vector3
from rig_ros.control.randomisation import Randomisation
from rig_ros.settings import require

__all__ = ['ALIASES', 'Block', 'CameraView', 'Door', 'Puck', 'Randomisation', 'TaskConfig',
           'Vector3', 'load', 'names']
ALIASES = {'reach': 'reach_xy'}


def _require_box(low: Vector3, high: Vector3, name: str) -> None:
    require(all(a <= b for a, b in zip(low, high)), name, (low, high), 'low <= high on each axis')


@dataclass(frozen=True)
class CameraView:
    """A camera placed as MuJoCo's free camera is: it looks at a point from a distance."""

    lookat: Vector3
    """Point in the middle of the picture [m], frame `base`."""
    distance: float
    """From the camera to that point [m]."""
    elevation_deg: float
    """Negative looks down."""
    azimuth_deg: float
    """0 looks along +x, 90 along +y, 180 back at the robot."""
    fovy_deg: float = 45.0
    """Vertical field of view."""

    def __post_init__(self) -> None:
        require(self.distance > 0, 'distance', self.distance, 'above 0 m')
        require(0 < self.fovy_deg < 180, 'fovy_deg', self.fovy_deg, '0 to 180')


@dataclass(frozen=True)
class TaskConfig:
    """One task; see the module for units and frame."""

    name: str
    axes: tuple[Literal['x', 'y', 'z'], ...]
    """Which hand axes the action drives, in order."""
    workspace_low: Vector3
    """The box the hand may be in: the guard's and the simulation's."""
    workspace_high: Vector3
    reset_hand: Vector3
    """Hand position after a reset."""
    goal_low: Vector3
    """Hand goals are drawn uniformly from this box (equal bounds fix an axis)."""
    goal_high: Vector3
    camera: CameraView
    action_scale: float = 0.02
    """Displacement per step and axis of action 1.0 [m]; 0.02 in simulation, 0.01 on the robot."""
    control_hz: float = 10.0
    horizon: int = 50
    """Steps in an episode."""
    image_size: int = 84
    pucks: tuple[Puck, ...] = field(default=())
    pucks_present: tuple[int, int] | None = None
    """Fewest and most pucks on the table; each episode draws how many, and which. All if unset."""
    door: Door | None = None
    block: Block | None = None
    gripper: bool = False
    """Whether the last action component closes (1) and opens (-1) a gripper."""
    randomisation: Randomisation = field(default_factory=Randomisation)
    reset_free: bool = False
    """Whether a reset leaves hand and objects where they are, after the first one."""

    def __post_init__(self) -> None:
        require(len(self.axes) > 0 and len(set(self.axes)) == len(self.axes),
                'axes', self.axes, 'distinct axes among x, y, z')
        _require_box(self.workspace_low, self.workspace_high, 'workspace')
        _require_box(self.goal_low, self.goal_high, 'goal')
        require(0 < self.action_scale <= 0.05, 'action_scale', self.action_scale, '0 to 0.05 m')
        require(1 <= self.control_hz <= 60, 'control_hz', self.control_hz, '1 to 60 Hz')
        require(self.horizon >= 1, 'horizon', self.horizon, 'at least 1 step')
        require(self.image_size in (48, 84), 'image_size', self.image_size, '48 or 84')
        fewest, most = self.puck_range
        require(min(1, len(self.pucks)) <= fewest <= most <= len(self.pucks), 'pucks_present',
                self.pucks_present, f'fewest <= most, 1 to {len(self.pucks)}')
        require(self.gripper or self.block is None, 'gripper', self.gripper,
                'true, where there is a block')
        require(self.door is None or not self.gripper, 'door', self.door,
                'no door together with a gripper: it needs the hook')
        for point, name in ((self.reset_hand, 'reset_hand'), (self.goal_low, 'goal_low'),
                            (self.goal_high, 'goal_high')):
            inside = all(a <= p <= b for a, p, b in
                         zip(self.workspace_low, point, self.workspace_high))
            require(inside, name, point, 'inside the workspace')

    @property
    def action_dim(self) -> int:
        """Number of action components."""
        return len(self.action_names)

    @property
    def action_names(self) -> tuple[str, ...]:
        """What each action component drives: an axis, or 'grip'."""
        return (*self.axes, *(('grip',) if self.gripper else ()))

    @property
    def axis_indices(self) -> tuple[int, ...]:
        """The driven axes as indices into (x, y, z)."""
        return tuple('xyz'.index(axis) for axis in self.axes)

    @property
    def puck_range(self) -> tuple[int, int]:
        """Fewest and most pucks on the table in an episode."""
        return self.pucks_present or (len(self.pucks), len(self.pucks))

    @property
    def pucks_vary(self) -> bool:
        """Whether an episode draws which of the pucks are on the table."""
        return self.puck_range[0] < len(self.pucks)

    @property
    def max_speed(self) -> float:
        """Speed of action 1.0 on one axis [m/s]."""
        return self.action_scale * self.control_hz


def names() -> list[str]:
    """Return the names of all tasks that ship."""
    return sorted(p.stem for p in resources.find('config', 'tasks').glob('*.yaml'))


def load(name: str) -> TaskConfig:
    """Return the task of that name (`reach` means `reach_xy`).

    Raises:
        ConfigError: unknown name, or a task file that is not valid.
    """
    name = ALIASES.get(name, name)
    require(name in names(), 'task', name, f'one of {names()}')
    return settings.load(TaskConfig, resources.find('config', 'tasks', f'{name}.yaml'))
