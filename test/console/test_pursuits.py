"""One goal at a time: the queue goes on after an end and waits for a person after an abort."""

from __future__ import annotations

import pytest

from rig_ros.console.pursuits import PAUSE_S, START_S, Pursuits
from rig_ros.console.truth import Gap
from rig_ros.errors import DataError


def event(kind: str, goal_id: str = '1', **values: str) -> dict[str, str]:
    return {'kind': kind, 'goal_id': goal_id, 'steps': '50', 'reason': 'horizon', **values}


def running(*names: str) -> Pursuits:
    pursuits = Pursuits()
    for name in names:
        pursuits.add(name)
    pursuits.run(0.0)
    return pursuits


def test_goals_follow_one_another():
    pursuits = running('a', 'b')
    assert pursuits.due(0.0) == 'a'
    pursuits.sent('1', 'a', True, 'now', 0.0)
    assert pursuits.due(5.0) is None
    assert pursuits.on_event(event('start'), None, 5.0) is None
    assert pursuits.due(20.0 + START_S) is None
    result = pursuits.on_event(event('end'), 0.123456, 60.0, Gap('hand', 0.012))
    assert result is not None
    assert result.attempt == {'id': '1', 'when': 'now', 'outcome': 'end', 'distance': 0.1235,
                              'gap': {'of': 'hand', 'distance': 0.012}, 'success': None}
    assert pursuits.due(60.0) is None
    assert pursuits.due(60.0 + PAUSE_S) == 'b'
    pursuits.sent('2', 'b', True, 'now', 62.0)
    pursuits.on_event(event('end', '2'), 0.1, 70.0)
    assert pursuits.due(80.0) is None
    assert (pursuits.running, pursuits.note) == (False, 'done')


def test_an_abort_stops_the_queue():
    pursuits = running('a', 'b')
    pursuits.due(0.0)
    pursuits.sent('1', 'a', True, 'now', 0.0)
    pursuits.on_event(event('abort', reason='e-stop'), None, 1.0)
    assert pursuits.due(100.0) is None
    assert 'aborted (e-stop)' in pursuits.note
    assert pursuits.waiting[0][1] == 'b'


def test_a_goal_whose_episode_never_begins_stops_the_queue():
    pursuits = running('a', 'b')
    pursuits.due(0.0)
    pursuits.sent('1', 'a', True, 'now', 0.0)
    assert pursuits.due(START_S + 1) is None
    assert pursuits.results[-1].outcome == 'skipped'
    assert 'no episode began' in pursuits.note


def test_events_of_others_goals_change_nothing():
    pursuits = Pursuits()
    pursuits.sent('1', 'a', False, 'now', 0.0)
    assert pursuits.on_event(event('end', '9'), 0.1, 1.0) is None
    assert pursuits.results[-1].outcome == 'sent'


def test_an_end_counts_once():
    pursuits = Pursuits()
    pursuits.sent('1', 'a', False, 'now', 0.0)
    assert pursuits.on_event(event('end'), 0.1, 1.0)
    assert pursuits.on_event(event('end'), 0.9, 2.0) is None


def test_a_persons_word_can_be_given_and_taken_back():
    pursuits = Pursuits()
    pursuits.sent('1', 'a', True, 'now', 0.0)
    assert pursuits.judge('1', True).success is True
    assert pursuits.judge('1', None).success is None
    with pytest.raises(DataError):
        pursuits.judge('2', True)


def test_an_empty_queue_does_not_run():
    with pytest.raises(DataError, match='empty'):
        Pursuits().run(0.0)
