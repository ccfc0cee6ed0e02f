"""tinycnn: trained CNNs on microcontrollers, the same bytes everywhere.

The main line: `load` an ONNX file, `quantize` it on real samples, `save` it, `plan` and `generate` C, `verify` that
numpy, onnxruntime and the C agree in every byte, `report` what it takes of a target.
"""

__version__ = "0.1.0"

from tinycnn.data import as_labels, as_samples, load_array
from tinycnn.engine import run, to_real, to_stored, trace
from tinycnn.errors import TinycnnError
from tinycnn.evaluate import evaluate
from tinycnn.ir import Graph
from tinycnn.measure import bench, report
from tinycnn.onnx_io import export, load, save
from tinycnn.plan import plan
from tinycnn.quantize import quantize
from tinycnn.report.summary import summarize
from tinycnn.target import Target, load_target, target_names
from tinycnn.verify import verify
from tinycnn_codegen.network import generate
from tinycnn_codegen.write import write

__all__ = [
    "Graph",
    "Target",
    "TinycnnError",
    "as_labels",
    "as_samples",
    "bench",
    "evaluate",
    "export",
    "generate",
    "load",
    "load_array",
    "load_target",
    "plan",
    "quantize",
    "report",
    "run",
    "save",
    "summarize",
    "target_names",
    "to_real",
    "to_stored",
    "trace",
    "verify",
    "write",
]
