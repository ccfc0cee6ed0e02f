"""The hand-written C of kernels/, as it is pasted into a network's source file."""

import re
from collections.abc import Iterable, Mapping
from importlib import resources

_INCLUDE = re.compile(r'^#include ["<]([a-z0-9_]+\.h)[">]\n', re.MULTILINE)
_GUARD = re.compile(r"#ifndef (TCN_\w+_H)\n#define \1\n(.*)#endif /\* \1 \*/\n", re.DOTALL)


def kernel_text(files: Iterable[str], replacements: Mapping[str, str]) -> str:
    """The given files of kernels/ and all that they include, each once and after what it needs.

    Include guards and the includes themselves are left out. `replacements` has the files that stand in for others,
    whoever includes them. Kernels of an instruction set lie in a folder with its name.
    """
    texts: dict[str, str] = {}
    entries = list((resources.files("tinycnn_codegen") / "kernels").iterdir())
    of_sets = [path for entry in entries if entry.is_dir() for path in entry.iterdir()]
    paths = {path.name: path for path in (*entries, *of_sets)}

    def add(file: str) -> None:
        file = replacements.get(file, file)
        if file in texts:
            return
        text = paths[file].read_text("ascii")
        for included in _INCLUDE.findall(text):
            if included.startswith("tcn_"):
                add(included)
        guard = _GUARD.fullmatch(text)
        texts[file] = _INCLUDE.sub("", guard[2] if guard else text).strip("\n")

    for file in sorted(files):
        add(file)
    return "\n\n".join(texts.values())
