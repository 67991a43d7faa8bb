"""Which goal is active: pictures are checked, settle, are encoded; doubtful ones are refused.

A picture becomes the goal after a short settling time. A second, different picture within that
time means that two people set goals at once: both are refused and there is no goal, because
nobody can say which was meant. Times are seconds of a monotonic clock; goal ids are the picture's
stamp in nanoseconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from rig_ros.errors import DataError, ModelMismatch, RigError
from rig_ros.vision.image import Picture, check_goal

Latent = NDArray[np.float32]


class GoalManifest(Protocol):
    """The facts of a model the desk uses."""

    @property
    def encoder_id(self) -> str:
        """Hash of the encoder."""

    @property
    def image_size(self) -> int:
        """Height and width of its pictures [px]."""


class GoalModel(Protocol):
    """The part of a bundle the desk uses."""

    @property
    def manifest(self) -> GoalManifest:
        """Verified facts."""

    def encode(self, image_hwc_u8: Picture) -> tuple[Latent, Latent]:
        """Return mean and log-variance of a picture's latent."""

    def decode(self, latent: Latent) -> Picture:
        """Return the picture of a latent."""

    def imagine(self, rng: np.random.Generator) -> Latent:
        """Draw a goal latent."""


@dataclass(frozen=True)
class Goal:
    """An active goal."""

    goal_id: int
    """Stamp of its picture, or when it was imagined [ns]."""
    picture: Picture
    """What the operator sent, or the decoded imagined latent."""
    mean: Latent
    log_variance: Latent
    encoder_id: str
    imagined: bool


@dataclass(frozen=True)
class _Waiting:
    picture: Picture
    goal_id: int
    due_s: float


class GoalDesk:
    """Decides which goal is active; `revision` grows whenever that changes."""

    def __init__(self, image_size: int, settle_s: float, rng: np.random.Generator) -> None:
        """Start without goal and model.

        Args:
            image_size: of goal pictures before a model says so [px].
            settle_s: how long a picture waits for a contradiction [s].
            rng: draws imagined goals.
        """
        self._image_size = image_size
        self._settle_s = settle_s
        self._rng = rng
        self._model: GoalModel | None = None
        self._waiting: _Waiting | None = None
        self._quarrel_until_s = float('-inf')
        self.active: Goal | None = None
        self.revision = 0
        self.problem = ''
        """Why the last picture was refused, or what the desk waits for; empty when all is well."""

    @property
    def due_s(self) -> float | None:
        """When `tick` has something to do, on the caller's clock; None when nothing waits."""
        return self._waiting.due_s if self._waiting and self._model else None

    @property
    def is_waiting(self) -> bool:
        """Whether a good picture waits to become the goal."""
        return self._waiting is not None

    def use_model(self, model: GoalModel | None) -> None:
        """Change the encoder; the active goal's picture is encoded anew and keeps its id."""
        self._model = model
        if self.active is None:
            return
        if model is None:
            self.clear('the model was withdrawn')
            return
        try:
            check_goal(self.active.picture, model.manifest.image_size)
            self._activate(self.active.picture, self.active.goal_id, self.active.imagined)
        except RigError as error:
            self.refuse(str(error))

    def offer(self, picture: Picture, goal_id: int, now_s: float) -> None:
        """Take the operator's picture; it may be refused, see `problem`."""
        size = self._model.manifest.image_size if self._model else self._image_size
        try:
            check_goal(picture, size)
        except DataError as error:
            self.refuse(str(error))
            return
        waiting = self._waiting
        repeated = waiting is not None and np.array_equal(waiting.picture, picture)
        if now_s < self._quarrel_until_s or (waiting is not None and now_s < waiting.due_s
                                             and not repeated):
            self._quarrel_until_s = now_s + self._settle_s
            self.refuse(f'two goals at once: different pictures within {self._settle_s} s, '
                        'allowed: one; agree on a goal and send it again')
        elif not repeated:
            self._waiting = _Waiting(picture, goal_id, now_s + self._settle_s)
            self.problem = '' if self._model else 'the goal waits for a model'

    def tick(self, now_s: float) -> None:
        """Make a settled picture the goal."""
        waiting = self._waiting
        if waiting is None or self._model is None or now_s < waiting.due_s:
            return
        self._waiting = None
        try:
            check_goal(waiting.picture, self._model.manifest.image_size)
            self._activate(waiting.picture, waiting.goal_id, imagined=False)
        except RigError as error:
            self.refuse(str(error))

    def imagine(self, goal_id: int) -> Goal:
        """Draw a goal from the model's own prior and make it active at once.

        Raises:
            ModelMismatch: there is no model yet.
        """
        if self._model is None:
            raise ModelMismatch('goal/imagine: there is no model yet, allowed: after a bundle is '
                                'active; train first or start with bundle:=FILE')
        mean = self._model.imagine(self._rng)
        picture = self._model.decode(mean)
        goal = Goal(self._fresh_id(goal_id), picture, mean, np.zeros_like(mean),
                    self._model.manifest.encoder_id, imagined=True)
        self._set(goal)
        return goal

    def clear(self, reason: str = '') -> None:
        """Drop the active and the waiting goal."""
        self._waiting = None
        self.problem = reason
        if self.active is not None:
            self.active = None
            self.revision += 1

    def refuse(self, reason: str) -> None:
        """Refuse a picture: there is no goal until a good one comes."""
        self.clear(reason)

    def _activate(self, picture: Picture, goal_id: int, imagined: bool) -> None:
        assert self._model is not None
        mean, log_variance = self._model.encode(picture)
        if not (np.isfinite(mean).all() and np.isfinite(log_variance).all()):
            raise DataError('goal latent: NaN or infinite, allowed: finite; change the model')
        same = self.active is not None and self.active.picture is picture
        self._set(Goal(goal_id if same else self._fresh_id(goal_id), picture, mean, log_variance,
                       self._model.manifest.encoder_id, imagined))

    def _fresh_id(self, goal_id: int) -> int:
        """Return an id that differs from the active goal's."""
        return goal_id + 1 if self.active and self.active.goal_id == goal_id else goal_id

    def _set(self, goal: Goal) -> None:
        self.active = goal
        self.revision += 1
        self.problem = ''
