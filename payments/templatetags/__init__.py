"""What templates of the staff ask about payments."""
