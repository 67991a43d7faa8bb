"""What the policy node decides: which picture to answer, with which action, or why with none.

One command per picture, never two. Outside episodes it is silent, and so it is whenever it has a
doubt (a latent or goal of another encoder, a stale picture, no goal): the guard turns silence into
standing still. Stamps are nanoseconds of the picture; velocities are m/s in `base`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from rig_ros.control.action import OrnsteinUhlenbeck, SmoothRandomActions, action_to_velocity
from rig_ros.control.task import TaskConfig
from rig_ros.errors import DataError, ModelMismatch

Float32 = NDArray[np.float32]
Mode = Literal['collect', 'practise', 'reach']
MODES: tuple[Mode, ...] = ('collect', 'practise', 'reach')

FUTURE_S = 1.0
"""A picture may be this much younger than the clock: simulated time arrives by another message."""

PAUSE_PERIODS = 2.5
"""Without an answer for so long [control periods] the arm stands still; a lost picture is less."""


class LatentLike(Protocol):
    """A point of a latent space, with the picture's stamp."""

    @property
    def mean(self) -> Float32:
        """Shape (dim,)."""

    @property
    def encoder_id(self) -> str:
        """Which space it lives in."""

    @property
    def stamp_ns(self) -> int:
        """Of the picture."""


class PilotManifest(Protocol):
    """The fact of a model the pilot checks."""

    @property
    def encoder_id(self) -> str:
        """Hash of the encoder."""


class PilotModel(Protocol):
    """The part of a bundle the pilot uses."""

    bundle_id: str

    @property
    def manifest(self) -> PilotManifest:
        """Verified facts."""

    def begin(self) -> None:
        """An episode begins."""

    def act(self, latent: Float32, goal: Float32) -> Float32:
        """Return the deterministic action, (n,) in [-1, 1]."""


@dataclass(frozen=True)
class Exploration:
    """Ornstein-Uhlenbeck noise: added to actions in practice, or all there is in collecting."""

    theta: float = 0.15
    sigma: float = 0.3
    random_sigma: float = 0.6


@dataclass(frozen=True)
class Command:
    """A requested hand velocity [m/s] and the picture that it answers."""

    velocity: NDArray[np.float64]
    stamp_ns: int


@dataclass(frozen=True)
class Stance:
    """What the pilot does and why: `waiting` is expected, `refusing` is somebody's fault."""

    kind: Literal['idle', 'acting', 'waiting', 'refusing']
    message: str


class Pilot:
    """Feed it what arrives, then ask `decide`."""

    def __init__(self, task: TaskConfig, exploration: Exploration, stale_s: float,
                 rng: np.random.Generator) -> None:
        """Start idle, without model and goal.

        Args:
            task: axes, scale and rate.
            exploration: noise in practice.
            stale_s: a picture older than this is not answered [s].
            rng: for random actions and noise.
        """
        self._task = task
        self._stale_s = stale_s
        self._noise = OrnsteinUhlenbeck(task.action_dim, exploration.theta, exploration.sigma, rng)
        self._random = SmoothRandomActions(task.action_dim, rng, exploration.theta,
                                           exploration.random_sigma)
        self._model: PilotModel | None = None
        self._mode: Mode | None = None
        self._bundle_id = ''
        self._goal: LatentLike | None = None
        self._latent: LatentLike | None = None
        self._frame_ns = 0
        self._answered_ns = 0
        self._since_ns = 0
        self._begins = False
        self.stance = Stance('idle', 'no episode')

    def use_model(self, model: PilotModel | None) -> None:
        """Change the policy."""
        self._model = model

    @staticmethod
    def is_random(mode: str, bundle_id: str) -> bool:
        """Return whether an episode is driven by random actions, for want of a model or not."""
        return mode == 'collect' or (mode == 'practise' and not bundle_id)

    def begin(self, mode: str, bundle_id: str, since_ns: int = 0) -> None:
        """An episode starts.

        Args:
            mode: collect, practise or reach.
            bundle_id: the bundle of this episode; empty means any, and in practice none yet.
            since_ns: stamp of its first picture; older ones show the world before the reset.

        Raises:
            DataError: another mode.
        """
        if mode not in MODES:
            self.finish()
            raise DataError(f'episode mode: got {mode!r}, allowed: {list(MODES)}; update the '
                            'episode node')
        self._mode = mode
        self._bundle_id = bundle_id
        self._since_ns = since_ns
        self._begins = True
        self._noise.reset()
        self._random.reset()

    def finish(self) -> None:
        """The episode is over, or about to be prepared: be silent."""
        self._mode = None
        self.stance = Stance('idle', 'no episode')

    def set_goal(self, goal: LatentLike | None) -> None:
        """Take the active goal, or None when it was cleared."""
        self._goal = goal

    def see(self, latent: LatentLike) -> None:
        """Take the newest latent."""
        self._latent = latent

    def see_frame(self, stamp_ns: int) -> None:
        """Take the newest picture's stamp: what random actions answer."""
        self._frame_ns = stamp_ns

    def decide(self, now_ns: int) -> Command | None:
        """Return the command for the newest picture that has none, or None.

        Raises:
            ModelMismatch: the model's action is not finite or has another length.
        """
        if self._mode is None:
            return None
        if self.is_random(self._mode, self._bundle_id):
            return self._explore(now_ns)
        doubt = self._doubt()
        if doubt is not None:
            self.stance = doubt
            self._begins = True  # the arm stands still; no action from before is to go on
            return None
        assert self._model is not None
        assert self._goal is not None
        assert self._latent is not None
        if not self._is_due(self._latent.stamp_ns, now_ns):
            return None
        if self._begins or self._paused(self._latent.stamp_ns):
            self._model.begin()
            self._begins = False
        action = np.asarray(self._model.act(self._latent.mean, self._goal.mean))
        if action.shape != (self._task.action_dim,) or not np.isfinite(action).all():
            raise ModelMismatch(f'action: got {action}, allowed: {self._task.action_dim} finite '
                                'numbers; go back to an earlier bundle')
        if self._mode == 'practise':
            action = action + self._noise.sample()
        return self._answer(action, self._latent.stamp_ns)

    def _doubt(self) -> Stance | None:
        """Return why the model must not act now, or None."""
        model, goal, latent = self._model, self._goal, self._latent
        if model is None or (self._bundle_id and model.bundle_id != self._bundle_id):
            found = 'no model' if model is None else f'model {model.bundle_id[:12]}'
            return Stance('refusing', f"{found} is active, allowed: the episode's "
                          f'{self._bundle_id[:12] or "(any)"}; wait for the next reset')
        own = model.manifest.encoder_id
        for name, point in (('goal', goal), ('latent', latent)):
            if point is None:
                return Stance('waiting', f'waits for a {name}')
            if point.encoder_id != own:
                return Stance('refusing', f'{name} of encoder {point.encoder_id!r}, allowed: '
                              f'{own!r}; give encoder, goal and policy one bundle')
        return None

    def _explore(self, now_ns: int) -> Command | None:
        if not self._frame_ns:
            self.stance = Stance('waiting', 'waits for a picture')
            return None
        if not self._is_due(self._frame_ns, now_ns):
            return None
        return self._answer(self._random.sample(), self._frame_ns)

    def _is_due(self, stamp_ns: int, now_ns: int) -> bool:
        if stamp_ns == self._answered_ns or stamp_ns < self._since_ns:
            return False
        age_s = 1e-9 * (now_ns - stamp_ns)
        if not -FUTURE_S <= age_s <= self._stale_s:
            self.stance = Stance('refusing', f'newest picture is {age_s:.3f} s old, allowed: at '
                                 f'most {self._stale_s} s; check camera, clocks and load')
            self._begins = True  # as in doubt
            return False
        return True

    def _paused(self, stamp_ns: int) -> bool:
        """Return whether the answer before is so long ago that the arm has been stopped."""
        return 1e-9 * (stamp_ns - self._answered_ns) * self._task.control_hz > PAUSE_PERIODS

    def _answer(self, action: Float32, stamp_ns: int) -> Command:
        self._answered_ns = stamp_ns
        self.stance = Stance('acting', f'acts in mode {self._mode}')
        return Command(action_to_velocity(action, self._task), stamp_ns)
