"""Who spoke, whether to answer, where and when: matching, cases, the channel decision, the outbox."""
