"""A task seen as true positions instead of pictures, for comparisons."""

from __future__ import annotations

import dataclasses
from functools import cached_property

import numpy.typing as npt

from rig_ros.simulation.environment import Goal, SawyerEnv
from rig_ros.simulation.layout import Layout
from rig_ros.simulation.states import Array32, StateVectors


class SawyerStateEnv(SawyerEnv):
    """`SawyerEnv` whose observations are state vectors; see `states`. Steps draw no picture."""

    @cached_property
    def _vectors(self) -> StateVectors:
        return StateVectors(self.task)

    @property
    def state_dim(self) -> int:
        """Length of an observation."""
        return self._vectors.state_size

    def observe(self) -> Array32:
        """Return the state vector. Shape (state_dim,)."""
        return self._vectors.state(self.world.ground_truth(), self.world.opening)

    def picture_goal(self, hand: npt.ArrayLike, layout: Layout | None = None,
                     start: Layout | None = None) -> Goal:
        """Do what `SawyerEnv.picture_goal` does; the goal's observation is its state."""
        goal = super().picture_goal(hand, layout, start)
        with self._elsewhere():
            self.world.place(hand, layout)
            return dataclasses.replace(goal, observation=self.observe())
