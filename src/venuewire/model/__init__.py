"""The nouns, in FIX words: frozen records that know nothing of venues, sockets or clocks."""
