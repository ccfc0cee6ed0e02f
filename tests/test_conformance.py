"""The conformance cases of onnx: none crashes, none that passed is lost, and the table in docs/ is the truth."""

import pytest
from conformance import DOCUMENT, all_outcomes, document, listed

HINT = "; if that is meant, run: python tests/conformance.py"


@pytest.fixture(scope="module")
def outcomes() -> dict[str, str]:
    return all_outcomes()


def test_no_case_that_passed_is_lost(outcomes: dict[str, str]) -> None:
    lost = [case for case, end in listed().items() if end == "pass" and outcomes.get(case) != "pass"]
    assert not lost, f"{lost} passed before{HINT}"


def test_the_list_of_cases_is_up_to_date(outcomes: dict[str, str]) -> None:
    assert outcomes == listed(), f"outcomes have changed{HINT}"


def test_the_table_is_up_to_date(outcomes: dict[str, str]) -> None:
    assert DOCUMENT.read_text("utf-8") == document(outcomes), f"docs/conformance.md is stale{HINT}"
