/* port.h - what harness.c needs from the machine that it runs on.
 *
 * A port reads the file "inputs.bin" and writes the file "results.bin", both in the folder in which the
 * program or its emulator was started. No function returns when it fails: it ends the program with one of the
 * statuses below.
 */
#ifndef PORT_H
#define PORT_H

#include <stdint.h>

#include "harness_network.h"

enum {
    PORT_STATUS_FAULT = 2, /* the processor stopped at an invalid instruction or access */
    PORT_STATUS_FILE = 3,  /* a file could not be opened, is too short, or could not be written */
    PORT_STATUS_STACK = 4  /* the stack ran into the data below it */
};

/* What port_run returns on a machine that does not measure its stack. */
#define PORT_STACK_UNKNOWN 0xFFFFFFFFu

void port_open(void);
void port_read(void *to, uint32_t bytes);
void port_write(const void *from, uint32_t bytes);
void port_exit(int status);

/* Calls harness_network_run(arena). Returns the bytes of stack that the call used at most, its return address
 * included.
 *
 * This function alone may call harness_network_run: instructions are counted from there until control is back in
 * port_run. */
uint32_t port_run(harness_network_arena_t *arena);

#endif
