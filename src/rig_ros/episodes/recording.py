"""Decides which messages belong to which recording; the recorder node without ROS.

A recording opens at an episode's `reset` and closes a short grace after `end` or `abort`, or when
the next episode begins. Latched messages are kept and open every file, so that each stands alone.
After a restart the latched history of events is replayed: it only tells which episode is under
way, and that one is taken up again in a file of its own. A full disk ends the recording with all
whole steps safe; the next episode tries again. Seconds are of a monotonic clock.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from rig_ros.episodes import messages, recovery, schema
from rig_ros.episodes.append_file import MIB, free_bytes
from rig_ros.episodes.messages import Event
from rig_ros.episodes.store import EpisodeFile, EpisodeWriter
from rig_ros.errors import DataError, HardwareError, RigError

logger = logging.getLogger(__name__)

SETTLE_S = 0.5
"""How long after the start latched history may still arrive."""


@dataclass(frozen=True)
class Arrival:
    """One received message."""

    topic: str
    """Resolved name."""
    cdr: bytes
    log_ns: int
    """When it was received, by the graph's clock."""
    publish_ns: int
    """When it was sent, by the sender's system clock."""


@dataclass(frozen=True)
class FinishedEpisode:
    """A closed recording and what its events said."""

    file: EpisodeFile
    facts: dict[str, str]


@dataclass
class Counters:
    """What happened since the start."""

    episodes: int = 0
    recovered: int = 0
    broken_off: int = 0
    """Recordings the disk ended."""
    messages: int = 0
    images: int = 0
    bytes: int = 0
    """In finished recordings."""


@dataclass
class _Open:
    writer: EpisodeWriter
    episode_id: str
    facts: dict[str, str] = field(default_factory=dict)
    close_at_s: float | None = None


class EpisodeRecorder:
    """See the module. `finished` is called with every closed recording."""

    def __init__(self, folder: Path, task: str, finished: Callable[[FinishedEpisode], None], *,
                 grace_s: float = 0.3, min_free_mib: int = 200,
                 free: Callable[[Path], int] = free_bytes) -> None:
        """Prepare; nothing is opened.

        Args:
            folder: of the run; each episode gets a folder below it.
            task: name written into every recording.
            finished: called with each closed recording.
            grace_s: how long a file stays open after the episode ended.
            min_free_mib: an episode is not begun with less space on the disk.
            free: free bytes of the disk of a folder.
        """
        self.folder = folder
        self.counters = Counters()
        self.failure = ''
        """Why nothing is recorded now, '' when all is well."""
        self._task = task
        self._finished = finished
        self._grace_s = grace_s
        self._min_free = min_free_mib * MIB
        self._free = free
        self._open: _Open | None = None
        self._latched: dict[str, deque[Arrival]] = {
            t.name: deque(maxlen=t.depth) for t in schema.REPEATED}
        self._started_ns = 0
        self._settled_at_s = 0.0
        self._under_way: list[Arrival] = []

    @property
    def episode_id(self) -> str:
        """The episode being recorded, or ''."""
        return self._open.episode_id if self._open else ''

    @property
    def open_bytes(self) -> int:
        """Bytes of the open recording that a crash cannot take."""
        return self._open.writer.size if self._open else 0

    def start(self, system_ns: int, now_s: float) -> None:
        """Begin: restore what a crash left; events sent before `system_ns` are history.

        Raises:
            HardwareError: the folder cannot be made.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise HardwareError(f'{self.folder}: cannot be made ({error.strerror}); set '
                                '`directory` to a folder this user may write') from error
        self._started_ns = system_ns
        self._settled_at_s = now_s + SETTLE_S
        self._restore()

    def _restore(self) -> None:
        """Finish recordings that a crash or a full disk left unfinished."""
        try:
            reports = recovery.recover_unfinished(self.folder)
        except RigError as error:
            logger.warning('unfinished recordings stay as they are: %s', error)
            return
        for report in reports:
            if report.file is not None:
                self.counters.recovered += 1
                logger.info('%s: restored with %d pictures', report.file.path, report.file.images)
                self._finished(FinishedEpisode(report.file, {
                    'task': self._task, 'outcome': 'cut', 'recovered': 'true'}))

    def remember(self, arrival: Arrival) -> None:
        """Keep a latched message for the next file; anything else is dropped."""
        name = schema.local_name(arrival.topic)
        if name in self._latched:
            self._latched[name].append(arrival)

    def take(self, arrival: Arrival, now_s: float) -> None:
        """Handle one message of any recorded topic.

        Raises:
            DataError: an event that is none; it is not recorded.
        """
        name = schema.local_name(arrival.topic)
        if name == schema.EVENTS:
            for event in messages.decode_events(arrival.cdr):
                self._event(event, arrival, now_s)
            return
        self.remember(arrival)
        if self._open is None and self._under_way and now_s >= self._settled_at_s:
            self._take_up(now_s)
        self._write(arrival, name)

    def tick(self, now_s: float) -> None:
        """Close what is due and make everything so far safe; call about ten times a second."""
        if self._open is None:
            return
        if self._open.close_at_s is not None and now_s >= self._open.close_at_s:
            self.close()
            return
        try:
            self._open.writer.flush()
        except HardwareError as error:
            self._break_off(error)

    def _event(self, event: Event, arrival: Arrival, now_s: float) -> None:
        begins = event.kind in ('reset', 'start')
        if arrival.publish_ns < self._started_ns:
            earlier = self._under_way if event.kind == 'start' else []
            self._under_way = [*earlier, arrival] if begins else []
            return
        self._under_way = []
        current = self._open
        if begins and (current is None or current.episode_id != event.episode_id):
            self._begin(event)
        if self._open is None or self._open.episode_id != event.episode_id:
            return
        self._write(arrival, schema.EVENTS)
        if self._open is not None:
            self._note(self._open, event, now_s)

    def _note(self, current: _Open, event: Event, now_s: float) -> None:
        for key in ('mode', 'bundle_id', 'encoder_id', 'goal_id', 'reason'):
            if getattr(event, key):
                current.facts[key] = getattr(event, key)
        if event.kind in ('end', 'abort'):
            current.facts['outcome'] = event.kind
            current.close_at_s = now_s + self._grace_s

    def _take_up(self, now_s: float) -> None:
        """Go on with the episode that was under way when this process started."""
        arrivals, self._under_way = self._under_way, []
        events = [e for a in arrivals for e in messages.decode_events(a.cdr)]
        self._begin(events[-1])
        for arrival in arrivals:
            self._write(arrival, schema.EVENTS)
        if self._open is not None:
            self._open.facts['outcome'] = 'cut'
            for event in events:
                self._note(self._open, event, now_s)

    def _begin(self, event: Event) -> None:
        self.close()
        try:
            self._require_space()
            if self.failure:
                self._restore()
            name = self._free_name(event.episode_id)
            writer = EpisodeWriter(self.folder, name, {'task': self._task})
        except (HardwareError, DataError) as error:
            self._fail(error)
            return
        self.failure = ''
        self._open = _Open(writer, event.episode_id, {'task': self._task, 'outcome': 'cut'})
        for kept in [a for queue in self._latched.values() for a in queue]:
            self._write(kept, schema.local_name(kept.topic))

    def _require_space(self) -> None:
        free = self._free(self.folder)
        if free < self._min_free:
            raise HardwareError(
                f'{self.folder}: {free // MIB} MiB free, allowed: at least '
                f'{self._min_free // MIB} MiB to begin an episode; free space, or set '
                '`directory` to another disk or `min_free_mib` lower')

    def _free_name(self, episode_id: str) -> str:
        name, number = episode_id, 1
        while (self.folder / name).exists():
            number += 1
            name = f'{episode_id}-{number}'
        return name

    def _write(self, arrival: Arrival, name: str) -> None:
        if self._open is None:
            return
        try:
            self._open.writer.write(arrival.topic, arrival.cdr, arrival.log_ns,
                                    arrival.publish_ns)
        except HardwareError as error:
            self._break_off(error)
            return
        self.counters.messages += 1
        self.counters.images += name == schema.IMAGE

    def _break_off(self, error: HardwareError) -> None:
        current, self._open = self._open, None
        if current is not None:
            self.counters.broken_off += 1
            try:
                current.writer.close()
            except OSError as closing:
                logger.error('%s: could not be synced (%s)', current.writer.partial, closing)
        self._fail(error)

    def _fail(self, error: RigError) -> None:
        self.failure = str(error)

    def close(self) -> None:
        """Finish the open recording, if any; one without pictures is deleted."""
        current, self._open = self._open, None
        if current is None:
            return
        if current.writer.count(schema.IMAGE) == 0:
            current.writer.discard()
            return
        facts = {**current.facts, 'part_of': current.episode_id}
        try:
            file = current.writer.finish(**facts)
        except HardwareError as error:
            self._open = current
            self._break_off(error)
            return
        self.counters.episodes += 1
        self.counters.bytes += file.size
        self._finished(FinishedEpisode(file, facts))
