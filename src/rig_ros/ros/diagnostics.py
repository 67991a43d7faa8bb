"""What a node says about itself once a second: state by part, rates, stage latencies.

Names follow REP 107: `node: part`. A stage latency is the clock at publishing minus the message's
stamp, which is the stamp of the picture it derives from; in lockstep simulation that clock stands
still during a cycle, so `work` (seconds of real time spent in callbacks) is given beside it.
"""

from __future__ import annotations

import enum
import math
from collections import deque
from dataclasses import dataclass, field

from diagnostic_msgs.msg import DiagnosticStatus

from rig_ros.ros.conversions import to_status

SAMPLES = 2048


class Level(enum.IntEnum):
    """How bad it is; the values of diagnostic_msgs/DiagnosticStatus."""

    OK = 0
    WARN = 1
    ERROR = 2
    STALE = 3


def percentile(values: list[float], share: float) -> float:
    """Return the nearest-rank percentile of values, 0 <= share <= 1; NaN when empty."""
    if not values:
        return math.nan
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


@dataclass
class Meter:
    """Counts events and keeps their durations in seconds since the last `take`."""

    count: int = 0
    durations_s: deque[float] = field(default_factory=lambda: deque(maxlen=SAMPLES))

    def add(self, duration_s: float | None = None) -> None:
        """Count one event, with its duration where there is one."""
        self.count += 1
        if duration_s is not None:
            self.durations_s.append(duration_s)

    def take(self, name: str, period_s: float) -> dict[str, str]:
        """Return rate and percentiles as key/values, and start again.

        Args:
            name: prefix of the keys.
            period_s: time since the last call [s].
        """
        values = {f'{name} rate_hz': f'{self.count / max(period_s, 1e-9):.1f}'}
        durations = list(self.durations_s)
        if durations:
            values[f'{name} p50_ms'] = f'{1e3 * percentile(durations, 0.5):.2f}'
            values[f'{name} p99_ms'] = f'{1e3 * percentile(durations, 0.99):.2f}'
        self.count = 0
        self.durations_s.clear()
        return values


@dataclass
class _Part:
    level: Level
    message: str
    values: dict[str, object]


class StatusBoard:
    """The present state of each part of one node."""

    def __init__(self, node_name: str) -> None:
        self._node_name = node_name
        self._parts: dict[str, _Part] = {}

    def set(self, part: str, level: Level, message: str, values: dict[str, object]) -> bool:
        """Set the state of a part; return whether level or message changed."""
        before = self._parts.get(part)
        self._parts[part] = _Part(level, message, values)
        return before is None or (before.level, before.message) != (level, message)

    def level(self, part: str) -> Level | None:
        """Return the level of a part, or None when nothing was said about it."""
        found = self._parts.get(part)
        return None if found is None else found.level

    def statuses(self, extra: dict[str, str]) -> list[DiagnosticStatus]:
        """Return one status per part, and one of the figures in `extra`."""
        result = [to_status(f'{self._node_name}: {name}', part.values, message=part.message,
                            level=int(part.level)) for name, part in sorted(self._parts.items())]
        if extra:
            result.append(to_status(f'{self._node_name}: timing', extra, message='figures'))
        return result
