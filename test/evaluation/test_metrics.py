"""Figures from final distances."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.errors import ConfigError
from rig_ros.evaluation import metrics


def test_summary_of_known_distances():
    summary = metrics.summarise([0.005, 0.015, 0.015, 0.05, 0.2])
    assert summary.count == 5
    assert summary.mean == pytest.approx(0.057)
    assert summary.median == pytest.approx(0.015)
    assert summary.worst == pytest.approx(0.2)
    assert summary.success == {0.01: 0.2, 0.02: 0.6, 0.04: 0.6, 0.06: 0.8}


def test_threshold_itself_is_not_a_success():
    assert metrics.success_rate([0.02, 0.0199], 0.02) == 0.5


def test_bootstrap_covers_the_true_mean_about_as_often_as_it_says():
    rng = np.random.default_rng(5)
    covered = 0
    for trial in range(100):
        low, high = metrics.bootstrap_interval(rng.exponential(0.02, 50), seed=trial)
        covered += low <= 0.02 <= high
    assert 85 <= covered <= 99


def test_bootstrap_is_repeatable_and_follows_the_statistic():
    values = [0.01] * 30 + [1.0] * 3
    assert metrics.bootstrap_interval(values) == metrics.bootstrap_interval(values)
    assert metrics.bootstrap_interval(values, np.median) == (0.01, 0.01)
    assert metrics.bootstrap_interval(values)[1] > 0.1


def test_t_interval_of_five_seeds_against_the_table():
    low, high = metrics.t_interval([1.0, 2.0, 3.0, 4.0, 5.0])
    half = 2.776 * 2.5 ** 0.5 / 5 ** 0.5
    assert (low, high) == pytest.approx((3 - half, 3 + half))


def test_t_interval_of_one_value_says_nothing():
    assert metrics.t_interval([0.02]) == (-np.inf, np.inf)


@pytest.mark.parametrize('values', [[], [0.1, float('nan')], [-0.1]])
def test_impossible_distances_are_refused(values):
    with pytest.raises(ConfigError, match='distances'):
        metrics.summarise(values)
