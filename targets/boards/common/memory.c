/* memory.c - memcpy and memset, the two library functions that generated C may call.
 *
 * Own ones rather than those of a C library, so that a bare compiler is enough and instruction counts do not
 * depend on which library happens to be installed. Compile with -ffreestanding. gcc takes one thing more, or it
 * replaces the loops by calls of the very functions that they define.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC optimize ("no-tree-loop-distribute-patterns")
#endif

#include <stddef.h>
#include <stdint.h>

/* Memory of any type is moved in words where its address allows. */
typedef uint32_t __attribute__((may_alias)) word_t;

void *memcpy(void *restrict to, const void *restrict from, size_t bytes);
void *memset(void *to, int value, size_t bytes);

void *memcpy(void *restrict to, const void *restrict from, size_t bytes)
{
    uint8_t *target = to;
    const uint8_t *source = from;

    if ((((uintptr_t)target | (uintptr_t)source) & 3u) == 0) {
        for (; bytes >= 4; bytes -= 4) {
            *(word_t *)target = *(const word_t *)source;
            target += 4;
            source += 4;
        }
    }
    for (; bytes != 0; bytes--) {
        *target++ = *source++;
    }
    return to;
}

void *memset(void *to, int value, size_t bytes)
{
    uint8_t *target = to;
    const uint8_t byte = (uint8_t)value;

    for (; bytes != 0 && ((uintptr_t)target & 3u) != 0; bytes--) {
        *target++ = byte;
    }
    for (; bytes >= 4; bytes -= 4) {
        *(word_t *)target = (uint32_t)byte * 0x01010101u;
        target += 4;
    }
    for (; bytes != 0; bytes--) {
        *target++ = byte;
    }
    return to;
}
