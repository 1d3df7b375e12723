"""One adapter per payment gateway; every adapter answers in the words of `base`."""
