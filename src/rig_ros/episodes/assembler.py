"""Recorded streams to transitions: the one place that decides what counts as experience.

A transition is a picture, the command that was executed on it, and the next picture. Stamps join
them: the executed command (`cmd_twist`, after the guard) carries the stamp of its picture. Live
training and old recordings go through this same code. Rules:

- A picture without an executed command starts no transition; the stretch is split there.
- Two pictures further apart than 1.5 periods, or closer than half of one, are not neighbours:
  split.
- Pictures are ordered by stamp, so late ones fall into place; of two with one stamp the first
  counts.
- Where the clock was set back (pictures sent before the one that came before them), a new stretch
  begins; stamps are compared within what one setting of the clock made, never across.
- A command that was sent after the next picture was too late to be executed between the two.
- Two different commands for one picture contradict each other: that transition is dropped.
- Commands that are not finite, or in another frame than `base`, are dropped and counted.
- Pictures from before the episode's `reset` do not count. After `end` no command counts; after
  `abort` no picture counts either, because the last motion was cut short.
- Where the encoder id of the latents changes, the stretch is split, and the goal picture belongs
  to the first encoder's stretches only.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rig_ros.control.action import velocity_to_action
from rig_ros.control.task import TaskConfig
from rig_ros.episodes import messages, schema
from rig_ros.episodes.messages import Event
from rig_ros.episodes.reading import read_messages
from rig_ros.errors import DataError
from rig_ros.vision.image import Picture

FRAME = 'base'
SHORTEST_PERIODS = 0.5
LONGEST_PERIODS = 1.5
SET_BACK_NS = 300_000_000
"""A picture sent so much before the newest one tells that the clock was set back."""


@dataclass(frozen=True)
class Segment:
    """An unbroken stretch of T transitions."""

    images_thwc_u8: NDArray[np.uint8]
    """Shape (T + 1, height, width, 3)."""
    actions: NDArray[np.float32]
    """Shape (T, n), executed, in [-1, 1]."""
    stamps_ns: NDArray[np.int64]
    """Shape (T + 1,)."""
    goal_image_hwc_u8: Picture | None
    """What the robot was trying to make true, where it had a goal."""

    def __len__(self) -> int:
        return len(self.actions)


@dataclass(frozen=True)
class AssembledEpisode:
    """The transitions of one episode and what became of the rest."""

    episode_id: str
    mode: str
    task: str
    bundle_id: str
    encoder_id: str
    outcome: str
    """end, abort, or cut where the recording stops before either."""
    reason: str
    segments: tuple[Segment, ...]
    events: tuple[Event, ...]
    dropped: dict[str, int] = field(default_factory=dict)
    """What was left out, by reason."""

    @property
    def steps(self) -> int:
        """Number of transitions."""
        return sum(len(segment) for segment in self.segments)

    @property
    def images(self) -> int:
        """Number of pictures in the transitions."""
        return sum(len(segment.stamps_ns) for segment in self.segments)


@dataclass
class _Window:
    """Stamps between which pictures and commands count [ns]."""

    first_picture: int = 0
    commands_before: int = 1 << 62
    last_picture: int = 1 << 62


class Assembler:
    """Takes the recorded messages of one episode in any order; `finish` gives transitions."""

    def __init__(self, task: TaskConfig) -> None:
        """Remember axes, scale and rate.

        Args:
            task: what the episode's commands mean.
        """
        self._task = task
        self._period_ns = 1e9 / task.control_hz
        self._pictures: dict[int, Picture] = {}
        self._commands: dict[int, NDArray[np.float64]] = {}
        self._conflicts: set[int] = set()
        self._pictures_sent: dict[int, int] = {}
        self._settings: dict[int, int] = {}
        """By picture: how often the clock had been set back."""
        self._newest_sent_ns = 0
        self._setting = 0
        self._commands_sent: dict[int, int] = {}
        self._encoders: dict[int, str] = {}
        self._goals: list[tuple[int, Picture, str]] = []
        self._events: list[Event] = []
        self._dropped: Counter[str] = Counter()

    def add(self, topic: str, cdr: bytes, sent_ns: int = 0) -> None:
        """Take one recorded message; topics that learning does not need are ignored.

        Args:
            topic: resolved name.
            cdr: the serialised message.
            sent_ns: when it was published, by a clock common to all; 0 where not known.

        Raises:
            DataError: bytes that are not what the topic carries.
        """
        name = schema.local_name(topic)
        if name == schema.IMAGE:
            self._add_picture(cdr, sent_ns)
        elif name == schema.COMMAND:
            self._add_command(cdr, sent_ns)
        elif name == schema.LATENT:
            self._encoders[messages.header_stamp_ns(cdr)] = messages.header_frame(cdr)
        elif name in (schema.GOAL_PREVIEW, schema.GOAL_IMAGE):
            stamp, picture = messages.decode_image(cdr)
            self._goals.append((stamp, picture, name))
        elif name == schema.EVENTS:
            self._events += messages.decode_events(cdr)

    def _add_picture(self, cdr: bytes, sent_ns: int) -> None:
        stamp, picture = messages.decode_image(cdr)
        if stamp in self._pictures:
            self._dropped['second picture of a stamp'] += 1
            return
        self._pictures[stamp] = picture
        self._pictures_sent[stamp] = sent_ns
        if sent_ns:
            set_back = sent_ns < self._newest_sent_ns - SET_BACK_NS
            self._setting += set_back
            self._newest_sent_ns = sent_ns if set_back else max(self._newest_sent_ns, sent_ns)
        self._settings[stamp] = self._setting

    def _add_command(self, cdr: bytes, sent_ns: int) -> None:
        twist = messages.decode_twist(cdr)
        if twist.frame != FRAME or not np.isfinite(twist.velocity).all():
            self._dropped['command not finite or in another frame'] += 1
            return
        before = self._commands.setdefault(twist.stamp_ns, twist.velocity)
        self._commands_sent.setdefault(twist.stamp_ns, sent_ns)
        if not np.array_equal(before, twist.velocity):
            self._conflicts.add(twist.stamp_ns)

    def finish(self, episode_id: str = '') -> AssembledEpisode:
        """Return the transitions of one episode.

        Args:
            episode_id: which; '' for the one whose events were recorded last.

        Raises:
            DataError: pictures of different sizes in one episode.
        """
        if not episode_id and self._events:
            episode_id = self._events[-1].episode_id
        events = tuple(e for e in self._events if e.episode_id == episode_id)
        closing = next((e for e in events if e.kind in ('end', 'abort')), None)
        mode, task, bundle_id, encoder_id = (self._last(events, key) for key in
                                             ('mode', 'task', 'bundle_id', 'encoder_id'))
        goal = None if mode == 'collect' else self._goal_picture(self._last(events, 'goal_id'))
        stamps = self._usable_stamps(self._window(events, closing))
        segments = tuple(self._segments(stamps, goal, closing))
        dropped = {reason: count for reason, count in self._dropped.items() if count}
        return AssembledEpisode(
            episode_id, mode, task, bundle_id, encoder_id, closing.kind if closing else 'cut',
            closing.reason if closing else '', segments, events, dropped)

    @staticmethod
    def _last(events: tuple[Event, ...], key: str) -> str:
        return next((str(getattr(e, key)) for e in reversed(events) if getattr(e, key)), '')

    @staticmethod
    def _window(events: tuple[Event, ...], closing: Event | None) -> _Window:
        window = _Window(max((e.stamp_ns for e in events if e.kind == 'reset'), default=0))
        if closing is not None:
            window.commands_before = closing.stamp_ns
            if closing.kind == 'abort':
                window.last_picture = closing.stamp_ns
        return window

    def _goal_picture(self, goal_id: str) -> Picture | None:
        """Return the picture of the goal id; without such an id the last preview or image."""
        named = [p for stamp, p, _ in self._goals if str(stamp) == goal_id]
        previews = [p for _, p, name in self._goals if name == schema.GOAL_PREVIEW]
        images = [p for _, p, _ in self._goals]
        picture = next((group[-1] for group in (named, previews, images) if group), None)
        size = (self._task.image_size, self._task.image_size, 3)
        if picture is not None and picture.shape != size:
            self._dropped['goal picture of another size'] += 1
            return None
        return picture

    def _usable_stamps(self, window: _Window) -> list[int]:
        setting = self._settings.get
        self._commands = {s: v for s, v in self._commands.items()
                          if s < window.commands_before or setting(s, 0) < self._setting}
        usable = [s for s in self._pictures
                  if (window.first_picture <= s or setting(s, 0) > 0)
                  and (s <= window.last_picture or setting(s, 0) < self._setting)]
        stamps = sorted(usable, key=lambda s: (setting(s, 0), s))
        self._dropped['picture outside the episode'] += len(self._pictures) - len(stamps)
        self._dropped['command without its picture'] += len(self._commands.keys()
                                                            - self._pictures.keys())
        shapes = {self._pictures[s].shape for s in stamps}
        if len(shapes) > 1:
            raise DataError(f'episode pictures: got sizes {sorted(shapes)}, allowed: one size in '
                            'an episode; the camera changed while recording, drop the episode')
        return stamps

    def _joined(self, now: int, after: int) -> bool:
        """Whether two neighbouring pictures make a transition; counts the reason if not."""
        periods = (after - now) / self._period_ns
        if now not in self._commands:
            self._dropped['picture without an executed command'] += 1
        elif now in self._conflicts:
            self._dropped['contradicting commands'] += 1
        elif self._commands_sent[now] > (self._pictures_sent[after] or 1 << 63):
            self._dropped['command after the next picture'] += 1
        elif not SHORTEST_PERIODS <= periods <= LONGEST_PERIODS:
            self._dropped['gap between pictures'] += 1
        else:
            return True
        return False

    def _segments(self, stamps: list[int], goal: Picture | None,
                  closing: Event | None) -> Iterator[Segment]:
        run: list[int] = []
        encoder = first_encoder = ''
        for now, after in itertools.pairwise(stamps):
            current = self._encoders.get(now, encoder)
            first_encoder = first_encoder or current
            if current != encoder and encoder:
                yield from self._segment(run, goal if encoder == first_encoder else None)
                run = []
                self._dropped['change of encoder (split only)'] += 1
            encoder = current
            if self._joined(now, after):
                run = run or [now]
                run.append(after)
            else:
                yield from self._segment(run, goal if encoder == first_encoder else None)
                run = []
        yield from self._segment(run, goal if encoder == first_encoder else None)
        if stamps and closing is None and stamps[-1] in self._commands:
            self._dropped['step in flight at the end'] += 1

    def _segment(self, run: list[int], goal: Picture | None) -> Iterator[Segment]:
        if len(run) < 2:
            return
        actions = [velocity_to_action(self._commands[s], self._task) for s in run[:-1]]
        yield Segment(np.stack([self._pictures[s] for s in run]),
                      np.stack(actions).astype(np.float32), np.array(run, dtype=np.int64), goal)


def assemble(path: Path, task: TaskConfig) -> AssembledEpisode:
    """Return the transitions of a finished recording.

    Raises:
        DataError: the recording is missing, truncated, damaged, or holds pictures of two sizes.
    """
    assembler = Assembler(task)
    for message in read_messages(path):
        assembler.add(message.topic, message.cdr, message.publish_ns)
    return assembler.finish()
