# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.
"""What a guest's definition names of its host, and what of a disk cannot come along: views of the schema's table. Pure.

``read_resources`` reads a parsed ``<domain>`` (its definition, without what libvirt adds while it runs): each of them
is proven at the destination by the preflight, or is a failed finding. Whatever the table calls shared or exclusive has
a sentence here, or a check of its own, or is refused by its path. ``find_unknown`` names what the table does not have.
``find_obstacles`` reads one ``<disk>``: what it returns keeps that disk from being copied, since the copy would not be
the same. ``explain_bound`` says in one sentence why a guest cannot go to any host.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import posixpath
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._virt import domain_schema
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.domain_xml import (
    find_host_devices,
    find_writable_firmware,
    read_nvram,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    format_cpus,
    parse_cpus,
    read_attribute,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

Proof = t.Literal[
    "file",
    "folder",
    "volume",
    "emulator",
    "network",
    "portgroup",
    "filter",
    "secret",
    "card",
    "cpus",
    "port",
    "none",
]

_SOURCE_ATTRIBUTES: t.Final = frozenset(
    ("file", "dev", "dir", "pool", "volume", "mode", "startupPolicy", "index")
)
_SOURCE_CHILDREN: t.Final = frozenset(("seclabel", "privateData"))
_SOURCE_TYPES: t.Final = frozenset(("file", "block", "volume"))
# What the table has of a disk, and a copy has not: why these keep a disk from being copied.
_WHY: t.Final[t.Mapping[str, str]] = {
    "encryption": "is encrypted, and its copy would be read without its key",
    "transient": "is transient, and its changes lie in a file beside it",
    "auth": "needs a secret of its host",
    "reservations": "has persistent reservations of its host",
    "slices": "is a slice of its source",
    "dataStore": "keeps its data in a file of its own",
    "backenddomain": "is served by another domain of its host",
}

# libvirt gives sockets and logs below these a place of their own on each host.
_OWN_FOLDERS: t.Final = (
    "/var/lib/libvirt/",
    "/run/libvirt/",
    "/var/run/libvirt/",
    "/var/log/libvirt/",
)
# Under these names each host finds itself.
_LOCAL_NAMES: t.Final = frozenset(("localhost", "127.0.0.1", "::1"))
_RANDOM: t.Final = frozenset(("/dev/urandom", "/dev/random", "/dev/hwrng"))
_FILES_OF_SYSTEM: t.Final = ("loader", "kernel", "initrd", "dtb", "shim")
# Network cards that somebody else's program on the host serves.
_SERVED_CARDS: t.Final = frozenset(("vhostuser", "vdpa", "internal", "vds"))
_SECRETS: t.Final[t.Mapping[str, str]] = {"passphrase": "volume"}

# Places of the table that need no row in _read_rest(), each line for a reason of its own.
_ANSWERED: t.Final = (
    # They have a sentence below.
    *("blkiotune/device", "commandline", "devices/audio", "devices/channel", "devices/emulator"),
    *(
        "devices/filesystem",
        "devices/graphics",
        "devices/input",
        "devices/interface",
        "devices/lease",
    ),
    *("devices/memory/source/path", "devices/redirdev", "devices/rng", "devices/shmem"),
    *("devices/smartcard", "devices/tpm", "os/acpi", "os/loader", "os/nvram", "os/varstore"),
    *(f"os/{name}" for name in _FILES_OF_SYSTEM),
    *("launchSecurity", "sysinfo/entry", "devices/video/model/acceleration"),
    # The preflight has checks of its own for host devices, huge pages and NUMA nodes, and looks at disks one by one.
    *(
        "devices/disk",
        "devices/hostdev",
        "devices/memory/source/nodemask",
        "memoryBacking/hugepages",
    ),
    # They come along: what a kernel is told, and a slice that the host's systemd makes where there is none.
    *("os/cmdline", "resource/partition"),
)


@dataclasses.dataclass(frozen=True)
class HostResource:
    """Something of the host that a definition names: ``check`` is the preflight's name for it.

    ``path`` is proven at the destination by ``proof``; what has none is refused, of a guest that runs only where
    ``while_running`` says so.
    """

    check: str
    what: str
    path: str
    proof: Proof
    remedy: str
    while_running: bool = False


def find_obstacles(disk: etree._Element) -> tuple[str, ...]:
    """Return why a disk cannot be copied to another host, as ends of sentences; empty if it can."""
    obstacles = (
        [] if disk.get("type", "file") in _SOURCE_TYPES else [f"is of the type {disk.get('type')}"]
    )
    obstacles += [
        _WHY.get(name, f"has <{name}>, which is not understood")
        for name in map(domain_schema.get_name, disk.iterchildren("*"))
        if name in _WHY or (name != "shareable" and not _comes_along(name))
    ]
    source = disk.find("source")
    if source is not None and disk.get("type", "file") in _SOURCE_TYPES:
        unknown = sorted(set(map(str, source.attrib)) - _SOURCE_ATTRIBUTES)
        obstacles += [f"has a source with {name}=, which is not understood" for name in unknown]
        obstacles += [
            _WHY.get(name, f"has <{name}> in its source, which is not understood")
            for name in map(domain_schema.get_name, source.iterchildren("*"))
            if name not in _SOURCE_CHILDREN
        ]
    return tuple(dict.fromkeys(obstacles))


def _comes_along(name: str) -> bool:
    kind = domain_schema.classify_element(("devices", "disk", name))
    return kind in ("hardware", "choice", "identity")


def find_unknown(root: etree._Element) -> tuple[str, ...]:
    """Return the places of a parsed domain that the table does not have: what they name of the host is not known."""
    return tuple("/".join(path) for path in domain_schema.find_places(root, None))


def explain_bound(root: etree._Element, *, is_running: bool) -> str | None:
    """Return why a guest cannot go to any other host as it is, in words."""
    if is_running:
        devices = find_host_devices(root)
        if devices:
            return f"it holds devices of its host: {', '.join(devices)}"
    bound = [
        resource.what
        for resource in read_resources(root)
        if resource.proof == "none" and (is_running or not resource.while_running)
    ]
    return f"it has {' and '.join(bound)}, which no other host has" if bound else None


def read_resources(root: etree._Element) -> tuple[HostResource, ...]:
    """Return what a parsed domain names of its host besides the disks that it writes, its cards and its CPU."""
    devices = root.find("devices")
    resources = [*_read_system(root), *_read_processors(root), *_read_secrets(root)]
    if devices is not None:
        resources += [
            *_read_media(devices),
            *_read_streams(devices),
            *_read_graphics(devices),
            *_read_cards(devices),
            *_read_shares(devices),
            *_read_others(devices),
        ]
    resources += _read_rest(root)
    return tuple(dict.fromkeys(resources))


def read_attached(root: etree._Element) -> tuple[HostResource, ...]:
    """As read_resources(), of a domain that runs: what may have been attached to it, and is not in its definition."""
    devices = root.find("devices")
    if devices is None:
        return ()
    return (
        *_read_secrets(root),
        *_read_media(devices),
        *_read_shares(devices),
        *_read_others(devices),
    )


def _read_rest(root: etree._Element) -> t.Iterator[HostResource]:
    """Yield whatever else the table calls the host's: nothing of that is passed over."""
    kinds: tuple[domain_schema.Kind, ...] = ("shared", "exclusive")
    for kind in kinds:
        for path in domain_schema.find_places(root, kind):
            text = "/".join(path)
            if not any(text == place or text.startswith(f"{place}/") for place in _ANSWERED) and (
                path[-2:] != ("rom", "@file")
            ):
                yield _make_refused("host resource", f"<{text}>", "")


def _read_system(root: etree._Element) -> t.Iterator[HostResource]:
    emulator = root.findtext("devices/emulator")
    if emulator:
        remedy = (
            "Install that emulator there, or choose another one in the definition (virsh edit)."
        )
        yield HostResource("emulator", "the guest's emulator", emulator, "emulator", remedy)
    for name in _FILES_OF_SYSTEM:
        path = (root.findtext(f"os/{name}") or "").strip()
        if path:
            yield _make_file("firmware", f"the guest's {name}", path)
    written = find_writable_firmware(root)
    if written is not None:
        yield _make_refused("nvram", "the guest's firmware, which it writes into", written)
    yield from _read_settings(root.find("os/nvram"), root.find("os/varstore"))
    for element in root.iterfind("os/*[@template]"):
        yield _make_file(
            "firmware", "the template of the guest's NVRAM", element.get("template", "")
        )
    for table in root.iterfind("os/acpi/table"):
        yield _make_file("firmware", "the guest's ACPI table", (table.text or "").strip())
    for entry in root.iterfind("sysinfo/entry[@file]"):
        what = f"the guest's firmware configuration {entry.get('name')}"
        yield _make_file("firmware", what, entry.get("file", ""))
    if root.find("{*}commandline") is not None:
        remedy = "Take <qemu:commandline> out (virsh edit), or move the guest by hand."
        yield HostResource("qemu", "arguments of QEMU that nobody understands", "", "none", remedy)
    yield from _read_launch(root)


def _read_settings(
    variables: etree._Element | None, store: etree._Element | None
) -> t.Iterator[HostResource]:
    """What the guest's firmware keeps: its folder is proven, as the file comes along."""
    if variables is not None and variables.get("type", "file") != "file":
        what = f"settings of the guest's firmware of the type {variables.get('type')}"
        yield _make_refused("nvram", what, "")
    for settings in (read_nvram(variables), read_attribute(store, "path")):
        path = (settings or "").strip()
        if path:
            yield _make_folder("nvram", f"the settings of the guest's firmware in {path}", path)


def _read_launch(root: etree._Element) -> t.Iterator[HostResource]:
    launch = root.find("launchSecurity")
    if launch is not None:
        what = f"memory that is encrypted for this host ({launch.get('type')})"
        remedy = "Shut the guest down, and move it offline."
        yield HostResource("launch", what, "", "none", remedy, while_running=True)
        path = read_attribute(launch.find("quoteGenerationService"), "path")
        if path:
            yield _make_file("launch", "the service that signs for the guest", path)


def _read_processors(root: etree._Element) -> t.Iterator[HostResource]:
    """Processors that the guest is pinned to, and devices whose share of the host's traffic it is given."""
    numbers: set[int] = set()
    for pin in [*root.iterfind("vcpu[@cpuset]"), *root.iterfind("cputune/*[@cpuset]")]:
        numbers.update(parse_cpus(pin.get("cpuset", "")))
    if numbers:
        remedy = "Take the pins of processors that it has not out of the definition (virsh edit)."
        what = "processors that the guest is pinned to"
        yield HostResource("cpu_pins", what, format_cpus(numbers), "cpus", remedy)
    for path in root.iterfind("blkiotune/device/path"):
        yield _make_file(
            "blkiotune", "a device whose traffic is limited", (path.text or "").strip()
        )


def _read_secrets(root: etree._Element) -> t.Iterator[HostResource]:
    """Secrets of the host's libvirt that a disk or a TPM is opened with."""
    for place in ("devices/disk//secret", "devices/hostdev/source/auth/secret"):
        for secret in root.iterfind(place):
            kind = secret.get("type", "")
            name = secret.get("uuid") or f"{_SECRETS.get(kind, kind)}/{secret.get('usage')}"
            yield _make_secret("a disk of the guest", name)
    for encryption in root.iterfind("devices/tpm/backend/encryption"):
        yield _make_secret("the guest's TPM", encryption.get("secret", ""))


def _make_secret(what: str, name: str) -> HostResource:
    remedy = "Define that secret there too (virsh secret-define, virsh secret-set-value)."
    return HostResource("secret", f"the secret of {what}", name, "secret", remedy)


def _make_file(check: str, what: str, path: str) -> HostResource:
    remedy = "Copy it there, to the same path."
    if path.startswith("/dev/"):
        remedy = "See that it has the same device, under that path."
    return HostResource(check, what, path, "file", remedy)


def _read_media(devices: etree._Element) -> t.Iterator[HostResource]:
    """Disks that the guest only reads, in drives and out of them, a seed for cloud-init among them."""
    for disk in devices.iterfind("disk"):
        if disk.get("type", "file") not in _SOURCE_TYPES:
            yield from _read_served_disk(disk)
            continue
        is_read_only = disk.get("device", "disk") != "disk" or disk.find("readonly") is not None
        source = disk.find("source")
        path = read_attribute(source, "file") or read_attribute(source, "dev")
        pool, volume = read_attribute(source, "pool"), read_attribute(source, "volume")
        optional = read_attribute(source, "startupPolicy") in ("optional", "requisite")
        if disk.get("device") == "lun":
            if path:
                yield _make_file("lun", "a LUN that the guest has as it is", path)
            continue
        if is_read_only and pool and volume and not optional:
            target = read_attribute(disk.find("target"), "dev")
            remedy = f"Eject it (virsh change-media GUEST {target} --eject), or bring it there, to a pool of that name."
            what = f"what {target} holds"
            yield HostResource("cdrom", what, f"{pool}/{volume}", "volume", remedy)
        elif is_read_only and path and not optional:
            target = read_attribute(disk.find("target"), "dev")
            remedy = f"Eject it (virsh change-media GUEST {target} --eject), or copy it there, to the same path."
            yield HostResource("cdrom", f"what {target} holds", path, "file", remedy)


def _read_served_disk(disk: etree._Element) -> t.Iterator[HostResource]:
    """A disk that is no file, device or volume: other hosts have it only if another machine serves it."""
    kind, source = disk.get("type", ""), disk.find("source")
    target = read_attribute(disk.find("target"), "dev")
    if source is None:
        return
    if kind == "dir":
        path = read_attribute(source, "dir")
        remedy = "Make that folder there, with the same content."
        yield HostResource("disk", f"the folder that is the disk {target}", path, "folder", remedy)
    elif kind != "network":
        yield _make_refused("disk", f"the disk {target} of the type {kind}", "")
    for host in source.iterfind("host"):
        socket = host.get("socket", "")
        if socket or host.get("name") in _LOCAL_NAMES:
            where = socket or host.get("name")
            yield _make_refused("disk", f"the disk {target} that {where} serves", socket)


def _read_streams(devices: etree._Element) -> t.Iterator[HostResource]:
    """Serial lines, consoles and channels that end in a file, a device or an address of the host."""
    tags = ("serial", "parallel", "console", "channel", "redirdev", "smartcard")
    ends = [(str(device.tag), device) for device in devices.iterchildren(*tags)]
    ends += [("rng", backend) for backend in devices.iterfind("rng/backend[@type]")]
    for tag, device in ends:
        yield from _read_stream(tag, device.get("type", ""), device.find("source"))
    for log in devices.iterfind(".//log"):
        path = log.get("file", "")
        if path and not path.startswith(_OWN_FOLDERS):
            yield _make_folder("console", f"a log into {path}", path)


def _read_stream(tag: str, kind: str, source: etree._Element | None) -> t.Iterator[HostResource]:
    path, what, mode = (
        read_attribute(source, "path"),
        f"the {tag} to",
        read_attribute(source, "mode"),
    )
    if kind in ("file", "unix") and path and not path.startswith(_OWN_FOLDERS):
        if mode == "connect":
            yield _make_refused("console", f"{what} the socket {path} of somebody else", path)
        else:
            yield _make_folder("console", f"the {tag} into {path}", path)
    elif kind in ("dev", "pipe", "nmdm") and source is not None:
        end = path or read_attribute(source, "master")
        yield _make_refused("console", f"{what} the {kind} {end}", end)
    elif kind in ("tcp", "udp") and mode == "bind":
        address = read_attribute(source, "host")
        if _is_own_address(address):
            yield _make_refused("console", f"{what} the host's own address {address}", address)
        elif read_attribute(source, "service"):
            yield _make_port("console", what, read_attribute(source, "service"))


def _make_folder(check: str, what: str, path: str) -> HostResource:
    remedy = f"Make the folder {posixpath.dirname(path)} there."
    return HostResource(check, what, posixpath.dirname(path), "folder", remedy)


def _make_refused(check: str, what: str, path: str, *, while_running: bool = False) -> HostResource:
    remedy = "Take it out of the definition (virsh edit), and start the guest anew."
    return HostResource(check, what, path, "none", remedy, while_running)


def _is_own_address(address: str) -> bool:
    """Return whether that is an address of one host, and not of any or of each."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return bool(address) and address != "localhost"
    return not (parsed.is_unspecified or parsed.is_loopback)


def _read_graphics(devices: etree._Element) -> t.Iterator[HostResource]:
    for screen in devices.iterfind("graphics"):
        kind = screen.get("type")
        # where a network says the address, libvirt tells that of this host beside it
        by_network = screen.find("listen[@network]") is not None
        addresses = [] if by_network else [screen.get("listen", "")]
        addresses += [
            listen.get("address", "") for listen in screen.iterfind("listen[@type='address']")
        ]
        for address in dict.fromkeys(addresses):
            if _is_own_address(address):
                what = f"the {kind} screen on the host's own address {address}"
                yield _make_refused("graphics", what, address)
        for listen in screen.iterfind("listen[@network]"):
            yield _make_network("graphics", f"the {kind} screen", listen.get("network", ""))
        sockets = [
            screen.get("socket"),
            *(listen.get("socket") for listen in screen.iterfind("listen")),
        ]
        for path in filter(None, dict.fromkeys(sockets)):
            if not path.startswith(_OWN_FOLDERS):
                yield _make_folder("graphics", f"the {kind} screen on {path}", path)
        for port in list_ports(screen):
            yield _make_port("graphics", f"the {kind} screen on", port)
        if screen.get("display") or screen.get("xauth"):
            yield _make_refused("graphics", f"the {kind} screen on the host's own display", "")
    for node in devices.iterfind(".//*[@rendernode]"):
        yield _make_file(
            "graphics", "the device that renders for the guest", node.get("rendernode", "")
        )


def list_ports(screen: etree._Element) -> list[str]:
    """Return the ports that a ``<graphics>`` asks for by number; none where libvirt chooses them."""
    if screen.get("autoport") == "yes":
        return []
    ports = [screen.get(name, "") for name in ("port", "tlsPort", "websocket")]
    return [port for port in dict.fromkeys(ports) if port.isdecimal() and int(port) > 0]


def _make_port(check: str, what: str, port: str) -> HostResource:
    remedy = "Let libvirt choose the port (autoport), or choose one that is free there."
    return HostResource(check, f"{what} the port {port}", port, "port", remedy, while_running=True)


def _make_network(check: str, what: str, name: str) -> HostResource:
    remedy = f"Define it there (virsh net-define), and start it: virsh net-start {name}."
    return HostResource(check, f"{what} on the network {name}", name, "network", remedy)


def _read_cards(devices: etree._Element) -> t.Iterator[HostResource]:
    """What a card has besides the network or bridge that it is attached to, which the preflight asks for itself."""
    for card in devices.iterfind("interface"):
        kind, source = card.get("type", ""), card.find("source")
        local = source if kind == "server" else card.find("source/local")
        if kind in _SERVED_CARDS:
            end = read_attribute(source, "path") or read_attribute(source, "dev")
            yield _make_refused(
                "card",
                f"the card on the socket {end}"
                if kind == "vhostuser"
                else f"the card of the type {kind} {end}".rstrip(),
                end,
            )
        elif kind in ("server", "udp") and _is_own_address(read_attribute(local, "address")):
            address = read_attribute(local, "address")
            yield _make_refused("card", f"the card on the host's own address {address}", address)
        group = read_attribute(source, "portgroup")
        if group:
            path = f"{read_attribute(source, 'network')}/{group}"
            remedy = (
                "Add that group to the network there, or the guest's traffic is in another VLAN."
            )
            yield HostResource("network", "the card's group of ports", path, "portgroup", remedy)
        yield from _read_attachment(card)


def _read_attachment(card: etree._Element) -> t.Iterator[HostResource]:
    for name in dict.fromkeys(element.get("filter", "") for element in card.iterfind("filterref")):
        remedy = "Define it there (virsh nwfilter-dumpxml, virsh nwfilter-define)."
        yield HostResource("network", "the card's network filter", name, "filter", remedy)
    for script in card.iterchildren("script", "downscript"):
        yield _make_file("card", "the script of the guest's card", script.get("path", ""))
    backend = card.find("backend")
    for name in ("tap", "vhost"):
        if read_attribute(backend, name):
            yield _make_file("card", "the device behind the card", read_attribute(backend, name))
    log = read_attribute(backend, "logFile")
    if log and not log.startswith(_OWN_FOLDERS):
        yield _make_folder("card", f"a log into {log}", log)
    target = card.find("target[@managed='no']")
    if target is not None:
        remedy = "Make that device there, as here."
        what = "a network device that libvirt does not make"
        yield HostResource("card", what, target.get("dev", ""), "card", remedy)
    if card.find("portForward") is not None:
        yield _make_refused(
            "card", "ports of the host that lead to the guest", "", while_running=True
        )


def _read_shares(devices: etree._Element) -> t.Iterator[HostResource]:
    for share in devices.iterfind("filesystem"):
        source = share.find("source")
        path = read_attribute(source, "dir")
        socket = read_attribute(source, "socket")
        if socket:
            yield _make_refused("share", f"a share by the socket {socket} of somebody else", socket)
            continue
        yield _make_refused("share", f"the shared folder {path}", path, while_running=True)
        if path:
            remedy = "Make that folder there, with the same content."
            yield HostResource("share", f"the shared folder {path}", path, "folder", remedy)
        else:
            yield _make_refused("share", f"a share of the type {share.get('type')}", "")
    for memory in devices.iterfind("shmem"):
        server = read_attribute(memory.find("server"), "path")
        yield _make_refused(
            "share", f"the shared memory {memory.get('name')}", "", while_running=not server
        )


def _read_others(devices: etree._Element) -> t.Iterator[HostResource]:
    for module in devices.iterfind("memory/source/path/.."):
        path = module.findtext("path") or ""
        yield _make_refused("memory device", f"the memory module in {path}", path)
    for device in devices.iterfind("input"):
        if device.get("type") in ("passthrough", "evdev"):
            source = device.find("source")
            path = read_attribute(source, "evdev") or read_attribute(source, "dev")
            yield _make_refused("input", f"the host's input device {path}", path)
    for backend in devices.iterfind("rng/backend"):
        path = (backend.text or "").strip()
        if path and path not in _RANDOM:
            yield _make_refused("rng", f"the host's source of randomness {path}", path)
    for lease in devices.iterfind("lease"):
        path = read_attribute(lease.find("target"), "path")
        yield _make_file("lease", f"the lease {lease.findtext('key')}", path)
    for rom in devices.iterfind("*/rom[@file]"):
        yield _make_file("firmware", "the firmware of a device", rom.get("file", ""))
    yield from _read_stores(devices)
    yield from _read_sound(devices)


def _read_stores(devices: etree._Element) -> t.Iterator[HostResource]:
    """What keeps something of the guest in a file or device of the host, besides its disks."""
    for backend in devices.iterfind("tpm/backend"):
        if backend.get("type") not in ("emulator", "external"):
            yield _make_refused("tpm", f"a TPM of the type {backend.get('type')}", "")
        path = read_attribute(backend.find("source"), "path")
        if backend.get("type") == "external":
            yield _make_refused("tpm", f"a TPM that somebody else runs on {path}", path)
        elif path:
            yield _make_folder("tpm", f"the state of the guest's TPM in {path}", path)
    for store in devices.iterfind("pstore"):
        path = (store.findtext("path") or "").strip()
        if path and not path.startswith(_OWN_FOLDERS):
            yield _make_folder("pstore", f"what the guest writes as it crashes, in {path}", path)
    for reader in devices.iterfind("smartcard"):
        if reader.get("mode") == "host":
            yield _make_refused("smartcard", "the smartcard reader of the host", "")
        database = (reader.findtext("database") or "").strip()
        if database:
            yield _make_folder("smartcard", f"certificates in {database}", f"{database}/")


def _read_sound(devices: etree._Element) -> t.Iterator[HostResource]:
    for audio in devices.iterfind("audio"):
        path = audio.get("path", "")
        if path:
            yield _make_folder("sound", f"sound into {path}", path)
        elif audio.xpath("descendant-or-self::*[@dev or @serverName or @runtimeDir]"):
            what = f"sound of the host ({audio.get('type')})"
            yield _make_refused("sound", what, "", while_running=True)
