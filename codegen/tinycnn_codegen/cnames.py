"""Names in C and of files: valid and unique, whatever the names in a model look like.

Every identifier that comes from a model is a base of small letters, digits and underscores, beginning with a letter,
and one of our endings, such as `conv1_weights` or `conv1_row`. No keyword and no name of the C library has such an
ending, and no ending is the end of another, so it is enough that the bases differ. What the network's header declares
begins with the network's name, and what our kernels define with tcn_; no base begins like that.
"""

import re
from collections.abc import Sequence

from tinycnn.errors import OutputError

LONGEST_NAME = 40
"""Characters of a network's name, and of a base but for a number; C99 promises 63 for the whole identifier."""

KERNEL_PREFIX = "tcn_"

STANDARD_HEADERS = frozenset(
    "assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg stdatomic"  # noqa: SIM905
    " stdbool stddef stdint stdio stdlib stdnoreturn string tgmath threads time uchar wchar wctype".split()
)
WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul"} | {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}
)
FORBIDDEN_NAMES = STANDARD_HEADERS | WINDOWS_DEVICES | {"tcn"}
"""What a network cannot be called, since <name>.h would be something else or its functions would begin like kernels."""


def check_name(name: str) -> None:
    """OutputError when `name` cannot be what the files and identifiers of a network begin with."""
    if not re.fullmatch("[a-z][a-z0-9_]*", name) or name.startswith(KERNEL_PREFIX) or len(name) > LONGEST_NAME:
        raise OutputError(
            f"The name {name!r} cannot begin C file names and functions; take 1 to {LONGEST_NAME} small letters, digits"
            " and underscores, beginning with a letter but not with 'tcn_', such as 'lenet5'."
        )
    if name in FORBIDDEN_NAMES:
        raise OutputError(f"A file called {name}.h would be taken for another; take a name such as 'net_{name}'.")


def name_from(text: str) -> str:
    """A name that `check_name` takes and that resembles `text`, such as a model's."""
    base = _base(text, KERNEL_PREFIX)
    return f"net_{base}" if base in FORBIDDEN_NAMES else base


def unique_bases(texts: Sequence[str], network: str) -> tuple[str, ...]:
    """For each text, which may be any string, the base of an identifier that resembles it; all bases differ.

    `network` is the name of the network, with which no base begins.
    """
    taken: set[str] = set()
    bases = []
    for text in texts:
        wanted = _base(text, KERNEL_PREFIX, f"{network}_")
        base, number = wanted, 2
        while base in taken:
            base, number = f"{wanted}_{number}", number + 1
        taken.add(base)
        bases.append(base)
    return tuple(bases)


def _base(text: str, *avoided: str) -> str:
    """Of a name like `a;b;c`, as TensorFlow writes for what it fused, and of two layers in one, `a + b`, the first says
    enough. A long one loses whole words at its beginning, since names that are paths differ at their ends.
    """
    words = re.sub("[^a-z0-9]+", "_", re.split("; *| \\+ ", text.lower())[0]).strip("_")
    if len(words) > LONGEST_NAME:
        end = words[-LONGEST_NAME:]
        words = end if words[-LONGEST_NAME - 1] == "_" or "_" not in end else end.split("_", 1)[1]
        words = words.strip("_")
    if re.match("[a-z]", words) and not words.startswith(avoided):
        return words
    return f"n_{words}"[:LONGEST_NAME].rstrip("_")
