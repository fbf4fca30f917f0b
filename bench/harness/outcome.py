"""What a row gives back, and the goals it is held against."""

import statistics
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Goal:
    """`measure` names what is compared: "ratio" (Virga against peer) or "virga" (Virga's own figure)."""

    measure: str
    relation: str  # ">=" or "<="
    bound: float
    unit: str = ""

    def __str__(self):
        sign = {">=": "≥", "<=": "≤"}[self.relation]
        return f"{sign} {self.bound:g}{' ' + self.unit if self.unit else ' × peer'}"

    def met(self, outcome):
        """None when there is no figure to judge."""
        value = outcome.ratio if self.measure == "ratio" else outcome.virga
        if value is None:
            return None
        return value >= self.bound if self.relation == ">=" else value <= self.bound


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
    """p50, p90 and maximum; with a few dozen samples a p99 would be the maximum by another name."""
    ordered = sorted(samples)
    if not ordered:
        return {}
    return {
        "n": len(ordered),
        "p50": round(statistics.median(ordered), 4),
        "p90": round(ordered[min(len(ordered) - 1, int(len(ordered) * 0.9))], 4),
        "max": round(ordered[-1], 4),
    }
