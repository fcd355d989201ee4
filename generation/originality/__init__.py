"""How near one piece is to another: key- and tempo-blind runs of notes, indexes of them, and the report."""
