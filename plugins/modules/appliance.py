#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: appliance
short_description: Keep golden images for cloning in a host's catalogue
version_added: 0.1.0
author:
  - The headroom.libvirt contributors (@headroom)
description:
  - An appliance is one or more immutable disks, the template of a domain, and a manifest that says what both are. It is
    named by name and version; M(headroom.libvirt.appliance_clone) makes machines of it.
  - It is made from a domain, an image file, an address on a web server or an entry of a feed, and kept as read-only
    volumes in a storage pool of the host. Their names begin with C(headroom-appliance.).
  - The source is copied whole and flat; nothing refers back to it. The manifest is written last, so that an appliance
    is visible only when it is complete. Making and removing one is a transaction (see
    M(headroom.libvirt.transaction_info)). What a run that was killed left is removed by the next task of this module on
    the host; only what the journal names is, so that what other hosts put into a shared pool stays.
  - Everything goes through libvirt's API, so the module works on the host and from afar. The checksum is taken of what
    was sent, or of what lies in the pool.
  - An image is not trusted, wherever it comes from. One that names other files (a backing file, a data file), that is
    encrypted, that claims what a file of its length cannot hold, or that is in a format of which parts may lie in other
    files (VMDK, VHD) is refused, each with its reason. Files packed by gzip, bzip2, xz or zstd are unpacked within
    limits.
  - Before anything is copied, a machine of the template is defined as clones are, and undefined again. What libvirt
    takes no clone of is refused here, and in check mode. What is of an architecture that the host does not run is kept
    for other hosts, and not tried.
  - A feed is believed only when a pinned key has signed it, when it is not older than it was the last time, and when
    each file is what the signed index says. Nothing of it appears in the pool before that.
options:
  name:
    description:
      - Name of the appliance. Letters, digits, C(.), C(_) and C(-). It must not begin with C(headroom-).
      - Needed unless O(state=synced), where it is the only product to follow.
    type: str
  version:
    description:
      - Version of the appliance. Letters, digits, C(.), C(_), C(-), C(+) and C(~). Of O(source.feed), whatever else is
        in a version (C(20260820_13:00)) becomes C(-).
      - A version never changes. If it exists, the task changes nothing, and the source is not read again. It fails if
        O(sha256) or O(manifest) says that the content should be another.
      - Of O(source.feed) the newest version is taken when it is not given. Otherwise it is needed.
    type: str
  pool:
    description:
      - The storage pool that holds the catalogue. Which types of pools can is said in
        R(the storage guide,ansible_collections.headroom.libvirt.docsite.guide_storage).
      - In Ceph an appliance is there once for all hosts that have the pool. It is filled and read by C(qemu-img) and
        C(qemu-nbd) where the module runs, with the key that libvirt has; a secret that is private is refused.
    type: str
    default: default
  state:
    description:
      - Whether the appliance is there.
      - V(absent) refuses while anything stands on its disks, and names what does.
      - V(synced) brings the catalogue to what O(source.feed) offers, the O(keep) newest versions of each product. It
        removes older ones that came from the same feed, except those that something stands on, which RV(appliances)
        names. A product that the feed no longer has stays. What is damaged is told there as well, and keeps nothing
        else from being followed.
    type: str
    choices: [present, absent, synced]
    default: present
  source:
    description:
      - Where the appliance comes from. Needed for O(state=present), and for O(state=synced) with O(source.feed).
    type: dict
    suboptions:
      domain:
        description:
          - A domain of the host. All its disks are copied; what is in its CD-ROM and floppy drives is not.
          - A disk is read by the format that the domain's XML declares. A raw disk stays raw, any other becomes qcow2.
            One that libvirt sees as another format, or on another file, than declared is refused.
          - Its XML becomes the template, without what makes it this one machine on this one host (name, UUID, MAC
            addresses, the place of its NVRAM, paths, ports, pinning). The addresses of devices inside the guest stay.
          - What there is only one of is refused by name, with what to do instead. Of such are host devices, shared
            disks and folders, disks that are encrypted or in slices, kernels and files of the host, a firmware that the
            machine writes into, forwarded ports, sockets to connect to, leases, and arguments for QEMU.
          - What its owner chose, such as vCPUs that are off, scheduling, shares or read-only disks, stays. What clones
            do not get although he may miss it is in RV(omissions).
        type: str
      machine:
        description:
          - A machine out of any result or of the inventory, as O(headroom.libvirt.domain#module:machine). Takes the
            place of O(uri) and O(source.domain); the catalogue is that of its host.
          - When it is captured, and its host has another machine of this name by now, the task fails.
        type: dict
      when_running:
        description:
          - What happens when O(source.domain) runs.
          - V(live) captures it as it runs. It never stops. Its disks are taken at one instant, and it writes into
            overlays while they are copied, which are merged afterwards. This is a transaction, so that after a crash
            the next run merges them.
          - Of disks in Ceph, whether it runs or not, snapshots are copied, which are removed afterwards. Such an
            appliance goes into a pool of that type.
          - V(shutdown) shuts it down, after sealing it if O(seal) is V(agent), and leaves it off. If the task fails, it
            is started again; if it is killed, the next one starts it and begins anew.
        type: str
        choices: [refuse, live, shutdown]
        default: refuse
      quiesce:
        description:
          - Whether the file systems of a domain that is captured V(live) are frozen by its agent for the instant.
          - V(auto) does so when the agent is connected. Otherwise the disks are as after a power cut; where there are
            several, of which some are in Ceph, its processors stand still until all are taken.
        type: str
        choices: [auto, always, never]
        default: auto
      file:
        description:
          - Path of an image, where the module runs. It becomes the only disk.
        type: path
      files:
        description:
          - Paths of several images by the targets that they have in the template, such as C(vda) and C(vdb).
        type: dict
      url:
        description:
          - Address of an image, C(http) or C(https). It becomes the only disk.
          - A transfer that breaks off is continued, by the same run and by the next one, if the server says by an ETag
            or a time that it still has the same content. Redirections are followed to C(http) and C(https) only, and
            never from C(https) to C(http).
        type: str
      checksums:
        description:
          - Address of a list of checksums that O(source.url) is in, such as the C(SHA512SUMS) of Debian, the
            C(SHA256SUMS) of Ubuntu or the C(CHECKSUM) of Fedora. The image must have the SHA-512 or SHA-256 that it
            says.
          - The list is read when the appliance is made. From the same server it shows that nothing was damaged, and no
            more; give O(sha256) for what you checked yourself.
        type: str
      cloud:
        description:
          - The newest image for clouds of a distribution, by its release. Known are V(almalinux-9), V(almalinux-10),
            V(centos-stream-10), V(debian-12), V(debian-13), V(rocky-9), V(rocky-10), V(ubuntu-24.04) and
            V(ubuntu-26.04).
          - It is the image for O(arch), fetched from its publisher with the list of checksums that lies beside it, as
            by O(source.url) and O(source.checksums). With O(sha256) it is checked by that instead.
          - What the publisher calls newest changes, and an appliance does not. Take the day as O(version), for example.
        type: str
      mirror:
        description:
          - Address of a mirror of what the publisher of O(source.cloud) has below C(https://cloud.debian.org/images/cloud/),
            C(https://cloud-images.ubuntu.com/releases/), C(https://repo.almalinux.org/almalinux/),
            C(https://dl.rockylinux.org/pub/rocky/) or C(https://cloud.centos.org/centos/).
        type: str
      uri:
        description:
          - The libvirt URI of another host that has the appliance, such as C(qemu+ssh://root@kvm1/system). Its disks
            come through libvirt's API, with its template and all that its manifest says.
        type: str
      appliance:
        description:
          - Which appliance O(source.uri) has it as, C(name:version). O(name) and O(version) when not given.
        type: str
      pool:
        description:
          - The storage pool that holds the catalogue on O(source.uri).
        type: str
        default: default
      feed:
        description:
          - A feed of images and what of it is wanted.
        type: dict
        suboptions:
          url:
            description:
              - Address of the feed, C(http) or C(https). That of a simplestreams tree is the folder above C(streams).
            type: str
            required: true
          format:
            description:
              - V(simplestreams) is what M(headroom.libvirt.appliance_feed) publishes, and Ubuntu, Incus and LXD too.
              - V(virt-builder) is a clearsigned index of virt-builder, of which O(source.feed.url) is the address. With
                O(source.feed.verify=false) its signature is passed over.
            type: str
            choices: [simplestreams, virt-builder]
            default: simplestreams
          key:
            description:
              - The publisher's public key, armored, or the path of a file with it where the module runs.
              - Several keys may follow one another.
            type: str
          fingerprint:
            description:
              - The full fingerprints of the keys that may sign the feed, primary keys or subkeys. No other is believed,
                even if O(source.feed.key) holds it.
              - Two are of use while a publisher goes from one key to the next.
            type: list
            elements: str
            default: []
          verify:
            description:
              - Whether the feed must be signed. Without a signature whoever controls the server or the way to it
                decides what the hosts run, and an old feed is not told from a new one.
            type: bool
            default: true
          max_age:
            description:
              - How many seconds old what is signed may be. Who can hold back a newer feed would otherwise choose for
                how long hosts run what is old.
              - When not given, that is until the time that the feed says itself, as those of
                M(headroom.libvirt.appliance_feed) do, and for others 30 days. For a feed whose publisher signs less
                often, such as an index of virt-builder, give more.
            type: float
          product:
            description:
              - Which product, by its name or an alias. The appliance's name when not given.
            type: str
          products:
            description:
              - Which products O(state=synced) follows, as shell patterns of names or aliases. All when not given.
            type: list
            elements: str
            default: []
      format:
        description:
          - Format of the files. V(auto) takes for qcow2 what has its header, and refuses what has the header of another
            format or of what is no disk, such as an archive, an ISO image, a page or a program; all else is raw.
          - V(raw) takes the content as it is, packed files too. One that begins like a disk of another format is
            refused, since whoever probes it would open the files that its header names.
        type: str
        choices: [auto, qcow2, raw]
        default: auto
  seal:
    description:
      - How what makes a captured machine itself is taken out of its disks. Of such are machine-id, SSH host keys, DHCP
        leases, logs, rules of udev and the state of cloud-init; the default operations of virt-sysprep, except that
        users' own SSH keys stay.
      - V(libguestfs) does it in the copy, by C(virt-sysprep) on the host.
      - V(agent) does it in the guest, which must run, and must be allowed to be shut down by
        O(source.when_running=shutdown). The machine itself is sealed then.
      - V(none) leaves all of it in. Clones get a UUID and addresses of their own, but are the same machine inside.
      - When not given, it is V(libguestfs) where that is installed, else V(agent) where that is possible, and else the
        task fails.
    type: str
    choices: [libguestfs, agent, none]
  flatten:
    description:
      - Whether O(state=absent) first gives the domains that stand on the appliance disks of their own, instead of
        refusing. Refused in a pool in Ceph, where Ceph's own tools do that.
      - Domains that run pull their disks in and notice nothing. The disks of those that are off are copied; a domain
        that is saved must be started first. Each needs as much room as its disk holds.
    type: bool
    default: false
  keep:
    description:
      - How many versions of each product O(state=synced) keeps.
    type: int
    default: 2
  manifest:
    description:
      - The manifest that M(headroom.libvirt.appliance_info) or this module returned on another host, for registering
        the same appliance here. Template, requirements and time of creation are taken from it, and the checksums of the
        files must be those that it says.
      - As one of a feed or of O(source.uri), it may say nothing by which it could reach into this host. Its template
        may have only the elements, attributes and values of an allow-list; all others are refused by name, such as a
        kernel, arguments of QEMU, a path, a bridge, a console that listens on more than C(127.0.0.1), or locked memory.
        The emulator and the firmware are those of this host.
    type: dict
  template:
    description:
      - The domain XML of the clones, or the path of a file with it where the module runs.
      - Without it, and without O(source.domain) and O(manifest), a template with virtio devices, a serial console and
        the channel of the guest agent is made.
    type: str
  unknown_elements:
    description:
      - What becomes of an element or attribute of the domain, or of O(template), that this release does not know, such
        as one that a newer libvirt has.
      - V(refuse) fails and names it, since clones might share something through it. V(keep) gives it to each clone as
        it is.
    type: str
    choices: [refuse, keep]
    default: refuse
  memory:
    description:
      - Memory of a clone, in the template that is made. V(1GiB) when not given.
    type: str
  vcpus:
    description:
      - Number of vCPUs of a clone, in the template that is made. V(1) when not given.
    type: int
  arch:
    description:
      - Architecture, in the template that is made, and of what is taken from a feed. That of the host when
        not given.
    type: str
  machine:
    description:
      - Machine type, in the template that is made. V(q35) on PCs and V(virt) on ARM and RISC-V when not given.
    type: str
  firmware:
    description:
      - Firmware, in the template that is made. When not given, it is that which a feed says, or else which the host
        has for the architecture (V(bios) on PCs, V(efi) on ARM).
    type: str
    choices: [bios, efi]
  network:
    description:
      - The libvirt network of the interface, in the template that is made. V(default) when not given; an empty string
        for a machine without interface.
      - With O(manifest), and for an appliance out of a feed or of another host, the libvirt network that all interfaces
        of its template are attached to. Without it such a template may name no network but V(default).
    type: str
  os_id:
    description:
      - Which operating system it is, as a libosinfo id. Taken from the domain's metadata when not given.
    type: str
  min_ram:
    description:
      - The least memory that a clone must have.
    type: str
  min_disk:
    description:
      - The disk space that a clone comes to need. The size of the disks when not given.
    type: str
  description:
    description:
      - A text for people.
    type: str
  sha256:
    description:
      - The SHA-256 that the file must have, as it comes, packed or not. It is checked before the appliance becomes
        visible.
    type: str
  max_size:
    description:
      - The largest disk that an image may make or unpack to.
      - 100 times the length of the file, at least 1 GiB, when not given. A disk of many gigabytes in a file of some
        kilobytes is what a bomb looks like.
    type: str
  download_dir:
    description:
      - Folder for what is being fetched or unpacked, where the module runs. It must have room for whole images.
      - What a broken transfer left is continued by the next run, and removed after a week.
    type: path
    default: /var/lib/headroom/downloads
  timeout:
    description:
      - How long a web server may be silent, in seconds.
    type: float
    default: 30
  validate_certs:
    description:
      - Whether the certificates of C(https) servers are checked.
    type: bool
    default: true
  ca_path:
    description:
      - File with the certificates of authorities to believe, instead of the system's.
    type: path
requirements:
  - gpgv, for feeds that are signed
  - virt-sysprep (guestfs-tools), for O(seal=libguestfs)
  - zstd, for images packed by it
attributes:
  check_mode:
    support: full
    details:
      - Checksums, sizes of files and the names of volumes are null in check mode, as nothing was copied.
      - Of an image on a web server only the beginning is fetched. The size of a disk that is packed and raw is 0 then,
        unless a feed says it.
  diff_mode:
    support: full
  idempotent:
    support: full
seealso:
  - module: headroom.libvirt.appliance_info
  - module: headroom.libvirt.appliance_clone
  - module: headroom.libvirt.appliance_feed
  - ref: Appliances <ansible_collections.headroom.libvirt.docsite.guide_appliances>
    description: Capture, publish and consume, step by step.
extends_documentation_fragment:
  - headroom.libvirt.connection
  - headroom.libvirt.journal
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.actiongroup_all
"""

EXAMPLES = r"""
- name: Capture a machine that was set up once
  headroom.libvirt.appliance:
    name: web
    version: "1.4"
    source:
      domain: web-golden
    min_ram: 512MiB
  register: captured

- name: Keep a published image, checked before anyone can use it
  headroom.libvirt.appliance:
    name: debian
    version: "13"
    source:
      file: /srv/images/debian-13-generic-amd64.qcow2
    sha256: "{{ published_sha256 }}"
    memory: 1GiB
    vcpus: 2
    os_id: http://debian.org/debian/13

- name: Follow a feed, two versions of each of its web servers
  headroom.libvirt.appliance:
    state: synced
    source:
      feed:
        url: https://images.example.org/
        key: /etc/headroom/images.asc
        fingerprint: 8F3B1D0C5A7E9F2B4D6C8A0E1F3B5D7C9E0A2B4C
        products: ["web*"]
    keep: 2

- name: Keep Ubuntu's newest image of 24.04
  headroom.libvirt.appliance:
    name: noble
    source:
      feed:
        url: https://cloud-images.ubuntu.com/releases/
        key: /usr/share/keyrings/ubuntu-cloudimage-keyring.gpg
        fingerprint: D2EB44626FDDC30B513D5BB71A5D6C4C7DB87C81
        product: com.ubuntu.cloud:server:24.04:amd64
    memory: 2GiB

- name: Keep an image from a web server
  headroom.libvirt.appliance:
    name: debian
    version: "13.1"
    source:
      url: https://cloud.debian.org/images/cloud/trixie/latest/debian-13-genericcloud-amd64.qcow2
    sha256: "{{ published_sha256 }}"

- name: Keep Debian's newest image for clouds, checked by the list that lies beside it
  headroom.libvirt.appliance:
    name: debian
    version: "{{ '%Y%m%d' | strftime }}"
    source:
      cloud: debian-13

- name: Copy an appliance from another host
  headroom.libvirt.appliance:
    name: web
    version: "1.4"
    source:
      uri: qemu+ssh://root@kvm1/system

- name: Capture a machine that stays in service, sealed in the copy
  headroom.libvirt.appliance:
    name: web
    version: "1.5"
    source:
      domain: web-golden
      when_running: live
    seal: libguestfs

- name: Capture a machine that the inventory knows, into the catalogue of its host
  headroom.libvirt.appliance:
    name: web
    version: "1.6"
    source:
      machine: "{{ hostvars['web-golden'].libvirt_machine }}"
  delegate_to: localhost

- name: Register the same appliance on a second host, after its file was copied there
  headroom.libvirt.appliance:
    name: web
    version: "1.4"
    source:
      file: /var/tmp/web-1.4.qcow2
    manifest: "{{ hostvars['kvm1'].captured.appliance.manifest }}"

- name: Remove a version whose clones shall live on
  headroom.libvirt.appliance:
    name: web
    version: "1.2"
    state: absent
    flatten: true

- name: Remove a version that nothing stands on any more
  headroom.libvirt.appliance:
    name: web
    version: "1.3"
    state: absent
"""

RETURN = r"""
appliance:
  description: The appliance. Null after O(state=absent) and O(state=synced).
  returned: success
  type: dict
  contains:
    id:
      description: Name and version.
      type: str
      sample: web:1.4
    name:
      description: Name.
      type: str
      sample: web
    version:
      description: Version.
      type: str
      sample: "1.4"
    pool:
      description: The pool with its volumes.
      type: str
      sample: default
    created:
      description: When it was made first, on whichever host.
      type: str
      sample: "2026-05-04T09:30:00Z"
    arch:
      description: Architecture.
      type: str
      sample: x86_64
    firmware:
      description: Either V(bios) or V(efi).
      type: str
      sample: bios
    os_id:
      description: Which operating system it is, as a libosinfo id. Null when not known.
      type: str
      sample: http://debian.org/debian/13
    parent:
      description: The appliance that the captured domain was a clone of. Null when there is none.
      type: str
      sample: debian:13
    description:
      description: A text for people. Null when there is none.
      type: str
      sample: The web servers of the shop
    origin:
      description: Address of the feed that it came from. Null when it came from elsewhere.
      type: str
      sample: https://images.example.org/
    sealed:
      description: How what makes one machine itself was taken out of its disks. Null when that was not done here.
      type: str
      sample: libguestfs
    min_ram_bytes:
      description: The least memory that a clone must have.
      type: int
      sample: 536870912
    min_disk_bytes:
      description: The disk space that a clone comes to need.
      type: int
      sample: 10737418240
    vcpus:
      description: Number of vCPUs of a clone that overrides nothing.
      type: int
      sample: 2
    memory_bytes:
      description: Memory of a clone that overrides nothing.
      type: int
      sample: 1073741824
    disk_bytes:
      description: Sum of the sizes of the disks, as a guest sees them.
      type: int
      sample: 10737418240
    clones:
      description: Names of the domains on this host that are clones of it.
      type: list
      elements: str
      sample: [web-1, web-2]
    disks:
      description: The disks.
      type: list
      elements: dict
      contains:
        target:
          description: The name of the disk in the template.
          type: str
          sample: vda
        volume:
          description: The name of its volume. Null in check mode.
          type: str
          sample: headroom-appliance.web@1.4.0f3a9c2e71b5.vda.qcow2
        path:
          description: The path of its file on the host, to be copied to another host. Null in check mode.
          type: str
          sample: /var/lib/libvirt/images/headroom-appliance.web@1.4.0f3a9c2e71b5.vda.qcow2
        format:
          description: Either V(qcow2) or V(raw).
          type: str
          sample: qcow2
        virtual_size_bytes:
          description: The size that a guest sees.
          type: int
          sample: 10737418240
        size_bytes:
          description: The length of the file. Null in check mode.
          type: int
          sample: 734003200
        sha256:
          description: The SHA-256 of the file; in Ceph of what a guest sees of the disk. Null in check mode.
          type: str
          sample: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        source_sha256:
          description:
            - The SHA-256 of the packed file that it came as, in Ceph of any file. Null when there was none, or it was
              not packed.
          type: str
          sample: null
    manifest:
      description: All of this as it is stored, with the template, for O(manifest) on another host. Null in check mode.
      type: dict
      sample: {"format": 1, "name": "web", "version": "1.4"}
omissions:
  description:
    - What the domain or O(template) says and its clones do not get, though they could be missed. Of such are pins to
      processors and NUMA nodes of the host, log files, consoles in files or on ports (they become pseudo-terminals),
      fixed security labels, serial numbers of disks, addresses in network filters, the notes of other programs in its
      metadata, keys of an encrypted launch, what lies in drives for CDs and floppies, and, by their names alone, what
      the firmware tells the guest of credentials and of where cloud-init finds its data.
    - Empty when the appliance was there already.
  returned: O(state=present)
  type: list
  elements: str
  sample: [<cputune/vcpupin>, <devices/serial/log>]
appliances:
  description: What became of each appliance that is, or was, in the catalogue from the feed.
  returned: O(state=synced)
  type: list
  elements: dict
  contains:
    id:
      description: Name and version.
      type: str
      sample: web:1.3
    action:
      description:
        - V(added), V(kept) or V(removed); V(in_use) for one that would go, but something stands on it; V(refused) for
          what the feed offers, but cannot be used, which is also told in a warning.
      type: str
      sample: in_use
    reason:
      description: What stands on it, or why it cannot be used. Null otherwise.
      type: str
      sample: the domain 'web-1'
"""

import secrets
import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._appliance import apply
from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    JOURNAL,
    MACHINE,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._journal.journal import open_journal
from ansible_collections.headroom.libvirt.plugins.module_utils._machine.machine import (
    DetachedMachine,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module
from ansible_collections.headroom.libvirt.plugins.module_utils._virt import node
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )

_FEED: t.Mapping[str, t.Any] = {
    "type": "dict",
    "options": {
        "url": {"type": "str", "required": True},
        "format": {
            "type": "str",
            "choices": ["simplestreams", "virt-builder"],
            "default": "simplestreams",
        },
        "key": {"type": "str", "no_log": False},
        "fingerprint": {"type": "list", "elements": "str", "default": []},
        "verify": {"type": "bool", "default": True},
        "max_age": {"type": "float"},
        "product": {"type": "str"},
        "products": {"type": "list", "elements": "str", "default": []},
    },
    "mutually_exclusive": [("product", "products")],
}
_SOURCES: t.Final = ("domain", "machine", "file", "files", "url", "cloud", "feed", "uri")
_SOURCE: t.Mapping[str, t.Any] = {
    "type": "dict",
    "options": {
        "domain": {"type": "str"},
        **MACHINE.options,
        "when_running": {
            "type": "str",
            "choices": ["refuse", "live", "shutdown"],
            "default": "refuse",
        },
        "quiesce": {"type": "str", "choices": ["auto", "always", "never"], "default": "auto"},
        "file": {"type": "path"},
        "files": {"type": "dict"},
        "url": {"type": "str"},
        "checksums": {"type": "str"},
        "cloud": {"type": "str"},
        "mirror": {"type": "str"},
        "feed": _FEED,
        "uri": {"type": "str"},
        "appliance": {"type": "str"},
        "pool": {"type": "str", "default": "default"},
        "format": {"type": "str", "choices": ["auto", "qcow2", "raw"], "default": "auto"},
    },
    "mutually_exclusive": [_SOURCES],
    "required_one_of": [_SOURCES],
    "required_by": {"mirror": "cloud"},
}

ARGUMENTS = CONNECTION.merge(JOURNAL).merge(
    ArgumentSpec(
        options={
            "name": {"type": "str"},
            "version": {"type": "str"},
            "pool": {"type": "str", "default": "default"},
            "state": {
                "type": "str",
                "choices": ["present", "absent", "synced"],
                "default": "present",
            },
            "source": _SOURCE,
            "flatten": {"type": "bool", "default": False},
            "seal": {"type": "str", "choices": ["libguestfs", "agent", "none"]},
            "keep": {"type": "int", "default": 2},
            "manifest": {"type": "dict"},
            "template": {"type": "str"},
            "unknown_elements": {"type": "str", "choices": ["refuse", "keep"], "default": "refuse"},
            "memory": {"type": "str"},
            "vcpus": {"type": "int"},
            "arch": {"type": "str"},
            "machine": {"type": "str"},
            "firmware": {"type": "str", "choices": ["bios", "efi"]},
            "network": {"type": "str"},
            "os_id": {"type": "str"},
            "min_ram": {"type": "str"},
            "min_disk": {"type": "str"},
            "description": {"type": "str"},
            "sha256": {"type": "str"},
            "max_size": {"type": "str"},
            "download_dir": {"type": "path", "default": "/var/lib/headroom/downloads"},
            "timeout": {"type": "float", "default": 30.0},
            "validate_certs": {"type": "bool", "default": True},
            "ca_path": {"type": "path"},
        },
        required_if=[
            ("state", "present", ["name", "source"]),
            ("state", "absent", ["name", "version"]),
            ("state", "synced", ["source"]),
        ],
    )
)


def keep(module: AnsibleModule) -> dict[str, t.Any]:
    """Do what ``state`` asks for and return the task's result."""
    params, source = module.params, module.params["source"] or {}
    timeout = params["connect_timeout"]
    if source.get("machine") is None:
        with open_connection(params["uri"], timeout=timeout) as connection:
            return _keep_on_host(connection, module, params)
    machine = DetachedMachine(source["machine"], connect_timeout=timeout)
    ref = machine.identify("be captured")
    source = {**source, "domain": ref.name, "domain_uuid": ref.uuid}
    with machine.connect("be captured") as connection:
        return _keep_on_host(connection, module, {**params, "source": source})


def _keep_on_host(
    connection: Connection, module: AnsibleModule, params: t.Mapping[str, t.Any]
) -> dict[str, t.Any]:
    act = {
        "present": apply.ensure_present,
        "absent": apply.ensure_absent,
        "synced": apply.synchronise,
    }[params["state"]]
    run = apply.RunContext(
        module.check_mode,
        time.time(),
        lambda: secrets.token_hex(6),
        open_journal(module),
        node.read_node_info(connection)[0],
    )
    result = act(connection, params, run)
    for warning in result.pop("warnings", ()):
        module.warn(warning)
    return result


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "keep the appliance", keep)


if __name__ == "__main__":
    main()
