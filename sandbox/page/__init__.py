"""The pages where a person plays the marketer."""
