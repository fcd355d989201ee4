import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    """Runs of eight tokens gave way to winnowed runs of nine: ``manage.py record_works`` puts older pieces on record."""

    dependencies = [
        ('generation', '0001_initial'),
    ]

    operations = [
        migrations.DeleteModel(name='WorkFingerprint'),
        migrations.CreateModel(
            name='RegisterHead',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
            ],
            options={
                'verbose_name': 'head of the register',
                'verbose_name_plural': 'head of the register',
            },
        ),
        migrations.CreateModel(
            name='WorkOnRecord',
            fields=[
                ('id', models.AutoField(primary_key=True, serialize=False)),
                ('lines', models.BinaryField(verbose_name='lines')),
                ('composition', models.OneToOneField(on_delete=django.db.models.deletion.CASCADE, related_name='on_record', to='generation.composition', verbose_name='composition')),
            ],
            options={
                'verbose_name': 'work on record',
                'verbose_name_plural': 'works on record',
            },
        ),
        migrations.CreateModel(
            name='WorkFingerprint',
            fields=[
                ('pk', models.CompositePrimaryKey('run_hash', 'work', blank=True, editable=False, primary_key=True, serialize=False)),
                ('run_hash', models.BigIntegerField(help_text='64 bits, stored as a signed integer.', verbose_name='hash of the run')),
                ('work', models.ForeignKey(db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='fingerprints', to='generation.workonrecord', verbose_name='work')),
            ],
            options={
                'verbose_name': 'fingerprint of a run',
                'verbose_name_plural': 'fingerprints of runs',
            },
        ),
    ]
