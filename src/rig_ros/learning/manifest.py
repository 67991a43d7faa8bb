"""What a bundle says about itself: the JSON manifest in its metadata.

Lengths in metres, frame `base`, crops in pixels. A reader accepts exactly one format version; a
manifest with an unknown, missing or ill-typed key is refused, never guessed at.
"""

from __future__ import annotations

import dataclasses
import json
import platform
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from rig_ros import settings
from rig_ros.control.task import TaskConfig, Vector3
from rig_ros.errors import ConfigError, DataError, ModelMismatch
from rig_ros.settings import require

FORMAT_VERSION = 1
METADATA_KEY = 'rig_ros.bundle'
RECORDED_PACKAGES = ('rig_ros', 'torch', 'numpy', 'safetensors', 'mujoco')


def library_versions() -> dict[str, str]:
    """Return the versions of Python and of the installed packages that shape a model."""
    versions = {'python': platform.python_version()}
    for package in RECORDED_PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            versions[package] = 'not installed'
    return versions


@dataclass(frozen=True)
class Manifest:
    """The facts a node needs before it trusts a model; see the module for units."""

    task: str
    """Name of the task it was trained for, as in `config/tasks/`."""
    encoder_id: str
    """Hash of the encoder's weights; the frame id of its latents."""
    action_axes: tuple[str, ...]
    """What the action drives, in order: hand axes, then 'grip' where there is a gripper."""
    action_scale: float
    """Displacement per step and axis of action 1.0 [m]."""
    control_hz: float
    """Control rate it was trained at."""
    workspace_low: Vector3
    workspace_high: Vector3
    image_size: int
    """Height and width of its pictures [px]."""
    latent_dim: int
    architecture: dict[str, Any]
    """Constructor arguments of the networks: `{'vae': {...}, 'policy': {...}}`."""
    goal_prior_mean: tuple[float, ...]
    """Imagined goals are drawn from this normal distribution, `latent_dim` values."""
    goal_prior_std: tuple[float, ...]
    smoothing: float = 0.0
    """Share of the action before in the next (`learning.execution`)."""
    arrival: float = 0.0
    """Distance of latent and goal below which the arm stands still (`learning.execution`)."""
    camera_crop: tuple[int, int, int, int] | None = None
    """Left, top, width, height cut from the camera's picture [px]; None keeps it whole."""
    versions: dict[str, Any] = field(default_factory=library_versions)
    """Library versions it was written with."""
    run: dict[str, Any] = field(default_factory=dict)
    """The training run: name, seed, env_steps, command."""
    evaluation: dict[str, Any] = field(default_factory=dict)
    """Its figures on held-out goals, as in the run's report."""
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        require(bool(self.task), 'task', self.task, 'the name of a task')
        require(bool(self.encoder_id), 'encoder_id', self.encoder_id, 'a hash of the encoder')
        require(bool(self.action_axes) and set(self.action_axes) <= {'x', 'y', 'z', 'grip'},
                'action_axes', self.action_axes, 'axes among x, y, z, and grip')
        require(self.action_scale > 0, 'action_scale', self.action_scale, 'above 0 m')
        require(self.control_hz > 0, 'control_hz', self.control_hz, 'above 0 Hz')
        require(self.image_size in (48, 84), 'image_size', self.image_size, '48 or 84')
        require(1 <= self.latent_dim <= 1024, 'latent_dim', self.latent_dim, '1 to 1024')
        require(0 <= self.smoothing < 1, 'smoothing', self.smoothing, '0 to below 1')
        require(self.arrival == 0 if 'grip' in self.action_axes else self.arrival >= 0, 'arrival',
                self.arrival, '0 or more; 0 with a gripper, which would let go')
        for name in ('goal_prior_mean', 'goal_prior_std'):
            values = getattr(self, name)
            require(len(values) == self.latent_dim, name, f'{len(values)} values',
                    f'{self.latent_dim} values')
        require(all(value > 0 for value in self.goal_prior_std),
                'goal_prior_std', self.goal_prior_std, 'above 0')

    @classmethod
    def for_task(cls, task: TaskConfig, **fields: Any) -> Manifest:
        """Return a manifest with everything a task decides filled in.

        Args:
            task: the task the model was trained for.
            **fields: the remaining fields of the class.
        """
        return cls(task=task.name, action_axes=task.action_names, action_scale=task.action_scale,
                   control_hz=task.control_hz, workspace_low=task.workspace_low,
                   workspace_high=task.workspace_high, image_size=task.image_size, **fields)

    def to_json(self) -> str:
        """Return the manifest as JSON text, keys sorted."""
        return json.dumps(dataclasses.asdict(self), sort_keys=True)


def from_json(text: str) -> Manifest:
    """Read a manifest.

    Raises:
        ModelMismatch: another format version.
        DataError: not JSON, or a key that is unknown, missing or ill-typed.
    """
    try:
        mapping = json.loads(text)
    except json.JSONDecodeError as error:
        raise DataError(f'bundle manifest: is not JSON ({error}); fetch the file again') from error
    if not isinstance(mapping, dict):
        raise DataError(f'bundle manifest: got {type(mapping).__name__}, allowed: a JSON object; '
                        'fetch the file again')
    version = mapping.get('format_version')
    if version != FORMAT_VERSION:
        raise ModelMismatch(
            f'bundle format version: got {version!r}, allowed: {FORMAT_VERSION}; use the rig_ros '
            'release that wrote the file, or train a new one with rig_ros train')
    try:
        return settings.from_mapping(Manifest, mapping, 'bundle manifest')
    except ConfigError as error:
        raise DataError(f'{error}; the file was not written by rig_ros: fetch or train '
                        'it again') from error
