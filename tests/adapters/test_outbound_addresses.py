"""Which addresses are public: every refused block at both of its edges, and what lies just outside."""

from ipaddress import IPv6Address, ip_address, ip_network

import pytest

from adapters.outbound.addresses import BLOCKS, allowed, refusal


@pytest.mark.parametrize("block", BLOCKS)
def test_a_refused_block_is_refused_at_both_edges(block: str) -> None:
    network = ip_network(block)
    assert not allowed(network[0])
    assert not allowed(network[-1])


# The first and last refused addresses, each with the public one beside it.
EDGES = {
    "0.255.255.255": "1.0.0.0",
    "10.0.0.0": "9.255.255.255",
    "10.255.255.255": "11.0.0.0",
    "100.64.0.0": "100.63.255.255",
    "100.127.255.255": "100.128.0.0",
    "127.0.0.0": "126.255.255.255",
    "127.255.255.255": "128.0.0.0",
    "168.63.129.16": "168.63.129.15",
    "169.254.0.0": "169.253.255.255",
    "169.254.255.255": "169.255.0.0",
    "172.16.0.0": "172.15.255.255",
    "172.31.255.255": "172.32.0.0",
    "192.0.0.0": "191.255.255.255",
    "192.0.0.255": "192.0.1.0",
    "192.0.2.0": "192.0.1.255",
    "192.0.2.255": "192.0.3.0",
    "192.88.99.255": "192.88.100.0",
    "192.168.0.0": "192.167.255.255",
    "192.168.255.255": "192.169.0.0",
    "198.18.0.0": "198.17.255.255",
    "198.19.255.255": "198.20.0.0",
    "198.51.100.0": "198.51.99.255",
    "198.51.100.255": "198.51.101.0",
    "203.0.113.0": "203.0.112.255",
    "203.0.113.255": "203.0.114.0",
    "224.0.0.0": "223.255.255.255",
    "1fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "2000::",
    "2001::": "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff": "2001:200::",
    "2001:db8::": "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff": "2001:db9::",
    "2002::": "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff": "2003::",
    "3fff::": "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff": "3fff:1000::",
    "4000::": "3fff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
}


@pytest.mark.parametrize(("refused", "public"), EDGES.items())
def test_a_refused_block_ends_where_it_should(refused: str, public: str) -> None:
    assert not allowed(ip_address(refused))
    assert allowed(ip_address(public))


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("0.0.0.0", "an unspecified address"),
        ("127.0.0.1", "a loopback address"),
        ("100.100.100.200", "a cloud metadata address"),
        ("168.63.129.16", "a cloud metadata address"),
        ("169.254.169.254", "a cloud metadata address"),
        ("192.0.0.192", "a cloud metadata address"),
        ("224.0.0.1", "a multicast address"),
        ("239.255.255.255", "a multicast address"),
        ("240.0.0.0", "a reserved address"),
        ("255.255.255.255", "a broadcast address"),
        ("::", "an unspecified address"),
        ("::1", "a loopback address"),
        ("::127.0.0.1", "an IPv4 address in disguise"),
        ("::ffff:127.0.0.1", "an IPv4 address in disguise"),
        ("::ffff:8.8.8.8", "an IPv4 address in disguise"),
        ("::ffff:0:127.0.0.1", "an IPv4 address in disguise"),
        ("64:ff9b::7f00:1", "an IPv4 address in disguise"),
        ("64:ff9b:1:ffff::7f00:1", "an IPv4 address in disguise"),
        ("2001:0:4136:e378:8000:63bf:3fff:fdd2", "an IPv4 address in disguise"),
        ("2002:7f00:1::", "an IPv4 address in disguise"),
        ("100::1", "a reserved address"),
        ("2001:2::1", "an address of benchmarks"),
        ("2001:20::1", "a reserved address"),
        ("5f00::1", "a reserved address"),
        ("fc00::1", "a private address"),
        ("fd00:ec2::254", "a cloud metadata address"),
        ("fd20:ce::254", "a cloud metadata address"),
        ("fe80::1", "a link-local address"),
        ("fe80::1%eth0", "a link-local address"),
        ("fec0::1", "a private address"),
        ("ff02::1", "a multicast address"),
    ],
)
def test_what_is_refused_is_called_by_its_name(address: str, what: str) -> None:
    assert refusal(ip_address(address)) == what


@pytest.mark.parametrize("address", ["8.8.8.8", "1.1.1.1", "93.184.216.34", "2606:4700::1111", "2a00:1450:4001::200e"])
def test_a_public_address_is_allowed(address: str) -> None:
    assert refusal(ip_address(address)) is None


def test_an_address_of_one_interface_is_not_public() -> None:
    assert not allowed(IPv6Address("2606:4700::1111%eth0"))
