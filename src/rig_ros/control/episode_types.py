"""What goes into and comes out of the episode machine: settings, goal, actions, states."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal

from rig_ros.settings import require

Kind = Literal['reset', 'start', 'end', 'abort']
Mode = Literal['collect', 'practise', 'reach']
MODES: tuple[Mode, ...] = ('collect', 'practise', 'reach')


@dataclass(frozen=True)
class EpisodeConfig:
    """What an episode is. Times in seconds of a real clock."""

    mode: Mode
    task: str
    horizon: int
    """Steps; an episode has one picture more."""
    session: str
    """Prefix of the episode ids of this process."""
    model_nodes: tuple[str, ...] = ('encoder', 'goal', 'policy')
    """Nodes that must have swapped to the bundle before an episode starts."""
    resume: bool = False
    """Begin by itself, and go on after an abort other than an e-stop. Simulation only."""
    max_lead_steps: int = 0
    """Begin no episode while more steps wait for the trainer; 0 never waits. Simulation only."""
    picture_after_reply: bool = True
    """Wait for a picture that came after the reset's reply; in lockstep none would come."""
    camera_silence_s: float = 0.5
    command_silence_s: float = 1.0
    swap_timeout_s: float = 10.0
    reset_timeout_s: float = 60.0
    imagine_timeout_s: float = 5.0
    picture_timeout_s: float = 5.0

    def __post_init__(self) -> None:
        require(self.mode in MODES, 'mode', self.mode, f'one of {list(MODES)}')
        require(self.horizon >= 1, 'horizon', self.horizon, 'at least 1 step')
        require(bool(self.model_nodes), 'model_nodes', self.model_nodes, 'at least one node')


@dataclass(frozen=True)
class Goal:
    """The active goal as `goal/latent` states it."""

    goal_id: str
    encoder_id: str


@dataclass(frozen=True)
class Emit:
    """Publish an episode event. Without a stamp it carries the time of publishing."""

    kind: Kind
    episode_id: str
    mode: Mode
    task: str
    horizon: int
    steps: int
    bundle_id: str
    encoder_id: str
    goal_id: str
    reason: str
    stamp_ns: int | None = None

    @property
    def values(self) -> dict[str, str]:
        """The key/values of the message."""
        names = ('kind', 'episode_id', 'mode', 'task', 'horizon', 'steps', 'bundle_id',
                 'encoder_id', 'goal_id', 'reason')
        return {name: str(getattr(self, name)) for name in names}


@dataclass(frozen=True)
class Call:
    """Call a service; answer with `on_answer(token, ...)`."""

    service: Literal['reset', 'imagine']
    token: int
    timeout_s: float


Action = Emit | Call


class State(enum.Enum):
    """Where the machine is; the value is what it waits for."""

    IDLE = 'a start'
    CHOOSING = 'a model that all nodes have'
    SWAPPING = 'the nodes to use the model'
    RESETTING = 'the reset'
    IMAGINING = 'an imagined goal'
    GOAL = 'the goal in the latent space of the model'
    PICTURE = 'a picture taken after the reset'
    RUNNING = 'the end of the episode'
