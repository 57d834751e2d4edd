# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""Which elements, attributes and values a template from elsewhere may have: find_violations() names all others. Pure.

What is not in the table is refused: libvirt learns of new elements with each release, and nobody knows here yet what
these reach. In the table is what a guest sees of its hardware, and what no host or other guest is the worse for.
"""

from __future__ import annotations

import functools
import re
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._virt.element_xml import (
    read_size_bytes,
)

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

    Element = etree._Element

MOST_MEMORY_BYTES: t.Final = 16 * 1024**4
LOOPBACK: t.Final = ("127.0.0.1", "::1", "localhost")
# The network that libvirt comes with, which leads to nothing but its guests and out.
HARMLESS_NETWORK: t.Final = "default"
_LONGEST_VALUE: t.Final = 300
_OS: t.Final = "{http://libosinfo.org/xmlns/libvirt/domain/1.0}"

# Values: a|b|c are these words; <=N is a whole number up to N; @kind is one of _KINDS. "text" is the content of an
# element. A path with * is of every device, or of every element there.
_TABLE: t.Final = """
.                                   type=kvm|qemu
metadata
metadata/{os}libosinfo
metadata/{os}libosinfo/{os}os       id=@text
memory                              text=@size unit=@unit dumpCore=off
currentMemory                       text=@size unit=@unit
maxMemory                           text=@size unit=@unit slots=<=256
vcpu                                text=<=1024 placement=static|auto current=<=1024
iothreads                           text=<=64
iothreadids
iothreadids/iothread                id=<=64 thread_pool_min=<=64 thread_pool_max=<=64
iothreadids/iothread/poll           max=<=1000000 grow=<=1000 shrink=<=1000
cputune
cputune/period                      text=<=1000000
cputune/quota                       text=<=10000000
cputune/global_period               text=<=1000000
cputune/global_quota                text=<=10000000
cputune/emulator_period             text=<=1000000
cputune/emulator_quota              text=<=10000000
cputune/iothread_period             text=<=1000000
cputune/iothread_quota              text=<=10000000
memoryBacking
memoryBacking/nosharepages
memoryBacking/discard
memoryBacking/source                type=anonymous|memfd
memoryBacking/access                mode=private
genid
on_poweroff                         text=destroy|restart
on_reboot                           text=destroy|restart
on_crash                            text=destroy|restart|preserve
pm
pm/suspend-to-mem                   enabled=yes|no
pm/suspend-to-disk                  enabled=yes|no

os                                  firmware=bios|efi
os/type                             text=hvm arch=@name machine=@name
os/boot                             dev=hd|cdrom|network|fd
os/bootmenu                         enable=yes|no timeout=<=65535
os/bios                             useserial=yes|no rebootTimeout=<=65535
os/smbios                           mode=emulate|sysinfo
os/loader                           secure=yes|no stateless=yes|no
os/firmware
os/firmware/feature                 enabled=yes|no name=secure-boot|enrolled-keys

sysinfo                             type=smbios
sysinfo/bios
sysinfo/bios/entry                  text=@text name=@name
sysinfo/system
sysinfo/system/entry                text=@text name=@name
sysinfo/baseBoard
sysinfo/baseBoard/entry             text=@text name=@name
sysinfo/chassis
sysinfo/chassis/entry               text=@text name=@name
sysinfo/oemStrings
sysinfo/oemStrings/entry            text=@text

features
features/acpi
features/apic                       eoi=on|off
features/pae
features/viridian
features/hap                        state=on|off
features/htm                        state=on|off
features/nested-hv                  state=on|off
features/ccf-assist                 state=on|off
features/pmu                        state=on|off
features/vmport                     state=on|off
features/ps2                        state=on|off
features/ras                        state=on|off
features/pvspinlock                 state=on|off
features/vmcoreinfo                 state=on|off
features/smm                        state=on|off
features/smm/tseg                   text=@size unit=@unit
features/gic                        version=@name
features/ioapic                     driver=kvm|qemu
features/msrs                       unknown=ignore|fault
features/cfpc                       value=@name
features/sbbc                       value=@name
features/ibs                        value=@name
features/aia                        value=@name
features/hpt                        resizing=enabled|disabled|required
features/kvm
features/kvm/hidden                 state=on|off
features/kvm/hint-dedicated         state=on|off
features/kvm/poll-control           state=on|off
features/kvm/pv-ipi                 state=on|off
features/kvm/dirty-ring             state=on|off size=<=65536
features/hyperv                     mode=custom|passthrough|host-model
features/hyperv/relaxed             state=on|off
features/hyperv/vapic               state=on|off
features/hyperv/spinlocks           state=on|off retries=<=4294967295
features/hyperv/vpindex             state=on|off
features/hyperv/runtime             state=on|off
features/hyperv/synic               state=on|off
features/hyperv/stimer              state=on|off
features/hyperv/stimer/direct       state=on|off
features/hyperv/reset               state=on|off
features/hyperv/vendor_id           state=on|off value=@name
features/hyperv/frequencies         state=on|off
features/hyperv/reenlightenment     state=on|off
features/hyperv/tlbflush            state=on|off
features/hyperv/tlbflush/direct     state=on|off
features/hyperv/tlbflush/extended   state=on|off
features/hyperv/ipi                 state=on|off
features/hyperv/evmcs               state=on|off
features/hyperv/avic                state=on|off
features/hyperv/emsr_bitmap         state=on|off
features/hyperv/xmm_input           state=on|off

cpu                                 mode=custom|host-model|host-passthrough|maximum
cpu                                 match=minimum|exact|strict check=none|partial|full
cpu                                 migratable=on|off deprecated_features=on|off
cpu/model                           text=@name fallback=allow|forbid vendor_id=@name
cpu/vendor                          text=@name
cpu/topology                        sockets=<=1024 dies=<=1024 clusters=<=1024 cores=<=1024 threads=<=1024
cpu/feature                         name=@name policy=force|require|optional|disable|forbid
cpu/cache                           level=<=3 mode=emulate|passthrough|disable
cpu/maxphysaddr                     mode=emulate|passthrough bits=<=64 limit=<=64
cpu/numa
cpu/numa/cell                       id=<=255 cpus=@ranges memory=<=17179869184 unit=KiB|MiB discard=yes|no
cpu/numa/cell/distances
cpu/numa/cell/distances/sibling     id=<=255 value=<=255

clock                               offset=utc|localtime|timezone|variable|absolute
clock                               timezone=@timezone adjustment=@offset basis=utc|localtime start=<=99999999999
clock/timer                         name=@name present=yes|no tickpolicy=delay|catchup|merge|discard
clock/timer                         track=boot|guest|wall|realtime mode=auto|native|emulate|paravirt|smpsafe
clock/timer                         frequency=<=10000000000
clock/timer/catchup                 threshold=<=1000000 slew=<=1000000 limit=<=1000000

devices
devices/*/address                   type=pci|drive|virtio-serial|ccid|usb|virtio-mmio|isa|ccw|spapr-vio|unassigned
devices/*/address                   domain=@hex bus=@hex slot=@hex function=@hex multifunction=on|off
devices/*/address                   controller=<=65535 target=<=65535 unit=<=65535 port=@port iobase=@hex irq=@hex
devices/*/address                   cssid=@hex ssid=@hex devno=@hex reg=@hex
devices/*/acpi                      index=<=16383
devices/*/boot                      order=<=1000 loadparm=@name
devices/*/driver                    iommu=on|off ats=on|off packed=on|off page_per_vq=on|off

devices/disk                        type=file device=disk|cdrom|floppy snapshot=no|internal|external|manual
devices/disk                        model=virtio|virtio-transitional|virtio-non-transitional
devices/disk/driver                 name=qemu type=raw|qcow2 cache=none|writethrough|writeback|directsync|unsafe
devices/disk/driver                 io=threads|native|io_uring ioeventfd=on|off event_idx=on|off
devices/disk/driver                 copy_on_read=on|off discard=unmap|ignore detect_zeroes=off|on|unmap
devices/disk/driver                 discard_no_unref=on|off queues=<=256 queue_size=<=1024 iothread=<=64
devices/disk/driver                 error_policy=stop|report|ignore|enospace rerror_policy=stop|report|ignore
devices/disk/driver/metadata_cache
devices/disk/driver/metadata_cache/max_size  text=@size unit=@unit
devices/disk/target                 dev=@target bus=virtio|scsi|sata|ide|usb|fdc|sd|nvme tray=open|closed
devices/disk/target                 removable=on|off rotation_rate=<=65534
devices/disk/readonly
devices/disk/geometry               cyls=<=65535 heads=<=255 secs=<=255 trans=none|auto|lba
devices/disk/blockio                logical_block_size=<=65536 physical_block_size=<=65536
devices/disk/blockio                discard_granularity=<=1073741824
devices/disk/vendor                 text=@text
devices/disk/product                text=@text
devices/disk/iotune
devices/disk/iotune/*               text=<=1000000000000000
devices/disk/iotune/group_name      text=@name

devices/controller                  type=ide|fdc|scsi|sata|usb|ccid|virtio-serial|pci|isa|nvme index=<=255 model=@name
devices/controller                  ports=<=31 vectors=<=64
devices/controller/driver           queues=<=256 cmd_per_lun=<=65535 max_sectors=<=65535 ioeventfd=on|off
devices/controller/driver           iothread=<=64
devices/controller/model            name=@name
devices/controller/master           startport=<=31
devices/controller/pcihole64        text=@size unit=@unit
devices/controller/target           chassisNr=<=255 chassis=<=255 port=@hex busNr=<=255 index=<=255
devices/controller/target           hotplug=on|off memReserve=<=1073741824
devices/controller/target/node      text=<=255

devices/interface                   type=network
devices/interface/source            network=@network
devices/interface/model             type=@name
devices/interface/driver            name=qemu|vhost txmode=iothread|timer ioeventfd=on|off event_idx=on|off
devices/interface/driver            queues=<=256 rx_queue_size=<=1024 tx_queue_size=<=1024
devices/interface/driver            rss=on|off rss_hash_report=on|off
devices/interface/driver/host       csum=on|off gso=on|off tso4=on|off tso6=on|off ecn=on|off ufo=on|off
devices/interface/driver/host       mrg_rxbuf=on|off
devices/interface/driver/guest      csum=on|off tso4=on|off tso6=on|off ecn=on|off ufo=on|off
devices/interface/link              state=up|down
devices/interface/mtu               size=<=65535
devices/interface/port              isolated=yes
devices/interface/rom               enabled=yes|no bar=on|off
devices/interface/coalesce
devices/interface/coalesce/rx
devices/interface/coalesce/rx/frames  max=<=1024
devices/interface/bandwidth
devices/interface/bandwidth/inbound   average=<=100000000 peak=<=100000000 burst=<=100000000
devices/interface/bandwidth/outbound  average=<=100000000 peak=<=100000000 burst=<=100000000
devices/interface/filterref           filter=@name
devices/interface/filterref/parameter name=@name value=@text

devices/serial                      type=pty
devices/serial/target               type=@name port=<=255
devices/serial/target/model         name=@name
devices/parallel                    type=pty
devices/parallel/target             type=@name port=<=255
devices/console                     type=pty
devices/console/target              type=serial|virtio port=<=255
devices/channel                     type=unix|spicevmc|qemu-vdagent
devices/channel/target              type=virtio name=@name
devices/input                       type=mouse|keyboard|tablet bus=ps2|usb|virtio model=@name
devices/hub                         type=usb
devices/redirdev                    bus=usb type=spicevmc
devices/smartcard                   mode=passthrough type=spicevmc

devices/graphics                    type=vnc|spice autoport=yes listen=@loopback keymap=@name passwd=@empty
devices/graphics                    sharePolicy=allow-exclusive|force-shared|ignore powerControl=no
devices/graphics                    defaultMode=any|secure|insecure multiUser=no
devices/graphics/listen             type=address|socket|none address=@loopback
devices/graphics/channel            name=@name mode=any|secure|insecure
devices/graphics/image              compression=@name
devices/graphics/jpeg               compression=@name
devices/graphics/zlib               compression=@name
devices/graphics/playback           compression=on|off
devices/graphics/streaming          mode=filter|all|off
devices/graphics/mouse              mode=server|client
devices/graphics/clipboard          copypaste=yes|no
devices/graphics/filetransfer       enable=no
devices/graphics/gl                 enable=no
devices/graphics/audio              id=<=255
devices/video
devices/video/driver                name=qemu
devices/video/model                 type=vga|cirrus|qxl|virtio|none|bochs|ramfb primary=yes heads=<=16 blob=off
devices/video/model                 ram=<=1048576 vram=<=1048576 vram64=<=1048576 vgamem=<=1048576 edid=on|off
devices/video/model/acceleration    accel2d=yes|no accel3d=no
devices/video/model/resolution      x=<=16384 y=<=16384
devices/sound                       model=@name multichannel=yes|no
devices/sound/codec                 type=@name
devices/sound/audio                 id=<=255
devices/audio                       id=<=255 type=none|spice timerPeriod=<=1000000

devices/memballoon                  model=@name autodeflate=on|off freePageReporting=on|off
devices/memballoon/stats            period=<=86400
devices/rng                         model=@name
devices/rng/rate                    bytes=<=1000000000 period=<=1000000
devices/rng/backend                 model=random|builtin text=@random
devices/watchdog                    model=@name action=reset|shutdown|poweroff|none|inject-nmi|pause
devices/panic                       model=@name
devices/tpm                         model=@name
devices/tpm/backend                 type=emulator version=1.2|2.0 persistent_state=yes|no
devices/tpm/backend/active_pcr_banks
devices/tpm/backend/active_pcr_banks/*
devices/vsock                       model=@name
devices/vsock/cid                   auto=yes
devices/iommu                       model=intel|smmuv3|virtio|amd
devices/iommu/driver                intremap=on|off caching_mode=on|off eim=on|off iotlb=on|off aw_bits=<=64
devices/iommu/driver                dma_translation=on|off xtsup=on|off passthrough=on|off
"""

_KINDS: t.Final = {
    "name": re.compile(r"[A-Za-z0-9][A-Za-z0-9_.,+: -]{0,127}"),
    "target": re.compile(r"[A-Za-z][A-Za-z0-9]{0,15}"),
    "text": re.compile(r"[ -~\t\xa0-\U0001ffff]{0,300}"),
    "unit": re.compile(r"b|bytes|[KkMmGgTt](?:i?[Bb])?"),
    "hex": re.compile(r"(?:0x)?[0-9a-fA-F]{1,16}"),
    "port": re.compile(r"(?:0x)?[0-9a-fA-F]{1,8}(?:\.[0-9]{1,3}){0,6}"),
    "ranges": re.compile(r"[0-9,^-]{1,200}"),
    "offset": re.compile(r"-?[0-9]{1,12}|reset"),
    "timezone": re.compile(r"[A-Za-z0-9_+-]{1,40}(?:/[A-Za-z0-9_+-]{1,40}){0,3}"),
    "empty": re.compile(r""),
    "loopback": re.compile("|".join(re.escape(address) for address in LOOPBACK)),
    "network": re.compile(re.escape(HARMLESS_NETWORK)),
    "random": re.compile(r"/dev/u?random|"),
    # a size is judged with its unit, by _find_sizes()
    "size": re.compile(r"[0-9]{1,20}"),
}


@functools.cache
def _read_table() -> dict[str, dict[str, str]]:
    """Return {path: {attribute, or text: what it may be}}."""
    rules: dict[str, dict[str, str]] = {}
    for line in _TABLE.format(os=_OS).splitlines():
        path, *allowed = line.split() or [""]
        if path:
            pairs = (pair.partition("=") for pair in allowed)
            rules.setdefault(path, {}).update({name: value for name, _sign, value in pairs})
    return rules


def find_violations(root: Element) -> t.Iterator[str]:
    """Yield each element, attribute and value of a ``<domain>`` that is not in the table, by its path."""
    violations = [*_find_violations(root, ".")]
    yield from violations or _find_sizes(root)


def _find_violations(element: Element, path: str) -> t.Iterator[str]:
    rule = _find_rule(path)
    if rule is None:
        yield _show(path)
        return
    for name, value in element.attrib.items():
        if not _is_allowed(rule.get(str(name)), str(value)):
            yield _show(f"{path} {name}={str(value)[:80]!r}")
    text = (element.text or "").strip()
    if text and not _is_allowed(rule.get("text"), text):
        yield f"{_show(path)} with {text[:80]!r}"
    for child in element:
        if not isinstance(child.tag, str):
            yield f"{_show(path)} with a comment, an instruction or an entity"
            continue
        below = child.tag if path == "." else f"{path}/{child.tag}"
        yield from _find_violations(child, below)
        if (child.tail or "").strip():
            yield f"{_show(path)} with {(child.tail or '').strip()[:80]!r}"


def _find_rule(path: str) -> dict[str, str] | None:
    """Return what is allowed of the element at ``path``: what its kind may be, and each device, and it itself."""
    rules, parts = _read_table(), path.split("/")
    names = ["/".join([*parts[:-1], "*"]), path]
    if parts[0] == "devices":
        names.insert(0, "/".join(["devices", "*", *parts[2:]]))
    matches = [rules[name] for name in names if name in rules]
    return {key: value for rule in matches for key, value in rule.items()} if matches else None


def _is_allowed(rule: str | None, value: str) -> bool:
    if rule is None or len(value) > _LONGEST_VALUE:
        return False
    if rule.startswith("<="):
        return value.isascii() and value.isdecimal() and int(value) <= int(rule[2:])
    if rule.startswith("@"):
        return _KINDS[rule[1:]].fullmatch(value) is not None
    return value in rule.split("|")


def _find_sizes(root: Element) -> t.Iterator[str]:
    """Yield the amounts of memory that no machine has."""
    for tag in ("memory", "currentMemory", "maxMemory"):
        size = read_size_bytes(root.find(tag))
        if size > MOST_MEMORY_BYTES:
            yield f"<{tag}> of {size} bytes"


def _show(path: str) -> str:
    """Return a path as people write it: XML namespaces are addresses, and have slashes of their own."""
    name = re.sub(r"\{[^}]*\}", "", path)
    return f"<{'domain' + name[1:] if name.startswith('.') else name}>"
