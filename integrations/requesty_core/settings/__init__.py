"""Where requests go, as whom, and with which gateway options: every setting is checked here, once."""
