"""Stripe's form encoding: ``line_items[0][price_data][currency]=eur`` and back to nested values."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

KEY = re.compile(r"\[([^\]]*)\]")


def decode(form: str) -> dict[str, Any]:
    """Turn an encoded form into nested dicts and lists; every leaf is a string."""
    tree: dict[str, Any] = {}
    for name, value in parse_qsl(form, keep_blank_values=True):
        head, _, rest = name.partition("[")
        path = [head, *KEY.findall(f"[{rest}")] if rest else [head]
        node = tree
        for part in path[:-1]:
            node = node.setdefault(part, {})
        node[path[-1]] = value
    return {name: _with_lists(value) for name, value in tree.items()}


def _with_lists(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_with_lists(value[key]) for key in sorted(value, key=int)]
    return {key: _with_lists(item) for key, item in value.items()}
