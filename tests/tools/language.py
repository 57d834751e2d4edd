# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How the names of `plugins/` read, counted: `python -m tools.language [FOLDER…]` lists what stumbles.

A function begins with a verb, a variable is the noun that it holds, a comprehension has one `for`.
"""

from __future__ import annotations

import ast
import collections
import dataclasses
import sys
import typing as t
from pathlib import Path

from tools.checkout import ROOT

_VERBS_TEXT = """
abort accept acquire act add adjust admit adopt advance allocate allow analyse announce append
apply arrange ask assemble assert assess assign attach attempt await balance become begin bind
block boot bridge bring build bump calculate call can cancel carry change changes check choose
claim classify clean clear clip clone close collapse collect collides combine come comes commit
compare compile complete compress compute confirm conflicts connect construct contain contains
continue convert copy count cover covers create cut decide declare decode decompress deduplicate
define delete deny derive describe destroy detach detect determine diff differs digest disable
discard discover divide do does download draft drain draw drop dump earn edit eject enable encode
encrypt end ends enforce enqueue ensure enter escape estimate evaluate evict exceed exceeds
exclude execute exist exists exit expand expect expire explain export expose extend extract fail
fall falls feed fetch fill filter find finish fit fits fix flag flatten flush fold follow forbid
force forecast forget fork format free freeze gather generate get give gives go goes group grow
guard guess hand handle has hash hide hold holds identify ignore import include infer inherit
initialise insert inspect install interpolate interpret interrupt intersect invalidate invert
invoke is issue iterate join judge keep keeps kill know knows last lay lead leads learn leave
leaves let lie lies limit link list listen load locate lock log look loses lower make makes map
mark mask match matches may measure meet mend merge migrate mirror mix mount move moves must
narrow need needs negotiate normalise note notice notify observe offer omit open outlive overlap
overlaps override owe own owns pack pad pair parse partition pass patch pause permit persist pick
pin pivot place plan points poll pop power predict prefer prepare present preserve print probe process
produce promise promote protects prove proves provide prune publish pull purge push put qualify query
queue quote raise reaches read reads rebalance rebuild recall receive recognise record recover
redirect reduce refer refresh refuse register reject release reload remain remember remove removes
rename render repair repeat replace replay report require reserve reset reside resize resolve
respect respond restart restore restrict resume retain retrieve retry return reuse reverse revert
rewind rewrite roll rotate round run runs sample satisfy save say says scan schedule seal search
see seed seek select send sends separate serialise serve serves set settle sever shake share show
shrink shut sign simulate skim skip sleep smooth snapshot solve sort spend split spread stack
stand stands start starts stay stays stop store stream stretch strip subtract succeed succeeds
suit summarise supply support supports suppress survive survives suspend swap sync synchronise
take tally tell terminate test thaw thin throttle tick tidy toggle touch trace track train
transact transfer transform translate traverse treat trigger trim truncate trust try tune turn
unblock undefine undo unlink unload unlock unmark unpack unplug unregister update upgrade upload
use uses validate verify visit wait waits wake walk want wants warn was watch weigh will withdraw
work works wrap write yield zero
"""
VERBS = frozenset(_VERBS_TEXT.split())
_PARTICIPLES_TEXT = """
begun born bound brought built chosen come cut done drawn driven fallen felt fetched foretold
forgotten found given gone grown held hidden kept known laid left lent lost made meant met paid
put read said seen sent set shown shut spent split stood taken thought told torn undone unseen
withdrawn written
"""
_PARTICIPLES = frozenset(_PARTICIPLES_TEXT.split()) - VERBS
# Words that end as a participle does and are none.
_NO_PARTICIPLES = frozenset(("shared", "embed", "need", "seed", "feed", "speed", "bed", "red"))
_VAGUE_TEXT = """
asked found given here kept known left made one seen there told wanted whole
"""
VAGUE = frozenset(_VAGUE_TEXT.split())
_COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


@dataclasses.dataclass
class Census:
    """What was counted, with the places of all that stumbles."""

    lines: int = 0
    functions: int = 0
    verbs: int = 0
    nouns: list[str] = dataclasses.field(default_factory=list)
    participles: list[str] = dataclasses.field(default_factory=list)
    vague: dict[str, list[str]] = dataclasses.field(
        default_factory=lambda: collections.defaultdict(list)
    )
    nested_comprehensions: list[str] = dataclasses.field(default_factory=list)

    @property
    def verb_share(self) -> float:
        """The share of functions whose name begins with a verb."""
        return self.verbs / max(self.functions, 1)


def take_census(paths: t.Iterable[Path]) -> Census:
    """Return the Census of these Python files."""
    census = Census()
    for path in paths:
        text = path.read_text(encoding="utf-8")
        census.lines += text.count("\n")
        for node in ast.walk(ast.parse(text)):
            _count(census, node, path)
    return census


def _count(census: Census, node: ast.AST, path: Path) -> None:
    place = f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"
    if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
        _count_function(census, node.name, place)
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store) and node.id in VAGUE:
        census.vague[node.id].append(place)
    elif isinstance(node, ast.arg) and node.arg in VAGUE:
        census.vague[node.arg].append(place)
    elif isinstance(node, _COMPREHENSIONS) and len(node.generators) > 1:
        census.nested_comprehensions.append(place)


def _count_function(census: Census, name: str, place: str) -> None:
    if name.startswith("__"):
        return
    first = name.strip("_").split("_")[0]
    census.functions += 1
    if first in VERBS:
        census.verbs += 1
    elif _is_participle(first):
        census.participles.append(f"{place} {name}")
    else:
        census.nouns.append(f"{place} {name}")


def _is_participle(word: str) -> bool:
    return word not in _NO_PARTICIPLES and (word in _PARTICIPLES or word.endswith("ed"))


def main(folders: list[str]) -> None:
    """Print the census of the folders below `plugins/`, all of it without any."""
    roots = [ROOT / folder for folder in folders] or [ROOT / "plugins"]
    census = take_census(sorted(path for root in roots for path in root.rglob("*.py")))
    print("\n".join(["nouns:", *census.nouns, "participles:", *census.participles]))
    for word, places in sorted(census.vague.items()):
        print(f"{word}: {len(places)}: {', '.join(places)}")
    print("nested comprehensions:", *census.nested_comprehensions, sep="\n")
    print(
        f"{census.functions} functions, {census.verb_share:.1%} verbs, {len(census.participles)} participles, "
        f"{sum(map(len, census.vague.values()))} vague names, {len(census.nested_comprehensions)} nested "
        f"comprehensions in {census.lines} lines"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
