"""What the client makes of the goal node's words, and of a graph that says nothing."""

from __future__ import annotations

import time

import pytest

pytest.importorskip('rclpy')
from rig_ros.errors import HardwareError, RigError
from rig_ros.ros import client as clients
from rig_ros.ros import topics
from rig_ros.ros.client import GoalWatch, GraphClient
from rig_ros.ros.conversions import empty_cloud, to_stamp, values_to_message

pytestmark = pytest.mark.ros


def words(text: str, node: str = 'goal', level: int = 2):
    return values_to_message(f'{node}: goal', {}, to_stamp(0), message=text, level=level)


@pytest.fixture
def watch() -> GoalWatch:
    """A watch that knew of a blank picture before the one just sent."""
    watch = GoalWatch()
    watch.on_diagnostics(words('blank'))
    watch.problem, watch.sent_s = '', time.monotonic()
    return watch


def test_an_old_problem_is_not_blamed_on_a_new_picture(watch: GoalWatch):
    watch.on_diagnostics(words('blank'))
    watch.on_diagnostics(words('too dark', node='camera'))
    assert watch.problem == ''


def test_a_new_problem_is(watch: GoalWatch):
    watch.on_diagnostics(words('wrong size'))
    watch.on_diagnostics(words('and more'))
    assert watch.problem == 'goal: goal: wrong size'


def test_the_same_problem_again_after_it_was_gone_is(watch: GoalWatch):
    watch.on_diagnostics(words('all is well', level=0))
    watch.on_diagnostics(words('blank'))
    assert watch.problem == 'goal: goal: blank'


def test_the_same_problem_that_lasts_is(watch: GoalWatch):
    watch.sent_s -= clients.REPEATED_AFTER_S + 0.1
    watch.on_diagnostics(words('blank'))
    assert watch.problem == 'goal: goal: blank'


def test_an_empty_cloud_means_no_goal(watch: GoalWatch):
    watch.goal_id = 7
    watch.on_goal(empty_cloud(to_stamp(7)))
    assert watch.goal_id == 0


def test_a_silent_graph_is_an_error_that_names_what_was_waited_for():
    with GraphClient() as graph:
        with pytest.raises(HardwareError, match=r'camera/image: nothing within 0\.2 s'):
            graph.take(topics.CAMERA_IMAGE, timeout_s=0.2)
        with pytest.raises(HardwareError, match=r'service reset: nothing'):
            graph.call('reset', timeout_s=0.2)


def test_a_refusal_carries_the_nodes_reason_and_events_come_in_order():
    from std_srvs.srv import Trigger

    def refuse(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.message = 'not now'
        return response

    with GraphClient() as graph:
        graph.node.create_service(Trigger, 'reset', refuse)
        with pytest.raises(RigError, match='reset: refused: not now'):
            graph.call('reset')
        events = graph.publisher(topics.EPISODE_EVENTS)
        for stamp, kind in enumerate(('reset', 'start', 'end')):
            events.publish(values_to_message('episode', {'kind': kind}, to_stamp(stamp)))
        assert graph.wait_event('start', 'end', timeout_s=5)['stamp_ns'] == '1'
        assert graph.wait_event('start', 'end', timeout_s=5)['kind'] == 'end'
        with pytest.raises(HardwareError, match='episode event abort'):
            graph.wait_event('abort', timeout_s=0.2)
