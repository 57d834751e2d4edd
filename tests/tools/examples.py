# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads every example of the documentation, and finds what in it does not exist: `python3 -m tools.examples`.

An example is a block of YAML: EXAMPLES of a plugin, a ``code-block:: yaml`` of a guide, a fenced one of the README.
Its tasks are checked against the specification of their module, its role variables against the role's, and every name
in its templates against what the page defines and what the modules document to return.
"""

from __future__ import annotations

import ast
import collections
import copy
import dataclasses
import functools
import importlib
import re
import textwrap
import typing as t
from pathlib import Path

import jinja2
import yaml
from jinja2 import nodes

from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

from .checkout import NAME, NAMESPACE, ROOT

PREFIX: t.Final = f"{NAMESPACE}.{NAME}."
_GUIDES: t.Final = ROOT / "docs" / "docsite" / "rst"
_DIRECTIVE: t.Final = re.compile(
    r"^( *)\.\. code-block:: yaml(?:\+jinja)?\n((?:\1 .*\n|\n)+)", re.MULTILINE
)
_FENCE: t.Final = re.compile(r"^```ya?ml\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CONDITIONS: t.Final = frozenset({"when", "that", "until", "failed_when", "changed_when"})
_TEXT_TYPES: t.Final = frozenset({"str", "path", "raw"})
# What Ansible itself has in every template.
_MAGIC: t.Final = re.compile(
    r"ansible_\w+|groups?|group_names|hostvars|inventory_\w+|item|lookup|now|omit|playbook_dir|query|undef|range|dict|libvirt_\w+"
)
# What a reader's play has from elsewhere: a secret, a moment, or the result of another module of ours.
_FROM_ELSEWHERE: t.Final[t.Mapping[str, str | None]] = {
    "fleets": None,
    "journal": "transaction_info",
    "plan": "provisioning_plan_info",
    "plans": "provisioning_plan_info",
    "prometheus_token": None,
    "published_sha256": None,
    "queue": None,
    "run_id": None,
    "run_time": None,
}
# What the result of any task has.
_ANY_RESULT: t.Final = frozenset(
    {"attempts", "changed", "diff", "error", "failed", "msg", "results", "skipped", "warnings"}
)
_GROUPS: t.Final = ("mutually_exclusive", "required_together", "required_one_of", "required_if")


def _load(text: str) -> t.Any:
    """Return what YAML says, by the parser that is written in C."""
    return yaml.load(text, Loader=yaml.CSafeLoader)


@dataclasses.dataclass(frozen=True)
class Example:
    """One block of YAML, and the ``page`` that it stands on."""

    page: str
    text: str

    @functools.cached_property
    def content(self) -> t.Any:
        """What it says."""
        return _load(self.text)

    @property
    def is_excerpt(self) -> bool:
        """Whether it leaves out what an earlier block has."""
        return "# ..." in self.text

    @property
    def is_inventory(self) -> bool:
        """Whether it configures our inventory plugin."""
        return isinstance(self.content, dict) and str(self.content.get("plugin", "")).startswith(
            PREFIX
        )


def read_examples() -> list[Example]:
    """Return every example, in the order of its page."""
    plugins = [
        path
        for folder in ("modules", "inventory")
        for path in sorted((ROOT / "plugins" / folder).glob("*.py"))
    ]
    examples = [
        Example(path.stem, text)
        for path in plugins
        for text in _split(_read_constant(path, "EXAMPLES"))
    ]
    for path in sorted(_GUIDES.glob("*.rst")):
        blocks = _DIRECTIVE.findall(path.read_text(encoding="utf-8"))
        examples += [Example(path.stem, textwrap.dedent(block)) for _indent, block in blocks]
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    return [*examples, *(Example("README", text) for text in _FENCE.findall(readme))]


def _split(text: str) -> list[str]:
    """Return the documents of a YAML stream."""
    return [part for part in re.split(r"^---\n", text, flags=re.MULTILINE) if part.strip()]


@functools.cache
def _read_constant(path: Path, name: str) -> str:
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.targets[0], ast.Name)
            and node.targets[0].id == name
        ):
            return str(ast.literal_eval(node.value))
    raise LookupError(f"{path} has no {name}")


def find_problems(examples: t.Sequence[Example]) -> list[str]:
    """Return what does not exist, one sentence each that begins with the page."""
    pages: dict[str, list[Example]] = collections.defaultdict(list)
    for example in examples:
        pages[example.page].append(example)
    return [
        f"{page}: {problem}" for page, blocks in pages.items() for problem in _check_page(blocks)
    ]


def _check_page(examples: t.Sequence[Example]) -> list[str]:
    problems: list[str] = []
    scope = Scope()
    for example in examples:
        if example.is_inventory:
            problems += _check_inventory(example.content)
            continue
        scope.learn(example.content)
    for example in examples:
        if not example.is_inventory:
            problems += _check_tasks(example.content)
            if not example.is_excerpt:
                problems += _check_role_variables(example.content)
            problems += scope.find_unknown(example.content)
    return problems


def walk(content: t.Any) -> t.Iterator[dict[t.Any, t.Any]]:
    """Yield every mapping in an example."""
    if isinstance(content, dict):
        yield content
        for value in content.values():
            yield from walk(value)
    elif isinstance(content, list):
        for value in content:
            yield from walk(value)


# --- options


def _check_tasks(content: t.Any) -> list[str]:
    problems: list[str] = []
    for mapping in walk(content):
        for key, value in mapping.items():
            if not isinstance(key, str) or not key.startswith(PREFIX):
                continue
            module = key[len(PREFIX) :]
            if not (ROOT / "plugins" / "modules" / f"{module}.py").exists():
                problems.append(f"there is no module {key}")
                continue
            problems += [
                f"{key}: {problem}" for problem in check_options(value or {}, _read_spec(module))
            ]
    return problems


@functools.cache
def _read_spec(module: str) -> t.Any:
    """Return the ArgumentSpec of a module; one that runs on the controller only has it in its action."""
    for folder in ("modules", "action"):
        path = f"ansible_collections.{NAMESPACE}.{NAME}.plugins.{folder}.{module}"
        spec = getattr(importlib.import_module(path), "ARGUMENTS", None)
        if spec is not None:
            return spec
    raise LookupError(f"{module} has no ARGUMENTS")


def check_options(values: t.Mapping[str, t.Any], spec: t.Any) -> list[str]:
    """Return what is wrong with a task's options; a template may be anything."""
    options = {name: copy.deepcopy(dict(option)) for name, option in spec.options.items()}
    known, templated = _relax(dict(values), options)
    groups = {group: getattr(spec, group) for group in _GROUPS}
    _relax_groups(groups, templated)
    validator = ArgumentSpecValidator(options, **groups)
    return list(validator.validate(known).error_messages)


def _flatten(row: t.Any) -> set[t.Any]:
    if isinstance(row, (list, tuple)):
        return set().union(*map(_flatten, row))
    return {row}


def _relax(
    values: dict[str, t.Any], options: dict[str, dict[str, t.Any]]
) -> tuple[dict[str, t.Any], set[str]]:
    """Take templates out of ``values``, and what they would have to satisfy out of ``options``."""
    templated: set[str] = set()
    for name, value in list(values.items()):
        option = options.get(name)
        if option is None:
            continue
        if _is_template(value):
            templated.add(name)
            option.pop("choices", None)
            option["required"] = False
            if option.get("type", "str") not in _TEXT_TYPES:
                del values[name]
        elif "options" in option:
            for part in value if isinstance(value, list) else [value]:
                if isinstance(part, dict):
                    _relax_groups(option, _relax(part, option["options"])[1])
    return values, templated


def _relax_groups(spec: dict[str, t.Any], templated: set[str]) -> None:
    """Take the rules between options out of ``spec`` that a template may satisfy."""
    for group in _GROUPS:
        if group in spec:
            spec[group] = [row for row in spec[group] if not templated.intersection(_flatten(row))]


def _is_template(value: t.Any) -> bool:
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _check_inventory(content: dict[str, t.Any]) -> list[str]:
    name = content["plugin"][len(PREFIX) :]
    documentation = _load(
        _read_constant(ROOT / "plugins" / "inventory" / f"{name}.py", "DOCUMENTATION")
    )
    known = {*documentation["options"], *_read_ansible_options(documentation)}
    return [f"{PREFIX}{name} has no option {option}" for option in content if option not in known]


def _read_ansible_options(documentation: dict[str, t.Any]) -> set[str]:
    """Return the options of the fragments of Ansible's own that an inventory plugin extends."""
    options: set[str] = set()
    for fragment in documentation.get("extends_documentation_fragment", []):
        if fragment.startswith("ansible.builtin."):
            name = fragment[len("ansible.builtin.") :]
            module = importlib.import_module(f"ansible.plugins.doc_fragments.{name}")
            options.update(_load(module.ModuleDocFragment.DOCUMENTATION)["options"])
    return options


# --- variables of the roles


@functools.cache
def _read_role_options() -> dict[str, dict[str, t.Any]]:
    options: dict[str, dict[str, t.Any]] = {}
    for path in sorted((ROOT / "roles").glob("*/meta/argument_specs.yml")):
        for entry in _load(path.read_text(encoding="utf-8"))["argument_specs"].values():
            options.update(entry.get("options") or {})
    return options


def _list_role_prefixes() -> tuple[str, ...]:
    return tuple(f"{path.name}_" for path in sorted((ROOT / "roles").glob("*/")))


def _check_role_variables(content: t.Any) -> list[str]:
    options = _read_role_options()
    problems: list[str] = []
    for mapping in walk(content):
        for name, value in mapping.items():
            if not isinstance(name, str) or not name.startswith(_list_role_prefixes()):
                continue
            if name not in options:
                problems.append(f"no role has a variable {name}")
                continue
            relaxed = {name: copy.deepcopy(dict(options[name]))}
            known, _templated = _relax({name: copy.deepcopy(value)}, relaxed)
            problems += ArgumentSpecValidator(relaxed).validate(known).error_messages
    return problems


# --- names in templates


class Scope:
    """What the blocks of one page define: variables, and what modules return into them."""

    def __init__(self) -> None:
        self._names: set[str] = set(_FROM_ELSEWHERE)
        self._results: dict[str, t.Any] = {
            name: _read_documented(module) for name, module in _FROM_ELSEWHERE.items() if module
        }

    def learn(self, content: t.Any) -> None:
        """Take in what a block defines."""
        for mapping in walk(content):
            if isinstance(mapping.get("vars"), dict):
                self._names.update(mapping["vars"])
            for name in ("set_fact", "ansible.builtin.set_fact"):
                self._names.update(mapping.get(name) or ())
            if isinstance(mapping.get("loop_control"), dict):
                self._names.update(mapping["loop_control"].values())
            if isinstance(mapping.get("register"), str):
                self._names.add(mapping["register"])
                self._results[mapping["register"]] = _read_returns(mapping)
        if isinstance(content, dict):  # a file of variables
            self._names.update(content)

    def find_unknown(self, content: t.Any) -> list[str]:
        """Return sentences on the names in a block's templates that nothing defines."""
        problems: list[str] = []
        for template in _read_templates(content):
            tree = jinja2.Environment(autoescape=False).parse(template)  # noqa: S701
            problems += self._check_names(tree, template)
            problems += self._check_results(tree)
        return problems

    def _check_names(self, tree: nodes.Template, template: str) -> list[str]:
        local = {node.name for node in tree.find_all(nodes.Name) if node.ctx != "load"}
        used = {node.name for node in tree.find_all(nodes.Name) if node.ctx == "load"}
        unknown = {
            name
            for name in used - local - self._names
            if not _MAGIC.fullmatch(name) and not name.startswith(_list_role_prefixes())
        }
        return [f"nothing defines {name} in {template!r}" for name in sorted(unknown)]

    def _check_results(self, tree: nodes.Template) -> list[str]:
        problems: list[str] = []
        for node in tree.find_all(nodes.Getattr):
            path = _read_path(node)
            if path is None or self._results.get(path[0]) is None:
                continue
            place: t.Any = self._results[path[0]]
            if path[1] in _ANY_RESULT:
                continue
            for part in path[1:]:
                if not isinstance(place, dict):
                    break
                if part not in place:
                    problems.append(f"{'.'.join(path)}: no result is documented as {part}")
                    break
                place = place[part].get("contains") if place[part].get("type") == "dict" else None
        return problems


def _read_path(node: nodes.Node) -> list[str] | None:
    """Return ``[name, attribute, …]`` of a plain chain of attributes."""
    parts: list[str] = []
    while isinstance(node, nodes.Getattr):
        parts.insert(0, node.attr)
        node = node.node
    return [node.name, *parts] if isinstance(node, nodes.Name) else None


def _read_returns(task: dict[t.Any, t.Any]) -> t.Any:
    """Return what the module of a task documents to return; None where it is not ours, or runs in a loop."""
    modules = [
        key[len(PREFIX) :] for key in task if isinstance(key, str) and key.startswith(PREFIX)
    ]
    if not modules or "loop" in task:
        return None
    return _read_documented(modules[0])


@functools.cache
def _read_documented(module: str) -> t.Any:
    return _load(_read_constant(ROOT / "plugins" / "modules" / f"{module}.py", "RETURN"))


def _read_templates(content: t.Any) -> t.Iterator[str]:
    for mapping in walk(content):
        for key, value in mapping.items():
            for text in value if isinstance(value, list) else [value]:
                if _is_template(text):
                    yield text
                elif key in _CONDITIONS and isinstance(text, str):
                    yield "{{ " + text + " }}"


if __name__ == "__main__":
    found = read_examples()
    print("\n".join([*find_problems(found), f"{len(found)} examples resolved"]))
