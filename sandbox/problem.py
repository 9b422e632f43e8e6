"""Mailchimp's errors as exceptions.

Titles, statuses and details are those of recorded answers and of the errors glossary. A client is meant to
branch on title and status, so the words matter here. Where the real text is not known the detail is ours.
"""

from __future__ import annotations

from typing import Any

# The same page for every error, whatever its title.
TYPE = "https://mailchimp.com/developer/marketing/docs/errors/"
NOT_VALIDATED = (
    "The resource submitted could not be validated. For field-specific details, see the 'errors' array."
)

FieldErrors = list[dict[str, str]]


class Problem(Exception):
    """An answer of 400 or more; `document` is its `application/problem+json` body."""

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        errors: FieldErrors | None = None,
        typed: bool = True,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {title}: {detail}")
        self.status, self.title, self.detail = status, title, detail
        self.errors = errors
        self.typed = typed
        self.headers = headers or {}

    def document(self, instance: str) -> dict[str, Any]:
        """The body; `instance` is the value of the answer's `X-Request-Id`."""
        body: dict[str, Any] = {"type": TYPE} if self.typed else {}
        body |= {"title": self.title, "status": self.status, "detail": self.detail, "instance": instance}
        if self.errors is not None:
            body["errors"] = self.errors
        return body


def invalid(detail: str = NOT_VALIDATED, errors: FieldErrors | None = None) -> Problem:
    """The resource fails validation."""
    return Problem(400, "Invalid Resource", detail, errors=errors)


def invalid_field(field: str, message: str) -> Problem:
    """One field of the resource fails validation."""
    return invalid(errors=[{"field": field, "message": message}])


def invalid_action(detail: str) -> Problem:
    """The call is not possible in this state."""
    return Problem(400, "Invalid Action", detail)


def member_exists(email: str) -> Problem:
    """Recorded without `type`."""
    detail = f"{email} is already a list member. Use PUT to insert or update list members."
    return Problem(400, "Member Exists", detail, typed=False)


def compliance(email: str) -> Problem:
    """The contact left; only the contact can come back."""
    detail = (
        f"{email} is in a compliance state due to unsubscribe, bounce, or compliance review "
        "and cannot be subscribed."
    )
    return Problem(400, "Member In Compliance State", detail, typed=False)


def forgotten(email: str) -> Problem:
    """The contact was deleted for good."""
    detail = (
        f"{email} was permanently deleted and cannot be re-imported. "
        "The contact must re-subscribe to get back on the list."
    )
    return Problem(400, "Forgotten Email Not Subscribed", detail, typed=False)


def not_found() -> Problem:
    """No such resource, or not in this account."""
    return Problem(404, "Resource Not Found", "The requested resource could not be found.")


def method_not_allowed(allowed: str, detail: str | None = None) -> Problem:
    """`allowed` is the value of the `Allow` header, for example "GET, POST"."""
    detail = detail or "The requested method and resource are not compatible. See the Allow header."
    return Problem(405, "Method Not Allowed", detail, headers={"Allow": allowed})


def key_invalid() -> Problem:
    """The token or key is unknown or was taken back."""
    detail = "Your API key may be invalid, or you've attempted to access the wrong datacenter."
    return Problem(401, "API Key Invalid", detail)


def key_missing() -> Problem:
    """No credential at all."""
    return Problem(401, "API Key Missing", "Your request did not include an API key.")


def forbidden() -> Problem:
    """The login's role is too low."""
    return Problem(403, "Forbidden", "You are not permitted to access this resource.")


def user_disabled() -> Problem:
    """The account was deactivated."""
    return Problem(403, "User Disabled", "This account has been deactivated.")


def not_permitted(detail: str) -> Problem:
    """The plan does not allow it."""
    return Problem(403, "User action not permitted", detail)


def too_many_requests() -> Problem:
    """More than ten requests of one account at a time."""
    detail = "You have exceeded the limit of 10 simultaneous connections."
    return Problem(429, "TooManyRequests", detail)


def json_parse() -> Problem:
    """The request's body is not JSON."""
    return Problem(400, "JSON Parse Exception", "We encountered an unspecified JSON parsing error.")


def internal() -> Problem:
    """Mailchimp's own failure."""
    detail = "An unexpected internal error has occurred. Please contact Support for more information."
    return Problem(500, "InternalServerError", detail)


_NAMED = (
    Problem(400, "Bad Request", "Your request could not be processed."),
    Problem(400, "Invalid Action", "The action requested was not valid for this resource."),
    invalid("The resource submitted could not be validated."),
    json_parse(),
    key_missing(),
    key_invalid(),
    forbidden(),
    user_disabled(),
    Problem(403, "WrongDatacenter", "The API key provided is linked to a different datacenter."),
    not_permitted("The requested action is not permitted."),
    not_found(),
    method_not_allowed("GET"),
    Problem(414, "ResourceNestingTooDeep", "The sub-resource requested is nested too deeply."),
    Problem(422, "InvalidMethodOverride", "You can only use the X-HTTP-Method-Override header with POST."),
    Problem(422, "RequestedFieldsInvalid", "The fields requested from this resource are invalid."),
    too_many_requests(),
    internal(),
    Problem(503, "ComplianceRelated", "This method has been disabled."),
)


def named(name: str) -> Problem | None:
    """The error that `X-Trigger-Error: name` asks for; spelling is taken loosely. None if there is none."""
    for known in _NAMED:
        if _plain(known.title) == _plain(name):
            # A fresh one each time: an exception that is raised twice drags its first traceback along.
            return Problem(known.status, known.title, known.detail, headers=known.headers)
    return None


def _plain(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())
