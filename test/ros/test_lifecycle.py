"""The base node: life cycle by service, refusals, kept messages, calls, time, diagnostics."""

from __future__ import annotations

from typing import Any

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from ros_bench import RosBench
from std_msgs.msg import Bool

from rig_ros.errors import DataError, HardwareError
from rig_ros.ros import topics
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode


class EchoNode(RigNode):
    """Hears the e-stop; refuses True."""

    NAME = 'echo'
    fault: Exception | None = None

    def configure(self) -> None:
        self.heard: list[bool] = []
        self.ticks = 0
        self.closed = 0
        self.out = self.publish_on(topics.MODEL_STATUS)
        self.listen(topics.ESTOP, self._on_estop)
        self.offer('echo/do', self._on_do)
        self.every(0.02, self._on_tick)
        if self.fault is not None:
            raise self.fault

    def cleanup(self) -> None:
        self.closed += 1

    def _on_estop(self, message: Bool) -> None:
        if message.data:
            raise DataError('estop: got True, allowed: False')
        self.heard.append(message.data)

    def _on_do(self) -> str:
        if self.heard:
            raise HardwareError('echo/do: heard too much')
        return 'done'

    def _on_tick(self) -> None:
        self.ticks += 1


class BrokenNode(EchoNode):
    """Cannot be configured."""

    fault = HardwareError('camera: got nothing')


class CrashingNode(EchoNode):
    """Has a bug."""

    fault = ZeroDivisionError('bug')


def change(bench: RosBench, transition: int) -> bool:
    client = bench.probe.create_client(ChangeState, 'echo/change_state')
    bench.until(client.service_is_ready)
    future = client.call_async(ChangeState.Request(transition=Transition(id=transition)))
    bench.until(future.done)
    bench.probe.destroy_client(client)
    return bool(future.result().success)


def state(bench: RosBench) -> str:
    client = bench.probe.create_client(GetState, 'echo/get_state')
    bench.until(client.service_is_ready)
    future = client.call_async(GetState.Request())
    bench.until(future.done)
    bench.probe.destroy_client(client)
    return str(future.result().current_state.label)


def part(messages: list[Any], name: str) -> Any:
    found = [s for m in messages for s in m.status if s.name == name]
    return found[-1] if found else None


def test_life_cycle_by_services() -> None:
    with RosBench() as bench:
        node = bench.add(EchoNode, start=False)
        assert state(bench) == 'unconfigured'
        assert change(bench, Transition.TRANSITION_CONFIGURE)
        assert (state(bench), node.active) == ('inactive', False)
        assert 'not active' in bench.call('echo/do').message
        assert change(bench, Transition.TRANSITION_ACTIVATE)
        assert node.active
        assert bench.call('echo/do').message == 'done'
        assert change(bench, Transition.TRANSITION_DEACTIVATE)
        assert change(bench, Transition.TRANSITION_CLEANUP)
        assert (state(bench), node.closed) == ('unconfigured', 1)
        assert change(bench, Transition.TRANSITION_CONFIGURE)  # and all over again
        assert change(bench, Transition.TRANSITION_ACTIVATE)
        assert bench.call('echo/do').success


def test_latched_messages_from_before_activation_are_delivered_once() -> None:
    with RosBench() as bench:
        node = bench.add(EchoNode, start=False)
        node.trigger_configure()
        publisher = bench.publisher(topics.ESTOP)
        bench.connected(publisher)
        publisher.publish(Bool(data=False))
        bench.spin_for(0.2)
        assert node.heard == []
        node.trigger_activate()
        assert node.heard == [False]


def test_a_refused_message_is_an_error_until_a_good_one_comes() -> None:
    with RosBench() as bench:
        node = bench.add(EchoNode)
        publisher, diagnostics = bench.publisher(topics.ESTOP), bench.collect(topics.DIAGNOSTICS)
        bench.connected(publisher)
        publisher.publish(Bool(data=True))
        bench.until(lambda: node.board.level('estop') is Level.ERROR)
        bench.until(lambda: part(diagnostics, 'echo: estop'))
        assert part(diagnostics, 'echo: estop').message == 'estop: got True, allowed: False'
        publisher.publish(Bool(data=False))
        bench.until(lambda: node.board.level('estop') is Level.OK)


def test_a_service_refuses_with_its_reason() -> None:
    with RosBench() as bench:
        node = bench.add(EchoNode)
        node.heard.append(True)
        answer = bench.call('echo/do')
        assert (answer.success, answer.message) == (False, 'echo/do: heard too much')


@pytest.mark.parametrize('node_class', [BrokenNode, CrashingNode])
def test_a_failed_configure_is_kept_cleaned_up_and_can_be_repeated(
        node_class: type[EchoNode]) -> None:
    with RosBench() as bench:
        node = bench.add(node_class, start=False)
        assert not node.start()
        assert node.failure is node_class.fault
        assert node.closed == 1
        assert state(bench) == 'unconfigured'
        node.fault = None
        assert node.start()


def test_timers_run_while_simulated_time_stands_still() -> None:
    with RosBench() as bench:
        node = bench.add(EchoNode, use_sim_time=True)
        diagnostics = bench.collect(topics.DIAGNOSTICS)
        bench.until(lambda: node.ticks > 3 and part(diagnostics, 'echo: timing'))
        assert node.now_ns() == 0


def test_a_call_tells_the_answer_a_refusal_and_a_missing_service() -> None:
    with RosBench() as bench:
        node = bench.add(EchoNode)
        answers: list[tuple[bool, str]] = []
        bench.answer('ok', True, 'fine')
        bench.answer('no', False, 'arm is disabled')
        for service in ('ok', 'no', 'nobody'):
            node.call(service, lambda ok, text: answers.append((ok, text)), timeout_s=1.0)
            before = len(answers)
            bench.until(lambda before=before: len(answers) > before)
        assert answers[:2] == [(True, 'fine'), (False, 'arm is disabled')]
        assert not answers[2][0]
        assert 'service nobody: there is no such service for 1 s' in answers[2][1]


def test_a_call_waits_for_a_service_that_comes_up() -> None:
    with RosBench() as bench:
        node = bench.add(EchoNode)
        answers: list[bool] = []
        node.call('late', lambda ok, _: answers.append(ok), timeout_s=10.0)
        bench.spin_for(0.1)
        bench.answer('late')
        bench.until(lambda: answers)
        assert answers == [True]


def test_a_stopped_node_closes_what_it_opened_once() -> None:
    with RosBench() as bench:
        node = bench.add(EchoNode)
        bench.remove(node)
        node.stop()
        assert (node.closed, node.active) == (1, False)
