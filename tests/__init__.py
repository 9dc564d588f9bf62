"""Tests. The name of a test is the sentence that is true; CONTRIBUTING.md says how to run them."""
