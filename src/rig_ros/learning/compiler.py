"""What a machine has for fast updates; told without torch."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sysconfig
from pathlib import Path


def missing_to_compile() -> str:
    """Return what torch.compile lacks here, and what to do about it; empty if nothing."""
    compiler = os.environ.get('CXX', 'g++')
    if shutil.which(compiler) is None:
        return f'C++ compiler ({compiler!r} was not found); install g++ or set CXX'
    headers = Path(sysconfig.get_paths()['include'])
    if not (headers / 'Python.h').is_file():
        return f'Python.h (not in {headers}); install python3-dev'
    return ''


def multiplies_bf16(cpuinfo: Path = Path('/proc/cpuinfo')) -> bool:
    """Return whether the processor has instructions for products of bfloat16 matrices.

    Without them they are taken apart and put together again, which is slower than float32.
    """
    with contextlib.suppress(OSError), cpuinfo.open() as lines:
        # The first core's, which is all that is read: the file has as much for each core.
        flags = next((line for line in lines if line.startswith(('flags', 'Features'))), '')
        return re.search(r'\b(avx512_|amx_)?bf16\b', flags) is not None
    return False
