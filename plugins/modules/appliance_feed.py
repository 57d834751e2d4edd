#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: appliance_feed
short_description: Publish appliances as a signed feed
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - Writes appliances of a host's catalogue into a folder that any web server can serve, as a simplestreams tree. This
    is the open format of Ubuntu's and LXD's image feeds, so other tools read it too. M(headroom.libvirt.appliance)
    consumes it.
  - Every file has its SHA-256 in the products, and products and index are signed with OpenPGP. The index is written
    last, each file under a temporary name first, so that readers see the feed as it was or as it is to be. Files that
    are no longer offered go after that.
  - What an appliance may say is what its readers accept, see O(headroom.libvirt.appliance#module:manifest). What its
    machines are attached to is not published; each host says that with O(headroom.libvirt.appliance#module:network).
  - A version never changes. Publishing a version again does nothing, unless its files or signatures are missing, or
    the feed is to be signed anew as O(valid_for) says.
options:
  path:
    description:
      - Absolute path of the feed's folder, where the module runs. It is made when it is not there.
      - Its folder C(appliances) belongs to the feed alone. What the feed does not name is removed from it.
    type: path
    required: true
  appliances:
    description:
      - The appliances, each as C(name:version), or C(name) for its newest version.
      - With O(state=absent), C(name) stands for all its versions in the feed.
    type: list
    elements: str
    default: []
  state:
    description:
      - Whether the feed offers them.
    type: str
    choices: [present, absent]
    default: present
  pool:
    description:
      - The storage pool that holds the catalogue.
    type: str
    default: default
  keep:
    description:
      - How many versions of each appliance stay in the feed, the highest ones. All when not given.
    type: int
  valid_for:
    description:
      - For how many seconds the feed holds after it has been signed. Hosts refuse it afterwards, so that nobody can
        offer them an old one for long.
      - Run the task regularly. When less than half of that is left it signs the feed anew, which counts as a change.
    type: float
    default: 2592000
  sign:
    description:
      - Whether the feed is signed. M(headroom.libvirt.appliance) refuses unsigned feeds unless it is told not to.
    type: bool
    default: true
  key:
    description:
      - The key that signs, best by its fingerprint. Needed unless O(sign=false).
      - Its secret part must lie in O(gnupg_home), where the module runs.
    type: str
  gnupg_home:
    description:
      - GnuPG's home with the secret key. That of the user when not given.
    type: path
  passphrase:
    description:
      - The passphrase of the key. GnuPG's agent is asked when not given.
      - It is not logged.
    type: str
requirements:
  - gpg and gpg-agent, to sign
  - gpgv, to see whether what is there is signed as it is to be
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: headroom.libvirt.appliance
  - module: headroom.libvirt.appliance_info
  - ref: Appliances <ansible_collections.headroom.libvirt.docsite.guide_appliances>
    description: Keys, feeds and hosts, step by step.
extends_documentation_fragment:
  - headroom.libvirt.connection
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
"""

EXAMPLES = r"""
- name: Publish the newest version, and keep three in the feed
  headroom.libvirt.appliance_feed:
    path: /srv/www/images
    appliances: [web]
    keep: 3
    key: 8F3B1D0C5A7E9F2B4D6C8A0E1F3B5D7C9E0A2B4C
    gnupg_home: /etc/headroom/gnupg

- name: Withdraw a version
  headroom.libvirt.appliance_feed:
    path: /srv/www/images
    appliances: ["web:1.3"]
    state: absent
    key: 8F3B1D0C5A7E9F2B4D6C8A0E1F3B5D7C9E0A2B4C
    gnupg_home: /etc/headroom/gnupg
"""

RETURN = r"""
path:
  description: The feed's folder.
  returned: success
  type: str
  sample: /srv/www/images
appliances:
  description: What the feed offers.
  returned: success
  type: list
  elements: dict
  contains:
    id:
      description: Name and version, and the architecture in parentheses.
      type: str
      sample: web:1.4 (amd64)
    files:
      description: Its files, relative to the feed, with their checksums.
      type: list
      elements: str
      sample:
        - >-
          appliances/web/1.4/x86_64/web-1.4-vda.qcow2
          sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
fingerprint:
  description: The fingerprint of the key, for O(headroom.libvirt.appliance#module:source.feed.fingerprint).
  returned: success
  type: str
  sample: 8F3B1D0C5A7E9F2B4D6C8A0E1F3B5D7C9E0A2B4C
public_key:
  description: The public key, armored, for O(headroom.libvirt.appliance#module:source.feed.key). Null when unsigned.
  returned: success
  type: str
  sample: "-----BEGIN PGP PUBLIC KEY BLOCK-----\n"
"""

import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import foreign
from ansible_collections.headroom.libvirt.plugins.module_utils._appliance.allowlist import (
    HARMLESS_NETWORK,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue import (
    catalogue as catalogues,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.names import (
    parse_reference,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import check_positive
from ansible_collections.headroom.libvirt.plugins.module_utils._feed import publication, publish
from ansible_collections.headroom.libvirt.plugins.module_utils._feed.sign import Signer
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.on_host import run_on_host

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._catalogue.catalogue import (
        Catalogue,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

Params = t.Mapping[str, t.Any]

ARGUMENTS = CONNECTION.merge(
    ArgumentSpec(
        options={
            "path": {"type": "path", "required": True},
            "appliances": {"type": "list", "elements": "str", "default": []},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "pool": {"type": "str", "default": "default"},
            "keep": {"type": "int"},
            "valid_for": {"type": "float", "default": 2592000.0},
            "sign": {"type": "bool", "default": True},
            "key": {"type": "str", "no_log": False},
            "gnupg_home": {"type": "path"},
            "passphrase": {"type": "str", "no_log": True},
        },
        required_if=[("sign", True, ["key"])],
    )
)


def ensure(connection: Connection, module: AnsibleModule) -> dict[str, t.Any]:
    """Publish or withdraw and return the task's result."""
    params = module.params
    if params["keep"] is not None:
        check_positive("keep", params["keep"], "versions")
    check_positive("valid_for", params["valid_for"], "seconds")
    signer = (
        Signer(params["key"], params["gnupg_home"], params["passphrase"])
        if params["sign"]
        else None
    )
    fingerprint = None if signer is None else signer.find_fingerprint()
    catalogue = catalogues.open_catalogue(connection, params["pool"])
    catalogue.require_files("pool")
    run = publish.PublishRun(module.check_mode, time.time(), params["valid_for"])
    with publish.open_folder(params["path"], signer, check_mode=module.check_mode) as folder:
        before = folder.read_products()
        offers = _read_offers(catalogue, params) if params["state"] == "present" else []
        after = publication.add(before, offers) if offers else _withdraw(before, params)
        after = publication.prune(after, params["keep"])
        changes = publish.publish(folder, catalogue, after, offers, run)
    return {
        **changes.as_result(),
        "path": params["path"],
        "appliances": [
            {"id": name, "files": files} for name, files in publication.summarise(after).items()
        ],
        "fingerprint": fingerprint,
        "public_key": None if signer is None else signer.export_public_key(armored=True).decode(),
    }


def _read_offers(catalogue: Catalogue, params: Params) -> list[publication.Offer]:
    return [
        # checked by the rules of its readers, so that nothing is published that they refuse; what the machines are
        # attached to is for them to say
        publication.Offer(
            foreign.check_manifest(
                catalogue.get(*parse_reference("appliances", reference)), HARMLESS_NETWORK
            )
        )
        for reference in params["appliances"]
    ]


def _withdraw(products: publication.Data, params: Params) -> publication.Data:
    for reference in params["appliances"] if params["state"] == "absent" else ():
        products = publication.withdraw(products, *parse_reference("appliances", reference))
    return products


def main() -> None:
    """Run the module."""
    run_on_host(ARGUMENTS, "publish the feed", ensure)


if __name__ == "__main__":
    main()
