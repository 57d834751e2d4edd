#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: provisioning_plan_info
short_description: Decide how many machines fleets need next, and where
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Adds up the demand that the hosts recorded, forecasts it, and plans which machines to create, wake, park and remove,
    with the reasons in plain sentences.
  - It needs no libvirt and changes nothing, so it usually runs once, on the controller, with what the tasks before
    returned on the hosts. The same input always gives the same plan.
  - Growth is prompt. When demand rose and the rise goes on, the forecast extends it; a single jump raises the alert and
    is followed without being extended.
  - A machine goes only when fewer were enough during the whole of O(rule.cooldown), the most idle first, never a
    protected one, and never below O(rule.min).
  - Missing data and hosts that did not answer never take a machine away.
  - A machine that is paused, saved or off is woken before a new one is made.
  - It plans for one fleet (O(fleet)), with what M(headroom.libvirt.demand_sample) and M(headroom.libvirt.host_info)
    returned, or for many at once (O(fleets)), with what M(headroom.libvirt.fleet_observe) returned. Many are planned
    one after the other, the more important ones first (O(fleets[].priority)) and else in their order, on what those
    before leave of the hosts, so that two never count the same room.
  - Where room is scarce, machines of lesser fleets that are O(fleets[].best_effort) are parked for more important ones,
    as soon as the forecast asks for it. They wake as soon as there is room again.
    What is wrong with one of them is told in its row of RV(fleets), and the others are planned for.
options:
  fleets:
    description:
      - The fleets to plan for, in this order, described as for the role
        P(headroom.libvirt.optimistic_provisioning#role). What is not an option here is left to whoever carries the plan
        out.
      - Either this or O(fleet) is needed.
    type: list
    elements: dict
    suboptions:
      name:
        description:
          - As O(fleet).
        type: str
        required: true
      appliance:
        description:
          - Of no use here. What its machines take is in the hosts' observations.
        type: str
      tenant:
        description:
          - The tenant that its machines belong to, for O(quotas).
        type: str
      demand:
        description:
          - Of no use here. It is for M(headroom.libvirt.fleet_observe).
        type: dict
        suboptions:
          query:
            description: An expression.
            type: raw
          prometheus:
            description: A server to ask.
            type: dict
            suboptions:
              url:
                description: Its address.
                type: raw
              query:
                description: The query.
                type: raw
              headers:
                description:
                  - Headers to send. They are not logged.
                type: dict
              ca:
                description: A file of certificates.
                type: raw
              timeout:
                description: For how many seconds it may keep silent.
                type: raw
          value:
            description: The demand itself.
            type: raw
          scale:
            description: What the query yields is multiplied by this.
            type: raw
          window:
            description: How many seconds of the history are returned.
            type: raw
      rule:
        description:
          - All options of O(rule).
        type: dict
      machine:
        description:
          - All options of O(machine). What is left out is taken from the fleet's appliance.
        type: dict
      health:
        description:
          - All options of O(health).
        type: dict
      rollout:
        description:
          - All options of O(rollout).
        type: dict
      priority:
        description:
          - How important the fleet is, V(0) if not said. It is planned for before all that are less important.
        type: raw
      best_effort:
        description:
          - Whether its machines may be parked for more important fleets, V(false) if not said. The most idle go first,
            down to O(rule.min), and never a protected one.
        type: raw
      expected_digest:
        description:
          - As O(expected_digest).
        type: str
      forecasts:
        description:
          - As O(forecasts).
        type: list
        elements: raw
      parked_forecasts:
        description:
          - As O(parked_forecasts).
        type: list
        elements: raw
      problem:
        description:
          - What is known to be wrong with the fleet, so that it is not planned for. Run by Ansible, the task looks for
            the files C(after_create), C(before_park) and C(before_remove) that the role includes.
        type: str
  holder:
    description:
      - With O(fleets), the O(headroom.libvirt.fleet_observe#module:holder) by whom the hosts were looked at. A host
        that has an observation by somebody else fails the task, as in a play with C(serial) or C(strategy=free).
    type: str
  quotas:
    description:
      - With O(fleets), what tenants may have at most on all hosts together, by their names. No machines are made beyond
        that; what exists stays.
      - What they have is counted as O(headroom.libvirt.fleet_observe#module:tenants) told it. On hosts that did not
        answer it is what the history knows of their fleets.
      - Each tenant has C(machines), C(vcpus) and C(memory) (such as V(64GiB)), of which any may be left out.
    type: dict
    default: {}
  mode:
    description:
      - With O(fleets), V(shadow) plans for all of them as with O(rule.mode=shadow).
    type: str
    choices: [act, shadow]
    default: act
  fleet:
    description:
      - The fleet's name. Its machines are called C(FLEET-N); new ones get the lowest free number.
      - When a host did not answer, new ones get numbers above all that the fleet could have, and above those that it
        had there at the latest decision, so that two machines never have one name.
      - Machines on several hosts that have one name all the same are left alone, and told.
    type: str
  rule:
    description:
      - How demand becomes machines. Needed with O(fleet).
    type: dict
    suboptions:
      capacity:
        description:
          - The demand that one machine carries, in the unit of the demand.
        type: float
        required: true
      measure_capacity:
        description:
          - Whether to measure what a machine carries, as soon as the fleet's machines were busy enough. Until then
            O(rule.capacity) counts, and afterwards it bounds what is measured to between half and twice of it, so a
            bad measurement has its limits.
          - The processor time that a unit of demand takes is the time that machines used by the demand that they met
            (the utilisation law), where they met the most within the latest 288 intervals. A machine is full with
            O(rule.utilization) of its vCPUs in use. That is right for a service which runs out of processors first, and
            for no other one.
          - RV(measured) tells what comes out also without this, so it can be looked at first.
        type: bool
        default: false
      utilization:
        description:
          - The share of its vCPUs that a machine uses when it carries its capacity, for O(rule.measure_capacity).
        type: float
        default: 0.7
      unit:
        description:
          - What the demand is counted in, such as V(requests/s). It is for the sentences only.
        type: str
        default: ""
      max:
        description:
          - How many machines may run at most.
        type: int
        required: true
      min:
        description:
          - How many machines always run.
          - With V(0), one still does where the demand is measured of the fleet's own machines, since of none it would
            always be 0. A fleet may go down to none when Prometheus or a value that is handed in tells its demand.
        type: int
        default: 1
      interval:
        description:
          - The seconds from one run to the next, as for M(headroom.libvirt.demand_sample).
        type: int
        default: 300
      horizon:
        description:
          - How many seconds ahead to provision, which is at least what a new machine takes to be ready. Machines are
            there for the highest demand forecast within it.
          - V(auto) is what new machines took in nine of the latest ten runs that made any, as
            M(headroom.libvirt.fleet_readiness) recorded them, and at least one interval. When that comes to another
            number of intervals, a forecast that learns begins anew with the history that it is given, which should be
            four weeks then.
          - Without it, and with V(auto) before any is known, one interval.
        type: str
      forecaster:
        description:
          - How demand is forecast. V(trend) watches the distance between intervals and needs no history, so a rise
            that goes on is expected to go on.
          - V(blend) also learns days and weeks, and sets its upper value by its own past errors so that O(rule.risk) is
            kept. It uses up to four weeks of history.
          - V(auto) is V(trend) until the demand of 48 intervals is known, and V(blend) from then on. In intervals of
            half an hour and more it is V(blend) from the beginning, which until then also believes in a rise as
            V(trend) does, and of the first 20 hours expects a morning.
          - V(last_value) expects that demand stays where it is. With O(rule.headroom=0.43) the fleet is what a reactive
            autoscaler makes of it that uses its machines to 70 %, which is good to compare with.
          - Any other name is that of a filter plugin on the controller, with its collection, such as
            V(example.capacity.arima). It gets the demand so far, a list of dictionaries with C(timestamp) and C(value)
            (V(none) where it is not known), oldest first, and the keywords C(interval) (seconds), C(steps) and C(risk).
            It returns the demands of the next C(steps) intervals, each as a number or as a dictionary with C(value) and
            C(upper), or V(none) while it cannot tell, and then V(trend) does. It is asked once for each interval of
            O(rule.cooldown), every time with what was known by then.
        type: str
        default: auto
      schedule:
        description:
          - Known events, such as a newsletter that goes out. Machines are ready when one begins, whatever the forecast
            says, and stay until O(rule.cooldown) has passed after its end. O(rule.max) and the hosts' resources still
            count.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description:
              - What it is called in the reasons.
            type: str
            required: true
          start:
            description:
              - When it begins, in ISO 8601. Without an offset it is of O(rule.schedule[].timezone), else UTC.
            type: str
            required: true
          end:
            description:
              - When it is over, likewise.
            type: str
            required: true
          timezone:
            description:
              - The time zone whose clocks the event goes by, such as V(Europe/Berlin). What comes again at eight in the
                morning then does so in summer as well. The names are those of the IANA database, which has to be
                installed where the task runs (tzdata).
              - Of an hour that comes twice, as summer time ends, both count. What lies in an hour that never comes, as
                summer time begins, comes right after it.
            type: str
          every:
            description:
              - It comes again each day or week, by the clocks of O(rule.schedule[].timezone).
              - Without a time zone that is after so many seconds, which is an hour off while it is summer.
            type: str
            choices: [day, week]
          machines:
            description:
              - How many machines run at least.
            type: int
          demand:
            description:
              - The demand to be ready for, O(rule.headroom) on top.
            type: float
      headroom:
        description:
          - The share to keep free on top of the forecast. V(0.1) keeps 10 %.
        type: float
        default: 0.1
      risk:
        description:
          - The share of intervals in which demand may exceed the forecast's upper value. That value follows the errors
            of the forecasts before, as soon as there are enough of them.
          - In other words, machines are there for the quantile V(1 - risk) of the demand.
          - The upper value of a demand that has only ever been counted in whole units, such as jobs, is a whole number
            of them once a forecast learns, as nobody is served by machines for half a job.
        type: float
        default: 0.05
      cooldown:
        description:
          - For how many seconds fewer machines must have been enough before one goes.
        type: int
        default: 900
      hysteresis:
        description:
          - The share of the fleet that may be too much before any of it goes. V(0.1) lets a fleet of 20 keep 2 that are
            not needed, and then not make them again an hour later.
          - Within six intervals after the fleet grew it is two and a half times that share, and always one machine,
            since what goes then is often made again soon.
        type: float
        default: 0.0
      on_missing_data:
        description:
          - What happens while the demand of this interval is not known. No choice ever removes a machine then.
          - V(forecast) goes on with the forecast from what was known last.
          - V(hold) neither grows nor shrinks the fleet, within O(rule.min) and O(rule.max).
          - V(max) grows it to O(rule.max), for those who would rather pay than guess.
        type: str
        choices: [forecast, hold, max]
        default: forecast
      mode:
        description:
          - V(act) is to grow and shrink.
          - V(scale_out_only) plans no parking and no removal.
          - V(shadow) plans as V(act) does. Whoever carries plans out, as the role
            P(headroom.libvirt.optimistic_provisioning#role) does, leaves this fleet alone.
        type: str
        choices: [act, shadow, scale_out_only]
        default: act
      protected:
        description:
          - Patterns of machines' names, with V(*), V(?) and V([12]), that are never parked nor removed, beside those
            that are protected in their metadata.
        type: list
        elements: str
        default: []
      scale_out_limit:
        description:
          - How many machines may be created within one interval. Waking is not limited.
          - Without it, as many as are needed.
        type: int
      scale_in_limit:
        description:
          - How many machines one run may park or remove.
        type: int
        default: 1
      alert_growth:
        description:
          - Raise the alert when demand grows by this factor from one interval to the next, and by more than is usual.
          - That is for as long as there is little history. Once a forecast learns (O(rule.forecaster)), the alert is
            raised when demand is above what it exceeds once in 750 times, and has grown by this factor or is the work
            of a whole machine (O(rule.capacity)) above what was expected. It is also raised when demand goes on to grow
            by this factor after it was above the forecast's upper value for some intervals, and is a machine's work
            above it again. Within a day after demand was above that limit, but not within an hour, it is raised only
            when demand is half as much again.
        type: float
        default: 2.0
      parked:
        description:
          - How many machines are kept parked beside those that run, to be woken when they are needed, as far as
            O(rule.max) goes. Machines that are no longer needed are parked before others are made for it, which boot
            first and are parked then.
        type: int
        default: 0
      parked_max:
        description:
          - How many machines may be parked. Between O(rule.parked) and this, as many are as the upper value of the
            forecast at O(rule.parked_risk) asks for beyond those that run.
          - Without it, always O(rule.parked) machines.
        type: int
      parked_risk:
        description:
          - The share of intervals in which demand may exceed what running and parked machines carry together. It is to
            be smaller than O(rule.risk).
        type: float
        default: 0.01
      parked_as:
        description:
          - V(saved) keeps the memory of a parked machine on disk. Waking it takes about a second.
          - V(paused) keeps it in memory, and waking takes milliseconds. Whether the guest's clock is right afterwards
            is a matter of its time synchronisation.
          - It is for whoever carries the plan out, as the role P(headroom.libvirt.optimistic_provisioning#role) does.
        type: str
        choices: [saved, paused]
        default: saved
      n_plus_one:
        description:
          - Whether to create a machine only while the guests of any one host would still fit on the others.
        type: bool
        default: false
      spread:
        description:
          - V(even) places machines where the fleet has the fewest, so that a host's loss takes as few as possible.
          - V(pack) fills hosts that the fleet is on already before it takes others, so that others can be switched off.
        type: str
        choices: [even, pack]
        default: even
      max_per_host:
        description:
          - How many of the fleet's machines one host may hold. Without it, as many as there is room for.
        type: int
  hosts:
    description:
      - What is known of each host. A host that did not answer belongs here too, without facts and sample.
      - Only a backtest of O(backtest.csv) does without.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The host's name, as the plan shall call it.
        type: str
        required: true
      facts:
        description:
          - RV(headroom.libvirt.host_info#module:host) of the host. A host without it gets no new machines.
        type: dict
      refuses:
        description:
          - Why the host gets no new machines, such as V(it has not the appliance web:1.0), for the reasons. What it has
            counts, and may be woken.
        type: str
      sample:
        description:
          - What M(headroom.libvirt.demand_sample) returned on the host. Without it, the host's machines are not known.
          - The result of a task that failed counts as none. One that is true under C(left_out) says that the host has
            no part in the run. Nothing is made then, since it may have the machines that seem to be missing.
          - Its RV(headroom.libvirt.demand_sample#module:history) may be replaced by a longer one, also as CSV, which
            O(headroom.libvirt.demand_history_info#module:csv) returns. Ansible takes a second for the rows of three
            months, and next to nothing for their text.
        type: dict
      observation:
        description:
          - With O(fleets), what M(headroom.libvirt.fleet_observe) returned on the host, in the place of
            O(hosts[].facts), O(hosts[].refuses) and O(hosts[].sample). As for these, the result of a task that failed
            counts as none, and one that is true under C(left_out) says that the host has no part in the run.
        type: dict
  machine:
    description:
      - What one new machine takes of a host. What is left out is taken from the fleet's largest machine.
    type: dict
    default: {}
    suboptions:
      vcpus:
        description:
          - Its vCPUs.
        type: int
      memory:
        description:
          - Its memory with a unit, for example V(2GiB).
        type: str
        aliases: [memory_bytes]
      disk:
        description:
          - The room that its volumes shall find in the pool, with a unit.
        type: str
        default: 1GiB
        aliases: [disk_bytes]
      pool:
        description:
          - The pool of its volumes.
        type: str
        default: default
      network:
        description:
          - Its network, which makes no difference to the plan.
        type: str
  now:
    description:
      - The time to plan for in epoch seconds, the same as the samples'
        O(headroom.libvirt.demand_sample#module:timestamp).
      - Without it, the clock counts.
    type: float
  gone:
    description:
      - Names of hosts that are gone for good with their machines. The latest decision, which every host keeps, says on
        which hosts the fleet has machines. One that is not among O(hosts) is unknown like one that a limited run leaves
        out, until it is named here once.
    type: list
    elements: str
    default: []
  pool_reserve:
    description:
      - The room that stays free in the pool of new machines for those that are there to grow, with a unit. A pool that
        several hosts have keeps it once.
    type: str
    default: 1GiB
  shared_pools:
    description:
      - Names of pools that are the same storage on all hosts, so that the room in them counts once. Pools of libvirt's
        network types are known by their source.
    type: list
    elements: str
    default: []
  appliance:
    description:
      - What members of O(fleet) shall be clones of, as C(name:version). Members of another version are replaced as
        O(rollout) says. Without it, they stay as they are.
    type: str
  expected_digest:
    description:
      - RV(digest) of a plan that somebody has looked at. The task fails if the machines of the fleet are no longer
        those that it was made for.
    type: str
  forecast_state:
    description:
      - A history database on the machine where the task runs, in which forecasts that learn keep from where they
        go on, so that a run costs what is new and not four weeks of history. It is made when it is not there.
      - After the first run, samples of a day are enough, and what was before is still known.
      - A file that cannot be used costs a warning, and the forecast begins anew.
    type: path
  forecasts:
    description:
      - What a filter in O(rule.forecaster) has said after each of the latest intervals, oldest first.
      - Left to itself, the task asks the filter. It is for those who run the module without Ansible's controller.
    type: list
    elements: raw
  parked_forecasts:
    description:
      - Likewise at O(rule.parked_risk), where O(rule.parked_max) is set.
    type: list
    elements: raw
  backtest:
    description:
      - Replay the recorded history, or that of a file, under O(rule) and others, and return what would have happened in
        place of a plan.
      - Limits of a single run (O(rule.scale_in_limit) and O(rule.scale_out_limit)) and of the hosts are not replayed.
    type: dict
    suboptions:
      csv:
        description:
          - A CSV file with the columns C(timestamp) (ISO 8601 or seconds since 1970) and C(demand) (empty where it is
            not known), on the machine where the task runs. Without it, the history of O(hosts) is replayed.
          - What else is understood stands at O(headroom.libvirt.demand_history#module:csv).
        type: path
      rules:
        description:
          - Rules to compare O(rule) with. Each is a dictionary with a C(name) and those options of O(rule) that differ.
        type: list
        elements: dict
        default: []
      tune:
        description:
          - Look for the cheapest O(rule.risk), O(rule.headroom) and O(rule.cooldown) of a forecast that learns on the
            first part of the history, and compare all rules on the rest, which the search has not seen.
        type: bool
        default: false
      most_short:
        description:
          - For which share of the time the rule that is looked for may have too few machines.
        type: float
        default: 0.05
      training_share:
        description:
          - How much of the history O(backtest.tune) searches on.
        type: float
        default: 0.6
      warm_up_share:
        description:
          - How much of the history the forecast may learn from before the comparison begins.
        type: float
        default: 0.1
      reactive_target:
        description:
          - To which share a reactive autoscaler, which is compared as well, uses its machines.
        type: float
        default: 0.7
      slots:
        description:
          - Also return the demand and each rule's machines, interval by interval, which is what a chart is made of.
        type: bool
        default: false
  outlook:
    description:
      - With O(fleets), look farther ahead than the next run, and return that in place of a plan (RV(outlook)).
      - It tells when each pool and each host's memory is full, and when the demand of each fleet asks for more machines
        than O(rule.max), out of what is recorded of them, with an interval. How often such intervals held before is
        told beside it. For pools and memory the hosts are to be looked at with
        O(headroom.libvirt.fleet_observe#module:usage); without fleets, only these are told.
      - It also tells which fleets are short, of how many machines and for how long, if a host is lost now, or at the
        next peak of the demand. That is planned as the next run would without that host, with the same forecasts, on
        the same room. Of a fleet whose O(rule.forecaster) is a filter the demand is forecast by V(auto).
      - The hosts are best looked at in check mode, which claims and records nothing.
    type: dict
    suboptions:
      lost:
        description:
          - The hosts whose loss is looked at, each by itself. Without it, every host that answered.
        type: list
        elements: str
extends_documentation_fragment:
  - headroom.libvirt.upkeep
  - headroom.libvirt.upkeep.rollout
  - headroom.libvirt.attributes
  - headroom.libvirt.attributes.info_module
seealso:
  - module: headroom.libvirt.demand_sample
    description: Records the demand on each host.
  - module: headroom.libvirt.host_info
    description: Tells what each host can still take.
"""

EXAMPLES = r"""
- name: Sample the demand on each hypervisor
  headroom.libvirt.demand_sample:
    fleet: web
    demand: sum(domains[].rates.cpu.used_cores)
    timestamp: "{{ run_time }}"
  register: sample

- name: Read what each hypervisor can still take
  headroom.libvirt.host_info:
  register: host_info

- name: Put together what is known of this host
  ansible.builtin.set_fact:
    observed:
      name: "{{ inventory_hostname }}"
      facts: "{{ host_info.host }}"
      sample: "{{ sample }}"

- name: Plan for the fleet
  headroom.libvirt.provisioning_plan_info:
    fleet: web
    rule:
      capacity: 1.5
      min: 2
      max: 40
      horizon: 600
    machine:
      vcpus: 2
      memory: 2GiB
    now: "{{ run_time }}"
    hosts: "{{ ansible_play_hosts | map('extract', hostvars, 'observed') }}"
  delegate_to: localhost
  run_once: true
  register: plan

- name: Look at several fleets on each hypervisor
  headroom.libvirt.fleet_observe:
    fleets: "{{ fleets }}"
    holder: "{{ run_id }}"
    timestamp: "{{ run_time }}"
  register: observation

- name: Plan for all of them at once
  headroom.libvirt.provisioning_plan_info:
    fleets: "{{ fleets }}"
    holder: "{{ run_id }}"
    now: "{{ run_time }}"
    hosts: "{{ dict(ansible_play_hosts | zip(ansible_play_hosts | map('extract', hostvars, 'observation')))
      | dict2items('name', 'observation') }}"
  delegate_to: localhost
  run_once: true
  register: plans

- name: Plan by a forecast of one's own, a filter of the collection example.capacity
  headroom.libvirt.provisioning_plan_info:
    fleet: web
    rule:
      capacity: 1.5
      max: 40
      forecaster: example.capacity.arima
    hosts: "{{ ansible_play_hosts | map('extract', hostvars, 'observed') }}"
  delegate_to: localhost
  run_once: true

- name: Compare rules on a recorded day
  headroom.libvirt.provisioning_plan_info:
    fleet: web
    rule:
      capacity: 200
      max: 40
    backtest:
      csv: /root/demand.csv
      tune: true
      rules:
        - {name: more headroom, headroom: 0.3}
        - {name: only follows the trend, forecaster: trend}
  delegate_to: localhost
  run_once: true
  register: replay

- name: Show the comparison
  ansible.builtin.debug:
    msg: "{{ replay.backtest.table }}"
  run_once: true

- name: Say what will be done and why
  ansible.builtin.debug:
    msg: "{{ plan.reasons }}"
  run_once: true

- name: Look at all fleets on each hypervisor, and write nothing
  headroom.libvirt.fleet_observe:
    fleets: "{{ optimistic_provisioning_fleets }}"
    begin: []
    usage: true
  check_mode: true
  register: seen

- name: Put this host's part of the picture together
  ansible.builtin.set_fact:
    known_host:
      name: "{{ inventory_hostname }}"
      observation: "{{ seen }}"

- name: Foresee what runs short
  headroom.libvirt.provisioning_plan_info:
    outlook: {}
    fleets: "{{ optimistic_provisioning_fleets }}"
    hosts: "{{ ansible_play_hosts | map('extract', hostvars, 'known_host') }}"
  run_once: true
  delegate_to: localhost
  register: ahead

- name: Tell what is foreseen to be full, and what the loss of a host would take
  ansible.builtin.debug:
    msg: "{{ ahead.outlook.runways | map(attribute='message') + ahead.outlook.losses | map(attribute='message') }}"
  run_once: true
"""

RETURN = r"""
fleets:
  description: A row of each fleet, in their order.
  returned: when O(fleets) is set
  type: list
  elements: dict
  contains:
    fleet:
      description: The fleet.
      type: str
      returned: success
      sample: web
    error:
      description: Why it was not planned for, as RV(ignore:error) of a task that fails, with its C(message); V(none)
        where it was.
      type: dict
      returned: success
      sample: null
    problems:
      description: What is wrong with it, the RV(fleets[].error) and what was in the way of knowing its demand.
      type: list
      elements: str
      returned: success
      sample: []
    rivals:
      description: The hosts on which another run has it. It was not planned for then.
      type: list
      elements: str
      returned: success
      sample: []
    new:
      description: Whether a host has written nothing of it yet (RV(headroom.libvirt.fleet_observe#module:new)).
        Nothing is to be done for it then.
      type: bool
      returned: success
      sample: false
    leases:
      description: Since when O(holder) has it on each host, in epoch seconds.
      type: dict
      returned: success
      sample: {kvm1: 1795392000.0, kvm2: 1795392000.1}
    recorded:
      description: Whether the hosts' histories say so, which they do not in check mode.
      type: bool
      returned: success
      sample: true
    demand:
      description: As RV(demand), without its C(series); V(none) where it was not planned for, as all that follow.
      type: dict
      returned: success
      sample: {current: 20.0}
    forecast:
      description: As RV(forecast).
      type: dict
      returned: success
      sample: {value: 40.0, upper: 44.5, at: 1795395600, method: trend}
    alert:
      description: As RV(alert).
      type: dict
      returned: success
      sample: {raised: true, reason: Demand doubled from one interval to the next (10 → 20)., growth: 2.0}
    machines:
      description: As RV(machines).
      type: dict
      returned: success
      sample: {current: 2, needed: 5, target: 5}
    mode:
      description: As RV(mode).
      type: str
      returned: success
      sample: act
    parked_as:
      description: As RV(parked_as).
      type: str
      returned: success
      sample: saved
    actions:
      description: As RV(actions), an empty list where it was not planned for.
      type: list
      elements: dict
      returned: success
      sample: [{action: create, name: web-3, host: kvm1, reason: the fleet needs it, machine: null}]
    claims:
      description: The machines of other fleets that are parked for it, by host.
      type: dict
      returned: success
      sample: {kvm1: [{fleet: ci, name: ci-3}]}
    streams:
      description: Hosts that lack the appliance, and the C(host) from which they have it streamed, its C(uri) and the
        C(appliance).
      type: dict
      returned: success
      sample: {kvm3: {host: kvm1, uri: "qemu+ssh://root@kvm1/system", appliance: "web:1.0"}}
    create:
      description: As RV(create).
      type: dict
      returned: success
      sample: {kvm1: [web-3], kvm2: [web-4, web-5]}
    wake:
      description: As RV(wake).
      type: dict
      returned: success
      sample: {}
    serve:
      description: As RV(serve).
      type: dict
      returned: success
      sample: {}
    rollout:
      description: As RV(rollout).
      type: dict
      returned: success
      sample: {phase: canary, stable: "web:1.0", failed: null, failed_at: null, reason: null}
    members:
      description: As RV(members), an empty list where it was not planned for.
      type: list
      elements: dict
      returned: success
      sample: []
    prepare:
      description: As RV(prepare).
      type: dict
      returned: success
      sample: {}
    park:
      description: As RV(park).
      type: dict
      returned: success
      sample: {}
    remove:
      description: As RV(remove).
      type: dict
      returned: success
      sample: {}
    reasons:
      description: As RV(reasons), and why it was not planned for.
      type: list
      elements: str
      returned: success
      sample: [Demand stays at 5., In 5 min 5 is expected., That takes 1 machine (rule.min) of 10 each; 1 runs.]
    measured:
      description: As RV(measured).
      type: dict
      returned: success
      sample: {capacity: 214.3, utilization: 0.62, ready_seconds: 94.5}
    digest:
      description: As RV(digest).
      type: str
      returned: success
      sample: 0c5a5c4b6c1d3c6ed4d9bd7f0b0cf5f7f4f8e9f7b4a2b6a1d0c3e2f1a0b9c8d7
    decision:
      description: As RV(decision).
      type: dict
      returned: success
      sample: {timestamp: 1795392000.0, fleet: web, demand: 20.0, machines: {current: 2, needed: 5, target: 5}}
work:
  description: The fleets that something is to be done for, and what, grouped by host for whoever carries it out. A
    fleet that parks machines for others is there first with these, and then once more with all else.
  returned: when O(fleets) is set
  type: list
  elements: dict
  contains:
    fleet:
      description: The fleet.
      type: str
      returned: success
      sample: web
    hosts:
      description: The names of the machines to C(wake), C(serve), C(create), C(prepare), C(park) and C(remove), by
        host; with C(coming), all that are to serve then, C(batches), these by C(appliance), C(leaving), the actions
        on those that go, C(parking), those that are parked, by the fleet that they are parked for, and C(stream),
        whence what is made is streamed, V(none) where it is not. Hosts with nothing to do are left out.
      type: dict
      returned: success
      sample:
        kvm1: {wake: [], serve: [], create: [web-3], prepare: [], park: [], remove: [], coming: [web-3], leaving: []}
    claims:
      description: As RV(fleets[].claims). They have been parked before.
      type: dict
      returned: success
      sample: {}
    appliances:
      description: What machines are or shall be clones of, by name, where that is not simply what the fleet says.
      type: dict
      returned: success
      sample: {web-3: "web:1.0"}
    removes:
      description: Whether any machine goes.
      type: bool
      returned: success
      sample: false
    parked_as:
      description: As RV(parked_as).
      type: str
      returned: success
      sample: saved
    leases:
      description: As RV(fleets[].leases).
      type: dict
      returned: success
      sample: {kvm1: 1795392000.0, kvm2: 1795392000.1}
    recorded:
      description: As RV(fleets[].recorded).
      type: bool
      returned: success
      sample: true
idle:
  description: The names of the fleets that nothing is to be done for.
  returned: when O(fleets) is set
  type: list
  elements: str
  sample: [ci]
decisions:
  description: All decisions, for O(headroom.libvirt.provisioning_decision#module:decisions).
  returned: when O(fleets) is set
  type: list
  elements: dict
  sample: [{timestamp: 1795392000.0, fleet: web, demand: 20.0, machines: {current: 2, needed: 5, target: 5}}]
holder:
  description: The O(holder).
  returned: when O(fleets) is set
  type: str
  sample: run-7f3k2m
joint_risk:
  description: Whether the hosts have room for all fleets at once, V(none) for fewer than two that have a forecast.
  returned: when O(fleets) is set
  type: dict
  contains:
    resource:
      description: The scarcer one of V(memory) and V(vcpus), which the other values are about, in bytes or vCPUs.
      type: str
      returned: success
      sample: memory
    limit:
      description: What the fleets may have together, by what they have and what is free.
      type: float
      returned: success
      sample: 8589934592
    expected:
      description: What they are expected to need together.
      type: float
      returned: success
      sample: 6442450944
    upper:
      description: What they need if each of them is at its upper forecast.
      type: float
      returned: success
      sample: 9663676416
    independent:
      description: The share of intervals in which there is no room for all, if their peaks have nothing to do with
        each other.
      type: float
      returned: success
      sample: 0.012
    together:
      description: The same, if they all peak together.
      type: float
      returned: success
      sample: 0.087
  sample: {resource: memory, limit: 8.0e+9, expected: 6.0e+9, upper: 9.0e+9, independent: 0.012, together: 0.087}
problems:
  description: What is wrong with any of the fleets, each sentence with the name of its fleet.
  returned: when O(fleets) is set
  type: list
  elements: str
  sample: ["ci: rule.min: 9 must not be above rule.max, which is 5. Lower min or raise max."]
demand:
  description: The fleet's demand.
  returned: when O(fleet) is planned for
  type: dict
  contains:
    current:
      description: The demand of this interval, V(none) when it is not known.
      type: float
      returned: success
      sample: 20.0
    series:
      description: The demand of each interval of the latest day, oldest first. A value that is not known is V(none).
        M(headroom.libvirt.demand_history_info) returns all that is recorded.
      type: list
      elements: dict
      returned: success
      sample: [{timestamp: 1795384800, value: 5.0}, {timestamp: 1795388400, value: 10.0}]
forecast:
  description: The highest demand expected within the horizon.
  returned: when O(fleet) is planned for
  type: dict
  contains:
    value:
      description: The demand that is expected, V(none) while nothing is known.
      type: float
      returned: success
      sample: 40.0
    upper:
      description: The demand that it should stay under, given the usual error; V(none) while nothing is known.
      type: float
      returned: success
      sample: 44.5
    at:
      description: The start of the interval that it is expected in, in epoch seconds.
      type: int
      returned: success
      sample: 1795395600
    method:
      description: How it was forecast.
      type: str
      returned: success
      sample: trend
alert:
  description: Whether demand jumped.
  returned: when O(fleet) is planned for
  type: dict
  contains:
    raised:
      description: Whether it did.
      type: bool
      returned: success
      sample: true
    reason:
      description: What happened, V(none) when nothing did.
      type: str
      returned: success
      sample: Demand doubled from one interval to the next (10 → 20).
    growth:
      description: This interval's demand as a multiple of the one before, V(none) when one is not known or 0.
      type: float
      returned: success
      sample: 2.0
machines:
  description: Numbers of running machines.
  returned: when O(fleet) is planned for
  type: dict
  contains:
    current:
      description: How many run now.
      type: int
      returned: success
      sample: 2
    needed:
      description: How many the forecast asks for, V(none) while no demand is known.
      type: int
      returned: success
      sample: 5
    target:
      description: How many run when the plan has been carried out.
      type: int
      returned: success
      sample: 5
actions:
  description: What to do, in this order.
  returned: when O(fleet) is planned for
  type: list
  elements: dict
  sample: [{action: create, name: web-3, host: kvm1, reason: the fleet needs it}]
  contains:
    action:
      description: One of V(wake), V(serve), V(create), V(prepare), V(park) and V(remove). V(serve) puts a machine into
        service that runs already.
      type: str
      returned: success
      sample: create
    name:
      description: The machine's name.
      type: str
      returned: success
      sample: web-3
    host:
      description: The host that it is on, or shall be.
      type: str
      returned: success
      sample: kvm1
    machine:
      description:
        - What names the machine on any host, for O(headroom.libvirt.domain#module:machine).
        - V(none) for one that is to be made.
      type: dict
      returned: success
      sample: {uri: qemu+ssh://kvm1/system, name: web-1, uuid: 5f0c1a52-6a0e-4b7e-9d53-9f1f6a5d5a55}
    reason:
      description: Why.
      type: str
      returned: success
      sample: the fleet needs it
    appliance:
      description: What it is or shall be a clone of, V(none) where that does not matter or is what the fleet says.
      type: str
      returned: success
      sample: web:2.0
    parked_for:
      description: The more important fleet that it is parked for, V(none) where it is not.
      type: str
      returned: success
      sample: null
streams:
  description: As RV(fleets[].streams), always empty.
  returned: when O(fleet) is planned for
  type: dict
  sample: {}
claims:
  description: As RV(fleets[].claims), always empty.
  returned: when O(fleet) is planned for
  type: dict
  sample: {}
create:
  description: The names of the machines to create, by host. Hosts with none are left out.
  returned: when O(fleet) is planned for
  type: dict
  sample: {kvm1: [web-3], kvm2: [web-4, web-5]}
wake:
  description: The names of the machines to wake, by host.
  returned: when O(fleet) is planned for
  type: dict
  sample: {}
serve:
  description: The names of the machines to put into service that run already, by host.
  returned: when O(fleet) is planned for
  type: dict
  sample: {}
rollout:
  description: How far the fleet is on its way to another version.
  returned: when O(fleet) is planned for
  type: dict
  sample: {phase: canary, stable: "web:1.0", failed: null, failed_at: null, reason: null}
  contains:
    phase:
      description:
        - V(none) while there is none. V(canary) and V(rolling) on the way to a new version, V(returning) on the way
          back from one that has failed, V(renewing) while leftovers of another version are replaced, V(paused) or
          V(waiting).
      type: str
      returned: success
      sample: canary
    stable:
      description: The version that the fleet last had as a whole.
      type: str
      returned: success
      sample: web:1.0
    failed:
      description: The version that has failed, and is not tried again.
      type: str
      returned: success
      sample: web:2.0
    failed_at:
      description: When it was found to have failed, in epoch seconds.
      type: float
      returned: success
      sample: 1795392000.0
    reason:
      description: Why it has failed.
      type: str
      returned: success
      sample: "web-5: /health answers 500"
    format:
      description: The version of this shape.
      type: int
      returned: success
      sample: 1
members:
  description: The machines of the fleet as they were seen.
  returned: when O(fleet) is planned for
  type: list
  elements: dict
  sample: []
  contains:
    name:
      description: The machine's name.
      type: str
      returned: success
      sample: web-1
    host:
      description: The host that it is on.
      type: str
      returned: success
      sample: kvm1
    state:
      description: Its state.
      type: str
      returned: success
      sample: running
    version:
      description: The appliance that it is a clone of, as C(name:version).
      type: str
      returned: success
      sample: web:1.0
    parked_for:
      description: The more important fleet that it was parked for, V(none) where it was not.
      type: str
      returned: success
      sample: null
    labelled:
      description: Whether somebody put it into the fleet, so that nothing is done to it.
      type: bool
      returned: success
      sample: false
    in_service:
      description: Whether it has been put into service.
      type: bool
      returned: success
      sample: true
    healthy:
      description: What its health check says, V(none) where that is not known.
      type: bool
      returned: success
      sample: true
    health_reason:
      description: Why it is not healthy.
      type: str
      returned: success
      sample: it hangs, and its QEMU does not answer either
    serves:
      description: Whether it counts for what the fleet is asked for.
      type: bool
      returned: success
      sample: true
prepare:
  description: The names of the machines to make and then to park, by host.
  returned: when O(fleet) is planned for
  type: dict
  sample: {}
park:
  description: The names of the machines to park, by host.
  returned: when O(fleet) is planned for
  type: dict
  sample: {}
remove:
  description: The names of the machines to remove, by host.
  returned: when O(fleet) is planned for
  type: dict
  sample: {}
reasons:
  description: The decision in plain sentences, with what held it back and what is not known. With O(fleets), a
    dictionary of such lists by the names of the fleets, with C(all fleets) for what is about all of them.
  returned: when O(backtest) is not set
  type: raw
  sample:
    - Demand rose 5 → 10 → 20; each gap is 2 times the one before.
    - In 1 h 40 is expected.
    - That takes 5 machines of 10 each with 10 % headroom; 2 run.
    - "3 machines are created: web-3 on kvm1, web-4 on kvm2 and web-5 on kvm1."
decision:
  description: The decision without the history that led to it, as M(headroom.libvirt.provisioning_decision) records it.
  returned: when O(fleet) is planned for
  type: dict
  sample: {timestamp: 1795392000.0, fleet: web, demand: 20.0, machines: {current: 2, needed: 5, target: 5}}
measured:
  description: What the hosts' samples tell of the fleet's machines, whether O(rule) makes use of it or not.
  returned: when O(fleet) is planned for
  type: dict
  contains:
    capacity:
      description:
        - The demand that a machine carries with O(rule.utilization) of its vCPUs in use, V(none) while fewer than six
          of the latest 288 intervals had machines with at least a tenth in use.
        - Also V(none) while a host does not answer of whose machines the demand does not tell apart.
      type: float
      returned: success
      sample: 214.3
    utilization:
      description: The share of their vCPUs that machines used where that was measured, V(none) likewise.
      type: float
      returned: success
      sample: 0.62
    ready_seconds:
      description: Within how many seconds new machines were of use in nine of ten runs, V(none) before there are any.
      type: float
      returned: success
      sample: 94.5
mode:
  description: The O(rule.mode), for whoever carries the plan out.
  returned: when O(fleet) is planned for
  type: str
  sample: act
parked_as:
  description: The O(rule.parked_as), for whoever carries the plan out.
  returned: when O(fleet) is planned for
  type: str
  sample: saved
backtest:
  description: What would have happened.
  returned: when O(backtest) is set
  type: dict
  contains:
    table:
      description: The measures of all rules as aligned lines of text.
      type: list
      elements: str
      returned: success
      sample:
        - rule          short %  by %  over %   by %  unmet %  machine-hours   cost  actions/day  flaps/day
        - rule             0.02  0.00   95.83  36.16     0.00          27274  1.273         26.2        5.1
        - tuned            5.40  0.54   44.57   7.48     0.15          22434  1.048         30.0        8.3
        - reactive 0.7     1.87  0.36   93.24  61.26     0.12          32273  1.507         17.8        2.1
        - perfect          0.00  0.00    0.00   0.00     0.00          21417  1.000         29.5        7.3
    rules:
      description: A row for O(rule), called V(rule), for each other rule, for the one that was found, called V(tuned),
        for the reactive autoscaler, and for V(perfect), one who knows the future.
      type: list
      elements: dict
      returned: success
      contains:
        name:
          description: The row's name.
          type: str
          returned: success
          sample: rule
        changes:
          description: In which options the rule differs from O(rule), V(none) for what is no rule.
          type: dict
          returned: success
          sample: {headroom: 0.3}
        under_provisioned_share:
          description: The share of time with too few machines.
          type: float
          returned: success
          sample: 0.041
        under_provisioned_by:
          description: By how much on average, as a share of the machines needed.
          type: float
          returned: success
          sample: 0.0035
        over_provisioned_share:
          description: The share of time with more machines than needed.
          type: float
          returned: success
          sample: 0.713
        over_provisioned_by:
          description: By how much on average, as a share of the machines needed.
          type: float
          returned: success
          sample: 0.1402
        unmet_share:
          description: The share of the demand that found no machine.
          type: float
          returned: success
          sample: 0.0005
        machine_hours:
          description: The hours that machines ran, booting included.
          type: float
          returned: success
          sample: 2101.0
        needed_machine_hours:
          description: The hours that machines were needed.
          type: float
          returned: success
          sample: 1861.0
        cost:
          description: The former as a multiple of the latter.
          type: float
          returned: success
          sample: 1.129
        actions_a_day:
          description: How often a day the fleet grew or shrank.
          type: float
          returned: success
          sample: 61.2
        flaps_a_day:
          description: How often a day it changed its mind within six intervals.
          type: float
          returned: success
          sample: 9.1
        machines:
          description: The machines that were ready in each interval, V(none) without O(backtest.slots).
          type: list
          elements: int
          returned: success
          sample: [4, 4, 5]
    demand:
      description: The demand of each interval, V(none) without O(backtest.slots).
      type: list
      elements: float
      returned: success
      sample: [31.0, 33.5, null]
    tuned:
      description: What to change in O(rule), V(none) without O(backtest.tune).
      type: dict
      returned: success
      sample: {risk: 0.1, headroom: 0.0, cooldown: 300}
    start:
      description: Where the comparison starts, in epoch seconds.
      type: int
      returned: success
      sample: 1795384800
    end:
      description: Where it ends.
      type: int
      returned: success
      sample: 1797804000
    interval:
      description: The seconds of an interval.
      type: int
      returned: success
      sample: 300
    known_share:
      description: The share of intervals whose demand is known.
      type: float
      returned: success
      sample: 0.998
digest:
  description: A fingerprint of the machines that the plan was made for. Another one means that they have changed since.
  returned: when O(fleet) is planned for
  type: str
  sample: 0c5a5c4b6c1d3c6ed4d9bd7f0b0cf5f7f4f8e9f7b4a2b6a1d0c3e2f1a0b9c8d7
outlook:
  description: What is foreseen.
  returned: when O(outlook) is set
  type: dict
  contains:
    runways:
      description: When limits are reached, the soonest first.
      returned: success
      type: list
      elements: dict
      contains:
        kind:
          description: What is full then, V(pool), V(memory) or V(fleet).
          type: str
          returned: success
          sample: pool
        host:
          description: The host that has it; V(none) for a fleet.
          type: str
          returned: success
          sample: kvm1
        name:
          description: The name of the pool or of the fleet, and nothing for memory.
          type: str
          returned: success
          sample: default
        unit:
          description: What the two below are counted in, V(bytes) or the unit of the fleet's demand.
          type: str
          returned: success
          sample: bytes
        used:
          description: What is written, promised or asked for now; V(none) where that is not known.
          type: float
          returned: success
          sample: 214748364800.0
        limit:
          description:
            - The size of the pool, the memory that may be promised, or the demand for which the machines of C(rule.max)
              are just enough, with C(rule.headroom) kept free.
          type: float
          returned: success
          sample: 858993459200.0
        reached:
          description: Whether that is so already.
          type: bool
          returned: success
          sample: false
        low:
          description: The time before which it is not reached, in epoch seconds; V(none) for later than C(until).
          type: float
          returned: success
          sample: 1795910400.0
        median:
          description: The time by which it is reached as likely as not; V(none) likewise.
          type: float
          returned: success
          sample: 1796256000.0
        high:
          description: The time by which it is reached; V(none) likewise.
          type: float
          returned: success
          sample: null
        until:
          description: How far can be looked ahead, a quarter of what is recorded; V(none) below two days of that.
          type: float
          returned: success
          sample: 1796774400.0
        known_seconds:
          description: How much is recorded.
          type: float
          returned: success
          sample: 5184000.0
        asked:
          description: How many times in the history it is known by now when the same rise was reached.
          type: int
          returned: success
          sample: 170
        covered:
          description: How many of those times the interval that would have been told held.
          type: int
          returned: success
          sample: 158
        message:
          description: The same in a sentence.
          type: str
          returned: success
          sample: >-
            The pool default of kvm1 is full by Thu 3 Dec 00:00 UTC as likely as not, and in 8 of 10 cases
            not before Sun 29 Nov 00:00 UTC and after Wed 9 Dec 00:00 UTC.
    share:
      description: In which share of cases C(low) and C(high) hold, at least.
      returned: success
      type: float
      sample: 0.8
    losses:
      description: What the loss of each host takes, now and at the next peak of the demand.
      returned: success
      type: list
      elements: dict
      contains:
        host:
          description: The host.
          type: str
          returned: success
          sample: kvm1
        when:
          description:
            - V(now), or V(peak) for the time within the next day at which the fleets need the most memory together.
              There is none while the demand of less than 48 hours is known.
          type: str
          returned: success
          sample: now
        timestamp:
          description: That time in epoch seconds.
          type: float
          returned: success
          sample: 1795392000.0
        lost:
          description: How many machines of fleets that serve go with it.
          type: int
          returned: success
          sample: 3
        short:
          description: Of how many machines the fleets are short at once.
          type: int
          returned: success
          sample: 3
        lasting:
          description: Of how many of these they stay short, as there is no room elsewhere or their rules forbid it.
          type: int
          returned: success
          sample: 1
        others:
          description: How many other guests run on the host, which nobody starts elsewhere.
          type: int
          returned: success
          sample: 2
        fleets:
          description: The fleets that lose machines, or are short of some.
          returned: success
          type: list
          elements: dict
          contains:
            fleet:
              description: The fleet.
              type: str
              returned: success
              sample: web
            serving:
              description: How many machines it has that serve.
              type: int
              returned: success
              sample: 5
            lost:
              description: How many of them are on the host.
              type: int
              returned: success
              sample: 2
            needed:
              description: How many its demand asks for.
              type: int
              returned: success
              sample: 5
            short:
              description: Of how many it is short at once.
              type: int
              returned: success
              sample: 2
            replaced:
              description: How many machines the next run wakes or makes for it, by host.
              type: dict
              returned: success
              sample: {kvm2: 1}
            seconds:
              description: Within how many seconds these are of use, an interval and what new machines take.
              type: float
              returned: success
              sample: 341.5
            lasting:
              description: Of how many it is short even then.
              type: int
              returned: success
              sample: 1
            until:
              description: When no more than it has are needed, in epoch seconds; V(none) for longer than is foreseen.
              type: float
              returned: success
              sample: 1795413600.0
            reasons:
              description: The reasons of that plan.
              type: list
              elements: str
              returned: success
              sample: ["web-11 is created on kvm2: the fleet needs it."]
            message:
              description: The same in a sentence.
              type: str
              returned: success
              sample: >-
                web loses 2 of 5 machines and is short of 2; 1 comes up on kvm2 within 5 min 42 s; 1 stays missing until
                Mon 23 Nov 06:00 UTC.
        message:
          description: The same in a sentence.
          type: str
          returned: success
          sample: If kvm1 is lost now, 3 machines of fleets go with it, and 1 that are needed come up nowhere else.
    problems:
      description: What is wrong with fleets, of which nothing can be said.
      returned: success
      type: list
      elements: str
      sample: []
    timestamp:
      description: The time of the outlook in epoch seconds.
      returned: success
      type: float
      sample: 1795392000.0
"""

import time
import typing as t

from ansible_collections.headroom.libvirt.plugins.module_utils._argspec import ArgumentSpec
from ansible_collections.headroom.libvirt.plugins.module_utils._backtest.request import (
    BACKTEST,
    read_series,
    run_backtest,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._demand.database import Database
from ansible_collections.headroom.libvirt.plugins.module_utils._names import check_name
from ansible_collections.headroom.libvirt.plugins.module_utils._outlook.plan import plan_outlook
from ansible_collections.headroom.libvirt.plugins.module_utils._outlook.request import OUTLOOK
from ansible_collections.headroom.libvirt.plugins.module_utils._outlook.request import (
    read_request as read_outlook,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.calibration import (
    apply_calibration,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.fleets import read_fleets
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.options import read_rule
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.request import (
    ARGUMENTS as PLAN_ARGUMENTS,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.request import (
    observe_hosts,
    read_request,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._provision.run import (
    plan_fleet,
    plan_fleets,
)
from ansible_collections.headroom.libvirt.plugins.module_utils._runner import run_module

if t.TYPE_CHECKING:
    from ansible.module_utils.basic import AnsibleModule

ARGUMENTS = PLAN_ARGUMENTS.merge(
    ArgumentSpec(
        options={
            "backtest": {"type": "dict", "options": BACKTEST},
            "outlook": {"type": "dict", "options": OUTLOOK},
        },
        mutually_exclusive=[("fleets", "backtest"), ("fleet", "outlook")],
    )
)


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """Return the result of the task: a plan, what a backtest found, or what is foreseen."""
    params = module.params
    invocation = {"module_args": _shorten(params)}
    if params["backtest"] is not None:
        return {"changed": False, "backtest": replay(params)}
    if params["outlook"] is not None:
        outlook = plan_outlook(read_outlook(params, time.time()))
        return {"changed": False, "outlook": outlook, "invocation": invocation}
    path = params["forecast_state"]
    database = None if path is None else Database(path, dry_run=module.check_mode)
    if params["fleets"] is not None:
        result = plan_fleets(read_fleets(params), params["mode"], database, module.warn)
        result["holder"] = params["holder"]
    else:
        result = plan_fleet(read_request(params), database, module.warn).as_result()
    return {**result, "invocation": invocation}


def replay(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return what would have happened, by the history of the hosts or that of a file."""
    backtest = params["backtest"]
    if backtest["csv"] is not None:
        check_name("fleet", params["fleet"])
        rule = read_rule(params["rule"])
        series = read_series(backtest["csv"], rule.interval)
    else:
        request = read_request(params)
        observed = observe_hosts(request)
        rule, _notes = apply_calibration(request.rule, observed.calibration, observed.size.vcpus)
        series = observed.series
    options = {**params["rule"], "capacity": rule.capacity, "horizon": rule.horizon}
    return run_backtest(series, options, backtest)


def _shorten(params: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    """Return the options as ``-vvv`` shows them: of the hosts only the names, not all that was recorded on them."""
    fleets = params["fleets"] and [{"name": fleet["name"]} for fleet in params["fleets"]]
    hosts = [{"name": host["name"]} for host in params["hosts"]]
    return {**params, "fleets": fleets, "hosts": hosts}


def main() -> None:
    """Run the module."""
    run_module(ARGUMENTS, "plan for the fleet", run)


if __name__ == "__main__":
    main()
