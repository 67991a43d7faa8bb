"""The driver over a socket whose other end is the test's: what it sends, refuses and latches."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from side_stub import WELCOME, SideStub

from rig_ros.errors import HardwareError, SafetyViolation
from rig_ros.hardware import sawyer
from rig_ros.hardware.sawyer import LINK_LOST_S, SawyerRobot
from rig_ros.hardware.sawyer_link import SawyerLink

FORWARD = np.array([0.1, 0.0, 0.0])
RESET = np.array([0.55, 0.0, 0.055])


class Bench:
    """Driver, stub and a clock that only the test moves."""

    def __init__(self, path: Path) -> None:
        self.now = 100.0
        self.path = path / 'arm.sock'
        self.side = SideStub(self.path)
        self.robot = SawyerRobot(lambda: SawyerLink.open(self.path, 'test'), RESET, 0.15,
                                 lambda: self.now)

    def connect(self) -> None:
        self.now += 1.0
        self.robot.poll()
        assert self.side.accept()
        self.side.say(**WELCOME)
        self.tell()

    def tell(self, **changes: object) -> None:
        self.side.say_state(**changes)
        self.robot.poll()

    def pass_time(self, seconds: float, **changes: object) -> list[dict]:
        """Let time pass in steps of 10 ms with states; return the packets that were sent."""
        packets = []
        for _ in range(round(seconds / 0.01)):
            self.now += 0.01
            self.tell(**changes)
            packets += self.side.heard()
        return packets

    def ready(self) -> None:
        self.connect()
        self.robot.clear()
        self.side.heard()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.robot.close()
    made.side.close()


def test_hello_comes_first_and_the_state_is_the_arms(bench: Bench) -> None:
    with pytest.raises(HardwareError, match='unknown'):
        bench.robot.state()
    bench.connect()
    hello = bench.side.heard()[0]
    assert hello == {'type': 'hello', 'proto': 1, 'role': 'commander', 'name': 'test'}
    state = bench.robot.state()
    np.testing.assert_allclose(state.hand_position, [0.6, 0.1, 0.2])
    np.testing.assert_allclose(state.hand_rotation @ [0, 0, 1], [0, 0, -1], atol=1e-4)


def test_on_the_way_home_the_arm_hears_that_the_driver_lives(bench: Bench) -> None:
    bench.ready()
    answers: list[bool] = []
    bench.robot.begin_reset(lambda ok, message: answers.append(ok))
    [request] = bench.side.heard('request')
    told = [p['velocity'] for p in bench.pass_time(1.0, mode='HOMING') if p['type'] == 'twist']
    assert len(told) == pytest.approx(50, abs=2)
    assert not any(map(any, told))
    bench.side.say(type='reply', id=request['id'], ok=True, message='')
    bench.tell()
    assert answers == [True]
    assert bench.pass_time(0.5) == []


def test_nothing_moves_after_a_start_before_a_reset(bench: Bench) -> None:
    bench.connect()
    with pytest.raises(HardwareError, match='just started; call reset'):
        bench.robot.send_twist(FORWARD)
    answers: list[tuple[bool, str]] = []
    bench.robot.begin_reset(lambda ok, message: answers.append((ok, message)))
    request = bench.side.heard('request')[0]
    assert (request['name'], request['arguments']) == ('home', {'position': RESET.tolist()})
    bench.side.say(type='reply', id=request['id'], ok=True, message='')
    bench.tell()
    assert answers == [(True, 'the hand is at the reset position')]
    np.testing.assert_allclose(bench.robot.send_twist(FORWARD), FORWARD)


def test_a_velocity_is_repeated_while_valid_then_the_arm_is_held(bench: Bench) -> None:
    bench.ready()
    bench.robot.send_twist(FORWARD)
    packets = bench.pass_time(0.5)
    moving = [p for p in packets if p['type'] == 'twist']
    assert [p['velocity'] for p in moving] == [FORWARD.tolist()] * len(moving)
    assert 0.12 <= moving[-1]['sent'] - moving[0]['sent'] <= 0.15
    assert np.diff([p['sent'] for p in moving]).max() <= 0.0201
    assert [p['name'] for p in packets if p['type'] == 'request'] == ['hold']


def test_zero_holds_at_once(bench: Bench) -> None:
    bench.ready()
    bench.robot.send_twist(FORWARD)
    bench.robot.send_twist(np.zeros(3))
    assert bench.side.heard('request')[-1]['name'] == 'hold'
    assert not bench.pass_time(0.3), 'a standing arm is left alone'


def test_after_a_hold_for_lateness_a_zero_comes_before_the_motion_goes_on(bench: Bench) -> None:
    bench.ready()
    sent = []
    for mode in ('IDLE', *['SERVO'] * 5, *['IDLE'] * 5):
        bench.robot.send_twist(FORWARD)
        sent += [p['velocity'][0] for p in bench.pass_time(0.02, mode=mode)]
    assert sent[0] == FORWARD[0], 'after a silence a motion begins at once'
    assert sent.count(0.0) == 1
    assert sent[-1] == FORWARD[0]


def test_zero_velocities_do_not_wake_a_standing_arm(bench: Bench) -> None:
    bench.ready()
    bench.robot.send_twist(np.zeros(3))
    assert not bench.pass_time(0.3)


def test_speed_is_capped_as_the_side_process_says(bench: Bench) -> None:
    bench.ready()
    np.testing.assert_allclose(bench.robot.send_twist(np.array([0.3, 0.4, 0])), [0.06, 0.08, 0])


def test_not_finite_stops_the_arm(bench: Bench) -> None:
    bench.ready()
    bench.robot.send_twist(FORWARD)
    with pytest.raises(SafetyViolation, match='the arm was stopped'):
        bench.robot.send_twist(np.array([np.nan, 0, 0]))
    assert bench.side.heard('request')[-1]['name'] == 'hold'
    assert not [p for p in bench.pass_time(0.2) if p['type'] == 'twist']


@pytest.mark.parametrize('mode', ['FAULT', 'ESTOP', 'DISABLED', 'DISCONNECTED'])
def test_what_cut_a_motion_stays_until_a_person_clears_it(bench: Bench, mode: str) -> None:
    bench.ready()
    bench.robot.send_twist(FORWARD)
    bench.tell(mode=mode, fault='it hit something', remedy='look')
    with pytest.raises(HardwareError, match='it hit something; look'):
        bench.robot.send_twist(FORWARD)
    bench.tell(mode='IDLE')
    bench.side.heard()
    with pytest.raises(HardwareError, match='it hit something; call arm/clear_fault'):
        bench.robot.send_twist(FORWARD)
    assert not [p for p in bench.pass_time(0.3) if p['type'] == 'twist']
    answers: list[bool] = []
    bench.robot.begin_reset(lambda ok, message: answers.append(ok))
    assert answers == [False], 'a reset is no permission'
    bench.robot.clear()
    bench.robot.send_twist(FORWARD)


def test_a_silent_link_is_lost_and_its_return_moves_nothing(bench: Bench) -> None:
    bench.ready()
    answers: list[tuple[bool, str]] = []
    bench.robot.request('enable', lambda ok, message: answers.append((ok, message)))
    bench.robot.send_twist(FORWARD)
    bench.now += LINK_LOST_S + 0.01
    bench.robot.poll()
    assert not bench.robot.connected
    assert answers
    assert not answers[0][0]
    with pytest.raises(HardwareError, match='said nothing for 0.3 s'):
        bench.robot.send_twist(FORWARD)
    bench.connect()
    with pytest.raises(HardwareError, match='link to the arm was lost'):
        bench.robot.send_twist(FORWARD)
    assert not [p for p in bench.pass_time(0.2) if p['type'] == 'twist']


def test_a_side_process_that_dies_with_unread_packets_is_only_a_lost_link(bench: Bench) -> None:
    bench.ready()
    bench.robot.send_twist(FORWARD)
    bench.side.hang_up()
    bench.robot.poll()
    assert not bench.robot.connected
    assert 'gone' in bench.robot.cut or 'closed' in bench.robot.cut


def test_a_stall_of_the_driver_is_no_lost_link_when_states_wait(bench: Bench) -> None:
    bench.ready()
    bench.now += 2 * LINK_LOST_S
    bench.tell()
    assert bench.robot.connected


@pytest.mark.parametrize('changes', [
    {'q': [0.0] * 6}, {'position': [0.0, float('nan'), 0.0]}, {'mode': 'DANCING'}, {'v': None}])
def test_a_state_that_breaks_the_protocol_ends_the_link(bench: Bench, changes: dict) -> None:
    bench.ready()
    bench.tell(**changes)
    assert not bench.robot.connected
    assert 'another protocol' in bench.robot.cut


def test_refusal_and_foreign_protocol_are_told(bench: Bench) -> None:
    bench.robot.poll()
    assert bench.side.accept()
    bench.side.say(type='refused', reason='somebody else commands')
    bench.robot.poll()
    assert bench.robot.link_problem == 'the side process refused: somebody else commands'
    bench.now += 1.0
    bench.robot.poll()
    assert bench.side.accept()
    bench.side.say(**{**WELCOME, 'new_key': 9})
    bench.robot.poll()
    assert 'another protocol' in bench.robot.link_problem


def test_the_manual_explains_what_the_driver_says() -> None:
    manual = (Path(__file__).parents[2] / 'doc' / 'robot.md').read_text()
    texts = [node.value for node in ast.walk(ast.parse(Path(sawyer.__file__).read_text()))
             if isinstance(node, ast.Constant) and isinstance(node.value, str)]
    causes = [text.strip() for text in texts
              if re.match('the (arm|e-stop|robot|driver|side process|link)', text)
              and len(text) < 60]
    assert len(causes) > 8
    assert [cause for cause in causes if f'`{cause.rstrip(": ")}' not in manual] == []
