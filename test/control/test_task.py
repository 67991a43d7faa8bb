"""What a task says of itself."""

from __future__ import annotations

import dataclasses

import pytest

from rig_ros.control import task as tasks


@pytest.mark.parametrize(('present', 'vary'), [(None, False), ((3, 3), False), ((1, 3), True),
                                               ((2, 2), True)])
def test_pucks_vary_unless_all_are_there(present: tuple[int, int] | None, vary: bool) -> None:
    # Two of three are as many in each episode and not the same ones: `evaluate --no-resets`
    # took them to be.
    task = dataclasses.replace(tasks.load('push_multi'), pucks_present=present)
    assert task.pucks_vary is vary


def test_a_task_without_pucks_has_none_that_vary() -> None:
    assert not tasks.load('door').pucks_vary
