"""What the ways to compute a convolution have in common."""

from collections.abc import Callable
from typing import NamedTuple

from tinycnn.ir import Array


class Sums(NamedTuple):
    """One way to compute the sums of a layer, ready to run.

    `run(x, out)` takes samples of any dtype and fills `out` [N, output sizes..., O], C-contiguous. `sample_bytes` is
    what one sample takes in between, `out` included.
    """

    run: Callable[[Array, Array], None]
    sample_bytes: int
