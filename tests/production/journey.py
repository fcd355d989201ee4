"""What a visitor, a buyer, Stripe and a monitor do on their way through the house; a step raises if it is refused."""

from __future__ import annotations

import email
import email.policy
import hashlib
import hmac
import io
import json
import re
import secrets
import socket
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor

from tests.production.house import HOST, CheckFailed, House, read_environment, wait_for
from tests.production.visitor import Answer, Visitor

COMPOSED_WITHIN_SECONDS = 180
DELIVERED_WITHIN_SECONDS = 180
PASSWORD = "correct-horse-battery"


class Journey:
    """The steps in their order; each remembers what the next one needs."""

    def __init__(self, house: House, *, source: str = "127.0.0.1") -> None:
        self.house = house
        self.visitor = Visitor(house.https_port, house.folder / "tls" / "fullchain.pem", source=source)
        self.env = read_environment(house.folder / "etc" / "env")
        self.piece = self.purchase = self.copyright_id = ""

    def is_ready(self) -> None:
        answer = wanted(self.visitor.get("/readyz"), 200)
        found = json.loads(answer.body)
        if found["status"] != "ok" or found["sound"]:
            raise CheckFailed(f"/readyz says {found}")

    def plain_http_leads_to_https(self) -> None:
        with socket.create_connection(("127.0.0.1", self.house.http_port), 10) as plain:
            plain.sendall(f"GET /shop/ HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
            said = plain.makefile("rb").read().decode()
        if not (said.startswith("HTTP/1.1 301") and f"Location: https://{HOST}/shop/" in said):
            raise CheckFailed(f"plain HTTP was answered with {said[:300]!r}")

    def landing_page(self) -> None:
        answer = wanted(self.visitor.get("/"), 200)
        for header in ("strict-transport-security", "content-security-policy", "x-frame-options"):
            if header not in answer.headers:
                raise CheckFailed(f"the landing page has no {header}")

    def static_file(self) -> None:
        page = self.visitor.get("/").text
        path = found_in(page, r'href="(/static/[^"]+\.css)"')
        answer = wanted(self.visitor.get(path, Accept_Encoding="gzip"), 200)
        if answer.headers.get("content-encoding") != "gzip":
            raise CheckFailed(f"{path} is not compressed: {answer.headers}")
        if "immutable" not in answer.headers.get("cache-control", "") or "cookie" in answer.headers.get(
            "vary", ""
        ):
            raise CheckFailed(f"{path} may not be kept: {answer.headers}")

    def order(self) -> None:
        wanted(self.visitor.get("/compose/"), 200)
        answer = wanted(self.visitor.post("/compose/", {"instrument": "guitar", "seconds": "15"}), 302)
        self.piece = answer.path

    def composed(self) -> None:
        def is_ready() -> bool:
            state = json.loads(wanted(self.visitor.get(f"{self.piece}status/"), 200).body)
            if state["state"] in {"failed", "cancelled"}:
                raise CheckFailed(f"the piece {state}")
            return bool(state["state"] == "ready")

        wait_for(is_ready, "the piece is composed", within=COMPOSED_WITHIN_SECONDS)

    def preview(self) -> None:
        path = f"{self.piece}preview.mp3"
        part = wanted(self.visitor.get(path, Range="bytes=100-1099"), 206)
        if len(part.body) != 1000 or not part.headers["content-range"].startswith("bytes 100-1099/"):
            raise CheckFailed(f"a part of the preview: {len(part.body)} bytes, {part.headers}")
        whole = wanted(self.visitor.get(path), 200)
        if whole.body[100:1100] != part.body:
            raise CheckFailed("a part of the preview is not that of the whole")

    def register(self) -> None:
        address = f"buyer-{secrets.token_hex(6)}@example.com"
        wanted(self.visitor.get("/accounts/signup/"), 200)
        wanted(self.visitor.post("/accounts/signup/", {"email": address, "password1": PASSWORD}), 302)
        code = self._mailed_code(address)
        wanted(self.visitor.post("/accounts/confirm-email/", {"code": code}), 302)
        wanted(self.visitor.get("/library/"), 200)

    def buy(self) -> None:
        wanted(self.visitor.get(f"{self.piece}buy/"), 200)
        consents = {"consent_immediate": "on", "consent_withdrawal": "on"}
        answer = wanted(self.visitor.post(f"{self.piece}buy/", {"licensee": "Ada Ltd", **consents}), 302)
        checkout = answer.path
        wanted(self.visitor.get(checkout), 200)
        # The webhook is "lost" there, since this name leads nowhere from here; we bring it ourselves, as Stripe would.
        back = wanted(self.visitor.post(checkout, {"action": "lose_webhook"}), 302).path
        self.purchase = back.removesuffix("return/")
        self.stripe_reports(checkout.split("/")[2])
        page = wanted(self.visitor.get(self.purchase), 200).text
        if "It is yours" not in page:
            raise CheckFailed("the purchase page does not say that the piece is theirs after the webhook")

    def stripe_reports(self, session: str) -> None:
        """Bring a signed event, and one that is not."""
        item = {"object": "checkout.session", "id": session, "metadata": {"environment": "production"}}
        item["client_reference_id"] = self.purchase.split("/")[2]
        event = {"id": f"evt_{secrets.token_hex(8)}", "type": "checkout.session.completed", "livemode": False}
        payload = json.dumps({**event, "data": {"object": item}})
        now = str(int(time.time()))
        secret = self.env["STRIPE_WEBHOOK_SECRET"].encode()
        mac = hmac.new(secret, f"{now}.{payload}".encode(), hashlib.sha256).hexdigest()
        for signature, status in ((f"t={now},v1={mac[::-1]}", 400), (f"t={now},v1={mac}", 200)):
            headers = {"Stripe_Signature": signature, "Content_Type": "application/json"}
            wanted(self.visitor.send("/webhooks/stripe/", payload.encode(), **headers), status)

    def delivered(self) -> None:
        def is_there() -> bool:
            page = wanted(self.visitor.get(self.purchase), 200).text
            found = re.search(r'href="/downloads/([^/"]+)/[^"]*\.zip"', page)
            self.copyright_id = found[1] if found else ""
            return bool(found)

        wait_for(is_there, "the files are delivered", within=DELIVERED_WITHIN_SECONDS)

    def download(self) -> None:
        page = wanted(self.visitor.get(self.purchase), 200).text
        path = found_in(page, r'href="(/downloads/[^"]+\.zip)"')
        link = wanted(self.visitor.get(path), 302).path
        answer = wanted(self.visitor.get(link), 200)
        if "x-accel-redirect" in answer.headers:
            raise CheckFailed("nginx hands X-Accel-Redirect on instead of the file")
        with zipfile.ZipFile(io.BytesIO(answer.body)) as archive:
            if archive.testzip() is not None:
                raise CheckFailed("the archive is damaged")
        # The body can only be nginx's: behind it the application sends none.
        part = wanted(self.visitor.get(link, Range="bytes=0-99"), 206)
        if part.body != answer.body[:100]:
            raise CheckFailed("a part of the archive is not that of the whole")
        if not wanted(self._stranger().get(link), 302).path.startswith("/accounts/login/"):
            raise CheckFailed("a link works for somebody else")

    def private_files_are_private(self) -> None:
        private = self.house.folder / "var" / "private"
        some = next(path for path in private.rglob("*.wav") if path.is_file()).relative_to(private)
        for path in (f"/private-files/{some}", f"/private-files/../private-files/{some}", "/private-files/"):
            wanted(self.visitor.get(path), 404)

    def certificate(self) -> None:
        page = wanted(self.visitor.get(f"/certificates/{self.copyright_id}/"), 200).text
        if (
            "valid" not in page.lower()
            or "Ada Ltd" in self._stranger().get(f"/certificates/{self.copyright_id}/").text
        ):
            raise CheckFailed("the certificate's page")
        document = wanted(self.visitor.get(f"/certificates/{self.copyright_id}/certificate.json"), 200)
        file = self.house.folder / "certificate.json"
        file.write_bytes(document.body)
        self.house.manage("verify_certificate", str(file))
        self.house.manage("check_register")

    def metrics(self) -> None:
        wanted(self.visitor.get("/metrics"), 404)
        bearer = f"Bearer {self.env['SOLOSCORE_METRICS_TOKEN']}"
        text = wanted(self.visitor.get("/metrics", Authorization=bearer), 200).text
        found_in(text, r"(?m)^soloscore_queue_pieces 0")
        count = found_in(text, r"(?m)^django_http_requests_before_middlewares_total (\S+)")
        if float(count) < 20:
            raise CheckFailed(f"/metrics counts {count} requests: not those of all web processes")

    def rate_limit(self) -> None:

        def ask(_: int) -> int:
            return self._stranger(source="127.0.0.250").get("/accounts/login/").status

        # Side by side: one after the other, a slow machine would give each second its due.
        with ThreadPoolExecutor(20) as crowd:
            statuses = sorted(crowd.map(ask, range(60)))
        if set(statuses) != {200, 429}:
            raise CheckFailed(f"sixty times in a moment: {statuses}")
        wanted(self.visitor.get("/library/"), 200)

    def _stranger(self, *, source: str = "127.0.0.1") -> Visitor:
        return Visitor(self.house.https_port, self.house.folder / "tls" / "fullchain.pem", source=source)

    def _mailed_code(self, address: str) -> str:
        for path in sorted((self.house.folder / "var" / "mail").glob("*.log")):
            message = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            plain = message.get_body(("plain",))
            if message["To"] == address and plain is not None:
                return found_in(plain.get_content(), r"(?m)^\s*([A-Z0-9]{3,5}-?[A-Z0-9]{3,5})\s*$")
        raise CheckFailed(f"no mail to {address}")


STEPS = (
    Journey.is_ready,
    Journey.plain_http_leads_to_https,
    Journey.landing_page,
    Journey.static_file,
    Journey.order,
    Journey.composed,
    Journey.preview,
    Journey.register,
    Journey.buy,
    Journey.delivered,
    Journey.download,
    Journey.private_files_are_private,
    Journey.certificate,
    Journey.metrics,
    Journey.rate_limit,
)


def wanted(answer: Answer, status: int) -> Answer:
    """Return an answer of this status; raise for every other one."""
    if answer.status != status:
        start = " ".join(re.sub(r"<[^>]*>", " ", answer.body[:4000].decode(errors="replace")).split())
        raise CheckFailed(f"answered {answer.status} instead of {status}: {answer.headers} {start[:600]}")
    return answer


def found_in(text: str, pattern: str) -> str:
    """Return the group of the first match, or all of it; raise if there is none."""
    found = re.search(pattern, text)
    if found is None:
        raise CheckFailed(f"{pattern} is not in {text[:1500]!r}")
    return found[found.re.groups]
