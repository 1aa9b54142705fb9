"""Customers and API keys in the back office."""

from customers.admin import api_key, customer

__all__ = ["api_key", "customer"]
