"""The operators. To add one: its class in a file here and its name in the table; the tests name what else it needs."""

from tinycnn.ops.add import Add
from tinycnn.ops.base import (
    AccumulatingOperator,
    Accumulation,
    Call,
    ElementwiseOperator,
    Int8Operator,
    broadcasts,
    call_of,
    dequantize_array,
    is_accumulating,
    is_elementwise,
    is_int8,
    may_overwrite,
    padding_value,
    quantize_array,
    row_bytes,
    row_count,
    sums_rows,
    turns,
)
from tinycnn.ops.batchnorm import BatchNormalization
from tinycnn.ops.binary import Arithmetic, Divide, Extremum, Multiply
from tinycnn.ops.conv import Conv
from tinycnn.ops.conv_transpose import ConvTranspose, InsertZeros
from tinycnn.ops.dense import Dense
from tinycnn.ops.locally_connected import LocallyConnected
from tinycnn.ops.lp_pool import LpPool
from tinycnn.ops.matrix_product import MatrixProduct
from tinycnn.ops.move import Concat, DepthToSpace, SpaceToDepth, Take
from tinycnn.ops.normalize import LRN, LogSoftmax
from tinycnn.ops.pool import AveragePool, GlobalAveragePool, MaxPool, MaxPoolIndices
from tinycnn.ops.prelu import PRelu
from tinycnn.ops.quantization import DequantizeLinear, QuantizeLinear
from tinycnn.ops.reduce import ArgMax, Reduce
from tinycnn.ops.resize import ResizeLinear
from tinycnn.ops.shape import Reshape, Transpose
from tinycnn.ops.softmax import Softmax
from tinycnn.ops.unary import Clip, Unary
from tinycnn.ops.window import Window

OPERATORS = (
    LRN,
    LogSoftmax,
    Add,
    ArgMax,
    Arithmetic,
    AveragePool,
    BatchNormalization,
    Clip,
    Concat,
    Conv,
    ConvTranspose,
    Dense,
    DepthToSpace,
    DequantizeLinear,
    Divide,
    Extremum,
    GlobalAveragePool,
    InsertZeros,
    LocallyConnected,
    LpPool,
    MatrixProduct,
    MaxPool,
    MaxPoolIndices,
    Multiply,
    PRelu,
    QuantizeLinear,
    Reduce,
    Reshape,
    ResizeLinear,
    Softmax,
    SpaceToDepth,
    Take,
    Transpose,
    Unary,
)
"""Every operator class."""

__all__ = [
    "LRN",
    "OPERATORS",
    "AccumulatingOperator",
    "Accumulation",
    "Add",
    "ArgMax",
    "Arithmetic",
    "AveragePool",
    "BatchNormalization",
    "Call",
    "Clip",
    "Concat",
    "Conv",
    "ConvTranspose",
    "Dense",
    "DepthToSpace",
    "DequantizeLinear",
    "Divide",
    "ElementwiseOperator",
    "Extremum",
    "GlobalAveragePool",
    "InsertZeros",
    "Int8Operator",
    "LocallyConnected",
    "LogSoftmax",
    "LpPool",
    "MatrixProduct",
    "MaxPool",
    "MaxPoolIndices",
    "Multiply",
    "PRelu",
    "QuantizeLinear",
    "Reduce",
    "Reshape",
    "ResizeLinear",
    "Softmax",
    "SpaceToDepth",
    "Take",
    "Transpose",
    "Unary",
    "Window",
    "broadcasts",
    "call_of",
    "dequantize_array",
    "is_accumulating",
    "is_elementwise",
    "is_int8",
    "may_overwrite",
    "padding_value",
    "quantize_array",
    "row_bytes",
    "row_count",
    "sums_rows",
    "turns",
]
