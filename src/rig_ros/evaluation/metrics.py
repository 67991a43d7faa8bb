"""Figures from final distances: mean, median, success rates and 95 % intervals. Pure numpy.

Distances in metres. An interval over goals of one policy is a bootstrap (few goals, skewed
distances); an interval over seeds is Student's t (few seeds, nearly normal means).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rig_ros.settings import require

SUCCESS_THRESHOLDS_M = (0.01, 0.02, 0.04, 0.06)
BOOTSTRAP_SAMPLES = 2000

Statistic = Callable[..., NDArray[np.float64]]
Interval = tuple[float, float]

# Student's t, two-sided 95 %, for 1 to 30 degrees of freedom.
_T_95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179,
         2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064,
         2.060, 2.056, 2.052, 2.048, 2.045, 2.042)


@dataclass(frozen=True)
class Summary:
    """What is reported of one set of distances [m]."""

    count: int
    mean: float
    median: float
    mean_interval: Interval
    median_interval: Interval
    worst: float
    success: dict[float, float]
    """Share of distances below each threshold [m]."""


def _checked(values: Sequence[float]) -> NDArray[np.float64]:
    array = np.asarray(values, np.float64)
    require(array.ndim == 1 and array.size > 0, 'distances', array.shape, 'one or more')
    require(bool(np.isfinite(array).all() and (array >= 0).all()), 'distances',
            array[~(np.isfinite(array) & (array >= 0))].tolist(), 'finite metres from 0 up')
    return array


def bootstrap_interval(values: Sequence[float], statistic: Statistic = np.mean,
                       seed: int = 0) -> Interval:
    """Return the 95 % percentile bootstrap of a statistic that takes `axis`."""
    array = _checked(values)
    rng = np.random.default_rng(seed)
    draws = array[rng.integers(0, array.size, (BOOTSTRAP_SAMPLES, array.size))]
    low, high = np.percentile(statistic(draws, axis=1), [2.5, 97.5])
    return float(low), float(high)


def t_interval(values: Sequence[float]) -> Interval:
    """Return Student's 95 % interval of the mean; a single value gives an infinite one."""
    array = np.asarray(values, np.float64)
    mean = float(array.mean())
    if array.size < 2:
        return -np.inf, np.inf
    quantile = _T_95[array.size - 2] if array.size - 2 < len(_T_95) else 1.96
    half = quantile * float(array.std(ddof=1)) / array.size ** 0.5
    return mean - half, mean + half


def success_rate(values: Sequence[float], threshold: float) -> float:
    """Return the share of distances below the threshold [m]."""
    return float((_checked(values) < threshold).mean())


def summarise(values: Sequence[float]) -> Summary:
    """Return the summary of final distances [m].

    Raises:
        ConfigError: no distance, or one that is negative or not finite.
    """
    array = _checked(values)
    return Summary(
        count=array.size, mean=float(array.mean()), median=float(np.median(array)),
        mean_interval=bootstrap_interval(values, np.mean),
        median_interval=bootstrap_interval(values, np.median), worst=float(array.max()),
        success={t: success_rate(values, t) for t in SUCCESS_THRESHOLDS_M})
