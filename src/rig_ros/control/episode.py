"""The order of an episode as a pure state machine: what happened goes in, what to do comes out.

reset event (names the bundle) -> encoder, goal and policy report that bundle active -> service
`reset` -> in practice service `goal/imagine` -> a picture taken after the reset -> start event ->
`horizon` pictures -> end event, or abort with a reason. Collecting and practising then begin the
next episode; reaching waits for the next goal.

Every method takes `now_s` of a clock that does not jump and returns the actions to carry out, in
order. Stamps are nanoseconds of pictures. The start event's stamp is the newest picture's, the
end event's the last one's: an episode's pictures are those from start to end, both included. The
reset event comes one nanosecond after the last picture that still belongs to what was before.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from dataclasses import dataclass, field
from typing import Literal

from rig_ros.control.episode_model import NodeStatus, choose_bundle
from rig_ros.control.episode_types import (
    Action,
    Call,
    Emit,
    EpisodeConfig,
    Goal,
    Kind,
    Mode,
    State,
)
from rig_ros.errors import ConfigError

GOAL_REFUSED = 'goal not pursued'
WAITS_FOR_TRAINER = 'waits for the trainer to catch up'
RETRY_S = 1.0
"""Between an abort and the next episode, where one follows by itself."""


@dataclass
class EpisodeMachine:
    """See the module. `state` and `note` say where it is."""

    config: EpisodeConfig
    state: State = State.IDLE
    note: str = 'waits for episode/start'
    goal: Goal | None = None
    estop: bool = False
    episodes: int = 0
    steps: int = 0
    statuses: dict[str, NodeStatus] = field(default_factory=dict)
    lead_steps: int = 0
    """Recorded steps that the trainer has not learnt from yet, as it last said."""
    missing: set[str] = field(default_factory=set)
    """Required nodes whose processes are gone."""
    _actions: list[Action] = field(default_factory=list)
    _since_s: float = 0.0
    _not_before_s: float = 0.0
    _wanted: bool = field(init=False)
    _mode: Mode = 'collect'
    _bundle_id: str = ''
    _agreed: str = ''
    _token: int = 0
    _goals_seen: int = 0
    _goals_at_call: int = 0
    _stamp_ns: int = 0
    _stamp_at_reset_ns: int = 0
    _picture_s: float = 0.0
    _command_s: float = 0.0
    _stamps: deque[int] = field(default_factory=lambda: deque(maxlen=100))

    def __post_init__(self) -> None:
        self._wanted = self.config.resume and self.config.mode != 'reach'

    @property
    def goal_refused(self) -> bool:
        """Whether the note says why a goal is not pursued."""
        return self.note.startswith(GOAL_REFUSED)

    # Requests of the operator --------------------------------------------------------------------
    def on_start(self, now_s: float) -> list[Action]:
        """Start episodes.

        Raises:
            ConfigError: one is under way, the e-stop is tripped, or there is no goal to reach.
        """
        if self.state is not State.IDLE:
            raise ConfigError(f'episode/start: an episode is under way ({self.note}); call '
                              'episode/stop first')
        if self.estop:
            raise ConfigError('episode/start: the e-stop is tripped; call estop/clear when it is '
                              'safe, then start again')
        if self.config.mode == 'reach' and self.goal is None:
            raise ConfigError('episode/start: no goal is active; publish a picture on goal/image')
        self._begin(now_s)
        return self._take()

    def on_stop(self, now_s: float) -> list[Action]:
        """End the episode under way, and begin no other."""
        if self.state is State.RUNNING:
            self._close('end', 'stopped by episode/stop', now_s)
        elif self.state is not State.IDLE:
            self._abort('stopped by episode/stop', now_s)
        self._wanted = False
        self._rest('stopped; waits for episode/start', now_s)
        return self._take()

    def on_mode(self, mode: Mode, now_s: float) -> list[Action]:
        """Change what episodes are for: one under way ends, and none begins by itself."""
        actions = self.on_stop(now_s)
        self.config = dataclasses.replace(self.config, mode=mode)
        self._rest(f'mode {mode}; waits for episode/start'
                   + (' or a new goal' if mode == 'reach' else ''), now_s)
        return actions

    # What the graph reports ----------------------------------------------------------------------
    def on_status(self, node: str, status: NodeStatus, now_s: float) -> list[Action]:
        """Take a node's report on its models."""
        self.statuses[node] = status
        if node not in self.config.model_nodes:
            return []
        if self.state is State.CHOOSING:
            self._choose(now_s)
        elif self.state is State.SWAPPING:
            self._check_swap(now_s)
        elif self.state is not State.IDLE and self._bundle_id not in ('', status.active):
            self._abort(f'{node} no longer uses bundle {self._bundle_id[:12]}: '
                        f'{status.reason or "it was restarted"}', now_s)
        return self._take()

    def on_goal(self, goal: Goal | None, now_s: float, *, fresh: bool = True) -> list[Action]:
        """Take the active goal, or None when it was cleared.

        Args:
            goal: what `goal/latent` says.
            now_s: the clock.
            fresh: false for a goal from before this process started: it moves nothing.
        """
        new = goal is not None and (self.goal is None or goal.goal_id != self.goal.goal_id)
        self.goal = goal
        self._goals_seen += goal is not None
        if goal is None:
            reaching = self.config.mode == 'reach' and self.state is not State.IDLE
            pursued = self._mode != 'collect' and self.state in (State.RUNNING, State.PICTURE)
            self._wanted = self._wanted and self.config.mode != 'reach'
            if reaching or pursued:
                self._abort('the goal was cleared', now_s)
        elif self.state is State.GOAL:
            self._check_goal(now_s)
        elif self.config.mode == 'reach' and new and fresh:
            if self.state is State.RUNNING:
                self._close('end', 'new goal', now_s)
            if self.state is State.IDLE and (refusal := self._goal_refusal()):
                self.note = f'{GOAL_REFUSED}: {refusal}'
            elif self.state is State.IDLE:
                self._begin(now_s)
        return self._take()

    def on_estop(self, tripped: bool, now_s: float) -> list[Action]:
        """Take the state of the e-stop; after it only a start or a new goal goes on."""
        self.estop = tripped
        self._wanted = self._wanted and not tripped
        if tripped and self.state is not State.IDLE:
            self._abort('e-stop', now_s)
        return self._take()

    def on_picture(self, stamp_ns: int, now_s: float) -> list[Action]:
        """Take the stamp of a camera picture."""
        if stamp_ns == self._stamp_ns:
            return []
        self._stamp_ns, self._picture_s = stamp_ns, now_s
        self._stamps.append(stamp_ns)
        if self.state is State.PICTURE:
            self._check_picture(now_s)
        elif self.state is State.RUNNING:
            self.steps += 1
            if self.steps >= self.config.horizon:
                self._close('end', 'horizon', now_s)
                self._wanted = self.config.mode != 'reach'
                if self._wanted:
                    self._begin(now_s)
        return self._take()

    def on_command(self, stamp_ns: int, now_s: float) -> list[Action]:
        """Take the stamp of a guarded command; only those that answer a picture count."""
        if stamp_ns in self._stamps:
            self._command_s = now_s
        return []

    def on_process(self, node: str, alive: bool, now_s: float) -> list[Action]:
        """Take the news that a required node's process came or is gone."""
        if alive:
            self.missing.discard(node)
        else:
            self.missing.add(node)
            if self.state not in (State.IDLE, State.CHOOSING):
                self._abort(f'node {node} is gone', now_s)
        return self._take()

    def on_answer(self, token: int, success: bool, message: str, now_s: float) -> list[Action]:
        """Take the answer to a `Call`; answers to calls given up are ignored."""
        if token != self._token:
            return []
        self._token += 1
        if self.state is State.RESETTING and not success:
            self._abort(f'reset failed: {message}', now_s)
        elif self.state is State.RESETTING:
            if self.config.picture_after_reply:
                self._stamp_at_reset_ns = self._stamp_ns
            self._after_reset(now_s)
        elif self.state is State.IMAGINING and not success:
            self._abort(f'goal/imagine failed: {message}', now_s)
        elif self.state is State.IMAGINING:
            self._go(State.GOAL, now_s)
            self._check_goal(now_s)
        return self._take()

    def on_tick(self, now_s: float) -> list[Action]:
        """Look at the clock: silence, time-outs, and whether to begin by itself."""
        config, waited = self.config, now_s - self._since_s
        limits = {State.SWAPPING: config.swap_timeout_s, State.GOAL: config.imagine_timeout_s,
                  State.PICTURE: config.picture_timeout_s}
        if self.state is State.RUNNING:
            if now_s - self._picture_s > config.camera_silence_s:
                self._abort(f'camera silent for {config.camera_silence_s:g} s', now_s)
            elif now_s - self._command_s > config.command_silence_s:
                self._abort(f'no command for {config.command_silence_s:g} s; do policy and guard '
                            'run, and what do they say on /diagnostics?', now_s)
        elif self.state is State.CHOOSING:
            self._choose(now_s)
            if self.state is State.CHOOSING and config.mode == 'reach' \
                    and waited > config.swap_timeout_s:
                self._wanted = False
                self._rest(f'{GOAL_REFUSED}: {self.note}', now_s)
        elif waited > limits.get(self.state, float('inf')):
            missing = (f': {self._not_swapped()}' if self.state is State.SWAPPING else '')
            self._abort(f'waited {waited:.1f} s for {self.state.value}{missing}', now_s)
        elif self.state is State.IDLE and self._wanted and now_s >= self._not_before_s:
            self._begin(now_s)
        return self._take()

    # Steps of the order --------------------------------------------------------------------------
    def _begin(self, now_s: float) -> None:
        self._wanted = True
        self._go(State.CHOOSING, now_s)
        self._choose(now_s)

    def _choose(self, now_s: float) -> None:
        bundle_id: str | None = ''
        if self.missing:
            self.note = f'waits for the processes of {sorted(self.missing)}'
            return
        if 0 < self.config.max_lead_steps < self.lead_steps:
            self.note = WAITS_FOR_TRAINER
            return
        if self.config.mode != 'collect':
            bundle_id, self.note = choose_bundle(self.statuses, self.config.model_nodes,
                                                 self._agreed)
        elif self.config.model_nodes[-1] not in self.statuses:
            bundle_id, self.note = None, f'waits for the {self.config.model_nodes[-1]} node'
        if bundle_id == '' and self.config.mode == 'reach':
            bundle_id, self.note = None, 'no model is loaded; start with bundle:=FILE'
        if bundle_id is None:
            return
        self._mode = self.config.mode if bundle_id else 'collect'
        self._bundle_id = bundle_id
        self.episodes += 1
        self.steps = 0
        self._emit('reset', f'{self._mode} with bundle {bundle_id[:12] or "none"}',
                   self._stamp_ns + 1 if self._stamp_ns else None)
        self._go(State.SWAPPING, now_s)
        self._check_swap(now_s)

    def _goal_refusal(self) -> str:
        encoder_id = getattr(self.statuses.get('encoder'), 'active_encoder', '')
        if self.estop:
            return 'the e-stop is tripped'
        if self.goal is not None and encoder_id and self.goal.encoder_id != encoder_id:
            return (f'it is a latent of encoder {self.goal.encoder_id!r}, allowed: '
                    f'{encoder_id!r}; publish its picture on goal/image')
        return ''

    def _not_swapped(self) -> list[str]:
        if not self._bundle_id:
            return []
        return [node for node in self.config.model_nodes
                if self.statuses[node].active != self._bundle_id]

    def _check_swap(self, now_s: float) -> None:
        for node in self._not_swapped():
            status = self.statuses[node]
            if status.refused == self._bundle_id:
                self._abort(f'{node} refused bundle {self._bundle_id[:12]}: {status.reason}',
                            now_s)
                return
        if not self._not_swapped():
            self._agreed = self._bundle_id or self._agreed
            self._stamp_at_reset_ns = self._stamp_ns
            self._go(State.RESETTING, now_s)
            self._call('reset', self.config.reset_timeout_s)

    def _after_reset(self, now_s: float) -> None:
        if self._mode == 'practise':
            self._goals_at_call = self._goals_seen
            self._go(State.IMAGINING, now_s)
            self._call('imagine', self.config.imagine_timeout_s)
            return
        self._goals_at_call = -1  # any goal will do
        self._go(State.GOAL, now_s)
        self._check_goal(now_s)

    def _check_goal(self, now_s: float) -> None:
        if self._mode != 'collect':
            usable = self.goal is not None and self._goals_seen > self._goals_at_call \
                and self.goal.encoder_id == self._encoder_id()
            if not usable:
                return
        self._go(State.PICTURE, now_s)
        self._check_picture(now_s)

    def _check_picture(self, now_s: float) -> None:
        if self._stamp_ns <= self._stamp_at_reset_ns:
            return
        self._go(State.RUNNING, now_s)
        self._picture_s = self._command_s = now_s
        self._emit('start', f'{self._mode} for {self.config.horizon} steps', self._stamp_ns)

    def _encoder_id(self) -> str:
        status = self.statuses.get('encoder')
        return status.active_encoder if status and self._bundle_id else ''

    # Bookkeeping ---------------------------------------------------------------------------------
    def _close(self, kind: Kind, reason: str, now_s: float) -> None:
        self._emit(kind, reason, self._stamp_ns if kind == 'end' else None)
        self._rest(f'{kind}: {reason}', now_s)

    def _abort(self, reason: str, now_s: float) -> None:
        if self.state is not State.CHOOSING:
            self._close('abort', reason, now_s)
        self._not_before_s = now_s + RETRY_S
        self._wanted = self._wanted and self.config.resume
        again = 'the next episode follows' if self._wanted else 'waits for episode/start'
        self._rest(f'aborted ({reason}); {again}', now_s)

    def _rest(self, note: str, now_s: float) -> None:
        self._go(State.IDLE, now_s)
        self.note = note

    def _go(self, state: State, now_s: float) -> None:
        self.state, self._since_s = state, now_s
        self._token += 1
        self.note = f'waits for {state.value}'

    def _call(self, service: Literal['reset', 'imagine'], timeout_s: float) -> None:
        self._actions.append(Call(service, self._token, timeout_s))

    def _emit(self, kind: Kind, reason: str, stamp_ns: int | None = None) -> None:
        goal_id = self.goal.goal_id if self.goal and self._mode != 'collect' else ''
        self._actions.append(Emit(
            kind, f'{self.config.session}-{self.episodes:05d}', self._mode, self.config.task,
            self.config.horizon, self.steps, self._bundle_id, self._encoder_id(), goal_id, reason,
            stamp_ns))

    def _take(self) -> list[Action]:
        actions, self._actions = self._actions, []
        return actions
