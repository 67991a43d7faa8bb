"""A sweep's runs as tasks of Ray: on this machine, or on a cluster by its address."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rig_ros.errors import ConfigError

if TYPE_CHECKING:
    from rig_ros.evaluation.sweep import Job

LOST = -1
"""Exit status of a run whose machine or worker went away."""


def finishing(todo: Sequence[Job], address: str,
              refresh_s: float) -> Iterator[list[tuple[Job, int]]]:
    """Start everything and give what has finished, (run, exit status), each `refresh_s`.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
    """
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ConfigError("sweep: needs the Python package 'ray', which is not installed, "
                          "allowed: pip install -e '.[sweep]' in a clone, or --local, which runs "
                          'child processes of this one') from error
    from rig_ros.evaluation.sweep import execute

    try:
        ray.init(address=address or 'local', include_dashboard=False, log_to_driver=False,
                 logging_level=logging.ERROR)
    except (ConnectionError, RuntimeError) as error:
        raise ConfigError(f'--address: got {address!r} ({error}), allowed: a Ray cluster that '
                          'runs, whose token (RAY_AUTH_TOKEN) this shell has too; start one '
                          'with: ray start --head') from error
    try:
        remote = ray.remote(num_cpus=1, max_retries=0)(execute)
        waiting = {remote.remote(job): job for job in todo}
        while waiting:
            done, _ = ray.wait(list(waiting), num_returns=1, timeout=refresh_s)
            finished = []
            for reference in done:
                try:
                    status = int(ray.get(reference))
                except ray.exceptions.RayError:
                    status = LOST
                finished.append((waiting.pop(reference), status))
            yield finished
    finally:
        ray.shutdown()
