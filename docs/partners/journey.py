"""From the token to the files, in the sandbox: ``python journey.py SITE CLIENT_ID CLIENT_SECRET FOLDER``."""

from __future__ import annotations

import sys
from pathlib import Path

from soloscore import Soloscore

site, client_id, client_secret, folder = sys.argv[1:]
into = Path(folder)
shop = Soloscore(site, client_id=client_id, client_secret=client_secret)
print("account:", shop.account()["kind"])

# Compose, and wait.
piece = shop.compose(instrument="piano", seconds=6, mood="calm")
print("ordered:", piece["id"], "- about", piece["estimate_seconds"], "seconds")
piece = shop.wait_until_ready(piece["id"])
print("ready:", piece["title"], "-", piece["rights"]["summary"])

# Listen: the preview has a spoken mark, and its link works for half an hour.
shop.fetch(piece["preview_url"], into / "preview.mp3")

# Reserve it for your client, who alone will hold the right. Outside the sandbox, send them to `checkout_url`.
purchase = shop.reserve(piece["id"], licensee="Bakery Krume", return_url="https://acme.example/orders/17")
print("reserved:", purchase["id"], "until", purchase["expires_at"])

# In the sandbox you play the payer.
purchase = shop.pay_in_sandbox(purchase["id"])
print("paid:", purchase["state"], purchase["certificate"])

# (Webhooks: here a `purchase.sold` event would be verified, instead of polling as below.)

# Certificate and files.
certificate = shop.wait_until_delivered(purchase["certificate"])
print("certificate:", certificate["status"], certificate["licensee"], certificate["verify_url"])
for file in shop.files(certificate["copyright_id"]):
    shop.fetch(file["url"], into / file["name"])
    print("file:", file["name"], file["size"])
