"""What counts as a transition: each rule of the assembler's module docstring, one test."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from recorded_streams import (
    PERIOD_NS,
    Streams,
    event_cdr,
    image_cdr,
    latent_cdr,
    picture,
    twist_cdr,
)

from rig_ros.control import task as tasks
from rig_ros.episodes import schema
from rig_ros.episodes.assembler import AssembledEpisode, Assembler, assemble
from rig_ros.episodes.messages import header_stamp_ns
from rig_ros.errors import DataError

TASK = tasks.load('reach')


def _assemble(streams: Streams) -> AssembledEpisode:
    assembler = Assembler(TASK)
    for topic, cdr in streams.messages:
        assembler.add(topic, cdr)
    return assembler.finish()


def _stamped(topic: str, cdr: bytes, stamp_ns: int) -> bytes:
    """Return the message with another header stamp."""
    if topic.endswith('estop'):
        return cdr
    return cdr[:4] + struct.pack('<iI', *divmod(stamp_ns, 10**9)) + cdr[12:]


def _without(streams: Streams, name: str, stamp_ns: int) -> Streams:
    streams.messages = [(t, c) for t, c in streams.messages
                        if not (schema.local_name(t) == name and header_stamp_ns(c) == stamp_ns)]
    return streams


@pytest.mark.parametrize('namespace', ['', '/rig', '/lab/left'])
def test_an_ordinary_episode_is_one_segment(namespace: str):
    streams = Streams(steps=5, namespace=namespace).build()
    episode = _assemble(streams)
    (segment,) = episode.segments
    assert segment.images_thwc_u8.shape == (6, 84, 84, 3)
    assert segment.images_thwc_u8[:, 83, 83, 0].tolist() == [0, 1, 2, 3, 4, 5]
    np.testing.assert_allclose(segment.actions[:, 0], [0.1, 0.2, 0.3, 0.4, 0.5], rtol=1e-6)
    np.testing.assert_allclose(segment.actions[:, 1], -0.25)
    assert segment.stamps_ns.tolist() == [streams.stamp(i) for i in range(6)]
    assert segment.goal_image_hwc_u8 is not None
    assert segment.goal_image_hwc_u8[83, 83, 0] == 250
    assert (episode.outcome, episode.mode, episode.dropped) == ('end', 'practise', {})


def test_live_and_recorded_give_the_same(tmp_path: Path):
    streams = Streams(steps=4).build()
    live, recorded = _assemble(streams), assemble(streams.write(tmp_path).path, TASK)
    np.testing.assert_array_equal(live.segments[0].images_thwc_u8,
                                  recorded.segments[0].images_thwc_u8)
    np.testing.assert_array_equal(live.segments[0].actions, recorded.segments[0].actions)
    assert live.events == recorded.events


def test_order_of_arrival_does_not_matter():
    streams = Streams(steps=5).build()
    expected = _assemble(streams)
    np.random.default_rng(3).shuffle(streams.messages)
    late = _assemble(streams)
    np.testing.assert_array_equal(expected.segments[0].actions, late.segments[0].actions)
    np.testing.assert_array_equal(expected.segments[0].images_thwc_u8,
                                  late.segments[0].images_thwc_u8)


def test_a_missing_command_splits():
    streams = Streams(steps=5).build()
    episode = _assemble(_without(streams, schema.COMMAND, streams.stamp(2)))
    assert [len(s) for s in episode.segments] == [2, 2]
    assert episode.segments[1].stamps_ns[0] == streams.stamp(3)
    assert episode.dropped['picture without an executed command'] == 1


def test_a_lost_picture_splits():
    streams = Streams(steps=5).build()
    episode = _assemble(_without(streams, schema.IMAGE, streams.stamp(2)))
    assert [len(s) for s in episode.segments] == [1, 2]
    assert episode.dropped == {'command without its picture': 1, 'gap between pictures': 1}


@pytest.mark.parametrize(('shift', 'joined'), [(0.4, True), (-0.4, True), (0.6, False),
                                               (-0.6, False)])
def test_neighbours_are_half_to_one_and_a_half_periods_apart(shift: float, joined: bool):
    streams = Streams(steps=1)
    streams.build()
    _without(streams, schema.IMAGE, streams.stamp(1))
    stamp = streams.stamp(1) + int(shift * PERIOD_NS)
    streams.messages.pop()
    streams.add(schema.IMAGE, image_cdr(stamp, picture(1)))
    assert (_assemble(streams).steps == 1) is joined


def test_the_first_of_two_pictures_with_one_stamp_counts():
    streams = Streams(steps=3).build()
    streams.add(schema.IMAGE, image_cdr(streams.stamp(1), picture(99)))
    episode = _assemble(streams)
    assert episode.segments[0].images_thwc_u8[1, 83, 83, 0] == 1
    assert episode.dropped == {'second picture of a stamp': 1}


def test_contradicting_commands_drop_the_transition_and_equal_ones_do_not():
    streams = Streams(steps=5).build()
    streams.add(schema.COMMAND, twist_cdr(streams.stamp(1), streams.velocity(1)))
    streams.add(schema.COMMAND, twist_cdr(streams.stamp(3), (0.0, 0.0, 0.0)))
    episode = _assemble(streams)
    assert [len(s) for s in episode.segments] == [3, 1]
    assert episode.dropped == {'contradicting commands': 1}


@pytest.mark.parametrize(('velocity', 'frame'), [((float('nan'), 0.0, 0.0), 'base'),
                                                 ((0.1, 0.0, 0.0), 'camera')])
def test_unusable_commands_do_not_count(velocity: tuple[float, float, float], frame: str):
    streams = Streams(steps=3).build()
    _without(streams, schema.COMMAND, streams.stamp(1))
    streams.add(schema.COMMAND, twist_cdr(streams.stamp(1), velocity, frame))
    episode = _assemble(streams)
    assert episode.steps == 2
    assert episode.dropped['command not finite or in another frame'] == 1


def test_a_command_sent_after_the_next_picture_was_not_executed():
    """Lockstep simulation goes on without a command that takes too long, and ignores it."""
    streams = Streams(steps=3).build()
    assembler = Assembler(TASK)
    for number, (topic, cdr) in enumerate(streams.messages, 1):
        late = schema.local_name(topic) == schema.COMMAND and (
            header_stamp_ns(cdr) == streams.stamp(1))
        assembler.add(topic, cdr, number + (10 if late else 0))
    episode = assembler.finish()
    assert [len(s) for s in episode.segments] == [1, 1]
    assert episode.dropped == {'command after the next picture': 1}


def test_commands_not_derived_from_a_picture_are_ignored():
    """The guard's zero while nothing valid arrives carries the time, not a picture's stamp."""
    streams = Streams(steps=3).build()
    streams.add(schema.COMMAND, twist_cdr(streams.stamp(1) + 777, (0.0, 0.0, 0.0)))
    episode = _assemble(streams)
    assert (episode.steps, episode.dropped) == (3, {'command without its picture': 1})


def test_pictures_before_the_reset_do_not_count():
    streams = Streams(steps=3).build()
    before = streams.first_ns - 3 * PERIOD_NS
    streams.add(schema.IMAGE, image_cdr(before, picture(77)))
    streams.add(schema.COMMAND, twist_cdr(before, (0.1, 0.0, 0.0)))
    episode = _assemble(streams)
    assert episode.steps == 3
    assert episode.dropped['picture outside the episode'] == 1


def test_a_command_at_or_after_the_end_does_not_count():
    """The next reset may already have moved the hand before the next picture."""
    streams = Streams(steps=3).build()
    streams.add(schema.COMMAND, twist_cdr(streams.stamp(3), (0.1, 0.0, 0.0)))
    streams.add(schema.IMAGE, image_cdr(streams.stamp(4), picture(4)))
    assert _assemble(streams).steps == 3


def test_an_abort_drops_the_motion_it_cut_short():
    streams = Streams(steps=5).build()
    streams.messages.pop()
    abort = streams.stamp(4) + PERIOD_NS // 2
    streams.add(schema.EVENTS, event_cdr(abort, 'abort', reason='e-stop'))
    episode = _assemble(streams)
    assert (episode.outcome, episode.reason, episode.steps) == ('abort', 'e-stop', 4)


def test_a_change_of_encoder_splits_and_the_goal_stays_with_the_first():
    streams = Streams(steps=6).build()
    streams.messages = [(t, c) for t, c in streams.messages
                        if schema.local_name(t) != schema.LATENT]
    for step in range(6):
        streams.add(schema.LATENT, latent_cdr(streams.stamp(step), 'a' if step < 2 else 'b'))
    episode = _assemble(streams)
    assert [len(s) for s in episode.segments] == [2, 4]
    assert episode.segments[0].goal_image_hwc_u8 is not None
    assert episode.segments[1].goal_image_hwc_u8 is None


def test_a_collected_episode_has_no_goal():
    streams = Streams(steps=3).build()
    streams.messages = [(t, event_cdr(0, 'reset', mode='collect'))
                        if schema.local_name(t) == schema.EVENTS else (t, c)
                        for t, c in streams.messages]
    episode = _assemble(streams)
    assert (episode.mode, episode.steps) == ('collect', 3)
    assert episode.segments[0].goal_image_hwc_u8 is None


def test_the_goal_id_picks_the_goal_picture():
    streams = Streams(steps=2).build()
    streams.add(schema.GOAL_PREVIEW, image_cdr(5, picture(11)))
    streams.add(schema.GOAL_PREVIEW, image_cdr(6, picture(12)))
    streams.messages[-4:-4] = [(streams.topic(schema.EVENTS),
                                event_cdr(streams.first_ns - 1, 'start', goal_id='5'))]
    (segment,) = _assemble(streams).segments
    assert segment.goal_image_hwc_u8 is not None
    assert segment.goal_image_hwc_u8[83, 83, 0] == 11


def test_a_goal_of_another_size_is_left_out():
    streams = Streams(steps=2).build()
    streams.add(schema.GOAL_PREVIEW, image_cdr(5, picture(11, 48)))
    episode = _assemble(streams)
    assert episode.segments[0].goal_image_hwc_u8 is None
    assert episode.dropped == {'goal picture of another size': 1}


def test_another_episodes_events_do_not_count():
    streams = Streams(steps=3).build()
    streams.messages.insert(0, (streams.topic(schema.EVENTS),
                                event_cdr(streams.stamp(1), 'end', episode_id='e0')))
    assert _assemble(streams).steps == 3


def test_raises_error_if_the_camera_changed_size():
    streams = Streams(steps=2).build()
    streams.add(schema.IMAGE, image_cdr(streams.stamp(3), picture(1, 48)))
    with pytest.raises(DataError, match='one size'):
        _assemble(streams)


def test_an_episode_without_messages_is_empty():
    assert Assembler(TASK).finish('e1').segments == ()


def test_a_clock_set_back_splits_and_mixes_nothing():
    """Sorted by stamp alone, the pictures of both settings lay between each other: all split."""
    streams = Streams(steps=10).build()
    assembler = Assembler(TASK)
    back_ns, later = 537_000_000, False
    for topic, cdr in streams.messages:
        stamp = header_stamp_ns(cdr) if not topic.endswith('estop') else streams.first_ns
        later |= topic.endswith('camera/image') and stamp == streams.stamp(6)
        now = stamp - back_ns if later else stamp
        assembler.add(topic, _stamped(topic, cdr, now), now)
    episode = assembler.finish()
    assert [len(s) for s in episode.segments] == [5, 4]
    assert episode.outcome == 'end'
