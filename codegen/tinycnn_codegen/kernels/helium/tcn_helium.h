#ifndef TCN_HELIUM_H
#define TCN_HELIUM_H

#include "tcn_dsp.h"

/* Helium, the vector extension of Armv8.1-M (Cortex-M55, M85), has the DSP extension beside it. Each function that uses
 * its instructions has the same in C, to which TCN_PORTABLE switches. */
#if TCN_HAS_DSP && defined(__ARM_FEATURE_MVE)
#define TCN_HAS_HELIUM 1
#else
#define TCN_HAS_HELIUM 0
#endif

#endif /* TCN_HELIUM_H */
