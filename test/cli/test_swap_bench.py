"""What the recordings say about swaps; the bench itself with two of them."""

from __future__ import annotations

from pathlib import Path

import pytest
from recorded_streams import PERIOD_NS, key_values_cdr, latent_cdr, twist_cdr

from rig_ros.cli import swap_bench
from rig_ros.episodes import schema
from rig_ros.episodes.encoding import encode_event
from rig_ros.episodes.store import EpisodeWriter

MS = 1_000_000


def record(folder: Path, name: str, first_ns: int, bundle: str, encoder: str, *,
           late_ms: int = 20, latent: str = '', goal: str = '', policy: str = '',
           ended: bool = False) -> None:
    """Write an episode after a swap; the last three are what is wrong in it."""
    writer = EpisodeWriter(folder, name)

    def put(topic: str, cdr: bytes, at_ns: int) -> None:
        writer.write(f'/{topic}', cdr, at_ns)

    values = {'episode_id': name, 'bundle_id': bundle, 'encoder_id': encoder}
    put(schema.EVENTS, encode_event(first_ns, {'kind': 'reset', **values}), first_ns)
    for node in swap_bench.NODES:
        used = policy if policy and node == 'policy' else bundle
        put(schema.MODEL_STATUS, key_values_cdr(0, node, {'node': node, 'active': used}),
            first_ns + late_ms * MS)
    if goal != 'none':
        put(schema.GOAL_LATENT, latent_cdr(first_ns, goal or encoder), first_ns + 30 * MS)
    put(schema.EVENTS, encode_event(first_ns + 40 * MS, {'kind': 'start', **values}),
        first_ns + 40 * MS)
    for number in range(1, 4):
        stamp = first_ns + number * PERIOD_NS
        put(schema.LATENT, latent_cdr(stamp, latent or encoder), stamp)
        put(schema.POLICY_COMMAND, twist_cdr(stamp, (0.1, 0.0, 0.0)), stamp + MS)
    if ended:
        put(schema.EVENTS, encode_event(stamp + PERIOD_NS, {'kind': 'end', **values}),
            stamp + PERIOD_NS)
    writer.finish()


def test_swaps_are_timed_and_nothing_is_mixed(tmp_path: Path):
    record(tmp_path, 'e1', 10**12, 'a', 'enc-a')
    record(tmp_path, 'e2', 2 * 10**12, 'b', 'enc-b', late_ms=35)
    seen = swap_bench.read_recordings(tmp_path)
    assert (seen.episodes, seen.commands, seen.mixed, seen.unproven) == (2, 6, 0, 0)
    assert seen.swap_ms == {node: [pytest.approx(35.0)] for node in swap_bench.NODES}


@pytest.mark.parametrize('wrong', [{'latent': 'enc-a'}, {'goal': 'enc-a'}, {'policy': 'a'}])
def test_a_part_of_another_model_is_seen(tmp_path: Path, wrong: dict[str, str]):
    record(tmp_path, 'e1', 10**12, 'a', 'enc-a')
    record(tmp_path, 'e2', 2 * 10**12, 'b', 'enc-b', **wrong)
    seen = swap_bench.read_recordings(tmp_path)
    assert (seen.commands, seen.mixed) == (6, 3)


def test_commands_after_the_end_of_their_episode_are_late_and_not_mixed(tmp_path: Path):
    record(tmp_path, 'e1', 10**12, 'a', 'enc-a')
    record(tmp_path, 'e2', 2 * 10**12, 'b', 'enc-b', latent='enc-a', policy='a')
    seen = swap_bench.read_recordings(tmp_path)
    assert (seen.commands, seen.mixed, seen.late) == (6, 0, 3)


def test_commands_of_an_episode_that_was_not_recorded_prove_nothing(tmp_path: Path):
    record(tmp_path, 'e1', 10**12, 'a', 'enc-a', ended=True)
    later = 10**12 + 50 * PERIOD_NS
    writer = EpisodeWriter(tmp_path, 'e2-rest')
    writer.write(f'/{schema.LATENT}', latent_cdr(later, 'enc-b'), later)
    writer.write(f'/{schema.POLICY_COMMAND}', twist_cdr(later, (0.1, 0.0, 0.0)), later + MS)
    writer.finish()
    seen = swap_bench.read_recordings(tmp_path)
    assert (seen.commands, seen.mixed, seen.unproven) == (4, 0, 1)


def test_a_goal_that_the_recording_lacks_proves_nothing(tmp_path: Path):
    record(tmp_path, 'e1', 10**12, 'a', 'enc-a')
    record(tmp_path, 'e2', 2 * 10**12, 'b', 'enc-b', goal='none')
    seen = swap_bench.read_recordings(tmp_path)
    assert (seen.mixed, seen.unproven) == (0, 3)


@pytest.mark.ros
@pytest.mark.render
@pytest.mark.slow
@pytest.mark.timeout(240)
def test_two_real_swaps(tmp_path: Path):
    pytest.importorskip('rclpy')
    pytest.importorskip('mujoco')
    figures = swap_bench.run(2, 'reach', tmp_path)
    assert figures['mixed'] == 0
    assert figures['commands'] > 2
    assert figures['policy_timed'] >= 1
