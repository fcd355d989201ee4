"""Let the database itself refuse a change of the register and of what certificates say."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from licensing import triggers


class Migration(migrations.Migration):
    dependencies = [("licensing", "0004_register_entries")]

    operations = [
        migrations.AlterField(
            model_name="certificate",
            name="holder",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="certificates",
                to=settings.AUTH_USER_MODEL,
                verbose_name="holder",
            ),
        ),
        migrations.RunPython(triggers.install, triggers.remove),
    ]
