"""How far a training is, for those who show it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Progress:
    """How far one phase is: minibatches of `vae`, updates of `policy`, steps of `collect`."""

    phase: Literal['collect', 'vae', 'policy']
    done: int
    total: int
    env_steps: int
    metrics: Mapping[str, float] = field(default_factory=dict)


ProgressHook = Callable[[Progress], None]


def ignore_progress(progress: Progress) -> None:
    """Do nothing: the default hook."""
    del progress
