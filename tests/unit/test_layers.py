# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The house has floors: no arrow points up, none goes in a circle, and what calls itself pure is."""

from __future__ import annotations

import typing as t

import pytest

from tools import floors

if t.TYPE_CHECKING:
    from pathlib import Path

_HEAD = '"""A file."""\n\nfrom __future__ import annotations\n\n'
_PURE = '"""A file. Pure."""\n\nfrom __future__ import annotations\n\n'
_UTILS = "ansible_collections.headroom.libvirt.plugins.module_utils"


@pytest.fixture(scope="module")
def house() -> floors.House:
    return floors.read_house(floors.PLUGINS)


def test_every_folder_has_a_floor(house: floors.House) -> None:
    assert not floors.find_homeless(house)


def test_no_arrow_points_up(house: floors.House) -> None:
    assert not floors.find_arrows_up(house)


def test_there_is_no_circle_of_packages(house: floors.House) -> None:
    assert not floors.find_package_circles(house)


def test_there_is_no_circle_of_files(house: floors.House) -> None:
    assert not floors.find_file_circles(house)


def test_what_calls_itself_pure_is(house: floors.House) -> None:
    assert not floors.find_impure(house)


def test_an_import_inside_a_package_is_relative(house: floors.House) -> None:
    assert not floors.find_absolute_inside(house)


def test_no_package_has_more_than_26_files(house: floors.House) -> None:
    assert not {name: count for name, count in floors.count_files(house).items() if count > 26}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """A house of two floors in which all is well: a service stands on libvirt's objects."""
    for name, text in {
        "module_utils/_errors.py": _HEAD,
        "module_utils/_virt/domains.py": _HEAD + f"from {_UTILS}._errors import HeadroomError\n",
        "module_utils/_clone/apply.py": _HEAD + f"from {_UTILS}._virt import domains\n",
        "module_utils/_clone/plan.py": _PURE + "import dataclasses\n",
        "modules/clone.py": _HEAD + f"from {_UTILS}._clone import apply\n",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return tmp_path


def add(house: Path, name: str, text: str) -> floors.House:
    path = house / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return floors.read_house(house)


def test_a_house_in_which_all_is_well(small: Path) -> None:
    house = floors.read_house(small)
    assert not floors.find_arrows_up(house)
    assert not floors.find_package_circles(house)
    assert not floors.find_file_circles(house)
    assert not floors.find_impure(house)


def test_a_wrong_import_is_found(small: Path) -> None:
    house = add(
        small, "module_utils/_virt/blocks.py", _HEAD + f"from {_UTILS}._clone import plan\n"
    )
    assert floors.find_arrows_up(house) == ["_virt/blocks imports _clone/plan"]


def test_an_import_for_types_only_counts(small: Path) -> None:
    text = f"import typing as t\n\nif t.TYPE_CHECKING:\n    from {_UTILS}._clone.plan import Plan\n"
    house = add(small, "module_utils/_virt/blocks.py", _HEAD + text)
    assert floors.find_arrows_up(house) == ["_virt/blocks imports _clone/plan"]


def test_a_module_is_above_everything(small: Path) -> None:
    text = "from ansible_collections.headroom.libvirt.plugins.modules.clone import main\n"
    house = add(small, "module_utils/_clone/again.py", _HEAD + text)
    assert floors.find_arrows_up(house) == ["_clone/again imports modules/clone"]


def test_a_circle_on_one_floor_is_found(small: Path) -> None:
    add(small, "module_utils/_domain/apply.py", _HEAD + f"from {_UTILS}._clone import plan\n")
    house = add(
        small, "module_utils/_clone/survey.py", _HEAD + f"from {_UTILS}._domain import apply\n"
    )
    assert floors.find_package_circles(house) == [["_clone", "_domain"]]


def test_a_circle_inside_a_package_is_found(small: Path) -> None:
    add(small, "module_utils/_clone/a.py", _HEAD + "from . import b\n")
    house = add(small, "module_utils/_clone/b.py", _HEAD + "from .a import x\n")
    assert floors.find_file_circles(house) == [["_clone/a", "_clone/b"]]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("import time\n", "imports time"),
        ("from concurrent import futures\n", "imports concurrent"),
        ("import datetime as dt\n\nNOW = dt.datetime.now()\n", "reads the clock: datetime.now"),
        ("def read(path):\n    return open(path)\n", "opens a file: open"),
        ("def read(path):\n    return path.read_text()\n", "opens a file: read_text"),
        (
            f"from {_UTILS}._virt.libvirt_dep import libvirt\n",
            "reaches _virt/libvirt_dep, which imports libvirt",
        ),
        ("from . import survey\n", "reaches _virt/libvirt_dep, which imports libvirt"),
    ],
)
def test_a_pure_file_that_is_not_is_found(small: Path, text: str, problem: str) -> None:
    add(small, "module_utils/_virt/libvirt_dep.py", _HEAD + "import libvirt\n")
    text_of_survey = f"from {_UTILS}._virt.libvirt_dep import libvirt\n"
    add(small, "module_utils/_clone/survey.py", _HEAD + text_of_survey)
    house = add(small, "module_utils/_clone/shape.py", _PURE + text)
    assert floors.find_impure(house) == [f"_clone/shape {problem}"]


def test_a_type_of_an_impure_file_may_be_named_in_a_pure_one(small: Path) -> None:
    add(small, "module_utils/_clone/survey.py", _HEAD + "import time\n")
    text = "import typing as t\n\nif t.TYPE_CHECKING:\n    from .survey import Survey\n"
    assert not floors.find_impure(add(small, "module_utils/_clone/shape.py", _PURE + text))


def test_a_package_without_a_floor_is_found(small: Path) -> None:
    house = add(small, "module_utils/_attic/box.py", _HEAD)
    assert floors.find_homeless(house) == ["_attic"]
