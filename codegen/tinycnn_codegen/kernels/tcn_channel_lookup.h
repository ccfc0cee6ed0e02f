#ifndef TCN_CHANNEL_LOOKUP_H
#define TCN_CHANNEL_LOOKUP_H

#include <stdint.h>

#include "tcn_flash.h"

/* A function of one element that differs between channels: a table for each of [first_channel, last_channel). */
typedef struct {
    int32_t bytes; /* of a row */
    int32_t channels;
    int32_t first_channel;
    int32_t last_channel;
    const TCN_FLASH int8_t *tables; /* [last_channel - first_channel][256]: the outputs for -128 .. 127 */
} tcn_channel_lookup_t;

static void tcn_channel_lookup_row(const TCN_FLASH tcn_channel_lookup_t *layer, const int8_t *input, int8_t *output)
{
    int32_t start;

    for (start = 0; start < layer->bytes; start += layer->channels) {
        const TCN_FLASH int8_t *table = layer->tables;
        int32_t channel;

        for (channel = layer->first_channel; channel < layer->last_channel; channel++) {
            output[start + channel] = table[input[start + channel] + 128];
            table += 256;
        }
    }
}

#endif /* TCN_CHANNEL_LOOKUP_H */
