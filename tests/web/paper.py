"""The OpenAPI document as a yardstick for answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
from jsonschema import Draft202012Validator, FormatChecker


@dataclass
class Paper:
    """The document."""

    document: dict[str, Any]

    def operations(self) -> dict[tuple[str, str], dict[str, Any]]:
        """Each operation by (method in lower case, path)."""
        return {
            (method, path): operation
            for path, methods in self.document["paths"].items()
            for method, operation in methods.items()
        }

    def check(self, method: str, path: str, answer: httpx.Response) -> None:
        """Fail when the answer's status is not documented for the operation, or its body does not fit."""
        responses = self.operations()[method, path]["responses"]
        said = f"{method} {path} -> {answer.status_code} {answer.text[:500]}"
        assert str(answer.status_code) in responses, said
        content = responses[str(answer.status_code)].get("content")
        if content is None:
            assert answer.content == b"", said
            return
        kind = answer.headers["content-type"].partition(";")[0]
        assert kind in content, said
        schema = {**content[kind]["schema"], "components": self.document["components"]}
        body = answer.json() if kind.endswith("json") else answer.text
        errors = list(Draft202012Validator(schema, format_checker=FormatChecker()).iter_errors(body))
        assert errors == [], f"{said}: {[error.message for error in errors]}"
