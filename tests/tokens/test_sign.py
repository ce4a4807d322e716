"""The signature of minted tokens, held to PyJWT's."""

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lkdoctor.redact import Secret
from lkdoctor.tokens.mint import sign

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@given(
    claims=st.dictionaries(st.text().filter(lambda name: name != "iss"), JSON, max_size=4),
    secret=st.text(min_size=1).filter(lambda text: text.isprintable()),
)
def test_a_token_is_byte_for_byte_what_pyjwt_makes(claims: dict[str, object], secret: str) -> None:
    assert sign(claims, Secret(secret)).reveal() == jwt.encode(claims, secret, algorithm="HS256")
