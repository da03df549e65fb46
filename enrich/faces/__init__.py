"""Pictures in, faces and vectors out: decoding, detection, alignment, quality, embedding. Arrays in, arrays out."""
