import pytest

from tests.pricing.terms_office import TermsOffice


@pytest.fixture
def office(db):
    return TermsOffice()
