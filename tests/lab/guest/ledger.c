/*
 * Copyright (c) 2026, headroom.libvirt contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * A disk that tells whether anything of it was lost or changed.
 *
 *   ledger make FILE MIB       a raw disk full of blocks that look random; entry 0 in each
 *   ledger run DEVICE          in the guest: write entries 1, 2, 3 … for good, read back, dirty memory; never returns
 *   ledger check FILE ACKED    a raw disk at rest: every block whole and its own, no entry up to ACKED missing
 *
 * A block of 4 KiB holds its place, the number of its last entry, and noise that follows from these two. Where entry
 * N goes follows from N, so a checker knows what each block must hold. "run" writes nothing to a disk that is no ledger.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ledger.h"

#define BLOCK 4096
#define WORDS (BLOCK / 8)
#define MAGIC 0x726f6f6d64616568ULL
#define PER_SECOND 25         /* entries written, and as many read back */
#define PAGES_PER_SECOND 200  /* memory dirtied */
#define WORKING_SET (16 << 20)

static uint64_t blocks;
static int disk;

static uint64_t mix(uint64_t x) /* splitmix64, Steele and others 2014 */
{
    x += 0x9e3779b97f4a7c15ULL;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
}

static uint64_t place_of(uint64_t entry)
{
    return mix(entry) % blocks;
}

static void fill(uint64_t *block, uint64_t place, uint64_t entry)
{
    uint64_t state = mix(mix(place) ^ entry);

    block[0] = MAGIC;
    block[1] = place;
    block[2] = entry;
    for (int i = 3; i < WORDS; i++)
        block[i] = state = mix(state);
}

/* Whether the block is what was written to that place; its entry goes to *entry. */
static int whole(const uint64_t *block, uint64_t place, uint64_t *entry)
{
    static uint64_t expected[WORDS];

    *entry = block[2];
    if (block[0] != MAGIC || block[1] != place)
        return 0;
    fill(expected, place, block[2]);
    return memcmp(block, expected, BLOCK) == 0;
}

static uint64_t *buffer(void)
{
    return aligned_alloc(BLOCK, BLOCK);
}

static int read_block(uint64_t *block, uint64_t place)
{
    return pread(disk, block, BLOCK, place * BLOCK) == BLOCK;
}

/* {last entry of each place} after entries 1 to `acked` */
static uint32_t *replay(uint64_t acked)
{
    uint32_t *last = calloc(blocks, sizeof *last);

    for (uint64_t entry = 1; entry <= acked; entry++)
        last[place_of(entry)] = entry;
    return last;
}

static int open_disk(const char *path, int flags)
{
    if ((disk = open(path, flags, 0644)) < 0) {
        perror(path);
        return 0;
    }
    blocks = lseek(disk, 0, SEEK_END) / BLOCK;
    return 1;
}

static int make(const char *path, uint64_t mib)
{
    uint64_t *block = buffer();

    if (!open_disk(path, O_RDWR | O_CREAT | O_EXCL))
        return 2;
    for (uint64_t place = 0; place < mib * (1 << 20) / BLOCK; place++) {
        fill(block, place, 0);
        if (write(disk, block, BLOCK) != BLOCK) {
            perror(path);
            return 2;
        }
    }
    return 0;
}

static int check(const char *path, uint64_t acked)
{
    uint64_t *block = buffer(), entry, changed = 0, lost = 0, later = 0;
    uint32_t *last;

    if (!open_disk(path, O_RDONLY))
        return 2;
    last = replay(acked);
    for (uint64_t place = 0; place < blocks; place++) {
        if (!read_block(block, place) || !whole(block, place, &entry))
            changed++;
        else if (entry < last[place])
            lost++;
        else if (entry > last[place]) /* written after `acked` was read: right if it belongs here */
            entry > acked && place_of(entry) == place ? later++ : changed++;
    }
    printf("{\"blocks\": %" PRIu64 ", \"acked\": %" PRIu64 ", \"changed\": %" PRIu64 ", \"lost\": %" PRIu64
           ", \"later\": %" PRIu64 "}\n", blocks, acked, changed, lost, later);
    return changed || lost;
}

/* The last entry on the disk: entry N was written if what is in its place is N or later. */
static uint64_t last_entry(uint64_t *block)
{
    uint64_t low = 0, high = 1, entry;

    for (;; low = high, high *= 2)
        if (!read_block(block, place_of(high)) || !whole(block, place_of(high), &entry) || entry < high)
            break;
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        if (read_block(block, place_of(middle)) && whole(block, place_of(middle), &entry) && entry >= middle)
            low = middle;
        else
            high = middle;
    }
    return low;
}

static struct ledger *shared(void)
{
    int file = open(LEDGER_PATH, O_RDWR | O_CREAT, 0644);

    if (file < 0 || ftruncate(file, sizeof(struct ledger)))
        return NULL;
    return mmap(NULL, sizeof(struct ledger), PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
}

static void append(struct ledger *state, uint64_t *block, uint32_t *last)
{
    uint64_t entry = state->acked + 1, place = place_of(entry);

    fill(block, place, entry);
    if (pwrite(disk, block, BLOCK, place * BLOCK) != BLOCK) {
        state->errors++;
        return;
    }
    last[place] = entry;
    state->acked = entry; /* O_DSYNC: it is on the disk */
}

static void verify(struct ledger *state, uint64_t *block, const uint32_t *last)
{
    uint64_t place = mix(state->reads ^ state->acked << 20) % blocks, entry;

    if (!read_block(block, place))
        state->errors++;
    else if (!whole(block, place, &entry) || entry != last[place])
        state->bad++;
    state->reads++;
}

static int run(const char *path)
{
    struct timespec pause = {.tv_nsec = 1000000000 / PER_SECOND};
    uint64_t *block = buffer(), entry, page = 0;
    struct ledger *state = shared();
    char *memory = malloc(WORKING_SET);
    uint32_t *last;

    if (!state || !open_disk(path, O_RDWR | O_DIRECT | O_DSYNC))
        return 2;
    if (!read_block(block, 0) || !whole(block, 0, &entry)) {
        fprintf(stderr, "ledger: %s is no ledger; it is left alone\n", path);
        return 2;
    }
    state->acked = last_entry(block);
    last = replay(state->acked);
    for (;; nanosleep(&pause, NULL)) {
        append(state, block, last);
        verify(state, block, last);
        for (int i = 0; i < PAGES_PER_SECOND / PER_SECOND; i++, page++)
            memory[mix(page) % WORKING_SET] = page;
    }
}

int main(int count, char **words)
{
    if (count == 4 && strcmp(words[1], "make") == 0)
        return make(words[2], strtoull(words[3], NULL, 10));
    if (count == 4 && strcmp(words[1], "check") == 0)
        return check(words[2], strtoull(words[3], NULL, 10));
    if (count == 3 && strcmp(words[1], "run") == 0)
        return run(words[2]);
    fprintf(stderr, "usage: ledger make FILE MIB | run DEVICE | check FILE ACKED\n");
    return 2;
}
