"""From the detector's grid to boxes, and how good boxes are: needs nothing but numpy."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from scenes import Box  # noqa: F401

SIZE, MOST_DIGITS = 80, 4  # pixels of a scene's side, digits in it
CELL = 8  # pixels of a cell's side
EXTENT = 32  # heights and widths are given in units of this many pixels
