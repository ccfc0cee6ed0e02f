#ifndef TCN_SHARED_BY_MANY_H
#define TCN_SHARED_BY_MANY_H

#include "tcn_kernel.h"

/* TCN_SHARED: what many layers need is called; compilers would else copy it into each of them at -O3. */
#define TCN_SHARED TCN_KERNEL

#endif /* TCN_SHARED_BY_MANY_H */
