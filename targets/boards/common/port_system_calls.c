/* port_system_calls.c - port.h by the system calls of a 32-bit Linux, or by those that a simulator of Xtensa takes.
 *
 * Debian's static C library needs more than an Intel486 has, and would not fit 256 KB. Numbers of the calls and
 * registers: Linux, arch/x86/entry/syscalls/syscall_32.tbl, arch/powerpc/kernel/syscalls/syscall.tbl, and syscall(2).
 * Xtensa's SIMCALL has the same numbers (QEMU, target/xtensa/xtensa-semi.c).
 */
#include "port.h"

enum { CALL_EXIT = 1, CALL_READ = 3, CALL_WRITE = 4, CALL_OPEN = 5 };

enum { OPEN_TO_READ = 0, OPEN_TO_REPLACE = 01 | 0100 | 01000, READABLE_BY_ALL = 0644 };

#define PAINT 0x5AFEC0DEu

/* Where the linker script lets the stack end. */
extern uint32_t board_stack_limit[];

static int32_t inputs;
static int32_t results;

/* The result is negative when the call failed. */
static int32_t call_system(uint32_t number, uint32_t a, uint32_t b, uint32_t c);

#if defined(__i386__)

static int32_t call_system(uint32_t number, uint32_t a, uint32_t b, uint32_t c)
{
    int32_t result;

    __asm__ volatile ("int $0x80" : "=a" (result) : "0" (number), "b" (a), "c" (b), "d" (c) : "memory");
    return result;
}

static inline __attribute__((always_inline)) uint32_t stack_pointer(void)
{
    uint32_t address;

    __asm__ volatile ("movl %%esp, %0" : "=r" (address));
    return address;
}

#elif defined(__powerpc__)

static int32_t call_system(uint32_t number, uint32_t a, uint32_t b, uint32_t c)
{
    register uint32_t r0 __asm__("r0") = number;
    register uint32_t r3 __asm__("r3") = a;
    register uint32_t r4 __asm__("r4") = b;
    register uint32_t r5 __asm__("r5") = c;

    /* The summary overflow bit tells a failure, with the positive error number in r3. */
    __asm__ volatile ("sc\n\tbns+ 0f\n\tneg %1, %1\n0:"
                      : "+r" (r0), "+r" (r3), "+r" (r4), "+r" (r5)
                      :
                      : "r6", "r7", "r8", "r9", "r10", "r11", "r12", "ctr", "cr0", "memory");
    return (int32_t)r3;
}

static inline __attribute__((always_inline)) uint32_t stack_pointer(void)
{
    uint32_t address;

    __asm__ volatile ("mr %0, 1" : "=r" (address));
    return address;
}

#elif defined(__xtensa__)

static int32_t call_system(uint32_t number, uint32_t a, uint32_t b, uint32_t c)
{
    register uint32_t a2 __asm__("a2") = number;
    register uint32_t a3 __asm__("a3") = a;
    register uint32_t a4 __asm__("a4") = b;
    register uint32_t a5 __asm__("a5") = c;

    __asm__ volatile ("simcall" : "+r" (a2), "+r" (a3) : "r" (a4), "r" (a5) : "memory");
    return (int32_t)a2;
}

static inline __attribute__((always_inline)) uint32_t stack_pointer(void)
{
    uint32_t address;

    __asm__ volatile ("mov %0, a1" : "=r" (address));
    return address;
}

#else
#error "port_system_calls.c knows no call of this processor"
#endif

void port_open(void)
{
    inputs = call_system(CALL_OPEN, (uint32_t)"inputs.bin", OPEN_TO_READ, 0);
    results = call_system(CALL_OPEN, (uint32_t)"results.bin", OPEN_TO_REPLACE, READABLE_BY_ALL);
    if (inputs < 0 || results < 0) {
        port_exit(PORT_STATUS_FILE);
    }
}

/* A call may do less than it was asked for. */
static void transfer(uint32_t number, int32_t file, uint32_t address, uint32_t bytes)
{
    while (bytes != 0) {
        const int32_t done = call_system(number, (uint32_t)file, address, bytes);

        if (done <= 0) {
            port_exit(PORT_STATUS_FILE);
        }
        address += (uint32_t)done;
        bytes -= (uint32_t)done;
    }
}

void port_read(void *to, uint32_t bytes)
{
    transfer(CALL_READ, inputs, (uint32_t)to, bytes);
}

void port_write(const void *from, uint32_t bytes)
{
    transfer(CALL_WRITE, results, (uint32_t)from, bytes);
}

void port_exit(int status)
{
    for (;;) {
        (void)call_system(CALL_EXIT, (uint32_t)status, 0, 0);
    }
}

/* Paints the free stack, calls the network, and looks for the lowest word that lost its paint: see
 * port_semihosting.c. */
uint32_t port_run(harness_network_arena_t *arena)
{
    volatile uint32_t *const limit = board_stack_limit;
    volatile uint32_t *word;
    const uint32_t top = stack_pointer();

    for (word = limit; (uint32_t)word < top; word++) {
        *word = PAINT;
    }
    harness_network_run(arena);
    if (*limit != PAINT) {
        port_exit(PORT_STATUS_STACK);
    }
    word = limit;
    while ((uint32_t)word < top && *word == PAINT) {
        word++;
    }
    return top - (uint32_t)word;
}
