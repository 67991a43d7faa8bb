"""The headline table: hits, misses, what was not run, and where a figure comes from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from rig_ros.evaluation import comparison, headline
from rig_ros.learning import config as configs

TASKS = {'reach': 'reach_xy', 'door': 'door', 'door_resets': 'door', 'push_nips': 'push_nips',
         'push_nips_rig_paper': 'push_nips', 'push': 'push'}


def finished(folder: Path, method: str, seed: int, steps: int, rows: str = '',
             **finals: float) -> Path:
    directory = folder / f'{method}-s{seed}'
    directory.mkdir(parents=True)
    (directory / 'config.yaml').touch()
    (directory / 'metrics.csv').write_text(rows or 'env_steps,kl\n1000,1\n')
    (directory / 'figures.json').write_text(json.dumps({
        'task': TASKS[method], 'seed': seed, 'env_steps': steps, 'goals': 50, 'wall_s': 1.0,
        'mean_final_distance_m': 0.0, 'objects': {name: {'mean_final_distance_m': value}
                                                  for name, value in finals.items()}}))
    return directory


def rows(directories: list[Path], task: str) -> list[tuple[str, ...]]:
    groups, _ = comparison.load(directories)
    return [row for row in headline.table(groups).rows if row[0] == task]


def test_hits_misses_and_what_was_not_run(tmp_path):
    runs = [finished(tmp_path, 'reach', seed, 5000, hand=mean)
            for seed, mean in ((0, 0.012), (1, 0.016))]
    runs.append(finished(tmp_path, 'door', 0, 30000, door=0.07))
    runs.append(finished(tmp_path, 'door_resets', 0, 30000, door=0.04))
    (reach,) = rows(runs, 'reach_xy')
    assert reach[6:] == ('1.40 cm at 5,000', '0.00 cm to 3.94 cm', 2, 'reached')
    door, shut = rows(runs, 'door')
    assert door[4:] == ('0.050 rad', '0.030 rad', '0.070 rad at 30,000', 'one seed', 1, 'MISSED')
    assert shut[6:] == ('0.040 rad at 30,000', 'one seed', 1, 'reached')
    assert {row[-1] for row in rows(runs, 'pickup')} == {'not run'}


def test_a_longer_run_is_read_at_its_milestone_or_else_off_its_curve(tmp_path):
    header = 'env_steps,puck0_mean_distance_m,puck0_held_out_mean_m\n'
    runs = [finished(tmp_path, 'push', 0, 100000, header + '20000,.09,\n25000,.05,.06\n',
                     puck0=.03)]
    at_25k, at_80k, at_100k, ever = rows(runs, 'push')
    assert (at_25k[6], at_25k[-1]) == ('6.00 cm at 25,000', 'reached')
    assert (at_80k[6], at_80k[-1]) == ('6.00 cm at 25,000', 'MISSED')
    assert (at_100k[6], at_100k[-1]) == ('3.00 cm at 100,000', 'aim reached')
    assert ever[-1] == 'aim missed'
    old = [finished(tmp_path / 'old', 'push', 0, 80000,
                    'env_steps,puck0_mean_distance_m\n20000,.09\n', puck0=.04)]
    assert rows(old, 'push')[0][6] == '9.00 cm* at 20,000'


def test_a_share_is_of_the_other_method_as_measured_here(tmp_path):
    runs = [finished(tmp_path, 'push_nips', 0, 25000, puck0=0.06, hand=0.04)]
    assert rows(runs, 'push_nips')[0][-1] == 'push_nips_rig_paper not run'
    runs.append(finished(tmp_path, 'push_nips_rig_paper', 0, 25000, puck0=0.10, hand=0.09))
    assert [row[-1] for row in rows(runs, 'push_nips')] == ['reached', 'aim reached']


def test_every_row_names_recipes_and_the_sweep_runs_them():
    from rig_ros.evaluation import sweep

    planned = set(sweep.load('headline')[0].recipes)
    for target in headline.targets():
        assert planned & set(target.methods), target
        assert not target.share_of or target.share_of in planned
        for method in target.methods:
            assert configs.load(method).task in (target.task, 'reach')
    assert headline.milestones('push') == [25000, 80000, 100000]


@pytest.mark.parametrize('name', ['steps', 'methods'])
def test_raises_error_if_a_row_is_not_valid(name):
    from rig_ros.errors import ConfigError

    wrong = {'steps': -1} if name == 'steps' else {'methods': ()}
    with pytest.raises(ConfigError, match=name):
        headline.Target(**{'task': 'push', 'object': 'puck0', 'methods': ('push',), 'steps': 1,
                           'published': '', **wrong})
