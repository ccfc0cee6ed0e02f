"""What people want to know of a model before they solder anything."""
