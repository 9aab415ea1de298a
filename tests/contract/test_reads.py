"""Reads: whole pages, walked by their token, in a window whose end is always said."""

import json
from datetime import timedelta

import pytest

from wearbase.domain.errors import CursorExpired, ProviderUnavailable, RequestRefused, ResourceGone, WearbaseError
from wearbase.domain.provider import Lookup, Response
from wearbase.domain.windows import Window


def answer(body, status=200):
    return Response(status, {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def by_id(samples, raw):
    """What answers a read by id: the record, or a list of one where the provider only lists."""
    return raw if "ids" in samples.contract else json.loads(samples.page_body([raw]))


async def test_a_walk_sends_each_token_back_and_keeps_its_window(paged_by_token, fake_send):
    samples, provider, window = paged_by_token, paged_by_token.provider, paged_by_token.window
    told = samples.contract["paging"]
    pages = [body for _, body in samples.pick(told["pages"])]
    send, token, ids = fake_send(provider, *map(answer, pages)), None, []
    for _ in pages:
        page = await provider.resource(told["resource"]).read_page(send, window, token)
        ids += [record.external_id for record in page.records]
        token = page.next_token
    assert token is None
    assert ids == [str(raw[samples.contract["ids"][told["resource"]]]) for body in pages for raw in samples.in_page(body, "$records")]
    asked = [request.params.get(told["token_parameter"]) for request in send.requests]
    assert asked == [None, *(samples.in_page(body, "$token") for body in pages[:-1])]
    constant = [{k: v for k, v in r.params.items() if k != told["token_parameter"]} for r in send.requests]
    assert all(params == constant[0] for params in constant)


async def test_a_walk_over_slices_ends_and_never_asks_the_same_twice(paged_by_slices, fake_send):
    samples, provider = paged_by_slices, paged_by_slices.provider
    window = Window(samples.window.end - timedelta(days=200), samples.window.end)
    for resource in provider.resources:
        send, token, tokens = fake_send(provider, *[answer(samples.page_body([])) for _ in range(40)]), None, []
        while not tokens or token:
            token = (await resource.read_page(send, window, token)).next_token
            tokens.append(token)
        assert len(tokens) == len(set(tokens)) > 3
        asked = [json.dumps({k: list(v) for k, v in request.params.items()}) for request in send.requests]
        assert len(set(asked)) == len(asked)


async def test_every_spelling_of_the_end_of_a_walk(paged_by_token, fake_send):
    samples, provider, window = paged_by_token, paged_by_token.provider, paged_by_token.window
    told = samples.contract["paging"]
    for path in told["last"]:
        page = await provider.resource(told["resource"]).read_page(fake_send(provider, answer(samples.one(path))), window, None)
        assert page.next_token is None, path


async def test_half_an_answer_is_no_page(samples, broken_page, fake_send, window):
    for resource in broken_page.provider.resources:
        with pytest.raises(ProviderUnavailable):
            await resource.read_page(fake_send(broken_page.provider, answer(broken_page.value)), window, None)


async def test_a_page_that_gives_its_own_token_back_is_no_progress(paged_by_token, fake_send):
    samples, provider, window = paged_by_token, paged_by_token.provider, paged_by_token.window
    for resource in provider.resources:
        send = fake_send(provider, answer(samples.page_body([], "again")))
        with pytest.raises(ProviderUnavailable):
            await resource.read_page(send, window, "again")


async def test_a_refused_token_means_the_walk_starts_again(provider, fake_send, window):
    for resource in provider.resources:
        with pytest.raises(CursorExpired):
            await resource.read_page(fake_send(provider, answer(b"", 400)), window, "stale")


async def test_a_refused_first_page_is_our_defect(provider, fake_send, window):
    for resource in provider.resources:
        with pytest.raises(RequestRefused):
            await resource.read_page(fake_send(provider, answer(b"", 400)), window, None)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503])
async def test_an_error_is_never_an_empty_page(provider, fake_send, window, status):
    for resource in provider.resources:
        for token in (None, "token"):
            with pytest.raises(WearbaseError):  # whatever else it asks first
                await resource.read_page(fake_send(provider, *[answer(b"", status)] * 3), window, token)


async def test_a_record_is_read_by_its_id(samples, by_id_sample, fake_send):
    case = by_id_sample.value
    send = fake_send(by_id_sample.provider, answer(by_id(samples, samples.one(case["answer"]))))
    page = await by_id_sample.provider.resource(by_id_sample.resource).read_one(send, Lookup(**case["lookup"]))
    assert [r.path for r in send.requests] == [case["path"]]
    assert [r.raw for r in page.records] == [samples.one(case["answer"])]
    assert page.next_token is None


async def test_a_record_that_is_not_there_is_gone(by_id_sample, fake_send):
    send = fake_send(by_id_sample.provider, *[answer(b"HTTP 404 Not Found", 404)] * 3)  # whatever else it asks first
    with pytest.raises(ResourceGone):
        await by_id_sample.provider.resource(by_id_sample.resource).read_one(send, Lookup(**by_id_sample.value["lookup"]))


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'"text"', b"null"])
async def test_half_an_answer_is_no_record(by_id_sample, fake_send, body):
    send = fake_send(by_id_sample.provider, answer(body))
    with pytest.raises(ProviderUnavailable):
        await by_id_sample.provider.resource(by_id_sample.resource).read_one(send, Lookup(**by_id_sample.value["lookup"]))


async def test_a_record_that_cannot_be_understood_is_parked_when_read_by_id(samples, by_id_sample, fake_send):
    spoilt = by_id_sample.value.get("spoil", {"updated_at": None})
    send = fake_send(by_id_sample.provider, answer(by_id(samples, {**samples.one(by_id_sample.value["answer"]), **spoilt})))
    page = await by_id_sample.provider.resource(by_id_sample.resource).read_one(send, Lookup(**by_id_sample.value["lookup"]))
    assert page.records == []
    assert [name for name in spoilt if name in page.unmappable[0].reason] == list(spoilt)


async def test_an_id_cannot_reach_another_path(provider, fake_send):
    for resource in provider.resources:
        send = fake_send(provider, answer(b"", 404))
        with pytest.raises(ResourceGone):
            await resource.read_one(send, Lookup(external_id="../user/access?x=/y#z"))
        for request in send.requests:
            assert not {"?", "#"} & set(request.path)
            assert "/user/access" not in request.path
