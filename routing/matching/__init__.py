"""Who spoke, with what proof: evidence, gates, grades. Proof, not resemblance."""
