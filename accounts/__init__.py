"""Who: the e-mail user, makers (guests and users who compose), sign-in."""
