#ifndef TCN_WORD_DEPTHWISE_H
#define TCN_WORD_DEPTHWISE_H

#include "tcn_word_depthwise_channels.h"

/* One row of the output; rows[r] is the input under row r of the kernel, or a row of zero points. */
static void tcn_word_depthwise_row(const TCN_FLASH tcn_word_depthwise_t *layer, const int8_t *const *rows,
                                   int8_t *output)
{
    tcn_word_depthwise_channels(layer, rows, 0, layer->channels, output);
}

#endif /* TCN_WORD_DEPTHWISE_H */
