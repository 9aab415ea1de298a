"""Says at the end of the run how large the code's pieces are."""

from statistics import median, quantiles

import pytest

from tests.architecture.source import sources


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    files = sources("src")
    functions = [(node.end_lineno or 0) - node.lineno + 1 for source in files for node in source.functions()]
    lengths = {"functions": functions, "files": [source.line_count for source in files]}
    shown = ", ".join(f"{name} {median(found):.0f} (p90 {quantiles(found, n=10)[-1]:.0f})" for name, found in lengths.items())
    terminalreporter.write_line(f"Lines, median: {shown}")
