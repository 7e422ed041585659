"""The researchers' harness: corpora, training of what ships, benchmarks, studies. It imports `simulator`, never the reverse."""
