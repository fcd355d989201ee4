"""What the sound promises."""
