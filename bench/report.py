"""What was measured, kept as JSON and shown as a page."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

FOLDER = Path(__file__).parent
KEPT, PAGE = FOLDER / "results.json", FOLDER / "results.md"


@dataclass(frozen=True, kw_only=True)
class Line:
    """One number with its goal, and what it is compared with in the same run."""

    what: str
    measured: str
    goal: str
    is_met: bool
    beside: str


@dataclass(frozen=True)
class Run:
    """How much is measured: `quick` for a look, else for the record. `minutes` and `faults` are the soak's."""

    is_quick: bool = False
    minutes: float | None = None
    faults: Sequence[str] = ()

    def take(self, full: int, quick: int) -> int:
        return quick if self.is_quick else full


@dataclass(frozen=True, kw_only=True)
class Section:
    """The lines of one figure, and how they were made."""

    name: str
    measured_on: str
    lines: Sequence[Line]
    how: str = field(default="")


def quantile(numbers: Sequence[float], part: float) -> float:
    """The value below which this part of the numbers lies (nearest rank)."""
    return sorted(numbers)[min(len(numbers) - 1, int(part * len(numbers)))]


def spread(numbers: Sequence[float], form: str = "{:,.0f}") -> str:
    """The median, and between what the repetitions lay."""
    if len(numbers) == 1:
        return form.format(numbers[0])
    low, mid, high = (form.format(n) for n in (min(numbers), median(numbers), max(numbers)))
    return f"{mid} ({low} to {high})"


def keep(section: Section, machine: Mapping[str, str], order: Sequence[str]) -> None:
    """Puts a section in the place of its last one, and writes the page. Numbers of another machine are dropped."""
    kept: dict[str, Any] = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    if kept.get("machine") != dict(machine):
        kept = {"machine": dict(machine), "figures": {}}
    kept["figures"][section.name] = asdict(section)
    kept["figures"] = {name: kept["figures"][name] for name in order if name in kept["figures"]}
    KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    PAGE.write_text(page(kept))


def page(kept: Mapping[str, Any]) -> str:
    """The page for people."""
    machine = ", ".join(f"{name} {text}" for name, text in kept["machine"].items())
    parts = [
        "# Measured numbers", "",
        "Made by `make bench`; not edited by hand. The load, the service and its database share the cores of one machine,",
        "and the database writes to disk before it answers (fsync on). The median of several repetitions, with the lowest",
        "and the highest.", "", f"Machine: {machine}.", "",
    ]  # fmt: skip
    for section in kept["figures"].values():
        parts += _told(section)
    return "\n".join(parts)


def _reached(line: Mapping[str, Any]) -> str:
    return "" if line["goal"] == "none" else "yes" if line["is_met"] else "no"


def _told(section: Mapping[str, Any]) -> list[str]:
    head = ["| | measured | goal | reached | beside it, in the same run |", "|---|---|---|---|---|"]
    rows = [f"| {r['what']} | {r['measured']} | {r['goal']} | {_reached(r)} | {r['beside']} |" for r in section["lines"]]
    return [f"## {section['name']}", "", *head, *rows, "", f"{section['how']} Measured on {section['measured_on']}.", ""]
