"""`rig_ros reference`: what the code says about itself, as Markdown; the docs site prints it too.

Nothing here is written by hand twice: topics and services come from `ros.topics`, parameters from
the nodes' dataclasses, verbs and options from the command line, settings from the dataclasses of
recipes and tasks with the text after each field, errors from `errors`.
"""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import pkgutil
import textwrap
import typing
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Annotated, Any, Literal

import typer

app = typer.Typer(add_completion=False)

Section = Literal['topics', 'nodes', 'cli', 'recipes', 'tasks', 'errors']


@app.command()
def reference(section: Annotated[Section, typer.Argument(
        help='topics and services; nodes and their parameters; cli: verbs and options; fields of '
             'recipes and tasks; errors.')]) -> None:
    """Print one part of the reference, made from this installation's code, as Markdown."""
    print(SECTIONS[section]())


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Return a Markdown table; bars inside cells are escaped."""
    def line(cells: Sequence[object]) -> str:
        return '| ' + ' | '.join(str(cell).replace('|', '\\|') for cell in cells) + ' |'

    return '\n'.join([line(head), '|' + '---|' * len(head), *map(line, rows)])


def code(value: object) -> str:
    """Return a value as inline code; nothing for an empty text."""
    return f'`{value}`' if str(value) else ''


def topics_and_services() -> str:
    """Return all topics with what publisher and live reader are offered, and all services."""
    from rig_ros.ros import topics

    rows = [(code(t.name), code(t.type_name), kind_of(t), t.by, t.meaning,
             'yes' if t.recorded else '')
            for t in [*topics.ALL, dataclasses.replace(topics.alive('guard'),
                                                       name='alive/<node>', by='every node')]]
    profiles = [(kind, *(profile_of(example.qos(role)) for role in ('publish', 'live', 'record')))
                for kind, example in {t.kind: t for t in reversed(
                    [*topics.ALL, topics.alive('guard')])}.items()]
    services = [(code(name), by, what) for name, (by, what) in topics.SERVICES.items()]
    return '\n\n'.join([
        '## Topics', table(('topic', 'type', 'kind', 'from', 'meaning', 'recorded'), rows),
        '## Quality of service by kind',
        table(('kind', 'offered', 'taken by live readers', 'taken by the recorder'),
              sorted(profiles)),
        '## Services', 'All of type `std_srvs/srv/Trigger`.',
        table(('service', 'of', 'does'), services)])


def kind_of(topic: Any) -> str:
    """Return the kind of quality of service, with the depth of latched ones."""
    return f'{topic.kind}, {topic.depth}' if topic.depth > 1 else str(topic.kind)


def profile_of(profile: Any) -> str:
    """Return a QoS profile in words."""
    words = [profile.reliability.name.lower().replace('_', ' '), f'depth {profile.depth}']
    if profile.durability.name == 'TRANSIENT_LOCAL':
        words.append('transient local')
    for name in ('lifespan', 'liveliness_lease_duration'):
        seconds = getattr(profile, name).nanoseconds / 1e9
        if 0 < seconds < 3600:
            words.append(f"{name.partition('_')[0]} {1e3 * seconds:.0f} ms")
    return ', '.join(words)


def node_classes() -> Iterator[type]:
    """Yield the class of every node, by name."""
    from rig_ros import nodes
    from rig_ros.ros.lifecycle import RigNode

    for found in pkgutil.iter_modules(nodes.__path__):
        module = importlib.import_module(f'rig_ros.nodes.{found.name}')
        yield from (c for c in vars(module).values() if isinstance(c, type)
                    and issubclass(c, RigNode) and c.__module__ == module.__name__)


def nodes_and_parameters() -> str:
    """Return the parameters of all nodes, those that all have once."""
    from rig_ros.ros.parameters import CommonParameters

    common = {f.name for f in dataclasses.fields(CommonParameters)}
    parts = ['## Every node', parameter_table(CommonParameters, set())]
    for cls in node_classes():
        own: Any = cls
        parts += [f'## {own.NAME}', first_paragraph(inspect.getmodule(cls)),
                  parameter_table(own.PARAMETERS, common)]
    return '\n\n'.join(parts)


def parameter_table(cls: Any, without: set[str]) -> str:
    """Return the parameters of one class but for some."""
    hints = typing.get_type_hints(cls)
    rows = [(code(f.name), type_of(hints[f.name]), code(shown(f.default)),
             allowed(f.metadata), 'yes' if f.metadata['live'] else '', f.metadata['description'])
            for f in dataclasses.fields(cls) if f.name not in without]
    return table(('parameter', 'type', 'default', 'allowed', 'live', 'meaning'), rows) \
        if rows else 'No parameters of its own.'


def allowed(meta: Any) -> str:
    """Return the range or the choices of a parameter in words."""
    if meta['one_of']:
        return ', '.join(code(choice) for choice in meta['one_of'])
    low, high = meta['low'], meta['high']
    if low is not None and high is not None:
        return f'{low:g} to {high:g}'
    return f'at least {low:g}' if low is not None else f'at most {high:g}' if high else ''


def shown(value: object) -> str:
    """Return a default as YAML would have it."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(list(value)) if isinstance(value, tuple) else "''" if value == '' else str(value)


def type_of(annotation: Any) -> str:
    """Return a type as people write it."""
    origin, inner = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is Literal:
        return ', '.join(code(choice) for choice in inner)
    if origin is tuple and inner[-1] is Ellipsis:
        return f'list of {type_of(inner[0])}'
    if origin is tuple:
        return f"[{', '.join(map(type_of, inner))}]"
    if inner:
        return ' or '.join('none' if choice is type(None) else type_of(choice)
                           for choice in inner)
    return str(annotation.__name__)


def first_paragraph(described: object) -> str:
    """Return the first paragraph of a docstring as one line."""
    return ' '.join((inspect.getdoc(described) or '').partition('\n\n')[0].split())


def verbs() -> str:
    """Return every verb with its options; a verb's own verbs follow it."""
    from rig_ros.cli import main

    parts = []
    for verb, summary in main.VERBS.items():
        command = typer.main.get_command(main._load(verb).app)
        parts += [f'## rig_ros {verb}', summary, *commands(command, f'rig_ros {verb}')]
    return '\n\n'.join(parts)


def commands(command: Any, name: str) -> Iterator[str]:
    """Yield the options of a command, or of each command of a group."""
    for inner_name, inner in getattr(command, 'commands', {}).items():
        yield f'### {name} {inner_name}'
        yield inner.help or ''
        yield from commands(inner, f'{name} {inner_name}')
    if not hasattr(command, 'commands'):
        rows = [option_row(parameter) for parameter in command.params
                if parameter.name != 'help']
        yield (table(('argument or option', 'default', 'meaning'), rows) if rows
               else 'No options.')


def option_row(parameter: Any) -> tuple[str, str, str]:
    """Return name, default and help of an argument or option."""
    if parameter.param_type_name == 'argument':
        name = parameter.name.upper() + (' ...' if parameter.nargs == -1 else '')
    else:
        name = ', '.join(parameter.opts)
    default = parameter.default
    plain = not (default is None or default is False or default == '' or callable(default))
    return (code(name), 'required' if parameter.required else
            code(default) if plain else '', parameter.help or '')


def recipe_fields() -> str:
    """Return the fields of a training recipe, a table per group."""
    from rig_ros.learning.config import TrainConfig

    return fields_of(TrainConfig, 'recipe')


def task_fields() -> str:
    """Return the fields of a task file, a table per group."""
    from rig_ros.control.task import TaskConfig

    return fields_of(TaskConfig, 'task')


def fields_of(cls: Any, title: str) -> str:
    """Return the fields of a settings dataclass and, after it, of those inside it."""
    hints, texts = typing.get_type_hints(cls), field_texts(cls)
    rows, inner = [], []
    for field in dataclasses.fields(cls):
        group = next((c for c in (hints[field.name], *typing.get_args(hints[field.name]))
                      if dataclasses.is_dataclass(c)), None)
        kind = 'group, below' if group else type_of(hints[field.name])
        rows.append((code(field.name), kind, default_of(field), texts.get(field.name, '')))
        if group:
            inner.append(fields_of(group, f'{title}: {field.name}'))
    return '\n\n'.join([f'## {title}', first_paragraph(cls),
                        table(('field', 'type', 'default', 'meaning'), rows), *inner])


def default_of(field: Any) -> str:
    """Return a settings field's default; `required` when it has none."""
    if field.default is not dataclasses.MISSING:
        return code(shown(field.default)) if field.default is not None else ''
    return 'required' if field.default_factory is dataclasses.MISSING else ''


def field_texts(cls: type) -> dict[str, str]:
    """Return the text that follows each field in a class's source."""
    [definition] = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(definition, ast.ClassDef)
    found = {}
    for line, after in zip(definition.body, definition.body[1:]):
        if (isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name)
                and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant)):
            found[line.target.id] = ' '.join(str(after.value.value).split())
    return found


def errors() -> str:
    """Return the tree of errors."""
    from rig_ros import errors as tree

    rows = [(code(name), first_paragraph(cls)) for name, cls in vars(tree).items()
            if isinstance(cls, type) and issubclass(cls, Exception)]
    return table(('error', 'meaning'), rows)


SECTIONS: dict[str, Callable[[], str]] = {
    'topics': topics_and_services, 'nodes': nodes_and_parameters, 'cli': verbs,
    'recipes': recipe_fields, 'tasks': task_fields, 'errors': errors}
