/* port_avr.c - port.h on an AVR in targets/emulators/run_avr.c, which gives the general purpose I/O registers a
 * meaning: reading GPIOR0 takes the next byte of the inputs, writing GPIOR1 adds a byte to the results, writing GPIOR2
 * ends the program with that status. /
 */
#include <avr/io.h>

#include "port.h"

#define PAINT 0xA5u

/* Where avr-libc's linker scripts let the data end. */
extern uint8_t __heap_start[];

void port_open(void)
{
}

void port_read(void *to, uint32_t bytes)
{
    uint8_t *target = to;

    for (; bytes != 0; bytes--) {
        *target++ = GPIOR0;
    }
}

void port_write(const void *from, uint32_t bytes)
{
    const uint8_t *source = from;

    for (; bytes != 0; bytes--) {
        GPIOR1 = *source++;
    }
}

void port_exit(int status)
{
    GPIOR2 = (uint8_t)status;
    for (;;) {
    }
}

/* Paints the free stack, calls the network, and looks for the lowest byte that lost its paint: see
 * port_semihosting.c. The stack pointer is at the first free byte. */
uint32_t port_run(harness_network_arena_t *arena)
{
    volatile uint8_t *const limit = __heap_start;
    volatile uint8_t *const top = (volatile uint8_t *)SP;
    volatile uint8_t *byte;

    if (top < limit) {
        port_exit(PORT_STATUS_STACK);
    }
    for (byte = limit; byte <= top; byte++) {
        *byte = PAINT;
    }
    harness_network_run(arena);
    if (*limit != PAINT) {
        port_exit(PORT_STATUS_STACK);
    }
    byte = limit;
    while (byte <= top && *byte == PAINT) {
        byte++;
    }
    return (uint32_t)(top + 1 - byte);
}
