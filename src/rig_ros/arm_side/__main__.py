"""Starts the side process: `python /path/to/arm_side`, whatever the folder is called."""

import importlib.util
import os
import sys

if not __package__:
    # Load this folder as a package by its path: nothing else of its parent becomes importable.
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:] = [path for path in sys.path if os.path.abspath(path) != here]
    spec = importlib.util.spec_from_file_location(
        'arm_side', os.path.join(here, '__init__.py'), submodule_search_locations=[here])
    assert spec is not None
    assert spec.loader is not None
    package = importlib.util.module_from_spec(spec)
    sys.modules['arm_side'] = package
    spec.loader.exec_module(package)
    __package__ = 'arm_side'

from .start import main

if __name__ == '__main__':
    sys.exit(main())
