"""What a client was told, and the exchange that each kind of call becomes; nothing is sent here."""
