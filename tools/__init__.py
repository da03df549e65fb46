"""Research tools beside the package: in a checkout, not in what is installed or deployed."""
