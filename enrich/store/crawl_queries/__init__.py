"""What a crawl and `scrapy status` read: look-ups, due pictures, progress."""
