# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Note that this module_util is **PRIVATE** to the collection. Do not use it from outside.
# It may change or vanish in any release.

"""What each element and attribute of a domain's XML is: the one table of libvirt's schema. Pure.

``classify_element``, ``classify_attribute`` and ``classify_text`` say it of one place, ``find_places`` names what a
domain has of a kind, or of none. A test holds the table against the schemas that libvirt installs: what a release adds
is unknown until somebody has decided what it is.
"""

from __future__ import annotations

import dataclasses
import itertools
import re
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.headroom.libvirt.plugins.module_utils._lxml_dep import etree

    Element = etree._Element
    Path = tuple[str, ...]

# hardware: what the guest sees; its copy has the same.
# choice: what the owner wants of this kind of machine; kept to the letter.
# identity: what makes it this one machine, or says how it runs now; made anew for each copy.
# shared: something of the host that many machines use at once (a network, firmware); proven where a machine goes.
# exclusive: something of the host that one machine has for itself (a port, a path, a device); given anew or refused.
Kind = t.Literal["hardware", "choice", "identity", "shared", "exclusive"]
KINDS: t.Final[tuple[Kind, ...]] = t.get_args(Kind)

# One row a line: the path of an element below <domain>, then its attributes (@name), all of one kind. {a,b} stands for
# both. "**/" in front means: wherever that element stands below an element that has a row. A path that ends in "+" is a
# row of its attributes alone, one that ends in "#" of its text alone: the element itself has its kind from another row.
_TABLE: t.Final[t.Mapping[Kind, str]] = {
    "hardware": """
        blkiotune
        clock @offset @adjustment @basis @start @timezone
        clock/timer @name @present @frequency @mode @tickpolicy @track
        clock/timer/catchup @limit @slew @threshold
        cpu @check @deprecated_features @match @migratable @mode
        cpu/cache @level @mode
        cpu/feature @name @policy
        cpu/maxphysaddr @bits @limit @mode
        cpu/model @fallback @vendor_id
        cpu/numa
        cpu/numa/cell @cpus @discard @id @memAccess @memory @unit
        cpu/numa/cell/cache @associativity @level @policy
        cpu/numa/cell/cache/{line,size} @unit @value
        cpu/numa/cell/distances
        cpu/numa/cell/distances/sibling @id @value
        cpu/numa/interconnects
        cpu/numa/interconnects/{bandwidth,latency} @cache @initiator @target @type @value
        cpu/numa/interconnects/bandwidth+ @unit
        cpu/topology @clusters @cores @dies @sockets @threads
        cpu/vendor
        currentMemory @unit
        devices
        **/address @base @bus @controller @cssid @devno @domain @function @iobase @irq @multifunction @port @reg @slot
        **/address+ @ssid @target @type @unit
        **/address/zpci @fid @uid
        **/acpi @index @nodeset
        **/boot @loadparm @order
        **/driver @ats @iommu @packed @page_per_vq
        **/rom @bar @enabled
        devices/audio @id @type
        devices/audio/{input,output} @bufferCount @bufferLength @exactName @fixedSettings @latency @mixingEngine
        devices/audio/{input,output}+ @tryPoll @voices
        devices/audio/{input,output}/settings @channels @format @frequency
        devices/{serial,parallel,console,channel} @type
        devices/{serial,parallel,console,smartcard}/target @port @type
        devices/{serial,parallel,console,smartcard}/target/model @name
        devices/channel/target @name @type
        devices/controller @index @maxEventChannels @maxGrantFrames @model @ports @type @vectors
        devices/controller/driver @cmd_per_lun @ioeventfd @iothread @max_sectors @queues
        devices/controller/driver/iothreads
        devices/controller/driver/iothreads/iothread @id
        devices/controller/driver/iothreads/iothread/queue @id
        devices/controller/master @startport
        devices/controller/model @name
        devices/controller/pcihole64 @unit
        devices/controller/target @busNr @chassis @chassisNr @hotplug @index @memReserve @port
        devices/controller/target/node
        devices/crypto @model @type
        devices/crypto/backend @model @queues
        devices/disk @device @model @type
        devices/disk/blockio @discard_granularity @logical_block_size @physical_block_size
        devices/disk/geometry @cyls @heads @secs @trans
        devices/disk/{product,readonly,vendor}
        devices/disk/target @bus @dev @dpofua @removable @rotation_rate
        devices/graphics @type
        devices/graphics/audio @id
        devices/hub @type
        devices/input @bus @model @type
        devices/interface @type
        devices/interface/model @type
        devices/interface/mtu @size
        devices/interface/driver @event_idx @ioeventfd @model @name @queues @rss @rss_hash_report @rx_queue_size
        devices/interface/driver+ @tx_queue_size @txmode
        devices/interface/driver/{guest,host} @csum @ecn @tso4 @tso6 @ufo
        devices/interface/driver/host+ @gso @mrg_rxbuf
        devices/interface/teaming @persistent @type
        devices/iommu @model
        devices/iommu/driver @accel @aw_bits @caching_mode @cmdqv @dma_translation @eim @intremap @iotlb
        devices/iommu/driver+ @oas @passthrough @pciBus @ril @ssidsize @xtsup
        devices/iommu/driver/granule @mode @size @unit
        devices/memballoon @autodeflate @freePageReporting @model
        devices/memballoon/stats @period
        devices/memory @access @discard @model
        devices/memory/source
        devices/memory/source/{alignsize,pagesize} @unit
        devices/memory/source/pmem
        devices/memory/target @dynamicMemslots
        devices/memory/target/{block,requested,size} @unit
        devices/memory/target/label
        devices/memory/target/label/size @unit
        devices/memory/target/{node,readonly}
        devices/nvram
        devices/panic @model
        devices/pstore @backend
        devices/pstore/size @unit
        devices/redirdev @bus @type
        devices/rng @model
        devices/rng/backend @model @type
        devices/rng/rate @bytes @period
        devices/smartcard @mode @type
        devices/sound @model @multichannel @streams
        devices/sound/audio @id
        devices/sound/codec @type
        devices/tpm @model
        devices/tpm/backend @type @version
        devices/tpm/backend/active_pcr_banks
        devices/tpm/backend/active_pcr_banks/{sha1,sha256,sha384,sha512}
        devices/tpm/backend/profile @name @removeDisabled @source
        devices/video
        devices/video/driver @name @vgaconf
        devices/video/model @blob @device @edid @heads @primary @ram @type @vgamem @vram @vram64
        devices/video/model/acceleration @accel2d @accel3d
        devices/video/model/resolution @x @y
        devices/vsock @model
        devices/vsock/cid @auto
        devices/watchdog @action @model
        features
        features/{acpi,pae,privnet,viridian,virtualization}
        features/{aia,cfpc,ibs,sbbc} @value
        features/apic @eoi
        features/async-teardown @enabled
        features/capabilities @policy
        features/capabilities/{audit_control,audit_write,block_suspend,chown,dac_override,dac_read_search} @state
        features/capabilities/{fowner,fsetid,ipc_lock,ipc_owner,kill,lease,linux_immutable,mac_admin} @state
        features/capabilities/{mac_override,mknod,net_admin,net_bind_service,net_broadcast,net_raw} @state
        features/capabilities/{setfcap,setgid,setpcap,setuid,sys_admin,sys_boot,sys_chroot,sys_module} @state
        features/capabilities/{sys_nice,sys_pacct,sys_ptrace,sys_rawio,sys_resource,sys_time} @state
        features/capabilities/{sys_tty_config,syslog,wake_alarm} @state
        features/{ccf-assist,hap,htm,nested-hv,pmu,ps2,pvspinlock,ras,smm,vmcoreinfo,vmport} @state
        features/gic @version
        features/hpt @resizing
        features/hpt/maxpagesize @unit
        features/hyperv @mode
        features/hyperv/{avic,emsr_bitmap,evmcs,frequencies,ipi,reenlightenment,relaxed,reset,runtime} @state
        features/hyperv/{stimer,synic,tlbflush,vapic,vpindex,xmm_input} @state
        features/hyperv/stimer/direct @state
        features/hyperv/tlbflush/{direct,extended} @state
        features/hyperv/spinlocks @retries @state
        features/hyperv/vendor_id @state @value
        features/ioapic @driver
        features/kvm
        features/kvm/dirty-ring @size @state
        features/kvm/{hidden,hint-dedicated,poll-control,pv-ipi} @state
        features/msrs @unknown
        features/smm/tseg @unit
        features/tcg
        features/tcg/tb-cache @unit
        features/xen
        features/xen/e820_host @state
        features/xen/passthrough @mode @state
        genid
        idmap
        idmap/{gid,uid} @count @start @target
        iothreads
        keywrap
        keywrap/cipher @name @state
        launchSecurity @authorKey @kernelHashes @type @vcek
        launchSecurity/{cbitpos,guestVisibleWorkarounds,hostData,idAuth,idBlock,policy,reducedPhysBits}
        launchSecurity/{mrConfigId,mrOwner,mrOwnerConfig}
        maxMemory @slots @unit
        memory @unit
        os @firmware
        os/bios @rebootTimeout @useserial
        os/smbios @mode
        os/boot @dev
        os/bootmenu @enable @timeout
        os/firmware
        os/firmware/feature @enabled @name
        os/loader @format @readonly @secure @stateless @type
        os/nvram @format @templateFormat @type
        os/type @arch @machine
        os/varstore
        pm
        pm/{suspend-to-disk,suspend-to-mem} @enabled
        sysinfo @type
        sysinfo/{baseBoard,bios,chassis,oemStrings,system}
        sysinfo/{baseBoard,bios,chassis,system}/entry @name
        sysinfo/oemStrings/entry
        sysinfo/entry @name
        vcpu @placement
    """,
    "choice": """
        . @type
        blkiotune/weight
        **/alias @name
        bootloader_args
        capabilities
        commandline
        commandline/arg @value
        capabilities/{add,del} @capability
        cputune
        cputune/cachetune @id @vcpus
        cputune/cachetune/cache @id @level @size @type @unit
        cputune/cachetune/monitor @level @vcpus
        cputune/{emulator_period,emulator_quota,global_period,global_quota,iothread_period,iothread_quota}
        cputune/{period,quota,shares}
        cputune/emulatorsched @priority @scheduler
        cputune/energytune @id @vcpus
        cputune/energytune/monitor @vcpus
        cputune/iothreadsched @iothreads @priority @scheduler
        cputune/memorytune @vcpus
        cputune/memorytune/monitor @vcpus
        cputune/memorytune/node @bandwidth @id
        cputune/vcpusched @priority @scheduler @vcpus
        defaultiothread @thread_pool_max @thread_pool_min
        deprecation @behavior
        devices/audio @driver @dspPolicy @exclusive @timerPeriod @tryMMap
        devices/channel/source @channel @mode
        devices/channel/source/clipboard @copypaste
        devices/channel/source/mouse @mode
        devices/disk+ @snapshot
        devices/disk/driver+ @cache @copy_on_read @detect_zeroes @discard @discard_no_unref @error_policy @event_idx
        devices/disk/driver+ @io @ioeventfd @iothread @name @queue_size @queues @rerror_policy @type
        devices/disk/driver/iothreads
        devices/disk/driver/iothreads/iothread @id
        devices/disk/driver/iothreads/iothread/queue @id
        devices/disk/driver/metadata_cache
        devices/disk/driver/metadata_cache/max_size @unit
        devices/disk/driver/statistics
        devices/disk/driver/statistics/latency-histogram @type
        devices/disk/driver/statistics/latency-histogram/bin @start
        devices/disk/driver/statistics/statistic @interval
        devices/disk/iotune
        devices/disk/iotune/{group_name,size_iops_sec}
        devices/disk/iotune/{read,write,total}_{bytes,iops}_{sec,sec_max,sec_max_length}
        devices/disk/throttlefilters
        devices/disk/throttlefilters/throttlefilter @group
        devices/disk/transient @shareBacking
        devices/graphics+ @autoport @defaultMode @fullscreen @keymap @multiUser @p2p @powerControl @replaceUser
        devices/graphics+ @passwd @sharePolicy @wait
        devices/graphics/channel @mode @name
        devices/graphics/clipboard @copypaste
        devices/graphics/filetransfer @enable
        devices/graphics/gl @enable
        devices/graphics/{image,jpeg,playback,zlib} @compression
        devices/graphics/listen @type
        devices/graphics/mouse @mode
        devices/graphics/streaming @mode
        devices/interface+ @managed @trustGuestRxFilters
        devices/interface/backend @type
        devices/interface/bandwidth @classID
        devices/interface/bandwidth/{inbound,outbound} @average @burst @floor @peak
        devices/interface/driver+ @iommufd
        devices/interface/coalesce
        devices/interface/coalesce/rx
        devices/interface/coalesce/rx/frames @max
        devices/interface/guest @dev
        devices/interface/link @state
        devices/interface/port @isolated
        devices/interface/source+ @connectionid @macTableManager @mode @type
        devices/interface/source/reconnect @delay @enabled @timeout
        devices/interface/tune
        devices/interface/tune/sndbuf
        devices/interface/virtualport @type
        devices/interface/virtualport/parameters @managerid @profileid @typeid @typeidversion
        devices/interface/vlan @trunk
        devices/interface/vlan/tag @id @nativeMode
        devices/redirfilter
        devices/redirfilter/usbdev @allow @class @product @vendor @version
        devices/tpm/backend+ @debug @persistent_state
        iothreadids
        iothreadids/iothread @id @thread_pool_max @thread_pool_min
        iothreadids/iothread/poll @grow @max @shrink @weight
        iommufd @enabled
        memory+ @dumpCore
        memoryBacking
        memoryBacking/access @mode
        memoryBacking/allocation @mode @threads
        memoryBacking/{discard,locked,nosharepages}
        memoryBacking/source @type
        memtune
        memtune/{hard_limit,min_guarantee,soft_limit,swap_hard_limit} @unit
        metadata
        on_{crash,lockfailure,poweroff,reboot}
        override
        override/device @alias
        override/device/frontend
        override/device/frontend/property @name @type @value
        perf
        perf/event @enabled @name
        resource
        seclabel @model @relabel @type
        seclabel/baselabel
        throttlegroups
        throttlegroups/throttlegroup
        throttlegroups/throttlegroup/{group_name,size_iops_sec}
        throttlegroups/throttlegroup/{read,write,total}_{bytes,iops}_{sec,sec_max,sec_max_length}
        vcpu+ @current
        vcpus
        vcpus/vcpu @enabled @hotpluggable @id @order
    """,
    "identity": """
        .+ @id
        cputune/emulatorpin @cpuset
        cputune/iothreadpin @cpuset @iothread
        cputune/vcpupin @cpuset @vcpu
        datacenterpath
        description
        devices/audio/{input,output}+ @clientName @connectPorts @name @streamName
        devices/channel/source+ @path
        devices/channel/source/reconnect @delay @enabled @timeout
        devices/channel/source/seclabel @labelskip @model @relabel
        devices/channel/source/seclabel/label
        devices/channel/target+ @state
        devices/{serial,parallel,console}+ @tty
        devices/{serial,parallel,console}/source @append @channel @host @master @mode @path @service @slave @tls
        devices/{serial,parallel,console}/source/clipboard @copypaste
        devices/{serial,parallel,console}/source/mouse @mode
        devices/{serial,parallel,console}/source/reconnect @delay @enabled @timeout
        devices/{serial,parallel,console}/source/seclabel @labelskip @model @relabel
        devices/{serial,parallel,console}/source/seclabel/label
        devices/{serial,parallel,console}/protocol @type
        devices/{serial,parallel,console,channel,redirdev,smartcard}/log @append @file
        devices/controller/serial
        devices/disk/auth @username
        devices/disk/auth/secret @type @usage @uuid
        devices/disk/backingStore @index @type
        devices/disk/mirror @file @format @job @ready @type
        devices/disk/{privateData,serial,wwn}
        devices/disk/source
        devices/disk/target+ @tray
        devices/graphics+ @address @connected @passwdValidTo @port @socket @tlsPort @username @websocket
        devices/graphics/listen+ @socket
        devices/interface/mac @address @check @currentAddress @type
        devices/interface/guest+ @actual
        devices/interface/{ip,source/ip} @address @family @peer @prefix
        devices/interface/{route,source/route} @address @family @gateway @metric @netmask @prefix
        devices/interface/backend+ @fqdn @hostname @logFile
        devices/interface/source+ @portgroupid @portid
        devices/interface/target @dev @managed
        devices/interface/virtualport/parameters+ @instanceid @interfaceid
        devices/memory/target/address @base
        devices/memory/target/current @unit
        devices/memory/uuid
        devices/pstore/path
        devices/tpm/backend/encryption @secret
        devices/tpm/backend/source @mode @path @type
        devices/vsock/cid+ @address
        genid#
        hwuuid
        launchSecurity/{dhCert,handle,session}
        name
        numatune
        numatune/memnode @cellid @mode @nodeset
        numatune/memory @mode @nodeset @placement
        os/nvram#
        os/nvram/source
        os/varstore# @path
        resource/fibrechannel @appid
        seclabel/{imagelabel,label}
        title
        uuid
        vcpu+ @cpuset
    """,
    "shared": """
        blkiotune/device
        blkiotune/device/{path,read_bytes_sec,read_iops_sec,weight,write_bytes_sec,write_iops_sec}
        bootloader
        devices/audio+ @runtimeDir @serverName
        devices/audio/{input,output}+ @dev @serverName
        devices/disk/backenddomain @name
        devices/emulator
        devices/graphics+ @display @listen @xauth
        devices/graphics/gl+ @rendernode
        devices/graphics/listen+ @address @network
        devices/interface/backend+ @tap @vhost
        devices/interface/backenddomain @name
        devices/interface/filterref @filter
        devices/interface/filterref/parameter @name @value
        devices/interface/{script,downscript} @path
        devices/interface/source @address @bridge @dev @name @network @port @portgroup @switchid
        devices/interface/source/{product,vendor} @id
        devices/memory/source/nodemask
        devices/rng/backend#
        **/rom+ @file
        devices/video/model/acceleration+ @rendernode
        launchSecurity/quoteGenerationService @path
        memoryBacking/hugepages
        memoryBacking/hugepages/page @nodeset @size @unit
        os/loader#
        os/nvram+ @template
        os/varstore+ @template
        resource/partition
    """,
    "exclusive": """
        commandline/env @name @value
        devices/audio+ @path
        devices/channel/protocol @type
        devices/channel/source+ @append @host @master @service @slave @tls
        devices/channel/target+ @address @port
        devices/disk+ @rawio @sgio
        devices/disk/encryption @engine @format
        devices/disk/encryption/cipher @hash @mode @name @size
        devices/disk/encryption/ivgen @hash @name
        devices/disk/encryption/secret @type @usage @uuid
        devices/disk/shareable
        devices/disk/source/dataStore @type
        devices/disk/source/encryption @engine @format
        devices/disk/source/slices
        devices/filesystem @accessmode @dmode @fmode @model @multidevs @type
        devices/hostdev @display @managed @mode @model @ramfb @rawio @sgio @type
        devices/input/source @dev @evdev @grab @grabToggle @repeat
        devices/interface/portForward @address @dev @proto
        devices/interface/portForward/range @end @exclude @start @to
        devices/interface/source+ @missing @path
        devices/interface/source/address @bus @device @domain @function @multifunction @slot @type
        devices/interface/source/local @address @port
        devices/lease
        devices/lease/{key,lockspace}
        devices/lease/target @offset @path
        devices/memory/source/path
        devices/redirdev/protocol @type
        devices/redirdev/source @append @channel @host @master @mode @path @service @slave @tls
        devices/rng/backend/log @append @file
        devices/rng/backend/protocol @type
        devices/rng/backend/source @append @channel @host @master @mode @path @service @slave @tls
        devices/shmem @name @role
        devices/smartcard/{certificate,database}
        devices/smartcard/protocol @type
        devices/smartcard/source @append @channel @host @master @mode @path @service @slave @tls
        devices/tpm/backend/device @path
        iommufd+ @fdgroup
        namespace
        namespace/{shareipc,sharenet,shareuts} @type @value
        os/acpi
        os/acpi/table @type
        os/{cmdline,dtb,init,initarg,initdir,initgroup,initrd,inituser,kernel,root,shim}
        os/initenv @name
        sysinfo/entry+ @file
    """,
}

# What lies below these has the kind of the element itself: it goes, is refused, or is kept with it as a whole.
_WHOLE: t.Final = (
    "metadata",
    "devices/disk/backingStore",
    "devices/disk/mirror",
    "devices/disk/source",
    "devices/disk/source/dataStore",
    "devices/disk/source/encryption",
    "devices/disk/source/slices",
    "devices/filesystem",
    "devices/hostdev",
    "devices/redirdev/source",
    "devices/rng/backend/source",
    "devices/shmem",
    "devices/smartcard/source",
    "os/nvram/source",
)


@dataclasses.dataclass(frozen=True)
class _Rows:
    """The table, by path: what stands for one place, and what stands for every place with such an end."""

    elements: dict[Path, Kind]
    attributes: dict[tuple[Path, str], Kind]
    texts: dict[Path, Kind]
    endings: dict[Path, Kind]
    ending_attributes: dict[tuple[Path, str], Kind]


def classify_element(path: Path) -> Kind | None:
    """Return what the element at ``path`` (below ``<domain>``, which is ``()``) is; None where the table has none."""
    whole = _find_whole(path)
    if whole is not None:
        return _ROWS.elements[whole]
    kind = _ROWS.elements.get(path)
    return kind if kind is not None else _find_ending(path)


def classify_attribute(path: Path, name: str) -> Kind | None:
    """Return what the attribute ``name`` of the element at ``path`` is; None where the table has none."""
    whole = _find_whole(path)
    if whole is not None and whole != path:
        return _ROWS.elements[whole]
    kind = _ROWS.attributes.get((path, name))
    if kind is None and len(path) > 1:
        kinds = (_ROWS.ending_attributes.get((path[-size:], name)) for size in (1, 2))
        kind = next((kind for kind in kinds if kind is not None), None)
    return _ROWS.elements[whole] if kind is None and whole is not None else kind


def classify_text(path: Path) -> Kind | None:
    """Return what the text of the element at ``path`` is: what the element is, unless a row says otherwise."""
    return _ROWS.texts.get(path) or classify_element(path)


def list_places() -> set[Path]:
    """Return the places that have a row of their own; the last step of an attribute's path is ``@name``."""
    attributes = {(*path, f"@{name}") for path, name in _ROWS.attributes}
    return attributes | set(_ROWS.elements) | set(_ROWS.texts)


def get_path(element: Element) -> Path:
    """Return the path of an element below ``<domain>``, without namespaces, as the table has it."""
    names = [get_name(above) for above in (element, *element.iterancestors())]
    return tuple(reversed(names[:-1]))


def get_name(element: Element) -> str:
    """Return an element's name without its namespace."""
    return str(element.tag).rpartition("}")[2]


def find_places(root: Element, kind: Kind | None) -> list[Path]:
    """Return the paths of what a parsed ``<domain>`` has of a kind; with None, of what is not in the table.

    The last step of an attribute's path is ``@name``. Nothing below an element of the kind is named.
    """
    return list(_iterate_places(root, kind, ()))


def _iterate_places(element: Element, kind: Kind | None, path: Path) -> t.Iterator[Path]:
    if classify_element(path) == kind:
        yield path
        return
    for name in element.attrib:
        if classify_attribute(path, str(name)) == kind:
            yield (*path, f"@{name!s}")
    for child in element:
        if isinstance(child.tag, str):
            yield from _iterate_places(child, kind, (*path, get_name(child)))


def _find_whole(path: Path) -> Path | None:
    starts = (path[:size] for size in range(len(path), 0, -1))
    return next((start for start in starts if start in _WHOLE_PATHS), None)


def _find_ending(path: Path) -> Kind | None:
    if len(path) < 2:
        return None
    kinds = (_ROWS.endings.get(path[-size:]) for size in (1, 2))
    return next((kind for kind in kinds if kind is not None), None)


def _read_table() -> _Rows:
    rows = _Rows({}, {}, {}, {}, {})
    for kind, text in _TABLE.items():
        for line in text.split("\n"):
            words = line.split()
            if words:
                _add_row(rows, kind, words[0], [word[1:] for word in words[1:]])
    return rows


def _add_row(rows: _Rows, kind: Kind, pattern: str, attributes: list[str]) -> None:
    anywhere = pattern.startswith("**/")
    elements = rows.endings if anywhere else rows.elements
    names: dict[tuple[Path, str], Kind] = rows.ending_attributes if anywhere else rows.attributes
    for text in _expand_braces(pattern[3:] if anywhere else pattern):
        path = () if text.rstrip("+#") == "." else tuple(text.rstrip("+#").split("/"))
        if text.endswith("#"):
            rows.texts[path] = kind
        elif not text.endswith("+"):
            elements.setdefault(path, kind)
        for name in attributes:
            names.setdefault((path, name), kind)


def _expand_braces(pattern: str) -> list[str]:
    """Return the texts that ``a{b,c}d`` stands for."""
    parts = re.split(r"[{}]", pattern)  # every other part stood in braces
    choices = (part.split(",") if index % 2 else [part] for index, part in enumerate(parts))
    return ["".join(texts) for texts in itertools.product(*choices)]


_ROWS: t.Final = _read_table()
_WHOLE_PATHS: t.Final = frozenset(tuple(text.split("/")) for text in _WHOLE)
