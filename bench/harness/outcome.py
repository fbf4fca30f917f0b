"""What a row gives back, and the goals it is held against."""

import math
import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """`measure` names what is compared: "ratio" (Virga against peer), "virga" (Virga's own figure), or a figure in the
    details, as "virga.p99"."""

    measure: str
    relation: str  # ">=" or "<="
    bound: float
    unit: str = ""
    text: str = ""  # instead of what relation, bound and unit say

    def __str__(self):
        if self.text:
            return self.text
        sign = {">=": "≥", "<=": "≤"}[self.relation]
        return f"{sign} {self.bound:g}{' ' + self.unit if self.unit else ' × peer'}"

    def met(self, outcome):
        """None when there is no figure to judge."""
        value = self._value(outcome)
        if value is None:
            return None
        return value >= self.bound if self.relation == ">=" else value <= self.bound

    def _value(self, outcome):
        if self.measure in ("ratio", "virga"):
            return getattr(outcome, self.measure)
        value = outcome.details
        for name in self.measure.split("."):
            value = value.get(name) if isinstance(value, dict) else None
        return value


class AllOf:
    """Several goals of one row: met when each is."""

    def __init__(self, *goals):
        self.goals = goals

    def __str__(self):
        return ", ".join(str(goal) for goal in self.goals)

    def met(self, outcome):
        found = [goal.met(outcome) for goal in self.goals]
        if False in found:
            return False
        return None if None in found else True


@dataclass
class Outcome:
    peer_name: str = ""
    peer: float | None = None
    virga: float | None = None
    ratio: float | None = None
    unit: str = ""
    virga_unit: str = ""  # where Virga's figure is of another kind than its peer's
    rounds: list = field(default_factory=list)  # one dict for each round
    details: dict = field(default_factory=dict)
    notes: list = field(default_factory=list)
    problems: dict = field(default_factory=dict)  # "peer" or "virga" -> why it has no figure

    def note(self, *texts):
        for text in texts:
            if text not in self.notes:
                self.notes.append(text)


def median(values):
    values = list(values)
    return statistics.median(values) if values else None


def summary(samples):
    """p50, p90 and maximum, and p99 of a hundred and more: of fewer it would be the maximum by another name."""
    ordered = sorted(samples)
    if not ordered:
        return {}
    p99 = {"p99": round(ordered[math.ceil(len(ordered) * 0.99) - 1], 4)} if len(ordered) >= 100 else {}
    return {
        "n": len(ordered),
        "p50": round(statistics.median(ordered), 4),
        "p90": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))], 4),
        **p99,
        "max": round(ordered[-1], 4),
    }
