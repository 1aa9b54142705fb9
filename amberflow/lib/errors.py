"""The error that services raise when a request can't be carried out as asked."""


class DomainError(Exception):
    """What is wrong and what to do, in words for the person who asked.

    `code` is stable and meant for programs; `field` names the part of the input at fault, if one is.
    """

    def __init__(self, code: str, message: str, *, field: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
