"""What a run of the tests says at its end: the one line that installs all the programs that were missing."""

import re

import pytest
from hypothesis import settings

# The same examples in every run: what fails here fails everywhere. `make test-random` draws others.
settings.register_profile("suite", derandomize=True)
settings.load_profile("suite")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    reasons = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    packages = {package for reason in reasons for found in INSTALL.findall(reason) for package in found.split()}
    if packages:
        terminalreporter.section("not run for want of programs")
        terminalreporter.line(f"{len(reasons)} tests were skipped. This line installs what they need:")
        terminalreporter.line(f"apt-get install {' '.join(sorted(packages))}")


INSTALL = re.compile(r"needs .*: apt-get install ([\w+. -]+)")
