"""The Django project: settings, addresses, the Celery application and the pages of the house itself."""
