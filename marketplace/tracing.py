"""Traces by OpenTelemetry, for whoever names a collector (``OTEL_EXPORTER_OTLP_ENDPOINT``)."""

from __future__ import annotations

import os


def start_tracing(service: str) -> bool:
    """Send spans of requests and tasks to the collector; True if there is one. Call it once, after the last fork.

    Raises ``ModuleNotFoundError`` if the packages of ``requirements-production.txt`` are not installed.
    """
    if not os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"):
        return False
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.instrumentation.celery import CeleryInstrumentor
    from opentelemetry.instrumentation.django import DjangoInstrumentor
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    provider = TracerProvider(resource=Resource.create({"service.name": f"soloscore-{service}"}))
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    DjangoInstrumentor().instrument()
    CeleryInstrumentor().instrument()  # type: ignore[no-untyped-call]
    return True
