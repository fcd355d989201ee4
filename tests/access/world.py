"""One of everything that an address can name, owned by one person and by one partner, and somebody for each way in."""

from __future__ import annotations

from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Group
from django.db.models import Model
from django.test import Client
from django.utils import timezone

from accounts.models import AuditEntry, Maker, User
from accounts.services import PURCHASES_READ, PURCHASES_WRITE, READ, WEBHOOKS_READ, WEBHOOKS_WRITE, WRITE
from accounts.webhooks.services import send_test
from generation.listeners import keep_favourite
from generation.models import Instrument, PriceChange
from generation.panel import draw_pair
from generation.services import rate_composition
from generation.sharing import make_link, open_links
from licensing import partner_links
from licensing.complaints import file_complaint
from licensing.models import Certificate, Extra, RegisterCheck, Replacement
from marketplace.staff.roles import ROLES, sync_roles
from payments import services
from payments.models import Incident, Purchase, WebhookEvent
from tests.access.doors import PARTNERS, STAFF
from tests.accounts.webhooks import an_endpoint
from tests.api.partners import Partner, token_of
from tests.factories import (
    a_listed_composition,
    a_maker,
    a_queued_composition,
    a_ready_composition,
    a_user,
    staff_client,
)
from tests.payments.shop import Shop

SCOPES = (READ, WRITE, PURCHASES_READ, PURCHASES_WRITE, WEBHOOKS_READ, WEBHOOKS_WRITE)
SECRETS = SECRET_TITLE, SECRET_LICENSEE = "The Matrix Waltz", "Aurelia Secret"


class World:
    """Made once for a walk; what a request changes is rolled back after it."""

    def __init__(self) -> None:
        sync_roles()
        self.shop = Shop.open()
        self.clients = {"anonymous": Client()}
        self.owner, self.owners_maker = self._somebody("owner")
        self._somebody("other")
        self._staff()
        self.partner = Partner(credit_limit_minor=1_000_000)
        self.sandbox = Partner.sandbox()
        self.clients |= {
            "partner": self.partner.http,
            "sandbox": self.sandbox.http,
            "other partner": Partner().http,
        }
        self._tokens: dict[str, Client] = {}
        self.keys = {"own": self._of_the_owner()}
        self.keys["partner's"] = self.keys["own"] | self._of_the_partner()
        self.keys["sandbox's"] = self.keys["own"] | self._of_the_sandbox()
        own = self.keys["own"]
        self.keys["listed"] = own | {"composition_id": self.listed.pk}
        self.keys["queued"] = own | {"composition_id": self.queued.pk}
        self.keys["bought"] = own | {"composition_id": self.bought.composition_id}
        self._of_the_house()
        assert set(self.clients) == {"anonymous", "owner", "other", *STAFF, *PARTNERS} - {"unscoped"}

    def client(self, who: str, *, missing: str = "") -> Client:
        """Return somebody's client; of the unscoped one with a token for every scope but the missing one."""
        return self._without(missing) if who == "unscoped" else self.clients[who]

    def _without(self, scope: str) -> Client:
        if scope not in self._tokens:
            wanted = " ".join(one for one in SCOPES if one != scope)
            token = token_of(self.partner.client_id, self.partner.secret, scope=wanted).json()["access_token"]
            self._tokens[scope] = Client(headers={"Authorization": f"Bearer {token}"})
        return self._tokens[scope]

    def one(self, model: type[Model]) -> Model:
        """Return some object of a model. Raises ``LookupError`` where there is none: make one here."""
        found = model._default_manager.order_by("pk").first()
        if found is None:
            raise LookupError(f"Nothing in this world is a {model._meta.label_lower}.")
        return found

    def _somebody(self, name: str) -> tuple[User, Maker]:
        user = a_user()
        self.clients[name] = staff_client(user)
        return user, a_maker(user=user)

    def _staff(self) -> None:
        for name in STAFF:
            user = a_user(is_staff=True, is_superuser=name == "superuser")
            if name in ROLES:
                user.groups.add(Group.objects.get(name=name))
            self.clients[name] = staff_client(user)

    def _sold(self, maker: Maker) -> Purchase:
        piece = a_ready_composition(maker=maker, title=SECRET_TITLE)
        purchase = self.shop.sold(piece=piece, buyer=self.owner, licensee=SECRET_LICENSEE)
        services.drain_outbox()
        purchase.refresh_from_db()
        return purchase

    def _of_the_owner(self) -> dict[str, Any]:
        maker = self.owners_maker
        piece = a_ready_composition(maker=maker, preview=b"preview", title=SECRET_TITLE)
        self.piece = piece
        self.listed = a_listed_composition(maker=maker, preview=b"preview")
        self.queued = a_queued_composition(maker=maker)
        a_listed_composition(preview=b"preview")
        pair = draw_pair(maker=maker)
        make_link(composition=piece, days=7)
        link = open_links(piece)[0]
        self.bought = self._sold(maker)
        held = self.shop.start(buyer=self.owner, licensee=SECRET_LICENSEE)
        certificate = Certificate.objects.get(right__purchase_id=self.bought.pk)
        factor = Authenticator.objects.create(
            user=self.owner, type=Authenticator.Type.WEBAUTHN, data={"name": "key", "credential": {}}
        )
        return {
            "composition_id": piece.pk,
            "pair_id": pair.pk,
            "side": "a",
            "token": link.token,
            "link_id": link.link.pk,
            "copyright_id": certificate.pk,
            "name": "master.flac",
            "session_id": held.session_id,
            "purchase_id": self.bought.pk,
            "version": settings.TERMS_VERSION,
            "slug": "piano",
            "place": 0,
            "pk": factor.pk,
            "uidb36": user_pk_to_url_str(self.owner),
            "id": self.owner.pk,
            "content_type_id": 1,
            "object_id": "1",
            "app_label": "payments",
            "key": default_token_generator.make_token(self.owner),
        }

    def _of_the_partner(self) -> dict[str, Any]:
        maker = self.partner.maker
        endpoint = an_endpoint(maker=maker)
        delivery = send_test(endpoint=endpoint)
        bought = self.partner.buy_on_invoice(
            a_ready_composition(maker=maker), licensee=SECRET_LICENSEE
        ).json()
        services.drain_outbox()
        signed = partner_links._SALT
        name = "master.flac"
        token = partner_links.signing.dumps(
            [self.partner.row.account_id, bought["certificate"], name], salt=signed
        )
        return {
            "composition_id": a_ready_composition(maker=maker, preview=b"preview", title=SECRET_TITLE).pk,
            "webhook_id": endpoint.pk,
            "delivery_id": delivery.pk,
            "purchase_id": bought["id"],
            "copyright_id": bought["certificate"],
            "token": token,
            "name": name,
        }

    def _of_the_sandbox(self) -> dict[str, Any]:
        made = a_ready_composition(
            maker=self.sandbox.maker, is_sandbox=True, is_private=True, title=SECRET_TITLE
        )
        return {"composition_id": made.pk, "purchase_id": self.sandbox.reserve(made).json()["id"]}

    def _of_the_house(self) -> None:
        """Make what only the staff sees."""
        chief = User.objects.get(is_superuser=True)
        certificate = Certificate.objects.get(right__purchase_id=self.bought.pk)
        now = timezone.now()
        rate_composition(composition=self.listed, maker=self.owners_maker, stars=4)
        keep_favourite(composition=self.listed, maker=self.owners_maker)
        file_complaint(about="other", named="", name="Ada", email="ada@example.com", text="It is wrong.")
        AuditEntry.objects.create(staff=chief, did="x", kind="x.y", object_id="1", object_text="x")
        LogEntry.objects.create(user=chief, object_repr="x", action_flag=2)
        UserSession.objects.create(user=self.owner, ip="127.0.0.1", session_key="x", user_agent="x")
        PriceChange.objects.create(
            instrument=Instrument.objects.get(), old_minor=1, old_currency="eur", new_minor=2, new_currency="eur",
            staff=chief,
        )  # fmt: skip
        RegisterCheck.objects.create(entries=1, certificates=1, faults=0)
        Replacement.objects.create(certificate=certificate, not_before=now)
        Extra.objects.create(certificate=certificate, kind="loop", requested_at=now, changed_at=now)
        Incident.objects.create(kind="test", detail="x")
        WebhookEvent.objects.create(event_id="evt_1", type="x")
