/* rom.c - arithmetic that an ESP8266 has in ROM, and that its libgcc therefore lacks (ESP8266 SDK,
 * eagle.rom.addr.v6.ld).
 *
 * The names and types are those that gcc calls (GCC Internals, "Routines for integer arithmetic"). These are not the
 * chip's own routines, so a network takes about, not exactly, as many instructions there. /
 */
#include <stdint.h>

uint64_t __umulsidi3(uint32_t a, uint32_t b);
int64_t __muldi3(int64_t a, int64_t b);
uint32_t __udivsi3(uint32_t a, uint32_t b);
int32_t __divsi3(int32_t a, int32_t b);
uint64_t __udivdi3(uint64_t a, uint64_t b);
int64_t __divdi3(int64_t a, int64_t b);

/* The processor multiplies 16 by 16 bits, and 32 by 32 without the high word. */
uint64_t __umulsidi3(uint32_t a, uint32_t b)
{
    const uint32_t a_low = a & 0xFFFFu;
    const uint32_t a_high = a >> 16;
    const uint32_t b_low = b & 0xFFFFu;
    const uint32_t b_high = b >> 16;
    const uint32_t low = a_low * b_low;
    const uint32_t middle = a_high * b_low + (low >> 16);
    const uint32_t other = a_low * b_high + (middle & 0xFFFFu);
    const uint32_t high = a_high * b_high + (middle >> 16) + (other >> 16);

    return (uint64_t)high << 32 | (other << 16 | (low & 0xFFFFu));
}

int64_t __muldi3(int64_t a, int64_t b)
{
    const uint32_t a_low = (uint32_t)a;
    const uint32_t b_low = (uint32_t)b;
    const uint32_t high = a_low * (uint32_t)((uint64_t)b >> 32) + (uint32_t)((uint64_t)a >> 32) * b_low;

    return (int64_t)(__umulsidi3(a_low, b_low) + ((uint64_t)high << 32));
}

/* A bit of the quotient at a time. */
uint32_t __udivsi3(uint32_t a, uint32_t b)
{
    uint32_t quotient = 0;
    uint32_t rest = 0;
    int bit;

    for (bit = 31; bit >= 0; bit--) {
        const uint32_t carry = rest >> 31;

        rest = rest << 1 | (a >> bit & 1u);
        if (carry != 0u || rest >= b) {
            rest -= b;
            quotient |= 1u << bit;
        }
    }
    return quotient;
}

int32_t __divsi3(int32_t a, int32_t b)
{
    const uint32_t quotient = __udivsi3(a < 0 ? 0u - (uint32_t)a : (uint32_t)a, b < 0 ? 0u - (uint32_t)b : (uint32_t)b);

    return (int32_t)((a ^ b) < 0 ? 0u - quotient : quotient);
}

uint64_t __udivdi3(uint64_t a, uint64_t b)
{
    uint64_t quotient = 0;
    uint64_t rest = 0;
    int bit;

    for (bit = 63; bit >= 0; bit--) {
        const uint64_t carry = rest >> 63;

        rest = rest << 1 | (a >> bit & 1u);
        if (carry != 0u || rest >= b) {
            rest -= b;
            quotient |= (uint64_t)1 << bit;
        }
    }
    return quotient;
}

int64_t __divdi3(int64_t a, int64_t b)
{
    const uint64_t quotient = __udivdi3(a < 0 ? 0u - (uint64_t)a : (uint64_t)a, b < 0 ? 0u - (uint64_t)b : (uint64_t)b);

    return (int64_t)((a ^ b) < 0 ? 0u - quotient : quotient);
}
