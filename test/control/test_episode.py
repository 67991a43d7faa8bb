"""The order of episodes: every road through the machine, without ROS and without a clock."""

from __future__ import annotations

from typing import Any

import pytest

from rig_ros.control.episode import EpisodeMachine
from rig_ros.control.episode_model import NodeStatus, choose_bundle
from rig_ros.control.episode_types import Action, Call, Emit, EpisodeConfig, Goal, State
from rig_ros.errors import ConfigError

NODES = ('encoder', 'goal', 'policy')
A = NodeStatus(active='A' * 64, active_encoder='enc-a')
B_READY = NodeStatus(active='A' * 64, active_encoder='enc-a', ready='B' * 64)
B = NodeStatus(active='B' * 64, active_encoder='enc-b')
MS = 1_000_000


class Drive:
    """Feeds a machine and keeps what it did."""

    def __init__(self, mode: str = 'practise', status: NodeStatus | None = A,
                 **config: Any) -> None:
        self.now = 0.0
        self.stamp = 1000 * MS
        self.done: list[Action] = []
        self.machine = EpisodeMachine(EpisodeConfig(
            mode=mode, task='reach_xy', horizon=3, session='s', **config))  # type: ignore[arg-type]
        if status is not None:
            self.all_report(status)

    def do(self, method: str, *arguments: Any, **named: Any) -> None:
        self.done += getattr(self.machine, method)(*arguments, self.now, **named)

    def all_report(self, status: NodeStatus) -> None:
        for node in NODES:
            self.do('on_status', node, status)

    def picture(self, step_ms: int = 100) -> None:
        self.stamp += step_ms * MS
        self.do('on_picture', self.stamp)

    def wait(self, seconds: float) -> None:
        self.now += seconds
        self.do('on_tick')

    def answer(self, success: bool = True, message: str = '') -> None:
        calls = [a for a in self.done if isinstance(a, Call)]
        self.do('on_answer', calls[-1].token, success, message)

    def goal(self, goal_id: str = '7', encoder: str = 'enc-a', fresh: bool = True) -> None:
        self.do('on_goal', Goal(goal_id, encoder), fresh=fresh)

    def run_to_start(self) -> None:
        """From a start to the start event."""
        self.answer()
        if self.machine.state is State.IMAGINING:
            self.goal(str(self.stamp))
            self.answer()
        self.picture()
        assert self.machine.state is State.RUNNING, self.machine.note

    @property
    def trace(self) -> list[str]:
        """What was done, in order, in short."""
        return [a.kind if isinstance(a, Emit) else f'call {a.service}' for a in self.done]

    @property
    def last(self) -> Emit:
        """The last event."""
        return [a for a in self.done if isinstance(a, Emit)][-1]


def test_practise_goes_in_the_agreed_order_and_begins_again() -> None:
    drive = Drive()
    drive.picture()
    drive.do('on_start')
    assert drive.trace == ['reset', 'call reset']
    drive.run_to_start()
    assert drive.trace == ['reset', 'call reset', 'call imagine', 'start']
    for _ in range(3):
        drive.picture()
    assert drive.trace[4:] == ['end', 'reset', 'call reset']
    end = next(a for a in drive.done if isinstance(a, Emit) and a.kind == 'end')
    assert (end.steps, end.reason, end.episode_id) == (3, 'horizon', 's-00001')
    assert drive.last.episode_id == 's-00002'


def test_events_carry_ids_and_the_stamps_of_their_pictures() -> None:
    drive = Drive()
    drive.picture()
    before = drive.stamp
    drive.do('on_start')
    assert drive.last.stamp_ns == before + 1
    drive.run_to_start()
    start = drive.last
    assert start.values == {
        'kind': 'start', 'episode_id': 's-00001', 'mode': 'practise', 'task': 'reach_xy',
        'horizon': '3', 'steps': '0', 'bundle_id': 'A' * 64, 'encoder_id': 'enc-a',
        'goal_id': str(before), 'reason': 'practise for 3 steps'}
    assert start.stamp_ns == drive.stamp > before
    for _ in range(3):
        drive.picture()
    end = next(a for a in drive.done if isinstance(a, Emit) and a.kind == 'end')
    assert end.stamp_ns == drive.stamp == start.stamp_ns + 300 * MS


def test_a_picture_from_before_the_reset_does_not_start_an_episode() -> None:
    drive = Drive('collect', picture_after_reply=True)
    drive.picture()
    drive.do('on_start')
    drive.picture()  # taken while the hand was still on its way
    drive.answer()
    assert drive.machine.state is State.PICTURE
    drive.picture()
    assert drive.machine.state is State.RUNNING


def test_in_lockstep_the_picture_of_the_reset_comes_before_its_reply() -> None:
    drive = Drive('collect', picture_after_reply=False)
    drive.picture()
    drive.do('on_start')
    drive.picture()
    drive.answer()
    assert drive.machine.state is State.RUNNING
    assert drive.last.stamp_ns == drive.stamp


def test_the_same_picture_twice_is_one_step() -> None:
    drive = Drive('collect')
    drive.do('on_start')
    drive.run_to_start()
    drive.picture()
    drive.picture(0)
    assert drive.machine.steps == 1


def test_practise_collects_until_there_is_a_model_then_swaps_between_episodes() -> None:
    drive = Drive(status=NodeStatus())
    drive.do('on_start')
    assert (drive.last.mode, drive.last.bundle_id) == ('collect', '')
    drive.run_to_start()
    drive.all_report(NodeStatus(ready='B' * 64))
    assert drive.machine.state is State.RUNNING
    for _ in range(3):
        drive.picture()
    assert (drive.last.mode, drive.last.bundle_id) == ('practise', 'B' * 64)
    assert drive.machine.state is State.SWAPPING
    for node in NODES:
        assert drive.machine.state is State.SWAPPING
        drive.do('on_status', node, B)
    assert drive.machine.state is State.RESETTING
    assert drive.machine._encoder_id() == 'enc-b'


def test_waits_for_the_slowest_node_to_load_before_the_first_model_is_used() -> None:
    drive = Drive(status=NodeStatus())
    drive.do('on_status', 'encoder', NodeStatus(ready='B' * 64))
    drive.do('on_start')
    assert drive.machine.state is State.CHOOSING
    assert 'different models' in drive.machine.note
    drive.do('on_status', 'goal', NodeStatus(ready='B' * 64))
    drive.do('on_status', 'policy', NodeStatus(ready='B' * 64))
    assert drive.machine.state is State.SWAPPING


def test_a_node_that_refuses_the_new_model_sends_all_back_to_the_old_one() -> None:
    drive = Drive(resume=True)
    drive.do('on_start')
    drive.run_to_start()
    drive.all_report(B_READY)
    for _ in range(3):
        drive.picture()
    assert drive.last.bundle_id == 'B' * 64
    drive.do('on_status', 'encoder', B)
    drive.do('on_status', 'goal', B)
    drive.do('on_status', 'policy', NodeStatus('A' * 64, 'enc-a', '', 'B' * 64, 'smoke test'))
    assert drive.last.kind == 'abort'
    assert 'policy refused bundle BBBBBBBBBBBB: smoke test' in drive.last.reason
    drive.wait(1.1)
    assert (drive.last.kind, drive.last.bundle_id) == ('reset', 'A' * 64)
    assert drive.machine.state is State.SWAPPING


def test_nodes_that_do_not_swap_are_named() -> None:
    drive = Drive(status=B_READY)
    drive.do('on_start')
    drive.do('on_status', 'goal', B)
    drive.wait(11.0)
    assert drive.last.kind == 'abort'
    assert "['encoder', 'policy']" in drive.last.reason


def test_a_node_restarted_without_the_model_aborts() -> None:
    drive = Drive()
    drive.do('on_start')
    drive.run_to_start()
    drive.do('on_status', 'policy', NodeStatus())
    assert (drive.last.kind, drive.machine.state) == ('abort', State.IDLE)
    assert 'policy no longer uses bundle' in drive.last.reason


def test_reach_starts_with_a_goal_and_rests_after_it() -> None:
    drive = Drive('reach')
    drive.goal('7')
    assert drive.trace == ['reset', 'call reset']
    drive.run_to_start()
    assert (drive.last.goal_id, drive.last.mode) == ('7', 'reach')
    for _ in range(3):
        drive.picture()
    assert drive.trace[-1] == 'end'
    assert drive.machine.state is State.IDLE
    drive.goal('7', fresh=True)  # encoded anew: the same goal
    assert drive.machine.state is State.IDLE


def test_a_new_goal_ends_the_episode_and_begins_the_next() -> None:
    drive = Drive('reach')
    drive.goal('7')
    drive.run_to_start()
    drive.goal('8')
    assert drive.trace[3:] == ['end', 'reset', 'call reset']
    ends = [a for a in drive.done if isinstance(a, Emit) and a.kind == 'end']
    assert ends[0].reason == 'new goal'
    drive.run_to_start()
    assert drive.last.goal_id == '8'


def test_a_goal_from_before_this_process_moves_nothing_by_itself() -> None:
    drive = Drive('reach')
    drive.goal('7', fresh=False)
    assert drive.trace == []
    drive.do('on_start')
    assert drive.trace == ['reset', 'call reset']


def test_reach_waits_for_the_goal_in_the_new_latent_space() -> None:
    drive = Drive('reach', status=B_READY)
    drive.goal('7')
    drive.all_report(B)
    drive.answer()
    assert drive.machine.state is State.GOAL
    drive.goal('7', 'enc-b')
    drive.picture()
    assert drive.machine.state is State.RUNNING


def test_reach_gives_up_a_goal_that_no_model_can_pursue() -> None:
    drive = Drive('reach', status=NodeStatus())
    drive.goal('7')
    drive.wait(11.0)
    assert drive.machine.state is State.IDLE
    assert 'no model is loaded' in drive.machine.note
    assert drive.trace == []


@pytest.mark.parametrize('mode', ['practise', 'reach'])
def test_clearing_the_goal_aborts(mode: str) -> None:
    drive = Drive(mode)
    drive.goal('7') if mode == 'reach' else drive.do('on_start')
    drive.run_to_start()
    drive.do('on_goal', None)
    assert (drive.last.kind, drive.last.reason) == ('abort', 'the goal was cleared')


def test_clearing_the_goal_means_nothing_while_collecting() -> None:
    drive = Drive('collect')
    drive.do('on_start')
    drive.run_to_start()
    drive.do('on_goal', None)
    assert drive.machine.state is State.RUNNING


def test_silent_camera_and_missing_commands_abort_with_their_names() -> None:
    drive = Drive('collect')
    drive.do('on_start')
    drive.run_to_start()
    drive.wait(0.45)
    assert drive.machine.state is State.RUNNING
    drive.wait(0.1)
    assert drive.last.reason == 'camera silent for 0.5 s'

    drive = Drive('collect')
    drive.do('on_start')
    drive.run_to_start()
    drive.now += 0.45
    drive.picture()
    drive.machine.on_command(123, drive.now)  # a zero of the idle guard answers no picture
    drive.now += 0.4
    drive.picture()
    drive.wait(0.2)
    assert 'no command for 1 s' in drive.last.reason


def test_commands_that_answer_pictures_keep_an_episode_alive() -> None:
    drive = Drive('collect')
    drive.do('on_start')
    drive.run_to_start()
    for _ in range(2):
        drive.now += 0.45
        drive.picture()
        drive.machine.on_command(drive.stamp, drive.now)
    drive.wait(0.45)
    assert drive.machine.state is State.RUNNING


def test_estop_aborts_and_nothing_resumes_even_in_training() -> None:
    drive = Drive('collect', resume=True)
    drive.wait(0.1)
    drive.run_to_start()
    drive.do('on_estop', True)
    assert (drive.last.kind, drive.last.reason) == ('abort', 'e-stop')
    with pytest.raises(ConfigError, match='e-stop is tripped'):
        drive.do('on_start')
    drive.do('on_estop', False)
    drive.wait(60.0)
    assert drive.last.kind == 'abort'
    drive.do('on_start')
    assert drive.last.kind == 'reset'


def test_a_goal_of_a_foreign_encoder_is_not_pursued() -> None:
    drive = Drive('reach')
    drive.goal(encoder='foreign')
    assert drive.trace == []
    assert drive.machine.goal_refused
    assert 'foreign' in drive.machine.note
    drive.goal('8')
    assert drive.trace == ['reset', 'call reset']
    assert not drive.machine.goal_refused


def test_a_goal_during_an_estop_is_not_pursued() -> None:
    drive = Drive('reach')
    drive.do('on_estop', True)
    drive.goal('7')
    drive.do('on_estop', False)
    drive.wait(10.0)
    assert drive.trace == []


def test_nothing_begins_by_itself_unless_told_to() -> None:
    drive = Drive('collect')
    drive.wait(100.0)
    assert drive.trace == []
    drive.do('on_start')
    drive.answer(False, 'arm is disabled')
    assert drive.last.reason == 'reset failed: arm is disabled'
    drive.wait(100.0)
    assert drive.machine.state is State.IDLE


def test_training_begins_by_itself_and_retries_after_an_abort_but_not_after_stop() -> None:
    drive = Drive('collect', resume=True)
    drive.wait(0.1)
    assert drive.trace == ['reset', 'call reset']
    drive.answer(False, 'busy')
    drive.wait(0.5)
    assert drive.machine.state is State.IDLE
    drive.wait(0.6)
    assert drive.machine.state is State.RESETTING
    drive.run_to_start()
    drive.do('on_stop')
    assert (drive.last.kind, drive.last.reason) == ('end', 'stopped by episode/stop')
    drive.wait(100.0)
    assert drive.machine.state is State.IDLE


def test_reach_pursues_the_goal_again_after_an_abort_only_if_told_to() -> None:
    for resume, expected in ((False, 'abort'), (True, 'reset')):
        drive = Drive('reach', resume=resume)
        drive.goal('7')
        drive.run_to_start()
        drive.wait(0.6)
        drive.wait(1.1)
        assert drive.last.kind == expected


def test_a_gone_process_aborts_and_the_next_episode_waits_for_it() -> None:
    drive = Drive('collect', resume=True)
    drive.wait(0.1)
    drive.run_to_start()
    drive.do('on_process', 'policy', False)
    assert drive.last.reason == 'node policy is gone'
    drive.wait(5.0)
    assert drive.machine.state is State.CHOOSING
    assert "processes of ['policy']" in drive.machine.note
    drive.do('on_process', 'policy', True)
    drive.wait(0.1)
    assert drive.machine.state is State.RESETTING


def test_answers_to_calls_given_up_are_ignored() -> None:
    drive = Drive()
    drive.do('on_start')
    late = next(a for a in drive.done if isinstance(a, Call))
    drive.do('on_stop')
    drive.do('on_answer', late.token, True, '')
    assert drive.machine.state is State.IDLE


@pytest.mark.parametrize(('mode', 'reason'), [('reach', 'no goal is active')])
def test_start_is_refused_with_a_reason(mode: str, reason: str) -> None:
    drive = Drive(mode)
    with pytest.raises(ConfigError, match=reason):
        drive.do('on_start')


def test_start_twice_is_refused() -> None:
    drive = Drive('collect')
    drive.do('on_start')
    with pytest.raises(ConfigError, match='an episode is under way'):
        drive.do('on_start')


def test_choice_names_nodes_that_have_not_reported() -> None:
    bundle, note = choose_bundle({'goal': A}, NODES, '')
    assert bundle is None
    assert "['encoder', 'policy']" in note


def test_choice_prefers_the_newest_model_that_all_have() -> None:
    assert choose_bundle({n: B_READY for n in NODES}, NODES, '')[0] == 'B' * 64
    late = {'encoder': B_READY, 'goal': B_READY, 'policy': A}
    assert choose_bundle(late, NODES, '')[0] == 'A' * 64


def test_choice_collects_when_the_only_model_is_refused() -> None:
    statuses = {'encoder': NodeStatus(ready='B'), 'goal': NodeStatus(ready='B'),
                'policy': NodeStatus(refused='B', reason='other task')}
    assert choose_bundle(statuses, NODES, '')[0] == ''


def test_configuration_errors_name_what_is_allowed() -> None:
    with pytest.raises(ConfigError, match=r"mode: got 'dance', allowed: one of"):
        EpisodeConfig(mode='dance', task='t', horizon=1, session='s')  # type: ignore[arg-type]


def test_simulated_practice_waits_for_a_trainer_that_is_behind() -> None:
    """A lockstep graph once collected 350 episodes while its trainer starved."""
    drive = Drive(max_lead_steps=100)
    drive.machine.lead_steps = 150
    drive.do('on_start')
    assert drive.trace == []
    assert 'trainer' in drive.machine.note
    drive.machine.lead_steps = 100
    drive.wait(0.1)
    assert drive.trace == ['reset', 'call reset']


@pytest.mark.parametrize('mode', ['collect', 'practise', 'reach'])
def test_a_change_of_mode_ends_the_episode_and_moves_nothing_by_itself(mode: str):
    drive = Drive('practise', resume=True)
    drive.wait(0.1)
    drive.run_to_start()
    drive.do('on_mode', mode)
    assert drive.trace[-1] == 'end'
    drive.wait(10.0)
    assert drive.machine.state is State.IDLE
    assert drive.machine.config.mode == mode
    drive.goal('99', fresh=False)
    drive.do('on_start')
    drive.run_to_start()
    assert drive.done[-1].mode == mode  # type: ignore[union-attr]
