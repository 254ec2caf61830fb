"""venuewire."""
