"""OpenTelemetry, where it is installed (`bothways[otel]`) and switched on; nothing at all else.

A delivery's webhook, the job that carries it out and the calls that this makes are one trace, though nothing
travels from one to the other: its ids are the first bytes of the delivery's own key, which both sides know. A
job for many deliveries is in the trace of the first, and linked with those of the others. Spans hold ids and
numbers, never addresses or secrets.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

try:
    from opentelemetry import context as contexts
    from opentelemetry import trace
    from opentelemetry.trace import Link, NonRecordingSpan, SpanContext, SpanKind, TraceFlags
except ImportError:
    trace = None

NAME = "bothways"
MOST_LINKS = 100
NANOSECONDS = 1_000_000_000
Facts = Mapping[str, str | int | float | None]


def is_on() -> bool:
    """Whether anybody listens: the library is there, and an exporter or a provider was set."""
    return trace is not None and not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def set_up() -> None:
    """Send spans where OTEL_EXPORTER_OTLP_ENDPOINT says, by OpenTelemetry's own settings. Nothing happens
    without it, or without the library. Safe to repeat."""
    if trace is None or is_on() or not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ImportError:
        return
    provider = TracerProvider()
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)


def _home(key: bytes) -> Any:
    """Where the spans of a delivery hang: a span that nobody records, with ids that everybody can tell."""
    return SpanContext(
        trace_id=int.from_bytes(key[:16], "big"),
        span_id=int.from_bytes(key[16:24], "big"),
        is_remote=True,
        trace_flags=TraceFlags(TraceFlags.SAMPLED),
    )


def _within(key: bytes) -> Any:
    return trace.set_span_in_context(NonRecordingSpan(_home(key)), contexts.Context())


def delivered(key: bytes, seconds: float, facts: Facts) -> None:
    """Tell of a delivery that was kept just now. Costs a look at a variable where nobody listens."""
    if is_on():
        _past("webhook", _within(key), seconds, facts, SpanKind.SERVER)


@contextmanager
def job(name: str, keys: Sequence[bytes], facts: Facts) -> Iterator[None]:
    """Tell of work on these deliveries; calls of clients that are opened inside belong to it."""
    if not keys or not is_on():
        yield
        return
    links = [Link(_home(key)) for key in keys[1 : MOST_LINKS + 1]]
    said = {"deliveries": len(keys), **_known(facts)}
    tracer = trace.get_tracer(NAME)
    with tracer.start_as_current_span(
        name, context=_within(keys[0]), kind=SpanKind.CONSUMER, links=links, attributes=said
    ):
        yield


def here() -> Any:
    """Return where calls that belong to the present work are to hang; None where nobody listens."""
    return contexts.get_current() if is_on() else None


def called(where: Any, name: str, seconds: float, facts: Facts) -> None:
    """Tell of a call that has just come to its end."""
    if where is not None:
        _past(name, where, seconds, facts, SpanKind.CLIENT)


def _past(name: str, where: Any, seconds: float, facts: Facts, kind: Any) -> None:
    ended = time.time_ns()
    tracer = trace.get_tracer(NAME)
    span = tracer.start_span(
        name,
        context=where,
        kind=kind,
        start_time=ended - int(seconds * NANOSECONDS),
        attributes=_known(facts),
    )
    span.end(ended)


def _known(facts: Facts) -> dict[str, str | int | float]:
    return {name: value for name, value in facts.items() if value is not None}
