"""Which messages land in which recording, over restarts, full disks and episodes of all kinds."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded_streams import (
    NANO,
    PERIOD_NS,
    bool_cdr,
    event_cdr,
    image_cdr,
    key_values_cdr,
    picture,
    twist_cdr,
)

from rig_ros.control import task as tasks
from rig_ros.episodes import schema
from rig_ros.episodes.append_file import AppendFile
from rig_ros.episodes.assembler import assemble
from rig_ros.episodes.reading import find_episodes, read_audit, read_messages
from rig_ros.episodes.recording import DRAIN_S, SETTLE_S, Arrival, EpisodeRecorder, FinishedEpisode
from rig_ros.episodes.space import Space
from rig_ros.errors import DataError, HardwareError

START_NS = 50 * NANO


class Graph:
    """Feeds a recorder what a graph would."""

    def __init__(self, folder: Path, free: int = 1 << 40) -> None:
        self.finished: list[FinishedEpisode] = []
        self.free = free
        self.now_s = 1000.0
        self.step = 0
        self.set_by_ns = 0
        self.recorder = EpisodeRecorder(
            folder, 'reach_xy', self.finished.append, space=Space(free=lambda _: self.free),
            system_ns=lambda: START_NS + round(1e9 * self.now_s) + self.set_by_ns)
        self.recorder.start(START_NS, self.now_s)

    def send(self, name: str, cdr: bytes, publish_ns: int = START_NS + 1) -> None:
        self.recorder.take(Arrival(f'/{name}', cdr, self.now_ns, publish_ns), self.now_s)

    @property
    def now_ns(self) -> int:
        return 100 * NANO + self.step * PERIOD_NS

    def event(self, kind: str, episode_id: str = 'e1', publish_ns: int = START_NS + 1) -> None:
        self.send(schema.EVENTS, event_cdr(self.now_ns, kind, episode_id, bundle_id='b7'),
                  publish_ns)

    def steps(self, count: int) -> None:
        for _ in range(count):
            self.send(schema.IMAGE, image_cdr(self.now_ns, picture(self.step)))
            self.send(schema.COMMAND, twist_cdr(self.now_ns, (0.1, 0.0, 0.0)))
            self.step += 1

    def last_picture(self) -> None:
        self.send(schema.IMAGE, image_cdr(self.now_ns, picture(self.step)))

    def episode(self, episode_id: str, steps: int = 3, closing: str = 'end') -> None:
        self.step += 1
        self.event('reset', episode_id)
        self.event('start', episode_id)
        self.steps(steps)
        self.last_picture()
        self.event(closing, episode_id)

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.recorder.tick(self.now_s)


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    return Graph(tmp_path)


def test_one_episode_is_one_file_closed_after_the_grace(graph: Graph):
    graph.steps(2)
    graph.episode('e1')
    graph.wait(0.2)
    assert graph.finished == []
    graph.wait(0.2)
    (done,) = graph.finished
    assert (done.file.images, done.file.commands) == (4, 3)
    assert (done.facts['outcome'], done.facts['bundle_id']) == ('end', 'b7')
    assert assemble(done.file.path, tasks.load('reach')).steps == 3
    graph.steps(3)
    assert len(find_episodes(graph.recorder.folder)) == 1


def test_the_next_episode_closes_the_one_before(graph: Graph):
    """In lockstep the next reset comes long before the grace is over."""
    for episode_id in ('e1', 'e2', 'e3'):
        graph.episode(episode_id)
    graph.recorder.close()
    assert [f.file.episode_id for f in graph.finished] == ['e1', 'e2', 'e3']
    assert [f.file.images for f in graph.finished] == [4, 4, 4]


def test_events_that_overtake_pictures_do_not_mix_episodes(graph: Graph):
    """Under load pictures queue for longer than events: all events of both episodes come first."""
    events: list[tuple[str, str, int]] = []
    graph.step = 1
    for episode_id in ('e1', 'e2'):
        events += [('reset', episode_id, graph.step), ('start', episode_id, graph.step),
                   ('end', episode_id, graph.step + 4)]
        graph.step += 5
    for kind, episode_id, step in events:
        graph.step = step
        graph.event(kind, episode_id)
    graph.wait(1.0)
    graph.step = 0
    graph.steps(11)
    graph.wait(1.0)
    assert [(f.file.episode_id, f.file.images) for f in graph.finished] == [('e1', 5), ('e2', 5)]
    for done in graph.finished:
        assert assemble(done.file.path, tasks.load('reach')).steps == 4


def test_a_silent_camera_does_not_keep_a_file_open_for_long(graph: Graph):
    graph.event('reset')
    graph.steps(2)
    graph.step += 1
    graph.event('abort')
    graph.wait(DRAIN_S - 0.1)
    assert graph.finished == []
    graph.wait(0.2)
    assert graph.finished[0].file.images == 2


def test_latched_messages_open_every_file(graph: Graph):
    graph.send(schema.ESTOP, bool_cdr(True))
    graph.send(schema.ESTOP, bool_cdr(False))
    graph.send(schema.GOAL_PREVIEW, image_cdr(1, picture(200)))
    for node in ('encoder', 'policy'):
        graph.send(schema.MODEL_STATUS, key_values_cdr(1, node, {'node': node}))
    for episode_id in ('e1', 'e2'):
        graph.episode(episode_id)
    graph.recorder.close()
    for done in graph.finished:
        counts = {t: n for t, n in done.file.counts.items()}
        assert (counts['/estop'], counts['/goal/preview'], counts['/model/status']) == (1, 1, 2)
        first = next(read_messages(done.file.path))
        assert first.topic != '/episode/events'
        assert next(m.cdr for m in read_messages(done.file.path)
                    if m.topic == '/estop') == bool_cdr(False)


def test_what_ctrl_c_cut_short_is_not_closed_twice_and_the_next_file_is(
        graph: Graph, monkeypatch: pytest.MonkeyPatch):
    for episode_id in ('e1', 'e2'):
        graph.event('reset', episode_id)
        graph.steps(3)
    first = graph.recorder._files[0].writer
    closed = first.close

    def interrupted(**facts: str) -> None:
        closed()
        raise KeyboardInterrupt

    monkeypatch.setattr(first, 'finish', interrupted)
    with pytest.raises(KeyboardInterrupt):
        graph.recorder.close()
    graph.recorder.close()
    assert [done.file.episode_id for done in graph.finished] == ['e2']
    again = Graph(graph.recorder.folder)
    assert [(done.file.episode_id, done.file.commands) for done in again.finished] == [('e1', 3)]


def test_an_abort_closes_too_and_says_so(graph: Graph):
    graph.episode('e1', closing='abort')
    graph.wait(1.0)
    assert graph.finished[0].facts['outcome'] == 'abort'


def test_an_episode_without_pictures_leaves_nothing(graph: Graph):
    graph.event('reset')
    graph.event('abort')
    graph.wait(DRAIN_S)
    assert graph.finished == []
    assert list(graph.recorder.folder.iterdir()) == []


def test_a_start_without_its_reset_is_recorded(graph: Graph):
    graph.event('start')
    graph.steps(2)
    graph.event('end')
    graph.wait(DRAIN_S)
    assert graph.finished[0].file.commands == 2


def _killed(tmp_path: Path) -> None:
    """Leave what a recorder killed in the middle of its second episode leaves."""
    graph = Graph(tmp_path)
    graph.episode('e1')
    graph.wait(1.0)
    graph.event('reset', 'e2')
    graph.event('start', 'e2')
    graph.steps(5)
    graph.recorder._files[-1].writer.close()


def test_a_killed_recorder_restores_and_goes_on(tmp_path: Path):
    _killed(tmp_path)
    graph = Graph(tmp_path)
    (restored,) = graph.finished
    assert (restored.file.path.name, restored.file.commands) == ('e2.mcap', 5)
    assert restored.facts['recovered'] == 'true'
    graph.step = 20
    for kind, episode_id in (('reset', 'e1'), ('start', 'e1'), ('end', 'e1'), ('reset', 'e2'),
                             ('start', 'e2')):
        graph.event(kind, episode_id, publish_ns=START_NS - 1)
    graph.steps(2)
    assert graph.recorder.episode_id == ''
    graph.wait(SETTLE_S)
    graph.steps(3)
    graph.last_picture()
    assert graph.recorder.episode_id == 'e2'
    graph.event('end', 'e2')
    graph.wait(1.0)
    rest = graph.finished[1]
    assert (rest.file.path.name, rest.file.commands, rest.facts['part_of']) == (
        'e2-2.mcap', 3, 'e2')
    episode = assemble(rest.file.path, tasks.load('reach'))
    assert (episode.episode_id, episode.steps, episode.outcome) == ('e2', 3, 'end')


def test_history_of_ended_episodes_opens_nothing(tmp_path: Path):
    _killed(tmp_path)
    graph = Graph(tmp_path)
    for kind in ('reset', 'start', 'end'):
        graph.event(kind, 'e9', publish_ns=START_NS - 1)
    graph.wait(SETTLE_S)
    graph.steps(3)
    assert graph.recorder.episode_id == ''


def test_a_live_event_ends_the_history_at_once(tmp_path: Path):
    _killed(tmp_path)
    graph = Graph(tmp_path)
    graph.event('start', 'e2', publish_ns=START_NS - 1)
    graph.episode('e3')
    graph.recorder.close()
    assert graph.finished[-1].file.path.name == 'e3.mcap'


def test_too_little_space_refuses_the_episode_and_recovers_later(graph: Graph):
    graph.free = 10
    graph.episode('e1')
    assert 'MiB free' in graph.recorder.failure
    assert graph.finished == []
    graph.free = 1 << 40
    graph.episode('e2')
    graph.recorder.close()
    assert graph.recorder.failure == ''
    assert [f.file.episode_id for f in graph.finished] == ['e2']


def test_a_disk_that_fills_up_loses_nothing_recorded(graph: Graph,
                                                     monkeypatch: pytest.MonkeyPatch):
    graph.episode('e1')
    graph.wait(1.0)
    graph.step += 1
    graph.event('reset', 'e2')
    graph.steps(4)
    whole = AppendFile.flush

    def full(self: AppendFile) -> None:
        raise HardwareError(f'{self.path}: cannot be written (No space left on device)')
    monkeypatch.setattr(AppendFile, 'flush', full)
    graph.steps(3)
    assert 'No space left' in graph.recorder.failure
    assert graph.recorder.counters.broken_off == 1
    graph.event('end', 'e2')
    graph.wait(1.0)
    monkeypatch.setattr(AppendFile, 'flush', whole)
    graph.episode('e3')
    graph.recorder.close()
    assert [(f.file.episode_id, f.file.commands) for f in graph.finished] == [
        ('e1', 3), ('e2', 4), ('e3', 3)]


def test_raises_error_if_an_event_is_unreadable_and_stays_usable(graph: Graph):
    with pytest.raises(DataError, match='pause'):
        graph.event('pause')
    graph.episode('e1')
    graph.wait(1.0)
    assert len(graph.finished) == 1


def test_the_audit_is_in_the_file_and_announced(graph: Graph):
    graph.event('reset')
    for step in range(12):
        if step != 5:
            graph.send(schema.IMAGE, image_cdr(graph.now_ns, picture(step)))
        if step < 8:
            sequence = 1 + step + 2 * (step > 3)
            graph.recorder.take(Arrival('/cmd_twist', twist_cdr(graph.now_ns, (0.1, 0.0, 0.0)),
                                        graph.now_ns, START_NS + 1, sequence), graph.now_s)
        graph.step += 1
    graph.send(schema.IMAGE, image_cdr(graph.now_ns + 7 * PERIOD_NS, picture(1)))
    graph.event('end')
    graph.recorder.close()
    (done,) = graph.finished
    expected = ['2 messages lost on cmd_twist', '2 gaps on camera/image',
                'cmd_twist ended 1.2 s early']
    assert done.audit.findings == expected
    assert done.facts['findings'] == '; '.join(expected)
    assert read_audit(done.file.path) == done.audit
    assert graph.recorder.counters.lost == 2


def test_a_stream_that_was_there_before_is_missed(graph: Graph):
    graph.episode('e1')
    graph.send(schema.JOINT_STATES, image_cdr(graph.now_ns, picture(0)))
    graph.episode('e2')
    graph.episode('e3')
    graph.recorder.close()
    assert [f.audit.silent for f in graph.finished] == [(), ('joint_states',), ('joint_states',)]


@pytest.mark.parametrize('jump_s', [1.0, -1.0, -3600.0])
def test_a_set_clock_is_told_and_costs_no_episode(graph: Graph, jump_s: float):
    """Set back, events looked older than the recorder's start and were taken for history."""
    graph.wait(1.0)
    graph.set_by_ns = round(1e9 * jump_s)
    for episode_id in ('e1', 'e2'):
        graph.step += 1
        sent = START_NS + round(1e9 * jump_s) + 10**9
        graph.event('reset', episode_id, sent)
        graph.event('start', episode_id, sent)
        graph.steps(2)
        if episode_id == 'e2':
            graph.set_by_ns += 10**9
            graph.wait(0.1)
        graph.steps(2)
        graph.last_picture()
        graph.event('end', episode_id, sent)
        graph.wait(1.0)
    assert [f.file.images for f in graph.finished] == [5, 5]
    assert [f.facts['outcome'] for f in graph.finished] == ['end', 'end']
    assert [f.audit.clock_jumps_s for f in graph.finished] == [(), (1.0,)]


def test_what_comes_before_simulated_time_begins_does_not_stretch_the_bag(graph: Graph):
    """Received before the first /clock message, at time 0: the bag was 56 years long."""
    event = event_cdr(graph.now_ns, 'reset', 'e1')
    graph.recorder.take(Arrival('/episode/events', event, 0, graph.now_ns), graph.now_s)
    graph.steps(3)
    graph.recorder.close()
    (done,) = graph.finished
    assert done.file.end_ns - done.file.start_ns == 2 * PERIOD_NS
