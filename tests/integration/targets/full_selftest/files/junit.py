# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Print what a JUnit file of the self-test says, as JSON: a row for each case."""

from __future__ import annotations

import json
import sys
from xml.etree import ElementTree as ET


def read_case(case: ET.Element) -> dict[str, str]:
    """Return what one case says."""
    check, _colon, subject = case.get("name", "").partition(": ")
    failure, warning = case.findtext("failure"), case.findtext("system-out")
    status = "fail" if failure else "warn" if warning else "pass"
    host = case.get("classname", "")
    return {
        "host": "" if host == "between hosts" else host,
        "check": check,
        "subject": subject,
        "status": status,
        "remedy": failure or warning or "",
    }


print(json.dumps([read_case(case) for case in ET.parse(sys.argv[1]).iter("testcase")]))  # noqa: S314
