"""What `bothways[otel]` sends: to a collector over HTTP, decoded there as OpenTelemetry's own format."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.outside.server import plain, serving
from tests.whole.exporting import JO

ROOT = Path(__file__).parents[2]


class Collector:
    """Keeps the spans that arrive."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.bodies: list[bytes] = []
        self.spans: list[Any] = []

    def answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        """Decode one request as a collector does."""
        self.paths.add(handler.path)
        if handler.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        self.bodies.append(body)
        request = ExportTraceServiceRequest.FromString(body)
        for resource in request.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(scope.spans)
        plain(handler, 200)


@pytest.mark.slow
def test_a_collector_gets_webhook_job_and_calls_as_one_trace(tmp_path: Path) -> None:
    """One trace, the calls below the job; nobody's address is in anything that was sent."""
    collector = Collector()
    with serving(collector.answer) as port:
        environment = {
            **os.environ,
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{port}",
            "OTEL_BSP_SCHEDULE_DELAY": "200",
        }
        command = [sys.executable, "-m", "tests.whole.exporting", str(tmp_path)]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=240)
    assert collector.paths == {"/v1/traces"}
    jobs = [span for span in collector.spans if span.name == "process events"]
    webhooks = {span.trace_id: span for span in collector.spans if span.name == "webhook"}
    traced = [job for job in jobs if job.trace_id in webhooks]
    assert traced
    calls = [
        span
        for span in collector.spans
        if span.name == "GET /lists/{list_id}/members/{member_id}"
        and any((span.trace_id, span.parent_span_id) == (job.trace_id, job.span_id) for job in traced)
    ]
    assert calls
    (status,) = [a.value.int_value for a in calls[0].attributes if a.key == "http.response.status_code"]
    assert status == 200
    assert JO.encode() not in b"".join(collector.bodies)
