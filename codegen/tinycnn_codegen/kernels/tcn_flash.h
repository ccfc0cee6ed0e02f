/* How constants are qualified: not at all where they are read like any other memory. Where they have an address space
 * of their own, define it on the compiler's command line, such as -DTCN_FLASH=__flash with avr-gcc -std=gnu99. */
#ifndef TCN_FLASH
#define TCN_FLASH
#endif
