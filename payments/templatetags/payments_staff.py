"""Incidents, for the first page of the admin."""

from __future__ import annotations

from django import template

from payments.models import Incident

register = template.Library()

WITHOUT_RIGHT = ("captured_without_right", "captured_after_release")
"""Incidents in which money was taken from somebody who does not hold the right."""


@register.simple_tag
def incident_counts() -> dict[str, int]:
    """Count the incidents nobody has looked after, and how often money was ever captured without the right."""
    return {
        "open": Incident.objects.filter(resolved_at=None).count(),
        "without_right": Incident.objects.filter(kind__in=WITHOUT_RIGHT).count(),
    }
