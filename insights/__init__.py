"""One definition of every figure: what pages, exports, digests and commands show."""
