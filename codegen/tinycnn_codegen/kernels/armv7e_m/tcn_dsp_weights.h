#ifndef TCN_DSP_WEIGHTS_H
#define TCN_DSP_WEIGHTS_H

/* Whether a layer's weights are wide (tcn_dsp_product.h), in a network where none are. */
#define TCN_IS_WIDE(is_wide) ((is_wide) && 0)

#endif /* TCN_DSP_WEIGHTS_H */
