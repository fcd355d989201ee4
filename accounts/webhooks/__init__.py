"""What partners are told: events written with what they tell, signed, and delivered until they arrive."""
