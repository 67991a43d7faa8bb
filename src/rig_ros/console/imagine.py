"""Goals that a model imagines, as pictures, drawn in a process of its own.

Run as `python -m rig_ros.console.imagine FILE COUNT SEED`, it writes one frame per picture to its
standard output. Torch is loaded there and gone afterwards: the server stays small, and nothing is
asked of the nodes that move the arm. (The service `goal/imagine` would also make it the goal.)
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

import numpy as np

from rig_ros.console.wire import Reader, pack
from rig_ros.errors import HardwareError
from rig_ros.processes import thread_settings
from rig_ros.vision.image import Picture

PATIENCE_S = 60.0


async def imagined(file: Path, count: int, seed: int) -> list[Picture]:
    """Return pictures of goals that a model imagines.

    Args:
        file: the bundle.
        count: how many.
        seed: of the draw.

    Raises:
        HardwareError: the process failed; with its last words.
    """
    process = await asyncio.create_subprocess_exec(
        'nice', '-n', '10', sys.executable, '-m', 'rig_ros.console.imagine', str(file),
        str(count), str(seed), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **thread_settings(1)})
    try:
        output, words = await asyncio.wait_for(process.communicate(), PATIENCE_S)
    except asyncio.TimeoutError as error:
        process.kill()
        await process.wait()
        raise HardwareError(f'imagined goals: none after {PATIENCE_S:.0f} s; the machine is too '
                            'busy, try again') from error
    if process.returncode:
        last = words.decode(errors='replace').strip().rpartition('\n')[2]
        raise HardwareError(f'imagined goals: {file} could not be used: {last}')
    return [np.frombuffer(body, np.uint8).reshape(head['height'], head['width'], 3)
            for head, body in Reader().feed(output)]


def main() -> None:
    """Draw and write; the three arguments are those of the module."""
    from rig_ros.learning import bundle
    file, count, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    model, rng = bundle.load(file), np.random.default_rng(seed)
    for _ in range(count):
        picture = model.decode(model.imagine(rng))
        sys.stdout.buffer.write(pack({'height': picture.shape[0], 'width': picture.shape[1]},
                                     np.ascontiguousarray(picture).tobytes()))


if __name__ == '__main__':
    main()
