"""What is released, checked as a user gets it. Run: ``make release-check``."""
