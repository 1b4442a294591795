"""What xDSL lacks or gets wrong, mended in one place; a test per repair tells when it can go."""
