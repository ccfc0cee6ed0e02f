/* port_stdio.c - port.h on a machine with an operating system and a C library. */
#include <stdio.h>
#include <stdlib.h>

#include "port.h"

static FILE *inputs;
static FILE *results;

void port_open(void)
{
    inputs = fopen("inputs.bin", "rb");
    results = fopen("results.bin", "wb");
    if (inputs == NULL || results == NULL) {
        exit(PORT_STATUS_FILE);
    }
}

void port_read(void *to, uint32_t bytes)
{
    if (fread(to, 1, bytes, inputs) != bytes) {
        exit(PORT_STATUS_FILE);
    }
}

void port_write(const void *from, uint32_t bytes)
{
    if (fwrite(from, 1, bytes, results) != bytes) {
        exit(PORT_STATUS_FILE);
    }
}

void port_exit(int status)
{
    if (fclose(results) != 0) {
        exit(PORT_STATUS_FILE);
    }
    exit(status);
}

uint32_t port_run(harness_network_arena_t *arena)
{
    harness_network_run(arena);
    return PORT_STACK_UNKNOWN;
}
