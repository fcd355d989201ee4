"""Measurements of the finished sound, and the page that shows them."""
