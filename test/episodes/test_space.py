"""Room for recordings: the disk's, and the budget's."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig_ros.episodes.append_file import MIB
from rig_ros.episodes.space import Space
from rig_ros.errors import HardwareError


def test_the_smaller_of_disk_and_budget_counts(tmp_path: Path):
    (tmp_path / 'e').write_bytes(bytes(MIB))
    space = Space(min_free_mib=10, budget_mib=3, free=lambda _: 30 * MIB)
    space.survey(tmp_path)
    assert space.left(tmp_path) == 2 * MIB
    assert Space(10, 0, lambda _: 30 * MIB).left(tmp_path) == 20 * MIB
    assert Space(10, 0, lambda _: 3 * MIB).left(tmp_path) == 0


def test_a_used_up_budget_refuses_until_there_is_room_again(tmp_path: Path):
    held = tmp_path / 'e'
    held.write_bytes(bytes(2 * MIB))
    space = Space(min_free_mib=1, budget_mib=3, free=lambda _: 30 * MIB)
    space.survey(tmp_path)
    space.require(tmp_path)
    space.add(MIB)
    space.require(tmp_path)  # what was added is not there: someone deleted it
    held.write_bytes(bytes(3 * MIB))
    space.add(MIB)
    with pytest.raises(HardwareError, match='budget_mib'):
        space.require(tmp_path)
    held.unlink()
    space.require(tmp_path)
