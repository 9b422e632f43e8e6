"""A typed client of `/_control`, for tests, benchmarks and the demo."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import httpx

from sandbox.tls import authorities

Json = dict[str, Any]
BULK = 20_000


@dataclass(frozen=True, slots=True)
class AccountHandle:
    """An account that was made: its id and an API key that opens it."""

    id: str
    name: str
    api_key: str


@dataclass(frozen=True, slots=True)
class ListHandle:
    """An audience that was made: merge ids by tag, interest ids by name, category ids by title."""

    id: str
    name: str
    merge_fields: Mapping[str, int]
    interests: Mapping[str, str]
    categories: Mapping[str, str]
    marketing_permissions: Mapping[str, str]


class Control:
    """Prepares, breaks and watches one sandbox. A refused call raises httpx.HTTPStatusError."""

    def __init__(
        self, url: str, timeout_seconds: float = 120.0, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=f"{self.url}/_control",
            timeout=timeout_seconds,
            trust_env=False,
            transport=transport,
            verify=authorities(),
        )

    def __enter__(self) -> Control:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def _call(self, verb: str, path: str, body: Any = None, params: Json | None = None) -> Json:
        answer = self._http.request(verb, path, json=body, params=params)
        if answer.is_error:
            raise httpx.HTTPStatusError(answer.text, request=answer.request, response=answer)
        found: Json = answer.json() if answer.content else {}
        return found

    # -- accounts

    def reset(self) -> None:
        """Empties the sandbox: accounts, faults, logs, clock."""
        self._call("POST", "/reset")

    def account(self, name: str = "Maple Street", **more: Any) -> AccountHandle:
        """Makes an account; `more`: role, plan_limit, max_audiences, email, dc."""
        made = self._call("POST", "/accounts", {"name": name, **more})
        return AccountHandle(made["id"], made["name"], made["api_key"])

    def accounts(self) -> list[Json]:
        """All accounts."""
        found: list[Json] = self._call("GET", "/accounts")["accounts"]
        return found

    def change_account(self, account_id: str, **changes: Any) -> None:
        """Sets role (viewer, author, manager, admin, owner), disabled, plan_limit, max_audiences or name."""
        self._call("PATCH", f"/accounts/{account_id}", changes)

    def token(self, account_id: str, client_id: str = "app") -> str:
        """An access token, without the OAuth pages."""
        return str(
            self._call("POST", f"/accounts/{account_id}/tokens", {"client_id": client_id})["access_token"]
        )

    def revoke(self, account_id: str, token: str | None = None) -> int:
        """Takes one token back, or all of an account's; how many."""
        return int(self._call("POST", f"/accounts/{account_id}/revoke", {"token": token})["revoked"])

    def client(
        self, client_id: str, client_secret: str, redirect_uris: Sequence[str] = (), name: str = ""
    ) -> None:
        """Registers an OAuth application; from the first one on others are refused."""
        body = {"client_id": client_id, "client_secret": client_secret, "redirect_uris": list(redirect_uris)}
        self._call("POST", "/clients", {**body, "name": name})

    # -- audiences

    def audience(self, account_id: str, name: str = "Newsletter", **more: Any) -> ListHandle:
        """Makes an audience; `more`: id, double_optin, marketing_permissions, merge_fields, interests.

        `merge_fields=[{"tag", "name", "type", "required", "options"}]`,
        `interests=[{"title", "type", "names": [...]}]`.
        """
        return _list_handle(self._call("POST", f"/accounts/{account_id}/lists", {"name": name, **more}))

    def audience_info(self, list_id: str) -> Json:
        """An audience with its webhooks (signing secrets included)."""
        return self._call("GET", f"/lists/{list_id}")

    def change_audience(self, list_id: str, **changes: Any) -> None:
        """Sets name, double_optin or refused={address: words}."""
        self._call("PATCH", f"/lists/{list_id}", changes)

    def drop_audience(self, list_id: str) -> None:
        """Deletes an audience, as the marketer may."""
        self._call("DELETE", f"/lists/{list_id}")

    def merge_field(self, list_id: str, tag: str, kind: str = "text", **more: Any) -> ListHandle:
        """Adds a merge field; the audience after it."""
        body = {"tag": tag, "type": kind, **more}
        return _list_handle(self._call("POST", f"/lists/{list_id}/merge-fields", body))

    def interests(
        self, list_id: str, title: str, names: Sequence[str], kind: str = "checkboxes"
    ) -> ListHandle:
        """Adds a category of interests; the audience after it."""
        body = {"title": title, "type": kind, "names": list(names)}
        return _list_handle(self._call("POST", f"/lists/{list_id}/interests", body))

    # -- members

    def put_members(self, list_id: str, members: Iterable[Mapping[str, Any]]) -> int:
        """Puts members in past all checks and untold; see `sandbox.bulk.put` for what each may hold."""
        added, bunch = 0, []
        for member in members:
            bunch.append(member)
            if len(bunch) == BULK:
                added += int(self._call("POST", f"/lists/{list_id}/members", {"members": bunch})["added"])
                bunch = []
        if bunch:
            added += int(self._call("POST", f"/lists/{list_id}/members", {"members": bunch})["added"])
        return added

    def members(self, list_id: str) -> dict[str, Json]:
        """Every member by lower-cased address, archived ones too, as `sandbox.bulk.snapshot` shows them."""
        found = self._call("GET", f"/lists/{list_id}/members")["members"]
        return {member["email_address"].lower(): member for member in found}

    def member(self, list_id: str, email: str) -> Json | None:
        """One member as `members` shows them."""
        found = self._call("GET", f"/lists/{list_id}/members", params={"email": email})["members"]
        return found[0] if found else None

    def act(self, list_id: str, act: str, email: str, **more: Any) -> Json | None:
        """Lets something happen to a member; see `sandbox.control_acts.act`. The member after it, or None."""
        found: Json | None = self._call(
            "POST", f"/lists/{list_id}/acts", {"act": act, "email": email, **more}
        )["member"]
        return found

    def subscribe(self, list_id: str, email: str, **more: Any) -> Json | None:
        """The contact fills in the hosted sign-up form (clears an opt-out, a bounce and a deletion)."""
        return self.act(list_id, "subscribe", email, **more)

    def add(self, list_id: str, email: str, **more: Any) -> Json | None:
        """The marketer adds a member; `more`: status, merge_fields, tags, interests."""
        return self.act(list_id, "add", email, **more)

    def unsubscribe(self, list_id: str, email: str, by: str = "user") -> Json | None:
        """The contact ("user") or the marketer ("admin") unsubscribes a member."""
        return self.act(list_id, "unsubscribe", email, by=by)

    def complain(self, list_id: str, email: str) -> Json | None:
        """The contact marks a campaign as spam."""
        return self.act(list_id, "complain", email)

    def clean(self, list_id: str, email: str, reason: str = "hard") -> Json | None:
        """The address bounces."""
        return self.act(list_id, "clean", email, reason=reason)

    def confirm(self, list_id: str, email: str) -> Json | None:
        """The contact confirms a pending subscription."""
        return self.act(list_id, "confirm", email)

    def change_address(self, list_id: str, email: str, new_email: str, by: str = "user") -> Json | None:
        """The contact changes their address."""
        return self.act(list_id, "change-address", email, new_email=new_email, by=by)

    def edit(self, list_id: str, email: str, by: str = "admin", **more: Any) -> Json | None:
        """Changes merge_fields or interests of a member."""
        return self.act(list_id, "edit", email, by=by, **more)

    def tag(self, list_id: str, email: str, **tags: bool) -> Json | None:
        """Adds (True) and removes (False) tags; no webhook tells of it."""
        return self.act(list_id, "tag", email, tags=tags)

    def permit(self, list_id: str, email: str, **permissions: bool) -> Json | None:
        """The contact gives (True) or withdraws marketing permissions, by their ids; no webhook is known to
        tell of it."""
        return self.act(list_id, "permit", email, permissions=permissions)

    def sms(self, list_id: str, email: str, status: str, phone: str = "") -> Json | None:
        """The contact's SMS subscription changes; how webhooks tell of it is not documented, so none does."""
        return self.act(list_id, "sms", email, status=status, phone=phone)

    def archive(self, list_id: str, email: str) -> Json | None:
        """The marketer archives a member."""
        return self.act(list_id, "archive", email)

    def delete(self, list_id: str, email: str) -> None:
        """The marketer deletes a member for good."""
        self.act(list_id, "delete", email)

    # -- faults

    def faults(self) -> Json:
        """What is broken."""
        return self._call("GET", "/faults")

    def fail(self, status: int = 500, fraction: float = 1.0, **more: Any) -> None:
        """Adds a rule: this fraction of API calls is answered with this status; see `sandbox.faults.Rule`."""
        rules = [*self.faults()["rules"], {"status": status, "fraction": fraction, **more}]
        self._call("PATCH", "/faults", {"rules": rules})

    def hang(self, **more: Any) -> None:
        """Adds a rule: API calls that fit it are not answered until `mend`."""
        rules = [*self.faults()["rules"], {"hang": True, **more}]
        self._call("PATCH", "/faults", {"rules": rules})

    def ignore(self, **more: Any) -> None:
        """Adds a rule: changes that fit it are answered as if they were taken, and are not."""
        rules = [*self.faults()["rules"], {"ignore": True, **more}]
        self._call("PATCH", "/faults", {"rules": rules})

    def latency(self, seconds: float, jitter_seconds: float = 0.0) -> None:
        """Slows every API call down."""
        self._call("PATCH", "/faults", {"latency_seconds": seconds, "latency_jitter_seconds": jitter_seconds})

    def batches(self, seconds: float) -> None:
        """How long a batch takes before its first operation."""
        self._call("PATCH", "/faults", {"batch_seconds": seconds})

    def webhooks(self, **settings: Any) -> None:
        """How webhooks travel: drop, repeat, reorder, delay_seconds, …; see `sandbox.faults.Post`."""
        self._call("PATCH", "/faults", {"webhooks": settings})

    def mend(self, account_id: str = "") -> None:
        """Takes all faults away, or the rules about one account only."""
        if not account_id:
            self._call("DELETE", "/faults")
            return
        left = [rule for rule in self.faults()["rules"] if rule["account"] != account_id]
        self._call("PATCH", "/faults", {"rules": left})

    def clock(self, offset_seconds: float, *, stands_at_seconds: float | None = None) -> None:
        """Moves Mailchimp's clock this far from the wall's, or from a time at which it stands still."""
        self._call(
            "PUT", "/clock", {"offset_seconds": offset_seconds, "stands_at_seconds": stands_at_seconds}
        )

    def seed(self, seed: int) -> None:
        """Makes chance and ids repeatable from here on."""
        self._call("PUT", "/seed", {"seed": seed})

    # -- watching

    def requests(self, limit: int = 1000, **wanted: Any) -> list[Json]:
        """The last API calls, oldest first; `wanted`: method, template, path, status, account, batch."""
        found: list[Json] = self._call("GET", "/requests", params={"limit": limit, **wanted})["requests"]
        return found

    def calls(self, account: str = "", *, batched: bool = True) -> dict[str, int]:
        """Exact number of API calls by "METHOD template", whatever their status; with those that batches
        carried, or without (`batched`)."""
        counts: dict[str, int] = {}
        for row in self._call("GET", "/requests", params={"limit": 0, "account": account})["counts"]:
            if row["batched"] and not batched:
                continue
            name = f"{row['method']} {row['template']}"
            counts[name] = counts.get(name, 0) + int(row["count"])
        return counts

    def most_in_flight(self, account_id: str) -> int:
        """The most API calls of one account that ran at the same time."""
        return int(self._call("GET", "/requests", params={"limit": 0})["most_in_flight"].get(account_id, 0))

    def leaks(self) -> list[str]:
        """Paths outside the API that were asked for with an Authorization header."""
        found: list[str] = self._call("GET", "/requests", params={"limit": 0})["leaks"]
        return found

    def forget_requests(self) -> None:
        """Forgets the calls seen, their counts and peaks."""
        self._call("DELETE", "/requests")

    def deliveries(self, list_id: str = "", limit: int = 1000) -> list[Json]:
        """The last webhooks sent, oldest first, each with its body, state and attempts."""
        found: list[Json] = self._call("GET", "/deliveries", params={"limit": limit, "list_id": list_id})[
            "deliveries"
        ]
        return found

    def delivery_counts(self) -> dict[str, int]:
        """How many webhooks were delivered, failed, dropped, gone, and wait."""
        counts: dict[str, int] = self._call("GET", "/deliveries", params={"limit": 0})["counts"]
        return counts

    def forget_deliveries(self) -> None:
        """Forgets the webhooks sent."""
        self._call("DELETE", "/deliveries")

    def settle(self, timeout_seconds: float = 30.0) -> bool:
        """Waits until no webhook is on its way, retries included; False where the time ran out."""
        return bool(self._call("POST", "/settle", {"timeout_seconds": timeout_seconds})["settled"])

    def send_raw(self, list_id: str, body: bytes) -> list[Json]:
        """Posts these very bytes to the audience's webhooks, signed; how each answered."""
        body64 = base64.b64encode(body).decode()
        found: list[Json] = self._call("POST", f"/lists/{list_id}/raw", {"body_base64": body64})["answers"]
        return found

    def campaign(self, list_id: str, subject: str = "News") -> str:
        """A campaign is sent; its id."""
        return str(self._call("POST", f"/lists/{list_id}/campaigns", {"subject": subject})["campaign_id"])


def _list_handle(made: Json) -> ListHandle:
    return ListHandle(
        made["id"],
        made["name"],
        made["merge_fields"],
        made["interests"],
        made["categories"],
        made["marketing_permissions"],
    )
