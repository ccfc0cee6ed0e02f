"""Names as people want to read them in a table."""

MOST_LETTERS = 48


def shown(name: str) -> str:
    """A layer's or tensor's name in a table; files and JSON have it whole.

    What TensorFlow fused has all of its names, `a;b;c`, of which the first tells enough. Two layers in one step are
    `a + b`. Of what is still long the end is shown, where paths differ.
    """
    parts = [part.split(";")[0] for part in name.split(" + ")]
    room = (MOST_LETTERS - len(" + ") * (len(parts) - 1)) // len(parts)
    return " + ".join(part if len(part) <= room else f"..{part[2 - room :]}" for part in parts)
