"""Modes, faults, watchdogs and motions of the side process, with a clock that only tests move."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from arm_plant import Bench

from rig_ros.arm_side.faults import REMEDIES

FORWARD = (0.1, 0.0, 0.0)
BACK = (-0.1, 0.0, 0.0)
ZERO = (0.0, 0.0, 0.0)


@pytest.fixture
def bench() -> Bench:
    made = Bench()
    made.run(0.1)
    return made


@pytest.fixture
def moving(bench: Bench) -> Bench:
    bench.run(0.4, BACK)
    assert bench.mode == 'SERVO'
    assert bench.trace[-1][2] == pytest.approx(0.1, abs=0.01)
    return bench


def stays_still(bench: Bench, seconds: float = 1.0) -> bool:
    before = bench.point
    bench.run(seconds, FORWARD)
    return float(np.linalg.norm(bench.point - before)) < 1e-3


@pytest.mark.parametrize(('changes', 'mode'), [
    ({}, 'IDLE'), ({'enabled': False}, 'DISABLED'), ({'stopped': True}, 'ESTOP'),
    ({'estop_button': 3}, 'ESTOP'), ({'joints_time': 0.0}, 'DISCONNECTED'),
    ({'endpoint_time': 0.0}, 'DISCONNECTED'), ({'robot_time': 0.0}, 'DISCONNECTED')])
def test_mode_names_what_the_robot_tells(bench: Bench, changes: dict, mode: str):
    bench.changes.update(changes)
    assert bench.mode == mode
    assert (mode == 'IDLE') or stays_still(bench)


def test_a_robot_that_idles_is_told_nothing(bench: Bench):
    bench.run(1.0)
    assert all(orders.speeds is None for orders in bench.orders)


def test_the_robots_own_time_out_is_set_when_a_motion_begins(moving: Bench):
    assert [orders.begin for orders in moving.orders].count(True) == 1


def test_silence_ends_a_motion_and_a_new_twist_starts_one(moving: Bench):
    since = moving.now
    moving.run(0.5)
    assert moving.stopped_after(since) <= 0.15
    assert moving.mode == 'IDLE'
    assert moving.machine.fault is None
    assert not stays_still(moving)


def test_an_end_of_motion_sends_zeros_for_half_a_second_and_then_nothing(moving: Bench):
    moving.machine.hold(moving.now)
    moving.run(1.0)
    sent = [orders.speeds for orders in moving.orders[-100:]]
    assert all(not np.any(speeds) for speeds in sent[5:45])
    assert all(speeds is None for speeds in sent[55:])


@pytest.mark.parametrize(('changes', 'name', 'seconds'), [
    ({'collided': True}, 'collision', 0.15), ({'error': True}, 'robot_error', 0.15),
    ({'connections': 0}, 'not_heard', 0.15), ({'force': (0.0, 50.0, 0.0)}, 'force', 0.15),
    ({'joints_time': 99.0}, 'joints_stale', 0.15),
    ({'endpoint_time': 99.0}, 'endpoint_stale', 0.15),
    ({'robot_time': 99.0}, 'robot_stale', 0.15)])
def test_a_fault_ends_a_motion_and_is_latched(moving: Bench, changes: dict, name: str,
                                              seconds: float):
    since = moving.now
    moving.changes.update(changes)
    moving.run(0.5, BACK)
    assert moving.machine.fault is not None
    assert moving.machine.fault.name == name
    assert moving.machine.fault.remedy == REMEDIES[name]
    assert moving.stopped_after(since) <= seconds
    for key in changes:
        moving.changes.pop(key)
    moving.changes['connections'] = 1
    assert moving.mode == 'FAULT'
    assert stays_still(moving)


def test_a_fault_is_not_cleared_while_its_cause_is_there(moving: Bench):
    moving.changes['collided'] = True
    moving.run(0.2)
    assert 'still there' in str(moving.machine.clear_fault(moving.now, moving.sight()))
    moving.changes['collided'] = False
    assert moving.machine.clear_fault(moving.now, moving.sight()) is None
    assert moving.mode == 'IDLE'


@pytest.mark.parametrize('end', ['clear_fault', 'enable', 'reset', 'hold', 'commander'])
def test_nothing_resumes_until_twists_pause_or_are_zero(moving: Bench, end: str):
    if end == 'clear_fault':
        moving.changes['collided'] = True
        moving.run(0.1, FORWARD)
        moving.changes['collided'] = False
        moving.machine.clear_fault(moving.now, moving.sight())
    elif end == 'hold':
        moving.machine.hold(moving.now)
    elif end == 'commander':
        moving.machine.hold(moving.now)
        moving.machine.new_commander(moving.now)
    else:
        change = {'enable': {'enabled': False}, 'reset': {'stopped': True}}[end]
        moving.changes.update(change)
        moving.run(0.1, FORWARD)
        moving.changes.update(enabled=True, stopped=False)
    moving.run(0.3, FORWARD)  # the arm runs out
    assert moving.mode == 'IDLE'
    assert stays_still(moving)
    moving.twist(0.0, 0.0, 0.0)
    assert not stays_still(moving)


def test_an_estop_ends_the_commands_at_once(moving: Bench):
    moving.changes['stopped'] = True
    moving.run(0.05, BACK)
    assert all(orders.speeds is None for orders in moving.orders[-5:])


def test_a_late_tick_ends_a_motion(moving: Bench):
    moving.now += 0.2
    moving.twist(*BACK)
    moving.run(0.05, BACK)
    assert moving.machine.fault is not None
    assert moving.machine.fault.name in ('servo_late', 'joints_stale')


@pytest.mark.parametrize('age', [0.06, 10.0, -0.1])
def test_a_twist_from_another_time_is_dropped(bench: Bench, age: float):
    assert 'age' in str(bench.twist(*FORWARD, age=age))
    assert bench.mode == 'IDLE'


def test_a_twist_with_an_old_number_is_dropped(bench: Bench):
    bench.twist(0.0, 0.0, 0.0)
    bench._id -= 1
    assert 'id' in str(bench.twist(*FORWARD))


def test_an_arm_that_does_not_follow_is_a_fault(moving: Bench):
    moving.run(0.1, BACK)
    stuck = moving.q.copy()
    for _ in range(100):
        moving.q = stuck.copy()
        moving.run(0.01, BACK)
        moving.twist(*BACK)
    assert moving.machine.fault is not None
    assert moving.machine.fault.name == 'tracking'


def test_an_arm_that_goes_on_after_a_hold_is_stopped_by_the_robot(moving: Bench):
    moving.machine.hold(moving.now)
    for _ in range(70):
        moving.run(0.01)
        moving.v = np.full(7, 0.1)
    assert [orders.stop_robot for orders in moving.orders].count(True) == 1
    assert moving.machine.fault is not None
    assert moving.machine.fault.name == 'still_moving'


@pytest.mark.parametrize(('start', 'name'), [((0.42, 0.0, 0.2), 'outside_box')])
def test_a_motion_does_not_begin_outside_the_box(start: tuple, name: str):
    bench = Bench(start)
    bench.run(0.1)
    assert stays_still(bench)
    assert bench.machine.fault is not None
    assert bench.machine.fault.name == name


def test_a_tilted_tool_must_go_home_first():
    bench = Bench()
    bench.q[5] += 0.4
    bench.run(0.1)
    assert stays_still(bench)
    assert bench.machine.fault is not None
    assert bench.machine.fault.name in ('tilted', 'outside_box')
    bench.machine.clear_fault(bench.now, bench.sight())
    bench.machine.home(bench.now, bench.sight(), bench.settings.reset_position, 1)
    bench.run(20.0, ZERO)
    assert bench.point == pytest.approx(bench.settings.reset_position, abs=2e-3)


def test_a_description_of_another_tool_is_a_fault(bench: Bench):
    position = bench.sight().position
    bench.changes['position'] = (position[0], position[1], position[2] + 0.1)
    bench.twist(*FORWARD)
    assert bench.machine.fault is not None
    assert bench.machine.fault.name in ('kinematics', 'outside_box')


def test_homing_goes_up_over_and_down(bench: Bench):
    bench.machine.home(bench.now, bench.sight(), (0.5, -0.15, 0.12), 'ticket')
    assert bench.mode == 'HOMING'
    bench.run(20.0, ZERO)
    finished = [orders.finished for orders in bench.orders if orders.finished]
    assert [(one.ticket, one.ok) for one in finished] == [('ticket', True)]
    path = np.array([place for _, place, _ in bench.trace])
    assert path[-1] == pytest.approx((0.5, -0.15, 0.12), abs=2e-3)
    sideways = path[np.abs(path[:, 1] + 0.075) < 0.04]
    assert sideways[:, 2].min() > 0.26
    assert max(speed for *_, speed in bench.trace) < 0.11


def test_homing_is_cancelled_by_a_hold(bench: Bench):
    bench.machine.home(bench.now, bench.sight(), (0.5, -0.15, 0.12), 'ticket')
    bench.run(2.0, ZERO)
    since = bench.now
    bench.machine.hold(bench.now)
    bench.run(0.5)
    assert bench.stopped_after(since) <= 0.15
    assert [o.finished.ok for o in bench.orders if o.finished] == [False]


def test_homing_ends_when_its_commander_hangs_and_stays_ended(bench: Bench):
    bench.machine.home(bench.now, bench.sight(), (0.5, -0.15, 0.12), 'ticket')
    bench.run(2.0, ZERO)
    since = bench.now
    bench.run(1.0)
    assert 0.2 < bench.stopped_after(since) <= bench.settings.link_lost + 0.15
    assert bench.machine.fault is not None
    assert bench.machine.fault.name == 'commander_silent'
    assert [o.finished.ok for o in bench.orders if o.finished] == [False]
    assert stays_still(bench)
    assert bench.machine.clear_fault(bench.now, bench.sight()) is None
    assert stays_still(bench)


@pytest.mark.parametrize('target', [(0.9, 0.0, 0.2), (0.6, 0.0, -0.1), (5.0, 5.0, 5.0)])
def test_homing_goes_nowhere_outside_the_box(bench: Bench, target: tuple):
    with pytest.raises(ValueError, match='inside the box'):
        bench.machine.home(bench.now, bench.sight(), target, 1)
    assert bench.mode == 'IDLE'


def test_a_lost_master_ends_everything(moving: Bench):
    moving.machine.lose_master(moving.now)
    moving.run(0.3)
    assert moving.mode == 'FAULT'
    assert moving.machine.clear_fault(moving.now, moving.sight()) is not None


def test_every_fault_has_a_remedy():
    assert all(remedy and not remedy.endswith('.') for remedy in REMEDIES.values())


@pytest.mark.parametrize('speed', [0.05, 0.1, 0.3])
def test_the_box_is_never_left_by_more_than_two_millimetres(speed: float):
    bench = Bench(speed=speed, joint_fraction=0.75)
    bench.run(0.1)
    for direction in ((1, 0, 0), (-1, 0, 0), (0, 1, 0), (0, -1, 0), (0, 0, 1), (0, 0, -1),
                      (1, 1, 1), (-1, -1, -1)):
        bench.run(0.4 / speed ** 0.5, tuple(speed * part for part in direction))
        assert bench.mode == 'SERVO', bench.machine.fault
    path = np.array([place for _, place, _ in bench.trace])
    out = max((np.array(bench.settings.box_low) - path).max(),
              (path - np.array(bench.settings.box_high)).max())
    assert out < 2e-3


def test_a_robot_that_gets_no_more_commands_stops_inside_the_box(bench: Bench):
    bench.run(1.2, (0.0, 0.1, 0.0))
    bench.target = bench.v.copy()  # the side process dies: the last command stays in force
    for _ in range(60):
        if bench.now - bench.commanded > 0.2:
            bench.target = np.zeros(7)
        bench.v += (bench.target - bench.v) * 0.4
        bench.q, bench.now = bench.q + bench.v * 0.01, bench.now + 0.01
    assert bench.point[1] < bench.settings.box_high[1] + 2e-3


def test_steps_of_a_centimetre_are_followed_without_drift():
    bench, rng = Bench(), np.random.default_rng(0)
    bench.run(0.1)
    target, errors = bench.point, []
    for _ in range(300):
        step = rng.uniform(-1, 1, 3)
        step *= 0.01 / math.sqrt(step @ step)
        step = np.where(np.abs(target + step - [0.575, 0, 0.2]) < [0.08, 0.15, 0.06], step, -step)
        target = target + step
        bench.run(0.1, tuple(step / 0.1))
        errors.append(float(np.linalg.norm(bench.point - target)))
    assert bench.mode == 'SERVO', bench.machine.fault
    assert np.percentile(errors, 95) < 4e-3
    bench.run(2.0, (0.0, 0.0, 0.0))
    assert np.linalg.norm(bench.point - target) < 1e-3


def test_a_velocity_counts_from_when_it_was_sent_however_late_it_arrives():
    bench, rng = Bench(), np.random.default_rng(0)
    bench.run(0.1)
    bench.twist(0.0, 0.0, 0.0)
    bench.run(0.1)
    start, moved, velocity, sent = bench.point, 0.0, 0.0, bench.now
    for _ in range(400):
        late = float(rng.uniform(0.0, 0.03))
        moved += velocity * (bench.now - late - sent)
        sent, velocity = bench.now - late, float(rng.uniform(-0.1, 0.1))
        bench.twist(0.0, velocity, 0.0, age=late)
        bench.run(0.05)
    moved += velocity * (bench.now - sent)
    bench.twist(0.0, 0.0, 0.0)
    for _ in range(40):
        bench.run(0.05)
        bench.twist(0.0, 0.0, 0.0)
    assert bench.mode == 'SERVO', bench.machine.fault
    assert bench.point[1] - start[1] == pytest.approx(moved, abs=1e-3)


def test_dry_run_computes_without_faults_of_motion():
    bench = Bench(dry_run=True)
    bench.run(0.1)
    stuck = bench.q.copy()
    for _ in range(100):
        bench.run(0.01, BACK)
        bench.q = stuck.copy()
        bench.twist(*BACK)
    assert bench.machine.fault is None
    assert bench.orders[-1].speeds is not None


def test_the_manual_explains_every_fault_and_no_other():
    manual = (Path(__file__).parents[2] / 'doc' / 'robot.md').read_text()
    table = manual.split('## Fault messages and remedies')[1].split('\n\n')[2].splitlines()[2:]
    rows = [[cell.strip() for cell in line.strip('|').split('|')] for line in table]
    assert all(len(row) == 3 and all(row) for row in rows)
    named = [name.strip() for row in rows for name in row[0].replace('`', '').split(',')]
    assert sorted(named) == sorted(REMEDIES)
