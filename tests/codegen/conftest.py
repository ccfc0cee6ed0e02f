"""Golden files: what generated C looked like when somebody last read it."""

from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent / "golden"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write golden files anew; then read the difference")


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with tests/codegen/golden/<name>, or write it there with --update-golden."""

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if request.config.getoption("update_golden", default=False):
            GOLDEN.mkdir(exist_ok=True)
            path.write_text(text, "ascii")
        assert path.read_text("ascii") == text, "run pytest tests/codegen --update-golden and read the difference"

    return check
