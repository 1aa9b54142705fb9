"""Who is billed, and with which keys their usage is reported."""

from customers.models.api_key import ApiKey
from customers.models.customer import Customer

__all__ = ["ApiKey", "Customer"]
