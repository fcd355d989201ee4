"""The staff's admin as a whole: its site, its first page, the roles."""
