"""Who composes and who buys."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

from django.conf import settings
from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.db import models
from django.db.models.functions import Lower
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.partner_models import IdempotencyKey, Partner

__all__ = ["IdempotencyKey", "Maker", "Partner", "User", "UserManager"]


class UserManager(BaseUserManager["User"]):
    """Creates users whose e-mail address is their log-in name."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a user; ``password=None`` makes an account that cannot log in by password."""
        if not email:
            raise ValueError("A user needs an e-mail address.")
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """Create a user who may do everything in the admin."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        """Find a user by e-mail address, in any case."""
        return self.get(email__iexact=username)


class User(AbstractBaseUser, PermissionsMixin):
    """A person with an account, known by e-mail address."""

    email = models.EmailField(_("e-mail address"), max_length=254, unique=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(
        _("language"),
        max_length=10,
        choices=settings.LANGUAGES,
        blank=True,
        default="",
        help_text=_("Of the e-mails to this person. Empty: that of the site."),
    )
    is_staff = models.BooleanField(_("staff"), default=False, help_text=_("May enter the admin."))
    is_active = models.BooleanField(_("active"), default=True)
    date_joined = models.DateTimeField(_("joined"), default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        verbose_name = _("user")
        verbose_name_plural = _("users")
        constraints = [models.UniqueConstraint(Lower("email"), name="accounts_user_email_any_case_unique")]

    def __str__(self) -> str:
        return self.email

    def get_short_name(self) -> str:
        """Return the name, or what stands before the @."""
        return self.name or self.email.partition("@")[0]


class Maker(models.Model):
    """Somebody who composes: a guest's browser, a user or a partner's client.

    A guest's maker is kept in the session; when the guest logs in, ``claim_guest_works`` writes the user into it,
    and with that every piece made as a guest is the user's. A user may so have several makers.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        User, on_delete=models.PROTECT, null=True, blank=True, related_name="makers", verbose_name=_("user")
    )
    client_id = models.CharField(
        _("partner client"),
        max_length=100,
        blank=True,
        default="",
        help_text=_("OAuth2 client of a partner."),
    )
    created_at = models.DateTimeField(_("created"), auto_now_add=True)

    class Meta:
        verbose_name = _("maker")
        verbose_name_plural = _("makers")
        constraints = [
            models.UniqueConstraint(
                fields=["client_id"], condition=~models.Q(client_id=""), name="accounts_maker_one_per_client"
            ),
        ]

    def __str__(self) -> str:
        if self.user_id:
            return str(self.user)
        return f"partner {self.client_id}" if self.client_id else f"guest {str(self.id)[:8]}"


class AuditEntry(models.Model):
    """One deed of a member of staff. ``accounts.staff.audit`` adds rows; a trigger keeps them as they are."""

    class Outcome(models.TextChoices):
        ASKED = "asked", _("asked for")
        DONE = "done", _("done")
        REFUSED = "refused", _("refused")

    at = models.DateTimeField(_("when"), default=timezone.now, db_index=True)
    staff = models.ForeignKey(User, on_delete=models.PROTECT, related_name="deeds", verbose_name=_("who"))
    did = models.CharField(_("what"), max_length=200)
    outcome = models.CharField(_("outcome"), max_length=7, choices=Outcome, default=Outcome.DONE)
    kind = models.CharField(_("kind of object"), max_length=60)
    object_id = models.CharField(_("key of the object"), max_length=64)
    object_text = models.CharField(_("object"), max_length=200)
    reason = models.CharField(_("reason"), max_length=200, blank=True, default="")
    before = models.JSONField(_("before"), default=dict, blank=True)
    after = models.JSONField(_("after"), default=dict, blank=True)

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name = _("deed of the staff")
        verbose_name_plural = _("audit log")
        indexes = [models.Index(fields=["kind", "object_id", "-at"], name="accounts_audit_object")]

    def __str__(self) -> str:
        return f"{self.did}: {self.object_text}"


# Django finds the models of an app by its module of models.
from accounts.webhooks.models import WebhookDelivery, WebhookEndpoint, WebhookEvent  # noqa: E402, F401
