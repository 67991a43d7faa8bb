"""Sphinx settings of the site that `make docs` builds; offline, every warning an error.

The source folder is the repository's root, so that links between pages, README and model cards are
the same here and in a file browser. `doc/index.md` decides the navigation: each heading is a part,
each link below it a page. A block `{reference} <section>` becomes what `rig_ros reference
<section>` prints.
"""

from __future__ import annotations

import logging
import re
from pathlib import Path

from rig_ros.cli.reference import SECTIONS

logging.getLogger('OpenGL').setLevel(logging.WARNING)  # the reference imports the simulation

ROOT = Path(__file__).parents[1]
INDEX = 'doc/index'
BELOW = {'doc/experiments/README': '0*', 'models/README': '*/README'}
"""Pages whose neighbours of that pattern stand below them in the navigation."""

project = 'rig_ros'
author = 'rig_ros maintainers'
copyright = 'rig_ros maintainers, Apache-2.0'
extensions = ['myst_parser']
root_doc = INDEX
include_patterns = ['doc/**.md', 'models/**.md', '*.md']
myst_heading_anchors = 4
myst_enable_extensions = ['colon_fence']
nitpicky = True

html_theme = 'furo'
html_title = 'rig_ros'
html_static_path = ['site.css']
html_css_files = ['site.css']
html_copy_source = False
html_show_sphinx = False


def part_of_navigation(index: str) -> str:
    """Return the index page's headings and links as Sphinx's hidden tables of contents."""
    blocks = []
    for part in re.split(r'^## ', index, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition('\n')
        pages = re.findall(r'^- \[[^]]+\]\(([^)#]+\.md)\)', body, re.MULTILINE)
        paths = [(ROOT / 'doc' / page).resolve().relative_to(ROOT).with_suffix('')
                 for page in pages]
        if paths:
            entries = '\n'.join(f'/{path}' for path in paths)
            blocks.append(f'```{{toctree}}\n:hidden:\n:caption: {heading}\n\n{entries}\n```')
    return '\n\n'.join(blocks)


def fill_in(app: object, page: str, source: list[str]) -> None:
    """Complete a page as it is read."""
    del app
    if page == INDEX:
        source[0] += '\n' + part_of_navigation(source[0])
    if page in BELOW:
        source[0] += f'\n```{{toctree}}\n:hidden:\n:glob:\n\n{BELOW[page]}\n```\n'
    source[0] = re.sub(r'^```\{reference\} (\w+)\n```$', lambda block: SECTIONS[block[1]](),
                       source[0], flags=re.MULTILINE)


def put_index_at_the_root(app: object, error: object) -> None:
    """Let the folder's own address lead to the index page."""
    folder = Path(app.outdir)  # type: ignore[attr-defined]
    if error is None:
        (folder / 'index.html').write_text(
            f'<meta http-equiv="refresh" content="0; url={INDEX}.html">'
            f'<a href="{INDEX}.html">rig_ros</a>\n')


def setup(app: object) -> None:
    """Register what is above."""
    app.connect('source-read', fill_in)  # type: ignore[attr-defined]
    app.connect('build-finished', put_index_at_the_root)  # type: ignore[attr-defined]
