"""The composer: corpus, network, decoding and score files. Knows no Django."""
