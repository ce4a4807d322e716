"""Which way to a server: directly, or through the forward proxy that clients here would take."""

from lkdoctor.diagnosis.case import Case
from lkdoctor.diagnosis.how import How
from lkdoctor.facts.url import ParsedUrl
from lkdoctor.probes.route import Endpoint
from lkdoctor.wire.proxy import Proxy


def endpoint(url: ParsedUrl, case: Case, how: How) -> Endpoint:
    """Whom to dial, and how.

    A variable whose proxy cannot be used (SOCKS, TLS to the proxy) or is not wanted goes into
    the facts, so that a failure can name it.
    """
    way = Endpoint(url, how.family, how.insecure, how.ca_file)
    if how.proxy is not None:
        return way._replace(proxy=how.proxy)
    if case.proxy is None:
        return way
    if how.no_proxy or not isinstance(case.proxy, Proxy):
        return way._replace(unused_proxy=case.proxy.origin)
    return way._replace(proxy=case.proxy)
