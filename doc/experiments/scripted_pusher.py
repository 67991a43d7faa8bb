"""How far pushing goes at all: a scripted pusher that is given true positions.

It tries its next move in the simulator before it makes it: for each puck, go behind it and push it
towards its goal, for several lengths of time; of all these the one that gains most for each step.
In the end the hand goes to its own goal. What it does not reach need not be out of reach, but a
policy that comes near to it has little left to learn.

usage: scripted_pusher.py TASK [PUCKS] [GOALS]
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from rig_ros.control import task as tasks
from rig_ros.simulation.environment import Goal
from rig_ros.simulation.state_environment import SawyerStateEnv

Array = npt.NDArray[np.float64]
BEHIND = 0.062
"""[m] between the middles of hand and puck, when the hand is about to push: 4 mm apart."""
LENGTHS = (12, 20, 30)
"""Steps after which a move may end, the last of them at most."""
WORTHLESS = 1e-4
"""[m] for each step: a move that gains no more is not made."""


class Pusher:
    """Reaches goals in one environment."""

    def __init__(self, env: SawyerStateEnv) -> None:
        self.env = env
        self.step = env.task.action_scale
        self.low, self.high = (np.array(corner[:2]) for corner in
                               (env.task.workspace_low, env.task.workspace_high))

    def reach(self, goal: Goal) -> dict[str, float]:
        """Do one episode and return what is left between the picture and the goal [m]."""
        self.env.begin(goal.start)
        left = self.env.task.horizon
        while left > 0 and (actions := self._best_move(goal, left)):
            for action in actions:
                self.env.act(action)
            left -= len(actions)
        for _ in range(left):
            self.env.act(self._around(np.array(goal.truth['hand'][:2])))
        return self.env.distance(goal)

    def _best_move(self, goal: Goal, left: int) -> list[Array]:
        """Return the actions of the move that gains most for each step, none if none gains."""
        before, error = self.env.world.state(), self._error(goal)
        tried: list[tuple[float, list[Array]]] = [(WORTHLESS, [])]
        for name in self._pucks():
            self.env.world.restore(before)
            actions: list[Array] = []
            for action in self._push(name, np.array(goal.truth[name][:2]),
                                     min(LENGTHS[-1], left)):
                self.env.act(action)
                actions.append(action)
                if len(actions) in LENGTHS:
                    tried.append(((error - self._error(goal)) / len(actions), actions.copy()))
            if actions:
                tried.append(((error - self._error(goal)) / len(actions), actions))
        self.env.world.restore(before)
        return max(tried, key=lambda move: move[0])[1]

    def _error(self, goal: Goal) -> float:
        distances = self.env.distance(goal)
        return sum(distances[name] for name in self._pucks())

    def _pucks(self) -> dict[str, Array]:
        return {name: np.array(place[:2]) for name, place in self.env.world.ground_truth().items()
                if name.startswith('puck')}

    def _hand(self) -> Array:
        return np.array(self.env.world.hand_position[:2])

    def _push(self, name: str, goal: Array, steps: int) -> Iterator[Array]:
        """Give the actions that bring a puck to its goal, one by one, as the world answers."""
        pushing = False
        for _ in range(steps):
            puck, hand = self._pucks()[name], self._hand()
            way = goal - puck
            if np.linalg.norm(way) < 0.006:
                return
            way = way / np.linalg.norm(way)
            behind = np.clip(puck - way * BEHIND, self.low, self.high)
            to_puck = puck - hand
            pushing = (to_puck @ way > 0.5 * np.linalg.norm(to_puck) if pushing
                       else bool(np.linalg.norm(hand - behind) < 0.012))
            if pushing:
                beside = -to_puck + (to_puck @ way) * way
                until = np.clip(goal - way * (BEHIND - 0.004), self.low, self.high)
                yield np.clip((until - hand - 0.5 * beside) / self.step, -1, 1)
            else:
                yield self._around(behind)

    def _around(self, target: Array) -> Array:
        """Return the action that goes to a place and slides along the pucks in the way."""
        hand = self._hand()
        way, far = target - hand, float(np.linalg.norm(target - hand))
        for puck in self._pucks().values():
            away, apart = hand - puck, float(np.linalg.norm(hand - puck))
            if apart > BEHIND + self.step or far < 1e-4 or way @ away >= 0:
                continue
            away = away / apart
            along = way - (way @ away) * away
            if np.linalg.norm(along) < 0.3 * far:  # straight against it: take a side
                along = np.array([-away[1], away[0]]) * (1 if way[1] * away[0] >=
                                                         way[0] * away[1] else -1)
            way = (along / np.linalg.norm(along) * min(far, self.step)
                   + away * max(0, BEHIND - apart))
        return np.clip(way / max(self.step, float(np.linalg.norm(way))), -1, 1)


def main(name: str, pucks: str = '', goals: str = '50') -> None:
    """Print the means over held-out goals."""
    task = tasks.load(name)
    if pucks:
        task = dataclasses.replace(task, pucks_present=(int(pucks), int(pucks)))
    env = SawyerStateEnv(task)
    pusher, held_out = Pusher(env), env.held_out_goals(int(goals))
    final = [pusher.reach(goal) for goal in held_out]
    start = [env.do_nothing(goal) for goal in held_out]
    for key in final[0]:
        ends, starts = ([one[key] for one in many if key in one] for many in (final, start))
        print(f'{key}: {np.mean(ends):.4f} m, doing nothing {np.mean(starts):.4f} m')


if __name__ == '__main__':
    main(*sys.argv[1:])
