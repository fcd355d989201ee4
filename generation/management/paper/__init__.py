"""The paper's tables and figures, measured again: printed figures, measurements, drawings and the page."""
