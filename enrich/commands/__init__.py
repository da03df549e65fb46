"""The ``scrapy`` commands that this project adds."""
