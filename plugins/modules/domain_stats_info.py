#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: domain_stats_info
short_description: Read the statistics of all domains of a host in bulk
version_added: 0.1.0
description:
  - Reads counters and gauges of every domain of a host, or of chosen ones, with libvirt's bulk calls, a few of them at
    a time.
  - Numbers are named, typed and in base units (bytes, seconds, counts), for each device and as totals over the
    devices of a domain and over the domains.
  - What libvirt does not tell is V(null), never 0.
  - The files that O(since) and O(output=textfile) write are no change in the sense of Ansible.
  - A domain that disappears while it is read is left out.
options:
  name:
    description:
      - The domains to read. Without it, every domain is read; an empty list reads none.
      - It is an error if there is no domain of such a name.
    type: list
    elements: str
  fleet:
    description:
      - Read only the domains of this fleet.
      - This, O(tenant) and O(metadata) read the metadata of each domain, which costs a call a domain.
    type: str
  tenant:
    description:
      - Read only the domains of this tenant.
    type: str
  metadata:
    description:
      - Read the metadata of each domain, so that RV(domains[].fleet) and RV(domains[].tenant) are known.
      - Implied by O(fleet) and O(tenant), and by these in O(totals_by).
    type: bool
    default: false
  inactive:
    description:
      - Also read domains that are off. They tell their state and sizes.
    type: bool
    default: true
  groups:
    description:
      - What to read. What is not asked for is V(null); V(state) is always read.
      - Each group costs time for each domain. V(block) and V(balloon) cost the most, V(state) and V(interface) next to
        nothing.
      - V(iothread), V(dirtyrate), V(memory) (bandwidth by resctrl monitor) and V(perf) are returned as
        RV(domains[].iothread), RV(domains[].dirty_rate), RV(domains[].memory_bandwidth) and RV(domains[].perf);
        V(vm), which are KVM's own counters, as RV(domains[].other). It is an error to ask for one that this libvirt
        does not know.
    type: list
    elements: str
    choices: [state, cpu-total, balloon, vcpu, interface, block, iothread, memory, perf, dirtyrate, vm]
    default: [state, cpu-total, balloon, vcpu, interface, block]
  backing:
    description:
      - Also list the images below each disk's own. Their sizes are told, and are no part of the totals.
    type: bool
    default: false
  balloon_period:
    description:
      - Have the guests that are read tell of their memory every so many seconds, until they stop; V(0) ends it.
        Without a period most guests never do, and RV(domains[].memory.used_bytes) is V(null) or old.
      - It is the only option that changes anything on the host, and only where the period is another one. A guest
        without a virtio balloon is passed over, as is one that is busy. Each running guest costs two calls more.
      - The first numbers come a period later, and so with the next task.
    type: int
  interval:
    description:
      - Take two samples this many seconds apart and return the changes a second as RV(domains[].rates).
      - Mutually exclusive with O(since).
    type: float
  since:
    description:
      - V(previous) returns the changes a second since the sample that the last such task kept in O(samples), without
        waiting, and keeps this one in its place, except in check mode.
      - The first run, and the first after a boot of the machine where the module runs, has no rates.
    type: str
    choices: [previous]
  samples:
    description:
      - The file with the sample that O(since) needs, on the machine where the module runs.
      - It holds what the last task read, and no more. Give tasks that read different hosts, domains or groups a file
        each.
    type: path
    default: /var/lib/headroom/samples.json
  totals_by:
    description:
      - Also sum up the domains of each fleet, tenant or state by themselves, as RV(totals_by).
      - V(fleet) and V(tenant) imply O(metadata). V(host) is one sum under the host's own name, so that the results of
        many hosts can be combined.
    type: list
    elements: str
    choices: [fleet, tenant, state, host]
    default: []
  workers:
    description:
      - How many requests are under way at a time, 1 to 32, each for a few domains. libvirt serves five requests of one
        connection at a time, so more than five open further connections.
      - Without it, as many as are worth it for the number of domains; on a host with many processors that is
        reached without a network that may be more than five.
    type: int
  timeout:
    description:
      - How many seconds libvirt may take for one request, before its domains are asked for again one by one, so that a
        guest that hangs does not hold up the others. Such a domain is listed with RV(domains[].timed_out).
      - Raise it on a host that is slow altogether. A request that is late is used if it ends before the others do.
    type: float
    default: 1.0
  query:
    description:
      - A JMESPath expression over RV(domains), RV(totals) and RV(totals_by), evaluated on the host. What it yields is
        returned as RV(result) in their place, so that the statistics of many domains don't have to travel.
      - Needs the Python library C(jmespath) where the module runs.
    type: str
  output:
    description:
      - V(statistics) returns RV(domains), RV(totals) and RV(totals_by), or RV(result) in their place.
      - V(openmetrics) returns them as text in their place, by the names that Prometheus exporters for libvirt share, as
        RV(openmetrics).
      - V(textfile) writes that to O(path) in the text format of Prometheus. C(extensions/grafana/guests.json) of this
        collection is a dashboard for it.
    type: str
    choices: [statistics, openmetrics, textfile]
    default: statistics
  path:
    description:
      - The file that O(output=textfile) writes on the machine where the module runs, for the textfile collector of
        Prometheus' node exporter, which reads files that end in C(.prom).
      - It is replaced as a whole, so that nobody reads half of it. In check mode it stays as it is.
    type: path
extends_documentation_fragment:
  - headroom.libvirt.connection
  - headroom.libvirt.machine
  - headroom.libvirt.machine.uri
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.info_module
  - headroom.libvirt.attributes.actiongroup_all
attributes:
  check_mode:
    support: full
    details:
      - The files of O(samples) and O(path) stay as they are, and so does what O(balloon_period) would set.
  diff_mode:
    support: full
    details:
      - Shows what O(balloon_period) changes; nothing else does.
  idempotent:
    support: full
notes:
  - A domain that is busy with another call (it migrates, or its monitor does not answer) is listed with
    RV(domains[].timed_out) and what is known of it; it does not hold up the others for longer than O(timeout). One that
    another client just reads is asked up to three times more within half a second before that is said.
  - Where the memory of this process is limited (C(ulimit -v), a control group), the task fails before the statistics of
    the domains, and the result made of them, go beyond the limit.
seealso:
  - name: libvirt's bulk statistics
    description: What each number means.
    link: https://libvirt.org/html/libvirt-libvirt-domain.html#virConnectGetAllDomainStats
  - name: JMESPath
    description: The language of O(query).
    link: https://jmespath.org/specification.html
author:
  - The headroom.libvirt contributors (@headroom)
"""

EXAMPLES = r"""
- name: Read everything of every domain
  headroom.libvirt.domain_stats_info:
  register: stats

- name: Show what the guests of the host have written to their disks
  ansible.builtin.debug:
    msg: "{{ stats.totals.block.wr_bytes | human_readable }}"

- name: Read the traffic of two domains over ten seconds
  headroom.libvirt.domain_stats_info:
    name: [web-1, web-2]
    groups: [interface]
    interval: 10
  register: traffic

- name: Show packets a second of each
  ansible.builtin.debug:
    msg: "{{ item.name }}: {{ item.rates.interface.total.rx_pkts_per_second }}"
  loop: "{{ traffic.domains }}"
  loop_control:
    label: "{{ item.name }}"

- name: Read what each fleet has done since this task ran last
  headroom.libvirt.domain_stats_info:
    since: previous
    samples: /var/lib/headroom/fleets.json
    totals_by: [fleet]
  register: fleets

- name: Show the processors that each uses
  ansible.builtin.debug:
    msg: "{{ item.key }}: {{ item.value.rates.cpu.used_cores }}"
  loop: "{{ fleets.totals_by.fleet | dict2items }}"
  loop_control:
    label: "{{ item.key }}"
  when: item.value.rates is not none  # the first run has none

- name: Have the guests tell of their memory every ten seconds
  headroom.libvirt.domain_stats_info:
    groups: [balloon]
    balloon_period: 10

- name: Hand them to Prometheus' node exporter
  headroom.libvirt.domain_stats_info:
    output: textfile
    path: /var/lib/prometheus/node-exporter/libvirt.prom

- name: Let the host pick out the busiest machine of a fleet
  headroom.libvirt.domain_stats_info:
    fleet: web
    groups: [cpu-total]
    inactive: false
    interval: 5
    query: max_by(domains[?rates.cpu.used_cores], &rates.cpu.used_cores).{name:name, cores:rates.cpu.used_cores}
  register: busiest
"""

RETURN = r"""
domains:
  description: The domains, sorted by name.
  returned: when O(query) is not used and O(output=statistics)
  type: list
  elements: dict
  contains:
    name:
      description: The domain's name.
      type: str
      sample: "web-1"
    uuid:
      description: Its UUID.
      type: str
      sample: "8f6d1c9e-6a5b-4c1e-9d57-0a4f3c2b1e70"
    machine:
      description: What names the domain on any host, for O(headroom.libvirt.domain#module:machine).
      type: dict
      sample: {uri: qemu+ssh://kvm1/system, name: web-1, uuid: 8f6d1c9e-6a5b-4c1e-9d57-0a4f3c2b1e70}
    id:
      description: libvirt's number of this run of the domain; another one after each start. V(null) when it is off.
      type: int
      sample: 7
    state:
      description:
        - V(running), V(paused), V(shutoff), V(crashed), V(pmsuspended), V(shutdown), V(blocked), V(nostate) or
          V(unknown).
      type: str
      sample: "running"
    state_reason:
      description: Why it is in this state, by libvirt's name.
      type: str
      sample: "booted"
    timed_out:
      description: Whether the domain was busy, so that some of what was asked for is V(null).
      type: bool
      sample: false
    fleet:
      description: Its fleet. V(null) when it has none, or the metadata were not read.
      type: str
      sample: "web"
    tenant:
      description: Its tenant. V(null) when it has none, or the metadata were not read.
      type: str
      sample: null
    host:
      description: The name of its host. V(null) unless O(totals_by) has V(host).
      type: str
      sample: null
    cpu:
      description: Processor time. V(null) when the domain is off.
      type: dict
      contains:
        time_seconds:
          description: Processor time that the domain has used, QEMU's own included.
          type: float
          sample: 12.75
        user_seconds:
          description: Processor time in user space.
          type: float
          sample: 10.5
        system_seconds:
          description: Processor time in the host's kernel.
          type: float
          sample: 2.25
        haltpoll_success_seconds:
          description: Time that the host polled for a halted vCPU, and was right to.
          type: float
          sample: 0.125
        haltpoll_fail_seconds:
          description: Time that the host polled for a halted vCPU in vain.
          type: float
          sample: 0.125
    vcpu:
      description: The vCPUs.
      type: dict
      contains:
        current:
          description: How many vCPUs are on.
          type: int
          sample: 2
        maximum:
          description: How many vCPUs there can be.
          type: int
          sample: 4
        devices:
          description: The vCPUs that are on.
          type: list
          elements: dict
          contains:
            index:
              description: The vCPU's number. A vCPU that is off is not listed, so that there may be holes.
              type: int
              sample: 0
            state:
              description: V(offline), V(running) or V(blocked).
              type: str
              sample: "running"
            halted:
              description: Whether the vCPU is halted, where libvirt tells.
              type: bool
              sample: false
            time_seconds:
              description: Processor time that the vCPU has used.
              type: float
              sample: 6.25
            wait_seconds:
              description:
                - Time that the vCPU was ready to run but waited for a processor of the host, as the host's scheduler
                  counts it.
              type: float
              sample: 0.5
            delay_seconds:
              description: Time that the vCPU spent in the run queue of the host.
              type: float
              sample: 0.25
        total:
          description: Their sums, by the same names.
          type: dict
          sample: {time_seconds: 6.25, wait_seconds: 0.5, delay_seconds: 0.25}
    memory:
      description: Memory.
      type: dict
      contains:
        current_bytes:
          description: Size of the balloon, which is the memory that the guest has now.
          type: int
          sample: 1073741824
        maximum_bytes:
          description: Memory that the guest can have at most.
          type: int
          sample: 2147483648
        rss_bytes:
          description: Memory of the host that QEMU occupies.
          type: int
          sample: 536870912
        available_bytes:
          description:
            - Memory that the guest's kernel manages. Told by the guest's balloon driver, as all below but
              RV(domains[].memory.used_bytes).
          type: int
          sample: 1006632960
        unused_bytes:
          description: Memory that the guest uses for nothing at all.
          type: int
          sample: 402653184
        usable_bytes:
          description: Memory that the guest could use without swapping, caches included.
          type: int
          sample: 671088640
        disk_caches_bytes:
          description: Memory that the guest uses for caches that it can drop.
          type: int
          sample: 268435456
        swap_in_bytes:
          description: What the guest has read from its swap.
          type: int
          sample: 0
        swap_out_bytes:
          description: What the guest has written to its swap.
          type: int
          sample: 0
        major_faults:
          description: Page faults that needed a disk.
          type: int
          sample: 210
        minor_faults:
          description: Page faults that needed no disk.
          type: int
          sample: 65536
        hugetlb_pgalloc:
          description: Successful allocations of huge pages.
          type: int
          sample: 0
        hugetlb_pgfail:
          description: Failed allocations of huge pages.
          type: int
          sample: 0
        last_update:
          description: When the guest told this, in seconds since the epoch. V(null) if it never did.
          type: int
          sample: 1767225600
        used_bytes:
          description:
            - RV(domains[].memory.available_bytes) less RV(domains[].memory.usable_bytes), or less
              RV(domains[].memory.unused_bytes) for a guest that does not tell the former.
          type: int
          sample: 335544320
        age_seconds:
          description:
            - How long ago RV(domains[].memory.last_update) was when it was read, by the clock of the machine where the
              module runs. O(balloon_period) keeps it low.
          type: float
          sample: 4.25
    block:
      description: The disks.
      type: dict
      contains:
        devices:
          description: Each image.
          type: list
          elements: dict
          contains:
            index:
              description: libvirt's index of it.
              type: int
              sample: 0
            name:
              description: The target, such as V(vda). Layers of one disk have the same.
              type: str
              sample: "vda"
            path:
              description: The file or device.
              type: str
              sample: "/var/lib/libvirt/images/web-1.qcow2"
            backing_index:
              description: libvirt's number of the image in its chain.
              type: int
              sample: 1
            layer:
              description:
                - V(0) for the image that the guest writes to; more for what is below it, which O(backing) adds.
              type: int
              sample: 0
            rd_reqs:
              description: Reads.
              type: int
              sample: 1024
            rd_bytes:
              description: Bytes read.
              type: int
              sample: 33554432
            rd_seconds:
              description: Time spent on reads.
              type: float
              sample: 1.5
            wr_reqs:
              description: Writes.
              type: int
              sample: 512
            wr_bytes:
              description: Bytes written.
              type: int
              sample: 16777216
            wr_seconds:
              description: Time spent on writes.
              type: float
              sample: 0.75
            fl_reqs:
              description: Flushes.
              type: int
              sample: 64
            fl_seconds:
              description: Time spent on flushes.
              type: float
              sample: 0.125
            errors:
              description: Errors, where the hypervisor counts them.
              type: int
              sample: null
            allocation_bytes:
              description: The highest byte that is in use.
              type: int
              sample: 134217728
            capacity_bytes:
              description: The size that the guest sees.
              type: int
              sample: 10737418240
            physical_bytes:
              description: The space that the image takes.
              type: int
              sample: 134479872
            threshold_bytes:
              description: The position beyond which a write makes libvirt send an event, where one is set.
              type: int
              sample: null
            timed_groups:
              description:
                - What QEMU measured over each interval that the disk's definition sets (C(<statistics>)). V(null) where
                  it sets none, or libvirt does not tell.
              type: list
              elements: dict
              contains:
                index:
                  description: The interval's number.
                  type: int
                  sample: 0
                interval_seconds:
                  description: How long the interval is.
                  type: int
                  sample: 10
                rd_latency_min_seconds:
                  description: The shortest time that a read took.
                  type: float
                  sample: 0.0015
                rd_latency_max_seconds:
                  description: The longest time that a read took.
                  type: float
                  sample: 0.0015
                rd_latency_avg_seconds:
                  description: The mean time that a read took.
                  type: float
                  sample: 0.0015
                wr_latency_min_seconds:
                  description: The shortest time that a write took.
                  type: float
                  sample: 0.0015
                wr_latency_max_seconds:
                  description: The longest time that a write took.
                  type: float
                  sample: 0.0015
                wr_latency_avg_seconds:
                  description: The mean time that a write took.
                  type: float
                  sample: 0.0015
                zone_append_latency_min_seconds:
                  description: The shortest time that an append to a zone took.
                  type: float
                  sample: 0.0015
                zone_append_latency_max_seconds:
                  description: The longest time that an append to a zone took.
                  type: float
                  sample: 0.0015
                zone_append_latency_avg_seconds:
                  description: The mean time that an append to a zone took.
                  type: float
                  sample: 0.0015
                flush_latency_min_seconds:
                  description: The shortest time that a flush took.
                  type: float
                  sample: 0.0015
                flush_latency_max_seconds:
                  description: The longest time that a flush took.
                  type: float
                  sample: 0.0015
                flush_latency_avg_seconds:
                  description: The mean time that a flush took.
                  type: float
                  sample: 0.0015
                rd_queue_depth_avg:
                  description: How many reads were pending at a time, on average.
                  type: float
                  sample: 0.25
                wr_queue_depth_avg:
                  description: How many writes were pending at a time, on average.
                  type: float
                  sample: 0.25
                zone_append_queue_depth_avg:
                  description: How many appends to zones were pending at a time, on average.
                  type: float
                  sample: 0.25
            latency_histograms:
              description:
                - How many operations of the image took how long, by kind, of the kinds that the disk's definition asks
                  for. V(null) where it asks for none, or libvirt does not tell.
              type: dict
              contains:
                read:
                  description: The reads that took as long, by bins.
                  type: list
                  elements: dict
                  contains:
                    index:
                      description: The bin's number.
                      type: int
                      sample: 0
                    start_seconds:
                      description: How long those of the bin took at least; those of the next took longer.
                      type: float
                      sample: 0.001
                    count:
                      description: How many these were.
                      type: int
                      sample: 1047
                write:
                  description: The writes that took as long, by bins.
                  type: list
                  elements: dict
                  contains:
                    index:
                      description: The bin's number.
                      type: int
                      sample: 0
                    start_seconds:
                      description: How long those of the bin took at least; those of the next took longer.
                      type: float
                      sample: 0.001
                    count:
                      description: How many these were.
                      type: int
                      sample: 1047
                zone_append:
                  description: The appends to zones that took as long, by bins.
                  type: list
                  elements: dict
                  contains:
                    index:
                      description: The bin's number.
                      type: int
                      sample: 0
                    start_seconds:
                      description: How long those of the bin took at least; those of the next took longer.
                      type: float
                      sample: 0.001
                    count:
                      description: How many these were.
                      type: int
                      sample: 1047
                flush:
                  description: The flushes that took as long, by bins.
                  type: list
                  elements: dict
                  contains:
                    index:
                      description: The bin's number.
                      type: int
                      sample: 0
                    start_seconds:
                      description: How long those of the bin took at least; those of the next took longer.
                      type: float
                      sample: 0.001
                    count:
                      description: How many these were.
                      type: int
                      sample: 1047
        total:
          description: Their sums, by the same names.
          type: dict
          sample:
            rd_reqs: 1024
            rd_bytes: 33554432
            rd_seconds: 1.5
            wr_reqs: 512
            wr_bytes: 16777216
            wr_seconds: 0.75
            fl_reqs: 64
            fl_seconds: 0.125
            errors: null
            allocation_bytes: 134217728
            capacity_bytes: 10737418240
            physical_bytes: 134479872
    interface:
      description: The network interfaces.
      type: dict
      contains:
        devices:
          description: Each interface.
          type: list
          elements: dict
          contains:
            index:
              description: libvirt's index of it.
              type: int
              sample: 0
            name:
              description: The device on the host. V(null) for one that was passed through.
              type: str
              sample: "vnet0"
            rx_bytes:
              description: Bytes that the guest has received.
              type: int
              sample: 1048576
            rx_pkts:
              description: Packets received.
              type: int
              sample: 2048
            rx_errs:
              description: Receive errors.
              type: int
              sample: 0
            rx_drop:
              description: Received packets that were dropped.
              type: int
              sample: 0
            tx_bytes:
              description: Bytes that the guest has sent.
              type: int
              sample: 524288
            tx_pkts:
              description: Packets sent.
              type: int
              sample: 1024
            tx_errs:
              description: Send errors.
              type: int
              sample: 0
            tx_drop:
              description: Sent packets that were dropped.
              type: int
              sample: 0
        total:
          description: Their sums, by the same names.
          type: dict
          sample:
            rx_bytes: 1048576
            rx_pkts: 2048
            rx_errs: 0
            rx_drop: 0
            tx_bytes: 524288
            tx_pkts: 1024
            tx_errs: 0
            tx_drop: 0
    iothread:
      description: The threads for disks. V(null) unless O(groups) asks for them.
      type: dict
      contains:
        count:
          description: How many there are.
          type: int
          sample: 1
        devices:
          description: Each thread.
          type: list
          elements: dict
          sample: [{index: 1, poll_max_seconds: 3.2768e-05, poll_grow: 0, poll_shrink: 0}]
    dirty_rate:
      description:
        - How fast the guest writes to its memory, as last measured (C(virsh domdirtyrate-calc)). V(null) unless
          O(groups) has V(dirtyrate).
      type: dict
      sample:
        status: measured
        mode: page-sampling
        started_at: 1767225600
        period_seconds: 1
        bytes_per_second: 2097152
        vcpus: [{index: 0, bytes_per_second: 2097152}]
    memory_bandwidth:
      description: The monitors of memory bandwidth (resctrl). V(null) unless O(groups) has V(memory).
      type: dict
      sample:
        monitors:
          - index: 0
            name: "vcpus_0-1"
            vcpus: "0-1"
            nodes: [{index: 0, id: 0, local_bytes: 4096, total_bytes: 8192}]
    perf:
      description: The events of perf that the domain's definition counts. V(null) unless O(groups) has V(perf).
      type: dict
      sample: {instructions: 1024, cache_bytes: 65536}
    other:
      description:
        - What else the groups hold that are read, by group, with libvirt's own names and units, such as the limits of
          disks that newer versions tell. With V(vm), KVM's own counters of the machine and of each vCPU; with
          V(cpu-total), monitors of caches (resctrl).
        - V(null) when libvirt has nothing else to tell.
      type: dict
      sample: null
    rates:
      description:
        - Changes a second. V(null) without O(interval) and O(since), and for a domain that was started or appeared
          between the samples. A single one is V(null) when its counter fell (it was reset) or its device is new.
          Seconds of processor time a second are called cores.
      type: dict
      contains:
        interval_seconds:
          description: The time between the two samples, as measured.
          type: float
          sample: 5.003
        cpu:
          description: Processors in use.
          type: dict
          sample:
            used_cores: 0.5
            user_cores: 0.5
            system_cores: 0.5
            haltpoll_success_cores: 0.0
            haltpoll_fail_cores: 0.0
        memory:
          description: Changes a second of the counters in RV(domains[].memory).
          type: dict
          sample:
            swap_in_bytes_per_second: 0.0
            swap_out_bytes_per_second: 0.0
            major_faults_per_second: 3.28125
            minor_faults_per_second: 1024.0
            hugetlb_pgalloc_per_second: 0.0
            hugetlb_pgfail_per_second: 0.0
        vcpu:
          description: Changes a second of the counters in RV(domains[].vcpu).
          type: dict
          contains:
            devices:
              description: Each device's changes a second.
              type: list
              elements: dict
              sample: [{"index": 0, "used_cores": 0.5, "wait_cores": 0.5, "delay_cores": 0.5}]
            total:
              description: Their sums. V(null) where the change of one is not known.
              type: dict
              sample: {used_cores: 0.5, wait_cores: 0.5, delay_cores: 0.5}
        block:
          description: Changes a second of the counters in RV(domains[].block).
          type: dict
          contains:
            devices:
              description: Each device's changes a second.
              type: list
              elements: dict
              sample:
                - index: 0
                  name: "vda"
                  layer: 0
                  rd_reqs_per_second: 16.0
                  rd_bytes_per_second: 524288.0
                  rd_seconds_per_second: 0.5
                  wr_reqs_per_second: 8.0
                  wr_bytes_per_second: 262144.0
                  wr_seconds_per_second: 0.5
                  fl_reqs_per_second: 1.0
                  fl_seconds_per_second: 0.5
                  errors_per_second: 0.0
            total:
              description: Their sums. V(null) where the change of one is not known.
              type: dict
              sample:
                rd_reqs_per_second: 16.0
                rd_bytes_per_second: 524288.0
                rd_seconds_per_second: 0.5
                wr_reqs_per_second: 8.0
                wr_bytes_per_second: 262144.0
                wr_seconds_per_second: 0.5
                fl_reqs_per_second: 1.0
                fl_seconds_per_second: 0.5
                errors_per_second: 0.0
        interface:
          description: Changes a second of the counters in RV(domains[].interface).
          type: dict
          contains:
            devices:
              description: Each device's changes a second.
              type: list
              elements: dict
              sample:
                - index: 0
                  name: "vnet0"
                  rx_bytes_per_second: 16384.0
                  rx_pkts_per_second: 32.0
                  rx_errs_per_second: 0.0
                  rx_drop_per_second: 0.0
                  tx_bytes_per_second: 8192.0
                  tx_pkts_per_second: 16.0
                  tx_errs_per_second: 0.0
                  tx_drop_per_second: 0.0
            total:
              description: Their sums. V(null) where the change of one is not known.
              type: dict
              sample:
                rx_bytes_per_second: 16384.0
                rx_pkts_per_second: 32.0
                rx_errs_per_second: 0.0
                rx_drop_per_second: 0.0
                tx_bytes_per_second: 8192.0
                tx_pkts_per_second: 16.0
                tx_errs_per_second: 0.0
                tx_drop_per_second: 0.0
totals:
  description: Sums over the domains, of what is known.
  returned: when O(query) is not used and O(output=statistics)
  type: dict
  contains:
    domains:
      description: What the sums are over.
      type: dict
      contains:
        count:
          description: How many domains were read.
          type: int
          sample: 2
        states:
          description: How many are in which state.
          type: dict
          sample: {running: 1, shutoff: 1}
        timed_out:
          description: How many were busy.
          type: int
          sample: 0
        rated:
          description: How many have rates.
          type: int
          sample: 1
    cpu:
      description: Sums of RV(domains[].cpu).
      type: dict
      sample:
        time_seconds: 12.75
        user_seconds: 10.5
        system_seconds: 2.25
        haltpoll_success_seconds: 0.125
        haltpoll_fail_seconds: 0.125
    vcpu:
      description: Sums of RV(domains[].vcpu.total).
      type: dict
      sample: {current: 2, maximum: 4, time_seconds: 6.25, wait_seconds: 0.5, delay_seconds: 0.25}
    memory:
      description: Sums of RV(domains[].memory).
      type: dict
      sample:
        current_bytes: 1073741824
        maximum_bytes: 2147483648
        rss_bytes: 536870912
        available_bytes: 1006632960
        unused_bytes: 402653184
        usable_bytes: 671088640
        disk_caches_bytes: 268435456
        swap_in_bytes: 0
        swap_out_bytes: 0
        major_faults: 210
        minor_faults: 65536
        hugetlb_pgalloc: 0
        hugetlb_pgfail: 0
        used_bytes: 335544320
    block:
      description: Sums of RV(domains[].block.total).
      type: dict
      sample:
        rd_reqs: 1024
        rd_bytes: 33554432
        rd_seconds: 1.5
        wr_reqs: 512
        wr_bytes: 16777216
        wr_seconds: 0.75
        fl_reqs: 64
        fl_seconds: 0.125
        errors: null
        allocation_bytes: 134217728
        capacity_bytes: 10737418240
        physical_bytes: 134479872
    interface:
      description: Sums of RV(domains[].interface.total).
      type: dict
      sample:
        rx_bytes: 1048576
        rx_pkts: 2048
        rx_errs: 0
        rx_drop: 0
        tx_bytes: 524288
        tx_pkts: 1024
        tx_errs: 0
        tx_drop: 0
    rates:
      description: Sums of RV(domains[].rates), by group.
      type: dict
      sample:
        cpu:
          used_cores: 0.5
          user_cores: 0.5
          system_cores: 0.5
          haltpoll_success_cores: 0.0
          haltpoll_fail_cores: 0.0
        vcpu:
          used_cores: 0.5
          wait_cores: 0.5
          delay_cores: 0.5
        memory:
          swap_in_bytes_per_second: 0.0
          swap_out_bytes_per_second: 0.0
          major_faults_per_second: 3.28125
          minor_faults_per_second: 1024.0
          hugetlb_pgalloc_per_second: 0.0
          hugetlb_pgfail_per_second: 0.0
        block:
          rd_reqs_per_second: 16.0
          rd_bytes_per_second: 524288.0
          rd_seconds_per_second: 0.5
          wr_reqs_per_second: 8.0
          wr_bytes_per_second: 262144.0
          wr_seconds_per_second: 0.5
          fl_reqs_per_second: 1.0
          fl_seconds_per_second: 0.5
          errors_per_second: 0.0
        interface:
          rx_bytes_per_second: 16384.0
          rx_pkts_per_second: 32.0
          rx_errs_per_second: 0.0
          rx_drop_per_second: 0.0
          tx_bytes_per_second: 8192.0
          tx_pkts_per_second: 16.0
          tx_errs_per_second: 0.0
          tx_drop_per_second: 0.0
totals_by:
  description:
    - For each label of O(totals_by), the sums over the domains of each of its values, by the same names as RV(totals).
      A domain without a fleet or tenant is in none of them.
  returned: when O(query) is not used and O(output=statistics)
  type: dict
  sample: {fleet: {web: {domains: {count: 2, states: {running: 2}, timed_out: 0, rated: 0}}}}
openmetrics:
  description: The statistics as OpenMetrics text.
  returned: with O(output=openmetrics)
  type: str
  sample: |
    # TYPE libvirt_domain_info_virtual_cpus gauge
    libvirt_domain_info_virtual_cpus{domain="web-1",uuid="8f6d1c9e-6a5b-4c1e-9d57-0a4f3c2b1e70"} 2
    # EOF
path:
  description: The file that was written.
  returned: with O(output=textfile)
  type: str
  sample: /var/lib/prometheus/node-exporter/libvirt.prom
result:
  description: What O(query) yields.
  returned: when O(query) is used
  type: raw
  sample: {name: "web-1", cores: 0.5}
"""

import dataclasses
import functools
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import (
    CONNECTION,
    MACHINE,
    MACHINE_URI,
    ArgumentSpec,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._checks import (
    check_between,
    check_positive,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._files import write_atomically
from ansible_collections.headroom.libvirt.plugins.module_utils._machine.machine import (
    DetachedMachine,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._query import Query, compile_query
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module
from ansible_collections.headroom.libvirt.plugins.module_utils._stats import balloon
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.collect import (
    Reading,
    StatsRequest,
    collect,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.connection_pool import (
    MOST_WORKERS,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.openmetrics import (
    render_exposition,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.previous import (
    DEFAULT_PATH,
    BootClock,
    SampleFile,
    read_boot_id,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._stats.totals import (
    summarise_by_label,
    summarise_domains,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
    open_connection,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.machines import (
    read_machine_uri,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.node import read_hostname
from ansible_collections.headroom.libvirt.plugins.module_utils._virt.stats import ALL_GROUPS, GROUPS

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule
    from ansible_collections.headroom.libvirt.plugins.module_utils._virt.connection import (
        Connection,
    )
    from ansible_collections.headroom.libvirt.plugins.module_utils._waiter import Clock

ARGUMENTS = (
    CONNECTION.merge(MACHINE)
    .merge(MACHINE_URI)
    .merge(
        ArgumentSpec(
            options={
                "name": {"type": "list", "elements": "str"},
                "fleet": {"type": "str"},
                "tenant": {"type": "str"},
                "metadata": {"type": "bool", "default": False},
                "inactive": {"type": "bool", "default": True},
                "groups": {
                    "type": "list",
                    "elements": "str",
                    "choices": list(ALL_GROUPS),
                    "default": list(GROUPS),
                },
                "backing": {"type": "bool", "default": False},
                "balloon_period": {"type": "int"},
                "interval": {"type": "float"},
                "since": {"type": "str", "choices": ["previous"]},
                "samples": {"type": "path", "default": DEFAULT_PATH},
                "totals_by": {
                    "type": "list",
                    "elements": "str",
                    "choices": ["fleet", "tenant", "state", "host"],
                    "default": [],
                },
                "workers": {"type": "int"},
                "timeout": {"type": "float", "default": 1.0},
                "query": {"type": "str"},
                "output": {
                    "type": "str",
                    "choices": ["statistics", "openmetrics", "textfile"],
                    "default": "statistics",
                },
                "path": {"type": "path"},
            },
            mutually_exclusive=[
                ("interval", "since"),
                ("machine", "name"),
                ("machine", "fleet"),
                ("machine", "tenant"),
            ],
            required_if=[("output", "textfile", ["path"])],
        )
    )
)


class Read(t.Protocol):
    """Reads what a request means of one host."""

    def __call__(self, request: StatsRequest, clock: Clock = ...) -> list[Reading]:
        """Return a reading of each domain."""


def read(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the task's result, about the domains of a host or about a machine wherever it is."""
    params = module.params
    if params["machine"] is None:
        with open_connection(params["uri"], timeout=params["connect_timeout"]) as connection:
            return read_statistics(connection, module, functools.partial(collect, connection))
    machine = DetachedMachine(params["machine"], connect_timeout=params["connect_timeout"])
    with machine.open("tell its statistics") as defined:
        return read_statistics(defined.connection, module, defined.stats)


def read_statistics(
    connection: Connection, module: AnsibleModule, read_samples: Read
) -> dict[str, t.Any]:
    """Return ``{domains, totals, totals_by}``, ``{result}`` with a query, or what the output is instead."""
    query = (
        None if module.params["query"] is None else compile_query("query", module.params["query"])
    )
    readings = _read(connection, module, read_samples)
    changes = _set_balloon_period(connection, readings, module)
    return {**_build_result(connection, readings, query, module), **changes}


def _build_result(
    connection: Connection,
    readings: t.Sequence[Reading],
    query: Query | None,
    module: AnsibleModule,
) -> dict[str, t.Any]:
    params = module.params
    host = read_hostname(connection) if "host" in params["totals_by"] else None
    uri = read_machine_uri(connection, params["machine_uri"])
    domains = [{**reading.as_dict(uri), "host": host} for reading in readings]
    if params["output"] != "statistics":
        return _export(domains, module)
    parts = {label: summarise_by_label(label, domains) for label in params["totals_by"]}
    data = {"domains": domains, "totals": summarise_domains(domains), "totals_by": parts}
    return data if query is None else {"result": query.evaluate(data)}


def _set_balloon_period(
    connection: Connection, readings: t.Iterable[Reading], module: AnsibleModule
) -> dict[str, t.Any]:
    seconds = module.params["balloon_period"]
    if seconds is None:
        return {}
    samples = (reading.sample for reading in readings)
    return balloon.set_periods(
        connection, samples, seconds, check_mode=module.check_mode
    ).as_result()


def _export(domains: t.Sequence[t.Mapping[str, t.Any]], module: AnsibleModule) -> dict[str, t.Any]:
    path = module.params["path"]
    if module.params["output"] == "openmetrics":
        return {"openmetrics": render_exposition(domains)}
    if not module.check_mode:
        write_atomically("path", path, render_exposition(domains, openmetrics=False), 0o644)
    return {"path": path}


def _read(connection: Connection, module: AnsibleModule, read_samples: Read) -> list[Reading]:
    request = _build_request(module.params)
    if module.params["since"] is None:
        return read_samples(request)
    sample_file = SampleFile(module.params["samples"], connection.uri, read_boot_id())
    readings = read_samples(dataclasses.replace(request, previous=sample_file.read()), BootClock())
    if not module.check_mode:
        sample_file.write(reading.sample for reading in readings)
    return readings


def _build_request(params: t.Mapping[str, t.Any]) -> StatsRequest:
    interval, timeout, workers = params["interval"], params["timeout"], params["workers"]
    if params["balloon_period"] is not None:
        remedy = "Write whole seconds, or 0 for none."
        check_between("balloon_period", params["balloon_period"], 0, 2**31 - 1, remedy)
    if interval is not None:
        check_positive("interval", interval, "seconds")
    check_positive("timeout", timeout, "seconds")
    if workers is not None:
        remedy = "Leave it out for as many as are of use."
        check_between("workers", workers, 1, MOST_WORKERS, remedy)
    same_names = (
        "fleet",
        "tenant",
        "inactive",
        "groups",
        "backing",
        "interval",
        "workers",
        "timeout",
    )
    metadata = params["metadata"] or not {"fleet", "tenant"}.isdisjoint(params["totals_by"])
    return StatsRequest(
        names=params["name"], metadata=metadata, **{option: params[option] for option in same_names}
    )


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "read the statistics of the domains", read)


if __name__ == "__main__":
    main()
