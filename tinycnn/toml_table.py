"""TOML files of targets, read key by key: a file that does not hold exactly the keys it should is refused."""

import difflib
import os
import tomllib
from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from tinycnn.errors import TargetError


def targets_folder() -> Path:
    """The folder of profiles, boards and emulator plugins: inside an installed package, else beside it."""
    packaged = Path(str(resources.files("tinycnn") / "_targets"))
    folder = packaged if packaged.is_dir() else Path(__file__).resolve().parents[1] / "targets"
    if not folder.is_dir():
        raise TargetError(
            f"The target profiles are missing from this installation ({packaged}): install tinycnn again."
        )
    return folder


def read_toml(path: Path) -> "TomlTable":
    """The whole file as a table. Raises TargetError if it cannot be read."""
    return TomlTable(path, "", _parse(path))


def _parse(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            return tomllib.load(file)
    except OSError as error:
        raise TargetError(f"Cannot read the target file {path}: {error.strerror or error}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TargetError(f"The target file {path} is not valid TOML: {error}.") from error


class TomlTable:
    """A TOML table that is read key by key; every complaint names the file, the table and the key."""

    def __init__(self, path: Path, name: str, values: Mapping[str, object]) -> None:
        self._path = path
        self._prefix = f"{name}." if name else ""
        self._values = values
        self._known: list[str] = []

    def has(self, key: str) -> bool:
        self._known.append(key)
        return key in self._values

    def table(self, key: str) -> "TomlTable":
        value = self._take(key)
        if not isinstance(value, dict):
            raise self._wrong(key, f"must be a table [{key}]")
        return TomlTable(self._path, key, value)

    def text(self, key: str) -> str:
        value = self._take(key)
        if not isinstance(value, str) or not value:
            raise self._wrong(key, "must be text in quotes")
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        value = self._take(key)
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self._wrong(key, "must be a list of texts in quotes")
        return tuple(value)

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        value = self._take(key)
        if value not in choices:
            raise self._wrong(key, "must be " + " or ".join(f'"{choice}"' for choice in choices))
        return str(value)

    def flag(self, key: str) -> bool:
        value = self._take(key)
        if not isinstance(value, bool):
            raise self._wrong(key, "must be true or false")
        return value

    def count(self, key: str) -> int:
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int) or value <= 0:
            raise self._wrong(key, "must be a whole number above 0")
        return value

    def address(self, key: str) -> int:
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**32:
            raise self._wrong(key, "must be an address of 32 bits")
        return value

    def amount(self, key: str) -> float:
        value = self._take(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < float("inf"):
            raise self._wrong(key, "must be a number of 0 or more")
        return float(value)

    def number(self, key: str) -> float:
        value = self.amount(key)
        if value == 0:
            raise self._wrong(key, "must be a number above 0")
        return value

    def file(self, key: str, name: str) -> Path:
        """A file beside the profile, or else one that comes with tinycnn (a user's profile can use our
        boards).
        """
        for folder in (self._path.parent, targets_folder()):
            if (folder / name).is_file():
                return (folder / name).resolve()
        raise self._wrong(key, f"names the file {name}, which is neither beside the profile nor in {targets_folder()}")

    def refuse_the_rest(self) -> None:
        for key in self._values:
            if key not in self._known:
                close = difflib.get_close_matches(key, self._known, n=1)
                guess = f" (did you mean {close[0]}?)" if close else ""
                raise self._wrong(key, f"is not a key of a target file{guess}; the keys are {', '.join(self._known)}")

    def _take(self, key: str) -> object:
        self._known.append(key)
        if key not in self._values:
            raise self._wrong(key, "is missing")
        return self._values[key]

    def _wrong(self, key: str, what: str) -> TargetError:
        return TargetError(f"{os.fspath(self._path)}: {self._prefix}{key} {what}.")
