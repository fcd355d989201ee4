"""How near generated music is, as a set, to real music: the numbers that are published for every model.

:func:`.report.evaluate` makes one JSON-able report a model; :mod:`.page` makes the page of all reports.
"""
