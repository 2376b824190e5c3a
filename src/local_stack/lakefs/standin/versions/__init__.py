"""Repositories and their branches, commits and objects: what both APIs show. Knows neither HTTP nor hooks."""
