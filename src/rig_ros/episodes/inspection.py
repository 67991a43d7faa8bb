"""Says what recordings hold: counts, rates, gaps, transitions, and pictures on one sheet.

Times in seconds, by the stamps of the messages; pictures are `image_hwc_u8`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from rig_ros.control import task as tasks
from rig_ros.episodes import audit, messages, schema
from rig_ros.episodes.assembler import AssembledEpisode, Assembler
from rig_ros.episodes.reading import (
    episode_file,
    find_episodes,
    read_audit,
    read_messages,
    visible,
)
from rig_ros.episodes.store import PART_SUFFIX, SUFFIX
from rig_ros.errors import ConfigError, DataError, RigError
from rig_ros.vision.image import Picture

SHEET_COLUMNS = 10
BINS = 20
UNSTAMPED = ('std_msgs/msg/Bool',)
"""Recorded types without a header."""
_BORDER = 2
_NONE = np.zeros((0, 0), np.float32)


@dataclass(frozen=True)
class Histogram:
    """Counts in bins of equal width from `low` to `high`."""

    low: float
    high: float
    counts: tuple[int, ...]
    mean: float
    std: float

    def as_json(self) -> dict[str, Any]:
        """Return the fields."""
        return vars(self)


@dataclass(frozen=True)
class TopicFigures:
    """How one topic came in."""

    topic: str
    type: str
    count: int
    rate_hz: float
    """By the median interval; 0 for fewer than two messages."""
    gaps: int
    longest_gap_s: float


@dataclass(frozen=True)
class EpisodeFigures:
    """What one recording holds."""

    path: Path
    episode_id: str
    mode: str
    task: str
    outcome: str
    reason: str
    bundle_id: str
    bytes: int
    start_ns: int
    """Stamp of the first picture, 0 where there is none."""
    duration_s: float
    """From the first to the last picture."""
    steps: int
    segments: int
    has_goal: bool
    dropped: dict[str, int]
    topics: tuple[TopicFigures, ...]
    findings: tuple[str, ...]
    """What the recorder's audit found while recording."""
    pictures: tuple[Picture, ...] = field(repr=False, default=())
    """Goal (black where there was none) and pictures over the episode, for the sheet."""
    actions: NDArray[np.float32] = field(repr=False, default_factory=lambda: _NONE)
    """Executed, in [-1, 1]; shape (T, n)."""
    latents: NDArray[np.float32] = field(repr=False, default_factory=lambda: _NONE)
    """Means as the encoder published them; shape (N, dim)."""

    def as_json(self) -> dict[str, Any]:
        """Return everything but pictures, actions and latents as JSON values."""
        plain = {key: value for key, value in vars(self).items()
                 if key not in ('pictures', 'actions', 'latents')}
        return {**plain, 'path': str(self.path), 'topics': [vars(t) for t in self.topics],
                'action_histograms': [h.as_json() for h in action_histograms((self,))],
                'latent_histograms': [h.as_json() for h in latent_histograms((self,))]}


@dataclass(frozen=True)
class Survey:
    """What a folder of recordings holds."""

    episodes: tuple[EpisodeFigures, ...]
    damaged: dict[str, str]
    """Recordings that cannot be read, with the reason."""
    unfinished: tuple[Path, ...]
    """`.part` files that `rig_ros recover` has not finished."""

    def as_json(self) -> dict[str, Any]:
        """Return totals and every episode as JSON values."""
        return {
            'episodes': [e.as_json() for e in self.episodes], 'damaged': self.damaged,
            'unfinished': [str(p) for p in self.unfinished],
            'steps': sum(e.steps for e in self.episodes),
            'bytes': sum(e.bytes for e in self.episodes),
        }


def action_histograms(episodes: Sequence[EpisodeFigures]) -> list[Histogram]:
    """Return how the executed actions spread, one histogram per axis."""
    return _histograms([e.actions for e in episodes], (-1.0, 1.0))


def latent_histograms(episodes: Sequence[EpisodeFigures]) -> list[Histogram]:
    """Return how the latents' means spread, one histogram per dimension, one range for all."""
    return _histograms([e.latents for e in episodes], None)


def _histograms(groups: Sequence[NDArray[np.float32]], bounds: tuple[float, float] | None,
                ) -> list[Histogram]:
    filled = [group for group in groups if group.size]
    widths = {group.shape[1] for group in filled}
    if len(widths) != 1:  # nothing, or of different tasks or encoders
        return []
    values = np.concatenate(filled)
    values = values[np.isfinite(values).all(axis=1)]
    if not len(values):
        return []
    low, high = bounds or (float(values.min()), float(values.max()))
    if low == high:
        low, high = low - 0.5, high + 0.5
    return [Histogram(low, high, tuple(int(n) for n in np.histogram(column, BINS, (low, high))[0]),
                      float(column.mean()), float(column.std())) for column in values.T]


def _figures(topic: str, kind: str, times_ns: list[int]) -> TopicFigures:
    found = audit.spacing(times_ns)
    known = schema.BY_NAME.get(schema.local_name(topic))
    gaps = found.gaps if known is not None and not known.latched else 0
    return TopicFigures(topic, kind, len(times_ns), found.rate_hz, gaps, found.longest_gap_s)


def _sheet_pictures(episode: AssembledEpisode) -> tuple[Picture, ...]:
    frames = [frame for part in episode.segments for frame in part.images_thwc_u8]
    if not frames:
        return ()
    chosen = np.linspace(0, len(frames) - 1, min(SHEET_COLUMNS - 1, len(frames))).round()
    goal = next((p.goal_image_hwc_u8 for p in episode.segments
                 if p.goal_image_hwc_u8 is not None), np.zeros_like(frames[0]))
    return (goal, *(frames[int(i)] for i in chosen))


def inspect_episode(path: Path, task_name: str = '') -> EpisodeFigures:
    """Return what one recording holds.

    Args:
        path: an .mcap file or the folder of an episode.
        task_name: used where the recording does not name its task.

    Raises:
        DataError: missing or damaged.
        ConfigError: a task that does not exist.
    """
    file = episode_file(path)
    times: dict[tuple[str, str], list[int]] = {}
    kept: list[tuple[str, bytes, int]] = []
    latents: list[NDArray[np.float32]] = []
    for message in read_messages(file):
        stamp = (message.log_ns if message.type in UNSTAMPED
                 else messages.header_stamp_ns(message.cdr))
        times.setdefault((message.topic, message.type), []).append(stamp)
        kept.append((message.topic, message.cdr, message.publish_ns))
        if schema.local_name(message.topic) == schema.LATENT:
            mean = messages.decode_latent(message.cdr)
            if mean is not None and len(mean) == len(latents[0] if latents else mean):
                latents.append(mean)
    task = _recorded_task(kept) or task_name or 'reach_xy'
    assembler = Assembler(tasks.load(task))
    for topic, cdr, sent_ns in kept:
        assembler.add(topic, cdr, sent_ns)
    episode = assembler.finish()
    seen = [t for (topic, _), group in times.items() for t in group
            if schema.local_name(topic) == schema.IMAGE]
    goal = any(part.goal_image_hwc_u8 is not None for part in episode.segments)
    return EpisodeFigures(
        file, episode.episode_id or file.name.removesuffix(SUFFIX), episode.mode, task,
        episode.outcome, episode.reason, episode.bundle_id, file.stat().st_size,
        min(seen, default=0), 1e-9 * (max(seen) - min(seen)) if seen else 0.0, episode.steps,
        len(episode.segments), goal, episode.dropped,
        tuple(_figures(topic, kind, stamps) for (topic, kind), stamps in sorted(times.items())),
        tuple(read_audit(file).findings), _sheet_pictures(episode),
        np.concatenate([p.actions for p in episode.segments]) if episode.segments else _NONE,
        np.stack(latents) if latents else _NONE)


def _recorded_task(kept: list[tuple[str, bytes, int]]) -> str:
    probe = Assembler(tasks.load('reach_xy'))
    for topic, cdr, _ in kept:
        if schema.local_name(topic) == schema.EVENTS:
            probe.add(topic, cdr)
    return probe.finish().task


def survey(root: Path, task_name: str = '') -> Survey:
    """Return what all recordings below a folder (or one file) hold.

    Raises:
        DataError: there is no such folder or file.
        ConfigError: a task that does not exist.
    """
    episodes, damaged = [], {}
    for path in find_episodes(root):
        try:
            episodes.append(inspect_episode(path, task_name))
        except ConfigError:
            raise
        except RigError as error:
            damaged[str(path)] = str(error)
    parts = [p for p in sorted(root.rglob(f'*{PART_SUFFIX}')) if visible(p, root)]
    unfinished = tuple(p for p in parts
                       if not p.with_name(p.name.removesuffix('.part')).exists())
    if not episodes and not damaged and not unfinished:
        raise DataError(f'{root}: holds no recordings; give a folder the recorder wrote to, an '
                        'episode or an .mcap file')
    return Survey(tuple(episodes), damaged, unfinished)


def contact_sheet(episodes: tuple[EpisodeFigures, ...], rows: int = 40) -> Picture:
    """Return one picture with a row per episode: goal, then pictures from first to last.

    Args:
        episodes: those without pictures are left out.
        rows: at most so many, evenly chosen.

    Raises:
        DataError: no episode has pictures.
    """
    shown = [e.pictures for e in episodes if e.pictures]
    if not shown:
        raise DataError('contact sheet: no episode has a transition, so there are no pictures')
    chosen = np.unique(np.linspace(0, len(shown) - 1, min(rows, len(shown))).round().astype(int))
    size = shown[0][0].shape[0]
    cell = size + _BORDER
    sheet: Picture = np.full((len(chosen) * cell + _BORDER, SHEET_COLUMNS * cell + _BORDER, 3),
                             255, np.uint8)
    for row, index in enumerate(chosen):
        for column, picture in enumerate(shown[index][:SHEET_COLUMNS]):
            top, left = row * cell + _BORDER, column * cell + _BORDER
            fitted: Any = picture if picture.shape[:2] == (size, size) else cv2.resize(
                picture, (size, size), interpolation=cv2.INTER_AREA)
            sheet[top:top + size, left:left + size] = fitted
    return sheet
