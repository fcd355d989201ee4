"""How dates are written, by language; the short form leaves out the year."""
