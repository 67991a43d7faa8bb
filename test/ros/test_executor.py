"""The node executor: everything that can be ready is run, once and in order."""

from __future__ import annotations

import contextlib
from typing import Any

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

import rclpy
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Int32
from std_srvs.srv import Trigger

from rig_ros.ros import executor as executors
from rig_ros.ros.executor import NodeExecutor, make_executor, turn

MS = 1_000_000


class Rig:
    """One node that talks to itself."""

    def __init__(self) -> None:
        self.context = Context()
        self.context.init(args=['test'])
        self.node = Node('self_talk', context=self.context, enable_rosout=False)
        self.executor = NodeExecutor(context=self.context)
        self.executor.add_node(self.node)

    def until(self, condition: Any, turns: int = 500) -> None:
        for _ in range(turns):
            if condition():
                return
            self.executor.turn(20 * MS)
        raise AssertionError('the condition did not come true')

    def close(self) -> None:
        self.executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()


@pytest.fixture
def rig():
    rig = Rig()
    yield rig
    rig.close()


def test_messages_arrive_once_in_order_and_with_info_if_asked(rig: Rig) -> None:
    plain: list[int] = []
    stamped: list[int] = []
    rig.node.create_subscription(Int32, 'a', lambda m: plain.append(m.data), 10)

    def with_info(message: Int32, info: dict[str, int]) -> None:
        assert info['source_timestamp'] > 0
        stamped.append(message.data)

    rig.node.create_subscription(Int32, 'a', with_info, 10)
    publisher = rig.node.create_publisher(Int32, 'a', 10)
    rig.until(lambda: publisher.get_subscription_count() == 2)
    for value in range(5):
        publisher.publish(Int32(data=value))
    rig.until(lambda: len(plain) == len(stamped) == 5)
    rig.executor.turn(20 * MS)
    assert plain == stamped == [0, 1, 2, 3, 4]


def test_services_answer_and_futures_call_back(rig: Rig) -> None:
    def answer(_: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success, response.message = True, 'done'
        return response

    rig.node.create_service(Trigger, 'do', answer)
    client = rig.node.create_client(Trigger, 'do')
    rig.until(client.service_is_ready)
    told: list[str] = []
    client.call_async(Trigger.Request()).add_done_callback(
        lambda future: told.append(future.result().message))
    rig.until(lambda: told)
    assert told == ['done']


def test_timers_run_while_messages_flow_and_stop_when_destroyed(rig: Rig) -> None:
    ticks: list[int] = []
    timer = rig.node.create_timer(0.01, lambda: ticks.append(1))
    rig.until(lambda: len(ticks) >= 3)
    rig.node.destroy_timer(timer)
    count = len(ticks)
    for _ in range(5):
        rig.executor.turn(20 * MS)
    assert len(ticks) == count


def test_subscription_destroyed_by_an_earlier_callback_is_not_run(rig: Rig) -> None:
    heard: list[str] = []

    def first(_: Int32) -> None:
        heard.append('first')
        rig.node.destroy_subscription(second)

    rig.node.create_subscription(Int32, 'a', first, 10)
    second = rig.node.create_subscription(Int32, 'a', lambda _: heard.append('second'), 10)
    publisher = rig.node.create_publisher(Int32, 'a', 10)
    rig.until(lambda: publisher.get_subscription_count() == 2)
    publisher.publish(Int32())
    rig.until(lambda: heard)
    for _ in range(5):
        rig.executor.turn(20 * MS)
    assert heard == ['first']


def test_error_in_a_callback_comes_out(rig: Rig) -> None:
    def fail() -> None:
        raise ZeroDivisionError('in a callback')

    rig.node.create_timer(0.01, fail)
    with pytest.raises(ZeroDivisionError, match='in a callback'):
        rig.until(lambda: False)


def test_raises_error_if_a_callback_waits(rig: Rig) -> None:
    future = rclpy.task.Future()

    async def wait() -> None:
        await future

    rig.node.create_timer(0.01, wait)
    with pytest.raises(TypeError, match='does not support'):
        rig.until(lambda: False)


def test_spin_ends_with_the_context(rig: Rig) -> None:
    rig.node.create_timer(0.01, rig.context.try_shutdown)
    with contextlib.suppress(ExternalShutdownException):
        rig.executor.spin()
    assert not rig.context.ok()


def test_falls_back_to_rclpys_own(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    assert type(make_executor(context=rig.context)) is NodeExecutor
    monkeypatch.setattr(executors, 'NEEDED', ('_something_else',))
    assert type(make_executor(context=rig.context)) is SingleThreadedExecutor


@pytest.mark.parametrize('kind', [NodeExecutor, SingleThreadedExecutor])
def test_a_turn_handles_what_there_is_and_waits_no_longer_than_told(rig: Rig, kind: Any) -> None:
    rig.executor.remove_node(rig.node)
    executor, got = kind(context=rig.context), []
    executor.add_node(rig.node)
    rig.node.create_subscription(Int32, 'a', got.append, 10)
    publisher = rig.node.create_publisher(Int32, 'a', 10)
    for _ in range(500):
        if publisher.get_subscription_count():
            break
        turn(executor, 0.02)
    publisher.publish(Int32(data=3))
    for _ in range(500):
        if got:
            break
        turn(executor, 0.02)
    assert [m.data for m in got] == [3]
    executor.shutdown()
