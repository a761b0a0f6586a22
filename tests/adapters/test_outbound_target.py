"""What is judged of an address before anybody is asked."""

import pytest

from adapters.outbound import NotAllowed, check_url, excepted

REFUSED = {
    "starts neither with": [
        "",
        "example.com",
        "//example.com/",
        "file:///etc/passwd",
        "ftp://example.com/",
        "gopher://example.com/",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "unix:///run/x",
        "httpx://example.com/",
    ],
    "names no host": ["http:", "http://", "http:///x", "http:example.com", "http://./", "http://:80/", "https://?x"],
    "user name or password": [
        "http://alice@example.com/",
        "http://alice:secret@example.com/",
        "http://@example.com/",
        "http://example.com:80@127.0.0.1/",
        "http://example.com%40@127.0.0.1/",
    ],
    "a port": [
        "http://example.com:8080/",
        "http://example.com:22/",
        "https://example.com:0/",
        "http://example.com:65616/",
        "http://93.184.216.34:6379/",
        "http://[2606:4700::1111]:9092/",
        "http://example.com:99999/",
    ],
    "cannot be read": [
        "http://example.com:port/",
        "http://example.com:-80/",
        "http://example.com:80:80/",
        "http://[::1/",
        "http://::1/",
        "http://[::1]evil.com/",
        "http://evil.com[::1]/",
        "http://[]/",
        "http://example.com:+80/",
        "http://example.com:８０/",
        "http://example.com℀/",
    ],
    "spaces, backslashes or control characters": [
        "http://exam ple.com/",
        "http://example.com:8 0/",
        "http://\u00ad/",
        " http://example.com/",
        "http://example.com/ ",
        "http://example.com/\r\nX: y",
        "http://exa\tmple.com/",
        "http://example.com\\@127.0.0.1/",
        "http:\\\\example.com/",
        "http://example.com/\\x",
        "http://example.com/\x00",
        "http://example.com/\u200b",
        "http://example.com/\ud800",
        "http://example.com/\u2028",
        "http://example.com/\x7f",
    ],
    "not written as four decimal numbers": [
        "http://0177.0.0.1/",
        "http://2130706433/",
        "http://0x7f.1/",
        "http://127.1/",
        "http://0x7f000001/",
        "http://127.0.0.0x1/",
        "http://017700000001/",
        "http://127.0.0.01/",
        "http://1.2.3.4.5/",
        "http://256.1.1.1/",
        "http://127.1./",
        "http://example.1/",
        "http://0/",
        "http://0x/",
        "http://12７.1/",
        "http://①②⑦.1/",
    ],
    "the host is an?": [
        "http://127.0.0.1/",
        "http://127.0.0.1./",
        "http://169.254.169.254/latest/",
        "http://0.0.0.0/",
        "http://１２７.0.0.1/",
        "http://127。0。0。1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "http://[fd00:ec2::254]/",
        "http://[::127.0.0.1]/",
    ],
    "no IPv6 address|cannot be read": ["http://[v1.x]/", "http://[1.2.3.4]/", "http://[12345::]/"],
    "with a zone": ["http://[fe80::1%25eth0]/", "http://[fe80::1%eth0]/", "http://[2606:4700::1111%25eth0]/"],
    "no valid name": [
        "http://exam%70le.com/",
        "http://%31%32%37.0.0.1/",
        "http://a..b/",
        "http://.example.com/",
        "http://example.com../",
        "http://example!.com/",
        "http://" + "a" * 64 + ".com/",
        "http://" + "a." * 127 + "aa/",
        "http://xn--\u00fc.com/",
        "http://*.example.com/",
    ],
    "more than 2000 characters": ["http://example.com/" + "a" * 1982],
}


@pytest.mark.parametrize(("why", "text"), [(why, text) for why, texts in REFUSED.items() for text in texts])
def test_what_cannot_be_a_public_address_is_refused_without_asking(why: str, text: str) -> None:
    with pytest.raises(NotAllowed, match=why) as refused:
        check_url(text)
    assert "\n" not in str(refused.value)
    assert len(str(refused.value)) < 100


@pytest.mark.parametrize(
    ("text", "url", "host", "port"),
    [
        ("http://example.com", "http://example.com/", "example.com", 80),
        ("HTTPS://Example.COM:443/A?b#c", "https://example.com/A?b", "example.com", 443),
        ("http://example.com:443/", "http://example.com:443/", "example.com", 443),
        ("http://example.com:/", "http://example.com/", "example.com", 80),
        ("http://example.com./x", "http://example.com/x", "example.com", 80),
        ("http://my_bucket.s3-eu.example/", "http://my_bucket.s3-eu.example/", "my_bucket.s3-eu.example", 80),
        ("http://bücher.example/", "http://xn--bcher-kva.example/", "xn--bcher-kva.example", 80),
        ("http://ＥＸＡＭＰＬＥ。com/", "http://example.com/", "example.com", 80),
        ("http://8.8.8.8/", "http://8.8.8.8/", "8.8.8.8", 80),
        ("https://[2606:4700:0::1111]:443/", "https://[2606:4700::1111]/", "2606:4700::1111", 443),
        ("http://example.com?x=@b:c", "http://example.com/?x=@b:c", "example.com", 80),
        ("http://example.com/" + "a" * 1981, "http://example.com/" + "a" * 1981, "example.com", 80),
    ],
)
def test_an_address_is_spelt_in_one_way(text: str, url: str, host: str, port: int) -> None:
    target = check_url(text)
    assert (target.url, target.host, target.port, target.excepted) == (url, host, port, False)


def test_what_was_signed_is_asked_for_as_it_was_written() -> None:
    signed = "/a%2Fb/%41+c;d=e/x,y/../z?X-Sig=a%2Bb/c==&d=%7e&e=(f)[g]'h'"
    assert check_url("https://example.com" + signed).path == signed


def test_what_no_request_may_hold_is_escaped() -> None:
    assert check_url('http://example.com/bücher/"<x>"?ü={y}').path == "/b%C3%BCcher/%22%3Cx%3E%22?%C3%BC=%7By%7D"


def test_a_listed_host_is_allowed_at_its_port_alone() -> None:
    exceptions = excepted(["Intranet:8080", "127.0.0.1:9000", "[0::1]:9001", "bücher.example:81"])
    for url in ("http://INTRANET.:8080/", "https://127.0.0.1:9000/", "http://[::1]:9001/", "http://bücher.example:81/"):
        assert check_url(url, exceptions).excepted
    assert not check_url("http://intranet/", exceptions).excepted
    for url in ("http://intranet:8081/", "http://127.0.0.1/", "http://localhost:9000/", "http://a@intranet:8080/"):
        with pytest.raises(NotAllowed):
            check_url(url, exceptions)


@pytest.mark.parametrize("text", ["127.1:80", "a@b:80", "intranet:70000", "[::1:80", ":80"])
def test_a_listed_host_that_is_none_is_named(text: str) -> None:
    with pytest.raises(ValueError) as refused:
        excepted(["intranet:80", text])
    assert str(refused.value).startswith(text)
