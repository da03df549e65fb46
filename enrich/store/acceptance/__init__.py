"""What becomes of a picture: copies, limits, trust, and which faces are kept; one transaction for many of them."""
