#!/bin/sh
# Check the settings of production, with made-up secrets in a throw-away folder. Usage: deploy/check.sh PYTHON
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export SOLOSCORE_ENV=production SOLOSCORE_VAR_DIR="$folder" SOLOSCORE_SIGNING_KEYS_DIR="$folder/keys"
export SOLOSCORE_SECRET_KEY="$("$1" -c 'import secrets; print(secrets.token_urlsafe(60))')"
export SOLOSCORE_HOSTS=soloscore.example SOLOSCORE_SITE_URL=https://soloscore.example SOLOSCORE_PREVIEW_SECRET=made-up
export SOLOSCORE_MARK_SECRET=made-up SOLOSCORE_WEBHOOK_SECRET=made-up
export STRIPE_SECRET_KEY=sk_live_made_up STRIPE_WEBHOOK_SECRET=whsec_made_up
"$1" manage.py make_signing_key >/dev/null
"$1" manage.py make_c2pa_key >/dev/null
"$1" manage.py check --deploy --fail-level WARNING
