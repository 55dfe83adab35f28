"""`wakeful.testing`'s clock: what is awaited takes no real time; threads and sockets still get theirs."""

from __future__ import annotations

import asyncio
import time

from wakeful import testing


async def test_time_jumps_to_the_next_timer_and_never_goes_back() -> None:
    loop = asyncio.get_running_loop()
    real, before = time.monotonic(), loop.time()
    with testing.fake_clock() as clock:
        begun = clock.time()
        await asyncio.gather(asyncio.sleep(3600), asyncio.sleep(60))
        assert clock.time() - begun == 3600
    assert loop.time() >= before + 3600
    assert time.monotonic() - real < 2


async def test_real_time_goes_on_afterwards() -> None:
    with testing.fake_clock():
        await asyncio.sleep(100)
    began = time.monotonic()
    await asyncio.sleep(0.05)
    assert time.monotonic() - began >= 0.045


async def test_a_thread_gets_real_time_before_a_timeout_fires() -> None:
    with testing.fake_clock():
        async with asyncio.timeout(50):
            assert await asyncio.to_thread(_busy) == 1


async def test_a_socket_gets_real_time_before_a_timeout_fires() -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    with testing.fake_clock():
        async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            async with asyncio.timeout(50):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"hello\n")
                assert await reader.readline() == b"hello\n"
            writer.close()
            await writer.wait_closed()


def _busy() -> int:
    done = time.monotonic() + 0.05
    while time.monotonic() < done:
        pass
    return 1
