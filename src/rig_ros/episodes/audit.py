"""What a recording lacks, judged while it is made: lost and silent topics, gaps, clock jumps.

The audit is written into the file as the MCAP metadata record `rig_ros_audit` and announced with
it, so that a bad recording is known while the robot still stands where it was made. Stamps in
nanoseconds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np

from rig_ros.episodes import schema

RECORD = 'rig_ros_audit'
GAP_FACTOR = 1.5
"""A pause longer than this many median intervals is a gap."""
SILENT_S = 1.0
"""A stream whose last message is this much older than the newest of all fell silent."""
CLOCK_JUMP_S = 0.2
"""The system clock jumped when it moves this much against the monotonic one."""
NEEDED = (schema.IMAGE, schema.COMMAND)
"""Without these there are no transitions."""
_NANO = 1e-9


@dataclass(frozen=True)
class Spacing:
    """How the stamps of a topic follow each other."""

    rate_hz: float = 0.0
    """By the median interval; 0 for fewer than two messages."""
    gaps: int = 0
    longest_gap_s: float = 0.0


def spacing(stamps_ns: list[int]) -> Spacing:
    """Return rate and gaps of stamps in any order."""
    intervals = np.diff(np.sort(np.array(stamps_ns, dtype=np.float64) * _NANO))
    if not len(intervals):
        return Spacing()
    median = float(np.median(intervals))
    gaps = int((intervals > GAP_FACTOR * median).sum()) if median > 0 else 0
    return Spacing(1 / median if median else 0.0, gaps, float(intervals.max()))


@dataclass(frozen=True)
class Audit:
    """What is to be said about one recording; mappings by topic of `schema.TOPICS`."""

    counts: dict[str, int] = field(default_factory=dict)
    lost: dict[str, int] = field(default_factory=dict)
    """Messages that were sent and did not arrive."""
    gaps: dict[str, int] = field(default_factory=dict)
    backwards: dict[str, int] = field(default_factory=dict)
    """Stamps older than the one before."""
    silent: tuple[str, ...] = ()
    """Streams without any message though there were some before or must be some."""
    stopped: dict[str, float] = field(default_factory=dict)
    """Streams that ended so many seconds before the recording did."""
    clock_jumps_s: tuple[float, ...] = ()
    """Of this machine's clock while recording, forward positive."""

    @property
    def findings(self) -> list[str]:
        """What is wrong, in words; empty when nothing is."""
        found = [f'{count} messages lost on {topic}' for topic, count in self.lost.items()]
        found += [f'{count} gaps on {topic}' for topic, count in self.gaps.items()]
        found += [f'{count} stamps back in time on {topic}'
                  for topic, count in self.backwards.items()]
        found += [f'no message on {topic}' for topic in self.silent]
        found += [f'{topic} ended {seconds:.1f} s early' for topic, seconds in
                  self.stopped.items()]
        return found + [f'the clock jumped by {jump:+.2f} s' for jump in self.clock_jumps_s]

    def as_record(self) -> dict[str, str]:
        """Return the content of the metadata record."""
        return {key: json.dumps(value) for key, value in asdict(self).items()}


def from_record(record: Mapping[str, str]) -> Audit:
    """Return the audit of a metadata record; keys it does not know are left out.

    Raises:
        ValueError: a value that is not JSON.
    """
    known: dict[str, Any] = {k: json.loads(v) for k, v in record.items()
                             if k in Audit.__dataclass_fields__}
    for key in ('silent', 'clock_jumps_s'):
        known[key] = tuple(known.get(key, ()))
    return Audit(**known)


class ClockWatch:
    """Notices that the system clock was set while time went on."""

    def __init__(self, system_ns: int, monotonic_s: float) -> None:
        self._offset_ns = system_ns - round(monotonic_s / _NANO)

    def jump_ns(self, system_ns: int, monotonic_s: float) -> int:
        """Return how far the clock jumped since the last call; 0 when it did not."""
        offset = system_ns - round(monotonic_s / _NANO)
        jump, self._offset_ns = offset - self._offset_ns, offset
        return jump if abs(jump) > CLOCK_JUMP_S / _NANO else 0


class Auditor:
    """Watches the messages of one recording."""

    def __init__(self) -> None:
        self.clock_jumps_s: list[float] = []
        self._counts: dict[str, int] = {}
        self._stamps: dict[str, list[int]] = {}
        self._backwards: dict[str, int] = {}
        self._sequences: dict[str, int] = {}
        self._lost: dict[str, int] = {}

    def see(self, name: str, stamp_ns: int = 0, sequence: int = 0) -> None:
        """Note one recorded message.

        Args:
            name: of `schema.TOPICS`.
            stamp_ns: of its header; 0 where it has none.
            sequence: the publisher's count; 0 where not known.
        """
        self._counts[name] = self._counts.get(name, 0) + 1
        if schema.BY_NAME[name].latched:
            return
        last = self._sequences.get(name, 0)
        if sequence and last and sequence > last + 1:
            self._lost[name] = self._lost.get(name, 0) + sequence - last - 1
        self._sequences[name] = sequence
        if stamp_ns:
            stamps = self._stamps.setdefault(name, [])
            if stamps and stamp_ns < stamps[-1]:
                self._backwards[name] = self._backwards.get(name, 0) + 1
            stamps.append(stamp_ns)

    def finish(self, heard_before: set[str]) -> Audit:
        """Return the audit.

        Args:
            heard_before: streams that earlier recordings of this process held.
        """
        end = max((max(stamps) for stamps in self._stamps.values()), default=0)
        stopped = {name: _NANO * (end - max(stamps)) for name, stamps in self._stamps.items()}
        gaps = {name: spacing(stamps).gaps for name, stamps in self._stamps.items()}
        wanted = heard_before.union(NEEDED)
        return Audit(
            dict(self._counts), dict(self._lost), {n: g for n, g in gaps.items() if g},
            dict(self._backwards), tuple(sorted(wanted - self._counts.keys())),
            {n: round(s, 3) for n, s in stopped.items() if s > SILENT_S},
            tuple(round(jump, 3) for jump in self.clock_jumps_s))

    @property
    def streams(self) -> set[str]:
        """Names of the streams heard."""
        return set(self._sequences)
