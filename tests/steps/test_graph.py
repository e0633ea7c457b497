"""In which order components run in one process, and which still run after a failure."""

from tfx_pipeline.steps.graph import is_of_use, run_order

WAITS = {
    "checkout": [], "examples": [], "locator": [], "transform": ["examples"], "statistics": ["examples"],
    "gate": ["statistics", "examples"], "trainer": ["gate", "transform"], "evaluator": ["trainer", "locator"],
    "pusher": ["evaluator"], "review": ["evaluator"],
}  # fmt: skip


def test_a_component_comes_after_all_that_it_waits_for() -> None:
    order = run_order(WAITS)
    assert sorted(order) == sorted(WAITS)
    assert all(order.index(before) < order.index(name) for name, waits in WAITS.items() for before in waits)


def test_a_gate_comes_before_what_it_does_not_hold_up() -> None:
    order = run_order(WAITS)
    assert order.index("gate") < order.index("transform")
    assert order.index("trainer") < order.index("locator")


def test_after_a_failure_only_what_leads_to_an_end_still_runs() -> None:
    def runs(*failed: str) -> set[str]:
        return {name for name in WAITS if name not in failed and is_of_use(name, WAITS, failed)}

    assert runs("gate") == {"checkout"}
    assert runs("review") == set(WAITS) - {"review"}
    assert runs("evaluator", "pusher") == {"checkout"}
