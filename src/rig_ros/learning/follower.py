"""A process that trains along with a leader: the body of `python -m rig_ros.learning.follower`.

Arguments: a plan as JSON (`team.Leader` writes it) and the leader's process id. What the leader
tells comes through standard input. It ends when the leader does, however that ends.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path
from typing import IO, Any

import torch

from rig_ros.errors import RigError
from rig_ros.learning import team
from rig_ros.learning.arithmetic import Device
from rig_ros.learning.config import TrainConfig
from rig_ros.learning.state import TrainingState
from rig_ros.learning.trainer import Learner
from rig_ros.processes import end_with_parent
from rig_ros.settings import from_mapping


def follow(learner: Learner, pipe: IO[bytes]) -> None:
    """Do what the leader tells until it tells no more.

    Raises:
        RigError: another process is gone.
    """
    while (message := team.unpacked(pipe)) is not None:
        values, tensors = message
        what = values['what']
        if what in ('add_episode', 'keep_episode'):
            goal = tensors.get('goal')
            getattr(learner, what)(tensors['observations'].numpy(), tensors['actions'].numpy(),
                                   None if goal is None else goal.numpy())
        elif what == 'restore':
            learner.restore(TrainingState.load(Path(values['path'])))
            if learner.ready and len(learner.replay):
                learner.replay.encode(learner.vae.encode)
        else:
            learner.generator.set_state(tensors['generator'])
            learner.train(values['new_steps'])


def main() -> int:
    """Run a follower."""
    plan: dict[str, Any] = json.loads(sys.argv[1])
    end_with_parent(int(sys.argv[2]))
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the leader
    config = from_mapping(TrainConfig, plan['config'])
    device: Device = plan['device']
    try:
        member = team.Member(plan['rank'], plan['size'], plan['place'], torch.device(device))
        learner = Learner(config, plan['action_dim'], plan['seed'], device=device,
                          state_dim=plan['state_dim'], team=member)
        follow(learner, sys.stdin.buffer)
    except RigError as error:
        sys.stderr.write(f'[ERROR] training process {plan["rank"]}: {error}\n')
        return 1
    member.close()
    return 0


if __name__ == '__main__':
    sys.exit(main())
