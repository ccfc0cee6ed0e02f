"""The detector's grid of cells."""

SIZE, MOST_DIGITS = 80, 4  # pixels of a scene's side, digits in it
CELL = 8  # pixels of a cell's side
EXTENT = 32  # heights and widths are given in units of this many pixels
