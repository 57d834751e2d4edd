# Copyright (c) 2026, headroom.libvirt contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A crowd of visitors that comes to a fleet: the lab, a balancer before the fleet, the load, and the playbooks.

What ./dev demo, ./dev bench flashcrowd and ./dev bench priorities have in common.
"""
