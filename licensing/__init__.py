"""Whose: exclusive rights, certificates, the public register and the owner's downloads."""
