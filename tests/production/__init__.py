"""The rehearsal of production: ``make prod-check``. None of this is collected as a test."""
