"""Decides which messages belong to which recording; the recorder node without ROS.

A recording opens at an episode's `reset` and closes after `end`, `abort` or the next episode's
`reset`. Topics queue separately, so an event can overtake pictures that were taken before it:
streams are therefore told apart by their stamps, and a file stays open until a picture from after
its end has come, and a short grace. Latched messages are kept and open every file, so that each
stands alone.

After a restart the latched history of events is replayed: it only tells which episode is under
way, and that one is taken up again in a file of its own. A full disk ends the recording with all
whole steps safe; the next episode tries again. Seconds are of a monotonic clock.
"""

from __future__ import annotations

import logging
import math
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from rig_ros.episodes import messages, recovery, schema
from rig_ros.episodes.audit import RECORD, Audit, Auditor, ClockWatch
from rig_ros.episodes.messages import Event
from rig_ros.episodes.space import Space
from rig_ros.episodes.store import EpisodeFile, EpisodeWriter
from rig_ros.errors import DataError, HardwareError, RigError

logger = logging.getLogger(__name__)

SETTLE_S = 0.5
"""How long after the start latched history may still arrive."""
DRAIN_S = 3.0
"""How long pictures from before an episode's end are waited for."""


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
    sequence: int = 0
    """The sender's count of its messages; 0 where not known."""


@dataclass(frozen=True)
class FinishedEpisode:
    """A closed recording and what its events said."""

    file: EpisodeFile
    facts: dict[str, str]
    audit: Audit = field(default_factory=Audit)


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
    lost: int = 0
    """Messages that were sent during a recording and did not arrive."""


@dataclass
class _Open:
    """A file being written."""

    writer: EpisodeWriter
    episode_id: str
    begin_ns: int
    """Streams with an older stamp belong to an earlier episode."""
    facts: dict[str, str]
    auditor: Auditor = field(default_factory=Auditor)
    until_ns: int | None = None
    """Set once the episode is over: a picture from then on says that all before it came."""
    close_at_s: float = math.inf

    def over(self, stamp_ns: int, close_at_s: float) -> None:
        """Note that the episode is over; close at that time at the latest."""
        if self.until_ns is None:
            self.until_ns, self.close_at_s = stamp_ns, close_at_s


class EpisodeRecorder:
    """See the module. `finished` is called with every closed recording."""

    def __init__(self, folder: Path, task: str, finished: Callable[[FinishedEpisode], None], *,
                 grace_s: float = 0.3, space: Space | None = None,
                 system_ns: Callable[[], int] = time.time_ns) -> None:
        """Prepare; nothing is opened.

        Args:
            folder: of the run; each episode gets a folder below it.
            task: name written into every recording.
            finished: called with each closed recording.
            grace_s: how long a file stays open after the episode's last picture.
            space: decides whether there is room for an episode.
            system_ns: the system clock, which may jump.
        """
        self.folder = folder
        self.counters = Counters()
        self.failure = ''
        """Why nothing is recorded now, '' when all is well."""
        self._task = task
        self._finished = finished
        self._grace_s = grace_s
        self._system_ns = system_ns
        self._space = space or Space()
        self._clock = ClockWatch(0, 0.0)
        self._heard: set[str] = set()
        self._files: list[_Open] = []
        self._newest_picture_ns = 0
        self._latched: dict[str, deque[Arrival]] = {
            t.name: deque(maxlen=t.depth) for t in schema.REPEATED}
        self._started_ns = 0
        self._settled_at_s = 0.0
        self._under_way: list[Arrival] = []

    @property
    def episode_id(self) -> str:
        """The episode under way that is being recorded, or ''."""
        current = self._current
        return current.episode_id if current else ''

    @property
    def _current(self) -> _Open | None:
        return self._files[-1] if self._files and self._files[-1].until_ns is None else None

    @property
    def open_bytes(self) -> int:
        """Bytes of the open recordings that a crash cannot take."""
        return sum(file.writer.size for file in self._files)

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
        self._space.survey(self.folder)
        self._started_ns = system_ns
        self._clock = ClockWatch(self._system_ns(), now_s)
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
        self._watch_clock(now_s)
        if arrival.log_ns <= 0:  # simulated time that has not begun: no clock message yet
            arrival = replace(arrival, log_ns=max(1, arrival.publish_ns))
        name = schema.local_name(arrival.topic)
        if name == schema.EVENTS:
            for event in messages.decode_events(arrival.cdr):
                self._event(event, arrival, now_s)
            return
        self.remember(arrival)
        if not self._files and self._under_way and now_s >= self._settled_at_s:
            self._take_up(now_s)
        if name in self._latched:
            self._write(self._current, arrival)
        else:
            self._route(arrival, name, now_s)

    def _watch_clock(self, now_s: float) -> None:
        """Note a jump of the clock; what is history is told by it, so that moves along."""
        jump = self._clock.jump_ns(self._system_ns(), now_s)
        if jump:
            self._started_ns += jump
            self._newest_picture_ns = 0
            for file in self._files:
                file.begin_ns = min(file.begin_ns, file.begin_ns + jump)
                file.auditor.clock_jumps_s.append(1e-9 * jump)

    def _route(self, arrival: Arrival, name: str, now_s: float) -> None:
        """Write a stream's message to the episode its stamp belongs to; 0 means the present."""
        stamp = messages.header_stamp_ns(arrival.cdr)
        home = next((f for f in reversed(self._files) if stamp >= f.begin_ns), None)
        self._write(home if stamp else self._current, arrival)
        if name == schema.IMAGE:
            self.counters.images += 1
            self._newest_picture_ns = max(self._newest_picture_ns, stamp)
            self._see_ends(now_s)

    def _see_ends(self, now_s: float) -> None:
        """Start the grace of episodes of which the last picture has come."""
        for file in self._files:
            if file.until_ns is not None and self._newest_picture_ns >= file.until_ns:
                file.close_at_s = min(file.close_at_s, now_s + self._grace_s)

    def tick(self, now_s: float) -> None:
        """Close what is due and make everything so far safe; call about ten times a second."""
        self._watch_clock(now_s)
        for file in list(self._files):
            if now_s >= file.close_at_s:
                self._finish(file)
                continue
            try:
                file.writer.flush()
            except HardwareError as error:
                self._break_off(file, error)

    def _event(self, event: Event, arrival: Arrival, now_s: float) -> None:
        begins = event.kind in ('reset', 'start')
        if arrival.publish_ns < self._started_ns:
            earlier = self._under_way if event.kind == 'start' else []
            self._under_way = [*earlier, arrival] if begins else []
            return
        self._under_way = []
        if begins and self.episode_id != event.episode_id:
            self._begin(event, event.stamp_ns, arrival.log_ns, now_s)
        for file in self._files:
            if file.episode_id == event.episode_id:
                self._write(file, arrival)
                self._note(file, event, now_s)

    def _note(self, file: _Open, event: Event, now_s: float) -> None:
        for key in ('mode', 'bundle_id', 'encoder_id', 'goal_id', 'reason'):
            if getattr(event, key):
                file.facts[key] = getattr(event, key)
        if event.kind in ('end', 'abort'):
            file.facts['outcome'] = event.kind
            file.over(event.stamp_ns, now_s + DRAIN_S)
            self._see_ends(now_s)

    def _take_up(self, now_s: float) -> None:
        """Go on with the episode that was under way when this process started."""
        arrivals, self._under_way = self._under_way, []
        events = [e for a in arrivals for e in messages.decode_events(a.cdr)]
        self._begin(events[-1], 0, arrivals[-1].log_ns, now_s)
        current = self._current
        if current is not None:
            for arrival in arrivals:
                self._write(current, arrival)
            for event in events:
                self._note(current, event, now_s)

    def _begin(self, event: Event, begin_ns: int, log_ns: int, now_s: float) -> None:
        for file in self._files:
            file.over(event.stamp_ns, now_s + DRAIN_S)
        self._see_ends(now_s)
        try:
            self._space.require(self.folder)
            if self.failure and not self._files:
                self._restore()
            name = recovery.free_name(self.folder, event.episode_id)
            writer = EpisodeWriter(self.folder, name, {'task': self._task})
        except (HardwareError, DataError) as error:
            self.failure = str(error)
            return
        self.failure = ''
        current = _Open(writer, event.episode_id, begin_ns,
                        {'task': self._task, 'outcome': 'cut'})
        self._files.append(current)
        for kept in [a for queue in self._latched.values() for a in queue]:
            self._write(current, replace(kept, log_ns=log_ns))

    def _write(self, file: _Open | None, arrival: Arrival) -> None:
        if file is None or file not in self._files:
            return
        try:
            file.writer.write(arrival.topic, arrival.cdr, arrival.log_ns, arrival.publish_ns)
        except HardwareError as error:
            self._break_off(file, error)
            return
        self.counters.messages += 1
        name = schema.local_name(arrival.topic)
        stamped = not schema.BY_NAME[name].latched
        file.auditor.see(name, messages.header_stamp_ns(arrival.cdr) if stamped else 0,
                         arrival.sequence)

    def _break_off(self, file: _Open, error: HardwareError) -> None:
        self._files.remove(file)
        self.counters.broken_off += 1
        try:
            file.writer.close()
        except OSError as closing:
            logger.error('%s: could not be synced (%s)', file.writer.partial, closing)
        self.failure = str(error)

    def close(self) -> None:
        """Finish all open recordings."""
        for file in list(self._files):
            self._finish(file)

    def _finish(self, file: _Open) -> None:
        """Finish a recording; one without pictures is deleted.

        It is no longer open from here on: Ctrl-C may cut this short at any line, and `close` must
        not try it again on a file that is half closed (the next start restores it).
        """
        self._files.remove(file)
        if file.writer.count(schema.IMAGE) == 0:
            file.writer.discard()
            return
        facts = {**file.facts, 'part_of': file.episode_id}
        audit = file.auditor.finish(self._heard)
        facts['findings'] = '; '.join(audit.findings)
        try:
            file.writer.note(RECORD, audit.as_record())
            done = file.writer.finish(**facts)
        except HardwareError as error:
            self._files.append(file)
            self._break_off(file, error)
            return
        self.counters.episodes += 1
        self.counters.bytes += done.size
        self.counters.lost += sum(audit.lost.values())
        self._space.add(done.size)
        self._heard |= file.auditor.streams
        self._finished(FinishedEpisode(done, facts, audit))
