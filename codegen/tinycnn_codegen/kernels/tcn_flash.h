/* How constants are qualified: not at all where they are read like any memory. On a machine with an address space of
 * its own for them, define it on the compiler's command line, for example -DTCN_FLASH=__flash with avr-gcc -std=gnu99. */
#ifndef TCN_FLASH
#define TCN_FLASH
#endif
