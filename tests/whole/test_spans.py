"""A webhook, its job and its calls are one trace, where somebody listens through OpenTelemetry."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.whole.world import World, until

JO = "jo@maple-street.test"


@pytest.fixture(scope="module")
def told() -> Iterator[InMemorySpanExporter]:
    """The spans that ended, while somebody listens."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    trace.set_tracer_provider(provider)
    yield kept
    provider.shutdown()


def test_webhook_job_and_calls_are_one_trace(told: InMemorySpanExporter, acme: World) -> None:
    """Without anything travelling with the event; and nobody's address is in it."""
    told.clear()
    acme.control.subscribe(acme.audience, JO, merge_fields={"FNAME": "Jo"})
    until(lambda: acme.contact(JO))

    def by_name() -> dict[str, Any] | None:
        spans = {span.name: span for span in told.get_finished_spans()}
        return spans if "process events" in spans and "webhook" in spans else None

    spans = until(by_name)
    webhook, job = spans["webhook"], spans["process events"]
    call = spans["GET /lists/{list_id}/members/{member_id}"]
    assert webhook.context.trace_id == job.context.trace_id == call.context.trace_id
    assert call.parent.span_id == job.context.span_id
    assert call.attributes["http.response.status_code"] == 200
    assert "maple-street" not in "".join(span.to_json() for span in told.get_finished_spans())
