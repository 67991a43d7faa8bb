"""The one table of nodes per deployment: what runs, with which parameters.

It feeds `launch/*.launch.py` and `rig_ros up`, so that `ros2 launch` and a machine that has only
pip start the same graph. It starts nothing itself and imports no ROS.

A deployment's settings are the arguments of its launch file and the options of its command, by
the same names; tuning belongs in the parameter file.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from rig_ros import resources, settings
from rig_ros.control import task as tasks
from rig_ros.errors import ConfigError
from rig_ros.processes import enclave_arguments
from rig_ros.settings import require

PACKAGE = 'rig_ros'
LOG_LEVELS = ('debug', 'info', 'warn', 'error', 'fatal')
WORDS = {int: 'a whole number', float: 'a number'}
LEAD_STEPS = 250
"""Simulated practice waits for its trainer beyond this; in lockstep waiting costs nothing."""
ROBOT_HZ = 20.0
"""Of the real arm: twice the tasks' rate, because a lost command is noticed after 1.5 periods."""
MAX_STEPS = 10_000
ARM_CAMERAS = ('head_camera', 'right_hand_camera')
Parameter = bool | int | float | str


@dataclass(frozen=True)
class NodeSpec:
    """One process: which module it runs and the parameters that this deployment decides."""

    name: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    respawn: bool = True
    """Start it again when it dies."""
    required: bool = True
    """Stop the whole graph when it cannot be kept alive."""

    @property
    def module(self) -> str:
        """The module that `python -m` runs."""
        return f'{PACKAGE}.nodes.{self.name}'

    @property
    def executable(self) -> str:
        """The name `ros2 run rig_ros <executable>` takes."""
        return f'{self.name}_node'


@dataclass(frozen=True)
class Deployment:
    """Settings that every deployment has."""

    task: str = 'reach_xy'
    bundle: str = ''
    """Model file; empty means none (yet)."""
    namespace: str = ''
    params_file: str = ''
    """Parameter file; empty means the shipped `config/nodes.yaml`."""
    use_sim_time: bool = False
    log_level: Literal['debug', 'info', 'warn', 'error', 'fatal'] = 'info'

    def __post_init__(self) -> None:
        require(self.log_level in LOG_LEVELS, 'log_level', self.log_level,
                f'one of {list(LOG_LEVELS)}')
        require(tasks.ALIASES.get(self.task, self.task) in tasks.names(),
                'task', self.task, f'one of {tasks.names()}')
        require(not tasks.load(self.task).gripper, 'task', self.task,
                'tasks without a gripper: the graph carries hand velocities only; train and '
                'evaluate this one in one process, with rig_ros train')
        for name in ('bundle', 'params_file'):
            path = getattr(self, name)
            require(not path or os.path.isfile(path), name, path, 'an existing file')
        parts = self.namespace.strip('/').split('/')
        require(not self.namespace or all(part.isidentifier() for part in parts),
                'namespace', self.namespace, 'names of letters, digits and _, parted by /')

    @property
    def simulated_time(self) -> bool:
        """Whether the nodes take their time from /clock."""
        return self.use_sim_time

    @property
    def parameter_file(self) -> Path:
        """The parameter file all nodes read."""
        return Path(self.params_file) if self.params_file else resources.find(
            'config', 'nodes.yaml')

    @property
    def model(self) -> dict[str, Parameter]:
        """The two parameters of every node that uses a model."""
        return {'task': tasks.ALIASES.get(self.task, self.task), 'bundle': self.bundle}

    def nodes(self) -> list[NodeSpec]:
        """Return the processes of this deployment."""
        raise NotImplementedError


@dataclass(frozen=True)
class Acting(Deployment):
    """What simulation and robot have in common: everything between camera and arm."""

    mode: Literal['collect', 'practise', 'reach'] = 'reach'
    """What episodes are for: random actions, imagined goals, or the operator's goals."""
    train: bool = False
    """Learn on this machine, from the episodes recorded."""
    run: str = 'runs/latest'
    """Folder for episodes, checkpoints and logs."""
    control_hz: float = 0.0
    """Frames per second; 0 means the task's own rate."""
    horizon: int = 0
    """Steps in an episode; 0 means the task's own."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 <= self.horizon <= MAX_STEPS, 'horizon', self.horizon, f'0 to {MAX_STEPS} steps')
        require(self.mode in ('collect', 'practise', 'reach'), 'mode', self.mode,
                "one of ['collect', 'practise', 'reach']")
        require(self.control_hz == 0 or 1 <= self.control_hz <= 60,
                'control_hz', self.control_hz, '0 (the task decides) or 1 to 60 Hz')

    def links(self, before: Sequence[str]) -> list[str]:
        """Return the nodes that motion needs: those before the chain, and the chain's own.

        Practice without its trainer would wear the arm for nothing.
        """
        return [*before, 'encoder', 'goal', 'policy', *(['trainer'] if self.train else [])]

    @property
    def episode_steps(self) -> int:
        """Steps in an episode; 0 means the task's own."""
        return self.horizon

    def chain(self, resume_after_abort: bool, required: Sequence[str] = (),
              max_lead_steps: int = 0,
              guard: Mapping[str, Parameter] | None = None) -> list[NodeSpec]:
        """Return encoder, goal, policy, guard, episode, recorder and, if asked, trainer.

        Args:
            resume_after_abort: whether practice goes on by itself after a fault.
            required: nodes without whose processes the guard lets nothing move.
            max_lead_steps: how far practice may be ahead of its trainer; 0 for any.
            guard: more parameters of the guard.
        """
        task = {'task': self.model['task']}
        needed = {'required_nodes': ','.join(required)}
        specs = [
            NodeSpec('encoder', self.model),
            NodeSpec('goal', self.model),
            NodeSpec('policy', self.model),
            NodeSpec('guard', {**task, **needed, **(guard or {})}),
            NodeSpec('episode', {**self.model, 'mode': self.mode,
                                 'horizon': self.episode_steps, 'max_lead_steps': max_lead_steps,
                                 'resume_after_abort': resume_after_abort,
                                 'required_nodes': ','.join([*required, 'guard'] if required
                                                            else [])}),
            NodeSpec('recorder', {**task, 'directory': f'{self.run}/episodes'}, required=False),
        ]
        if self.train:
            specs.append(trainer(self))
        return specs


@dataclass(frozen=True)
class Simulation(Acting):
    """The simulated Sawyer and the whole graph around it."""

    clock: Literal['lockstep', 'realtime'] = 'lockstep'
    """lockstep: the world advances with each command; realtime: with the wall clock."""
    raw_camera: bool = False
    """Render 640x480 and let the camera node make the policy's picture, as on the robot."""
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.clock in ('lockstep', 'realtime'), 'clock', self.clock,
                "one of ['lockstep', 'realtime']")

    @property
    def simulated_time(self) -> bool:
        """Lockstep has no other time than the simulation's."""
        return self.use_sim_time or self.clock == 'lockstep'

    def nodes(self) -> list[NodeSpec]:
        """Return simulation, the camera node if it is used, and the chain."""
        world = NodeSpec('sim', {'task': self.model['task'], 'clock': self.clock,
                                 'raw_camera': self.raw_camera, 'seed': self.seed,
                                 'control_hz': self.control_hz, 'use_sim_time': False})
        raw = {**self.model, 'source': 'topic', 'reliable': True}
        camera = [NodeSpec('camera', raw)] if self.raw_camera else []
        # In lockstep a missing command stops time itself; the wall clock's limits mean nothing.
        lockstep = self.clock == 'lockstep'
        required = [] if lockstep else self.links([node.name for node in camera])
        return [world, *camera, *self.chain(resume_after_abort=lockstep and self.train,
                                            required=required,
                                            max_lead_steps=LEAD_STEPS if lockstep and self.train
                                            else 0)]


@dataclass(frozen=True)
class Robot(Acting):
    """The real arm, its driver, and the whole graph around it."""

    source: str = 'topic'
    """The camera: `topic` (a driver publishes camera/image_raw), a device number, a file, or the
    arm's own `head_camera` or `right_hand_camera`."""
    fake: bool = False
    """A fake robot in the place of the real one; its head camera has the task's view."""
    socket: str = 'arm'
    """Of the side process: a path, or a name in this user's runtime directory."""
    max_speed: float = 0.10
    """Of the hand [m/s]."""
    side_command: str = ''
    """Starts the ROS 1 side process; empty: system's Python; `external`: somebody else does."""
    robot_host: str = ''
    """The robot's host name or a ROS_MASTER_URI; empty: as the environment says."""
    ros_ip: str = ''
    """This machine's address in the robot's network; empty: as the environment says."""
    dry_run: bool = False
    """Compute and log, but send the arm nothing."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require(0 < self.max_speed <= 0.30, 'max_speed', self.max_speed, 'above 0, up to 0.30 m/s')

    @property
    def rate_hz(self) -> float:
        """Pictures and commands per second: a stop waits for one and a half periods of these."""
        return self.control_hz or ROBOT_HZ

    @property
    def episode_steps(self) -> int:
        """The task's time, stretched as much as the speed limit slows the task's actions down."""
        task = tasks.load(self.task)
        slower = max(1.0, task.max_speed / self.max_speed)
        own = task.horizon / task.control_hz * self.rate_hz
        return self.horizon or min(round(own * slower), MAX_STEPS)

    def nodes(self) -> list[NodeSpec]:
        """Return the arm's driver, the camera node and the chain."""
        task = {'task': self.model['task']}
        # Of its own: a graph with a fake robot must never find the side process of the real one.
        socket = 'fake' if self.fake and self.socket == 'arm' else self.socket
        source = 'head_camera' if self.fake and self.source == 'topic' else self.source
        driver = NodeSpec('sawyer', {
            **task, 'control_hz': self.rate_hz, 'max_speed': self.max_speed, 'socket': socket,
            'camera': source if source in ARM_CAMERAS else '', 'fake': self.fake,
            'side_command': self.side_command, 'robot_host': self.robot_host,
            'ros_ip': self.ros_ip, 'dry_run': self.dry_run})
        fake = [NodeSpec('fake_robot', {**task, 'socket': socket})] if self.fake else []
        return [*fake, driver, camera(self, source, self.rate_hz, socket),
                *self.chain(resume_after_abort=False, required=self.links(['sawyer', 'camera']),
                            guard={'max_speed': self.max_speed})]


@dataclass(frozen=True)
class Trainer(Deployment):
    """A machine that only learns, from the episodes that the graph's recorder announces."""

    run: str = 'runs/latest'
    """Folder for episodes, checkpoints and logs."""

    def nodes(self) -> list[NodeSpec]:
        """Return the trainer node."""
        return [trainer(self)]


@dataclass(frozen=True)
class Camera(Deployment):
    """A machine that only looks: to aim a camera and to take goal pictures."""

    source: str = '0'
    """The camera: `topic` (a driver publishes camera/image_raw), a device number or a file."""
    control_hz: float = 0.0
    """Frames per second; 0 means the task's own rate."""

    def nodes(self) -> list[NodeSpec]:
        """Return the camera node."""
        return [camera(self, self.source, self.control_hz)]


@dataclass(frozen=True)
class Markers(Deployment):
    """What RViz and Foxglove draw of a running graph."""

    def nodes(self) -> list[NodeSpec]:
        """Return the node that draws."""
        return [NodeSpec('markers', {'task': self.model['task']})]


def camera(settings_: Deployment, source: str, control_hz: float,
           arm_socket: str = 'arm') -> NodeSpec:
    """Return the camera node for a real camera."""
    return NodeSpec('camera', {**settings_.model, 'source': source, 'control_hz': control_hz,
                               'arm_socket': arm_socket})


def trainer(settings_: Acting | Trainer) -> NodeSpec:
    """Return the trainer node."""
    return NodeSpec('trainer', {**settings_.model, 'directory': settings_.run}, required=False)


DEPLOYMENTS: dict[str, type[Deployment]] = {
    'sim': Simulation, 'robot': Robot, 'trainer': Trainer, 'camera': Camera,
    'markers': Markers}


def deployment(name: str, values: Mapping[str, object] | None = None) -> Deployment:
    """Return the settings of a deployment, checked.

    Args:
        name: sim, robot, trainer, camera or markers.
        values: settings by name; the rest keep their defaults.

    Raises:
        ConfigError: unknown deployment or setting, or a value that is not allowed.
    """
    require(name in DEPLOYMENTS, 'deployment', name, f'one of {sorted(DEPLOYMENTS)}')
    return settings.from_mapping(DEPLOYMENTS[name], dict(values or {}), f'deployment {name}')


def from_texts(name: str, texts: Mapping[str, str]) -> Deployment:
    """Return the settings of a deployment from texts, as launch arguments are.

    Args:
        name: sim, robot, trainer, camera or markers.
        texts: settings by name; names that the deployment has not are left out.

    Raises:
        ConfigError: a text that is not of its setting's type, or a value that is not allowed.
    """
    require(name in DEPLOYMENTS, 'deployment', name, f'one of {sorted(DEPLOYMENTS)}')
    values: dict[str, object] = {}
    for known in dataclasses.fields(DEPLOYMENTS[name]):
        if known.name in texts:
            values[known.name] = _from_text(known.name, texts[known.name], type(known.default))
    return deployment(name, values)


def _from_text(name: str, text: str, kind: type) -> object:
    if kind is bool:
        require(text in ('true', 'false'), name, text, "one of ['true', 'false']")
        return text == 'true'
    try:
        return kind(text)
    except ValueError as error:
        raise ConfigError(f'{name}: got {text!r}, allowed: {WORDS[kind]}') from error


def ros_arguments(spec: NodeSpec, chosen: Deployment) -> list[str]:
    """Return what follows `--ros-args` for a node started without launch."""
    parameters: dict[str, Parameter] = {'use_sim_time': chosen.simulated_time, **spec.parameters}
    arguments = ['--params-file', str(chosen.parameter_file), '--log-level', chosen.log_level,
                 '--disable-external-lib-logs', *enclave_arguments(spec.name)]
    if chosen.namespace:
        arguments += ['-r', f'__ns:=/{chosen.namespace.strip("/")}']
    for key, value in parameters.items():
        arguments += ['-p', f'{key}:={_yaml(value)}']
    return arguments


def _yaml(value: Parameter) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
