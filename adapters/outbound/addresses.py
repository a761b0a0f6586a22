"""Which addresses of the internet protocol are public. Pure.

Not `ipaddress.is_global`: to Python 64:ff9b::7f00:1, 2002:7f00:1::, ::127.0.0.1, fec0::1, 224.0.0.1 and 168.63.129.16
are. Of IPv6 nothing is public but what IANA has given out, 2000::/3, without the blocks named here.
"""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_network

Address = IPv4Address | IPv6Address

BLOCKS = {
    # Answers of clouds about themselves. The first is public by its number; the others would be refused by their block.
    "168.63.129.16/32": "a cloud metadata address",  # Azure
    "169.254.169.254/32": "a cloud metadata address",  # AWS, Azure, Google, DigitalOcean, …
    "100.100.100.200/32": "a cloud metadata address",  # Alibaba
    "192.0.0.192/32": "a cloud metadata address",  # Oracle
    "fd00:ec2::/32": "a cloud metadata address",  # AWS
    "fd20:ce::254/128": "a cloud metadata address",  # Google
    # IPv4, by IANA's registry of special purposes
    "0.0.0.0/8": "an unspecified address",
    "10.0.0.0/8": "a private address",
    "100.64.0.0/10": "a carrier's private address",
    "127.0.0.0/8": "a loopback address",
    "169.254.0.0/16": "a link-local address",
    "172.16.0.0/12": "a private address",
    "192.0.0.0/24": "a reserved address",
    "192.0.2.0/24": "an address of documentation",
    "192.88.99.0/24": "a reserved address",
    "192.168.0.0/16": "a private address",
    "198.18.0.0/15": "an address of benchmarks",
    "198.51.100.0/24": "an address of documentation",
    "203.0.113.0/24": "an address of documentation",
    "224.0.0.0/4": "a multicast address",
    "255.255.255.255/32": "a broadcast address",
    "240.0.0.0/4": "a reserved address",
    # IPv6 outside 2000::/3, for the sake of their names
    "::/128": "an unspecified address",
    "::1/128": "a loopback address",
    "::/96": "an IPv4 address in disguise",
    "::ffff:0:0/96": "an IPv4 address in disguise",
    "::ffff:0:0:0/96": "an IPv4 address in disguise",
    "64:ff9b::/96": "an IPv4 address in disguise",
    "64:ff9b:1::/48": "an IPv4 address in disguise",
    "100::/64": "a reserved address",
    "fc00::/7": "a private address",
    "fe80::/10": "a link-local address",
    "fec0::/10": "a private address",
    "ff00::/8": "a multicast address",
    # IPv6 inside 2000::/3
    "2001::/32": "an IPv4 address in disguise",  # Teredo
    "2001:2::/48": "an address of benchmarks",
    "2001::/23": "a reserved address",  # of the IETF, ORCHID among them
    "2001:db8::/32": "an address of documentation",
    "2002::/16": "an IPv4 address in disguise",  # 6to4
    "3fff::/20": "an address of documentation",
}
_REFUSED = tuple((ip_network(block), what) for block, what in BLOCKS.items())
_GIVEN_OUT = IPv6Network("2000::/3")


def refusal(address: Address) -> str | None:
    """What the address is instead of public; None for a public one. The first of BLOCKS that holds it names it."""
    for block, what in _REFUSED:
        if address in block:
            return what
    if isinstance(address, IPv6Address) and (address.scope_id or address not in _GIVEN_OUT):
        return "a reserved address"
    return None


def allowed(address: Address) -> bool:
    return refusal(address) is None
