"""What tests of more than one folder share: an import away, typed, each thing once."""
