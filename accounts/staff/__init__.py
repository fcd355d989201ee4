"""The staff's side of accounts: who may enter, what every list of the admin can do, and the audit log."""
