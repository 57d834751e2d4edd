/*
 * Copyright (c) 2026, headroom.libvirt contributors
 * GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
 * SPDX-License-Identifier: GPL-3.0-or-later
 *
 * The guest's web server: a demand that shows in the counters of its host.
 *
 *   GET /health          "ok"
 *   GET /identity        JSON: hostname, machine_id, mac, uuid, boot_count, uptime
 *   GET /work?units=N    N units (default 1) of a fixed amount of arithmetic, then a body of 16 KiB
 *   GET /turn?ms=N       N milliseconds (default 100) for which it serves no other, then a body of 1 KiB: a machine that
 *                        carries 1000/N such requests a second however fast its host is, and takes none of its CPU
 *   GET /ledger          JSON: acked, reads, bad, errors of the ledger on the second disk, see ledger.c
 *
 * Each answer has a header X-Version, if the disk says which version of an appliance it is (see rootfs/etc/identity).
 */
#include <arpa/inet.h>
#include <inttypes.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "ledger.h"

#define PORT 80
#define BODY_BYTES 16384
#define ROUNDS_PER_UNIT 6000000 /* 20 to 30 ms of an emulated CPU */
#define MAX_UNITS 1000
#define TURN_BYTES 1024
#define MAX_TURN_MS 10000
#define MAX_CHILDREN 32 /* more clients than this wait in the backlog: the guest is small */

static uint64_t next_random(uint64_t x)
{
    return x * 6364136223846793005ULL + 1442695040888963407ULL; /* Knuth's, in MMIX */
}

static void read_fact(const char *name, char *value, int size)
{
    char path[64];
    FILE *file;

    value[0] = '\0';
    snprintf(path, sizeof path, "/run/identity/%s", name);
    if ((file = fopen(path, "r"))) {
        if (fgets(value, size, file))
            value[strcspn(value, "\n")] = '\0';
        fclose(file);
    }
}

static void respond(int client, const char *status, const char *type, const char *body, size_t bytes)
{
    char head[256], version[32];
    int n = snprintf(head, sizeof head,
                     "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: close\r\n",
                     status, type, bytes);

    read_fact("version", version, sizeof version);
    if (version[0])
        n += snprintf(head + n, sizeof head - n, "X-Version: %s\r\n", version);
    n += snprintf(head + n, sizeof head - n, "\r\n");
    if (send(client, head, n, MSG_NOSIGNAL | MSG_MORE) < 0)
        return;
    for (ssize_t sent; bytes > 0; body += sent, bytes -= sent)
        if ((sent = send(client, body, bytes, MSG_NOSIGNAL)) <= 0)
            return;
}

/* printable, and different in each place: nothing can shrink it */
static void fill(char *body, size_t bytes, uint64_t x)
{
    for (size_t i = 0; i < bytes; i++)
        body[i] = 'a' + ((x = next_random(x)) >> 33) % 26;
}

static void turn(int client, const char *query)
{
    static char body[TURN_BYTES];
    long ms = strncmp(query, "?ms=", 4) == 0 ? atol(query + 4) : 100;
    struct timespec pause = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000};
    int counter = open("/run/turn", O_RDWR | O_CREAT, 0644);

    if (ms < 1 || ms > MAX_TURN_MS) {
        respond(client, "400 Bad Request", "text/plain", "ms: 1 to 10000\n", 15);
        return;
    }
    flock(counter, LOCK_EX); /* the next in line waits here */
    nanosleep(&pause, NULL);
    flock(counter, LOCK_UN);
    fill(body, sizeof body, 88172645463325252ULL);
    respond(client, "200 OK", "text/plain", body, sizeof body);
}

static void work(int client, const char *query)
{
    static char body[BODY_BYTES];
    uint64_t x = 88172645463325252ULL;
    long units = strncmp(query, "?units=", 7) == 0 ? atol(query + 7) : 1;

    if (units < 1 || units > MAX_UNITS) {
        respond(client, "400 Bad Request", "text/plain", "units: 1 to 1000\n", 17);
        return;
    }
    for (long i = units * ROUNDS_PER_UNIT; i > 0; i--)
        x = next_random(x);
    fill(body, sizeof body, x);
    respond(client, "200 OK", "text/plain", body, sizeof body);
}

static void identity(int client)
{
    static const char *names[] = {"hostname", "machine_id", "mac", "uuid"};
    char body[1024], value[128];
    struct timespec up;
    int n = 0;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        read_fact(names[i], value, sizeof value);
        n += snprintf(body + n, sizeof body - n, "%s\"%s\": \"%s\"", i ? ", " : "{", names[i], value);
    }
    read_fact("boot_count", value, sizeof value);
    clock_gettime(CLOCK_BOOTTIME, &up);
    n += snprintf(body + n, sizeof body - n, ", \"boot_count\": %d, \"uptime\": %ld.%02ld}\n", atoi(value),
                  (long)up.tv_sec, up.tv_nsec / 10000000);
    respond(client, "200 OK", "application/json", body, n);
}

static void ledger(int client)
{
    struct ledger state;
    char body[256];
    FILE *file = fopen(LEDGER_PATH, "r");

    if (!file || fread(&state, sizeof state, 1, file) != 1)
        respond(client, "503 Service Unavailable", "text/plain", "no ledger\n", 10);
    else
        respond(client, "200 OK", "application/json", body,
                snprintf(body, sizeof body,
                         "{\"acked\": %" PRIu64 ", \"reads\": %" PRIu64 ", \"bad\": %" PRIu64 ", \"errors\": %" PRIu64
                         "}\n",
                         state.acked, state.reads, state.bad, state.errors));
    if (file)
        fclose(file);
}

static void serve(int client)
{
    char request[2048], *path, *end;
    struct timeval patience = {.tv_sec = 10};
    ssize_t n;

    setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    if ((n = recv(client, request, sizeof request - 1, 0)) <= 0)
        return;
    request[n] = '\0';
    if (strncmp(request, "GET ", 4) || !(end = strchr(path = request + 4, ' '))) {
        respond(client, "400 Bad Request", "text/plain", "GET only\n", 9);
        return;
    }
    *end = '\0';
    if (strcmp(path, "/health") == 0)
        respond(client, "200 OK", "text/plain", "ok\n", 3);
    else if (strcmp(path, "/identity") == 0)
        identity(client);
    else if (strcmp(path, "/ledger") == 0)
        ledger(client);
    else if (strncmp(path, "/turn", 5) == 0 && (path[5] == '\0' || path[5] == '?'))
        turn(client, path + 5);
    else if (strncmp(path, "/work", 5) == 0 && (path[5] == '\0' || path[5] == '?'))
        work(client, path + 5);
    else
        respond(client, "404 Not Found", "text/plain", "no such page\n", 13);
}

static void reap(int *children)
{
    while (*children > 0 && waitpid(-1, NULL, *children < MAX_CHILDREN ? WNOHANG : 0) > 0)
        --*children;
}

int main(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(PORT)};
    int yes = 1, children = 0, client, listener = socket(AF_INET, SOCK_STREAM, 0);

    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 128)) {
        perror("workd");
        sleep(1); /* init starts it again: not in a busy loop */
        return 1;
    }
    for (;;) {
        reap(&children);
        if ((client = accept(listener, NULL, NULL)) < 0)
            continue;
        pid_t child = fork();
        if (child == 0) {
            serve(client);
            /* an orderly end: closing with unread input would reset the connection under the client's feet */
            shutdown(client, SHUT_WR);
            _exit(0);
        }
        children += child > 0;
        close(client);
    }
}
