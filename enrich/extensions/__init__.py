"""Scrapy extensions: the store's life in a crawl, and the run's health."""
