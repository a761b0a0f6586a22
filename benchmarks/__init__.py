"""How fast, against a peer and a physical limit, in the same interleaved run. One file per table; `make bench`."""
