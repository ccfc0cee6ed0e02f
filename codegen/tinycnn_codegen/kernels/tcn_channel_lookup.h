#ifndef TCN_CHANNEL_LOOKUP_H
#define TCN_CHANNEL_LOOKUP_H

#include <stdint.h>

#include "tcn_flash.h"

/* A function of one element that differs between channels: a table for each. */
typedef struct {
    int32_t bytes; /* of a row */
    int32_t channels;
    const TCN_FLASH int8_t *tables; /* [channels][256]: the outputs for -128 .. 127 */
} tcn_channel_lookup_t;

static void tcn_channel_lookup_row(const TCN_FLASH tcn_channel_lookup_t *layer, const int8_t *input, int8_t *output)
{
    int32_t i;
    int32_t channel = 0;

    for (i = 0; i < layer->bytes; i++) {
        output[i] = layer->tables[channel * 256 + input[i] + 128];
        channel = channel + 1 < layer->channels ? channel + 1 : 0;
    }
}

#endif /* TCN_CHANNEL_LOOKUP_H */
