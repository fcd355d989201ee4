from django.db import migrations, models

from generation.drawings import drawn_for_cards

TITLES = "generation_composition_titles"


def draw_the_cards(apps, schema_editor):
    """Draw the cards of the pieces there are, one at a time: their waveforms are big."""
    pieces = apps.get_model("generation", "Composition").objects.order_by()
    for key in list(pieces.filter(state="ready", card_wave="").values_list("pk", flat=True)):
        peaks, roll = pieces.values_list("peaks", "roll").get(pk=key)
        pieces.filter(pk=key).update(**drawn_for_cards(peaks=peaks or [], roll=roll or []))


def find_titles_by_their_parts(apps, schema_editor):
    """Let PostgreSQL find a part of a title by an index of trigrams; SQLite reads the titles, which it holds in an index."""
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("CREATE EXTENSION IF NOT EXISTS pg_trgm")
        schema_editor.execute(
            f"CREATE INDEX {TITLES} ON generation_composition USING gin (title_sought gin_trgm_ops)"
        )


def read_titles_again(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(f"DROP INDEX {TITLES}")


class Migration(migrations.Migration):

    dependencies = [
        ('generation', '0012_versions'),
    ]

    operations = [
        migrations.AddField(
            model_name='composition',
            name='card_roll',
            field=models.TextField(blank=True, default='', editable=False, verbose_name='roll on cards'),
        ),
        migrations.AddField(
            model_name='composition',
            name='card_wave',
            field=models.TextField(blank=True, default='', editable=False, verbose_name='waveform on cards'),
        ),
        migrations.RunPython(draw_the_cards, migrations.RunPython.noop, elidable=True),
        migrations.RunPython(find_titles_by_their_parts, read_titles_again),
    ]
