"""Where posts come from: one file a network, `base` holds the protocol."""
