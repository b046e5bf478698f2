"""A login belongs to the browser that began it."""

from __future__ import annotations

from latchstring.binding import Binding
from latchstring.entropy import entropy
from latchstring.pages import Page

ORIGIN = "http://127.0.0.1:8000"
PROVIDER = "https://id.example/authorize?state=x"


def begin(binding: Binding, address: str, cookies: str = "") -> str:
    """Goes to an address, and returns the cookie that it gave."""
    passage = binding.judge(address.removeprefix(ORIGIN), cookies)
    assert isinstance(passage, Page) and passage.location == PROVIDER
    return (passage.cookie or "").split(";")[0]


def comes_back(binding: Binding, cookies: str) -> bool:
    return binding.judge("/callback?code=c&state=x", cookies) == "redirect"


def test_only_the_browser_that_began_comes_back() -> None:
    binding = Binding(ORIGIN, PROVIDER, entropy)
    cookie = begin(binding, binding.opened_address)
    name, value = cookie.split("=")
    assert comes_back(binding, f"a=b; {cookie}; c=d")
    for cookies in ("", f"{name}=x{value}", f"other={value}", name, f"{name}="):
        assert not comes_back(binding, cookies)


def test_an_opened_address_that_comes_twice_is_believed_by_nobody() -> None:
    binding = Binding(ORIGIN, PROVIDER, entropy)
    address = binding.opened_address
    first = begin(binding, address)
    assert binding.judge(address.removeprefix(ORIGIN), "") == "taken"
    # Whoever came first may be the other one: a reload brings nothing back.
    assert binding.judge(address.removeprefix(ORIGIN), first) == "used-address"
    assert not comes_back(binding, first)
    binding.renew()
    assert not comes_back(binding, first)
    assert comes_back(binding, begin(binding, binding.opened_address))


def test_the_same_browser_may_reload() -> None:
    binding = Binding(ORIGIN, PROVIDER, entropy)
    cookie = begin(binding, binding.opened_address)
    assert begin(binding, binding.opened_address, cookie) == cookie
    assert comes_back(binding, cookie)


def test_the_printed_address_opens_in_any_browser_beside_the_opened_one() -> None:
    binding = Binding(ORIGIN, PROVIDER, entropy)
    addresses = [binding.opened_address, binding.printed_address, binding.printed_address]
    cookies = [begin(binding, address) for address in addresses]
    assert len(set(cookies)) == 3
    assert all(comes_back(binding, cookie) for cookie in cookies)


def test_a_guessed_address_leads_nowhere() -> None:
    binding = Binding(ORIGIN, PROVIDER, entropy)
    for query in ("", "?", "?ticket=", "?ticket=x", "?x"):
        assert binding.judge(f"/latchstring/start{query}", "") == "used-address"
