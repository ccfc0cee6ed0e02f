#ifndef TCN_DEPTHWISE_ASSEMBLY_H
#define TCN_DEPTHWISE_ASSEMBLY_H

/* Depthwise convolution is plain C. What stands in for this file has it in assembly. */
#define TCN_DEPTHWISE_ASSEMBLY 0

#endif /* TCN_DEPTHWISE_ASSEMBLY_H */
