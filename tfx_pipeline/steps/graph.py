"""In which order the components of a pipeline run, and which of them are still of use when one has failed.

A graph is given by the names that each component waits for.
"""

from collections.abc import Collection, Mapping

Waits = Mapping[str, Collection[str]]


def upstream(name: str, waits: Waits) -> set[str]:
    """All that must have ended before a component begins."""
    return set(waits[name]).union(*(upstream(other, waits) for other in waits[name]))


def consumers(name: str, waits: Waits) -> list[str]:
    """Those that wait for a component itself."""
    return [other for other, before in waits.items() if name in before]


def run_order(waits: Waits) -> list[str]:
    """An order for one process.

    Each component comes as late as those that need it allow, and among equals the one that waits for most: a gate
    comes before what it does not hold up.
    """

    def distance(name: str) -> int:
        """Steps from a component to the last one that needs it."""
        return max((1 + distance(other) for other in consumers(name, waits)), default=0)

    return sorted(waits, key=lambda name: (-distance(name), -len(upstream(name, waits))))


def is_of_use(name: str, waits: Waits, failed: Collection[str]) -> bool:
    """Whether a component can run in spite of those that failed, and ends the graph or serves one that does."""
    if upstream(name, waits).intersection(failed):
        return False
    needing = consumers(name, waits)
    return not needing or any(is_of_use(other, waits, failed) for other in needing)
