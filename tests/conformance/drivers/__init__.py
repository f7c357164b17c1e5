"""One small driver per adapter."""
