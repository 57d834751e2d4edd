/*
 * Copyright (c) 2026, headroom.libvirt contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * What ledger.c tells workd.c, through a file in memory that both map.
 */
#include <stdint.h>

#define LEDGER_PATH "/run/ledger"

struct ledger {
    volatile uint64_t acked;  /* the last entry that is on the disk for good */
    volatile uint64_t reads;  /* blocks read back */
    volatile uint64_t bad;    /* of them, those that were not what was written */
    volatile uint64_t errors; /* reads and writes that failed */
};
