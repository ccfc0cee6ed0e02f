#ifndef TCN_BLOCK_H
#define TCN_BLOCK_H

#include "tcn_block_assembly.h"
#include "tcn_flash.h"

/* A block of outputs that is summed at once: four channels at two columns, so that a weight is loaded for two products
 * and an input for four. */
#define TCN_BLOCK_CHANNELS 4
#define TCN_BLOCK_SPREAD 1 /* bytes from an input of a column to the next, where they are gathered */

typedef int8_t tcn_weight_t;

typedef struct {
    int32_t sums[2][4]; /* [columns][channels] */
} tcn_block_t;

static inline uint8_t tcn_block_input(uint8_t x)
{
    return x;
}

static inline void tcn_block_clear(tcn_block_t *block)
{
    int i;

    for (i = 0; i < 4; i++) {
        block->sums[0][i] = 0;
        block->sums[1][i] = 0;
    }
}

/* Call this between the last product and reading the sums. */
static inline void tcn_block_finish(tcn_block_t *block)
{
    (void)block;
}

#endif /* TCN_BLOCK_H */
