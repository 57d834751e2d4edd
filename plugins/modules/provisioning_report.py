#!/usr/bin/python
# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: provisioning_report
short_description: Write a page about fleets, hosts, guests and tenants
version_added: 0.1.0
author:
  - headroom.libvirt contributors (@headroom-libvirt)
description:
  - Writes one self-contained HTML page, without scripts and without anything from the network, that is light or dark as
    the reader's browser is, and can be read on a phone.
  - It shows each fleet's demand with what was forecast for it, its machines over time and why they were decided on,
    when pools, memory and fleets are full and what the loss of a host would take, each host's capacity and how many
    more clones fit, the guests with their figures, what tenants use of their quotas,
    and unfinished transactions.
  - It is made on the controller out of what tasks before returned on the hosts, and written where the task runs, so
    C(delegate_to=localhost) with C(run_once=true) is usual.
  - All text is escaped; what a guest calls itself is never taken for a template or for HTML.
options:
  dest:
    description:
      - The page's file. It is replaced in one step.
    type: path
    required: true
  tenant_dest:
    description:
      - A folder that gets a page for each tenant, C(TENANT.html), with its own fleets, guests and use only, and nothing
        of the hosts or of others. It is made where it is missing.
      - In the name of the file, whatever is no letter of ASCII, digit, C(.), C(_) or C(-) is C(~) and its bytes, so
        that V(Team A) has C(Team~20A.html). RV(pages) says which page is whose, and RV(left_out) who has none.
    type: path
  title:
    description:
      - The page's title.
    type: str
    default: Provisioning
  logo:
    description:
      - An image on the controller that stands above the title, an SVG, PNG or JPEG of at most 128 KiB. It becomes a
        part of the page.
    type: path
  fleets:
    description:
      - The fleets to show.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The fleet's name.
        type: str
        required: true
      tenant:
        description:
          - The tenant that it belongs to.
        type: str
      interval:
        description:
          - The seconds of an interval of its demand. Without it, what its last decision says.
        type: int
      past:
        description:
          - What M(headroom.libvirt.demand_history_info) returned on each host.
        type: list
        elements: dict
        default: []
      machine:
        description:
          - What one of its machines takes of a host, as C(appliance) of
            RV(headroom.libvirt.fleet_observe#module:fleets) says. It is told how many more of them fit, on each host
            and on all.
        type: dict
        suboptions:
          vcpus:
            description:
              - Its vCPUs.
            type: int
          memory:
            description:
              - Its memory with a unit.
            type: str
          disk:
            description:
              - Its disk with a unit.
            type: str
  hosts:
    description:
      - The hosts to show. One that did not answer belongs here too, without facts.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The host's name.
        type: str
        required: true
      facts:
        description:
          - RV(headroom.libvirt.host_info#module:host) of the host.
        type: dict
      domains:
        description:
          - RV(headroom.libvirt.domain_stats_info#module:domains) of the host, with rates to show them.
        type: list
        elements: dict
        default: []
  machine:
    description:
      - The clone of which it is told how many more fit.
    type: dict
    default: {}
    suboptions:
      vcpus:
        description:
          - Its vCPUs, V(1) without it.
        type: int
      memory:
        description:
          - Its memory with a unit, V(1GiB) without it.
        type: str
      disk:
        description:
          - Its disk with a unit, V(1GiB) without it.
        type: str
  quotas:
    description:
      - What each tenant may have on a host, a dictionary with some of C(machines), C(vcpus), C(memory) and C(disk)
        under its name.
    type: dict
    default: {}
  transactions:
    description:
      - Unfinished transactions, dictionaries with C(kind), C(subject), C(host), C(started), C(alive) and C(problem), as
        RV(headroom.libvirt.transaction_info#module:transactions) has them. C(started) may also be epoch seconds.
    type: list
    elements: dict
    default: []
  backtest:
    description:
      - RV(headroom.libvirt.provisioning_plan_info#module:backtest), to show it too.
    type: dict
  outlook:
    description:
      - RV(headroom.libvirt.provisioning_plan_info#module:outlook), to show when pools, memory and fleets are full, and
        what the loss of a host would take. Tenants are not shown it.
    type: dict
  templates:
    description:
      - A folder on the controller with Jinja2 templates that come before the collection's of the same names, which are
        C(report.html.j2), C(fleet.html.j2), C(outlook.html.j2), C(parts.html.j2) and
        C(style.css.j2) in its
        C(plugins/plugin_utils/_report/templates).
      - The collection's are also found below C(collection/), so a C(report.html.j2) of one's own may begin with
        C({% extends "collection/report.html.j2" %}) and override the blocks C(fleets), C(outlook), C(hosts),
        C(tenants), C(guests), C(transactions), C(backtest) or C(footer), in the head of the page also C(logo),
        C(subtitle) and C(alerts), and at its end C(data).
    type: path
  tenants:
    description:
      - How the pages of tenants look, where they are to look otherwise than the operator's.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - The tenant.
        type: str
        required: true
      title:
        description:
          - The title of its page, O(title) without it.
        type: str
      logo:
        description:
          - Its logo, O(logo) without it.
        type: path
      templates:
        description:
          - A folder as O(templates), in whose place it comes, with the words that this tenant is to read.
        type: path
  timezone:
    description:
      - The time zone of all times on the pages, and of the axes of their charts, by its name in the IANA database, such
        as V(Europe/Berlin). An hour that the clocks there show twice says which one it is.
      - Sentences that were recorded keep their times, which say UTC.
    type: str
    default: UTC
  data:
    description:
      - What each page is written as besides, for programs and spreadsheets, into files beside it to which it links.
      - V(json) makes one file, C(report.json) for C(report.html), with moments in epoch seconds, and a C(format) that
        changes when its shape does.
      - V(csv) makes C(report.demand.csv), C(report.decisions.csv), C(report.guests.csv) and, of the operator's page,
        C(report.hosts.csv), with moments in ISO 8601. A text that a spreadsheet would compute has an apostrophe before
        it.
    type: list
    elements: str
    choices: [csv, json]
    default: []
  mode:
    description:
      - The permissions of the pages, as for M(ansible.builtin.copy).
    type: raw
    default: "0640"
  now:
    description:
      - The time of the report in epoch seconds. Without it, the controller's clock counts.
    type: float
extends_documentation_fragment:
  - headroom.libvirt.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
  idempotent:
    support: full
    details:
      - With the same O(now).
requirements:
  - pygal 3.0 or newer on the controller, which draws the charts
seealso:
  - module: headroom.libvirt.demand_history_info
    description: Reads the demand and the decisions.
"""

EXAMPLES = r"""
- name: Read what was asked for and decided
  headroom.libvirt.demand_history_info:
    fleet: web
    window: 604800
  register: past

- name: Read what each hypervisor can still take
  headroom.libvirt.host_info:
  register: host_info

- name: Read the guests
  headroom.libvirt.domain_stats_info:
    interval: 2
  register: stats

- name: Put together what is known of this host
  ansible.builtin.set_fact:
    observed:
      name: "{{ inventory_hostname }}"
      facts: "{{ host_info.host }}"
      domains: "{{ stats.domains }}"

- name: Write the report
  headroom.libvirt.provisioning_report:
    dest: /var/www/html/headroom.html
    mode: "0644"
    fleets:
      - name: web
        past: "{{ ansible_play_hosts | map('extract', hostvars, 'past') }}"
    hosts: "{{ ansible_play_hosts | map('extract', hostvars, 'observed') }}"
  delegate_to: localhost
  run_once: true

- name: Write it in local time, as data too, and in a tenant's own colours and words
  headroom.libvirt.provisioning_report:
    dest: /var/www/html/headroom.html
    tenant_dest: /var/www/html/tenants
    timezone: Europe/Berlin
    data: [json, csv]
    hosts: "{{ ansible_play_hosts | map('extract', hostvars, 'observed') }}"
    tenants:
      - name: acme
        title: Machines of ACME
        logo: files/acme.svg
        templates: files/acme-report
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
pages:
  description: The pages.
  returned: success
  type: list
  elements: dict
  sample: [{path: /var/www/html/headroom.html, size_bytes: 115100, tenant: null}]
  contains:
    path:
      description: Where the page is.
      type: str
      returned: success
      sample: /var/www/html/headroom.html
    size_bytes:
      description: Its size.
      type: int
      returned: success
      sample: 115100
    tenant:
      description: The tenant that it is for. Null for the operator's page.
      type: str
      returned: success
      sample: Team A
data:
  description: The files beside the pages.
  returned: success
  type: list
  elements: dict
  sample: [{path: /var/www/html/headroom.json, size_bytes: 80210, tenant: null}]
  contains:
    path:
      description: Where the file is.
      type: str
      returned: success
      sample: /var/www/html/headroom.json
    size_bytes:
      description: Its size.
      type: int
      returned: success
      sample: 80210
    tenant:
      description: The tenant whose page it belongs to. Null for the operator's.
      type: str
      returned: success
      sample: Team A
left_out:
  description: The tenants that have no page, with the reason. There is a warning for each.
  returned: success
  type: list
  elements: dict
  sample: [{tenant: headroom, reason: "its page would be /var/www/html/headroom.html, which is the operator's"}]
  contains:
    tenant:
      description: The tenant.
      type: str
      returned: success
      sample: headroom
    reason:
      description: Why it has none.
      type: str
      returned: success
      sample: its name makes a file name of 300 bytes
"""
