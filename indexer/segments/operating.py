"""Operating points: the settings with which an index can be searched, from fast to thorough."""

from dataclasses import dataclass
from typing import Any

from ..engine import parameters as knobs
from .instances import Instances
from .segment import Segment

FACTORS = (0.25, 0.5, 1, 2, 4)


@dataclass(frozen=True)
class OperatingPoint:
    """One way to search: the factory string, its run-time parameters, and whether `search` uses it."""

    spec: str
    parameters: dict[str, Any]
    chosen: bool
    exact: bool = False

    def applied(self, instances: Instances) -> Instances:
        """The same collection, searched with these settings."""
        return instances if self.chosen or self.exact else instances.tuned(self.parameters)


def operating_points(instances: Instances) -> list[OperatingPoint]:
    """Exact search and, for an approximate index, its tuned parameters (nprobe, efSearch or k_factor) times 1/4 to 4.

    With several segments, the largest approximate one gives spec and parameters.
    """
    entries = instances.store.content.segments
    parts = list(zip(entries, instances.segments(), strict=False))  # the tail, which is exact, may be the last segment
    lossy = [(entry, segment) for entry, segment in parts if not segment.flat]
    if not lossy:
        spec = max(entries, key=lambda entry: entry.rows).spec if entries else "exact"
        return [OperatingPoint(spec, {}, chosen=True, exact=True)]
    entry, largest = max(lossy, key=lambda part: part[0].rows)
    points = [OperatingPoint("exact", {}, chosen=False, exact=True)]
    for values in _around(largest):
        points.append(OperatingPoint(entry.spec, values, chosen=values == dict(entry.parameters)))
    return points


def _around(segment: Segment) -> list[dict[str, Any]]:
    """Settings around the segment's own, with its main parameter scaled, without duplicates, rising."""
    limits = knobs.knobs(segment.index)
    main = next((name for name in limits if name in segment.parameters), None)
    if main is None:
        return [dict(segment.parameters)]
    tuned = segment.parameters[main]
    scaled = {max(1, min(limits[main], round(tuned * factor))) for factor in FACTORS}
    return [{**segment.parameters, main: value} for value in sorted(scaled | {tuned})]
