"""A world for tests that needs no simulator: a white dot on black, moved by actions (x, y)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

SIZE = 48
START = (0.5, 0.1)
STEP = 0.1


@dataclass(frozen=True)
class DotGoal:
    """Where the dot should be, and the picture of it there."""

    place: np.ndarray
    image_hwc_u8: np.ndarray

    @property
    def observation(self) -> np.ndarray:
        return self.image_hwc_u8


def picture(place: np.ndarray) -> np.ndarray:
    """Draw the dot; `place` is in [0, 1]^2, x to the right, y down."""
    image = np.zeros((SIZE, SIZE, 3), np.uint8)
    column, row = np.round(np.asarray(place) * (SIZE - 8)).astype(int)
    image[row:row + 8, column:column + 8] = 255
    return image


class DotWorld:
    """Has the methods of `simulation.environment.SawyerEnv` that training uses."""

    def __init__(self) -> None:
        self.place = np.array(START)
        self.steps = 0

    def reset(self, goal: Any = None) -> np.ndarray:
        self.place = np.array(START)
        return picture(self.place)

    def step(self, action: np.ndarray) -> np.ndarray:
        assert np.abs(action).max() <= 1
        self.steps += 1
        self.place = np.clip(self.place + STEP * action, 0, 1)
        return picture(self.place)

    def picture(self) -> np.ndarray:
        return picture(self.place)

    def goal(self, place: Any) -> DotGoal:
        return DotGoal(np.asarray(place, float), picture(place))

    def held_out_goals(self, count: int, seed: int = 0) -> list[DotGoal]:
        rng = np.random.default_rng(seed)
        return [self.goal(rng.uniform(size=2)) for _ in range(count)]

    def distance(self, goal: DotGoal) -> dict[str, float]:
        return {'hand': float(np.linalg.norm(self.place - goal.place))}


class Seer:
    """An agent whose latent is the dot's place, read from the picture."""

    def encode(self, image: np.ndarray) -> tuple[np.ndarray, None]:
        rows, columns = np.nonzero(image[..., 0])
        return np.array([columns.min(), rows.min()], np.float32) / (SIZE - 8), None

    def begin(self) -> None:
        pass

    def act(self, latent: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return np.clip((goal - latent) / STEP, -1, 1)


class Sleeper(Seer):
    """Never moves."""

    def act(self, latent: np.ndarray, goal: np.ndarray) -> np.ndarray:
        return np.zeros(2, np.float32)
