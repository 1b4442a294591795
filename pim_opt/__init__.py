"""pim-opt: a tensor compiler for Processing-In-Memory DRAM."""
