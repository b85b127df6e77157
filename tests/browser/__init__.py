"""Tests in a real browser: the page, its sliders, and a notebook."""
