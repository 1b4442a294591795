"""What xDSL lacks or gets wrong, mended in one place; each repair has a test that tells when it can go."""
