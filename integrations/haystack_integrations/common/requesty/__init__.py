"""What the Requesty generators and embedders for Haystack share."""
