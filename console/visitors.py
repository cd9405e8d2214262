"""Visitors without an account, on the pages behind links: what tells one from another."""

import ipaddress


def network_of(host: str) -> str:
    """The address that counts: of IPv6 the /64, which is one household's."""
    try:
        found = ipaddress.ip_address(host)
    except ValueError:
        return host
    return str(ipaddress.ip_network(f"{found}/64", strict=False)) if found.version == 6 else host
