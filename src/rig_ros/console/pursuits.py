"""The queue of goals and what came of each: a pure state machine.

A goal is sent, an episode runs, its end or abort is the result. The queue goes on after an end and
waits for a person after an abort, because somebody should look first.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rig_ros.console.truth import Gap
from rig_ros.errors import DataError

MAX_QUEUE = 50
MAX_RESULTS = 50
PAUSE_S = 1.5
"""Between the end of an episode and the next goal."""
START_S = 30.0
"""A goal whose episode has not begun by then was not pursued."""


@dataclass
class Result:
    """What came of one goal."""

    id: str
    """Of the goal: the stamp of its picture [ns]."""
    label: str
    """Name in the library, or what the picture was."""
    saved: bool
    """Whether `label` names a goal of the library."""
    when: str
    outcome: str = 'sent'
    """sent, runs, end, abort or skipped."""
    reason: str = ''
    steps: int = 0
    distance: float | None = None
    """In latent space when the episode ended."""
    gap: Gap | None = None
    """How far things truly were from their places then; None without a simulation's word."""
    success: bool | None = None
    """A person's word; None while nobody said."""

    @property
    def attempt(self) -> dict[str, Any]:
        """What the library keeps of it."""
        kept = ('id', 'when', 'outcome', 'distance', 'gap', 'success')
        return {k: v for k, v in asdict(self).items() if k in kept}


class Pursuits:
    """See the module. Times are seconds of a monotonic clock."""

    def __init__(self) -> None:
        self.waiting: list[tuple[int, str]] = []
        """Number and name in the library, next first."""
        self.running = False
        self.note = ''
        self.results: deque[Result] = deque(maxlen=MAX_RESULTS)
        self._numbers = itertools.count(1)
        self._due_s = 0.0
        self._sent_s = 0.0

    @property
    def active(self) -> Result | None:
        """The goal that is being pursued."""
        return next((r for r in reversed(self.results) if r.outcome in ('sent', 'runs')), None)

    def add(self, name: str) -> None:
        """Put a goal at the end of the queue.

        Raises:
            DataError: the queue is full.
        """
        if len(self.waiting) >= MAX_QUEUE:
            raise DataError(f'queue: has {MAX_QUEUE} goals, which is the most; let it run first')
        self.waiting.append((next(self._numbers), name))

    def drop(self, number: int) -> None:
        """Take a goal out of the queue; nothing happens when it has gone already."""
        self.waiting = [item for item in self.waiting if item[0] != number]

    def run(self, now_s: float) -> None:
        """Work through the queue from now on.

        Raises:
            DataError: it is empty.
        """
        if not self.waiting:
            raise DataError('queue: is empty; add goals of the library first')
        self.running, self.note, self._due_s = True, '', now_s

    def pause(self, note: str = 'paused') -> None:
        """Send no further goal."""
        self.running, self.note = False, note

    def due(self, now_s: float) -> str | None:
        """Return the goal to send now, and take it out of the queue; None when there is none."""
        active = self.active
        if active is not None and active.outcome == 'sent' and now_s - self._sent_s > START_S:
            active.outcome, active.reason = 'skipped', 'no episode began'
            if self.running:
                self.pause(f'{active.label}: no episode began; is the mode reach?')
        if not self.running or self.active is not None or now_s < self._due_s:
            return None
        if not self.waiting:
            self.pause('done')
            return None
        return self.waiting.pop(0)[1]

    def sent(self, goal_id: str, label: str, saved: bool, when: str, now_s: float) -> Result:
        """Note that a goal was accepted by the graph."""
        before = self.active
        if before is not None and before.outcome == 'sent':
            before.outcome, before.reason = 'skipped', 'another goal came first'
        result = Result(goal_id, label, saved, when)
        self.results.append(result)
        self._sent_s = now_s
        return result

    def on_event(self, event: Mapping[str, str], distance: float | None, now_s: float,
                 gap: Gap | None = None) -> Result | None:
        """Take an episode event; return the result that is complete by it, if one is.

        Args:
            event: its key/values.
            distance: to the goal in latent space, now.
            now_s: of the clock.
            gap: how far things truly are from their places in the goal, now.
        """
        result = next((r for r in reversed(self.results) if r.id == event.get('goal_id')), None)
        kind = event.get('kind')
        if result is None or result.outcome not in ('sent', 'runs'):
            return None
        if kind == 'start':
            result.outcome = 'runs'
        if kind not in ('end', 'abort'):
            return None
        result.outcome, result.reason = str(kind), event.get('reason', '')
        result.steps = int(event.get('steps', 0))
        result.distance = None if distance is None else round(distance, 4)
        result.gap = gap
        self._due_s = now_s + PAUSE_S
        if kind == 'abort' and self.running:
            self.pause(f'{result.label}: aborted ({result.reason}); press Run to go on')
        return result

    def judge(self, goal_id: str, success: bool | None) -> Result:
        """Note a person's word on a result.

        Raises:
            DataError: there is no such result.
        """
        for result in self.results:
            if result.id == goal_id:
                result.success = success
                return result
        raise DataError(f'result {goal_id[:30]!r}: is not known any more; reload the page')

    @property
    def shown(self) -> dict[str, Any]:
        """What the page shows."""
        return {'waiting': [{'number': n, 'name': name} for n, name in self.waiting],
                'running': self.running, 'note': self.note,
                'results': [asdict(r) for r in reversed(self.results)][:20]}
