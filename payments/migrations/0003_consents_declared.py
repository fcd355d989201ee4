"""Log what buyers declared before there was a log, and keep it nowhere else.

Until 0.1.0 a purchase held the kinds and the times; the form had these words, and no translation.
"""

import hashlib
from datetime import datetime

from django.db import migrations
from django.utils import timezone

WORDS = {
    "immediate_delivery": "I want the files at once, before the withdrawal period of 14 days ends.",
    "withdrawal_lost": "I know that I lose my right of withdrawal when the files are handed over.",
}


def log(apps, schema_editor):
    """Add the declarations that are not logged yet, each with its own time."""
    Purchase = apps.get_model("payments", "Purchase")
    Declaration = apps.get_model("payments", "Declaration")
    for purchase in Purchase.objects.exclude(consents={}).iterator():
        logged = set(Declaration.objects.filter(purchase=purchase).values_list("kind", flat=True))
        for kind, given_at in purchase.consents.items():
            if kind not in WORDS or kind in logged:
                continue
            row = Declaration.objects.create(
                purchase=purchase,
                user_id=purchase.buyer_id,
                kind=kind,
                text=WORDS[kind],
                sha256=hashlib.sha256(WORDS[kind].encode()).hexdigest(),
                terms_version=purchase.terms_version,
            )
            # The field fills in the present when a row is added.
            Declaration.objects.filter(pk=row.pk).update(declared_at=_moment(given_at) or purchase.created_at)


def _moment(text):
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return moment if timezone.is_aware(moment) else timezone.make_aware(moment)


class Migration(migrations.Migration):
    dependencies = [("payments", "0002_after_the_sale")]

    operations = [
        migrations.RunPython(log, migrations.RunPython.noop),
        migrations.RemoveField(model_name="purchase", name="consents"),
    ]
