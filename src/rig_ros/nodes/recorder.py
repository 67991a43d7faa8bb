"""The node that writes every episode to its own crash-safe MCAP file.

Takes the serialised bytes of every recorded topic as they come and hands them to
`episodes.recording.EpisodeRecorder`; tells about each finished file, and what it lacks, on
`recorder/segment`. It warns before the disk or the budget is used up; when nothing can be recorded
it says so, asks the episode node to stop, and goes on once there is space.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rclpy.event_handler import SubscriptionEventCallbacks
from rclpy.qos_overriding_options import QoSOverridingOptions

from rig_ros.episodes.append_file import MIB, free_bytes
from rig_ros.episodes.recording import Arrival, EpisodeRecorder, FinishedEpisode
from rig_ros.episodes.space import Space
from rig_ros.errors import RigError
from rig_ros.ros import topics
from rig_ros.ros.conversions import values_to_message
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run

TICK_S = 0.1
REPORT_S = 1.0
PART = 'recording'


@dataclass(frozen=True)
class RecorderParameters(CommonParameters):
    """Where recordings go and what ends them."""

    directory: str = param('recordings/latest', 'Folder of the run; each episode gets its own '
                                                'folder below it.')
    grace_s: float = param(0.3, 'How long a file stays open after the last picture [s].',
                           low=0.0, high=10.0)
    min_free_mib: int = param(200, 'An episode is not begun with less free disk than this [MiB].',
                              low=1)
    warn_free_mib: int = param(1000, 'Room left for recordings below which it warns [MiB].', low=0)
    budget_mib: int = param(0, 'An episode is not begun when the folder holds this much [MiB]; 0 '
                               'for any.', low=0)
    stop_on_failure: bool = param(True, 'Ask the episode node to stop when nothing can be '
                                        'recorded.')


class RecorderNode(RigNode):
    """See the module."""

    NAME = 'recorder'
    PARAMETERS = RecorderParameters
    settings: RecorderParameters

    def configure(self) -> None:
        """Finish what a crash left, then subscribe to everything that is recorded."""
        self._finished: list[FinishedEpisode] = []
        self._failure = ''
        self._last = (time.monotonic(), 0, 0)
        self._raw_subscriptions: list[Any] = []
        self._segments = self.publish_on(topics.RECORDER_SEGMENT)
        self._space = Space(self.settings.min_free_mib, self.settings.budget_mib)
        self._recorder = EpisodeRecorder(
            Path(self.settings.directory).resolve(), self.settings.task, self._finished.append,
            grace_s=self.settings.grace_s, space=self._space)
        self._recorder.start(time.time_ns(), time.monotonic())
        recorded = [t for t in topics.ALL if t.recorded and t is not topics.EPISODE_EVENTS]
        # Events first: of what waits together, the event is taken before the streams.
        for topic in (topics.EPISODE_EVENTS, *recorded):
            self._raw_subscriptions.append(self.create_subscription(
                topic.type, topic.name, self._taker(self.resolve_topic_name(topic.name)),
                topic.qos('record'), raw=True,
                event_callbacks=SubscriptionEventCallbacks(use_default_callbacks=not topic.fast),
                qos_overriding_options=QoSOverridingOptions.with_default_policies()))
        self.every(TICK_S, self._tick)
        self.every(REPORT_S, self._report)

    def deactivate(self) -> None:
        """Finish the open recording."""
        self._recorder.close()
        self._after()

    def cleanup(self) -> None:
        """Remove the raw subscriptions."""
        for subscription in self._raw_subscriptions:
            self.destroy_subscription(subscription)
        self._raw_subscriptions = []

    def _taker(self, resolved: str) -> Callable[..., None]:
        def take(cdr: bytes, info: dict[str, int]) -> None:
            arrival = Arrival(resolved, cdr, self.now_ns(), info['source_timestamp'],
                              info.get('publication_sequence_number') or 0)
            if not self.active:
                self._recorder.remember(arrival)
                return
            try:
                self._recorder.take(arrival, time.monotonic())
            except RigError as error:
                self.report(Level.ERROR, str(error), part=resolved)
            self._after()
        return take

    def _tick(self) -> None:
        self._recorder.tick(time.monotonic())
        self._after()

    def _after(self) -> None:
        """Tell what the last step finished, or why recording stopped."""
        while self._finished:
            self._announce(self._finished.pop(0))
        if self._recorder.failure != self._failure:
            self._failure = self._recorder.failure
            self._report()
            if self._failure and self.settings.stop_on_failure:
                self.call(topics.EPISODE_STOP, self._stop_answered)

    def _announce(self, episode: FinishedEpisode) -> None:
        file = episode.file
        values = {**episode.facts, 'path': file.path, 'sha256': file.sha256,
                  'episode_id': file.episode_id, 'size': file.size, 'images': file.images,
                  'commands': file.commands, 'messages': sum(file.counts.values())}
        self._segments.publish(values_to_message('segment', values, self.now_stamp()))
        findings = '; '.join(episode.audit.findings)
        self.report(Level.WARN if findings else Level.OK, findings or 'nothing lacks',
                    part='last recording', episode=file.episode_id)

    def _stop_answered(self, success: bool, message: str) -> None:
        log = self.get_logger().info if success else self.get_logger().warning
        log(f'{topics.EPISODE_STOP}, because nothing can be recorded: {message}')

    def _report(self) -> None:
        counters, now = self._recorder.counters, time.monotonic()
        then, messages, images = self._last
        self._last = (now, counters.messages, counters.images)
        elapsed = max(1e-3, now - then)
        room = self._space.left(self._recorder.folder) // MIB
        values = {
            'episode': self._recorder.episode_id,
            'messages rate_hz': f'{(counters.messages - messages) / elapsed:.1f}',
            'images rate_hz': f'{(counters.images - images) / elapsed:.1f}',
            'open_bytes': self._recorder.open_bytes, 'finished_bytes': counters.bytes,
            'episodes': counters.episodes, 'recovered': counters.recovered,
            'broken_off': counters.broken_off,
            'lost': counters.lost,
            'free_mib': free_bytes(self._recorder.folder) // MIB, 'room_mib': room,
        }
        if self._failure:
            self.report(Level.ERROR, f'not recording: {self._failure}', part=PART, **values)
        elif room < self.settings.warn_free_mib:
            self.report(Level.WARN, self._warning(room), part=PART, **values)
        else:
            state = 'recording' if self._recorder.episode_id else 'waiting for an episode'
            self.report(Level.OK, state, part=PART, **values)

    def _warning(self, room_mib: int) -> str:
        """Return how far the room goes, by the recordings made so far."""
        counters = self._recorder.counters
        text = (f'room for recordings: {room_mib} MiB left, allowed: '
                f'{self.settings.warn_free_mib} MiB without this warning; free space or move '
                'recordings away')
        if counters.bytes:
            text += f' (about {room_mib * MIB * counters.episodes // counters.bytes} episodes)'
        return text


def main() -> None:
    """Run the node."""
    run(RecorderNode)


if __name__ == '__main__':
    main()
