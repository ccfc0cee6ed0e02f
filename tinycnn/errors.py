"""Everything tinycnn raises on purpose: one sentence for a person, naming what, where and what to do.

The command line prints the sentence and exits with `exit_code`; nothing else in the package prints an error.
"""

from collections.abc import Sequence


class TinycnnError(Exception):
    """Base of all errors that a user can cause or mend; its text is a whole sentence."""

    exit_code = 2


class ModelError(TinycnnError):
    """The model file cannot be read, or is not a valid ONNX model, or its shapes do not fit together."""


class UnsupportedError(TinycnnError):
    """The model uses something that tinycnn does not do; `problems` lists all of it at once."""

    def __init__(self, source: str, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        count = f"{len(problems)} thing{'s' if len(problems) != 1 else ''}"
        lines = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(f"{source} has {count} that tinycnn cannot take:{lines}")


class DataError(TinycnnError):
    """Calibration or input data cannot be read, or does not fit the model."""


class QuantizationError(TinycnnError):
    """The model cannot be quantized exactly, for example because an accumulator could overflow."""


class BudgetError(TinycnnError):
    """Nothing fits the memory that was given."""

    exit_code = 1


class TargetError(TinycnnError):
    """A target is unknown or its file is wrong."""


class ToolError(TinycnnError):
    """A compiler or emulator is missing or failed."""


class OutputError(TinycnnError):
    """A file or folder cannot be written, or holds something that tinycnn did not write."""
